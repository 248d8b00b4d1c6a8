//! Streams of bytes in memory, as TCP has them: they slice, stall, fill up and break, and either end notices late or
//! never.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::net::Shutdown;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};
use twinwire_sim::Dice;

use super::account::Account;
use crate::network::{Breakable, Side};

/// What is between the ends, and looks at what they do.
pub(crate) trait Tap {
    /// Passes on bytes that this end has written; gives what goes out, and where in it a message is whole.
    fn pass(&mut self, by: Side, bytes: &[u8], dice: &mut Dice) -> (Vec<u8>, Vec<usize>);

    /// Takes note that this end has read a message of the other's.
    fn read(&mut self, by: Side);

    /// Takes note that the client waits for bytes which a socket would announce when they are there.
    fn pauses(&self) {}

    /// Checks, in a world at rest, that it has nothing outstanding.
    fn rests(&self) {}

    /// Takes note that this end is gone, of a connection that was cut at this time.
    fn dropped(&self, by: Side, cut: Option<Instant>);
}

/// One direction.
struct Pipe {
    /// The bytes under way, and when they arrive.
    segments: VecDeque<(Instant, VecDeque<u8>)>,
    /// The number of bytes that were written and not read; at most `room`, and what the proxy has added.
    bytes: usize,
    room: usize,
    /// The numbers of bytes that have passed and that were read so far, and those at which a message was whole.
    passed: u64,
    read: u64,
    whole: VecDeque<u64>,
    /// The time at which the last byte arrives.
    last: Instant,
    /// The time before which nothing arrives.
    stalled: Instant,
    /// The time at which its reader learns that the writer has ended it.
    finished: Option<Instant>,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

impl Pipe {
    fn new(now: Instant, room: usize) -> Self {
        Self {
            segments: VecDeque::new(),
            bytes: 0,
            room,
            passed: 0,
            read: 0,
            whole: VecDeque::new(),
            last: now,
            stalled: now,
            finished: None,
            reader: None,
            writer: None,
        }
    }

    fn wake(&mut self) {
        let wakers = [self.reader.take(), self.writer.take()];
        wakers.into_iter().flatten().for_each(Waker::wake);
    }

    /// Loses the bytes under way from this one on.
    fn truncate(&mut self, mut arrive: usize) {
        for (_, segment) in &mut self.segments {
            segment.truncate(arrive);
            arrive -= segment.len();
        }
        self.segments.retain(|(_, segment)| !segment.is_empty());
    }

    fn under_way(&self) -> usize {
        self.segments.iter().map(|(_, bytes)| bytes.len()).sum()
    }

    /// Returns true if the last message that is whole was read since this was asked.
    fn take_whole(&mut self) -> bool {
        let read = self.read;
        let is_read = |end: &u64| *end <= read;
        let before = self.whole.len();
        while self.whole.front().is_some_and(is_read) {
            self.whole.pop_front();
        }
        self.whole.len() < before
    }

