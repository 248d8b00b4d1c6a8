//! The 101's body: moves what is queued into the connection, a slice at a time.

use std::convert::Infallible;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use actix_http::ws::{OpCode, Parser};
use actix_web::body::{BodySize, MessageBody};
use actix_web::web::{Bytes, BytesMut};

use super::link::{Data, Link, Next, Silence};
use super::switch::Switch;

/// The most bytes handed over per poll, and gathered before they are handed over together.
const SLICE: usize = 64 * 1024;

/// Takes from the [`Link`] only what it is about to hand over. What waits stays there.
pub(super) struct Body {
    link: Arc<Link>,
    switch: Option<Switch>,
    /// Encoded but not yet handed over, and what was charged for it.
    rest: Bytes,
    charged: usize,
}

impl Body {
    pub(super) fn new(link: Arc<Link>, switch: Option<Switch>) -> Self {
        Self {
            link,
            switch,
            rest: Bytes::new(),
            charged: 0,
        }
    }

    /// Encodes what is queued, up to a slice; `Ready(false)` when nothing more will be.
    fn poll_encode(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        let mut encoded = BytesMut::new();
        while encoded.len() < SLICE {
            let mut write = |opcode, data: &[u8]| {
                Parser::write_message(&mut encoded, data, opcode, true, false);
            };
            match self.link.poll_next(cx) {
                Poll::Ready(Next::Message(data)) => {
                    self.charged += data.cost();
                    match data {
                        Data::Text(text) => write(OpCode::Text, text.as_bytes()),
                        Data::Binary(bytes) => write(OpCode::Binary, &bytes),
                    }
                }
                Poll::Ready(Next::Pong(payload)) => write(OpCode::Pong, &payload),
                Poll::Ready(Next::Close(close)) => {
                    Parser::write_close(&mut encoded, close.map(Into::into), false);
                }
                Poll::Ready(Next::End { silence }) if encoded.is_empty() => {
                    self.stop_reading(silence);
                    return Poll::Ready(false);
                }
                Poll::Pending if encoded.is_empty() => return Poll::Pending,
                Poll::Ready(Next::End { .. }) | Poll::Pending => break,
            }
        }
        self.rest = encoded.freeze();
        Poll::Ready(true)
    }

    /// Spares a peer that sends nothing more actix's wait for the end of its bytes.
    fn stop_reading(&self, silence: Option<Silence>) {
        match (silence, &self.switch) {
            (Some(Silence::Closed | Silence::Expired), Some(switch)) => switch.stop_reading(),
            // Whoever is still sending has its bytes read for a while, else TCP would answer them
            // with a reset, which overtakes the close frame.
            (Some(Silence::Ignored) | None, _) | (_, None) => {}
        }
    }
}

impl MessageBody for Body {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Stream
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Infallible>>> {
        let this = &mut *self;
        while this.rest.is_empty() {
            if !ready!(this.poll_encode(cx)) {
                return Poll::Ready(None);
            }
        }
        let slice = this.rest.split_to(this.rest.len().min(SLICE));
        if this.rest.is_empty() {
            this.link.release(mem::take(&mut this.charged));
        }
        Poll::Ready(Some(Ok(slice)))
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        self.link.gone();
    }
}
