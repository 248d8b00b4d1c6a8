//! The session: bytes and time in; bytes, events and the next deadline out.

mod acks;
mod client;
mod close;
mod commands;
mod conn;
mod counters;
mod credentials;
mod credit;
mod cursors;
mod dispatch;
mod error;
mod event;
mod incoming;
mod invariants;
mod liveness;
mod memory_budget;
mod outgoing;
mod outlines;
mod phase;
mod queue;
mod receive;
mod registry;
mod reply;
mod resume;
mod retransmit;
mod schedule;
mod send;
mod server;
mod session_core;
#[doc(hidden)]
pub mod side;
mod sorted;
mod state;
mod stream;
mod timers;
mod topics;
mod waiting;

use std::ops::{Deref, DerefMut};

pub use client::ClientSide;
#[doc(hidden)]
pub use counters::Counters;
pub use credentials::Tombstone;
pub use error::{End, Full, ItemRefused, PeerMisbehaved};
pub use event::{
    Admitted, ClientEvent, Event, Input, Outcome, Output, ReadLog, Request, RequestKey,
    ServerEvent, TopicRequest,
};
pub use liveness::PROBE_TIMEOUT;
pub use memory_budget::MemoryBudget;
pub use registry::Registry;
pub use resume::{ResumeRejected, SessionLost};
pub use server::ServerSide;
pub use session_core::SessionCore;
pub use side::{AnyEvent, Side};
pub use state::{Admission, Role, State};

use crate::Time;
use crate::frame::Malformed;
use phase::Phase;

/// One end of a conversation, without the connection. It outlives connections: when one is lost, it
/// stands [`Detached`](State::Detached) until the next, and goes on there with nothing lost.
///
/// The shell tells it what happened, with [`handle`](Self::handle) and the commands below, each
/// with the moment; then it calls [`poll`](Self::poll) until that says [`Output::Wait`]. Nothing
/// is sent and no event is given outside `poll`; to poll late is only slow. The same inputs at the
/// same times give the same outputs, byte for byte.
///
/// What came before time: a shell that has both bytes and a passed deadline handles the bytes
/// first.
///
/// What both ends do alike is in [`SessionCore`], to which this dereferences.
#[derive(Debug)]
pub struct Session<S> {
    core: SessionCore,
    side: S,
}

impl<S> Deref for Session<S> {
    type Target = SessionCore;

    fn deref(&self) -> &SessionCore {
        &self.core
    }
}

impl<S> DerefMut for Session<S> {
    fn deref_mut(&mut self) -> &mut SessionCore {
        &mut self.core
    }
}

impl<S: Side> Session<S> {
    /// Takes what happened on the transport, or that time has passed. A session that is over
    /// ignores it.
    pub fn handle(&mut self, now: Time, input: Input<'_>) {
        // Time never runs backwards here, whatever the shell reads: a deadline counted from an
        // older moment would expire too early.
        self.now = self.now.max(now);
        match input {
            Input::Opened => S::opened(self),
            Input::Message(message) => self.message(message),
            Input::Text => self.misbehaved(PeerMisbehaved::Malformed(Malformed::Text)),
            Input::Lost => self.on_disconnect(),
            Input::Tick => self.tick(),
        }
    }

    /// Gives the next thing to do. `out` is cleared, and filled for [`Output::Send`]. `room` is how
    /// many bytes the transport takes now: zero while it still holds a message that it was given
    /// before, and then nothing is sent; otherwise at most one message (which may be larger than
    /// `room`: a WebSocket message is never cut).
    ///
    /// [`Output::Close`] comes once the transport has room again after the last message, or when
    /// the time for goodbyes is over.
    pub fn poll(&mut self, now: Time, out: &mut Vec<u8>, room: usize) -> Output<S::Event> {
        self.now = self.now.max(now);
        // They look at all that waits: too much for each poll of a release.
        if cfg!(any(debug_assertions, feature = "invariants")) {
            self.check_invariants();
        }
        out.clear();
        // Since the last call an answer may have gone, or a handler may have ended: the next
        // request has a place now.
        self.start_requests();
        self.finish_if_sent();
        // What the peer sent before its goodbye is handled first: the answer ends the session, and
        // the handlers with it.
        if self.state() == State::PeerDraining && !self.incoming.has_messages() {
            self.answer_goodbye();
        }
        // Events come before any close. The shell stops polling at that, and `Ended` would never be
        // heard.
        while let Some(event) = self.events.pop() {
            match event {
                AnyEvent::Both(event) => return Output::Event(event),
                of_side => {
                    if let Some(event) = S::event(of_side) {
                        return Output::SideEvent(event);
                    }
                }
            }
        }
        if let Some(code) = self.phase.take_pending_close() {
            return Output::Close { code };
        }
        let log_waits = room == 0 && S::next_log(&self.core).is_some();
        self.watch_transport(room, log_waits);
        if room > 0 {
            // Messages of the session and of logs take turns. Else a busy topic would starve the
            // answers, or busy calls the topics.
            if self.schedule.set_logs_first(false)
                && let Some(log) = S::next_log(&self.core)
            {
                return Output::SideEvent(log);
            }
            self.write(out);
            self.schedule.set_logs_first(true);
            plant!("logs_go_last", self.schedule.set_logs_first(false));
            if !out.is_empty() {
                return Output::Send;
            }
            if let Some(log) = S::next_log(&self.core) {
                self.schedule.set_logs_first(false);
                return Output::SideEvent(log);
            }
        }
        if let Phase::Closing(code) = self.phase
            // Room tells that the last message has left. A close before would cut the goodbye off.
            && (room > 0 || self.is_given_up())
            && !self.has_last_words()
        {
            let code = code.close_code();
            self.phase = Phase::Closed(None);
            self.conn = None;
            self.timers.stop_all();
            return Output::Close { code };
        }
        Output::Wait(self.next_deadline())
    }
}

#[cfg(test)]
mod tests;