    /// Takes what has arrived, as far as there is room for it.
    fn take(&mut self, now: Instant, buffer: &mut ReadBuf<'_>) -> bool {
        let before = buffer.filled().len();
        while let Some((at, segment)) = self.segments.front_mut() {
            if (*at).max(self.stalled) > now || buffer.remaining() == 0 {
                break;
            }
            let (first, _) = segment.as_slices();
            let taken = first.len().min(buffer.remaining());
            buffer.put_slice(&first[..taken]);
            segment.drain(..taken);
            if segment.is_empty() {
                self.segments.pop_front();
            }
        }
        let taken = buffer.filled().len() - before;
        self.bytes -= taken;
        self.read += taken as u64;
        if taken > 0
            && let Some(writer) = self.writer.take()
        {
            writer.wake();
        }
        taken > 0
    }
}

/// What one end knows of the connection.
#[derive(Default)]
struct End {
    /// The time at which it learns that the connection is broken.
    broken: Option<Instant>,
    /// True once it reads nothing more, or writes nothing more.
    read_shut: bool,
    write_shut: bool,
    /// True once nobody has it.
    gone: bool,
}

/// A connection of bytes between a client and a server.
pub(crate) struct Wire<T = Account> {
    /// To the client, and to the server.
    pipes: [Pipe; 2],
    ends: [End; 2],
    latency: Duration,
    cut: Option<Instant>,
    tap: T,
    dice: Rc<RefCell<Dice>>,
}

impl<T: Tap> Wire<T> {
    /// Opens one; gives the client's end, and the server's.
    pub(crate) fn open(
        tap: T,
        dice: &Rc<RefCell<Dice>>,
    ) -> (Rc<RefCell<Self>>, Stream<T>, Stream<T>) {
        let now = Instant::now();
        let mut draw = dice.borrow_mut();
        let mut pipe = || Pipe::new(now, 1 << (13 + draw.roll(5)));
        let pipes = [pipe(), pipe()];
        let latency = draw.wait(1, 80);
        drop(draw);
        let wire = Rc::new(RefCell::new(Self {
            pipes,
            ends: Default::default(),
            latency,
            cut: None,
            tap,
            dice: Rc::clone(dice),
        }));
        let end = |side| Stream {
            wire: Rc::clone(&wire),
            side,
            sleeps: [None, None],
            switch: Arc::default(),
        };
        let (client, server) = (end(Side::Client), end(Side::Server));
        (wire, client, server)
    }

    pub(super) fn tap(&mut self) -> &mut T {
        &mut self.tap
    }

    fn to(&mut self, side: Side) -> &mut Pipe {
        &mut self.pipes[side as usize]
    }

    fn end(&mut self, side: Side) -> &mut End {
        &mut self.ends[side as usize]
    }

    /// Loses what is under way to this end from some byte on.
    fn lose_to(&mut self, side: Side) {
        let dice = Rc::clone(&self.dice);
        let pipe = self.to(side);
        let arrive = dice.borrow_mut().roll(pipe.under_way() as u64 + 1);
        pipe.truncate(arrive as usize);
    }

    /// Resets the connection as an end that goes with bytes unread does: the other learns of it, and what is on its
    /// way there is lost in part.
    fn reset(&mut self, by: Side) {
        if self.cut.is_some() {
            return;
        }
        let at = Instant::now() + self.latency;
        self.lose_to(by.other());
        self.end(by.other()).broken.get_or_insert(at);
        self.to(by.other()).wake();
        self.to(by).wake();
    }

    fn write(&mut self, side: Side, bytes: &[u8]) -> usize {
        let dice = Rc::clone(&self.dice);
        let mut dice = dice.borrow_mut();
        let (now, is_cut, latency) = (Instant::now(), self.cut.is_some(), self.latency);
        let pipe = self.to(side.other());
        let mut len = bytes.len().min(pipe.room.saturating_sub(pipe.bytes));
        if dice.one_in(6) {
            len = len.min(1 + dice.roll(len as u64) as usize);
        }
        if is_cut {
            pipe.bytes += len;
            return len;
        }
        let (out, whole) = self.tap.pass(side, &bytes[..len], &mut dice);
        let pipe = self.to(side.other());
        let begun = pipe.passed;
        pipe.whole
            .extend(whole.into_iter().map(|end| begun + end as u64));
        pipe.passed += out.len() as u64;
        pipe.bytes += out.len();
        let mut out = VecDeque::from(out);
        while !out.is_empty() {
            let part = match dice.roll(8) {
                0 => 1 + dice.roll(16),
                1 => 1 + dice.roll(out.len() as u64),
                _ => out.len() as u64,
            };
            let rest = out.split_off(out.len().min(part as usize));
            pipe.last = pipe.last.max(now + latency + dice.wait(0, 4));
            pipe.segments.push_back((pipe.last, out));
            out = rest;
        }
        if let Some(reader) = pipe.reader.take() {
            reader.wake();
        }
        len
    }
}

impl<T: Tap> Breakable for RefCell<Wire<T>> {
    fn rests(&self) {
        self.borrow().tap.rests();
    }

