//! Outlines of kinds that differ, for whoever looks for the difference.

use super::{Event, PeerMisbehaved, ServerSide, Session, SessionCore, State};
use crate::frame::{Frame, NeedOutlines, Outline};
use crate::limits::{MAX_MESSAGE, MAX_OUTLINES};

/// The outlines that either side may tell.
#[derive(Debug, Default)]
pub(super) struct Outlines {
    /// The kinds whose outlines the peer may still tell: to a server those that it has asked for, to a
    /// client those that the server has otherwise.
    awaited: Vec<u32>,
    /// Frames about outlines that are due, as they stand on the wire.
    due: Vec<Vec<u8>>,
}

impl Outlines {
    /// Lets the peer tell the outline of this kind, once.
    pub(super) fn await_one(&mut self, kind: u32) {
        if !self.awaited.contains(&kind) {
            self.awaited.push(kind);
        }
    }

    /// Returns true if any has to go out.
    pub(super) fn are_due(&self) -> bool {
        !self.due.is_empty()
    }

    /// Drops what hasn't gone out.
    pub(super) fn drop_due(&mut self) {
        self.due.clear();
    }

    fn write(&mut self, out: &mut Vec<u8>) {
        while let Some(frame) = self.due.first() {
            if out.len() + frame.len() > MAX_MESSAGE {
                return;
            }
            out.extend_from_slice(frame);
            self.due.remove(0);
        }
    }
}

impl Session<ServerSide> {
    /// Asks the client, for the server's log, how these kinds of its table differ: the first few of them.
    /// It may answer, each once, as [`Event::Outline`].
    pub fn request_outlines(&mut self, mut kinds: Vec<u32>) {
        kinds.truncate(MAX_OUTLINES);
        if !kinds.is_empty() {
            for kind in &kinds {
                self.outlines.await_one(*kind);
            }
            let need = Frame::NeedOutlines(NeedOutlines { kinds });
            self.outlines.due.push(need.to_bytes());
        }
    }
}

impl SessionCore {
    /// Tells how this side has a kind that differs: a client as its answer to an [`ClientEvent::NeedOutlines`](super::ClientEvent::NeedOutlines),
    /// a server after its welcome, if it explains itself, for a kind that this refused.
    pub fn send_outline(&mut self, kind: u32, text: String) {
        // Who asks again and again without listening gets no more.
        if self.outlines.due.len() < MAX_OUTLINES {
            let told = Frame::Outline(Outline { kind, text });
            self.outlines.due.push(told.to_bytes());
        }
    }

    /// Takes an outline only of what differs, and once, so that neither end can fill the other's log or memory.
    pub(super) fn on_outline(&mut self, outline: Outline) -> Result<(), PeerMisbehaved> {
        let Outline { kind, text } = outline;
        let awaited = &mut self.outlines.awaited;
        let place = awaited.iter().position(|awaited| *awaited == kind);
        awaited.swap_remove(place.ok_or(PeerMisbehaved::OutlineUnasked)?);
        self.emit(Event::Outline { kind, text });
        Ok(())
    }

    /// Writes the outlines. They come last, since nothing needs them.
    pub(super) fn write_outlines(&mut self, out: &mut Vec<u8>) {
        if self.state() == State::Open {
            self.outlines.write(out);
        }
    }
}
