//! What can go wrong for a caller.

use std::error::Error;

use thiserror::Error;
use twinwire::End;
use twinwire_remote::Undeclared;

/// The cause of a client's absence: the failure of its newest attempt, or the end of its last connection.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReconnectCause {
    /// The last connection ended, or the newest attempt opened one that ended before the welcome.
    #[error("{0}")]
    Ended(End),
    /// The server, or a proxy before it, answered the handshake with this HTTP status, which isn't 101. A page
    /// learns it from a question by HTTP, after each third attempt in a row that opened nothing. 401 and 403 may
    /// mean that the user has to log in again; 404 and 503 are usual while a server is replaced.
    #[error("the server answered the handshake with HTTP status {0}")]
    Status(u16),
    /// No WebSocket opened, for the reason that the platform gives: refused, unreachable, blocked.
    #[error("{0}")]
    NotOpened(String),
    /// The newest attempt took longer than [`Limits::handshake`](twinwire::Limits::handshake).
    #[error("no connection within the time allowed")]
    TimedOut,
    /// The application had no token: see [`Options::token_from`](crate::Options::token_from).
    #[error("there was no token to connect with")]
    NoToken,
}

/// The connection didn't come about. `E` is the platform's error. Of several attempts
/// the last one tells, or what was found out of the address since one opened.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ConnectError<E: Error + 'static> {
    /// The WebSocket couldn't be opened: nobody listens, it isn't our server, or a proxy is in the
    /// way.
    #[error("the WebSocket couldn't be opened: {0}")]
    Open(#[source] E),
    /// The WebSocket opened, but no welcome came: refused by the server (a goodbye says why), or
    /// lost.
    #[error("the server didn't welcome the client: {0}")]
    NotWelcomed(End),
    /// The options' `connect_timeout` passed, or the time that the limits give a handshake.
    #[error("no connection within the time allowed")]
    TimedOut,
    /// The application had no token to connect with: see [`Options::token_from`](crate::Options::token_from).
    #[error("there was no token to connect with")]
    NoToken,
    /// A kind that was to be [registered](crate::Options::register) isn't in the table.
    #[error("{0}")]
    Undeclared(#[source] Undeclared),
    /// The driver was dropped before the connection came about: the runtime is shutting down.
    #[error("the client's driver is gone")]
    Abandoned,
}
