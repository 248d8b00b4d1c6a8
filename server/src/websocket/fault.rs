//! How a peer can break RFC 6455, and the close code that answers it.

use thiserror::Error;

use super::close::Close;

/// A fault of a peer; each ends its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(crate) enum Fault {
    /// A client must mask every frame (RFC 6455 §5.1).
    #[error("a frame isn't masked")]
    Unmasked,
    /// Reserved bits are zero unless an extension was agreed on, and none is (§5.2).
    #[error("a frame's reserved bits are set")]
    ReservedBits,
    /// The opcode has no meaning (§5.2).
    #[error("opcode {0:#x} has no meaning")]
    Opcode(u8),
    /// Control frames can't be fragmented (§5.5).
    #[error("a control frame is fragmented")]
    FragmentedControl,
    /// Control frames hold at most 125 bytes (§5.5).
    #[error("a control frame is longer than 125 bytes")]
    LongControl,
    /// A length must be written in its shortest form and below 2^63 (§5.2).
    #[error("a frame's length isn't in its shortest form")]
    Length,
    /// A continuation frame came while no message was open (§5.4).
    #[error("a continuation came without a beginning")]
    NothingToContinue,
    /// A new message began inside an unfinished one (§5.4).
    #[error("a message began inside another")]
    Interleaved,
    /// A message passed the limit; a frame is refused by what its header claims.
    #[error("a message is longer than {limit} bytes")]
    TooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// A text isn't UTF-8 (§8.1).
    #[error("a text isn't UTF-8")]
    Utf8,
    /// A close frame's code may not be sent, or its reason isn't UTF-8 (§5.5.1, §7.4).
    #[error("a close frame is malformed")]
    Close,
    /// The decoder refused a frame for another reason.
    #[error("a frame can't be decoded")]
    Undecodable,
}

impl Fault {
    /// Returns the close frame that tells the peer (RFC 6455 §7.4.1).
    pub(super) fn close(self) -> Close {
        let code = match self {
            Self::Unmasked
            | Self::ReservedBits
            | Self::Opcode(_)
            | Self::FragmentedControl
            | Self::LongControl
            | Self::Length
            | Self::NothingToContinue
            | Self::Interleaved
            | Self::Close
            | Self::Undecodable => 1002,
            Self::Utf8 => 1007,
            Self::TooLarge { .. } => 1009,
        };
        Close::known(code, self.to_string())
    }
}
