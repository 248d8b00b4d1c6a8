//! The request's payload on its way to actix-ws: guarded, one frame at a time.

use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use actix_web::dev::Payload;
use actix_web::error::PayloadError;
use actix_web::web::Bytes;
use futures_core::Stream;

use super::fault::Fault;
use super::guard::Guard;

/// Where the gate leaves the fault that ended its stream.
pub(super) type FaultSlot = Rc<Cell<Option<Fault>>>;

/// Lets one frame through per poll of actix-ws's message stream.
///
/// That stream reads until its source is pending, then decodes all it holds, and gives a fault
/// before the good messages that came ahead of it. Held back to a frame each, messages and faults
/// keep their order. A fault ends the stream and stays in the slot.
pub(super) struct Gate {
    payload: Payload,
    guard: Guard,
    /// Bytes that came but weren't let through yet.
    held: Bytes,
    /// A whole frame went through, so the decoder has a message to give.
    shut: bool,
    fault: FaultSlot,
}

impl Gate {
    pub(super) fn new(payload: Payload, limit: usize, fault: FaultSlot) -> Self {
        Self {
            payload,
            guard: Guard::new(limit),
            held: Bytes::new(),
            shut: false,
            fault,
        }
    }
}

impl Stream for Gate {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.shut {
            // No waker is needed: the frame makes the decoder's poll ready, so another follows.
            self.shut = false;
            return Poll::Pending;
        }
        while self.held.is_empty() {
            match ready!(Pin::new(&mut self.payload).poll_next(cx)) {
                Some(Ok(bytes)) => self.held = bytes,
                ended => return Poll::Ready(ended),
            }
        }
        let this = &mut *self;
        match this.guard.watch(&this.held) {
            Ok(watched) => {
                this.shut = watched.complete;
                Poll::Ready(Some(Ok(this.held.split_to(watched.taken))))
            }
            Err(fault) => {
                this.fault.set(Some(fault));
                Poll::Ready(None)
            }
        }
    }
}
