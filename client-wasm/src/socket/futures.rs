//! What a socket is awaited with. None of these borrows the socket.

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use twinwire_remote::channels::wait_list::WaitTicket;

use super::close::CloseEvent;
use super::error::SendError;
use super::message::Message;
use super::shared::{Line, SharedSocket};
use crate::env::{Sleep, YieldNow, sleep, yield_now};

/// The future of [`Socket::send`](super::Socket::send): resolves when the browser took the message.
/// Dropping it before takes the message back.
#[must_use = "a message is sent only when its future is polled"]
pub struct Sending {
    gate: SendGate,
    message: Message,
}

impl Sending {
    pub(super) fn new(shared: Rc<SharedSocket>, message: Message) -> Self {
        Self {
            gate: SendGate::new(shared),
            message,
        }
    }
}

impl Future for Sending {
    type Output = Result<(), SendError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        ready!(self.gate.poll(cx))?;
        Poll::Ready(self.gate.place.shared.send(&self.message))
    }
}

/// The future of [`Socket::flush`](super::Socket::flush): resolves when the browser holds nothing
/// unsent.
#[must_use = "futures do nothing unless polled"]
pub struct Flushing {
    place: Place,
    until_asked: UntilAsked,
}

impl Flushing {
    pub(super) fn new(shared: Rc<SharedSocket>) -> Self {
        Self {
            // For the end alone: browsers tell nobody when bytes leave.
            place: Place::new(shared, Line::Closing),
            until_asked: UntilAsked::default(),
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
            ready!(self.until_asked.poll(cx));
        }
    }
}

/// The future of [`Socket::closed`](super::Socket::closed): resolves when the connection has ended.
#[must_use = "futures do nothing unless polled"]
pub struct Closed(Place);

impl Closed {
    pub(super) fn new(shared: Rc<SharedSocket>) -> Self {
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
pub(super) struct SendGate {
    place: Place,
    until_asked: UntilAsked,
}

impl SendGate {
    pub(super) fn new(shared: Rc<SharedSocket>) -> Self {
        Self {
            place: Place::new(shared, Line::Senders),
            until_asked: UntilAsked::default(),
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
            ready!(self.until_asked.poll(cx));
        }
    }
}

/// Lets the socket as a sink pass when there is room and nobody waits in the line of the senders. It has no place
/// there: who polls a sink may leave without a word, and would keep all others waiting.
pub(super) struct SinkGate {
    /// To be woken at the end.
    place: Place,
    until_asked: UntilAsked,
}

impl SinkGate {
    pub(super) fn new(shared: Rc<SharedSocket>) -> Self {
        Self {
            place: Place::new(shared, Line::Closing),
            until_asked: UntilAsked::default(),
        }
    }

    /// Ready when a message may be handed over at once.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        loop {
            let shared = &self.place.shared;
            let ready = if !shared.is_open() {
                Err(SendError::Closed)
            } else if shared.is_turn(Line::Senders, None) && shared.has_room() {
                Ok(())
            } else {
                self.place.wait(cx);
                ready!(self.until_asked.poll(cx));
                continue;
            };
            self.place.leave();
            // The next wait is another: its first asks are quick again.
            self.until_asked = UntilAsked::default();
            return Poll::Ready(ready);
        }
    }
}

/// A place in one of the socket's lines, given up when dropped.
struct Place {
    shared: Rc<SharedSocket>,
    line: Line,
    ticket: Option<WaitTicket>,
}

impl Place {
    fn new(shared: Rc<SharedSocket>, line: Line) -> Self {
        Self {
            shared,
            line,
            ticket: None,
        }
    }

    fn is_first(&self) -> bool {
        self.shared.is_turn(self.line, self.ticket)
    }

    fn wait(&mut self, cx: &Context<'_>) {
        self.shared.wait(self.line, &mut self.ticket, cx.waker());
    }

    fn leave(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            self.shared.leave(self.line, ticket);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.leave();
    }
}

/// The wait until the browser is asked again how much it holds, as soon as it lets: a sender that waits
/// for longer is a line that idles.
///
/// A timer that is set by another, some times over, takes 4 ms in a visible page, else about one; and about a
/// second or a minute in a hidden one. A turn of the event loop between two of them parts them: so the first
/// asks are quick, and those of a long wait cost a busy page little.
#[derive(Default)]
pub(crate) struct UntilAsked {
    asked: u32,
    yielded: Option<YieldNow>,
    sleep: Option<Sleep>,
}

impl UntilAsked {
    /// So many asks of one wait are quick.
    const QUICK: u32 = 64;

    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.asked < Self::QUICK && self.sleep.is_none() {
            ready!(Pin::new(self.yielded.get_or_insert_with(yield_now)).poll(cx));
        }
        let sleep = self.sleep.get_or_insert_with(|| sleep(Duration::ZERO));
        ready!(Pin::new(sleep).poll(cx));
        (self.yielded, self.sleep) = (None, None);
        self.asked += 1;
        Poll::Ready(())
    }
}
