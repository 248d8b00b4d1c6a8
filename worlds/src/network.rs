//! Links in memory: they delay, break, stall, and are noticed to be broken late or never.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::time::{Instant, Sleep};
use twinwire_remote::{Inbound, Link, LinkLost};
use twinwire_sim::Dice;

use crate::trace::Trace;

/// The bytes under way in one direction after which a sender waits.
const UNDER_WAY: usize = 128 * 1024;

/// The ends of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Client,
    Server,
}

impl Side {
    pub(crate) fn other(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }
}

/// A connection to which something happens.
pub(crate) trait Breakable {
    /// Breaks it: of what is under way the first part arrives. Either end notices soon, late, or never.
    fn cut(&self);

    /// Lets nothing arrive for some time.
    fn stall(&self, time: Duration);

    /// Takes so long for all that is sent from now on.
    fn slow(&self, latency: Duration);

    /// Wakes both ends.
    fn wake(&self);

    /// Checks, in a world at rest, that it has nothing outstanding.
    fn rests(&self) {}
}

impl Breakable for RefCell<Connection> {
    fn cut(&self) {
        self.borrow_mut().cut();
    }

    fn stall(&self, time: Duration) {
        self.borrow_mut().stall(time);
    }

    fn slow(&self, latency: Duration) {
        self.borrow_mut().slow(latency);
    }

    fn wake(&self) {
        self.borrow_mut().pipes.iter_mut().for_each(Pipe::wake);
    }
}

/// One direction.
struct Pipe {
    /// The messages under way, and when they arrive.
    queue: VecDeque<(Instant, Vec<u8>)>,
    bytes: usize,
    /// The time at which the last message arrives.
    last: Instant,
    /// The time before which nothing arrives.
    stalled: Instant,
    /// The time at which its reader learns that nothing follows.
    lost: Option<Instant>,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

impl Pipe {
    fn new(now: Instant) -> Self {
        Self {
            queue: VecDeque::new(),
            bytes: 0,
            last: now,
            stalled: now,
            lost: None,
            reader: None,
            writer: None,
        }
    }

    /// The time at which there is something to read.
    fn due(&self) -> Option<Instant> {
        let message = self.queue.front().map(|(at, _)| (*at).max(self.stalled));
        message.into_iter().chain(self.lost).min()
    }

    fn wake(&mut self) {
        let wakers = [self.reader.take(), self.writer.take()];
        wakers.into_iter().flatten().for_each(Waker::wake);
    }
}

/// A connection between a client and a server.
pub(crate) struct Connection {
    number: u64,
    /// To the client, and to the server.
    pipes: [Pipe; 2],
    latency: Duration,
    is_cut: bool,
    dice: Rc<RefCell<Dice>>,
    trace: Rc<Trace>,
}

impl Connection {
    /// Opens one; gives the client's end, and the server's.
    pub(crate) fn open(
        number: u64,
        dice: &Rc<RefCell<Dice>>,
        trace: &Rc<Trace>,
    ) -> (Rc<RefCell<Self>>, Half, Half) {
        let now = Instant::now();
        let latency = dice.borrow_mut().wait(1, 80);
        let connection = Rc::new(RefCell::new(Self {
            number,
            pipes: [Pipe::new(now), Pipe::new(now)],
            latency,
            is_cut: false,
            dice: Rc::clone(dice),
            trace: Rc::clone(trace),
        }));
        let half = |side| Half {
            connection: Rc::clone(&connection),
            side,
            sleep: None,
            on_send: None,
            pauses: Rc::default(),
        };
        let (client, server) = (half(Side::Client), half(Side::Server));
        (connection, client, server)
    }

    fn to(&mut self, side: Side) -> &mut Pipe {
        &mut self.pipes[side as usize]
    }

    fn cut(&mut self) {
        if std::mem::replace(&mut self.is_cut, true) {
            return;
        }
        let dice = Rc::clone(&self.dice);
        let mut dice = dice.borrow_mut();
        for pipe in &mut self.pipes {
            let arrives = dice.roll(pipe.queue.len() as u64 + 1) as usize;
            pipe.queue.truncate(arrives);
            let wait = match dice.roll(5) {
                0..3 => Some(dice.wait(0, 60)),
                3 => Some(dice.wait(300, 4_000)),
                _ => None,
            };
            pipe.lost = pipe.lost.or(wait.map(|wait| Instant::now() + wait));
            pipe.wake();
        }
    }

