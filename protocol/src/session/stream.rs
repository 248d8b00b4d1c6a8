//! The items of a stream: those that come, and those that go.

use super::credit::{Overrun, RecvWindow, SendWindow, charge, charge_all};
use super::queue::Fifo;
use crate::frame::Answer;
use crate::limits::{MAX_MESSAGE, MAX_PART};

/// A stream's items at who asked for them.
#[derive(Debug)]
pub(super) struct RecvStream {
    pub(super) grant: RecvWindow,
    /// The beginning of an item that isn't whole yet.
    partial: Option<Vec<u8>>,
    /// Bytes of the unfinished item that still count against the window.
    held: u64,
    /// The charges of the items that the application hasn't consumed, in order.
    unconsumed: Fifo<u64>,
}

impl RecvStream {
    pub(super) fn new(window: u64) -> Self {
        Self {
            grant: RecvWindow::new(window),
            partial: None,
            held: 0,
            unconsumed: Fifo::default(),
        }
    }

    pub(super) fn has_unconsumed(&self) -> bool {
        !self.unconsumed.is_empty()
    }

    /// Takes a part. Returns the item if that makes it whole.
    pub(super) fn part(
        &mut self,
        continues: bool,
        more: bool,
        part: &[u8],
        largest: usize,
    ) -> Result<Option<Vec<u8>>, ItemFault> {
        // Before anything is kept: a peer that overruns its window makes nothing grow.
        self.grant.arrive(charge(part.len()))?;
        self.held += charge(part.len());
        let item = match (continues, self.partial.take()) {
            (false, None) => part.to_vec(),
            (true, Some(mut item)) => {
                item.extend_from_slice(part);
                item
            }
            _ => return Err(ItemFault::OutOfPlace),
        };
        if item.len() > largest {
            return Err(ItemFault::TooLarge);
        }
        if more {
            self.partial = Some(item);
            self.release_head();
            return Ok(None);
        }
        self.unconsumed.push(std::mem::take(&mut self.held));
        Ok(Some(item))
    }

    /// Gives the room of the oldest item back: the application took it.
    pub(super) fn consumed(&mut self) {
        // One that takes more than it was given frees nothing.
        let charged = self.unconsumed.pop().unwrap_or(0);
        self.grant.release(charged);
        self.release_head();
    }

    /// Credits the parts of an unfinished item as they come, once no item stands before it: it may be larger than the
    /// window.
    fn release_head(&mut self) {
        if self.unconsumed.is_empty() && self.partial.is_some() {
            self.grant.release(std::mem::take(&mut self.held));
        }
    }
}

/// A fault of an item's frame.
#[derive(Debug)]
pub(super) enum ItemFault {
    Overrun,
    OutOfPlace,
    TooLarge,
}

impl From<Overrun> for ItemFault {
    fn from(_: Overrun) -> Self {
        Self::Overrun
    }
}

/// The most bytes that a stream's producer may have waiting besides those in its consumer's window.
// One message can be filled at once when the window grows; more would only take memory.
const MAX_WAITING: usize = MAX_MESSAGE;

/// A stream's items at who produces them.
#[derive(Debug)]
pub(super) struct SendStream {
    window: SendWindow,
    queue: Fifo<Vec<u8>>,
    /// Invariant: the sum of the costs in `queue`.
    queued: usize,
    /// Bytes of the first item that are sent.
    sent: usize,
    /// The number of the turn in which its last part went out, or at its beginning.
    pub(super) last_turn: u64,
    /// True while the producer waits for room.
    pub(super) wanted: bool,
    /// The answer after the last item.
    pub(super) end: Option<Answer<Vec<u8>>>,
}

impl SendStream {
    pub(super) fn new(window: u64, turn: u64) -> Self {
        Self {
            window: SendWindow::new(window),
            queue: Fifo::default(),
            queued: 0,
            sent: 0,
            last_turn: turn,
            wanted: false,
            end: None,
        }
    }

    pub(super) fn has_room(&self, item: usize) -> bool {
        // An item larger than the bound goes alone, or it never could.
        self.queue.is_empty() || self.queued + charge_all(item) <= MAX_WAITING
    }

    pub(super) fn push(&mut self, item: Vec<u8>) {
        self.queued += charge_all(item.len());
        self.queue.push(item);
    }

    pub(super) fn raise(&mut self, limit: u64) {
        self.window.raise(limit);
    }

    /// Returns the bytes that wait to be sent, as charged.
    pub(super) fn queued_bytes(&self) -> usize {
        self.queued
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Returns the part that may go next: whether it continues an item, the bytes, whether more follow.
    pub(super) fn next_part(&self) -> Option<(bool, &[u8], bool)> {
        let rest = &self.queue.first()?[self.sent..];
        let (part, more) = match rest.split_at_checked(MAX_PART) {
            Some((part, more)) if !more.is_empty() => (part, true),
            _ => (rest, false),
        };
        let fits = self.window.fits(charge(part.len()));
        fits.then_some((self.sent > 0, part, more))
    }

    /// Takes note that the next part went out, in this turn.
    pub(super) fn departed(&mut self, turn: u64) {
        self.last_turn = turn;
        let Some((_, part, more)) = self.next_part() else {
            return;
        };
        let len = part.len();
        self.window.spend(charge(len));
        if more {
            self.sent += len;
        } else if let Some(item) = self.queue.pop() {
            self.queued -= charge_all(item.len());
            self.sent = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    #[test]
    fn an_item_may_be_as_large_as_is_agreed_and_no_larger() {
        let largest = 3;
        let take = |parts: &[usize]| {
            let mut stream = RecvStream::new(1000);
            let (last, before) = parts.split_last().expect("an item has a part");
            for (place, part) in before.iter().enumerate() {
                stream.part(place > 0, true, &vec![0; *part], largest)?;
            }
            stream.part(!before.is_empty(), false, &vec![0; *last], largest)
        };
        for parts in [&[3][..], &[1, 2]] {
            let item = take(parts).expect("it isn't too large");
            assert_eq!(item, Some(vec![0; 3]), "{parts:?}");
        }
        for parts in [&[4][..], &[5], &[3, 1], &[1, 4], &[5, 0]] {
            let fault = take(parts);
            assert!(matches!(fault, Err(ItemFault::TooLarge)), "{parts:?}");
        }
    }
}
