//! The 101's body: moves what is queued into the connection, a slice at a time.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::web::Bytes;
use actix_ws::Session;
use futures_sink::Sink;
use tokio::task::coop;

use super::link::{Link, Next, Silence};
use super::switch::Switch;

/// The most bytes handed over per poll, and gathered before they are encoded together.
const SLICE: usize = 64 * 1024;

/// Wraps actix-ws's body, which only encodes here: what waits is held by the [`Link`], where it is
/// bounded in bytes.
pub(super) struct Body {
    link: Arc<Link>,
    switch: Option<Switch>,
    session: Session,
    encoder: BoxBody,
    /// Encoded but not yet handed over, and what was charged for it.
    rest: Bytes,
    charged: usize,
}

impl Body {
    pub(super) fn new(
        link: Arc<Link>,
        switch: Option<Switch>,
        session: Session,
        encoder: BoxBody,
    ) -> Self {
        Self {
            link,
            switch,
            session,
            encoder,
            rest: Bytes::new(),
            charged: 0,
        }
    }

    /// Encodes what is queued, up to a slice; `Ready(false)` when nothing more will be.
    fn poll_encode(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        let mut gathered = 0;
        while gathered < SLICE && Pin::new(&mut self.session).poll_ready(cx).is_ready() {
            match self.link.poll_next(cx) {
                Poll::Ready(Next::Message(message, cost)) => {
                    // Control messages are charged nothing and still fill a slice.
                    gathered += cost.max(1);
                    self.charged += cost;
                    if Pin::new(&mut self.session).start_send(message).is_err() {
                        return Poll::Ready(false);
                    }
                }
                Poll::Ready(Next::End { silence }) if gathered == 0 => {
                    self.stop_reading(silence);
                    return Poll::Ready(false);
                }
                Poll::Ready(Next::End { .. }) => break,
                Poll::Pending if gathered == 0 => return Poll::Pending,
                Poll::Pending => break,
            }
        }
        match self.encoder.as_pin_mut().poll_next(cx) {
            Poll::Ready(Some(Ok(bytes))) => {
                self.rest = bytes;
                Poll::Ready(true)
            }
            Poll::Ready(Some(Err(_)) | None) => Poll::Ready(false),
            Poll::Pending => Poll::Pending,
        }
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
            // tokio's budget would make actix-ws's channel pending at any message, and leave
            // some of what was gathered behind; slices bound the work here.
            let encode = coop::unconstrained(poll_fn(|cx| this.poll_encode(cx)));
            if !ready!(pin!(encode).poll(cx)) {
                return Poll::Ready(None);
            }
        }
        let slice = this.rest.split_to(this.rest.len().min(SLICE));
        if this.rest.is_empty() {
            this.link.release(std::mem::take(&mut this.charged));
        }
        Poll::Ready(Some(Ok(slice)))
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        self.link.gone();
    }
}
