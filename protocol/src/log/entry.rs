//! An entry of a log, in the forms that its readers want.

use core::any::TypeId;

use crate::limits::{FRAME_COST, MAX_PART};
use crate::{Format, PeerId};

/// The form in which a reader gets a log's items.
#[derive(Clone, Copy, Debug)]
pub enum Form {
    /// As they were appended.
    Canonical,
    /// Written anew from that, once a reader needs it, and kept for the others.
    Written {
        /// The type that an item becomes. With the format it tells this form from the log's others.
        item: TypeId,
        /// How that is written.
        format: Format,
        /// Writes an item that is there in canonical postcard; none if this form has no such value.
        write: fn(&[u8]) -> Option<Vec<u8>>,
    },
}

#[derive(Debug)]
pub(super) struct Entry {
    /// The item in canonical postcard.
    canonical: Vec<u8>,
    /// The item in other forms, once somebody has read it so.
    written: Vec<Written>,
    /// Who doesn't get it.
    pub(super) except: Option<PeerId>,
}

#[derive(Debug)]
struct Written {
    item: TypeId,
    format: Format,
    /// None: the form has no such value.
    bytes: Option<Vec<u8>>,
}

impl Entry {
    pub(super) fn new(canonical: Vec<u8>, except: Option<PeerId>) -> Self {
        Self {
            canonical,
            written: Vec::new(),
            except,
        }
    }

    pub(super) fn cost(&self) -> usize {
        self.canonical.len() + FRAME_COST as usize
    }

    /// Bytes that it keeps besides its cost.
    pub(super) fn written_len(&self) -> usize {
        let bytes = self.written.iter().filter_map(|form| form.bytes.as_ref());
        bytes.map(Vec::len).sum()
    }

    /// Writes the item in this form, if nobody has read it so yet.
    pub(super) fn write(&mut self, form: Form) {
        let Form::Written {
            item,
            format,
            write,
        } = form
        else {
            return;
        };
        if self.find(item, format).is_none() {
            let bytes = write(&self.canonical).filter(|bytes| bytes.len() <= MAX_PART);
            self.written.push(Written {
                item,
                format,
                bytes,
            });
        }
    }

    /// The item in this form, if that has been written and there is such a value.
    pub(super) fn read(&self, form: Form) -> Option<&[u8]> {
        match form {
            Form::Canonical => Some(&self.canonical),
            Form::Written { item, format, .. } => self.find(item, format)?.bytes.as_deref(),
        }
    }

    fn find(&self, item: TypeId, format: Format) -> Option<&Written> {
        let mut written = self.written.iter();
        written.find(|form| form.item == item && form.format == format)
    }

    /// Lets go of what was written besides. That there is no such value is remembered.
    pub(super) fn forget_written(&mut self) {
        self.written.retain(|form| form.bytes.is_none());
    }
}
