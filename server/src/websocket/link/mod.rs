//! What the two halves of a connection, its response body and its deadline share.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use actix_web::web::Bytes;
use bytestring::ByteString;
use thiserror::Error;
use tokio::sync::{Notify, Semaphore};

use super::close::Close;

/// Charged for each queued message beside its bytes, so that many tiny ones are bounded too.
const MESSAGE_COST: usize = 64;

/// A message on its way to the peer; cloning it copies no bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Data {
    /// A text message.
    Text(ByteString),
    /// A binary message.
    Binary(Bytes),
}

impl Data {
    /// What it is charged.
    pub(super) fn cost(&self) -> usize {
        let len = match self {
            Self::Text(text) => text.len(),
            Self::Binary(bytes) => bytes.len(),
        };
        len.saturating_add(MESSAGE_COST)
    }
}

macro_rules! data_from {
    ($($source:ty => $variant:ident),* $(,)?) => {$(
        impl From<$source> for Data {
            fn from(source: $source) -> Self {
                Self::$variant(source.into())
            }
        }
    )*};
}

data_from! {
    &str => Text,
    String => Text,
    ByteString => Text,
    Vec<u8> => Binary,
    &'static [u8] => Binary,
    Bytes => Binary,
}

/// Why a message wasn't queued.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(crate) enum Refused {
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

/// Why nothing more is read from the peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Silence {
    /// Its close frame came: it sends nothing more.
    Closed,
    /// It broke the protocol, or the reading half was dropped: it may still be sending.
    Ignored,
    /// It didn't answer a close frame in time.
    Expired,
}

enum Phase {
    Open,
    /// A close frame waits behind the queue.
    Closing(Option<Close>),
    /// The close frame is out; the peer's is awaited unless it came already.
    Sent,
    /// TCP is gone, or goes without another word.
    Gone,
}

/// What the body is to do next.
pub(super) enum Next {
    /// Send this, and [`release`](Link::release) its cost.
    Message(Data),
    Pong(Bytes),
    Close(Option<Close>),
    /// End the response, and with it the connection.
    End {
        silence: Option<Silence>,
    },
}

/// The state of one connection.
///
/// The body on one worker takes what any thread queues, so the state sits behind a mutex; it is
/// held for a few instructions and never across an await.
pub(super) struct Link {
    /// Room in the queue, in bytes charged; closed once nothing more may be queued.
    room: Semaphore,
    capacity: usize,
    state: Mutex<State>,
    left_open: Notify,
}

struct State {
    queue: VecDeque<Data>,
    /// The payload of the newest ping; older ones need no answer (RFC 6455 §5.5.3).
    pong: Option<Bytes>,
    phase: Phase,
    silence: Option<Silence>,
    body: Option<Waker>,
    reader: Option<Waker>,
}

impl State {
    fn wake(&mut self) {
        for waker in [self.body.take(), self.reader.take()].into_iter().flatten() {
            waker.wake();
        }
    }
}

impl Link {
    pub(super) fn new(capacity: usize) -> Self {
        let capacity = capacity.min(Semaphore::MAX_PERMITS).min(u32::MAX as usize);
        Self {
            room: Semaphore::new(capacity),
            capacity,
            state: Mutex::new(State {
                queue: VecDeque::new(),
                pong: None,
                phase: Phase::Open,
                silence: None,
                body: None,
                reader: None,
            }),
            left_open: Notify::new(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every change is complete before the guard drops, so a panic elsewhere spoils nothing.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn cost(&self, data: &Data) -> Result<u32, Refused> {
        let cost = data.cost();
        if cost > self.capacity {
            return Err(Refused::TooLarge);
        }
        // The capacity was clamped to a u32's range.
        u32::try_from(cost).map_err(|_| Refused::TooLarge)
    }

    pub(super) async fn send(&self, data: Data) -> Result<(), Refused> {
        let cost = self.cost(&data)?;
        let room = self
            .room
            .acquire_many(cost)
            .await
            .map_err(|_| Refused::Closed)?;
        room.forget();
        self.enqueue(data)
    }

    pub(super) fn try_send(&self, data: Data) -> Result<(), Refused> {
        let cost = self.cost(&data)?;
        let room = self
            .room
            .try_acquire_many(cost)
            .map_err(|error| match error {
                tokio::sync::TryAcquireError::Closed => Refused::Closed,
                tokio::sync::TryAcquireError::NoPermits => Refused::Full,
            })?;
        room.forget();
        self.enqueue(data)
    }

    fn enqueue(&self, data: Data) -> Result<(), Refused> {
        let mut state = self.state();
        match state.phase {
            Phase::Open => {
                state.queue.push_back(data);
                state.wake();
                Ok(())
            }
            // The room stays taken: the semaphore is closed, nobody waits for it.
            Phase::Closing(_) | Phase::Sent | Phase::Gone => Err(Refused::Closed),
        }
    }

    /// Gives back what a message was charged, once its bytes left the queue.
    pub(super) fn release(&self, cost: usize) {
        self.room.add_permits(cost);
    }

    /// Remembers a ping to answer.
    pub(super) fn ping(&self, payload: Bytes) {
        let mut state = self.state();
        state.pong = Some(payload);
        state.wake();
    }

    /// Queues a close frame behind what is queued; `false` when the connection isn't open.
    pub(super) fn close(&self, close: Option<Close>) -> bool {
        let mut state = self.state();
        if !matches!(state.phase, Phase::Open) {
            return false;
        }
        self.leave_open(&mut state, Phase::Closing(close));
        true
    }

    /// Nothing more will be read; the first reason stands.
    pub(super) fn silence(&self, silence: Silence) {
        let mut state = self.state();
        state.silence.get_or_insert(silence);
        state.wake();
    }

    /// The connection ended, or must end without another word; what is queued is dropped.
    pub(super) fn gone(&self) {
        let mut state = self.state();
        state.queue = VecDeque::new();
        state.pong = None;
        self.leave_open(&mut state, Phase::Gone);
    }

    fn leave_open(&self, state: &mut State, phase: Phase) {
        state.phase = phase;
        state.wake();
        self.room.close();
        self.left_open.notify_one();
    }

    pub(super) fn is_open(&self) -> bool {
        matches!(self.state().phase, Phase::Open)
    }

    /// Waits until the connection closes or is gone; for one waiter.
    pub(super) async fn left_open(&self) {
        self.left_open.notified().await;
    }

    /// For the reading half: whether it may stop waiting for bytes. Wakes it when that changes.
    pub(super) fn poll_silence(&self, cx: &Context<'_>) -> Poll<()> {
        let mut state = self.state();
        if state.silence.is_some() || matches!(state.phase, Phase::Gone) {
            return Poll::Ready(());
        }
        state.reader = Some(cx.waker().clone());
        Poll::Pending
    }

    /// For the body: what to send next.
    pub(super) fn poll_next(&self, cx: &Context<'_>) -> Poll<Next> {
        let mut state = self.state();
        if let Some(pong) = state.pong.take() {
            return Poll::Ready(Next::Pong(pong));
        }
        if let Some(data) = state.queue.pop_front() {
            return Poll::Ready(Next::Message(data));
        }
        let silence = state.silence;
        match &mut state.phase {
            Phase::Closing(close) => {
                let close = close.take();
                state.phase = Phase::Sent;
                Poll::Ready(Next::Close(close))
            }
            Phase::Sent if silence.is_some() => Poll::Ready(Next::End { silence }),
            Phase::Gone => Poll::Ready(Next::End { silence }),
            Phase::Open | Phase::Sent => {
                state.body = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}

#[cfg(test)]
mod tests;
