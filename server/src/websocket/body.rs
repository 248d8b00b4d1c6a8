//! The 101's body: moves what is queued into the connection, a slice at a time.

use std::convert::Infallible;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use actix_http::ws::{OpCode, Parser};
use actix_web::body::{BodySize, MessageBody};
use actix_web::web::{Bytes, BytesMut};

use super::link::{BodyStep, Link, ReadStop};
use super::message::Message;
use super::switch::KillSwitch;

/// The most bytes handed over per poll, and gathered before they are handed over together.
const SLICE: usize = 64 * 1024;

/// From this size on a message follows its header as it is: actix copies it anyway.
pub(super) const ZERO_COPY_FROM: usize = 4 * 1024;

/// Takes from the [`Link`] only what it is about to hand over. What waits stays there.
pub(super) struct SocketBody {
    link: Arc<Link>,
    switch: Option<KillSwitch>,
    /// Encoded but not yet handed over.
    rest: Bytes,
    /// The large message whose header ends `rest`.
    large: Bytes,
    /// The bytes charged for both.
    charged: usize,
}

impl SocketBody {
    pub(super) fn new(link: Arc<Link>, switch: Option<KillSwitch>) -> Self {
        Self {
            link,
            switch,
            rest: Bytes::new(),
            large: Bytes::new(),
            charged: 0,
        }
    }

    /// Encodes what is queued, up to a slice or a large message; `Ready(false)` when nothing more
    /// will be.
    fn poll_encode(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        let mut encoded = BytesMut::new();
        while encoded.len() < SLICE && self.large.is_empty() {
            match self.link.poll_next(cx) {
                Poll::Ready(BodyStep::Message(message)) => {
                    self.charged += message.cost();
                    match message {
                        Message::Text(text) => {
                            self.write(&mut encoded, OpCode::Text, text.into_bytes())
                        }
                        Message::Binary(bytes) => self.write(&mut encoded, OpCode::Binary, bytes),
                    }
                }
                Poll::Ready(BodyStep::Ping) => self.write(&mut encoded, OpCode::Ping, Bytes::new()),
                Poll::Ready(BodyStep::Pong(payload)) => {
                    self.write(&mut encoded, OpCode::Pong, payload)
                }
                Poll::Ready(BodyStep::Close(close)) => {
                    Parser::write_close(&mut encoded, close.map(Into::into), false);
                }
                Poll::Ready(BodyStep::Finish { read_stop }) if encoded.is_empty() => {
                    self.stop_reading(read_stop);
                    return Poll::Ready(false);
                }
                Poll::Pending if encoded.is_empty() => return Poll::Pending,
                // What is encoded goes out first. The end is found again when this is polled next.
                Poll::Ready(BodyStep::Finish { .. }) | Poll::Pending => break,
            }
        }
        self.rest = encoded.freeze();
        Poll::Ready(true)
    }

    fn write(&mut self, encoded: &mut BytesMut, opcode: OpCode, payload: Bytes) {
        if payload.len() < ZERO_COPY_FROM {
            Parser::write_message(encoded, payload, opcode, true, false);
        } else {
            write_large_header(encoded, opcode, payload.len());
            self.large = payload;
        }
    }

    /// Spares a peer that sends nothing more actix's wait for the end of its bytes.
    fn stop_reading(&self, read_stop: Option<ReadStop>) {
        match (read_stop, &self.switch) {
            (Some(ReadStop::Closed | ReadStop::Expired), Some(switch)) => switch.stop_reading(),
            // Whoever is still sending has its bytes read for a while, else TCP would answer them
            // with a reset, which overtakes the close frame.
            (Some(ReadStop::Ignored) | None, _) | (_, None) => {}
        }
    }
}

impl MessageBody for SocketBody {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Stream
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Infallible>>> {
        let this = &mut *self;
        if this.rest.is_empty() && this.large.is_empty() && !ready!(this.poll_encode(cx)) {
            return Poll::Ready(None);
        }
        let from = if this.rest.is_empty() {
            &mut this.large
        } else {
            &mut this.rest
        };
        let slice = from.split_to(from.len().min(SLICE));
        let whole = this.rest.is_empty() && this.large.is_empty();
        // Given back only when all of it is out: what is held here takes memory as the queue does.
        let released = if whole {
            mem::take(&mut this.charged)
        } else {
            0
        };
        this.link.handed_over(released);
        Poll::Ready(Some(Ok(slice)))
    }
}

impl Drop for SocketBody {
    fn drop(&mut self) {
        // actix drops the body with its connection, however that ends: the other half learns of it
        // here.
        self.link.gone();
    }
}

/// The header of a whole frame that is larger than 125 bytes and not masked (RFC 6455 §5.2).
fn write_large_header(encoded: &mut BytesMut, opcode: OpCode, len: usize) {
    let first = 0x80 | u8::from(opcode);
    match u16::try_from(len) {
        Ok(len) => {
            encoded.extend_from_slice(&[first, 126]);
            encoded.extend_from_slice(&len.to_be_bytes());
        }
        Err(_) => {
            encoded.extend_from_slice(&[first, 127]);
            encoded.extend_from_slice(&(len as u64).to_be_bytes());
        }
    }
}
