//! A platform and a server in memory, in virtual time.

mod run;

use std::collections::{BTreeMap, VecDeque};
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use thiserror::Error;
use twinwire::frame::{Continuity, Resume, Table};
use twinwire::limits::MAX_MESSAGE;
use twinwire::session::{Admitted, Event, Input, Output, Session, State};
use twinwire::{
    BootId, End, Format, Goodbye, GoodbyeCode, Kinds, Limits, PeerId, Secret, SessionId, Time,
    kinds,
};
use twinwire_client::{Departure, Inbound, Link, LinkLost, OpenFailure, Transport};

pub(crate) use run::Run;

#[derive(Serialize, Deserialize, twinwire::Event)]
pub(crate) struct Say {
    pub(crate) text: String,
}

pub(crate) const KINDS: Kinds = kinds![Say];

/// The outcome of an attempt to connect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Welcome,
    /// The connection is lost right after.
    WelcomeAndBreak,
    /// It opens, and the server says goodbye.
    Goodbye,
    Refused,
    /// It hangs.
    Nothing,
    Status(u16),
    /// As in a browser, where only a diagnosis tells.
    Hidden(u16),
    /// Trying again is of no use.
    Never,
}

#[derive(Debug, PartialEq, Error)]
pub(crate) enum Failure {
    #[error("connection refused")]
    Refused,
    #[error("status {0}")]
    Status(u16),
    #[error("closed before it opened")]
    Hidden,
    #[error("this URL is none")]
    Never,
}

impl OpenFailure for Failure {
    fn is_final(&self) -> bool {
        *self == Self::Never
    }

    fn is_rejection(&self) -> bool {
        matches!(self, Self::Status(400..=499))
    }

    fn status(&self) -> Option<u16> {
        match self {
            Self::Status(status) => Some(*status),
            Self::Refused | Self::Hidden | Self::Never => None,
        }
    }
}

/// SplitMix64.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn fraction(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Returns a time, mostly a short one.
    pub(crate) fn below(&mut self, most: Duration) -> Duration {
        let part = self.fraction();
        most.mul_f64(part * part)
    }
}

#[derive(Clone)]
pub(crate) struct World(Arc<Mutex<Inner>>);

struct Inner {
    now: Duration,
    dice: Dice,
    answer: Answer,
    attempts: Vec<Duration>,
    timers: BTreeMap<u64, Duration>,
    timer: u64,
    hints: u64,
    slept: bool,
    departures: VecDeque<Departure>,
    /// Counts whatever may give the client something to do.
    activity: u64,
    /// The link's number, and what is on its way to the client; none once it is cut.
    link: Option<(u64, VecDeque<Vec<u8>>)>,
    swallows: bool,
    /// The server's session that is welcomed, and one that awaits a hello.
    session: Option<Session>,
    greeter: Option<Session>,
    /// The time at which the server's session wants to be woken.
    wake: Option<Time>,
    said_goodbye: bool,
    /// The texts that came to the server.
    heard: Vec<String>,
}

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(Inner {
            now: Duration::ZERO,
            dice: Dice(seed),
            answer: Answer::Welcome,
            attempts: Vec::new(),
            timers: BTreeMap::new(),
            timer: 0,
            hints: 0,
            slept: false,
            departures: VecDeque::new(),
            activity: 0,
            link: None,
            swallows: false,
            session: None,
            greeter: None,
            wake: None,
            said_goodbye: false,
            heard: Vec::new(),
        })))
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().expect("nobody panics")
    }

    pub(crate) fn answers(&self, answer: Answer) {
        self.inner().answer = answer;
    }

    /// Ends the connection; both ends see it.
    pub(crate) fn cut(&self) {
        self.inner().cut();
    }

    /// Has the connection, and no other, lose everything without a word.
    pub(crate) fn swallows(&self) {
        self.inner().swallows = true;
    }

    /// Ends the connection, and has the server know nothing of its session, as after a restart.
    pub(crate) fn forgets(&self) {
        let mut inner = self.inner();
        inner.session = None;
        inner.cut();
    }

    pub(crate) fn heard(&self) -> Vec<String> {
        self.inner().heard.clone()
    }

    pub(crate) fn hint(&self) {
        self.inner().hints += 1;
    }

    /// Has the machine sleep, while its clock stands.
    pub(crate) fn sleeps(&self) {
        self.inner().slept = true;
    }

    pub(crate) fn leaves(&self, departure: Departure) {
        self.inner().departures.push_back(departure);
    }

    pub(crate) fn attempts(&self) -> Vec<Duration> {
        self.inner().attempts.clone()
    }

    pub(crate) fn is_linked(&self) -> bool {
        self.inner().link.is_some()
    }

    /// Returns true once a client has ended its session.
    pub(crate) fn said_goodbye(&self) -> bool {
        self.inner().said_goodbye
    }
}

