//! A topic's log: what was published to it, as far as it is kept, and where each reader stands.
//!
//! Like the session it does no I/O and reads no clock. Whoever publishes appends; whoever reads asks
//! for what follows an offset, and gets frames that are ready to be sent. A reader that is slow costs
//! nothing: it falls behind, and learns what it has missed.

mod entry;

use std::collections::VecDeque;

pub use entry::{Encoding, FinishedEncoding, PendingEncoding};

use thiserror::Error;

use crate::frame::{Frame, Joined, Publication, SkipReason, Skipped, Start, Verdict};
use crate::limits::{FRAME_COST, MAX_PART};
use crate::{Alias, Epoch, Offset, PeerId, Position};
use entry::Entry;

/// The retention of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    entries: usize,
    bytes: usize,
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            entries: 1000,
            bytes: 256 * 1024,
        }
    }
}

impl Retention {
    /// Sets the most entries (default 1,000, at least 1).
    pub fn entries(mut self, entries: usize) -> Self {
        self.entries = entries.max(1);
        self
    }

    /// Sets the most bytes of entries, each charged its length and 64 more (default 256 KiB), and as many
    /// again of what was encoded for readers in other [encodings](Encoding). The newest entry stays whatever its size.
    pub fn bytes(mut self, bytes: usize) -> Self {
        self.bytes = bytes;
        self
    }
}

/// The item is larger than a frame carries.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("an item has at most {MAX_PART} bytes: publish it in parts")]
pub struct ItemTooLarge;

/// One topic's log.
#[derive(Debug)]
pub struct Log {
    alias: Alias,
    epoch: Epoch,
    retention: Retention,
    /// The offset of the first entry that is there, or of the next one if there is none.
    first: Offset,
    entries: VecDeque<Entry>,
    /// Invariant: the sum of the costs in `entries`.
    bytes: usize,
    /// Bytes of other encodings that are kept besides. They go before they take as much room as entries may.
    cached: usize,
}

/// A reader of a log.
#[derive(Clone, Copy, Debug)]
pub struct LogReader {
    /// The reader's id: it doesn't get what was published to all but it.
    pub peer: PeerId,
    /// The encoding in which it gets the items. An item without a value in that encoding is told as gone.
    pub encoding: Encoding,
}

/// The bounds of one read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadBudget {
    /// Bytes of frames.
    pub bytes: usize,
    /// The rest of its window, in charged bytes.
    pub credit: u64,
}

/// The result of one read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slice {
    /// The next that it wants.
    pub next: Offset,
    /// The bytes that it was charged.
    pub charged: u64,
    /// True if there is more, for which there was no room.
    pub more: bool,
}

impl Slice {
    /// Begins a slice for a reader that wants `from` next.
    pub fn begin(from: Offset) -> Self {
        Self {
            next: from,
            charged: 0,
            more: false,
        }
    }
}

impl Log {
    /// Makes an empty log. `epoch` is random.
    pub fn new(alias: Alias, epoch: Epoch, retention: Retention) -> Self {
        Self {
            alias,
            epoch,
            retention,
            first: Offset::FIRST,
            entries: VecDeque::new(),
            bytes: 0,
            cached: 0,
        }
    }

    /// Returns the alias by which its publications name it.
    pub fn alias(&self) -> Alias {
        self.alias
    }

    /// Returns the place of the next entry.
    pub fn next(&self) -> Offset {
        // Entries have no holes.
        Offset::new(self.first.get() + self.entries.len() as u64).unwrap_or(Offset::FIRST)
    }

