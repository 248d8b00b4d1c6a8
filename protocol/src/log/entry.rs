//! An entry of a log, in the forms that its readers want.

use core::any::TypeId;

use crate::limits::{FRAME_COST, MAX_PART};
use crate::{Format, Offset, PeerId};

/// The form in which a reader gets a log's items.
#[derive(Clone, Copy, Debug)]
pub enum Form {
    /// As they were appended.
    Canonical,
    /// Written anew from that, once a reader needs it, and kept for the others.
    Written {
        /// The type that an item becomes. With the format it tells this form from the log's others.
        item: TypeId,
        /// The format of that.
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
    written: Vec<Kept>,
    /// The peer that doesn't get it.
    pub(super) except: Option<PeerId>,
}

#[derive(Debug)]
struct Kept {
    item: TypeId,
    format: Format,
    /// None: the form has no such value.
    bytes: Option<Vec<u8>>,
}

/// An item that isn't there in the form that a reader wants.
#[derive(Debug)]
#[must_use = "the reader waits for it to be written"]
pub struct Unwritten {
    offset: Offset,
    form: Form,
    canonical: Vec<u8>,
}

/// An item in another form, to be [kept](super::Log::keep_written).
#[derive(Debug)]
#[must_use = "the reader waits for it to be kept"]
pub struct Written {
    pub(super) offset: Offset,
    pub(super) form: Form,
    pub(super) bytes: Option<Vec<u8>>,
}

impl Unwritten {
    /// Writes the item in the reader's form, by the function of that.
    pub fn write(self) -> Written {
        let Self {
            offset,
            form,
            canonical,
        } = self;
        let bytes = match form {
            Form::Canonical => Some(canonical),
            Form::Written { write, .. } => write(&canonical),
        };
        Written {
            offset,
            form,
            bytes,
        }
    }
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

    /// Returns the bytes that it keeps besides its cost.
    pub(super) fn written_len(&self) -> usize {
        let bytes = self.written.iter().filter_map(|form| form.bytes.as_ref());
        bytes.map(Vec::len).sum()
    }

    /// Returns what has to be written before the item can be read in this form, if that is so.
    pub(super) fn unwritten(&self, offset: Offset, form: Form) -> Option<Unwritten> {
        let Form::Written { item, format, .. } = form else {
            return None;
        };
        self.find(item, format).is_none().then(|| Unwritten {
            offset,
            form,
            canonical: self.canonical.clone(),
        })
    }

    /// Keeps the item in this form, if it isn't there yet.
    pub(super) fn keep(&mut self, form: Form, bytes: Option<Vec<u8>>) {
        let Form::Written { item, format, .. } = form else {
            return;
        };
        if self.find(item, format).is_none() {
            let bytes = bytes.filter(|bytes| bytes.len() <= MAX_PART);
            self.written.push(Kept {
                item,
                format,
                bytes,
            });
        }
    }

    /// Returns the item in this form, if that has been written and there is such a value.
    pub(super) fn read(&self, form: Form) -> Option<&[u8]> {
        match form {
            Form::Canonical => Some(&self.canonical),
            Form::Written { item, format, .. } => self.find(item, format)?.bytes.as_deref(),
        }
    }

    fn find(&self, item: TypeId, format: Format) -> Option<&Kept> {
        plant!("forms_mixed", return self.written.first());
        let mut written = self.written.iter();
        written.find(|form| form.item == item && form.format == format)
    }

    /// Lets go of what was written besides. That there is no such value is remembered.
    pub(super) fn forget_written(&mut self) {
        self.written.retain(|form| form.bytes.is_none());
    }
}
