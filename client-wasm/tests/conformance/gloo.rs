//! gloo-net's socket.

use futures_util::{SinkExt, StreamExt};
use gloo_net::websocket::futures::WebSocket;
use gloo_net::websocket::{Message as GlooMessage, WebSocketError};
use twinwire_client_wasm::Message;

use crate::client::{Client, End};

impl Client for WebSocket {
    const OPENING_IS_AWAITED: bool = false;
    const SENDING_AFTER_CLOSE_FAILS: bool = false;
    const RECEIVING_IS_BOUNDED: bool = false;
    const SENDING_IS_BOUNDED: bool = false;

    async fn open(url: &str) -> Result<Self, u16> {
        Ok(Self::open(url).expect("the URL is one"))
    }

    async fn send(&mut self, message: Message) -> bool {
        let message = match message {
            Message::Text(text) => GlooMessage::Text(text),
            Message::Binary(bytes) => GlooMessage::Bytes(bytes),
        };
        SinkExt::send(self, message).await.is_ok()
    }

    async fn next(&mut self) -> Result<Message, End> {
        loop {
            return match StreamExt::next(self).await {
                Some(Ok(GlooMessage::Text(text))) => Ok(Message::Text(text)),
                Some(Ok(GlooMessage::Bytes(bytes))) => Ok(Message::Binary(bytes)),
                Some(Err(WebSocketError::ConnectionClose(event))) => Err(End::Closed(event.code)),
                // It tells of the `error` event first; the close event follows.
                Some(Err(_)) => continue,
                None => panic!("the stream ended without its close event"),
            };
        }
    }

    fn buffered_amount(&self) -> usize {
        Self::buffered_amount(self) as usize
    }
}

crate::suite!(WebSocket);
