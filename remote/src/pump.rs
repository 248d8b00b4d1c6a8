//! What the shells of both ends do alike between a link and a session: messages in, room for those out, and the deadline.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use twinwire::Time;
use twinwire::limits::MAX_MESSAGE;
use twinwire::session::{Input, Session, Side};

use crate::{Inbound, Link, LinkLost};

/// Gives the session what the link has, at most `at_once` messages: a peer that never pauses must not keep timers,
/// answers and requests waiting. Returns true if there was anything. A link that is lost is dropped.
pub fn receive<L: Link, S: Side>(
    link: &mut Option<L>,
    session: &mut Session<S>,
    at_once: usize,
    now: impl Fn() -> Time,
    cx: &mut Context<'_>,
) -> bool {
    let Some(open) = link else {
        return false;
    };
    for taken in 0..at_once {
        match open.poll_receive(cx) {
            Poll::Ready(Ok(Inbound::Binary(message))) => {
                session.handle(now(), Input::Message(message.as_ref()));
            }
            Poll::Ready(Ok(Inbound::Text)) => session.handle(now(), Input::Text),
            Poll::Ready(Err(LinkLost)) => {
                // A link that is lost says so at each poll: dropped here, it is told once.
                *link = None;
                session.handle(now(), Input::Lost);
                return true;
            }
            Poll::Pending => return taken > 0,
        }
    }
    true
}

/// Returns the bytes that the link takes now: one message, or nothing.
pub fn room<L: Link>(link: &mut Option<L>, cx: &mut Context<'_>) -> usize {
    match link.as_mut().map(|link| link.poll_ready(cx)) {
        Some(Poll::Ready(Ok(()))) => MAX_MESSAGE,
        // A lost link shows in `receive`.
        Some(Poll::Ready(Err(LinkLost)) | Poll::Pending) | None => 0,
    }
}

/// Moves what the link was given towards the network.
pub fn flush<L: Link>(link: &mut Option<L>, cx: &mut Context<'_>) {
    if let Some(link) = link {
        // A lost link shows in `receive`.
        let _ = link.poll_flush(cx);
    }
}

/// The pause until the session's deadline. `P` is the platform's sleep.
pub struct DeadlineTimer<P> {
    pause: Option<(Time, Pin<Box<P>>)>,
}

impl<P> Default for DeadlineTimer<P> {
    fn default() -> Self {
        Self { pause: None }
    }
}

impl<P: Future<Output = ()>> DeadlineTimer<P> {
    /// Returns true while a deadline is set.
    pub fn is_set(&self) -> bool {
        self.pause.is_some()
    }

    /// Sets the deadline, or none. Returns true if a new pause begins, which `sleep` makes.
    pub fn set(
        &mut self,
        now: Time,
        deadline: Option<Time>,
        sleep: impl FnOnce(Duration) -> P,
    ) -> bool {
        let Some(at) = deadline else {
            self.pause = None;
            return false;
        };
        // The same deadline comes back after each turn: a timer set anew each time would cost more than the turn.
        if self.pause.as_ref().is_some_and(|(set, _)| *set == at) {
            return false;
        }
        // A millisecond more: a timer that fires early would wake us for nothing.
        let wait = at.saturating_since(now);
        let pause = sleep(wait.saturating_add(Duration::from_millis(1)));
        self.pause = Some((at, Box::pin(pause)));
        true
    }

    /// Returns the deadline once its pause is over. It stays set until [`stop`](Self::stop) or another.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Time> {
        match &mut self.pause {
            Some((at, pause)) => pause.as_mut().poll(cx).map(|()| *at),
            None => Poll::Pending,
        }
    }

    /// Takes the deadline away.
    pub fn stop(&mut self) {
        self.pause = None;
    }
}
