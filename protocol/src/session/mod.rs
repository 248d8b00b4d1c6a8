//! The session: bytes and time in; bytes, events and the next deadline out.

mod acks;
mod asking;
mod close;
mod commands;
mod conn;
mod counters;
mod credit;
mod cursors;
mod dispatch;
mod error;
mod event;
mod incoming;
mod invariants;
mod liveness;
mod outgoing;
mod outlines;
mod phase;
mod pool;
mod queue;
mod receive;
mod reply;
mod resume;
mod retransmit;
mod schedule;
mod send;
mod serving;
mod side;
mod sorted;
mod state;
mod stream;
mod timers;
mod topics;
mod waiting;

use std::sync::Arc;

#[doc(hidden)]
pub use counters::Counters;
pub use error::{End, Full, ItemRefused, PeerMisbehaved};
pub use event::{Admitted, Event, Input, Outcome, Output, Pull, Request, RequestKey, TopicRequest};
pub use liveness::PROBE_TIMEOUT;
pub use pool::Pool;
pub use resume::{ResumeError, SessionLost, Tombstone};
pub use state::{Admission, Role, State};

use crate::Time;
use crate::frame::{Ack, Frame, Hello, Malformed, PeerLimits, Refusal, Table};
use crate::goodbye::{Goodbye, GoodbyeCode};
use crate::limits::Limits;
use acks::ReceivedSeq;
use conn::{Conn, Progress};
use incoming::Incoming;
use liveness::Pings;
use outgoing::{Outgoing, Settled};
use outlines::Outlines;
use phase::Phase;
use queue::Fifo;
use retransmit::RetransmitLog;
use schedule::Schedule;
use serving::Serving;
use side::{ClientSide, ServerSide, Side};
use timers::{Timer, Timers};
use topics::Subscriptions;

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
#[derive(Debug)]
pub struct Session {
    side: Side,
    phase: Phase,
    limits: Arc<Limits>,
    /// The newest moment that the shell told.
    now: Time,
    timers: Timers,
    /// None while there is no connection.
    conn: Option<Conn>,
    events: Fifo<Event>,
    outgoing: Outgoing,
    incoming: Incoming,
    pings: Pings,
    /// A client's subscriptions, and what either side leaves.
    subscriptions: Subscriptions,
    /// The goodbye with which the application has ended the session, if ever so late. Before the session is over, it
    /// waits for what was asked for.
    closed_with: Option<Goodbye>,
    outlines: Outlines,
    schedule: Schedule,
    /// The client's table of kinds.
    table: Arc<Table>,
    /// The bounds of what the peer takes.
    peer: PeerLimits,
    received: ReceivedSeq,
    retransmit: RetransmitLog,
}

impl Session {
    /// Makes the client's end. It says hello as soon as it hears [`Input::Opened`].
    ///
    /// `table` is what requests refer to, and `token` goes to the server's application: at most
    /// [`MAX_TOKEN`](crate::limits::MAX_TOKEN), or the server will refuse the hello.
    pub fn client(limits: Limits, table: Arc<Table>, token: Vec<u8>) -> Self {
        let side = ClientSide {
            token,
            ..ClientSide::default()
        };
        Self::new(Side::Client(side), Phase::Idle, Arc::new(limits), table)
    }

    /// Makes the server's end, on a socket that has just opened. A client whose table isn't among `known`
    /// is asked for it.
    pub fn server(now: Time, limits: Limits, known: Vec<Arc<Table>>) -> Self {
        let limits = Arc::new(limits);
        let side = Side::Server(ServerSide::new(known));
        let mut session = Self::new(side, Phase::Awaiting, limits, Arc::default());
        session.now = now;
        session.conn = Some(Conn::default());
        session
            .timers
            .set(Timer::Handshake, now + session.limits.handshake);
        session
    }

    /// Returns the bounds that this side tells with its hello or welcome.
    fn bounds(&self, window: u64) -> PeerLimits {
        PeerLimits {
            window,
            stream: self.limits.stream_window,
            topic: self.limits.subscription_window,
            payload: self.limits.payload as u64,
        }
    }

    fn new(side: Side, phase: Phase, limits: Arc<Limits>, table: Arc<Table>) -> Self {
        Self {
            side,
            phase,
            now: Time::default(),
            timers: Timers::default(),
            conn: None,
            events: Fifo::default(),
            outgoing: Outgoing::new(&limits),
            incoming: Incoming::new(&limits),
            pings: Pings::default(),
            subscriptions: Subscriptions::new(limits.subscription_window),
            closed_with: None,
            outlines: Outlines::default(),
            schedule: Schedule::default(),
            table,
            peer: PeerLimits::default(),
            received: ReceivedSeq::default(),
            retransmit: RetransmitLog::new(limits.retained),
            limits,
        }
    }

    fn role(&self) -> Role {
        self.side.role()
    }