impl Inner {
    fn now(&self) -> Time {
        Time::from_origin(self.now)
    }

    fn cut(&mut self) {
        self.activity += 1;
        self.link = None;
        self.greeter = None;
        let now = self.now();
        if let Some(session) = &mut self.session {
            session.handle(now, Input::Lost);
        }
        self.drive();
    }

    fn open(&mut self) -> u64 {
        self.cut();
        self.swallows = false;
        let number = self.attempts.len() as u64;
        self.link = Some((number, VecDeque::new()));
        let limits = Limits::default().resume(Duration::from_secs(3600));
        let known = vec![Arc::new(KINDS.table())];
        self.greeter = Some(Session::server(self.now(), limits, known));
        number
    }

    /// Gives the server what its client or time brings.
    fn feed(&mut self, input: Input<'_>) {
        let now = self.now();
        if let Some(session) = self.greeter.as_mut().or(self.session.as_mut()) {
            session.handle(now, input);
        }
        self.drive();
    }

    fn drive(&mut self) {
        let (now, mut out) = (self.now(), Vec::new());
        while let Some(session) = self.greeter.as_mut().or(self.session.as_mut()) {
            match session.poll(now, &mut out, MAX_MESSAGE) {
                Output::Send => {
                    self.activity += 1;
                    if let Some((_, link)) = self.link.as_mut().filter(|_| !self.swallows) {
                        link.push_back(out.clone());
                    }
                }
                Output::Event(Event::Hello { table, resume, .. }) => self.judge(&table, resume),
                Output::Event(Event::Ended(end)) => {
                    self.said_goodbye |= matches!(end, End::Goodbye(_));
                }
                Output::Event(Event::Request(request)) => {
                    session.done(now, request.number);
                    let said = Format::Postcard.decode::<Say>(&request.payload);
                    self.heard.push(said.expect("it is the only kind").text);
                }
                Output::Event(_) => {}
                Output::Pull(_) => unreachable!("there are no topics"),
                Output::Close { .. } => {
                    if self.greeter.take().is_none() {
                        let is_kept = |session: &Session| session.state() == State::Detached;
                        self.session = self.session.take().filter(is_kept);
                    }
                    return;
                }
                Output::Wait(wake) => {
                    self.wake = wake;
                    return;
                }
            }
        }
    }

    fn judge(&mut self, table: &Table, resume: Option<Box<Resume>>) {
        let (now, secret) = (
            self.now(),
            Secret::from_bytes([self.attempts.len() as u8; 32]),
        );
        let Some(mut greeter) = self.greeter.take() else {
            return;
        };
        if self.answer == Answer::Goodbye {
            greeter.close(now, Goodbye::new(GoodbyeCode::GoingAway, "later"));
            self.greeter = Some(greeter);
            return;
        }
        if let (Some(wanted), Some(session)) = (&resume, &mut self.session)
            && session.resume(now, wanted, table, secret.clone()).is_ok()
        {
            return;
        }
        let continuity = match resume {
            Some(_) => Continuity::Unknown,
            None => Continuity::New,
        };
        greeter.welcome(
            now,
            Admitted {
                session: SessionId::from_bytes([self.attempts.len() as u8; 16]),
                peer: PeerId::from_bytes([2; 8]),
                boot: BootId::from_bytes([3; 8]),
                secret,
                continuity,
                refused: Vec::new(),
                in_order: Vec::new(),
            },
        );
        self.session = Some(greeter);
    }
}

