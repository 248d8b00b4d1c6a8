//! Origins and proxies that can't be meant.

use thiserror::Error;

/// The name of an origin or a proxy can't be understood. Its text says how to write it.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum OriginError {
    /// There is nothing in it.
    #[error(
        "an allowed origin is empty: write scheme, host and port, such as \"https://app.example\""
    )]
    Empty,
    /// It stands for all origins.
    #[error(
        "`*` isn't an origin: to let pages of all origins connect, call allow_any_origin, or Origins::any for the plain endpoint"
    )]
    Any,
    /// It is what browsers tell of pages without an origin, such as files and sandboxed frames; any page can make one.
    #[error(
        "files and sandboxed frames have the origin `null`, which any page can take: serve the page over HTTP and allow its origin, or call allow_any_origin"
    )]
    Null,
    /// It has no scheme.
    #[error(
        "the origin {value:?} has no scheme: write \"https://{host}\", or \"http://{host}\" for a page without TLS"
    )]
    NoScheme {
        /// The origin as it was given.
        value: String,
        /// The host and port in it.
        host: String,
    },
    /// It has the scheme of a WebSocket, while an origin is a page's.
    #[error(
        "the origin {value:?} is the address of a WebSocket: write the page's, such as {meant:?}"
    )]
    WebSocket {
        /// The origin as it was given.
        value: String,
        /// The page's, if it has the same host.
        meant: String,
    },
    /// It names a page, not an origin: a path, a query, a fragment or a user.
    #[error(
        "the origin {value:?} has more than scheme, host and port, which is all that browsers tell: write {meant:?}"
    )]
    TooMuch {
        /// The origin as it was given.
        value: String,
        /// The origin in it.
        meant: String,
    },
    /// It has a `*` in it.
    #[error(
        "the origin {value:?} is a pattern, which isn't understood: allow each origin by its name"
    )]
    Pattern {
        /// The origin as it was given.
        value: String,
    },
    /// It can't be parsed.
    #[error(
        "the origin {value:?} can't be parsed: write scheme, host and port, such as \"https://app.example:8443\""
    )]
    Malformed {
        /// The origin as it was given.
        value: String,
    },
    /// A proxy's name is neither an address nor a network.
    #[error(
        "the proxy {value:?} isn't an address: write one, such as \"127.0.0.1\", or a network, such as \"10.0.0.0/8\""
    )]
    Proxy {
        /// The proxy as it was given.
        value: String,
    },
}
