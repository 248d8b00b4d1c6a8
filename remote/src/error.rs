//! What can go wrong for who makes a request.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use thiserror::Error;
use twinwire::shape::Difference;
use twinwire::{DecodeError, EncodeError, Kind, Refusal, Retry};

/// The other side refused a request.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refused {
    /// The name of the request's kind.
    pub kind: &'static str,
    /// Why.
    pub why: Refusal,
    /// Whether the same request may fare better later.
    pub retry: Retry,
    /// With [`Refusal::KindDiffers`], how the two ends have the kind, if the server explains that and this is a
    /// debug build: for those who build the two, not for those who use them.
    pub difference: Option<Arc<Difference>>,
}

impl Refused {
    /// Makes the refusal of a request whose kind has this name.
    pub fn new(kind: &'static str, refused: twinwire::Refused) -> Self {
        let twinwire::Refused { why, retry } = refused;
        Self {
            kind,
            why,
            retry,
            difference: None,
        }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` was refused: {}", self.kind, self.why)?;
        match &self.difference {
            Some(difference) => write!(f, "; {difference}"),
            None => Ok(()),
        }
    }
}

/// The kind isn't in the table that the client was connected with, or another type of its name is there: add it to the
/// client's `kinds![…]`.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("`{kind}` isn't in the client's table of kinds: add it to kinds![…]")]
pub struct Undeclared {
    /// The name of the kind.
    pub kind: &'static str,
}

impl Undeclared {
    /// Makes the error of a kind.
    pub fn of<K: Kind>() -> Self {
        Self { kind: K::NAME }
    }
}

/// A call brought no reply, or a stream ended with this. `E` is the application's own error.
#[derive(Debug)]
#[non_exhaustive]
pub enum CallError<E> {
    /// The handler answered with the application's error: match it for its own words.
    App(E),
    /// The other side refused the call, or its handler got to no answer; it says whether to try
    /// again.
    Refused(Refused),
    /// The deadline passed, which counts while there is no connection, too. The handler may have run; ask
    /// before doing it twice.
    Deadline,
    /// The other side never received it: it was under way, or waited and wasn't to be carried over, when the session was
    /// lost or closed. It is safe to make it again.
    NotReceived,
    /// The client or the peer is closed: the call was never sent. It can be made in another session only: connect
    /// again.
    Closed,
    /// The session was lost, or the client closed, before the answer came. The handler may have run; ask before
    /// doing it twice. A lost connection alone doesn't end a call.
    Unknown,
    /// The kind isn't in the table that the client was connected with: add it to `kinds![…]`.
    Undeclared(Undeclared),
    /// The request can't be written: too large, or a value that the format doesn't have.
    Encode(EncodeError),
    /// What came can't be read as its type, though the fingerprints agree: a serde implementation
    /// written by hand is asymmetric.
    Decode(DecodeError),
}

impl<E: fmt::Debug> fmt::Display for CallError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::App(error) => write!(f, "the application answered with an error: {error:?}"),
            Self::Refused(refused) => refused.fmt(f),
            Self::Deadline => f.write_str("no answer came in time"),
            Self::NotReceived => f.write_str("the other side never received the call"),
            Self::Closed => f.write_str(CLOSED),
            Self::Unknown => f.write_str("the session was lost before the answer"),
            Self::Undeclared(undeclared) => undeclared.fmt(f),
            Self::Encode(error) => write!(f, "the request can't be written: {error}"),
            Self::Decode(error) => write!(f, "what came back can't be read: {error}"),
        }
    }
}

const CLOSED: &str = "the session is closed, and this was never sent: connect again";

impl<E: fmt::Debug> Error for CallError<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Encode(error) => Some(error),
            Self::Decode(error) => Some(error),
            Self::App(_)
            | Self::Refused(_)
            | Self::Deadline
            | Self::NotReceived
            | Self::Closed
            | Self::Unknown
            | Self::Undeclared(_) => None,
        }
    }
}

/// An event wasn't sent, or it isn't certain that it arrived.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum EventError {
    /// The other side doesn't take it.
    #[error("{0}")]
    Refused(Refused),
    /// The other side never received it. It is safe to send it again.
    #[error("the other side never received the event")]
    NotReceived,
    /// The client or the peer is closed: the event was never sent. It can be sent in another session only: connect
    /// again.
    #[error("{CLOSED}")]
    Closed,
    /// The session was lost, or the client closed, before the acknowledgement came: it may have arrived.
    #[error("the session was lost before the acknowledgement")]
    Unknown,
    /// The kind isn't in the table that the client was connected with: add it to `kinds![…]`.
    #[error("{0}")]
    Undeclared(Undeclared),
    /// The event can't be written: too large, or a value that the format doesn't have.
    #[error("the event can't be written: {0}")]
    Encode(#[source] EncodeError),
    /// As much waits as may: it wasn't taken. Of [`try_send`](crate::Remote::try_send) only.
    #[error("as much waits as may")]
    Full,
}

/// A request that can't be made, whatever its class.
pub(crate) enum NotMade {
    Refused(Refused),
    Closed,
    Undeclared(Undeclared),
    Encode(EncodeError),
}

impl<E> From<NotMade> for CallError<E> {
    fn from(not_made: NotMade) -> Self {
        match not_made {
            NotMade::Refused(refused) => Self::Refused(refused),
            NotMade::Closed => Self::Closed,
            NotMade::Undeclared(undeclared) => Self::Undeclared(undeclared),
            NotMade::Encode(error) => Self::Encode(error),
        }
    }
}

impl From<NotMade> for EventError {
    fn from(not_made: NotMade) -> Self {
        match not_made {
            NotMade::Refused(refused) => Self::Refused(refused),
            NotMade::Closed => Self::Closed,
            NotMade::Undeclared(undeclared) => Self::Undeclared(undeclared),
            NotMade::Encode(error) => Self::Encode(error),
        }
    }
}
