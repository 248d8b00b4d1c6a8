//! A client and a server whose link is a queue each way.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use crate::frame::{Continuity, Frame, Frames, Hello, KindTable, PeerLimits, Refusal, Resume};
use crate::log::{Encoding, Log, LogReader, Slice};
use crate::session::side::AnyEvent;
use crate::session::{
    Admitted, ClientSide, End, Event, Input, Outcome, Output, ReadLog, RequestKey, ServerEvent,
    ServerSide, Session, Side, State,
};
use crate::{
    Answer, BootId, Class, Fingerprint, Goodbye, KindEntry, Limits, PeerId, Secret, SeqNo,
    SessionId, Time,
};

/// One end, and what it has said so far.
pub(super) struct TestSide<S> {
    pub(super) session: Session<S>,
    pub(super) events: Vec<AnyEvent>,
    /// Messages on their way to the other side.
    pub(super) sent: VecDeque<Vec<u8>>,
    pub(super) closed: Option<u16>,
    pub(super) wake: Option<Time>,
    /// Bytes that the transport takes.
    pub(super) room: usize,
    /// The network loses what this side sends, and tells nobody.
    pub(super) unheard: bool,
    /// The logs that the session reads.
    pub(super) logs: Vec<Log>,
}

/// An end whose shell these tests are.
pub(super) trait Shell: Side<Event: Into<AnyEvent>> {
    /// Tells the session what came of a log that it reads.
    fn log_read(session: &mut Session<Self>, now: Time, read: ReadLog, slice: Slice);
}

impl Shell for ClientSide {
    fn log_read(_: &mut Session<Self>, _: Time, read: ReadLog, _: Slice) {
        panic!("a client reads no log: {read:?}");
    }
}

impl Shell for ServerSide {
    fn log_read(session: &mut Session<Self>, now: Time, read: ReadLog, slice: Slice) {
        session.log_read(now, read, slice);
    }
}

impl<S: Shell> TestSide<S> {
    fn new(session: Session<S>) -> Self {
        let (events, sent) = (Vec::new(), VecDeque::new());
        Self {
            session,
            events,
            sent,
            closed: None,
            wake: None,
            room: usize::MAX,
            unheard: false,
            logs: Vec::new(),
        }
    }

    pub(super) fn poll(&mut self, now: Time) {
        let mut out = Vec::new();
        for _ in 0..10_000 {
            match self.session.poll(now, &mut out, self.room) {
                Output::Send => self.sent.push_back(out.clone()),
                Output::Event(event) => self.events.push(event.into()),
                Output::SideEvent(event) => match event.into() {
                    AnyEvent::Server(ServerEvent::ReadLog(read)) => self.read(now, read),
                    event => self.events.push(event),
                },
                Output::Close { code } => self.closed = Some(code),
                Output::Wait(wake) => {
                    self.wake = wake;
                    return;
                }
            }
        }
        panic!("the session never waits");
    }

    fn read(&mut self, now: Time, read: ReadLog) {
        let log = self.logs.iter_mut().find(|log| log.alias() == read.alias);
        let log = log.expect("a session reads what was joined");
        let reader = LogReader {
            peer: PeerId::from_bytes([2; 8]),
            encoding: Encoding::Canonical,
        };
        let mut message = Vec::new();
        let slice = log.read(reader, read.from, read.room, &mut message);
        if !message.is_empty() {
            self.sent.push_back(message);
        }
        S::log_read(&mut self.session, now, read, slice);
    }

    pub(super) fn request(&mut self, now: Time, kind: u32, payload: &[u8]) -> RequestKey {
        let request = self.session.request(now, kind, payload.to_vec());
        request.expect("the queue has room")
    }

    /// Hears hand-made frames.
    pub(super) fn inject(&mut self, now: Time, frames: &[Frame<'_>]) {
        for frame in frames {
            let mut message = Vec::new();
            frame.encode(&mut message);
            self.session.handle(now, Input::Message(&message));
        }
        self.poll(now);
    }

    fn shown(&self) -> Shown<'_> {
        Shown {
            state: self.session.state(),
            end: self.end(),
            events: &self.events,
            closed: self.closed,
            wake: self.wake,
        }
    }

    pub(super) fn end(&self) -> Option<&End> {
        self.events.iter().find_map(|event| match event {
            AnyEvent::Both(Event::Ended(end)) => Some(end),
            _ => None,
        })
    }

    pub(super) fn outcome(&self, call: RequestKey) -> Option<&Outcome> {
        let mut outcomes = self.events.iter().filter_map(|event| match event {
            AnyEvent::Both(Event::Outcome { request, outcome }) if *request == call => {
                Some(outcome)
            }
            _ => None,
        });
        let outcome = outcomes.next();
        assert_eq!(outcomes.next(), None, "a call has one outcome");
        outcome
    }

    /// The requests given to this side's application: number and payload.
    pub(super) fn requests(&self) -> Vec<(SeqNo, Vec<u8>)> {
        let call = |event: &AnyEvent| match event {
            AnyEvent::Both(Event::Request(request)) => {
                Some((request.number, request.payload.clone()))
            }
            _ => None,
        };
        self.events.iter().filter_map(call).collect()
    }
}

impl TestSide<ServerSide> {
    fn idle() -> Self {
        Self::new(Session::server(Time::default(), Limits::default(), vec![]))
    }
}