    /// Returns the code that only a server runs.
    fn serving(&self) -> Option<&'static Serving> {
        self.side.server().map(|server| server.serving)
    }

    /// The log to be read next, if this is a server.
    fn next_pull(&self) -> Option<Output> {
        (self.serving()?.pull)(self)
    }

    /// Returns the session's state.
    pub fn state(&self) -> State {
        self.phase.state()
    }

    /// Takes what happened on the transport, or that time has passed. A session that is over
    /// ignores it.
    pub fn handle(&mut self, now: Time, input: Input<'_>) {
        // Time never runs backwards here, whatever the shell reads: a deadline counted from an
        // older moment would expire too early.
        self.now = self.now.max(now);
        match input {
            Input::Opened => self.opened(),
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
    pub fn poll(&mut self, now: Time, out: &mut Vec<u8>, room: usize) -> Output {
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
        if self.state() == State::Leaving && !self.incoming.has_messages() {
            self.answer_goodbye();
        }
        // Events come before any close. The shell stops polling at that, and `Ended` would never be
        // heard.
        if let Some(event) = self.events.pop() {
            return Output::Event(event);
        }
        if let Some(code) = self.phase.take_pending_close() {
            return Output::Close { code };
        }
        self.watch_transport(room);
        if room > 0 {
            // Messages of the session and of logs take turns. Else a busy topic would starve the
            // answers, or busy calls the topics.
            if self.schedule.set_logs_first(false)
                && let Some(pull) = self.next_pull()
            {
                return pull;
            }
            self.write(out);
            self.schedule.set_logs_first(true);
            plant!("logs_go_last", self.schedule.set_logs_first(false));
            if !out.is_empty() {
                return Output::Send;
            }
            if let Some(pull) = self.next_pull() {
                self.schedule.set_logs_first(false);
                return pull;
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

    /// Returns true if the time for goodbyes is over.
    fn is_given_up(&self) -> bool {
        let conn = self.conn.as_ref();
        conn.is_some_and(|conn| conn.progress == Progress::GivenUp)
    }

    fn next_deadline(&self) -> Option<Time> {
        let mut next = self.timers.next();
        self.outgoing.add_deadlines(&mut next);
        self.incoming.add_deadlines(&mut next);
        next.earliest()
    }

    fn opened(&mut self) {
        let may_open = self.state().awaits_connection();
        let Some(client) = self.side.client_mut().filter(|_| may_open) else {
            return;
        };
        // In another session, what is left of this one counts too.
        let window = self.limits.requests;
        let window = window.saturating_sub(self.incoming.burden());
        // If the welcome begins another session, that has the window of this hello, whatever the
        // application has taken meanwhile.
        client.advertised_window = window;
        let token = client.token.clone();
        self.phase = Phase::Greeting;
        self.timers
            .set(Timer::Handshake, self.now + self.limits.handshake);
        let hello = Hello {
            bounds: self.bounds(window),
            token,
            digest: self.table.digest(),
            resume: self.wanted(),
        };
        // The hello says what an acknowledgement would: none need follow until there is something
        // new.
        let told = match &hello.resume {
            Some(resume) => Ack {
                received: resume.received,
                window: resume.window,
            },
            None => Ack {
                received: None,
                window,
            },
        };
        let hello = Frame::Hello(hello).to_bytes();
        self.conn = Some(Conn::new(hello, told, &self.pings));
    }

    fn open(&mut self) {
        self.phase = Phase::Open;
        self.timers.stop(Timer::Handshake);
        self.on_receive();
    }

    fn tick(&mut self) {
        while let Some((timer, due)) = self.timers.expire(self.now) {
            match timer {
                Timer::Handshake => {
                    let code = GoodbyeCode::TooSlow;
                    // A client that wants its session back tries again over another connection:
                    // only this one was late.
                    if !self.give_up_connection(End::TooSlow) {
                        self.fail(End::TooSlow, Goodbye::new(code, ""));
                    }
                }
                // Nobody is there to hear a goodbye.
                Timer::Resume => self.terminate(End::Lost),
                Timer::Silence => self.on_silence_timer(due),
                Timer::Stall => self.on_stall_timer(due),
                Timer::Ack => self.stop_waiting_with_ack(),
                Timer::Drain => self.on_drain_timer(),
                Timer::Finish => self.on_finish_timer(),
            }
        }
        self.outgoing.expire(self.now);
        self.report();
        while let Some(request) = self.incoming.cut_late(self.now) {
            self.events.push(Event::Dropped {
                request,
                why: Refusal::Deadline,
            });
        }
    }

    /// Tells what became of the requests that are over.
    fn report(&mut self) {
        for verdict in std::mem::take(&mut self.outgoing.ended) {
            self.settled(verdict);
        }
    }

    fn settled(&mut self, (request, outcome): Settled) {
        // The session asks to leave topics by itself: no application knows those requests.
        if !self.subscriptions.settle(request) {
            self.events.push(Event::Outcome { request, outcome });
        }
    }
}

#[cfg(test)]
mod tests;
