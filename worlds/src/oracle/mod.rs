//! An account of what a world's applications asked for and heard, and what is wrong with it.

mod asks;
mod calm;
mod order;
mod topics;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use twinwire::Epoch;
use twinwire_client::test::WeakHandle;

pub(crate) use asks::{Asked, Asker, Class, Outcome, Reader};
pub(crate) use topics::Heard;

use asks::Ask;
use calm::Trouble;
use order::Begun;
use topics::{Log, Subscriber};

use crate::plan::Bounds;

/// By how much a deadline may be late.
const LATE: Duration = Duration::from_millis(100);

/// The account, as all parts of a world share it. (Handlers have to be `Send`, so it has a lock.)
#[derive(Clone)]
pub(crate) struct Oracle(Arc<Mutex<Account>>);

impl Oracle {
    pub(crate) fn new(bounds: Bounds, is_told: bool) -> Self {
        Self(Arc::new(Mutex::new(Account {
            bounds,
            begun: Instant::now(),
            is_told,
            wrong: None,
            asks: BTreeMap::new(),
            next_id: 0,
            begun_of: BTreeMap::new(),
            lives: Vec::new(),
            clients: Vec::new(),
            frozen: Vec::new(),
            removed: BTreeMap::new(),
            logs: BTreeMap::new(),
            subscribers: Vec::new(),
            newest: BTreeMap::new(),
            coverage: BTreeMap::new(),
            waiting: BTreeMap::new(),
            steps: 0,
            troubles: Vec::new(),
        })))
    }

    /// Notes that somebody waits for this, which is no request, until what it returns is dropped.
    pub(crate) fn waits(&self, what: &'static str) -> Waiting {
        *self.account().waiting.entry(what).or_default() += 1;
        Waiting(self.clone(), what)
    }

    /// Returns the number of those who hold the account besides the caller.
    pub(crate) fn holders(&self) -> usize {
        Arc::strong_count(&self.0) - 1
    }

    pub(crate) fn account(&self) -> MutexGuard<'_, Account> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Somebody who waits for something that is no request.
pub(crate) struct Waiting(Oracle, &'static str);

impl Drop for Waiting {
    fn drop(&mut self) {
        if let Some(waiting) = self.0.account().waiting.get_mut(self.1) {
            *waiting -= 1;
        }
    }
}

/// A client's application, from its connect to its end.
#[derive(Debug)]
pub(crate) struct Life {
    /// The number of its client.
    pub(crate) number: usize,
    /// True for a client of an older build.
    pub(crate) is_older: bool,
    /// The number of sessions that were lost, as `on_session_replaced` told.
    pub(crate) freshes: u32,
    /// The time of the last of them.
    fresh_at: Option<Instant>,
    /// True once the application has closed the client.
    pub(crate) is_closed: bool,
    /// The time of a `pause` that no `reconnect_now` has ended.
    pub(crate) paused: Option<Instant>,
    /// The stretches of time in which its machine slept.
    pub(crate) slept: Vec<(Instant, Instant)>,
    /// The stretches of time in which it parts from its server: what is asked for then waits for the next session.
    parting: Vec<(Instant, Instant)>,
    /// The newest handler of pokes, and when it was registered.
    pub(crate) handler: (u32, Instant),
    pub(crate) open_streams: usize,
    /// The time since which it has a connection.
    open: Option<Instant>,
    /// The time at which it had its last link.
    linked: Instant,
    /// The newest of its events that the server is known to have.
    arrived: u64,
    /// True once the server may go on with a session that the client has lost: the server doesn't give it back, or has
    /// heard no goodbye of a page.
    has_several: bool,
}

pub(crate) struct Account {
    pub(crate) bounds: Bounds,
    begun: Instant,
    /// True where somebody reads along.
    is_told: bool,
    /// The first fault that was found, and when.
    wrong: Option<(Duration, String)>,
    asks: BTreeMap<u64, Ask>,
    next_id: u64,
    /// The requests of each asker that have begun.
    begun_of: BTreeMap<Asker, Begun>,
    pub(crate) lives: Vec<Life>,
    /// The handles of all clients, of which none is held in the end.
    pub(crate) clients: Vec<WeakHandle>,
    /// The stretches of time in which a worker of the server's stands still.
    pub(crate) frozen: Vec<(Instant, Instant)>,
    /// By room, the last time at which the server put somebody out of it.
    pub(crate) removed: BTreeMap<u8, Instant>,
    logs: BTreeMap<(Epoch, u8), Log>,
    subscribers: Vec<Subscriber>,
    /// The events of which only the newest matters that each reader has had.
    newest: BTreeMap<Reader, Begun>,
    /// The number of times that each thing has happened.
    coverage: BTreeMap<&'static str, u64>,
    /// The number of those who wait for something that is no request.
    waiting: BTreeMap<&'static str, u64>,
    /// The number of things that applications have heard.
    steps: u64,
    troubles: Vec<Trouble>,
}

impl Account {
    /// Tells what happens, if somebody wants to read along.
    pub(crate) fn tell(&self, what: impl FnOnce() -> String) {
        if self.is_told {
            println!("{:10.3} {}", self.begun.elapsed().as_secs_f64(), what());
        }
    }

    /// Notes what is wrong, if it is the first.
    pub(crate) fn wrong(&mut self, what: impl FnOnce() -> String) {
        let at = self.begun.elapsed();
        self.wrong.get_or_insert_with(|| (at, what()));
    }

    pub(crate) fn ensure(&mut self, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            self.wrong(what);
        }
    }

    pub(crate) fn take_wrong(&mut self) -> Option<(Duration, String)> {
        self.wrong.take()
    }

    pub(crate) fn is_wrong(&self) -> bool {
        self.wrong.is_some()
    }

    /// Returns the number of things that applications have heard so far.
    pub(crate) fn steps(&self) -> u64 {
        self.steps
    }

    /// Notes that something happened that each run of many worlds has to reach.
    pub(crate) fn reach(&mut self, what: &'static str) {
        self.tell(|| what.to_owned());
        *self.coverage.entry(what).or_default() += 1;
    }

    pub(crate) fn coverage(&self) -> BTreeMap<&'static str, u64> {
        self.coverage.clone()
    }