    fn wake(&self) {
        self.borrow_mut().pipes.iter_mut().for_each(Pipe::wake);
    }

    /// Breaks at any byte. An end that hasn't noticed goes on writing while there is room.
    fn cut(&self) {
        let mut wire = self.borrow_mut();
        let now = Instant::now();
        if wire.cut.is_some() {
            return;
        }
        for side in [Side::Client, Side::Server] {
            wire.lose_to(side);
            let dice = Rc::clone(&wire.dice);
            let mut dice = dice.borrow_mut();
            let wait = match dice.roll(5) {
                0..3 => Some(dice.wait(0, 60)),
                3 => Some(dice.wait(300, 4_000)),
                _ => None,
            };
            drop(dice);
            if let Some(wait) = wait {
                wire.end(side).broken.get_or_insert(now + wait);
            }
            wire.to(side).finished = None;
        }
        wire.cut = Some(now);
        wire.pipes.iter_mut().for_each(Pipe::wake);
    }

    fn stall(&self, time: Duration) {
        for pipe in &mut self.borrow_mut().pipes {
            pipe.stalled = Instant::now() + time;
            pipe.wake();
        }
    }

    fn slow(&self, latency: Duration) {
        self.borrow_mut().latency = latency;
    }
}

/// The server's hand on its end, as on a socket's duplicate: from any thread.
#[derive(Default)]
pub(super) struct Switch(Mutex<SwitchState>);

#[derive(Default)]
struct SwitchState {
    how: Option<Shutdown>,
    waker: Option<Waker>,
}

impl Switch {
    pub(super) fn flip(&self, how: Shutdown) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.how != Some(Shutdown::Both) {
            state.how = Some(how);
        }
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn poll(&self, cx: &Context<'_>) -> Option<Shutdown> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.waker = Some(cx.waker().clone());
        state.how
    }
}

/// One end of a connection.
pub(crate) struct Stream<T: Tap = Account> {
    wire: Rc<RefCell<Wire<T>>>,
    side: Side,
    /// The reader's and the writer's.
    sleeps: [Option<(Instant, Pin<Box<Sleep>>)>; 2],
    switch: Arc<Switch>,
}

impl<T: Tap> Stream<T> {
    pub(super) fn switch(&self) -> Arc<Switch> {
        Arc::clone(&self.switch)
    }

    pub(super) fn wire(&self) -> Rc<RefCell<Wire<T>>> {
        Rc::clone(&self.wire)
    }

    /// Does what the switch says.
    fn obey(&self, cx: &Context<'_>) {
        let mut wire = self.wire.borrow_mut();
        let end = wire.end(self.side);
        match self.switch.poll(cx) {
            Some(Shutdown::Both) if !end.write_shut || !end.read_shut => {
                (end.read_shut, end.write_shut) = (true, true);
                wire.to(self.side).segments.clear();
                wire.reset(self.side);
            }
            Some(Shutdown::Read) => end.read_shut = true,
            Some(Shutdown::Both | Shutdown::Write) | None => {}
        }
    }

