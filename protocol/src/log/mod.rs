//! A topic's log: what was published to it, as far as it is kept, and where each reader stands.
//!
//! Like the session it does no I/O and reads no clock. Whoever publishes appends; whoever reads asks
//! for what follows an offset, and gets frames that are ready to be sent. A reader that is slow costs
//! nothing: it falls behind, and learns what it has missed.

use std::collections::VecDeque;

use thiserror::Error;

use crate::frame::{Frame, Joined, Publication, SkipReason, Skipped, Start, Verdict};
use crate::limits::{FRAME_COST, MAX_PART};
use crate::{Alias, Epoch, Format, Offset, PeerId, Position};

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
    /// again of what was written for readers in JSON. The newest entry stays whatever its size.
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
    /// Bytes of JSON that are kept besides. They go before they take as much room as entries may.
    json: usize,
}

#[derive(Debug)]
struct Entry {
    /// The item in canonical postcard.
    postcard: Vec<u8>,
    /// The item in JSON, once somebody has read it so.
    json: Json,
    /// Who doesn't get it.
    except: Option<PeerId>,
}

#[derive(Debug)]
enum Json {
    Unread,
    Written(Vec<u8>),
    /// JSON has no such value.
    Impossible,
}

impl Entry {
    fn cost(&self) -> usize {
        self.postcard.len() + FRAME_COST as usize
    }

    fn json_len(&self) -> usize {
        match &self.json {
            Json::Written(json) => json.len(),
            Json::Unread | Json::Impossible => 0,
        }
    }
}

/// Who reads a log.
#[derive(Clone, Copy)]
pub struct Reader<'a> {
    /// The reader's id: it doesn't get what was published to all but it.
    pub peer: PeerId,
    /// The format in which it wants the items.
    pub format: Format,
    /// Writes an item in JSON that is there in postcard; none if JSON has no such value.
    pub to_json: &'a dyn Fn(&[u8]) -> Option<Vec<u8>>,
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
            json: 0,
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
        let entry = Entry {
            postcard: item,
            json: Json::Unread,
            except,
        };
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
                self.json -= entry.json_len();
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
            Start::At(position) if position.epoch != self.epoch && !mutant!("epoch_ignored") => {
                (next, Verdict::NewEpoch)
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
    pub fn read(
        &mut self,
        reader: Reader<'_>,
        from: Offset,
        room: Room,
        out: &mut Vec<u8>,
    ) -> Slice {
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
        self.forget_json();
        slice
    }

    /// Lets the oldest go of what was written in JSON, if it is too much.
    fn forget_json(&mut self) {
        let mut entries = self.entries.iter_mut();
        while self.json > self.keep.bytes
            && let Some(entry) = entries.next()
        {
            self.json -= entry.json_len();
            if matches!(entry.json, Json::Written(_)) {
                entry.json = Json::Unread;
            }
        }
    }

    /// One entry, or what stands in its place; says whether there was room.
    fn read_one(
        &mut self,
        reader: Reader<'_>,
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
        let payload = match reader.format {
            _ if entry.except == Some(reader.peer) && !mutant!("left_out_heard") => {
                Err(SkipReason::LeftOut)
            }
            Format::Postcard => Ok(&entry.postcard),
            Format::Json => {
                if matches!(entry.json, Json::Unread) {
                    entry.json = match (reader.to_json)(&entry.postcard) {
                        Some(json) if json.len() <= MAX_PART => Json::Written(json),
                        Some(_) | None => Json::Impossible,
                    };
                    self.json += entry.json_len();
                }
                match &entry.json {
                    Json::Written(json) => Ok(json),
                    Json::Unread | Json::Impossible => Err(SkipReason::Gone),
                }
            }
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
