//! What a socket is awaited with. None of these borrows the socket.

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use super::close::CloseEvent;
use super::error::SendError;
use super::message::Message;
use super::shared::{Line, Shared};
use super::waiters::Ticket;
use crate::env::{Sleep, sleep};

/// How long until the browser is asked again how much it holds, while somebody waits for that: as
/// soon as it lets, for a sender that pauses longer is a core that idles. Nested timers have a floor
/// of 4 ms in visible pages, and about a second or a minute in hidden ones.
const ASK_AGAIN: Duration = Duration::ZERO;

/// The future of [`Socket::send`](super::Socket::send): resolves when the browser took the message.
/// Dropping it before takes the message back.
#[must_use = "a message is sent only when its future is polled"]
pub struct Sending {
    gate: Gate,
    message: Message,
}

impl Sending {
    pub(super) fn new(shared: Rc<Shared>, message: Message) -> Self {
        Self {
            gate: Gate::new(shared),
            message,
        }
    }
}

impl Future for Sending {
    type Output = Result<(), SendError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        ready!(self.gate.poll(cx))?;
        Poll::Ready(self.gate.place.shared.hand_over(&self.message))
    }
}

/// The future of [`Socket::flush`](super::Socket::flush): resolves when the browser holds nothing
/// unsent.
#[must_use = "futures do nothing unless polled"]
pub struct Flushing {
    place: Place,
    sleep: Option<Sleep>,
}

impl Flushing {
    pub(super) fn new(shared: Rc<Shared>) -> Self {
        Self {
            place: Place::new(shared, Line::Closing),
            sleep: None,
        }
    }
}

impl Future for Flushing {
    type Output = Result<(), SendError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            if self.place.shared.held() == 0 {
                return Poll::Ready(Ok(()));
            }
            // What a closed socket still holds never leaves.
            if self.place.shared.closed().is_some() {
                return Poll::Ready(Err(SendError::Closed));
            }
            self.place.wait(cx);
            ready!(poll_timer(&mut self.sleep, cx));
        }
    }
}

/// The future of [`Socket::closed`](super::Socket::closed): resolves when the connection has ended.
#[must_use = "futures do nothing unless polled"]
pub struct Closed(Place);

impl Closed {
    pub(super) fn new(shared: Rc<Shared>) -> Self {
        Self(Place::new(shared, Line::Closing))
    }
}

impl Future for Closed {
    type Output = CloseEvent;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<CloseEvent> {
        match self.0.shared.closed() {
            Some(event) => Poll::Ready(event),
            None => {
                self.0.wait(cx);
                Poll::Pending
            }
        }
    }
}

/// Lets one sender after the other pass, while the browser holds less than the high-water mark.
pub(super) struct Gate {
    place: Place,
    sleep: Option<Sleep>,
}

impl Gate {
    pub(super) fn new(shared: Rc<Shared>) -> Self {
        Self {
            place: Place::new(shared, Line::Senders),
            sleep: None,
        }
    }

    /// Ready when it is the caller's turn and there is room: a message may be handed over at once.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        loop {
            if !self.place.shared.is_open() {
                self.place.leave();
                return Poll::Ready(Err(SendError::Closed));
            }
            let first = self.place.is_first();
            if first && self.place.shared.has_room() {
                self.place.leave();
                return Poll::Ready(Ok(()));
            }
            self.place.wait(cx);
            if !first {
                return Poll::Pending;
            }
            ready!(poll_timer(&mut self.sleep, cx));
        }
    }
}

/// A place in one of the socket's lines, given up when dropped.
struct Place {
    shared: Rc<Shared>,
    line: Line,
    ticket: Option<Ticket>,
}

impl Place {
    fn new(shared: Rc<Shared>, line: Line) -> Self {
        Self {
            shared,
            line,
            ticket: None,
        }
    }

    fn is_first(&self) -> bool {
        self.shared.is_turn(self.line, self.ticket.as_ref())
    }

    fn wait(&mut self, cx: &Context<'_>) {
        self.shared.wait(self.line, &mut self.ticket, cx.waker());
    }

    fn leave(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            self.shared.leave(self.line, &ticket);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.leave();
    }
}

fn poll_timer(timer: &mut Option<Sleep>, cx: &mut Context<'_>) -> Poll<()> {
    ready!(Pin::new(timer.get_or_insert_with(|| sleep(ASK_AGAIN))).poll(cx));
    *timer = None;
    Poll::Ready(())
}
