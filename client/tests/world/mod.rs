//! A platform and a server in memory, in virtual time.

mod run;
mod server;
mod transport;

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use thiserror::Error;
use twinwire::session::{RequestKey, ServerSide, Session};
use twinwire::{Call, Event, Kinds, SeqNo, Time, kinds};
use twinwire_client::{Departure, OpenFailure};

pub(crate) use run::{Asked, Run};

/// A question of either end, whose answer names it.
#[derive(Serialize, Deserialize, Call)]
#[call(reply = u32)]
pub(crate) struct Ask(pub(crate) u32);

/// An event of either end, of any size.
#[derive(Serialize, Deserialize, Event)]
pub(crate) struct Parcel(pub(crate) u32, pub(crate) Vec<u8>);

pub(crate) const KINDS: Kinds = kinds![Ask, Parcel];

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
    /// It hangs until the world answers otherwise.
    Later,
    /// It opens, and loses everything without a word.
    Swallow,
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
    /// True while the connection takes nothing from the client.
    is_stuck: bool,
    /// The server's session that is welcomed, and one that awaits a hello.
    session: Option<Session<ServerSide>>,
    greeter: Option<Session<ServerSide>>,
    /// The time at which the server's session wants to be woken.
    wake: Option<Time>,
    said_goodbye: bool,
    /// The numbers that the server's handlers were called with, in order.
    heard: Vec<u32>,
    /// The calls that wait for their answers, while the server gives none.
    held: Option<Vec<(SeqNo, Vec<u8>)>>,
    /// The server's questions, and each answer beside its question.
    asked: Vec<(RequestKey, u32)>,
    answers: Vec<(u32, Option<u32>)>,
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
            is_stuck: false,
            session: None,
            greeter: None,
            wake: None,
            said_goodbye: false,
            heard: Vec::new(),
            held: None,
            asked: Vec::new(),
            answers: Vec::new(),
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

    /// Has the connection, and no other, take nothing from the client.
    pub(crate) fn sticks(&self) {
        self.inner().is_stuck = true;
    }

    /// Has it take everything again.
    pub(crate) fn flows(&self) {
        self.inner().is_stuck = false;
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

    /// Returns what the server was asked and told, in the order in which it came.
    pub(crate) fn heard(&self) -> Vec<u32> {
        self.inner().heard.clone()
    }

    /// Has the server answer no calls.
    pub(crate) fn holds(&self) {
        self.inner().held = Some(Vec::new());
    }

    /// Has it answer those, and each that comes.
    pub(crate) fn releases(&self) {
        self.inner().release();
    }

    /// Has the server lose its session, and with it its questions.
    pub(crate) fn forgets(&self) {
        let mut inner = self.inner();
        inner.session = None;
        inner.asked.clear();
    }

    /// Has the server end the session with a goodbye.
    pub(crate) fn says_goodbye(&self) {
        self.inner().say_goodbye();
    }

    /// Has the server ask its client.
    pub(crate) fn asks(&self, question: u32) {
        self.inner().request(&Ask(question), Some(question));
    }

    /// Has the server send its client something.
    pub(crate) fn sends(&self, parcel: &Parcel) {
        self.inner().request(parcel, None);
    }

    /// Returns the answers that the server has got, each beside its question; none for what got none.
    pub(crate) fn answered(&self) -> Vec<(u32, Option<u32>)> {
        self.inner().answers.clone()
    }
}
