//! The session: bytes and time in; bytes, events and the next deadline out.

mod error;
mod event;
mod incoming;
mod liveness;
mod outgoing;
mod receive;
mod send;
mod state;
mod timers;

use std::collections::VecDeque;
use std::time::Duration;

pub use error::{End, Full, PeerMisbehaved};
pub use event::{Admitted, CallKey, Event, Input, Outcome, Output};
pub use state::State;

use crate::frame::{Ack, Answer, Frame, Hello, KindEntry, Malformed, Refusal, Welcome};
use crate::goodbye::{Goodbye, GoodbyeCode};
use crate::limits::{Limits, MAX_PAYLOAD};
use crate::{Number, Time};
use incoming::Incoming;
use liveness::Liveness;
use outgoing::{Outgoing, Received};
use state::Role;
use timers::{Timer, Timers};

/// One end of a connection, without the connection.
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
    role: Role,
    state: State,
    limits: Limits,
    /// The newest moment that the shell told.
    now: Time,
    timers: Timers,
    /// Hello or welcome, when it is due.
    opening: Option<Frame<'static>>,
    /// What this side says last, once it is decided.
    goodbye: Option<Goodbye>,
    /// It is out, or won't be: nothing follows it.
    goodbye_sent: bool,
    /// The time for goodbyes is over: what the transport holds doesn't matter any more.
    goodbye_given_up: bool,
    /// Why the session ended or is about to.
    end: Option<End>,
    events: VecDeque<Event>,
    outgoing: Outgoing,
    incoming: Incoming,
    liveness: Liveness,
    /// The entries in the client's table.
    kinds: u32,
    /// The number of the next numbered frame of this side.
    next_number: Number,
    /// The last numbered frame of the peer.
    received: Option<Number>,
    /// The acknowledgement that went out last.
    acked: Ack,
    /// The acknowledgement has waited long enough.
    ack_now: bool,
}

impl Session {
    /// The client's end. It says hello as soon as it hears [`Input::Opened`].
    ///
    /// `kinds` is the table that calls refer to, and `token` goes to the server's application:
    /// at most [`MAX_KINDS`](crate::limits::MAX_KINDS) and
    /// [`MAX_TOKEN`](crate::limits::MAX_TOKEN), or the server will refuse the hello.
    pub fn client(limits: Limits, kinds: Vec<KindEntry>, token: Vec<u8>) -> Self {
        let mut session = Self::new(Role::Client, State::Idle, limits);
        session.kinds = u32::try_from(kinds.len()).unwrap_or(u32::MAX);
        let window = session.incoming.granted();
        session.acked = Ack {
            received: None,
            window,
        };
        session.opening = Some(Frame::Hello(Hello {
            window,
            token,
            kinds,
        }));
        session
    }

    /// The server's end, on a socket that has just opened.
    pub fn server(now: Time, limits: Limits) -> Self {
        let mut session = Self::new(Role::Server, State::Awaiting, limits);
        session.now = now;
        session
            .timers
            .set(Timer::Handshake, now + session.limits.handshake);
        session
    }

    fn new(role: Role, state: State, limits: Limits) -> Self {
        Self {
            role,
            state,
            now: Time::default(),
            timers: Timers::default(),
            opening: None,
            goodbye: None,
            goodbye_sent: false,
            goodbye_given_up: false,
            end: None,
            events: VecDeque::new(),
            outgoing: Outgoing::new(&limits),
            incoming: Incoming::new(&limits),
            liveness: Liveness::default(),
            kinds: 0,
            next_number: Number::FIRST,
            received: None,
            acked: Ack {
                received: None,
                window: 0,
            },
            ack_now: false,
            limits,
        }
    }

    /// Where the session stands.
    pub fn state(&self) -> State {
        self.state
    }

    /// Takes what happened on the transport, or that time has passed. A session that is over
    /// ignores it.
    pub fn handle(&mut self, now: Time, input: Input<'_>) {
        self.now = self.now.max(now);
        match input {
            Input::Opened => self.opened(),
            Input::Message(message) => self.message(message),
            Input::Text => self.misbehaved(PeerMisbehaved::Malformed(Malformed::Text)),
            Input::Lost => self.lost(),
            Input::Tick => self.tick(),
        }
    }

