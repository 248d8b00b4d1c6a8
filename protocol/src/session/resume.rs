//! A session outlives its connections: it is kept, and goes on where both ends say they stand.

use std::sync::Arc;

use super::acks::{Acks, ReceivedSeq};
use super::outgoing::Received;
use super::phase::{PendingClose, Phase};
use super::side::{ClientSide, Side};
use super::state::Role;
use super::timers::Timer;
use super::{
    Conn, End, Event, Incoming, PeerMisbehaved, Pings, Request, RequestKey, Session, State,
    Subscriptions,
};
use crate::frame::{Ack, Continuity, Frame, Refusal, Resume, Table, Welcome};
use crate::goodbye::{Goodbye, Retry};
use crate::{BootId, Number, PeerId, Secret, SessionId, Time};

/// The credentials that a client needs to have its session back.
#[derive(Debug)]
pub(super) struct Ticket {
    session: SessionId,
    boot: BootId,
    secret: Secret,
}

/// A server's knowledge of its client, and what proves that it is the client.
#[derive(Debug)]
pub(super) struct ResumeCredentials {
    session: SessionId,
    peer: PeerId,
    boot: BootId,
    secrets: SecretPair,
    /// The highest that a client counted.
    attempt: u64,
}

/// The secrets by which a client proves that a session is its own: either of the two.
#[derive(Clone, Debug)]
struct SecretPair {
    /// The secret that the client surely has.
    confirmed: Option<Secret>,
    /// The newest, until something comes over the connection whose welcome told it.
    pending: Option<Secret>,
}

impl ResumeCredentials {
    pub(super) fn new(session: SessionId, peer: PeerId, boot: BootId, secret: Secret) -> Self {
        Self {
            session,
            peer,
            boot,
            secrets: SecretPair {
                confirmed: None,
                pending: Some(secret),
            },
            attempt: 0,
        }
    }
}

impl SecretPair {
    /// Returns true if it is one of the two. Takes the same time whatever differs.
    fn have(&self, secret: &Secret) -> bool {
        let confirmed = self.confirmed.as_ref().is_some_and(|right| right == secret);
        let pending = self.pending.as_ref().is_some_and(|right| right == secret);
        // Not `||`: how long it takes mustn't tell which of them is like the guess.
        confirmed | pending
    }

    /// Drops the older secret: the client has heard its welcome.
    fn confirm(&mut self) {
        if let Some(pending) = self.pending.take() {
            self.confirmed = Some(pending);
        }
    }

    /// Confirms the secret with which the client has come back, and makes `next` its successor.
    fn renew(&mut self, with: &Secret, next: Secret) {
        // Who comes with the older one never heard the newer: its welcome was lost with its
        // connection.
        if self.pending.as_ref() == Some(with) {
            self.confirm();
        }
        self.pending = Some(next);
        plant!("secret_confirmed_early", self.confirm());
    }
}

/// The reason for which a client doesn't get the session back that it wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResumeError {
    /// It isn't its session, or can't go on from where the client stands: welcome it to another, as
    /// [`Continuity::Unknown`].
    Unknown,
    /// A later attempt of the client has come before this one: close with
    /// [`GoodbyeCode::Superseded`](crate::GoodbyeCode::Superseded).
    Superseded,
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

impl Session {
    /// Returns true if a lost connection leaves the session as it is.
    fn outlives_connection(&self) -> bool {
        match (self.role(), self.state()) {
            (_, State::Detached) => true,
            (Role::Server, State::Open) => !self.limits.resume.is_zero(),
            (Role::Client, State::Open) => {
                let client = self.side.client();
                client.is_some_and(|client| client.ticket.is_some())
            }
            (Role::Client, State::Greeting) => self.side.outlives_greeting(),
            // What ends already needs no other connection, and there is nothing yet to come back to
            // before a welcome.
            _ => false,
        }
    }

    /// Returns true while there is a session, whether or not there is a connection.
    pub(super) fn is_welcomed(&self) -> bool {
        match self.state() {
            State::Open | State::Detached => true,
            State::Greeting => self.side.outlives_greeting(),
            _ => false,
        }
    }

