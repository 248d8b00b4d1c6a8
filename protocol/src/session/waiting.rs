//! Requests that wait to be sent: for the window, or for the session that follows.

use super::RequestKey;
use super::credit::charge_all;
use super::queue::Fifo;
use super::timers::NextDeadline;
use crate::limits::MAX_PART;
use crate::{Class, SeqNo, Time};

/// A request until all of it is sent.
#[derive(Debug)]
pub(super) struct Queued {
    pub(super) key: RequestKey,
    /// None for an event, which has none.
    pub(super) deadline: Option<Time>,
    pub(super) class: Class,
    pub(super) kind: u32,
    pub(super) payload: Vec<u8>,
    /// Bytes that are sent.
    pub(super) sent: usize,
    /// The number of its first frame, once that is sent.
    pub(super) first: Option<SeqNo>,
    pub(super) span: Span,
}

/// The life of a request that waits to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Span {
    /// As long as its session lasts.
    Session,
    /// As long as the client lasts: the next session takes it over.
    Client,
    /// The same, and it was made in an earlier session, or before this one began.
    CarriedOver,
}

impl Queued {
    /// Returns the part that goes next, and whether more follow.
    pub(super) fn next_part(&self) -> (&[u8], bool) {
        let rest = &self.payload[self.sent..];
        match rest.split_at_checked(MAX_PART) {
            Some((part, more)) if !more.is_empty() => (part, true),
            _ => (rest, false),
        }
    }

    pub(super) fn has_begun(&self) -> bool {
        self.first.is_some()
    }

    fn cost(&self) -> usize {
        charge_all(self.payload.len())
    }

    pub(super) fn is_unbegun_stream(&self) -> bool {
        self.class == Class::Stream && !self.has_begun()
    }
}

/// Requests that wait to be sent, in order.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    queue: Fifo<Queued>,
    /// Invariant: the sum of the costs in `queue`.
    bytes: usize,
    /// Invariant: the number of those in `queue` that were carried over.
    carried_over: usize,
}

impl Waiting {
    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    pub(super) fn check_invariants(&self) {
        let bytes: usize = self.queue.iter().map(Queued::cost).sum();
        assert_eq!(self.bytes, bytes, "bytes that wait");
        let carried_over = |queued: &&Queued| queued.span == Span::CarriedOver;
        let carried_over = self.queue.iter().filter(carried_over).count();
        assert_eq!(self.carried_over, carried_over, "what was carried over");
    }

    /// Returns the bytes that wait, as charged.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn first(&self) -> Option<&Queued> {
        self.queue.first()
    }

    pub(super) fn first_mut(&mut self) -> Option<&mut Queued> {
        self.queue.first_mut()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Queued> {
        self.queue.iter()
    }

    pub(super) fn push(&mut self, queued: Queued) {
        self.bytes += queued.cost();
        self.carried_over += usize::from(queued.span == Span::CarriedOver);
        self.queue.push(queued);
    }

    pub(super) fn pop(&mut self) -> Option<Queued> {
        let queued = self.queue.pop()?;
        self.bytes -= queued.cost();
        self.carried_over -= usize::from(queued.span == Span::CarriedOver);
        Some(queued)
    }

    /// Gives a request that hasn't begun to go out another payload; `most` bounds the bytes that wait.
    pub(super) fn replace(
        &mut self,
        key: RequestKey,
        payload: Vec<u8>,
        most: usize,
    ) -> Result<(), Vec<u8>> {
        let waiting = self.queue.iter_mut().find(|queued| queued.key == key);
        let may = |queued: &&mut Queued| {
            plant!("replaced_half_way", return true);
            !queued.has_begun()
        };
        let Some(queued) = waiting.filter(may) else {
            return Err(payload);
        };
        let (before, after) = (queued.cost(), charge_all(payload.len()));
        // One that shrinks always fits, also in a queue that is too full.
        if after > before && self.bytes - before + after > most.max(before) {
            return Err(payload);
        }
        self.bytes = self.bytes - before + after;
        queued.payload = payload;
        Ok(())
    }

    /// Takes one request out of its turn.
    pub(super) fn take(&mut self, key: RequestKey) -> Option<Queued> {
        let mut taken = None;
        // One whole turn of the queue: the others end in the order in which they stood.
        for _ in 0..self.queue.iter().count() {
            let queued = self.pop()?;
            if queued.key == key {
                taken = Some(queued);
            } else {
                self.push(queued);
            }
        }
        taken
    }

    /// Drops the requests that `is_kept` doesn't keep.
    pub(super) fn retain(&mut self, is_kept: &mut dyn FnMut(&Queued) -> bool) {
        let (bytes, carried_over) = (&mut self.bytes, &mut self.carried_over);
        self.queue.retain(|queued| {
            let stays = is_kept(queued);
            if !stays {
                *bytes -= queued.cost();
                *carried_over -= usize::from(queued.span == Span::CarriedOver);
            }
            stays
        });
    }

    /// Adds the earliest deadline of those that haven't begun to go out. What has is among those in flight.
    pub(super) fn add_deadline(&self, next: &mut NextDeadline) {
        let mut carried_over = self.carried_over;
        for queued in self.queue.iter() {
            carried_over -= usize::from(queued.span == Span::CarriedOver);
            if queued.has_begun() {
                continue;
            }
            next.add(queued.deadline);
            // What follows was made later, but for what was carried over.
            if queued.deadline.is_some() && carried_over == 0 {
                return;
            }
        }
    }
}

// No panic can be caught there.
#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    use super::*;

    #[test]
    #[should_panic = "bytes that wait"]
    fn bytes_that_wait_for_nothing_are_found() {
        let waiting = Waiting {
            bytes: 1,
            ..Waiting::default()
        };
        waiting.check_invariants();
    }

    #[test]
    #[should_panic = "what was carried over"]
    fn what_was_carried_over_and_does_not_wait_is_found() {
        let waiting = Waiting {
            carried_over: 1,
            ..Waiting::default()
        };
        waiting.check_invariants();
    }
}
