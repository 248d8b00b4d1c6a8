//! A platform and a server in memory, in virtual time.

use std::collections::{BTreeMap, VecDeque};
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use thiserror::Error;
use twinwire::frame::{Continuity, Resume, Table};
use twinwire::limits::MAX_MESSAGE;
use twinwire::session::{Admitted, Event, Fresh, Input, Output, Session, State};
use twinwire::{
    BootId, End, Goodbye, GoodbyeCode, Kinds, Limits, PeerId, Secret, SessionId, Time, kinds,
};
use twinwire_client::{
    Client, ClientState, ConnectError, Connecting, Departure, Inbound, Link, LinkLost, OpenFailure,
    Options, Transport, start,
};

pub(crate) const KINDS: Kinds = kinds![];

/// The most virtual time that a test waits for anything.
const LATEST: Duration = Duration::from_secs(1000);

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

/// A client in its world.
pub(crate) struct Run {
    pub(crate) world: World,
    driver: Option<Pin<Box<dyn Future<Output = ()>>>>,
    connecting: Option<Pin<Box<Connecting<Failure>>>>,
    outcome: Option<Result<(), ConnectError<Failure>>>,
    client: Option<Client>,
    closing: Option<Pin<Box<dyn Future<Output = ()>>>>,
    freshes: Arc<Mutex<Vec<Fresh>>>,
}

impl Run {
    pub(crate) fn start(world: World, options: Options) -> Self {
        let freshes = Arc::<Mutex<Vec<Fresh>>>::default();
        let told = Arc::clone(&freshes);
        let options = options.on_fresh(move |_, why| {
            told.lock().expect("nobody panics").push(why);
            async {}
        });
        let (connecting, driver) = start(world.clone(), options);
        Self {
            world,
            driver: Some(Box::pin(driver.run())),
            connecting: Some(Box::pin(connecting)),
            outcome: None,
            client: None,
            closing: None,
            freshes,
        }
    }

    pub(crate) fn connected(world: World, options: Options) -> Self {
        let mut run = Self::start(world, options);
        run.pass(Duration::ZERO);
        assert!(matches!(run.outcome(), Some(Ok(()))), "{:?}", run.outcome());
        run
    }

    pub(crate) fn now(&self) -> Duration {
        self.world.inner().now
    }

    pub(crate) fn client(&self) -> &Client {
        self.client.as_ref().expect("it is connected")
    }

    pub(crate) fn state(&self) -> ClientState {
        self.client().state()
    }

    pub(crate) fn outcome(&self) -> Option<Result<(), &ConnectError<Failure>>> {
        self.outcome
            .as_ref()
            .map(|outcome| outcome.as_ref().copied())
    }

    pub(crate) fn freshes(&self) -> Vec<Fresh> {
        self.freshes.lock().expect("nobody panics").clone()
    }

    pub(crate) fn close(&mut self) {
        let client = self.client().clone();
        self.closing = Some(Box::pin(async move {
            client.close().await;
        }));
    }

    /// Lets time pass.
    pub(crate) fn pass(&mut self, time: Duration) {
        let until = self.now() + time;
        self.settle();
        while self.step(until) {
            self.settle();
        }
        self.world.inner().now = until;
        self.settle();
    }

    /// Lets time pass until the client's state is the one, and returns both.
    pub(crate) fn until(
        &mut self,
        what: &str,
        reached: impl Fn(&ClientState) -> bool,
    ) -> (Duration, ClientState) {
        let latest = self.now() + LATEST;
        self.settle();
        loop {
            let state = self.state();
            if reached(&state) {
                return (self.now(), state);
            }
            assert!(self.step(latest), "waited in vain for {what}: {state:?}");
            self.settle();
        }
    }

    /// Goes to the next moment that is waited for, if there is one by then.
    fn step(&self, until: Duration) -> bool {
        let mut inner = self.world.inner();
        let now = inner.now;
        let timers = inner.timers.values().copied();
        let wake = inner.wake.map(Time::since_origin);
        let next = timers
            .chain(wake)
            .filter(|at| *at > now && *at <= until)
            .min();
        let Some(next) = next else {
            return false;
        };
        inner.now = next;
        if wake.is_some_and(|wake| wake <= next) {
            inner.wake = None;
            inner.feed(Input::Tick);
        }
        true
    }

    /// Runs all that can run at this moment.
    fn settle(&mut self) {
        let mut cx = Context::from_waker(Waker::noop());
        for _ in 0..10_000 {
            let before = self.world.inner().activity;
            if let Some(closing) = &mut self.closing
                && closing.as_mut().poll(&mut cx).is_ready()
            {
                self.closing = None;
            }
            if let Some(driver) = &mut self.driver
                && driver.as_mut().poll(&mut cx).is_ready()
            {
                self.driver = None;
            }
            if let Some(connecting) = &mut self.connecting
                && let Poll::Ready(outcome) = connecting.as_mut().poll(&mut cx)
            {
                self.connecting = None;
                self.outcome = Some(outcome.map(|client| self.client = Some(client)));
            }
            if self.world.inner().activity == before {
                return;
            }
        }
        panic!("it never comes to rest");
    }
}
