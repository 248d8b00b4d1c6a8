//! A session outlives its connections: it is kept, and goes on where both ends say they stand.

use super::phase::{PendingClose, Phase};
use super::state::Role;
use super::timers::Timer;
use super::{ClientEvent, End, Event, Request, RequestKey, SessionCore, State};
use crate::frame::Continuity;
use crate::goodbye::Goodbye;
use crate::{SeqNo, Time};

/// The reason for which a client doesn't get the session back that it wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ResumeRejected {
    /// Welcome it to another session, which says so of the one that it wants.
    Another(Continuity),
    /// Close its connection with this.
    Over(Goodbye),
}

/// The reason for which a client's session isn't the one that it had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionLost {
    /// The server's process is another: it was restarted, or the network leads to another one.
    Restarted,
    /// The server ended it, since it is stopping, or it doesn't keep sessions.
    Ended,
    /// The server gave the session up: it was without a connection for too long, or there was no room.
    Evicted,
    /// The server doesn't know the session, or not as the client's.
    Unknown,
}

impl SessionCore {
    /// Returns true while there is a session, whether or not there is a connection.
    pub(super) fn is_welcomed(&self) -> bool {
        match self.phase {
            Phase::Open { .. } | Phase::Detached(_) => true,
            Phase::AwaitingWelcome { is_kept } => is_kept,
            Phase::Idle
            | Phase::AwaitingHello
            | Phase::AwaitingTable(_)
            | Phase::Authenticating
            | Phase::Draining
            | Phase::PeerDraining(_)
            | Phase::AwaitingClose(_)
            | Phase::Closing(_)
            | Phase::Closed(_) => false,
        }
    }

    /// Leaves a connection that is gone, or is to be closed with `pending`. Returns true if the session stays.
    pub(super) fn detach(&mut self, end: End, pending: PendingClose) -> bool {
        if !self.phase.outlives_connection() {
            return false;
        }
        // A loss that is told twice doesn't lengthen the time in which the client has to come back.
        if self.state() != State::Detached {
            self.leave_connection();
            self.conn = None;
            self.phase = Phase::Detached(pending);
            // A client tries for as long as its application wants.
            if self.role == Role::Server {
                let until = self.now + self.limits.resume;
                self.timers.set(Timer::Resume, until);
            }
            self.emit(Event::Detached { end });
        }
        true
    }

    /// Gives the connection up from this side, and keeps the session if it outlives it.
    pub(super) fn give_up_connection(&mut self, end: End) -> bool {
        // A session that ends says goodbye over its connection; one that stays has only the socket to close.
        let pending = Some(end.code().close_code());
        self.detach(end, pending)
    }

    /// Leaves a connection as if nothing had gone out over it.
    pub(super) fn leave_connection(&mut self) {
        // What isn't acknowledged may not have arrived: it goes out again, under its old numbers.
        self.retransmit.rewind();
        // `Finish` runs on: the application's time for last words has nothing to do with
        // connections.
        for timer in [Timer::Handshake, Timer::Silence, Timer::Stall, Timer::Ack] {
            self.timers.stop(timer);
        }
    }

    /// Goes on from what the peer has told over another connection.
    pub(super) fn go_on(&mut self, received: Option<SeqNo>, window: u64) {
        if let Some(received) = received {
            self.arrived(received);
        }
        plant!("grant_not_taken", let window = 0);
        // Frames that tell windows aren't numbered: the last of them may be lost with the connection.
        self.outgoing.grant(window);
        self.outgoing.tell_streams_again();
        plant!("ping_not_asked_again", return);
        // The ping or its pong may be lost with the connection.
        if self.pings.is_open() {
            self.send_ping();
        }
    }
    /// Sets whether what is asked for from now on waits behind what earlier sessions never sent, for
    /// [`requeue_unsent`](Self::requeue_unsent) (no, until this is called). Its deadlines run on meanwhile.
    pub fn hold_back(&mut self, yes: bool) {
        self.outgoing.hold_back(yes);
    }

    /// Queues what sessions before this one never sent, behind what this one was asked for so far.
    pub fn requeue_unsent(&mut self, now: Time) {
        self.now = self.now.max(now);
        self.outgoing.requeue_unsent();
    }

    /// Queues one request that sessions before this one never sent, before the others: the application waits for it
    /// already.
    pub fn requeue_first(&mut self, now: Time, request: RequestKey) {
        self.now = self.now.max(now);
        self.outgoing.requeue_first(request);
    }

    /// Returns true if another session may take over what this one hasn't sent: its application hasn't closed it.
    pub(super) fn may_be_followed(&self) -> bool {
        self.role == Role::Client && self.closed_with.is_none()
    }

    /// Gives the application the events of a session that is lost or over: the server was told, or will be, that
    /// they are accepted. (A server's handlers end with their session.)
    pub(super) fn hand_over(&mut self) {
        plant!("leftovers_lost", return);
        if self.role == Role::Client {
            // The calls between them are dropped: nobody is left to be answered.
            while let Some(event) = self.incoming.next_waiting_event() {
                let Request { kind, payload, .. } = event;
                self.emit(ClientEvent::Leftover { kind, payload });
            }
        }
    }

    /// Returns about how many bytes the session holds for its client: what isn't acknowledged, what waits to be
    /// sent, and what waits for its turn.
    pub fn kept(&self) -> usize {
        self.retransmit.len() + self.outgoing.held_bytes() + self.incoming.held_bytes()
    }
}
