//! A topic's log: what was published to it, as far as it is kept, and where each reader stands.
//!
//! Like the session it does no I/O and reads no clock. Whoever publishes appends; whoever reads asks
//! for what follows an offset, and gets frames that are ready to be sent. A reader that is slow costs
//! nothing: it falls behind, and learns what it has missed.

mod entry;

use std::collections::VecDeque;

pub use entry::Form;

use thiserror::Error;

use crate::frame::{Frame, Joined, Publication, SkipReason, Skipped, Start, Verdict};
use crate::limits::{FRAME_COST, MAX_PART};
use crate::{Alias, Epoch, Offset, PeerId, Position};
use entry::Entry;

/// How much of a log is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keep {
    entries: usize,
    bytes: usize,
}

impl Default for Keep {
    fn default() -> Self {
        Self {
            entries: 1000,
            bytes: 256 * 1024,
        }
    }
}

impl Keep {
    /// The most entries (default 1,000, at least 1).
    pub fn entries(mut self, entries: usize) -> Self {
        self.entries = entries.max(1);
        self
    }

    /// The most bytes of entries, each charged its length and 64 more (default 256 KiB), and as many
    /// again of what was written for readers in other [forms](Form). The newest entry stays whatever its size.
    pub fn bytes(mut self, bytes: usize) -> Self {
        self.bytes = bytes;
        self
    }
}

/// The item is larger than a frame carries.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("an item has at most {MAX_PART} bytes")]
pub struct ItemTooLarge;

/// One topic's log.
#[derive(Debug)]
pub struct Log {
    alias: Alias,
    epoch: Epoch,
    keep: Keep,
    /// Of the first entry that is there, or of the next one if there is none.
    first: Offset,
    entries: VecDeque<Entry>,
    /// Invariant: the sum of the costs in `entries`.
    bytes: usize,
    /// Bytes of other forms that are kept besides. They go before they take as much room as entries may.
    written: usize,
}

/// Who reads a log.
#[derive(Clone, Copy, Debug)]
pub struct Reader {
    /// The reader's id: it doesn't get what was published to all but it.
    pub peer: PeerId,
    /// How it gets the items. What its form has no value for is told as gone.
    pub form: Form,
}

/// How much a reader takes at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Bytes of frames.
    pub bytes: usize,
    /// What is left of its window, in charged bytes.
    pub credit: u64,
}

/// What a reader got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slice {
    /// The next that it wants.
    pub next: Offset,
    /// What it was charged.
    pub charged: u64,
    /// There is more, for which there was no room.
    pub more: bool,
}

impl Log {
    /// An empty log. `epoch` is random.
    pub fn new(alias: Alias, epoch: Epoch, keep: Keep) -> Self {
        Self {
            alias,
            epoch,
            keep,
            first: Offset::FIRST,
            entries: VecDeque::new(),
            bytes: 0,
            written: 0,
        }
    }

    /// What its publications name it by.
    pub fn alias(&self) -> Alias {
        self.alias
    }

    /// The place of the next entry.
    pub fn next(&self) -> Offset {
        // Entries have no holes.
        Offset::new(self.first.get() + self.entries.len() as u64).unwrap_or(Offset::FIRST)
    }

    /// Bytes that it holds, as [`Keep::bytes`] charges them.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Appends an item in canonical postcard, for all readers but one if that is named, and lets the
    /// oldest entries go for which there is no room.
    ///
    /// # Errors
    /// [`ItemTooLarge`].
    pub fn append(
        &mut self,
        item: Vec<u8>,
        except: Option<PeerId>,
    ) -> Result<Offset, ItemTooLarge> {
        if item.len() > MAX_PART {
            return Err(ItemTooLarge);
        }
        let offset = self.next();
        let entry = Entry::new(item, except);
        self.bytes += entry.cost();
        self.entries.push_back(entry);
        self.trim();
        Ok(offset)
    }

    fn trim(&mut self) {
        while self.entries.len() > self.keep.entries
            || self.bytes > self.keep.bytes && self.entries.len() > 1
        {
            if let Some(entry) = self.entries.pop_front() {
                self.bytes -= entry.cost();
                self.written -= entry.written_len();
                self.first = self.first.next();
            }
        }
    }

