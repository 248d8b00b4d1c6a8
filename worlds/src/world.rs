//! The world: who runs in it, and in which order.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::rc::{Rc, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::task::LocalSet;
use tokio::time::{Instant, Sleep};
use twinwire_sim::Dice;

use crate::application::User;
use crate::attended::{self, attend};
use crate::functions::Functions;
use crate::network::Breakable;
use crate::oracle::Oracle;
use crate::plan::Plan;
use crate::server::Server;
use crate::trace::Trace;

/// Tasks that share a thread: a client's, or those of one of the server's workers.
#[derive(Default)]
struct Set {
    /// None while it is polled.
    local: Option<LocalSet>,
    /// Until then it stands still.
    frozen: Option<Pin<Box<Sleep>>>,
}

impl Set {
    /// Takes its tasks for a turn, unless they stand still.
    fn take(&mut self, cx: &mut Context<'_>) -> Option<LocalSet> {
        if let Some(frozen) = &mut self.frozen {
            if frozen.as_mut().poll(cx).is_pending() {
                return None;
            }
            self.frozen = None;
        }
        self.local.take()
    }
}

/// The world's account of a client.
#[derive(Default)]
pub(crate) struct Seat {
    pub(crate) user: RefCell<Option<Rc<User>>>,
    pub(crate) connection: RefCell<Option<Weak<dyn Breakable>>>,
    /// The number of wake hints so far.
    pub(crate) hints: tokio::sync::Notify,
    /// Wakes its drivers when its page goes into the browser's cache, or for good.
    pub(crate) hides: tokio::sync::Notify,
    pub(crate) goes: tokio::sync::Notify,
    pub(crate) has_slept: Cell<bool>,
    /// The number of times that its drivers were polled.
    pub(crate) polls: Cell<u64>,
    /// Those of them that a socket wouldn't cost.
    pub(crate) pauses: Rc<Cell<u64>>,
}

pub(crate) struct World {
    pub(crate) plan: Plan,
    pub(crate) oracle: Oracle,
    pub(crate) trace: Rc<Trace>,
    pub(crate) dice: Rc<RefCell<Dice>>,
    pub(crate) functions: Functions,
    pub(crate) begun: Instant,
    pub(crate) seats: Vec<Seat>,
    pub(crate) server: RefCell<Server>,
    /// The clients', then the workers'.
    sets: RefCell<Vec<Set>>,
    connections: Cell<u64>,
    /// The ends of streams of bytes that clients hold, and the server.
    pub(crate) streams: Cell<[usize; 2]>,
}

impl World {
    pub(crate) fn new(plan: Plan, dice: Dice) -> Rc<Self> {
        attended::forget_all();
        let oracle = Oracle::new(plan.bounds, plan.is_told);
        let functions = Functions::new(&plan, &oracle);
        let sets = plan.clients.len() + plan.workers;
        Rc::new(Self {
            oracle,
            trace: Rc::new(Trace::new()),
            dice: Rc::new(RefCell::new(dice)),
            functions,
            begun: Instant::now(),
            seats: plan.clients.iter().map(|_| Seat::default()).collect(),
            server: RefCell::default(),
            sets: RefCell::new((0..sets).map(|_| Set::default()).collect()),
            connections: Cell::new(0),
            streams: Cell::default(),
            plan,
        })
    }

    /// Runs everybody until `director` is done.
    pub(crate) async fn run<T>(self: &Rc<Self>, director: impl Future<Output = T>) -> T {
        let mut director = pin!(director);
        poll_fn(|cx| {
            if let Poll::Ready(output) = director.as_mut().poll(cx) {
                return Poll::Ready(output);
            }
            self.poll_sets(cx);
            Poll::Pending
        })
        .await
    }

    /// Gives each set a turn, in an order of the seed's.
    fn poll_sets(&self, cx: &mut Context<'_>) {
        let mut order: Vec<usize> = (0..self.sets.borrow().len()).collect();
        {
            let mut dice = self.dice.borrow_mut();
            for place in (1..order.len()).rev() {
                order.swap(place, dice.roll(place as u64 + 1) as usize);
            }
        }
        for place in order {
            // With nothing of the world borrowed, as its tasks reach for it.
            let local = self.sets.borrow_mut()[place].take(cx);
            if let Some(mut local) = local {
                let _ = Pin::new(&mut local).poll(cx);
                self.sets.borrow_mut()[place].local = Some(local);
            }
        }
    }

    /// Starts a task of a client's, or of a worker's.
    pub(crate) fn spawn(&self, place: usize, task: impl Future<Output = ()> + 'static) {
        let mut sets = self.sets.borrow_mut();
        let local = sets[place].local.get_or_insert_default();
        local.spawn_local(attend(task));
    }

    /// Returns the place of a worker's tasks.
    pub(crate) fn worker(&self, worker: usize) -> usize {
        self.plan.clients.len() + worker
    }

    /// Lets a set stand still for some time.
    pub(crate) fn freeze(&self, place: usize, time: Duration) {
        let frozen = Box::pin(tokio::time::sleep(time));
        self.sets.borrow_mut()[place].frozen = Some(frozen);
    }

    /// Drops all tasks of a set.
    pub(crate) fn clear(&self, place: usize) {
        let set = std::mem::take(&mut self.sets.borrow_mut()[place]);
        drop(set);
    }

    /// Drops everybody. Returns what is left of the world then, which nobody can drop any more.
    pub(crate) fn end(self: Rc<Self>) -> Option<String> {
        for seat in &self.seats {
            seat.user.take();
        }
        let sets = self.sets.borrow().len();
        for place in 0..sets {
            self.clear(place);
        }
        self.server.take();
        let (world, oracle) = (Rc::downgrade(&self), self.oracle.clone());
        let clients = std::mem::take(&mut oracle.account().clients);
        drop(self);
        let clients = clients.iter().filter(|client| client.is_held());
        // A driver has its platform, which holds the world. An endpoint has its state and its functions, which hold
        // the oracle.
        let holders = [
            (clients.count(), "clients"),
            (world.strong_count(), "holders of the world"),
            (oracle.holders(), "holders of the oracle"),
            (attended::count(), "tasks"),
        ];
        let left = holders.iter().find(|(number, _)| *number > 0);
        left.map(|(number, what)| format!("{number} {what} are left when the world ends"))
    }

    /// Returns the number of one more connection.
    pub(crate) fn next_connection(&self) -> u64 {
        self.connections.set(self.connections.get() + 1);
        self.connections.get()
    }
}
