//! An entry of a log, in the encodings that its readers want.

use core::any::TypeId;

use crate::limits::{FRAME_COST, MAX_PART};
use crate::{Format, Offset, PeerId};

/// The encoding in which a reader gets a log's items.
#[derive(Clone, Copy, Debug)]
pub enum Encoding {
    /// As they were appended.
    Canonical,
    /// Written anew from that, once a reader needs it, and kept for the others.
    Converted {
        /// The type that an item becomes. With the format it tells this encoding from the log's others.
        item: TypeId,
        /// The format of that.
        format: Format,
        /// Writes an item that is there in canonical postcard; none if this encoding has no such value.
        encode: fn(&[u8]) -> Option<Vec<u8>>,
    },
}

#[derive(Debug)]
pub(super) struct Entry {
    /// The item in canonical postcard.
    canonical: Vec<u8>,
    /// The item in other encodings, once somebody has read it so.
    cached: Vec<CachedEncoding>,
    /// The peer that doesn't get it.
    pub(super) except: Option<PeerId>,
}

#[derive(Debug)]
struct CachedEncoding {
    item: TypeId,
    format: Format,
    /// None: the encoding has no such value.
    bytes: Option<Vec<u8>>,
}

/// An item that isn't there in the encoding that a reader wants.
#[derive(Debug)]
#[must_use = "the reader waits for it to be written"]
pub struct PendingEncoding {
    offset: Offset,
    encoding: Encoding,
    canonical: Vec<u8>,
}

/// An item in another encoding, to be [kept](super::Log::cache).
#[derive(Debug)]
#[must_use = "the reader waits for it to be kept"]
pub struct FinishedEncoding {
    pub(super) offset: Offset,
    pub(super) encoding: Encoding,
    pub(super) bytes: Option<Vec<u8>>,
}

impl PendingEncoding {
    /// Writes the item in the reader's encoding, by the function of that.
    pub fn encode(self) -> FinishedEncoding {
        let Self {
            offset,
            encoding,
            canonical,
        } = self;
        let bytes = match encoding {
            Encoding::Canonical => Some(canonical),
            Encoding::Converted { encode, .. } => encode(&canonical),
        };
        FinishedEncoding {
            offset,
            encoding,
            bytes,
        }
    }
}

impl Entry {
    pub(super) fn new(canonical: Vec<u8>, except: Option<PeerId>) -> Self {
        Self {
            canonical,
            cached: Vec::new(),
            except,
        }
    }

    pub(super) fn cost(&self) -> usize {
        self.canonical.len() + FRAME_COST as usize
    }

    /// Returns the bytes that it keeps besides its cost.
    pub(super) fn cached_len(&self) -> usize {
        let bytes = self
            .cached
            .iter()
            .filter_map(|encoding| encoding.bytes.as_ref());
        bytes.map(Vec::len).sum()
    }

    /// Returns what has to be written before the item can be read in this encoding, if that is so.
    pub(super) fn pending(&self, offset: Offset, encoding: Encoding) -> Option<PendingEncoding> {
        let Encoding::Converted { item, format, .. } = encoding else {
            return None;
        };
        // A copy, so that the application's code runs without the log's lock.
        self.find(item, format).is_none().then(|| PendingEncoding {
            offset,
            encoding,
            canonical: self.canonical.clone(),
        })
    }

    /// Keeps the item in this encoding, if it isn't there yet.
    pub(super) fn keep(&mut self, encoding: Encoding, bytes: Option<Vec<u8>>) {
        let Encoding::Converted { item, format, .. } = encoding else {
            return;
        };
        // Two readers may have written it at the same time, each without the lock.
        if self.find(item, format).is_none() {
            // A value may become too large for a frame: then there is none in this encoding.
            let bytes = bytes.filter(|bytes| bytes.len() <= MAX_PART);
            self.cached.push(CachedEncoding {
                item,
                format,
                bytes,
            });
        }
    }

    /// Returns the item in this encoding, if that has been written and there is such a value.
    pub(super) fn read(&self, encoding: Encoding) -> Option<&[u8]> {
        match encoding {
            Encoding::Canonical => Some(&self.canonical),
            Encoding::Converted { item, format, .. } => self.find(item, format)?.bytes.as_deref(),
        }
    }

    fn find(&self, item: TypeId, format: Format) -> Option<&CachedEncoding> {
        plant!("forms_mixed", return self.cached.first());
        let mut cached = self.cached.iter();
        cached.find(|encoding| encoding.item == item && encoding.format == format)
    }

    /// Lets go of what was written besides. That there is no such value is remembered.
    pub(super) fn forget_cached(&mut self) {
        // Else each reader would have it tried again, and fail again.
        self.cached.retain(|encoding| encoding.bytes.is_none());
    }
}
