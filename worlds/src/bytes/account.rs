//! What is right of a connection's bytes: whole messages, true close codes, pongs, and an end in time.

use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use tokio::time::Instant;
use twinwire::GoodbyeCode;
use twinwire::frame::{Frame, Frames};
use twinwire_sim::Dice;

use super::proxy::{Passed, Proxy};
use super::stream::Tap;
use crate::network::Side;
use crate::world::World;

/// The time in which a close frame has its answer, and the socket its end.
const CLOSE: Duration = Duration::from_secs(4);

/// The time within which a ping has its answer at rest.
const PONG: Duration = Duration::from_secs(20);

/// What was written at one end.
#[derive(Default)]
struct Written {
    /// The code of the last goodbye.
    goodbye: Option<u16>,
    /// The code of the close frame, once it is out.
    close: Option<Option<u16>>,
    /// The pings that the proxy has added and the other end hasn't answered: their numbers, and since when.
    pings: VecDeque<(u64, Instant)>,
    pinged: u64,
    /// The time at which the last message was read in whole.
    read: Option<Instant>,
}

/// The account of one connection.
pub(crate) struct Account {
    world: Rc<World>,
    life: usize,
    /// The number of its client.
    client: usize,
    number: u64,
    /// In the direction of the client's bytes, and of the server's.
    proxies: [Proxy; 2],
    /// By the client, and by the server.
    written: [Written; 2],
    /// Messages that the client has sent, and that haven't passed.
    sent: VecDeque<Vec<u8>>,
    /// Messages that have passed to the client, and that it hasn't received.
    passed: VecDeque<Vec<u8>>,
    /// The code with which the client closes.
    closes: Option<u16>,
}

impl Account {
    pub(crate) fn begin(world: &Rc<World>, life: usize) -> Self {
        count(world, |open| open.iter_mut().for_each(|open| *open += 1));
        let client = world.oracle.account().lives[life].number;
        Self {
            world: Rc::clone(world),
            life,
            client,
            number: world.next_connection(),
            proxies: [Proxy::new(), Proxy::new()],
            written: Default::default(),
            sent: VecDeque::new(),
            passed: VecDeque::new(),
            closes: None,
        }
    }

    fn ensure(&self, holds: bool, what: impl FnOnce() -> String) {
        let (number, client) = (self.number, self.client);
        let what = || format!("connection {number} of client {client}: {}", what());
        self.world.oracle.account().ensure(holds, what);
    }

    /// Takes note of a message that the client sends.
    pub(super) fn sends(&mut self, message: &[u8]) {
        self.world.oracle.account().goes_online(self.life);
        let direction = self.number << 1 | Side::Client as u64;
        self.world.trace.message(direction, message);
        self.sent.push_back(message.to_vec());
    }

    /// Checks a message that the client receives.
    pub(super) fn receives(&mut self, message: &[u8]) {
        let direction = self.number << 1 | Side::Server as u64;
        self.world.trace.message(direction, message);
        let passed = self.passed.pop_front();
        self.ensure(passed.as_deref() == Some(message), || {
            "the client receives another message than was sent".to_owned()
        });
    }

    /// Takes note that the client closes.
    pub(super) fn closes(&mut self, code: u16) {
        self.closes = Some(code);
    }

    /// Takes note of what one end has written in whole.
    fn wrote(&mut self, side: Side, passed: Passed) {
        match passed {
            Passed::Binary(message) => self.wrote_message(side, message),
            Passed::Pong(payload) => self.wrote_pong(side, &payload),
            Passed::Close(code) => self.wrote_close(side, code),
            Passed::Stray(opcode) => {
                self.ensure(false, || format!("{side:?} sends opcode {opcode}"));
            }
        }
    }

    fn wrote_message(&mut self, side: Side, message: Vec<u8>) {
        for frame in Frames::new(&message) {
            if let Ok(Frame::Goodbye(goodbye)) = &frame {
                self.written[side as usize].goodbye = Some(goodbye.code.close_code());
            }
            self.ensure(frame.is_ok(), || format!("{side:?} sends {frame:?}"));
        }
        match side {
            Side::Server => self.passed.push_back(message),
            Side::Client => {
                let sent = self.sent.pop_front();
                self.ensure(sent.as_ref() == Some(&message), || {
                    "another message passes than the client sent".to_owned()
                });
            }
        }
    }

