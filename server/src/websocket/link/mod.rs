//! What the two halves of a connection, its response body and its deadline share.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use actix_web::web::Bytes;
use thiserror::Error;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::close::{Close, CloseEvent};
use super::message::Message;
use super::watchdog::{Activity, TimedOut};

/// Charged for each queued message beside its bytes, so that many tiny ones are bounded too.
const MESSAGE_COST: usize = 64;

/// The most pongs that wait to be sent: 4 KiB at 125 bytes each.
const PONGS: usize = 32;

/// Returns the charge of a message of so many bytes.
fn cost(len: usize) -> usize {
    len.saturating_add(MESSAGE_COST)
}

impl Message {
    /// Returns the message's charge.
    pub(super) fn cost(&self) -> usize {
        cost(self.as_bytes().len())
    }
}

/// A message wasn't queued.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(crate) enum NotQueued {
    /// The queue has no room now.
    #[error("the queue is full")]
    Full,
    /// The connection is closing or gone.
    #[error("the connection is closed")]
    Closed,
    /// The message is larger than the whole queue.
    #[error("the message is larger than the queue")]
    TooLarge,
}

/// The reason for which nothing more is read from the peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ReadStop {
    /// Its close frame came: it sends nothing more.
    Closed,
    /// It broke the protocol, or the reading half was dropped: it may still be sending.
    Ignored,
    /// It didn't answer a close frame in time.
    Expired,
}

enum LinkPhase {
    Open,
    /// A close frame waits behind the queue.
    Closing(Option<Close>),
    /// The close frame is out; the peer's is awaited unless it came already.
    Sent,
    /// TCP is gone, or goes without another word.
    Gone,
}

/// The next step of the body.
pub(super) enum BodyStep {
    /// Send this, and say its cost when it is [`handed_over`](Link::handed_over).
    Message(Message),
    Ping,
    Pong(Bytes),
    Close(Option<Close>),
    /// End the response, and with it the connection.
    Finish {
        read_stop: Option<ReadStop>,
    },
}

/// The state of one connection.
///
/// The body on one worker takes what any thread queues, so the state sits behind a mutex; it is
/// held for a few instructions and never across an await.
pub(super) struct Link {
    /// The most that may be charged.
    capacity: usize,
    state: Mutex<LinkState>,
    left_open: Notify,
}

struct LinkState {
    queue: VecDeque<Message>,
    /// The charge of what the queue holds, and of what the body took of it and hasn't handed over. Invariant: at most
    /// the capacity.
    charged: usize,
    /// The payloads of the newest pings, oldest first. Invariant: at most [`PONGS`].
    pongs: VecDeque<Bytes>,
    /// True while a ping waits to be sent.
    ping: bool,
    activity: Activity,
    phase: LinkPhase,
    /// The end by this side, if it came before the peer's. Data that still comes goes nowhere.
    own_end: Option<CloseEvent>,
    read_stop: Option<ReadStop>,
    body: Option<Waker>,
    reader: Option<Waker>,
    /// The sender that waits for room.
    sender: Option<Waker>,
}

fn wake(waker: &mut Option<Waker>) {
    if let Some(waker) = waker.take() {
        waker.wake();
    }
}

impl LinkState {
    /// Has the body send what was queued.
    fn queued(&mut self) {
        // The first counts: what waits is as old as the oldest of it.
        self.activity.waiting.get_or_insert_with(Instant::now);
        wake(&mut self.body);
    }
}