    /// Returns the bytes that it holds, as [`Retention::bytes`] charges them.
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
        // Publications have no parts: each reader gets an item in one frame.
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
        // The newest stays whatever its size, or nobody would ever read it.
        while self.entries.len() > self.retention.entries
            || self.bytes > self.retention.bytes && self.entries.len() > 1
        {
            if let Some(entry) = self.entries.pop_front() {
                self.bytes -= entry.cost();
                self.cached -= entry.cached_len();
                self.first = self.first.next();
            }
        }
    }

    /// Returns the verdict on a wish to begin so, and the place where the reader begins.
    pub fn join(&self, start: Start) -> Joined {
        let next = self.next();
        plant!("epoch_ignored", let start = match start {
            Start::At(Position { offset, .. }) => Start::At(Position { epoch: self.epoch, offset }),
            Start::Now | Start::Last(_) => start,
        });
        let (offset, verdict) = match start {
            Start::Now => (next, Verdict::Begun),
            Start::Last(count) => {
                let back = next.get().saturating_sub(u64::from(count));
                let offset = Offset::new(back).unwrap_or(Offset::FIRST);
                // Fewer may be there than were asked for: all of them, then.
                (offset.max(self.first), Verdict::Begun)
            }
            // Nothing of this epoch has been heard.
            Start::At(position) if position.epoch != self.epoch => (self.first, Verdict::NewEpoch),
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
    /// room for them. Items that aren't there in the reader's encoding are written here: see
    /// [`read_on`](Self::read_on) for who has the log behind a lock.
    pub fn read(
        &mut self,
        reader: LogReader,
        from: Offset,
        room: ReadBudget,
        out: &mut Vec<u8>,
    ) -> Slice {
        let end = out.len() + room.bytes;
        let mut slice = Slice::begin(from);
        while let Some(pending) = self.read_on(reader, room.credit, end, out, &mut slice) {
            self.cache(pending.encode());
        }
        slice
    }

    /// Goes on with a slice: appends frames to `out` until that has `end` bytes, the slice is charged `credit`, or
    /// nothing follows. Stops before an item that isn't there in the reader's encoding, and returns that:
    /// [encode](PendingEncoding::encode) it, which runs the application's code, where nothing is locked,
    /// [keep it](Self::cache), and call this again.
    pub fn read_on(
        &mut self,
        reader: LogReader,
        credit: u64,
        end: usize,
        out: &mut Vec<u8>,
        slice: &mut Slice,
    ) -> Option<PendingEncoding> {
        slice.more = false;
        plant!("skip_untold", slice.next = slice.next.max(self.first));
        // A reader that fell behind is told so by a frame: offsets that were missing in silence
        // would be malformed.
        if slice.next < self.first {
            let first = self.first;
            slice.more = !self.skip(first, SkipReason::Gone, credit, end, out, slice);
        }
        while !slice.more && slice.next < self.next() {
            match self.read_one(reader, credit, end, out, slice) {
                Ok(has_room) => slice.more = !has_room,
                // What was written for others stays: who is about to read it, would write it again.
                Err(pending) => return Some(pending),
            }
        }
        self.forget_cached();
        None
    }

    /// Keeps an item in another encoding, unless it has gone meanwhile or somebody else has written it.
    pub fn cache(&mut self, finished: FinishedEncoding) {
        let FinishedEncoding {
            offset,
            encoding,
            bytes,
        } = finished;
        let place = offset.get().checked_sub(self.first.get());
        let place = place.and_then(|place| usize::try_from(place).ok());
        if let Some(entry) = place.and_then(|place| self.entries.get_mut(place)) {
            let before = entry.cached_len();
            entry.keep(encoding, bytes);
            self.cached += entry.cached_len() - before;
        }
    }

    /// Forgets the oldest of what was written in other encodings, while it is too much.
    fn forget_cached(&mut self) {
        // From the oldest on: most readers are near the log's end.
        let mut entries = self.entries.iter_mut();
        while self.cached > self.retention.bytes
            && let Some(entry) = entries.next()
        {
            self.cached -= entry.cached_len();
            entry.forget_cached();
        }
    }

    /// Appends one entry, or what stands in its place. Returns whether there was room, or what has to be written
    /// first.
    fn read_one(
        &mut self,
        reader: LogReader,
        credit: u64,
        end: usize,
        out: &mut Vec<u8>,
        slice: &mut Slice,
    ) -> Result<bool, PendingEncoding> {
        let (alias, offset) = (self.alias, slice.next);
        let place = usize::try_from(offset.get() - self.first.get()).unwrap_or(usize::MAX);
        let Some(entry) = self.entries.get(place) else {
            return Ok(false);
        };
        let is_left_out = entry.except == Some(reader.peer);
        plant!("left_out_heard", let is_left_out = false);
        // Asked before the encoding: what a reader doesn't get need not be written for it.
        let payload = if is_left_out {
            Err(SkipReason::LeftOut)
        } else if let Some(pending) = entry.pending(offset, reader.encoding) {
            return Err(pending);
        } else {
            entry.read(reader.encoding).ok_or(SkipReason::Gone)
        };
        Ok(match payload {
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
                // A run of them is one frame: who publishes much itself isn't charged for each.
                let rest = self.entries.iter().skip(place);
                let run = rest.take_while(|entry| entry.except == Some(reader.peer));
                let to = run.fold(offset, |offset, _| offset.next());
                self.skip(to, SkipReason::LeftOut, credit, end, out, slice)
            }
        })
    }

    /// Appends a frame that says that `to` comes next. Returns true if there was room.
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
        // Charged as an entry, since it waits at the client as one does.
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
