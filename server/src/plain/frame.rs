//! What a handler is given for each frame.

use actix_web::web::Bytes;

use super::connections::ConnectionId;
use crate::websocket::{self, Opcode};

/// A data frame as the client sent it; pings, pongs and close frames are answered unseen.
///
/// Browsers send each message as one frame with `fin` set. Other clients may send a message in
/// fragments: the first has the opcode text or binary, the others continuation, the last `fin`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Frame {
    /// The connection it came on.
    pub id: ConnectionId,
    /// The payload, unmasked. Of a text, all frames together are UTF-8.
    pub data: Bytes,
    /// Whether it begins a text, begins a binary message or continues one.
    pub opcode: Opcode,
    /// Whether it ends its message.
    pub fin: bool,
}

impl Frame {
    pub(super) fn new(id: ConnectionId, frame: websocket::Frame) -> Self {
        Self {
            id,
            data: frame.data,
            opcode: frame.opcode,
            fin: frame.fin,
        }
    }

    /// The text, if the frame is a whole text message.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match (self.opcode, self.fin) {
            (Opcode::Text, true) => std::str::from_utf8(&self.data).ok(),
            (Opcode::Text | Opcode::Binary | Opcode::Continuation, _) => None,
        }
    }
}
