//! What can go wrong for a caller.

use std::error::Error;

use thiserror::Error;
use twinwire::End;

/// The kind isn't in the table that the client was connected with, or stands there with another
/// structure: add it to `kinds![…]`.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("the client wasn't connected with this kind: add it to kinds![…]")]
pub struct Undeclared;

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