    fn wrote_pong(&mut self, side: Side, payload: &[u8]) {
        let number = payload.try_into().map(u64::from_be_bytes);
        let pings = &mut self.written[side.other() as usize].pings;
        let is_awaited = number.is_ok_and(|number| {
            let place = pings.iter().position(|(of, _)| *of == number);
            // The newest is enough (RFC 6455 §5.5.3).
            place.map(|place| pings.drain(..=place)).is_some()
        });
        if is_awaited {
            self.world.oracle.account().reach(match side {
                Side::Client => "pong of the client",
                Side::Server => "pong of the server",
            });
        }
        self.ensure(is_awaited, || {
            format!("{side:?} answers no ping with {payload:?}")
        });
    }

    /// Checks that a close frame says what its end meant, or repeats the other's.
    fn wrote_close(&mut self, side: Side, code: Option<u16>) {
        let other = &self.written[side.other() as usize];
        let own = &self.written[side as usize];
        let is_answer = other.close == Some(code);
        let silence = 2 * self.world.plan.bounds.heartbeat;
        let is_silent = other.read.is_some_and(|at| at.elapsed() >= silence);
        let is_meant = match side {
            Side::Client => self.closes,
            Side::Server if is_silent => Some(GoodbyeCode::Silent.close_code()),
            // To a connection whose session goes on over another.
            Side::Server => Some(GoodbyeCode::Superseded.close_code()),
        };
        let meant = [is_meant, own.goodbye, other.goodbye];
        let is_true = is_answer || (code.is_some() && meant.contains(&code));
        self.ensure(is_true, || {
            format!("{side:?} closes with {code:?}, and none of {meant:?} was meant")
        });
        self.written[side as usize].close = Some(code);
    }
}

impl Tap for Account {
    fn pass(&mut self, by: Side, bytes: &[u8], dice: &mut Dice) -> (Vec<u8>, Vec<usize>) {
        let direction = self.number << 1 | by as u64;
        self.world.trace.bytes(direction, bytes.len());
        let proxy = &mut self.proxies[by as usize];
        let (out, passed) = proxy.pass(bytes, by == Side::Client, dice);
        let written = &mut self.written[by as usize];
        while written.pinged < proxy.pings {
            written.pinged += 1;
            written.pings.push_back((written.pinged, Instant::now()));
        }
        let mut whole = Vec::new();
        for (end, passed) in passed {
            if let Passed::Binary(_) = &passed {
                whole.push(end);
            }
            self.wrote(by, passed);
        }
        (out, whole)
    }

    fn read(&mut self, by: Side) {
        self.written[by.other() as usize].read = Some(Instant::now());
    }

    fn pauses(&self) {
        let pauses = &self.world.seats[self.client].pauses;
        pauses.set(pauses.get() + 1);
    }

    fn rests(&self) {
        for written in &self.written {
            let oldest = written.pings.front();
            let is_late = oldest.is_some_and(|(_, since)| since.elapsed() > PONG);
            self.ensure(!is_late, || {
                "a ping has no answer, though the connection lives".to_owned()
            });
        }
    }

    fn dropped(&self, side: Side, cut: Option<Instant>) {
        count(&self.world, |open| open[side as usize] -= 1);
        let Some(cut) = cut else {
            return;
        };
        let plan = &self.world.plan;
        let silence = 2 * plan.bounds.heartbeat;
        let most = silence.max(plan.limits.handshake_time()) + plan.bounds.drain + CLOSE;
        let account = self.world.oracle.account();
        let still = match side {
            Side::Client => &account.lives[self.life].slept,
            Side::Server => &account.frozen,
        };
        // Who stood still has to give the other another chance.
        let stood_still = still.iter().any(|(_, until)| *until > cut);
        drop(account);
        let late = cut.elapsed();
        self.ensure(stood_still || late <= most, || {
            format!("{side:?} holds it for {late:?} after it broke, which may be {most:?}")
        });
    }
}

/// Changes the number of ends that somebody holds.
fn count(world: &World, change: impl FnOnce(&mut [usize; 2])) {
    let mut open = world.streams.get();
    change(&mut open);
    world.streams.set(open);
}
