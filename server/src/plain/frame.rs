//! A data frame, as the handler of frames gets it.

use actix_web::web::Bytes;

use super::connections::ConnectionId;
use crate::websocket::{self, Opcode};

/// A data frame as the client sent it; pings, pongs and close frames are answered unseen.
///
/// A message is one frame with `fin` set, or several fragments: the first has the opcode text or
/// binary, the others continuation, the last `fin`. Chromium cuts messages at 131,000 bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Frame {
    /// The connection it came on.
    pub id: ConnectionId,
    /// The payload, unmasked. Of a text, all frames together are UTF-8.
    pub data: Bytes,
    /// The kind of frame: it begins a text, begins a binary message or continues one.
    pub opcode: Opcode,
    /// True if it ends its message.
    pub fin: bool,
}

impl Frame {
    pub(super) fn new(id: ConnectionId, frame: websocket::WsFrame) -> Self {
        Self {
            id,
            data: frame.data,
            opcode: frame.opcode,
            fin: frame.fin,
        }
    }

    /// Returns the text, if the frame is a whole text message.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match (self.opcode, self.fin) {
            (Opcode::Text, true) => std::str::from_utf8(&self.data).ok(),
            (Opcode::Text | Opcode::Binary | Opcode::Continuation, _) => None,
        }
    }
}
