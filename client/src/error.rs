//! What can go wrong for a caller.

use std::error::Error;
use std::fmt;

use thiserror::Error;
use twinwire::{DecodeError, EncodeError, End, Refused};

/// A call brought no reply. `E` is the application's own error for this call.
#[derive(Debug)]
#[non_exhaustive]
pub enum CallError<E> {
    /// The handler answered with the application's error: match it for its own words.
    App(E),
    /// The server refused the call, or its handler got to no answer; it says whether to try again.
    Refused(Refused),
    /// The call's deadline passed. The handler may have run; ask before doing it twice.
    Deadline,
    /// The server never received it. It is safe to call again.
    NotReceived,
    /// The connection ended before the answer came. The handler may have run; ask before doing it
    /// twice.
    Unknown,
    /// The kind isn't in the table that the client was connected with: add it to `kinds![…]`.
    Undeclared,
    /// The request can't be written: too large, or a value that the format doesn't have.
    Encode(EncodeError),
    /// The reply can't be read as its type, though the fingerprints agree: a serde implementation
    /// written by hand is asymmetric.
    Decode(DecodeError),
}

impl<E: fmt::Debug> fmt::Display for CallError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::App(error) => write!(f, "the application answered with an error: {error:?}"),
            Self::Refused(refused) => write!(f, "the call was refused: {refused}"),
            Self::Deadline => f.write_str("no answer came in time"),
            Self::NotReceived => f.write_str("the server never received the call"),
            Self::Unknown => f.write_str("the connection ended before the answer"),
            Self::Undeclared => {
                f.write_str("the client wasn't connected with this kind: add it to kinds![…]")
            }
            Self::Encode(_) => f.write_str("the request can't be written"),
            Self::Decode(_) => f.write_str("the reply can't be read"),
        }
    }
}

impl<E: fmt::Debug> Error for CallError<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Encode(error) => Some(error),
            Self::Decode(error) => Some(error),
            Self::App(_)
            | Self::Refused(_)
            | Self::Deadline
            | Self::NotReceived
            | Self::Unknown
            | Self::Undeclared => None,
        }
    }
}

/// The connection didn't come about. `E` is the platform's error.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ConnectError<E: Error + 'static> {
    /// The WebSocket couldn't be opened: nobody listens, it isn't our server, or a proxy is in the
    /// way.
    #[error("the WebSocket couldn't be opened")]
    Open(#[source] E),
    /// The WebSocket opened, but no welcome came: refused by the server (a goodbye says why), or
    /// lost.
    #[error("the server didn't welcome the client: {0}")]
    NotWelcomed(End),
    /// The options' `connect_timeout` passed, or the time that the limits give a handshake.
    #[error("no connection within the time allowed")]
    TimedOut,
    /// The driver was dropped before the connection came about: the runtime is shutting down.
    #[error("the client's driver is gone")]
    Abandoned,
}
