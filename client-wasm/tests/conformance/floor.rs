//! This crate's socket.

use futures_util::StreamExt;
use twinwire_client_wasm::{Message, OpenError, ReceiveError, Socket};

use crate::client::{Client, End};

impl Client for Socket {
    const OPENING_IS_AWAITED: bool = true;
    const SENDING_AFTER_CLOSE_FAILS: bool = true;
    const RECEIVING_IS_BOUNDED: bool = true;
    const SENDING_IS_BOUNDED: bool = true;

    async fn open(url: &str) -> Result<Self, u16> {
        Self::connect(url).await.map_err(|error| match error {
            OpenError::Closed(event) => event.code,
            other => panic!("{other}"),
        })
    }

    async fn send(&mut self, message: Message) -> bool {
        Self::send(self, message).await.is_ok()
    }

    async fn next(&mut self) -> Result<Message, End> {
        match StreamExt::next(self).await {
            Some(Ok(message)) => Ok(message),
            Some(Err(ReceiveError::Overflow)) => Err(End::Overflow),
            Some(Err(_)) | None => Err(End::Closed(self.closed().await.code)),
        }
    }

    fn buffered_amount(&self) -> usize {
        Self::buffered_amount(self)
    }
}

crate::suite!(Socket);