    /// The time from the newest ping to its pong; none before the first. A connection that is never
    /// silent is never asked.
    pub fn round_trip(&self) -> Option<Duration> {
        self.liveness.round_trip()
    }

    /// Makes a call, from the client: `kind` is its place in the client's table, `payload` its value. The outcome
    /// comes as [`Event::Outcome`] with the key returned here, exactly once, at the latest when
    /// [`Limits::call_deadline`] has passed from now.
    ///
    /// # Errors
    /// [`Full`] when as many bytes wait as [`Limits::queued`] allows: try again after the next
    /// outcome, see [`has_room`](Self::has_room).
    pub fn call(&mut self, now: Time, kind: u32, payload: Vec<u8>) -> Result<CallKey, Full> {
        self.now = self.now.max(now);
        if let Some(outcome) = self.refuses(kind, &payload) {
            let key = self.outgoing.new_key();
            self.events.push_back(Event::Outcome { call: key, outcome });
            return Ok(key);
        }
        self.outgoing
            .push(kind, payload, self.now + self.limits.call_deadline)
    }

    /// Whether [`call`](Self::call) would take this payload now.
    pub fn has_room(&self, payload: &[u8]) -> bool {
        self.outgoing.has_room(payload)
    }

    fn refuses(&self, kind: u32, payload: &[u8]) -> Option<Outcome> {
        let refused = |why: Refusal| Some(Outcome::Answered(Answer::Refused(why.into())));
        if self.role == Role::Server || !self.state.takes_calls() {
            Some(Outcome::NotReceived)
        } else if payload.len() > MAX_PAYLOAD {
            refused(Refusal::TooLarge)
        } else if kind >= self.kinds {
            refused(Refusal::UnknownKind)
        } else {
            self.outgoing.refusal(kind).and_then(refused)
        }
    }

    /// The caller wants no outcome any more: a call that hasn't been sent never will be.
    pub fn abandon(&mut self, call: CallKey) {
        self.outgoing.abandon(call);
    }

    /// Answers an [`Event::Call`]. An answer larger than the wire allows is sent as
    /// [`Refusal::TooLarge`]. An answer to a call that is over (its deadline passed, the session
    /// ended) is ignored.
    pub fn answer(&mut self, now: Time, call: Number, answer: Answer<Vec<u8>>) {
        self.now = self.now.max(now);
        let answer = match answer {
            Answer::Value(payload) | Answer::Error(payload) if payload.len() > MAX_PAYLOAD => {
                Answer::Refused(Refusal::TooLarge.into())
            }
            fits => fits,
        };
        self.incoming.answer(call, answer);
    }

    /// Answers an [`Event::Hello`]: the session is open. Ignored if no hello is waiting.
    pub fn welcome(&mut self, now: Time, admitted: Admitted) {
        self.now = self.now.max(now);
        if self.state != State::Judging {
            return;
        }
        let Admitted {
            session,
            peer,
            boot,
            refused,
        } = admitted;
        let window = self.incoming.granted();
        self.acked = Ack {
            received: None,
            window,
        };
        self.opening = Some(Frame::Welcome(Welcome {
            session,
            peer,
            boot,
            window,
            refused,
        }));
        self.open();
    }