impl Link {
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            capacity,
            state: Mutex::new(LinkState {
                queue: VecDeque::new(),
                charged: 0,
                pongs: VecDeque::new(),
                ping: false,
                activity: Activity::begin(Instant::now()),
                phase: LinkPhase::Open,
                own_end: None,
                read_stop: None,
                body: None,
                reader: None,
                sender: None,
            }),
            left_open: Notify::new(),
        }
    }

    fn state(&self) -> MutexGuard<'_, LinkState> {
        // Every change is complete before the guard drops, so a panic elsewhere spoils nothing.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the queue's charge with one more message of this cost.
    fn charged_with(&self, state: &LinkState, cost: usize) -> Result<usize, NotQueued> {
        // Said in any phase: it would never fit, however long its sender waited.
        if cost > self.capacity {
            return Err(NotQueued::TooLarge);
        }
        match state.phase {
            LinkPhase::Open if cost > self.capacity - state.charged => Err(NotQueued::Full),
            LinkPhase::Open => Ok(state.charged + cost),
            LinkPhase::Closing(_) | LinkPhase::Sent | LinkPhase::Gone => Err(NotQueued::Closed),
        }
    }

    pub(super) fn try_send(&self, message: Message) -> Result<(), NotQueued> {
        let mut state = self.state();
        state.charged = self.charged_with(&state, message.cost())?;
        state.queue.push_back(message);
        state.queued();
        Ok(())
    }

    /// Ready when a message of so many bytes has room, or never will. For one sender at a time.
    pub(super) fn poll_room(&self, len: usize, cx: &Context<'_>) -> Poll<Result<(), NotQueued>> {
        let mut state = self.state();
        match self.charged_with(&state, cost(len)) {
            Ok(_) => Poll::Ready(Ok(())),
            Err(NotQueued::Full) => {
                state.sender = Some(cx.waker().clone());
                Poll::Pending
            }
            Err(refused @ (NotQueued::Closed | NotQueued::TooLarge)) => Poll::Ready(Err(refused)),
        }
    }

    /// Takes note of bytes that were handed to the connection; `released` is the charge of the
    /// messages that are out with them.
    pub(super) fn handed_over(&self, released: usize) {
        let mut state = self.state();
        let now = Instant::now();
        state.activity.written = now;
        // More may wait behind them; the body finds out when it is polled again.
        state.activity.waiting = Some(now);
        if released > 0 {
            state.charged -= released;
            wake(&mut state.sender);
        }
    }

    /// Takes note of bytes that came, and of the beginning of the message that they don't end.
    pub(super) fn received(&self, at: Instant, unfinished: Option<Instant>) {
        let activity = &mut self.state().activity;
        (activity.received, activity.unfinished) = (at, unfinished);
    }

    /// Returns the times of the latest events.
    pub(super) fn activity(&self) -> Activity {
        self.state().activity
    }

    /// Queues a ping of this side, without a payload.
    pub(super) fn send_ping(&self) {
        let mut state = self.state();
        // A flag: several pings would ask the same.
        state.ping = true;
        state.queued();
    }

    /// Queues the answer to a ping.
    pub(super) fn ping(&self, payload: Bytes) {
        let mut state = self.state();
        // A peer that floods and doesn't read must not make the queue grow. Answering the newest
        // pings is enough (RFC 6455 §5.5.3).
        if state.pongs.len() == PONGS {
            state.pongs.pop_front();
        }
        state.pongs.push_back(payload);
        state.queued();
    }

    /// Queues this side's close frame behind what is queued; `false` when the connection isn't open.
    pub(super) fn close(&self, close: Close) -> bool {
        let mut state = self.state();
        if !matches!(state.phase, LinkPhase::Open) {
            return false;
        }
        state.own_end = Some(CloseEvent::of(&close));
        self.leave_open(&mut state, LinkPhase::Closing(Some(close)));
        true
    }

    /// Queues the answer to the peer's close frame, unless this side has closed before.
    pub(super) fn answer(&self, close: Option<Close>) {
        let mut state = self.state();
        // Who has sent a close frame answers none (RFC 6455 §5.5.1).
        if matches!(state.phase, LinkPhase::Open) {
            self.leave_open(&mut state, LinkPhase::Closing(close));
        }
    }

    /// Returns how this side ended the connection, if it did so first.
    pub(super) fn own_end(&self) -> Option<CloseEvent> {
        self.state().own_end.clone()
    }

    /// As [`gone`](Self::gone), by this side's own wish.
    pub(super) fn abort(&self) {
        let aborted = || CloseEvent::abnormal("");
        // Before `gone`, which wakes the reading half: it is to find that this side has ended it.
        self.state().own_end.get_or_insert_with(aborted);
        self.gone();
    }

    /// As [`gone`](Self::gone), since the peer has used up its time.
    pub(super) fn give_up(&self, timed_out: TimedOut) {
        let given_up = || CloseEvent::abnormal(timed_out.to_string());
        self.state().own_end.get_or_insert_with(given_up);
        self.gone();
    }

    /// Returns true once this side has ended the connection without a close frame.
    pub(super) fn is_aborted(&self) -> bool {
        let state = self.state();
        matches!(state.phase, LinkPhase::Gone) && state.own_end.is_some()
    }

    /// Returns true if data that still comes goes nowhere: this side has closed. What came before TCP ended counts.
    pub(super) fn discards(&self) -> bool {
        self.state().own_end.is_some()
    }

    /// Ends the reading; the first reason stands.
    pub(super) fn stop_reading(&self, end: ReadStop) {
        let mut state = self.state();
        state.read_stop.get_or_insert(end);
        wake(&mut state.body);
        wake(&mut state.reader);
    }

    /// Drops what is queued: the connection ended, or must end without another word.
    pub(super) fn gone(&self) {
        let mut state = self.state();
        // Replaced, not cleared: handles may keep the link, and its memory mustn't stay with it.
        // Their charge stays: a connection that is gone queues nothing more.
        state.queue = VecDeque::new();
        state.pongs = VecDeque::new();
        self.leave_open(&mut state, LinkPhase::Gone);
        wake(&mut state.reader);
    }

    fn leave_open(&self, state: &mut LinkState, phase: LinkPhase) {
        state.phase = phase;
        wake(&mut state.body);
        wake(&mut state.sender);
        // It is remembered if the reaper doesn't wait yet.
        self.left_open.notify_one();
    }

    pub(super) fn is_open(&self) -> bool {
        matches!(self.state().phase, LinkPhase::Open)
    }

    /// Waits until the connection closes or is gone; for one waiter.
    pub(super) async fn left_open(&self) {
        self.left_open.notified().await;
    }

    /// For the reading half: whether it may stop waiting for bytes. Wakes it when that changes.
    pub(super) fn poll_read_stop(&self, cx: &Context<'_>) -> Poll<()> {
        let mut state = self.state();
        if state.read_stop.is_some() || matches!(state.phase, LinkPhase::Gone) {
            return Poll::Ready(());
        }
        state.reader = Some(cx.waker().clone());
        Poll::Pending
    }

    /// For the body: what to send next.
    pub(super) fn poll_next(&self, cx: &Context<'_>) -> Poll<BodyStep> {
        let mut state = self.state();
        // Before messages (RFC 6455 §5.4 lets control frames overtake): an answer that waited behind a long queue would come
        // too late for a peer that measures it.
        if std::mem::take(&mut state.ping) {
            return Poll::Ready(BodyStep::Ping);
        }
        if let Some(pong) = state.pongs.pop_front() {
            return Poll::Ready(BodyStep::Pong(pong));
        }
        if let Some(message) = state.queue.pop_front() {
            return Poll::Ready(BodyStep::Message(message));
        }
        let read_stop = state.read_stop;
        match &mut state.phase {
            // Behind the queue: no data may follow a close frame (RFC 6455 §5.5.1).
            LinkPhase::Closing(close) => {
                let close = close.take();
                state.phase = LinkPhase::Sent;
                Poll::Ready(BodyStep::Close(close))
            }
            LinkPhase::Sent if read_stop.is_some() => Poll::Ready(BodyStep::Finish { read_stop }),
            LinkPhase::Gone => Poll::Ready(BodyStep::Finish { read_stop }),
            LinkPhase::Open | LinkPhase::Sent => {
                // Nothing waits: a peer that takes nothing now hasn't stopped reading.
                state.activity.waiting = None;
                state.body = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}

#[cfg(test)]
mod tests;