    /// Wakes the task at this time.
    fn poll_until(&mut self, of: usize, at: Instant, cx: &mut Context<'_>) -> Poll<()> {
        if self.sleeps[of].as_ref().is_none_or(|(set, _)| *set != at) {
            self.sleeps[of] = Some((at, Box::pin(tokio::time::sleep_until(at))));
            if self.side == Side::Client {
                self.wire.borrow_mut().tap.pauses();
            }
        }
        let sleep = self.sleeps[of].as_mut();
        if sleep.is_some_and(|(_, sleep)| sleep.as_mut().poll(cx).is_pending()) {
            return Poll::Pending;
        }
        self.sleeps[of] = None;
        Poll::Ready(())
    }
}

fn broken() -> io::Error {
    ErrorKind::ConnectionReset.into()
}

impl<T: Tap> AsyncRead for Stream<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            self.obey(cx);
            let wire = Rc::clone(&self.wire);
            let mut wire = wire.borrow_mut();
            let now = Instant::now();
            let End {
                broken: breaks,
                read_shut,
                ..
            } = *wire.end(self.side);
            let pipe = wire.to(self.side);
            pipe.reader = Some(cx.waker().clone());
            if pipe.take(now, buffer) {
                if pipe.take_whole() {
                    wire.tap.read(self.side);
                }
                return Poll::Ready(Ok(()));
            }
            if read_shut {
                return Poll::Ready(Ok(()));
            }
            if breaks.is_some_and(|at| at <= now) {
                return Poll::Ready(Err(broken()));
            }
            let next = pipe.segments.front();
            let next = next.map(|(at, _)| (*at).max(pipe.stalled));
            let finished = pipe.finished.map(|at| at.max(pipe.stalled));
            if next.is_none() && finished.is_some_and(|at| at <= now) {
                return Poll::Ready(Ok(()));
            }
            let due = next.or(finished).into_iter().chain(breaks).min();
            drop(wire);
            match due {
                None => return Poll::Pending,
                Some(due) if self.poll_until(0, due, cx).is_pending() => return Poll::Pending,
                Some(_) => {}
            }
        }
    }
}

impl<T: Tap> AsyncWrite for Stream<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        loop {
            self.obey(cx);
            let side = self.side;
            let wire = Rc::clone(&self.wire);
            let mut wire = wire.borrow_mut();
            let (now, latency, is_cut) = (Instant::now(), wire.latency, wire.cut.is_some());
            if wire.end(side).write_shut {
                return Poll::Ready(Err(ErrorKind::BrokenPipe.into()));
            }
            if wire.end(side).broken.is_some_and(|at| at <= now) {
                return Poll::Ready(Err(broken()));
            }
            if wire.end(side.other()).gone && !is_cut {
                // It answers with a reset.
                wire.end(side).broken.get_or_insert(now + 2 * latency);
                return Poll::Ready(Ok(bytes.len()));
            }
            let breaks = wire.end(side).broken;
            let pipe = wire.to(side.other());
            if pipe.bytes < pipe.room {
                return Poll::Ready(Ok(wire.write(side, bytes)));
            }
            pipe.writer = Some(cx.waker().clone());
            drop(wire);
            match breaks {
                None => return Poll::Pending,
                Some(at) if self.poll_until(1, at, cx).is_pending() => return Poll::Pending,
                Some(_) => {}
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.wire.borrow_mut().finish(self.side);
        Poll::Ready(Ok(()))
    }
}

impl<T: Tap> Wire<T> {
    /// Nothing more follows from this end.
    fn finish(&mut self, by: Side) {
        self.end(by).write_shut = true;
        if self.cut.is_some() {
            return;
        }
        let at = Instant::now() + self.latency;
        let pipe = self.to(by.other());
        let last = pipe.last.max(at);
        pipe.finished.get_or_insert(last);
        pipe.wake();
    }
}

impl<T: Tap> Drop for Stream<T> {
    fn drop(&mut self) {
        let mut wire = self.wire.borrow_mut();
        let (side, now) = (self.side, Instant::now());
        wire.end(side).gone = true;
        let own = wire.to(side);
        let arrived = own.segments.front();
        // TCP answers bytes that nobody reads with a reset (RFC 9293 §3.6.1).
        let is_unread = arrived.is_some_and(|(at, _)| (*at).max(own.stalled) <= now);
        own.segments.clear();
        own.bytes = 0;
        match is_unread {
            true => wire.reset(side),
            false => wire.finish(side),
        }
        wire.to(side).wake();
        let cut = wire.cut;
        wire.tap.dropped(side, cut);
    }
}
