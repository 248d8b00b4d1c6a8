//! A typed connection's socket as its shell's link.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use actix_web::web::Bytes;
use twinwire_remote::{Inbound as Message, Link, LinkLost};

use crate::websocket::{Close, Inbound, Opcode, Outbound, Refused};

type Sending = Pin<Box<dyn Future<Output = Result<(), Refused>>>>;

/// The two halves of a WebSocket.
pub(crate) struct Socket {
    inbound: Inbound,
    outbound: Outbound,
    /// A message that waits for room in the socket's queue.
    sending: Option<Sending>,
    /// The frames of a message that isn't whole yet. The socket bounds it.
    fragments: Vec<u8>,
}

impl Socket {
    pub(crate) fn new(inbound: Inbound, outbound: Outbound) -> Self {
        Self {
            inbound,
            outbound,
            sending: None,
            fragments: Vec::new(),
        }
    }
}

impl Link for Socket {
    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<Result<Message, LinkLost>> {
        loop {
            let frame = ready!(self.inbound.poll_next(cx)).map_err(|_| LinkLost)?;
            match frame.opcode {
                Opcode::Text => return Poll::Ready(Ok(Message::Text)),
                Opcode::Binary if frame.fin => {
                    return Poll::Ready(Ok(Message::Binary(frame.data)));
                }
                Opcode::Binary | Opcode::Continuation => {
                    self.fragments.extend_from_slice(&frame.data);
                    if frame.fin {
                        let message = Bytes::from(std::mem::take(&mut self.fragments));
                        return Poll::Ready(Ok(Message::Binary(message)));
                    }
                }
            }
        }
    }

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), LinkLost>> {
        if let Some(sending) = &mut self.sending {
            // A socket that closed meanwhile shows in `poll_receive`.
            let _ = ready!(sending.as_mut().poll(cx));
            self.sending = None;
        }
        Poll::Ready(Ok(()))
    }

    /// Queues the message at once where there is room, which is usual.
    fn send(&mut self, message: Vec<u8>) {
        let message = Bytes::from(message);
        match self.outbound.try_send(message.clone()) {
            Err(Refused::Full) => {
                let outbound = self.outbound.clone();
                self.sending = Some(Box::pin(async move { outbound.send(message).await }));
            }
            // A closed connection shows in `poll_receive`.
            Ok(()) | Err(Refused::Closed | Refused::TooLarge) => {}
        }
    }

    fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<Result<(), LinkLost>> {
        // The response's body takes what is queued.
        Poll::Ready(Ok(()))
    }

    async fn close(mut self, code: u16) {
        match Close::new(code, "") {
            Ok(frame) => {
                self.outbound.close(frame);
            }
            Err(error) => {
                debug_assert!(false, "goodbye codes can be sent: {error}");
                self.outbound.abort();
            }
        }
        // Only a socket that is read notices the peer's close.
        while self.inbound.next().await.is_ok() {}
    }
}