    /// What a reader that wants to begin so will get.
    pub fn join(&self, start: Start) -> Joined {
        let next = self.next();
        let (offset, verdict) = match start {
            Start::Now => (next, Verdict::Begun),
            Start::Last(count) => {
                let back = next.get().saturating_sub(u64::from(count));
                let offset = Offset::new(back).unwrap_or(Offset::FIRST);
                (offset.max(self.first), Verdict::Begun)
            }
            // Nothing of this epoch has been heard.
            Start::At(position) if position.epoch != self.epoch && !mutant!("epoch_ignored") => {
                (self.first, Verdict::NewEpoch)
            }
            // Nobody has been told such a position.
            Start::At(position) if position.offset > next => (next, Verdict::NewEpoch),
            Start::At(position) if position.offset < self.first => (self.first, Verdict::Gap),
            Start::At(position) => (position.offset, Verdict::Recovered),
        };
        Joined {
            alias: self.alias,
            position: Position {
                epoch: self.epoch,
                offset,
            },
            verdict,
        }
    }

    /// Appends to `out` the frames that follow for a reader that wants `from` next, as far as there is
    /// room for them.
    pub fn read(&mut self, reader: Reader, from: Offset, room: Room, out: &mut Vec<u8>) -> Slice {
        let end = out.len() + room.bytes;
        let mut slice = Slice {
            next: mutant!("skip_untold", from.max(self.first), from),
            charged: 0,
            more: false,
        };
        if slice.next < self.first {
            let first = self.first;
            slice.more = !self.skip(first, SkipReason::Gone, room.credit, end, out, &mut slice);
            if slice.more {
                return slice;
            }
        }
        while slice.next < self.next() {
            if !self.read_one(reader, room.credit, end, out, &mut slice) {
                slice.more = true;
                break;
            }
        }
        self.forget_written();
        slice
    }

    /// Lets the oldest go of what was written in other forms, if it is too much.
    fn forget_written(&mut self) {
        let mut entries = self.entries.iter_mut();
        while self.written > self.keep.bytes
            && let Some(entry) = entries.next()
        {
            self.written -= entry.written_len();
            entry.forget_written();
        }
    }

    /// One entry, or what stands in its place; says whether there was room.
    fn read_one(
        &mut self,
        reader: Reader,
        credit: u64,
        end: usize,
        out: &mut Vec<u8>,
        slice: &mut Slice,
    ) -> bool {
        let (alias, offset) = (self.alias, slice.next);
        let place = usize::try_from(offset.get() - self.first.get()).unwrap_or(usize::MAX);
        let Some(entry) = self.entries.get_mut(place) else {
            return false;
        };
        let is_left_out = entry.except == Some(reader.peer) && !mutant!("left_out_heard");
        let payload = if is_left_out {
            Err(SkipReason::LeftOut)
        } else {
            let before = entry.written_len();
            entry.write(reader.form);
            self.written += entry.written_len() - before;
            entry.read(reader.form).ok_or(SkipReason::Gone)
        };
        match payload {
            Ok(payload) => {
                let charged = payload.len() as u64 + FRAME_COST;
                let frame = Frame::Publication(Publication {
                    alias,
                    offset,
                    payload,
                });
                let fits = slice.charged + charged <= credit && put(&frame, end, out);
                if fits {
                    slice.charged += charged;
                    slice.next = offset.next();
                }
                fits
            }
            Err(SkipReason::Gone) => {
                self.skip(offset.next(), SkipReason::Gone, credit, end, out, slice)
            }
            Err(SkipReason::LeftOut) => {
                let rest = self.entries.iter().skip(place);
                let run = rest.take_while(|entry| entry.except == Some(reader.peer));
                let to = run.fold(offset, |offset, _| offset.next());
                self.skip(to, SkipReason::LeftOut, credit, end, out, slice)
            }
        }
    }

    /// Says that what comes next is `to`; charged as an empty entry.
    fn skip(
        &self,
        to: Offset,
        why: SkipReason,
        credit: u64,
        end: usize,
        out: &mut Vec<u8>,
        slice: &mut Slice,
    ) -> bool {
        let frame = Frame::Skipped(Skipped {
            alias: self.alias,
            from: slice.next,
            to,
            why,
        });
        let fits = slice.charged + FRAME_COST <= credit && put(&frame, end, out);
        if fits {
            slice.charged += FRAME_COST;
            slice.next = to;
        }
        fits
    }
}

fn put(frame: &Frame<'_>, end: usize, out: &mut Vec<u8>) -> bool {
    let fits = out.len() + frame.encoded_len() <= end;
    if fits {
        frame.encode(out);
    }
    fits
}

#[cfg(test)]
mod tests;
