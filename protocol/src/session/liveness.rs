//! Whether the peer is still there.

use std::time::Duration;

use super::timers::Timer;
use super::{End, Role, SessionCore, State};
use crate::Time;
use crate::frame::{Frame, Ping};
use crate::goodbye::{Goodbye, GoodbyeCode};

/// The time within which a server has to answer a [`SessionCore::probe`].
pub const PROBE_TIMEOUT: Duration = Duration::from_secs(5);

/// The pings of this side. They outlive connections: one without an answer is sent anew over the next.
#[derive(Debug, Default)]
pub(super) struct Pings {
    /// The newest, and when it was decided; none once it is answered.
    open: Option<(Ping, Time)>,
    next_id: u64,
}

impl Pings {
    /// Returns true while the newest has no answer.
    pub(super) fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// Returns the newest, unless it is answered.
    pub(super) fn newest(&self) -> Option<Ping> {
        self.open.map(|(ping, _)| ping)
    }

    /// Takes the peer's answer. Returns the time that it took. An answer to an older ping tells nothing new.
    pub(super) fn on_pong(&mut self, now: Time, pong: Ping) -> Option<Duration> {
        let (_, at) = self.open.take_if(|(ping, _)| *ping == pong)?;
        Some(now.saturating_since(at))
    }

    fn begin(&mut self, now: Time) {
        self.open = Some((Ping { id: self.next_id }, now));
        // It wraps long after any answer could still come.
        self.next_id = (self.next_id + 1) % (1 << 53);
    }
}

/// The signs of life of one connection.
#[derive(Debug, Default)]
pub(super) struct Liveness {
    /// True while nothing has come since the newest ping was decided.
    probing: bool,
    /// True while the newest ping has to go out.
    ping_due: bool,
    /// The peer's newest ping, until it is answered. Older ones need no answer.
    pong_due: Option<Ping>,
}

impl Liveness {
    /// Begins a connection, over which a ping without an answer is due.
    pub(super) fn new(pings: &Pings) -> Self {
        Self {
            ping_due: pings.is_open(),
            ..Self::default()
        }
    }

    pub(super) fn on_ping(&mut self, ping: Ping) {
        self.pong_due = Some(ping);
    }

    pub(super) fn has_signs(&self) -> bool {
        self.ping_due || self.pong_due.is_some()
    }

    /// Writes what has to go out, at most one of each.
    pub(super) fn write_signs(&mut self, newest: Option<Ping>, out: &mut Vec<u8>) {
        if let Some(pong) = self.pong_due.take() {
            Frame::Pong(pong).encode(out);
        }
        if std::mem::take(&mut self.ping_due)
            && let Some(ping) = newest
        {
            Frame::Ping(ping).encode(out);
        }
    }
}

impl SessionCore {
    /// Sends a ping over this connection, or the next.
    pub(super) fn send_ping(&mut self) {
        self.pings.begin(self.now);
        if let Some(conn) = &mut self.conn {
            conn.liveness.ping_due = true;
        }
    }

    /// Sets whether nothing has come since the newest ping. Returns true if nothing had before.
    fn set_probing(&mut self, yes: bool) -> bool {
        let conn = self.conn.as_mut();
        conn.is_some_and(|conn| std::mem::replace(&mut conn.liveness.probing, yes))
    }

    /// Begins another heartbeat: something came from the peer.
    pub(super) fn on_receive(&mut self) {
        // Elsewhere another timer bounds the wait: the handshake's before the welcome, the drain's behind a
        // goodbye.
        if self.state() == State::Open {
            self.set_probing(false);
            self.timers
                .set(Timer::Silence, self.now + self.limits.heartbeat);
        }
    }

    /// Watches a transport that takes nothing while something waits for it: its reader may be gone.
    pub(super) fn watch_transport(&mut self, room: usize, log_waits: bool) {
        let is_waiting = self.has_something_to_send() || log_waits;
        if room > 0 || self.state() != State::Open || !is_waiting {
            self.timers.stop(Timer::Stall);
        } else {
            // Started and not set: polls in between don't lengthen the time.
            self.timers.start(Timer::Stall, self.stall_deadline());
        }
    }

    fn stall_deadline(&self) -> Time {
        // As long as silence has: a heartbeat until the ping, and one for its answer.
        self.now + self.limits.heartbeat + self.limits.heartbeat
    }

    /// Gives the connection up: the transport took nothing for two heartbeats.
    pub(super) fn on_stall_timer(&mut self, due: Time) {
        // It was this side that stood still, perhaps: the peer has its time anew.
        if self.slept_since(due) {
            self.timers.set(Timer::Stall, self.stall_deadline());
        } else {
            self.fell_silent();
        }
    }

    fn fell_silent(&mut self) {
        // A session that stays says nothing: it has only the socket to close, which may be dead.
        if !self.give_up_connection(End::Silent) {
            self.fail(End::Silent, Goodbye::new(GoodbyeCode::Silent, ""));
        }
    }

    /// Returns true if this side was woken so late that it must have slept: what it missed may be on its way.
    fn slept_since(&self, due: Time) -> bool {
        self.now.saturating_since(due) >= self.limits.heartbeat
    }

    /// Asks for a sign of life, since nothing came for a heartbeat, or gives up if that was asked already.
    pub(super) fn on_silence_timer(&mut self, due: Time) {
        let slept = self.slept_since(due);
        if self.set_probing(true) && !slept {
            self.fell_silent();
        } else {
            self.send_ping();
            plant!("silence_not_rearmed", return);
            // A client that slept is likely to stand in another network. A server that slept must not give up
            // all its clients at once.
            let time = match slept && self.role == Role::Client {
                true => self.probe_timeout(),
                false => self.limits.heartbeat,
            };
            self.timers.set(Timer::Silence, self.now + time);
        }
    }

    /// Sends a ping at once, and gives the connection up unless something comes within [`PROBE_TIMEOUT`], or within
    /// a heartbeat if that is shorter. A welcome that is awaited has as long. For a client with a reason to doubt its
    /// connection: the network has changed, or the machine slept. Does nothing without a connection.
    pub fn probe(&mut self, now: Time) {
        self.now = self.now.max(now);
        let deadline = self.now + self.probe_timeout();
        match self.state() {
            State::Open => {
                self.send_ping();
                // The heartbeat's timer may be due at once, and would take this ping for unanswered.
                if !self.set_probing(true) {
                    self.timers.stop(Timer::Silence);
                }
                // Hints that follow each other don't put the end off.
                self.timers.set_earlier(Timer::Silence, deadline);
            }
            State::AwaitingWelcome => self.timers.set_earlier(Timer::Handshake, deadline),
            // Without a connection there is nothing to doubt. Behind a goodbye the drain's timer bounds the
            // wait.
            State::Idle
            | State::AwaitingHello
            | State::AwaitingTable
            | State::Authenticating
            | State::Detached
            | State::Draining
            | State::PeerDraining
            | State::AwaitingClose
            | State::Closing
            | State::Closed => {}
        }
    }

    fn probe_timeout(&self) -> Duration {
        PROBE_TIMEOUT.min(self.limits.heartbeat)
    }
}
