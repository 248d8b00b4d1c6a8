//! The invariants of a session, across its parts.

use super::timers::Timer;
use super::{SessionCore, State};

impl SessionCore {
    /// Panics if the session contradicts itself. [`poll`](super::Session::poll) calls this first in debug builds, and with the
    /// feature `invariants`.
    pub(super) fn check_invariants(&self) {
        let state = self.state();
        assert!(
            state.is_of(self.role),
            "{state:?} is no state of a {:?}",
            self.role
        );
        self.check_connection(state);
        self.check_timers(state);
        self.received.check_invariants();
        self.retransmit.check_invariants();
        self.topics.subscriptions.check_invariants();
        let is_whole = matches!(
            state,
            State::AwaitingWelcome | State::Open | State::Detached
        );
        self.incoming.check_invariants(is_whole);
        self.outgoing.check_invariants(is_whole);
    }

    fn check_connection(&self, state: State) {
        let is_connected = match state {
            State::Idle | State::Detached | State::Closed => Some(false),
            // A fault where there is no connection ends the session, too.
            State::Closing => None,
            State::AwaitingWelcome
            | State::AwaitingHello
            | State::AwaitingTable
            | State::Authenticating
            | State::Open
            | State::Draining
            | State::PeerDraining
            | State::AwaitingClose => Some(true),
        };
        assert!(
            is_connected.is_none_or(|is_connected| is_connected == self.conn.is_some()),
            "a connection stands or falls with its state: {state:?}"
        );
        let has_said = self
            .conn
            .as_ref()
            .is_some_and(|conn| conn.goodbye.is_some());
        assert!(
            !has_said || state.is_ending(),
            "a goodbye is said in {state:?}"
        );
    }

    fn check_timers(&self, state: State) {
        let is_running = |timer| self.timers.is_running(timer);
        let is_finishing = self.closed_with.is_some() && state.takes_requests();
        for (timer, may_run) in [
            (Timer::Handshake, state.is_handshake()),
            (Timer::Silence, state == State::Open),
            (Timer::Stall, state == State::Open),
            (Timer::Ack, self.conn.is_some()),
            (Timer::Finish, is_finishing),
            (Timer::Drain, state.is_ending()),
            (Timer::Resume, state == State::Detached),
        ] {
            assert!(
                may_run || !is_running(timer),
                "{timer:?} is running in {state:?}"
            );
        }
        assert!(
            !is_finishing || is_running(Timer::Finish),
            "a session that is to finish has a time for it"
        );
    }
}
