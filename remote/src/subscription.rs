//! A topic, at who is subscribed to it.

use std::fmt;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use twinwire::frame::{self, SkipReason};
use twinwire::session::SessionCore;
use twinwire::{DecodeError, Format, Offset, Position, Refusal, Topic};

use crate::channels::mpsc;
use crate::command::ControlFn;
use crate::requests::Requests;
use crate::topics::{TopicUpdate, UpdateKind};

/// News for a subscriber.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Update<T> {
    /// Something was published.
    Item(Publication<T>),
    /// The subscriber was too slow, or away for too long, and the log has these no more: those from `from`
    /// up to, and without, `to`.
    Gap {
        /// The first that is lost.
        from: Offset,
        /// The next that comes.
        to: Offset,
    },
    /// The topic's log has begun anew, as after a restart of the server: what was published before that
    /// and wasn't heard is lost. What follows is all that the new log has, from this position on.
    NewEpoch {
        /// The next that comes.
        position: Position,
    },
    /// The server doesn't let this subscriber in again, in the session that replaces a lost one: the last update. What
    /// the server refuses for now only is asked for again.
    Refused(Refusal),
}

/// The answer to the wish to begin at some position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The subscription begins where it was asked to, at the newest or with the last few.
    Begun,
    /// It goes on where it stood: nothing is missing.
    Recovered,
    /// The log has some of what came since no more: they are missing.
    Gap,
    /// The topic's log has begun anew: it begins with all that the new log has.
    NewEpoch,
    /// Another handle of this client shares the topic from another start: this one begins with what comes from now
    /// on. Drop the other before, or read the past there.
    Shared,
}

impl From<frame::Verdict> for Verdict {
    fn from(verdict: frame::Verdict) -> Self {
        match verdict {
            frame::Verdict::Begun => Self::Begun,
            frame::Verdict::Recovered => Self::Recovered,
            frame::Verdict::Gap => Self::Gap,
            frame::Verdict::NewEpoch => Self::NewEpoch,
        }
    }
}

/// Something that was published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publication<T> {
    /// Its place in the topic's log.
    pub offset: Offset,
    /// The item.
    pub item: T,
}

/// The publications of a topic, in order. All handles of a client to one topic share one subscription,
/// which ends when the last is dropped. A handle that isn't read makes all of them fall behind in the
/// topic's log when a window waits for it. It doesn't keep the client: hold a `Client` for as
/// long as you read, or it ends.
///
/// An error stands for a publication that can't be read as its type, though the fingerprints agree: a
/// serde implementation written by hand is asymmetric.
#[must_use = "dropping it ends the subscription"]
pub struct Subscription<T> {
    verdict: Verdict,
    next: Position,
    updates: mpsc::Receiver<Arc<TopicUpdate>>,
    format: Format,
    topic: PhantomData<fn() -> T>,
    _leave: LeaveOnDrop,
}

impl<T> Subscription<T> {
    pub(crate) fn new(
        (verdict, next): (Verdict, Position),
        updates: mpsc::Receiver<Arc<TopicUpdate>>,
        leave: LeaveOnDrop,
        format: Format,
    ) -> Self {
        Self {
            verdict,
            next,
            updates,
            format,
            topic: PhantomData,
            _leave: leave,
        }
    }

    /// Returns the answer to the wish to begin at some position.
    pub fn verdict(&self) -> Verdict {
        self.verdict
    }

    /// The place of the next publication that isn't read yet: to begin there another time.
    pub fn position(&self) -> Position {
        self.next
    }

    /// Returns the next update, whose item `read` makes of its payload.
    pub(crate) fn poll_update<I>(
        &mut self,
        cx: &mut Context<'_>,
        read: impl Fn(&[u8]) -> Result<I, DecodeError>,
    ) -> Poll<Option<Result<Update<I>, DecodeError>>> {
        loop {
            let Some(update) = ready!(self.updates.poll_next(cx)) else {
                return Poll::Ready(None);
            };
            match update.kind {
                UpdateKind::Publication(offset, ref payload) => {
                    let item = read(payload);
                    // Also if it can't be read: to come back to it would end in the same error each time.
                    self.next.offset = offset.following();
                    return Poll::Ready(Some(
                        item.map(|item| Update::Item(Publication { offset, item })),
                    ));
                }
                // Only what isn't joined yet isn't, or begins to share.
                UpdateKind::NotJoined(_) | UpdateKind::Shared(_) => return Poll::Ready(None),
                UpdateKind::NotRejoined(why) => return Poll::Ready(Some(Ok(Update::Refused(why)))),
                UpdateKind::Joined(joined) => {
                    // Joined again in another session: the position is the log's, which may have lost what followed, or be another log.
                    let from = std::mem::replace(&mut self.next, joined.position);
                    let (from, to) = (from.offset, joined.position.offset);
                    match joined.verdict {
                        frame::Verdict::Begun | frame::Verdict::Recovered => {}
                        frame::Verdict::Gap => {
                            return Poll::Ready(Some(Ok(Update::Gap { from, to })));
                        }
                        frame::Verdict::NewEpoch => {
                            let position = joined.position;
                            return Poll::Ready(Some(Ok(Update::NewEpoch { position })));
                        }
                    }
                }
                UpdateKind::Skipped(skipped) => {
                    // Items that were withheld from this peer alone are no gap: it learns nothing of them.
                    self.next.offset = skipped.to;
                    if skipped.why == SkipReason::Gone {
                        let (from, to) = (skipped.from, skipped.to);
                        return Poll::Ready(Some(Ok(Update::Gap { from, to })));
                    }
                }
            }
        }
    }
}

impl<T: Topic> Subscription<T> {
    /// Returns the next update; none once the client is over, the server has removed it, or refuses to let it in again
    /// ([`Update::Refused`]). Neither a lost connection nor a lost session ends it.
    pub async fn next(&mut self) -> Option<Result<Update<T::Item>, DecodeError>> {
        std::future::poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await
    }
}

impl<T: Topic> Stream for Subscription<T> {
    type Item = Result<Update<T::Item>, DecodeError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let format = self.format;
        self.poll_update(cx, |payload| format.decode(payload))
    }
}

impl<T> fmt::Debug for Subscription<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription")
            .field("next", &self.next)
            .finish_non_exhaustive()
    }
}

/// Tells the shell when a subscriber goes.
pub(crate) struct LeaveOnDrop {
    control: mpsc::Sender<ControlFn>,
    id: u64,
}

impl LeaveOnDrop {
    pub(crate) fn new(control: mpsc::Sender<ControlFn>, id: u64) -> Self {
        Self { control, id }
    }
}

impl Drop for LeaveOnDrop {
    fn drop(&mut self) {
        // A shell that is gone has left everything.
        let id = self.id;
        let leave = move |requests: &mut Requests, session: &mut SessionCore, now| {
            requests.topics.leave(id, session, now);
        };
        let _ = self.control.send(Box::new(leave));
    }
}

/// The credit of a publication: dropping it gives it back.
pub(crate) struct Credit {
    pub(crate) control: mpsc::WeakSender<ControlFn>,
    pub(crate) id: u64,
}

impl Drop for Credit {
    fn drop(&mut self) {
        if let Some(control) = self.control.upgrade() {
            // A shell that is gone gets no further publications.
            let id = self.id;
            let consumed = move |requests: &mut Requests, session: &mut SessionCore, now| {
                requests.topics.consumed(id, session, now);
            };
            let _ = control.send(Box::new(consumed));
        }
    }
}