    /// Begins the life of a client.
    pub(crate) fn begin_life(&mut self, number: usize, is_older: bool) -> usize {
        self.lives.push(Life {
            number,
            is_older,
            freshes: 0,
            fresh_at: None,
            is_closed: false,
            paused: None,
            slept: Vec::new(),
            parting: Vec::new(),
            handler: (0, Instant::now()),
            open_streams: 0,
            open: None,
            linked: Instant::now(),
            arrived: 0,
            has_several: self.bounds.refuses_sessions,
        });
        self.lives.len() - 1
    }

    pub(crate) fn session_replaced(&mut self, life: usize) {
        self.tell(|| format!("client {life} has another session"));
        self.lives[life].freshes += 1;
        self.lives[life].fresh_at = Some(Instant::now());
    }

    /// Notes that nothing of a client's machine, or page, runs for some time.
    pub(crate) fn sleeps(&mut self, number: usize, from: Instant, to: Instant) {
        let lives = self.lives.iter_mut();
        for life in lives.filter(|life| life.number == number) {
            life.slept.push((from, to));
        }
    }

    /// Notes that a client's page is in the browser's cache for some time, with what is left of clients before it.
    pub(crate) fn hides(&mut self, number: usize, from: Instant, to: Instant) {
        self.sleeps(number, from, to);
        let lives = self.lives.iter_mut();
        lives
            .filter(|life| life.number == number)
            .for_each(|life| life.has_several = true);
    }

    /// Notes that a client has parted from its server, for which there is [`Limits::drain`](twinwire::Limits::drain).
    pub(crate) fn parts(&mut self, life: usize) {
        let now = Instant::now();
        let parting = (now - self.bounds.drain, now);
        self.lives[life].parting.push(parting);
    }

    /// Returns the time in which this request's maker parted from its server since then.
    fn parted_since(&self, by: Asker, since: Instant) -> Duration {
        let parting = self.lives[by.life()].parting.iter();
        parting
            .map(|(from, to)| to.saturating_duration_since((*from).max(since)))
            .sum()
    }

    /// Checks that a client that does something on the network may: what is paused stays offline.
    pub(crate) fn goes_online(&mut self, life: usize) {
        let paused = self.lives[life].paused;
        let is_early = paused.is_none_or(|since| since == Instant::now());
        self.ensure(is_early, || {
            format!("client {life} goes online while it is paused")
        });
    }

    /// Returns the time in which this request's maker stood still since then.
    fn slept_since(&self, by: Asker, since: Instant) -> Duration {
        let slept = match by.is_server() {
            true => &self.frozen,
            false => &self.lives[by.life()].slept,
        };
        slept
            .iter()
            .map(|(from, to)| to.saturating_duration_since((*from).max(since)))
            .sum()
    }
}
