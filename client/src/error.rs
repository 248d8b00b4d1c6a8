//! What can go wrong for a caller.

use std::error::Error;

use thiserror::Error;
use twinwire::{End, Retry};
use twinwire_remote::Undeclared;

use crate::OpenFailure;

/// The cause of a client's absence: the failure of its newest attempt, or the end of its last connection.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReconnectCause {
    /// The last connection ended, or the newest attempt opened one that ended before the welcome.
    #[error(transparent)]
    Ended(End),
    /// The server, or a proxy before it, answered the handshake with this HTTP status, which isn't 101. A page
    /// learns it from a question by HTTP, after each third attempt in a row that opened nothing. 401 and 403 may
    /// mean that the user has to log in again; 404 and 503 are usual while a server is replaced.
    #[error("the server answered the handshake with HTTP status {0}: the client tries again")]
    Status(u16),
    /// No WebSocket opened, for the reason that the platform gives: refused, unreachable, blocked.
    #[error("{0}")]
    NotOpened(String),
    /// The newest attempt took longer than [`Limits::handshake`](twinwire::Limits::handshake).
    #[error("no connection within Limits::handshake: the client tries again")]
    TimedOut,
    /// The application had no token: see [`Options::token_from`](crate::Options::token_from).
    #[error("token_from gave no token: the client tries again")]
    NoToken,
}

impl ReconnectCause {
    /// Returns the text with which the server said goodbye; see [`End::reason`].
    pub fn reason(&self) -> Option<&str> {
        self.end()?.reason()
    }

    /// Returns true if the server's `authenticate` refused the client, for now: after a refusal for good it is
    /// `Closed`.
    pub fn is_denied(&self) -> bool {
        self.end().is_some_and(End::is_denied)
    }

    /// Returns the HTTP status that answered the handshake, if it is known.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Status(status) => Some(*status),
            Self::Ended(_) | Self::NotOpened(_) | Self::TimedOut | Self::NoToken => None,
        }
    }

    fn end(&self) -> Option<&End> {
        match self {
            Self::Ended(end) => Some(end),
            Self::Status(_) | Self::NotOpened(_) | Self::TimedOut | Self::NoToken => None,
        }
    }
}

/// The connection didn't come about. `E` is the platform's error. Of several attempts
/// the last one tells, or what was found out of the address since one opened.
#[derive(Debug, Error, PartialEq)]
#[non_exhaustive]
pub enum ConnectError<E: Error + 'static> {
    /// The WebSocket couldn't be opened: nobody listens, it isn't our server, or a proxy is in the
    /// way.
    #[error(transparent)]
    Open(E),
    /// The WebSocket opened, but no welcome came: refused by the server (a goodbye says why), or
    /// lost.
    #[error("the server didn't welcome the client: {0}")]
    NotWelcomed(End),
    /// The options' `connect_timeout` passed, or the time that the limits give a handshake.
    #[error("no welcome within connect_timeout: look whether the server runs")]
    TimedOut,
    /// The application had no token to connect with: see [`Options::token_from`](crate::Options::token_from).
    #[error("token_from gave no token: log in")]
    NoToken,
    /// A kind that was to be [registered](crate::Options::register) isn't in the table.
    #[error(transparent)]
    Undeclared(Undeclared),
    /// The driver was dropped before the connection came about: the runtime is shutting down.
    #[error("the client's driver is gone: keep its runtime")]
    Abandoned,
}

impl<E: OpenFailure> ConnectError<E> {
    /// Returns the text with which the server refused the client: its goodbye's ([`End::reason`]), or the first line of
    /// its answer by HTTP.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Open(error) => error.reason(),
            Self::NotWelcomed(end) => end.reason(),
            Self::TimedOut | Self::NoToken | Self::Undeclared(_) | Self::Abandoned => None,
        }
    }

    /// Returns true if the server's `authenticate` refused the client. Of who is refused by HTTP, [`status`](Self::status)
    /// tells.
    pub fn is_denied(&self) -> bool {
        matches!(self, Self::NotWelcomed(end) if end.is_denied())
    }

    /// Returns the HTTP status that answered the handshake, if it is known: 403 from a server that doesn't take the
    /// page's origin, say.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Open(error) => error.status(),
            Self::NotWelcomed(_)
            | Self::TimedOut
            | Self::NoToken
            | Self::Undeclared(_)
            | Self::Abandoned => None,
        }
    }

    /// Returns whether another `connect` may help, and when: after the time that the server asks for, or never if the
    /// options, the program or the user's rights have to change first.
    pub fn retry(&self) -> Retry {
        match self {
            Self::Open(error) if error.is_final() || error.is_rejection() => Retry::Never,
            Self::Open(error) => error.retry_after().map_or(Retry::Now, Retry::After),
            Self::NotWelcomed(end) => end.retry(),
            Self::TimedOut | Self::NoToken => Retry::Now,
            Self::Undeclared(_) | Self::Abandoned => Retry::Never,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use twinwire::{Goodbye, GoodbyeCode};

    use super::*;

    /// A platform that tells no more than it has to.
    #[derive(Debug, PartialEq, Error)]
    #[error("it doesn't open")]
    struct Terse;

    impl OpenFailure for Terse {
        fn is_final(&self) -> bool {
            false
        }
    }

    #[test]
    fn what_a_platform_does_not_tell_is_not_made_up() {
        assert!(!Terse.is_rejection());
        let error = ConnectError::Open(Terse);
        assert_eq!((error.status(), error.reason()), (None, None));
        assert_eq!((error.retry(), error.is_denied()), (Retry::Now, false));
    }

    #[test]
    fn errors_and_causes_tell_what_the_servers_goodbye_says() {
        for (code, is_denied) in [(GoodbyeCode::Denied, true), (GoodbyeCode::Internal, false)] {
            let end = End::Goodbye(Goodbye::new(code, "not now"));
            let error = ConnectError::<Terse>::NotWelcomed(end.clone());
            assert_eq!(error.reason(), Some("not now"));
            assert_eq!((error.is_denied(), error.status()), (is_denied, None));
            let cause = ReconnectCause::Ended(end);
            assert_eq!(cause.reason(), Some("not now"));
            assert_eq!((cause.is_denied(), cause.status()), (is_denied, None));
        }
        let cause = ReconnectCause::Status(503);
        assert_eq!((cause.reason(), cause.status()), (None, Some(503)));
        assert!(!cause.is_denied());
    }

    #[derive(Debug, Default, PartialEq, Error)]
    #[error("it doesn't open")]
    struct NotOpened {
        is_final: bool,
        is_rejection: bool,
        retry_after: Option<Duration>,
    }

    impl OpenFailure for NotOpened {
        fn is_final(&self) -> bool {
            self.is_final
        }

        fn is_rejection(&self) -> bool {
            self.is_rejection
        }

        fn retry_after(&self) -> Option<Duration> {
            self.retry_after
        }
    }

    #[test]
    fn another_connect_may_help_unless_it_would_end_the_same_way() {
        let wait = Duration::from_secs(7);
        for (is_final, is_rejection, retry_after, retry) in [
            (false, false, None, Retry::Now),
            (false, false, Some(wait), Retry::After(wait)),
            (true, false, Some(wait), Retry::Never),
            (false, true, Some(wait), Retry::Never),
        ] {
            let error = ConnectError::Open(NotOpened {
                is_final,
                is_rejection,
                retry_after,
            });
            assert_eq!(error.retry(), retry, "{error:?}");
        }
    }
}
