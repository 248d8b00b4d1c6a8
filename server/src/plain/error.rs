//! What can go wrong when sending and closing.

use thiserror::Error;

use super::connections::ConnectionId;
use crate::websocket::{InvalidClose, NotQueued};

/// A message wasn't queued for a connection; it wasn't sent, not even in part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PushError {
    /// The client doesn't take its messages as fast as they come: push again later, or
    /// disconnect it.
    #[error("connection {0} has no room for the message: push it later, or disconnect")]
    Full(ConnectionId),
    /// No such connection, or it is closing: forget its id.
    #[error("connection {0} isn't open: forget its id")]
    Gone(ConnectionId),
    /// The message is larger than the whole queue ([`PlainLimits::queue`]): send it in parts.
    ///
    /// [`PlainLimits::queue`]: super::PlainLimits::queue
    #[error("the message is larger than PlainLimits::queue: push it in parts")]
    TooLarge,
}

impl PushError {
    pub(super) fn new(id: ConnectionId, refused: NotQueued) -> Self {
        match refused {
            NotQueued::Full => Self::Full(id),
            NotQueued::Closed => Self::Gone(id),
            NotQueued::TooLarge => Self::TooLarge,
        }
    }
}

/// A connection wasn't closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DisconnectError {
    /// No such connection, or it is closing already.
    #[error("connection {0} isn't open: forget its id")]
    Gone(ConnectionId),
    /// The code or the reason can't be sent; the connection stays open.
    #[error(transparent)]
    Close(#[from] InvalidClose),
}
