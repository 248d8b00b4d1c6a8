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
    /// The reason.
    pub why: Refusal,
    /// The time after which the same request may fare better, if it may.
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

    fn is_denied(&self) -> bool {
        self.why == Refusal::Denied
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
#[derive(Debug, PartialEq)]
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
    /// The answer can't be read as its type, though the fingerprints agree: a serde implementation
    /// written by hand is asymmetric.
    Decode(DecodeError),
}

impl<E: fmt::Debug> fmt::Display for CallError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::App(error) => write!(f, "the application answered with an error: {error:?}"),
            Self::Refused(refused) => refused.fmt(f),
            Self::Deadline => f.write_str(DEADLINE),
            Self::NotReceived => f.write_str(NOT_RECEIVED),
            Self::Closed => f.write_str(CLOSED),
            Self::Unknown => f.write_str(UNKNOWN),
            Self::Undeclared(undeclared) => undeclared.fmt(f),
            Self::Encode(error) => error.fmt(f),
            Self::Decode(error) => error.fmt(f),
        }
    }
}

const DEADLINE: &str = "no answer came within Limits::call_deadline: ask whether the handler ran";

const NOT_RECEIVED: &str = "the session ended before this was received: send it again";

const CLOSED: &str = "the session is closed, and this was never sent: connect again";

const UNKNOWN: &str = "the session ended before the answer: ask whether this was received";

impl<E: fmt::Debug> Error for CallError<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Encode(error) => error.source(),
            Self::Decode(error) => error.source(),
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

impl<E> CallError<E> {
    /// Returns the application's own error, if the handler answered with one.
    pub fn app(&self) -> Option<&E> {
        match self {
            Self::App(error) => Some(error),
            _ => None,
        }
    }

    /// Returns true if the application doesn't let this end make the call, publish, or hear the topic.
    pub fn is_denied(&self) -> bool {
        self.refused().is_some_and(Refused::is_denied)
    }

    /// Returns whether the same call may be made again, and when. Never where its handler may have run, as after
    /// [`Deadline`](Self::Deadline) and [`Unknown`](Self::Unknown), and on a client that is closed. Of its own errors the
    /// application knows, so it is never for them too.
    pub fn retry(&self) -> Retry {
        match self {
            Self::Refused(refused) => refused.retry,
            Self::NotReceived => Retry::Now,
            Self::App(_)
            | Self::Deadline
            | Self::Closed
            | Self::Unknown
            | Self::Undeclared(_)
            | Self::Encode(_)
            | Self::Decode(_) => Retry::Never,
        }
    }

    /// Returns how the two ends have the kind, if they have it otherwise; see [`Refused::difference`].
    pub fn difference(&self) -> Option<&Difference> {
        self.refused()?.difference.as_deref()
    }

    fn refused(&self) -> Option<&Refused> {
        match self {
            Self::Refused(refused) => Some(refused),
            _ => None,
        }
    }
}

/// An event wasn't sent, or it isn't certain that it arrived.
#[derive(Debug, Error, PartialEq)]
#[non_exhaustive]
pub enum EventError {
    /// The other side doesn't take it.
    #[error("{0}")]
    Refused(Refused),
    /// The other side never received it. It is safe to send it again.
    #[error("{NOT_RECEIVED}")]
    NotReceived,
    /// The client or the peer is closed: the event was never sent. It can be sent in another session only: connect
    /// again.
    #[error("{CLOSED}")]
    Closed,
    /// The session was lost, or the client closed, before the acknowledgement came: it may have arrived.
    #[error("{UNKNOWN}")]
    Unknown,
    /// The kind isn't in the table that the client was connected with: add it to `kinds![…]`.
    #[error("{0}")]
    Undeclared(Undeclared),
    /// The event can't be written: too large, or a value that the format doesn't have.
    #[error(transparent)]
    Encode(EncodeError),
    /// The send queue is full: it wasn't taken. Of [`try_send`](crate::Remote::try_send) only.
    #[error("the send queue is full: await send, or try later")]
    Full,
}