/// The same of either end.
pub(super) struct Shown<'a> {
    pub(super) state: State,
    pub(super) end: Option<&'a End>,
    pub(super) events: &'a [AnyEvent],
    pub(super) closed: Option<u16>,
    pub(super) wake: Option<Time>,
}

pub(super) struct Pair {
    pub(super) now: Time,
    pub(super) client: TestSide<ClientSide>,
    pub(super) server: TestSide<ServerSide>,
    /// The server's end of a socket that isn't the session's yet.
    pub(super) greeter: TestSide<ServerSide>,
}

pub(super) const LATENCY: Duration = Duration::from_millis(10);

/// The places of [`table`]'s kinds.
pub(super) const GREET: u32 = 0;
pub(super) const UNHEARD: u32 = 1;
pub(super) const ASK: u32 = 2;
pub(super) const TYPING: u32 = 3;
pub(super) const ROOM: u32 = 4;

pub(super) fn table() -> Arc<KindTable> {
    let kind = |name: &str, class| KindEntry {
        name: name.to_owned(),
        class,
        fingerprint: Fingerprint::from_bytes([1; 8]),
    };
    let kinds = vec![
        kind("Greet", Class::Call),
        kind("Unheard", Class::Call),
        kind("Ask", Class::Stream),
        kind("Typing", Class::Event),
        kind("Room", Class::Topic),
    ];
    Arc::new(KindTable::new(kinds))
}

pub(super) fn greeting() -> Admitted {
    Admitted {
        session: SessionId::from_bytes([1; 16]),
        peer: PeerId::from_bytes([2; 8]),
        boot: BootId::from_bytes([3; 8]),
        secret: Secret::from_bytes([4; 32]),
        continuity: Continuity::New,
        refused: vec![(UNHEARD, Refusal::UnknownKind)],
        in_order: vec![],
    }
}

impl Pair {
    /// The socket is open; nothing has been said.
    pub(super) fn new(limits: &Limits) -> Self {
        let now = Time::default();
        let client = Session::client(limits.clone(), table(), b"ticket".to_vec());
        let server = Session::server(now, limits.clone(), vec![table()]);
        let mut pair = Self {
            now,
            client: TestSide::new(client),
            server: TestSide::new(server),
            greeter: TestSide::idle(),
        };
        pair.client.session.handle(now, Input::Opened);
        pair
    }

    /// A server that doesn't know the client's table has the hello.
    pub(super) fn asked(limits: &Limits) -> Self {
        let mut pair = Self::new(limits);
        pair.server = TestSide::new(Session::server(pair.now, limits.clone(), vec![]));
        pair.client.poll(pair.now);
        let hello = pair.client.sent.pop_front().expect("a client says hello");
        pair.server.session.handle(pair.now, Input::Message(&hello));
        pair.server.poll(pair.now);
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

    pub(super) fn both(&self) -> [Shown<'_>; 2] {
        [self.client.shown(), self.server.shown()]
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

    pub(super) fn call(&mut self, payload: &[u8]) -> RequestKey {
        self.client.request(self.now, GREET, payload)
    }

    pub(super) fn answer(&mut self, call: SeqNo, payload: &[u8]) {
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

    /// The client opens another socket, and says hello: what it wants back.
    pub(super) fn wanted(&mut self) -> Resume {
        self.client.session.handle(self.now, Input::Opened);
        self.client.poll(self.now);
        let hello = self.client.sent.pop_front().expect("a client says hello");
        let known = vec![table()];
        self.greeter = TestSide::new(Session::server(self.now, Limits::default(), known));
        let greeter = &mut self.greeter;
        greeter.session.handle(self.now, Input::Message(&hello));
        greeter.poll(self.now);
        match greeter.events.pop() {
            Some(AnyEvent::Server(ServerEvent::Hello {
                resume: Some(resume),
                ..
            })) => *resume,
            other => panic!("a client wants its session back: {other:?}"),
        }
    }

    /// The client has its session back; nothing of that has been delivered.
    pub(super) fn resume(&mut self) {
        let wanted = self.wanted();
        let secret = Secret::from_bytes([wanted.attempt as u8; 32]);
        let server = &mut self.server.session;
        let resumed = server.resume(self.now, &wanted, &table(), secret);
        assert_eq!(resumed, Ok(()));
    }

    /// The server welcomes the client on its other socket to another session.
    pub(super) fn welcome_anew(&mut self, continuity: Continuity) {
        self.server = std::mem::replace(&mut self.greeter, TestSide::idle());
        let admitted = Admitted {
            session: SessionId::from_bytes([11; 16]),
            continuity,
            ..greeting()
        };
        self.server.session.welcome(self.now, admitted);
    }

    /// The server's answer to hand-made frames of a client.
    pub(super) fn inject(&mut self, frames: &[Frame<'_>]) {
        self.server.inject(self.now, frames);
    }
}

/// The goodbye in the last message of a side.
pub(super) fn goodbye<S>(side: &TestSide<S>) -> Goodbye {
    let message = side.sent.back().expect("something was sent");
    match Frames::new(message).last() {
        Some(Ok(Frame::Goodbye(goodbye))) => goodbye,
        other => panic!("a goodbye comes last, not {other:?}"),
    }
}

pub(super) fn hello() -> Hello {
    Hello {
        bounds: PeerLimits {
            window: 1 << 20,
            stream: 64 * 1024,
            topic: 256 * 1024,
            payload: 256 * 1024,
        },
        token: Vec::new(),
        digest: table().digest(),
        resume: None,
    }
}
