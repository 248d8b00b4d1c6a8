//! What a world is like.

use std::time::Duration;

use twinwire::Limits;
use twinwire::limits::{MAX_MESSAGE, MAX_PART, MIN_RETAINED};
use twinwire::session::Role;

use crate::Dice;

/// What a world is made of. Everything else follows from the seed.
#[derive(Clone, Debug)]
pub struct Plan {
    pub(crate) clients: usize,
    pub(crate) time: Duration,
    pub(crate) messages: u64,
    pub(crate) faults: u64,
    pub(crate) pause: Duration,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            clients: 2,
            time: Duration::from_secs(8),
            messages: 200,
            faults: 5,
            pause: Duration::from_millis(700),
        }
    }
}

impl Plan {
    /// How many clients there are (default 2, at least 1).
    pub fn clients(mut self, clients: usize) -> Self {
        self.clients = clients.max(1);
        self
    }

    /// For how long, of the world's time, the applications are busy and faults happen (default 8 s). It
    /// goes on for longer until there have been as many messages and faults as are wanted.
    pub fn time(mut self, time: Duration) -> Self {
        self.time = time;
        self
    }

    /// How many messages there are at least (default 200): requests, items and publications that were
    /// handed over.
    pub fn messages(mut self, messages: u64) -> Self {
        self.messages = messages;
        self
    }

    /// How many faults there are at least (default 5).
    pub fn faults(mut self, faults: u64) -> Self {
        self.faults = faults;
        self
    }

    /// The time between two faults, on average (default 0.7 s).
    pub fn pause(mut self, pause: Duration) -> Self {
        self.pause = pause;
        self
    }
}

/// The limits of one end, which the sessions keep to themselves.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) calls: usize,
    pub(crate) streams: usize,
    pub(crate) subscriptions: usize,
    /// The windows of requests, of each stream and of each subscription, in charged bytes.
    pub(crate) requests: u64,
    pub(crate) stream: u64,
    pub(crate) subscription: u64,
    /// The largest payload of a request, an answer or an item.
    pub(crate) payload: usize,
    /// The bytes that an end keeps of what it sent.
    pub(crate) retained: usize,
    pub(crate) heartbeat: Duration,
    pub(crate) resume: Duration,
    pub(crate) deadline: Duration,
}

/// The limits of the clients, and those of the server.
#[derive(Clone, Debug)]
pub(crate) struct Both<T> {
    pub(crate) client: T,
    pub(crate) server: T,
}

impl<T> Both<T> {
    /// Returns those of this end.
    pub(crate) fn of(&self, role: Role) -> &T {
        match role {
            Role::Client => &self.client,
            Role::Server => &self.server,
        }
    }
}

impl Both<Bounds> {
    /// Returns the largest payload that one end sends and the other takes.
    pub(crate) fn payload(&self) -> usize {
        self.client.payload.min(self.server.payload)
    }

    /// Returns the longer of the two ends' times.
    pub(crate) fn longer(&self, time: impl Fn(&Bounds) -> Duration) -> Duration {
        time(&self.client).max(time(&self.server))
    }
}

/// A window of one to four messages: the smallest that there is up to what is usual.
fn draw_window(dice: &mut Dice) -> u64 {
    [1, 1, 1, 1, 2, 4][dice.place(6)] * MAX_MESSAGE as u64
}

/// Draws the limits of both ends, each on its own.
pub(crate) fn draw_limits(dice: &mut Dice) -> (Both<Limits>, Both<Bounds>) {
    let (client, server) = (draw_end(dice), draw_end(dice));
    let limits = Both {
        client: client.0,
        server: server.0,
    };
    let bounds = Both {
        client: client.1,
        server: server.1,
    };
    (limits, bounds)
}

/// Draws narrow limits, so that a short run meets all of them.
fn draw_end(dice: &mut Dice) -> (Limits, Bounds) {
    let bounds = Bounds {
        calls: 1 + dice.place(8),
        streams: 1 + dice.place(3),
        subscriptions: 2 + dice.place(2),
        requests: draw_window(dice),
        stream: draw_window(dice),
        subscription: draw_window(dice),
        payload: match dice.roll(3) {
            0 => MAX_PART + dice.place(MAX_MESSAGE),
            _ => 4 * MAX_MESSAGE,
        },
        retained: match dice.roll(3) {
            0 => MIN_RETAINED + dice.place(MIN_RETAINED),
            _ => MIN_RETAINED,
        },
        heartbeat: dice.wait(800, 2_500),
        resume: dice.wait(3_000, 12_000),
        deadline: match dice.roll(4) {
            0 => dice.wait(1_000, 4_000),
            _ => dice.wait(4_000, 20_000),
        },
    };
    let limits = Limits::default()
        .requests(bounds.requests)
        .payload(bounds.payload)
        .queued(draw_window(dice) as usize)
        .retained(bounds.retained)
        .calls(bounds.calls)
        .streams(bounds.streams)
        .stream_window(bounds.stream)
        .subscriptions(bounds.subscriptions)
        .subscription_window(bounds.subscription)
        .handshake(dice.wait(1_500, 4_000))
        .call_deadline(bounds.deadline)
        .drain(dice.wait(500, 2_000))
        .heartbeat(bounds.heartbeat)
        .resume(bounds.resume);
    (limits, bounds)
}

/// How much all sessions of the server may hold together, in bytes: in every second world little enough for two
/// without a connection to be too many.
pub(crate) fn draw_room(dice: &mut Dice) -> usize {
    if dice.one_in(2) {
        20_000 + dice.place(200_000)
    } else {
        usize::MAX
    }
}