impl EventError {
    /// Returns true if the application doesn't let this end send the event.
    pub fn is_denied(&self) -> bool {
        self.refused().is_some_and(Refused::is_denied)
    }

    /// Returns whether the same event may be sent again, and when. Never where it may have arrived, as after
    /// [`Unknown`](Self::Unknown), and on a client that is closed.
    pub fn retry(&self) -> Retry {
        match self {
            Self::Refused(refused) => refused.retry,
            Self::NotReceived | Self::Full => Retry::Now,
            Self::Closed | Self::Unknown | Self::Undeclared(_) | Self::Encode(_) => Retry::Never,
        }
    }

    /// Returns how the two ends have the kind, if they have it otherwise; see [`Refused::difference`].
    pub fn difference(&self) -> Option<&Difference> {
        self.refused()?.difference.as_deref()
    }

    fn refused(&self) -> Option<&Refused> {
        match self {
            Self::Refused(refused) => Some(refused),
            _ => None,
        }
    }
}

/// A request that can't be made, whatever its class.
pub(crate) enum RequestError {
    Refused(Refused),
    Closed,
    Undeclared(Undeclared),
    Encode(EncodeError),
}

impl<E> From<RequestError> for CallError<E> {
    fn from(error: RequestError) -> Self {
        match error {
            RequestError::Refused(refused) => Self::Refused(refused),
            RequestError::Closed => Self::Closed,
            RequestError::Undeclared(undeclared) => Self::Undeclared(undeclared),
            RequestError::Encode(error) => Self::Encode(error),
        }
    }
}

impl From<RequestError> for EventError {
    fn from(error: RequestError) -> Self {
        match error {
            RequestError::Refused(refused) => Self::Refused(refused),
            RequestError::Closed => Self::Closed,
            RequestError::Undeclared(undeclared) => Self::Undeclared(undeclared),
            RequestError::Encode(error) => Self::Encode(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_call_is_made_again_only_where_that_is_safe() {
        let wait = Retry::After(Duration::from_secs(1));
        let refused = |why: Refusal, retry| {
            let refused = twinwire::Refused { why, retry };
            CallError::Refused(Refused::new("Join", refused))
        };
        let undeclared = Undeclared { kind: "Join" };
        for (error, retry) in [
            (CallError::App("taken"), Retry::Never),
            (refused(Refusal::Busy, wait), wait),
            (refused(Refusal::Denied, Retry::Never), Retry::Never),
            (CallError::Deadline, Retry::Never),
            (CallError::NotReceived, Retry::Now),
            (CallError::Closed, Retry::Never),
            (CallError::Unknown, Retry::Never),
            (CallError::Undeclared(undeclared), Retry::Never),
        ] {
            assert_eq!(error.retry(), retry, "{error}");
            let is_denied =
                matches!(&error, CallError::Refused(refused) if refused.retry == Retry::Never);
            assert_eq!(error.is_denied(), is_denied, "{error}");
            let app = matches!(error, CallError::App(_)).then_some(&"taken");
            assert_eq!(error.app(), app, "{error}");
        }
    }

    #[test]
    fn an_event_is_sent_again_only_where_that_is_safe() {
        let busy = Refused::new("Typing", Refusal::Busy.into());
        let denied = Refused::new("Typing", Refusal::Denied.into());
        let undeclared = Undeclared { kind: "Typing" };
        for (error, retry) in [
            (EventError::Refused(busy), Retry::Now),
            (EventError::Refused(denied), Retry::Never),
            (EventError::NotReceived, Retry::Now),
            (EventError::Full, Retry::Now),
            (EventError::Closed, Retry::Never),
            (EventError::Unknown, Retry::Never),
            (EventError::Undeclared(undeclared), Retry::Never),
        ] {
            assert_eq!(error.retry(), retry, "{error}");
            let is_denied =
                matches!(&error, EventError::Refused(refused) if refused.why == Refusal::Denied);
            assert_eq!(error.is_denied(), is_denied, "{error}");
        }
    }
}
