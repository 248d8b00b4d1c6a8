//! A received data frame.

use std::fmt;

use actix_web::web::Bytes;

/// The opcode of a data frame (RFC 6455 §5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Opcode {
    /// Goes on with the message that an earlier frame began.
    Continuation,
    /// Begins a text message.
    Text,
    /// Begins a binary message.
    Binary,
}

impl Opcode {
    /// Returns the number on the wire: 0, 1 or 2.
    #[must_use]
    pub fn number(self) -> u8 {
        match self {
            Self::Continuation => 0,
            Self::Text => 1,
            Self::Binary => 2,
        }
    }
}

impl fmt::Display for Opcode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Continuation => "continuation",
            Self::Text => "text",
            Self::Binary => "binary",
        })
    }
}

/// A data frame as the peer sent it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct WsFrame {
    pub(crate) opcode: Opcode,
    /// True if it ends its message.
    pub(crate) fin: bool,
    pub(crate) data: Bytes,
}