    /// Leaves a connection that is gone, or is to be closed with `pending`. Returns true if the session stays.
    pub(super) fn detach(&mut self, end: End, pending: PendingClose) -> bool {
        if !self.outlives_connection() {
            return false;
        }
        // A loss that is told twice doesn't lengthen the time in which the client has to come back.
        if self.state() != State::Detached {
            self.leave_connection();
            self.conn = None;
            self.phase = Phase::Detached(pending);
            // A client tries for as long as its application wants.
            if self.role() == Role::Server {
                let until = self.now + self.limits.resume;
                self.timers.set(Timer::Resume, until);
            }
            self.events.push(Event::Detached { end });
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
    fn leave_connection(&mut self) {
        // What isn't acknowledged may not have arrived: it goes out again, under its old numbers.
        self.retransmit.rewind();
        // `Finish` runs on: the application's time for last words has nothing to do with
        // connections.
        for timer in [Timer::Handshake, Timer::Silence, Timer::Stall, Timer::Ack] {
            self.timers.stop(timer);
        }
    }

    /// Goes on from what the peer has told over another connection.
    fn go_on(&mut self, received: Option<Number>, window: u64) {
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
}

/// The client's side.
impl Session {
    /// Makes the session after this one, which is over and told [`Event::Ended`]: a client that was told to come
    /// back later begins anew. It has no connection yet; what is asked of it meanwhile waits. So many bytes
    /// of events, `untaken`, the application was given and hasn't taken: they count against the new window
    /// until [`leftovers_taken`](Self::leftovers_taken).
    pub fn replacement(&mut self, untaken: u64) -> Self {
        let (limits, table) = (Arc::clone(&self.limits), Arc::clone(&self.table));
        let token = self.side.client().map(|client| client.token.clone());
        let side = ClientSide {
            token: token.unwrap_or_default(),
            is_replacement: true,
            ..ClientSide::default()
        };
        let mut next = Self::new(Side::Client(side), Phase::Detached(None), limits, table);
        next.now = self.now;
        let window = self.limits.requests.saturating_sub(untaken);
        next.incoming = Incoming::after(&self.limits, window, untaken);
        next.take_unsent(self);
        next
    }

    /// Sets whether requests that were never sent outlive the session (default: no, they end as
    /// [`NotReceived`](super::Outcome::NotReceived)). If so, they wait from its loss
    /// ([`Event::SessionReplaced`], or an end that the client didn't want) for [`requeue_unsent`](Self::requeue_unsent) of the
    /// session that follows, or for [`drop_unsent`](Self::drop_unsent) of the one that is over if none does. Their
    /// deadlines run on. What is asked for after the loss and before `requeue_unsent` ends with its session, unless it is
    /// [held back](Self::hold_back).
    pub fn keep_unsent(&mut self, yes: bool) {
        self.outgoing.keep_unsent(yes);
    }

    /// Sets whether what is asked for from now on waits behind what earlier sessions never sent, for
    /// [`requeue_unsent`](Self::requeue_unsent) (no, until this is called). Its deadlines run on meanwhile.
    pub fn hold_back(&mut self, yes: bool) {
        self.outgoing.hold_back(yes);
    }

    /// Takes over what another session, which is over, never sent.
    pub fn take_unsent(&mut self, earlier: &mut Self) {
        self.outgoing.follow(&mut earlier.outgoing);
        let earlier = &mut earlier.subscriptions;
        self.subscriptions.follow(earlier, &mut self.outgoing);
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

    /// Ends what was never sent, and was kept, as [`NotReceived`](super::Outcome::NotReceived).
    pub fn drop_unsent(&mut self) {
        self.outgoing.end_unsent();
        self.report();
    }

    /// Returns true if another session may take over what this one hasn't sent: its application hasn't closed it.
    pub(super) fn may_be_followed(&self) -> bool {
        self.role() == Role::Client && self.closed_with.is_none()
    }

    /// Takes note that the application has taken what it was given of sessions that are over: each
    /// [`Event::Leftover`], and the event whose handler was at work. Until then they count against the window of
    /// the session that follows, so that however many are lost, no more waits than one may hold.
    pub fn leftovers_taken(&mut self, now: Time) {
        self.now = self.now.max(now);
        self.incoming.unburden();
    }

    /// Sets the token that the next hello tells the server's application, at most
    /// [`MAX_TOKEN`](crate::limits::MAX_TOKEN), or the server will refuse it.
    pub fn set_token(&mut self, token: Vec<u8>) {
        if let Some(client) = self.side.client_mut() {
            client.token = token;
        }
    }

    /// Returns the session that the client wants back, if it has one.
    pub(super) fn wanted(&mut self) -> Option<Resume> {
        let client = self.side.client_mut()?;
        let ticket = client.ticket.as_ref()?;
        // Counted for each hello: a later one must be told from one that was long under way.
        client.attempt += 1;
        let window = self.incoming.tell_grant();
        let received = self.received.last_accepted();
        Some(Resume {
            session: ticket.session,
            secret: ticket.secret.clone(),
            attempt: client.attempt,
            received,
            window,
            subscriptions: self.subscriptions.told_again(),
        })
    }

    /// Takes from a welcome what it says of the session.
    pub(super) fn continued(&mut self, welcome: &Welcome) -> Result<bool, PeerMisbehaved> {
        let client = self.side.client_mut();
        let earlier = client.and_then(|client| client.ticket.take());
        let goes_on = match (earlier, welcome.continuity) {
            (None, Continuity::New) => false,
            (Some(ticket), Continuity::Resumed { received })
                if ticket.session == welcome.session =>
            {
                // Who claims to have what was never sent, or to lack what it acknowledged, doesn't have this session.
                if !self.retransmit.can_resume_after(received) {
                    return Err(PeerMisbehaved::AckAhead);
                }
                self.go_on(received, welcome.bounds.window);
                true
            }
            (Some(ticket), Continuity::Unknown) => {
                // Another boot is another process, which can have none of the old one's sessions.
                let why = if ticket.boot == welcome.boot {
                    SessionLost::Unknown
                } else {
                    SessionLost::Restarted
                };
                self.begin_anew(why, Received::Untold);
                false
            }
            (Some(_), Continuity::Evicted { received }) => {
                self.begin_anew(SessionLost::Evicted, Received::UpTo(received));
                false
            }
            _ => return Err(PeerMisbehaved::WrongContinuity),
        };
        // A session that either end forgets with its connection can't be had back.
        let is_kept = !welcome.keeps.is_zero() && !self.limits.resume.is_zero();
        if let Some(client) = self.side.client_mut() {
            client.ticket = is_kept.then(|| Ticket {
                session: welcome.session,
                boot: welcome.boot,
                secret: welcome.secret.clone(),
            });
        }
        Ok(goes_on)
    }

    /// Begins another session, as this one is lost: everything pending has its outcome.
    fn begin_anew(&mut self, why: SessionLost, received: Received) {
        let Some(client) = self.side.client_mut() else {
            return;
        };
        // The server of another session counts from the beginning.
        client.attempt = 0;
        let window = client.advertised_window;
        // It follows itself, also if it is to end once all is sent.
        // Outcomes come before `SessionReplaced`: the application then knows what is lost when it
        // asks again.
        self.outgoing.end_all(received, true);
        self.report();
        self.outgoing.begin_anew();
        // Counted before they are handed over: what the application hasn't taken goes on taking room.
        let burden = self.incoming.burden();
        self.hand_over();
        self.incoming = Incoming::after(&self.limits, window, burden);
        // After the requests: a join goes on if it is among those that were never sent.
        let next = Subscriptions::new(self.limits.subscription_window);
        let mut earlier = std::mem::replace(&mut self.subscriptions, next);
        self.subscriptions.follow(&mut earlier, &mut self.outgoing);
        // Both ends count from 1 again: a number of the old session would be out of order in the
        // new.
        self.retransmit.begin_anew(self.limits.retained);
        // The server that follows may be another build, which differs in other kinds.
        self.outlines.drop_due();
        self.pings = Pings::default();
        self.received = ReceivedSeq::default();
        if let Some(conn) = &mut self.conn {
            conn.begin_anew(window);
        }
        self.events.push(Event::SessionReplaced { why });
    }

    /// Gives the application the events of a session that is lost or over: the server was told, or will be, that
    /// they are accepted. (A server's handlers end with their session.)
    pub(super) fn hand_over(&mut self) {
        plant!("leftovers_lost", return);
        if self.role() == Role::Client {
            while let Some(event) = self.incoming.next_waiting_event() {
                let Request { kind, payload, .. } = event;
                self.events.push(Event::Leftover { kind, payload });
            }
        }
    }
}

/// The server's side.
impl Session {
    /// Gives the session to a client that wants it back, over another connection; the shell has to let
    /// go of the one that it had. `table` is the client's, `secret` the next, from a cryptographic source.
    ///
    /// # Errors
    /// [`ResumeError`]; nothing has changed.
    pub fn resume(
        &mut self,
        now: Time,
        wanted: &Resume,
        table: &Table,
        secret: Secret,
    ) -> Result<(), ResumeError> {
        self.now = self.now.max(now);
        let is_alive = matches!(self.state(), State::Open | State::Detached);
        let Some(server) = self.side.server_mut().filter(|_| is_alive) else {
            return Err(ResumeError::Unknown);
        };
        let Some(credentials) = &mut server.credentials else {
            return Err(ResumeError::Unknown);
        };
        let is_right =
            credentials.secrets.have(&wanted.secret) && credentials.session == wanted.session;
        let can_go_on = self.retransmit.can_resume_after(wanted.received);
        // Whatever refuses stands before the first change: a failed attempt leaves the session to its owner.
        // Requests name kinds by their place in the table: in another table the place is another
        // kind's.
        if !is_right || !can_go_on || table.digest() != self.table.digest() {
            return Err(ResumeError::Unknown);
        }
        plant!("delayed_hello", credentials.attempt = 0);
        // Hellos on two connections can overtake each other. If the older took the session, the client's newest connection
        // would be cut off by its own past.
        if wanted.attempt <= credentials.attempt {
            return Err(ResumeError::Superseded);
        }
        credentials.attempt = wanted.attempt;
        // The old secret stays good until the client confirms the new one: the welcome that tells it may be lost.
        credentials.secrets.renew(&wanted.secret, secret.clone());
        self.leave_connection();
        self.conn = Some(Conn::default());
        // Left running, it would end the session over its new connection.
        self.timers.stop(Timer::Resume);
        plant!(
            "resume_timer_kept",
            self.timers
                .set(Timer::Resume, self.now + self.limits.resume)
        );
        self.go_on(wanted.received, wanted.window);
        if let Some(server) = self.side.server_mut() {
            server.cursors.resume(wanted, self.peer.topic);
        }
        let received = self.received.last_accepted();
        self.say_welcome(secret, Continuity::Resumed { received }, Vec::new());
        Ok(())
    }

    fn credentials(&self) -> Option<&ResumeCredentials> {
        self.side.server()?.credentials.as_ref()
    }

    /// Welcomes the client to this session, over this connection.
    pub(super) fn say_welcome(
        &mut self,
        secret: Secret,
        continuity: Continuity,
        refused: Vec<(u32, Refusal)>,
    ) {
        let Some(credentials) = self.credentials() else {
            return;
        };
        let (session, peer, boot) = (credentials.session, credentials.peer, credentials.boot);
        let (received, window) = (self.received.last_accepted(), self.incoming.tell_grant());
        let welcome = Welcome {
            session,
            peer,
            boot,
            secret,
            keeps: self.limits.resume,
            continuity,
            bounds: self.bounds(window),
            refused,
        };
        let told = Ack { received, window };
        // The welcome says what an acknowledgement would.
        if let Some(conn) = &mut self.conn {
            conn.acks = Acks::new(told);
        }
        self.answer_hello(Frame::Welcome(welcome));
        self.open();
    }

    /// Makes the secret that the welcome told the only one: the client has heard it.
    pub(super) fn confirm_secret(&mut self) {
        if let Some(server) = self.side.server_mut()
            && let Some(credentials) = &mut server.credentials
        {
            credentials.secrets.confirm();
        }
    }

    /// Returns about how many bytes the session holds for its client: what isn't acknowledged, what waits to be
    /// sent, and what waits for its turn.
    pub fn kept(&self) -> usize {
        self.retransmit.len() + self.outgoing.held_bytes() + self.incoming.held_bytes()
    }

    /// Returns what a client that proves to be the session's may learn once it is over: the last of its frames
    /// that were received in order.
    pub fn tombstone(&self) -> Option<Tombstone> {
        let (credentials, received) = (self.credentials()?, self.received.last_accepted());
        plant!("tombstone_forgets", let received = None);
        Some(Tombstone {
            secrets: credentials.secrets.clone(),
            received,
            goodbye: None,
        })
    }
}

/// The rest of a server's session that is over.
#[derive(Clone, Debug)]
pub struct Tombstone {
    secrets: SecretPair,
    received: Option<Number>,
    goodbye: Option<Goodbye>,
}

impl Tombstone {
    /// Sets the goodbye with which the application has ended the session while the client was away: if it may not try again, it
    /// is told so when it comes back; else it begins another session.
    pub fn with_goodbye(mut self, goodbye: Goodbye) -> Self {
        self.goodbye = Some(goodbye);
        self
    }

    /// Returns the goodbye for a client that wants the session back, if it is its own and the application has
    /// ended it.
    pub fn goodbye(&self, secret: &Secret) -> Option<&Goodbye> {
        let is_right = self.secrets.have(secret);
        // One that may come back would be told to try again: it begins another session at once instead.
        let is_final = |said: &&Goodbye| said.retry == Retry::Never;
        self.goodbye.as_ref().filter(is_final).filter(|_| is_right)
    }

    /// Returns the answer to a client that wants the session back: [`Continuity::Evicted`] if it is its own, else
    /// [`Continuity::Unknown`].
    pub fn answer(&self, secret: &Secret) -> Continuity {
        if self.secrets.have(secret) {
            Continuity::Evicted {
                received: self.received,
            }
        } else {
            Continuity::Unknown
        }
    }
}