    fn stall(&mut self, time: Duration) {
        for pipe in &mut self.pipes {
            pipe.stalled = Instant::now() + time;
            pipe.wake();
        }
    }

    fn slow(&mut self, latency: Duration) {
        self.latency = latency;
    }
}

/// One end of a connection.
pub(crate) struct Half {
    connection: Rc<RefCell<Connection>>,
    side: Side,
    sleep: Option<(Instant, Pin<Box<Sleep>>)>,
    /// Looks at each message that this end sends.
    pub(crate) on_send: Option<Box<dyn Fn()>>,
    /// The number of times that a message was announced before it arrived: each costs a poll that a socket doesn't.
    pub(crate) pauses: Rc<Cell<u64>>,
}

impl Half {
    /// Wakes the task at this time.
    fn poll_until(&mut self, at: Instant, cx: &mut Context<'_>) -> Poll<()> {
        if self.sleep.as_ref().is_none_or(|(set, _)| *set != at) {
            self.sleep = Some((at, Box::pin(tokio::time::sleep_until(at))));
            self.pauses.set(self.pauses.get() + 1);
        }
        let polled = self
            .sleep
            .as_mut()
            .map(|(_, sleep)| sleep.as_mut().poll(cx));
        if polled.is_some_and(|polled| polled.is_pending()) {
            return Poll::Pending;
        }
        self.sleep = None;
        Poll::Ready(())
    }
}

impl Link for Half {
    type Message = Vec<u8>;

    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<Result<Inbound<Vec<u8>>, LinkLost>> {
        loop {
            let connection = Rc::clone(&self.connection);
            let mut connection = connection.borrow_mut();
            let pipe = connection.to(self.side);
            pipe.reader = Some(cx.waker().clone());
            let now = Instant::now();
            let arrived = pipe
                .queue
                .pop_front_if(|(at, _)| (*at).max(pipe.stalled) <= now);
            if let Some((_, message)) = arrived {
                pipe.bytes -= message.len();
                if let Some(writer) = pipe.writer.take() {
                    writer.wake();
                }
                return Poll::Ready(Ok(Inbound::Binary(message)));
            }
            if pipe.lost.is_some_and(|lost| lost <= now) {
                return Poll::Ready(Err(LinkLost));
            }
            let Some(due) = pipe.due() else {
                return Poll::Pending;
            };
            drop(connection);
            if self.poll_until(due, cx).is_pending() {
                return Poll::Pending;
            }
        }
    }

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), LinkLost>> {
        let mut connection = self.connection.borrow_mut();
        let is_cut = connection.is_cut;
        let pipe = connection.to(self.side.other());
        if pipe.bytes < UNDER_WAY || is_cut {
            return Poll::Ready(Ok(()));
        }
        pipe.writer = Some(cx.waker().clone());
        Poll::Pending
    }

    fn send(&mut self, message: Vec<u8>) {
        if let Some(on_send) = &self.on_send {
            on_send();
        }
        let mut connection = self.connection.borrow_mut();
        let direction = (connection.number << 1) | self.side as u64;
        connection.trace.message(direction, &message);
        if connection.is_cut {
            return;
        }
        let jitter = connection.dice.borrow_mut().wait(0, 4);
        let at = Instant::now() + connection.latency + jitter;
        let pipe = connection.to(self.side.other());
        if pipe.lost.is_some() {
            return;
        }
        pipe.last = pipe.last.max(at);
        pipe.bytes += message.len();
        pipe.queue.push_back((pipe.last, message));
        if let Some(reader) = pipe.reader.take() {
            reader.wake();
        }
    }

    fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<Result<(), LinkLost>> {
        Poll::Ready(Ok(()))
    }

    /// Dropping it is the close; what is under way still arrives.
    async fn close(self, _: u16) {}
}

impl Drop for Half {
    fn drop(&mut self) {
        let mut connection = self.connection.borrow_mut();
        let is_cut = connection.is_cut;
        let at = Instant::now() + connection.latency;
        let pipe = connection.to(self.side.other());
        if !is_cut && pipe.lost.is_none() {
            pipe.lost = Some(pipe.last.max(at));
        }
        pipe.wake();
        // Nobody reads here any more: who writes needn't wait.
        let own = connection.to(self.side);
        own.queue.clear();
        own.bytes = 0;
        own.wake();
    }
}
