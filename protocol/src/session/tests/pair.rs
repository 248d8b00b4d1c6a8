//! A client and a server whose link is a queue each way.

use std::collections::VecDeque;
use std::time::Duration;

use crate::frame::{Frame, Frames, Hello, Refusal};
use crate::session::{Admitted, CallKey, End, Event, Input, Outcome, Output, Session, State};
use crate::{
    Answer, BootId, Class, Fingerprint, Goodbye, KindEntry, Limits, Number, PeerId, SessionId, Time,
};

/// One end, and what it has said so far.
pub(super) struct Side {
    pub(super) session: Session,
    pub(super) events: Vec<Event>,
    /// Messages on their way to the other side.
    pub(super) sent: VecDeque<Vec<u8>>,
    pub(super) closed: Option<u16>,
    pub(super) wake: Option<Time>,
    /// What the transport takes.
    pub(super) room: usize,
    /// The network loses what this side sends, and tells nobody.
    pub(super) unheard: bool,
}

impl Side {
    fn new(session: Session) -> Self {
        let (events, sent) = (Vec::new(), VecDeque::new());
        Self {
            session,
            events,
            sent,
            closed: None,
            wake: None,
            room: usize::MAX,
            unheard: false,
        }
    }

    pub(super) fn poll(&mut self, now: Time) {
        let mut out = Vec::new();
        for _ in 0..10_000 {
            match self.session.poll(now, &mut out, self.room) {
                Output::Send => self.sent.push_back(out.clone()),
                Output::Event(event) => self.events.push(event),
                Output::Close { code } => self.closed = Some(code),
                Output::Wait(wake) => {
                    self.wake = wake;
                    return;
                }
            }
        }
        panic!("the session never waits");
    }

    pub(super) fn end(&self) -> Option<&End> {
        self.events.iter().find_map(|event| match event {
            Event::Ended(end) => Some(end),
            _ => None,
        })
    }

    pub(super) fn outcome(&self, call: CallKey) -> Option<&Outcome> {
        let mut outcomes = self.events.iter().filter_map(|event| match event {
            Event::Outcome { call: key, outcome } if *key == call => Some(outcome),
            _ => None,
        });
        let outcome = outcomes.next();
        assert_eq!(outcomes.next(), None, "a call has one outcome");
        outcome
    }

    /// The calls given to this side's application: number and payload.
    pub(super) fn calls(&self) -> Vec<(Number, Vec<u8>)> {
        let call = |event: &Event| match event {
            Event::Call { call, payload, .. } => Some((*call, payload.clone())),
            _ => None,
        };
        self.events.iter().filter_map(call).collect()
    }
}

pub(super) struct Pair {
    pub(super) now: Time,
    pub(super) client: Side,
    pub(super) server: Side,
}

pub(super) const LATENCY: Duration = Duration::from_millis(10);

pub(super) fn kinds() -> Vec<KindEntry> {
    let kind = |name: &str| KindEntry {
        name: name.to_owned(),
        class: Class::Call,
        fingerprint: Fingerprint::from_bytes([1; 8]),
    };
    vec![kind("Greet"), kind("Unheard")]
}

pub(super) fn greeting() -> Admitted {
    Admitted {
        session: SessionId::from_bytes([1; 16]),
        peer: PeerId::from_bytes([2; 8]),
        boot: BootId::from_bytes([3; 8]),
        refused: vec![(1, Refusal::UnknownKind)],
    }
}

impl Pair {
    /// The socket is open; nothing has been said.
    pub(super) fn new(limits: &Limits) -> Self {
        let now = Time::default();
        let client = Session::client(limits.clone(), kinds(), b"ticket".to_vec());
        let server = Session::server(now, limits.clone());
        let mut pair = Self {
            now,
            client: Side::new(client),
            server: Side::new(server),
        };
        pair.client.session.handle(now, Input::Opened);
        pair
    }

    /// Welcomed.
    pub(super) fn open(limits: &Limits) -> Self {
        let mut pair = Self::new(limits);
        pair.drive();
        pair.server.session.welcome(pair.now, greeting());
        pair.drive();
        assert_eq!(pair.client.session.state(), State::Open);
        assert_eq!(pair.server.session.state(), State::Open);
        pair
    }

    /// Delivers until both wait and nothing is on its way; each delivery takes [`LATENCY`].
    pub(super) fn drive(&mut self) {
        loop {
            self.client.poll(self.now);
            self.server.poll(self.now);
            let (up, down) = (self.client.sent.pop_front(), self.server.sent.pop_front());
            if up.is_none() && down.is_none() {
                return;
            }
            self.now = self.now + LATENCY;
            if let Some(message) = up.filter(|_| !self.client.unheard) {
                self.server
                    .session
                    .handle(self.now, Input::Message(&message));
            }
            if let Some(message) = down.filter(|_| !self.server.unheard) {
                self.client
                    .session
                    .handle(self.now, Input::Message(&message));
            }
        }
    }

    /// Lets time pass: both sides wake at their deadlines.
    pub(super) fn pass(&mut self, time: Duration) {
        let until = self.now + time;
        loop {
            self.drive();
            let wake = self.client.wake.into_iter().chain(self.server.wake).min();
            let Some(wake) = wake.filter(|wake| *wake <= until) else {
                break;
            };
            self.now = self.now.max(wake);
            self.client.session.handle(self.now, Input::Tick);
            self.server.session.handle(self.now, Input::Tick);
        }
        self.now = self.now.max(until);
    }

    pub(super) fn call(&mut self, payload: &[u8]) -> CallKey {
        self.client
            .session
            .call(self.now, 0, payload.to_vec())
            .expect("the queue has room")
    }

    pub(super) fn answer(&mut self, call: Number, payload: &[u8]) {
        self.server
            .session
            .answer(self.now, call, Answer::Value(payload.to_vec()));
    }

    /// Both ends see the transport go.
    pub(super) fn cut(&mut self) {
        self.client.sent.clear();
        self.server.sent.clear();
        self.client.session.handle(self.now, Input::Lost);
        self.server.session.handle(self.now, Input::Lost);
        self.drive();
    }

    /// The server's answer to hand-made frames of a client.
    pub(super) fn inject(&mut self, frames: &[Frame<'_>]) {
        let mut message = Vec::new();
        frames.iter().for_each(|frame| frame.encode(&mut message));
        self.server
            .session
            .handle(self.now, Input::Message(&message));
        self.server.poll(self.now);
    }
}

/// The goodbye in the last message of a side.
pub(super) fn goodbye(side: &Side) -> Goodbye {
    let message = side.sent.back().expect("something was sent");
    match Frames::new(message).last() {
        Some(Ok(Frame::Goodbye(goodbye))) => goodbye,
        other => panic!("a goodbye comes last, not {other:?}"),
    }
}

pub(super) fn hello() -> Hello {
    Hello {
        window: 1 << 20,
        token: Vec::new(),
        kinds: kinds(),
    }
}