pub(crate) struct WorldLink {
    world: World,
    number: u64,
}

impl WorldLink {
    fn is_cut(&self, inner: &Inner) -> bool {
        inner
            .link
            .as_ref()
            .is_none_or(|(number, _)| *number != self.number)
    }
}

impl Link for WorldLink {
    type Message = Vec<u8>;

    fn poll_receive(&mut self, _: &mut Context<'_>) -> Poll<Result<Inbound<Vec<u8>>, LinkLost>> {
        let mut inner = self.world.inner();
        if self.is_cut(&inner) {
            return Poll::Ready(Err(LinkLost));
        }
        let breaks = inner.answer == Answer::WelcomeAndBreak && inner.greeter.is_none();
        let message = inner.link.as_mut().and_then(|(_, link)| link.pop_front());
        match message {
            Some(message) => Poll::Ready(Ok(Inbound::Binary(message))),
            None if breaks => {
                inner.cut();
                Poll::Ready(Err(LinkLost))
            }
            None => Poll::Pending,
        }
    }

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), LinkLost>> {
        Poll::Ready(Ok(()))
    }

    fn send(&mut self, message: Vec<u8>) {
        let mut inner = self.world.inner();
        if !self.is_cut(&inner) && !inner.swallows {
            inner.feed(Input::Message(&message));
        }
    }

    fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<Result<(), LinkLost>> {
        Poll::Ready(Ok(()))
    }

    async fn close(self, _: u16) {}
}

impl Drop for WorldLink {
    fn drop(&mut self) {
        let mut inner = self.world.inner();
        if !self.is_cut(&inner) {
            inner.cut();
        }
    }
}

pub(crate) struct Sleep {
    world: World,
    number: u64,
    at: Duration,
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        match self.world.inner().now >= self.at {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        self.world.inner().timers.remove(&self.number);
    }
}

impl Transport for World {
    type Link = WorldLink;
    type Error = Failure;
    type Sleep = Sleep;

    async fn open(&self, _: &str, _: &'static str) -> Result<WorldLink, Failure> {
        let answer = {
            let mut inner = self.inner();
            let now = inner.now;
            inner.attempts.push(now);
            inner.answer
        };
        match answer {
            Answer::Welcome | Answer::WelcomeAndBreak | Answer::Goodbye => {}
            Answer::Refused => return Err(Failure::Refused),
            Answer::Nothing => std::future::pending().await,
            Answer::Status(status) => return Err(Failure::Status(status)),
            Answer::Hidden(_) => return Err(Failure::Hidden),
            Answer::Never => return Err(Failure::Never),
        }
        let number = self.inner().open();
        Ok(WorldLink {
            world: self.clone(),
            number,
        })
    }

    async fn diagnose(&self, _: &str) -> Option<Failure> {
        match self.inner().answer {
            Answer::Hidden(status) => Some(Failure::Status(status)),
            _ => None,
        }
    }

    fn now(&self) -> Time {
        self.inner().now()
    }

    fn sleep(&self, time: Duration) -> Sleep {
        let mut inner = self.inner();
        inner.timer += 1;
        let (number, at) = (inner.timer, inner.now + time);
        inner.timers.insert(number, at);
        Sleep {
            world: self.clone(),
            number,
            at,
        }
    }

    fn jitter(&self) -> f64 {
        self.inner().dice.fraction()
    }

    fn wake_hint(&self) -> impl Future<Output = ()> {
        let heard = self.inner().hints;
        poll_fn(move |_| match self.inner().hints > heard {
            true => Poll::Ready(()),
            false => Poll::Pending,
        })
    }

    fn has_slept(&self) -> bool {
        std::mem::take(&mut self.inner().slept)
    }

    fn leaving(&self) -> impl Future<Output = Departure> {
        poll_fn(|_| match self.inner().departures.pop_front() {
            Some(departure) => Poll::Ready(departure),
            None => Poll::Pending,
        })
    }
}