    /// Says goodbye: calls that haven't been sent end as `NotReceived`, what has been answered
    /// still goes out, then the two ends part. A server that hasn't welcomed its client refuses it
    /// thus. Further calls of this are ignored.
    pub fn close(&mut self, now: Time, goodbye: Goodbye) {
        self.now = self.now.max(now);
        match self.state {
            State::Idle => {
                self.over(End::Closed(goodbye), Received::Untold);
                self.state = State::Closed;
            }
            State::Awaiting | State::Judging => {
                self.close_with(End::Closed(goodbye.clone()), goodbye);
            }
            State::Greeting | State::Open => {
                let unsent = self.outgoing.end_queued();
                self.report(unsent);
                self.incoming.stop();
                self.drain(State::Draining, goodbye);
            }
            State::Draining | State::Parting | State::Closing | State::Closed => {}
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
        out.clear();
        self.start_calls();
        if let Some(event) = self.events.pop_front() {
            return Output::Event(event);
        }
        self.watch_transport(room);
        if room > 0 {
            self.write(out);
            if !out.is_empty() {
                return Output::Send;
            }
        }
        let flushed = room > 0 || self.goodbye_given_up;
        if self.state == State::Closing && flushed && !self.has_last_words() {
            self.state = State::Closed;
            self.timers.stop_all();
            return Output::Close {
                code: self.close_code(),
            };
        }
        Output::Wait(self.next_deadline())
    }

    fn close_code(&self) -> u16 {
        self.end
            .as_ref()
            .map_or(GoodbyeCode::Done, End::code)
            .close_code()
    }

    fn next_deadline(&self) -> Option<Time> {
        let calls = self
            .outgoing
            .next_deadline()
            .into_iter()
            .chain(self.incoming.next_deadline());
        self.timers.next().into_iter().chain(calls).min()
    }

    fn opened(&mut self) {
        if self.state == State::Idle {
            self.state = State::Greeting;
            self.timers
                .set(Timer::Handshake, self.now + self.limits.handshake);
        }
    }

    fn open(&mut self) {
        self.state = State::Open;
        self.timers.stop(Timer::Handshake);
        self.heard();
    }

    fn lost(&mut self) {
        if self.state == State::Closed {
            return;
        }
        let end = match (&self.goodbye, self.state) {
            (Some(said), State::Draining) => End::Closed(said.clone()),
            _ => End::Lost,
        };
        self.over(end, Received::Untold);
        self.incoming.clear();
        self.timers.stop_all();
        self.state = State::Closed;
    }

    fn tick(&mut self) {
        while let Some((timer, due)) = self.timers.expire(self.now) {
            match timer {
                Timer::Handshake => {
                    let goodbye = Goodbye::new(GoodbyeCode::TooSlow, "");
                    self.close_with(End::TooSlow, goodbye);
                }
                Timer::Silence => self.silence(due),
                Timer::Stall => self.stalled(due),
                Timer::Ack => self.ack_now = true,
                Timer::Drain => self.drained(),
            }
        }
        for call in self.outgoing.expire(self.now) {
            self.events.push_back(Event::Outcome {
                call,
                outcome: Outcome::Deadline,
            });
        }
        for call in self.incoming.late(self.now) {
            self.incoming
                .answer(call, Answer::Refused(Refusal::Deadline.into()));
            self.events.push_back(Event::CallDropped { call });
        }
    }

    /// The time for last words is over: whatever hasn't gone out won't.
    fn drained(&mut self) {
        if let (Some(said), State::Draining) = (&self.goodbye, self.state) {
            self.over(End::Closed(said.clone()), Received::Untold);
        }
        self.opening = None;
        self.incoming.clear();
        self.goodbye_sent = true;
        self.goodbye_given_up = true;
        self.state = State::Closing;
    }

    /// Says goodbye and waits, in `state`, for what the peer does.
    fn drain(&mut self, state: State, goodbye: Goodbye) {
        self.goodbye.get_or_insert(goodbye);
        self.timers.stop(Timer::Handshake);
        self.timers.stop(Timer::Silence);
        self.timers.stop(Timer::Stall);
        self.timers.set(Timer::Drain, self.now + self.limits.drain);
        self.state = state;
    }

    /// Ends the session, says why, and closes once that is out.
    fn close_with(&mut self, end: End, goodbye: Goodbye) {
        self.over(end, Received::Untold);
        self.drain(State::Closing, goodbye);
    }

    fn misbehaved(&mut self, fault: PeerMisbehaved) {
        if matches!(self.state, State::Closing | State::Closed) {
            return;
        }
        self.incoming.clear();
        let goodbye = Goodbye::new(fault.code(), fault.to_string());
        self.close_with(End::Misbehaved(fault), goodbye);
    }

    /// Gives every call its outcome and the application the end, once.
    fn over(&mut self, end: End, received: Received) {
        self.incoming.stop();
        let ended = self.outgoing.end_all(received);
        self.report(ended);
        if self.end.is_none() {
            self.end = Some(end.clone());
            self.events.push_back(Event::Ended(end));
        }
    }

    fn report(&mut self, ended: Vec<(CallKey, Outcome)>) {
        let events = ended
            .into_iter()
            .map(|(call, outcome)| Event::Outcome { call, outcome });
        self.events.extend(events);
    }
}

#[cfg(test)]
mod tests;
