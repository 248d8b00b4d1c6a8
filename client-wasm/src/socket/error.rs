//! What can go wrong with a socket, one enum per family of operations.

use std::time::Duration;

use thiserror::Error;

use super::close::CloseEvent;
use super::message::Message;

/// A connection didn't come about.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The URL can't be one of a WebSocket. Correct it; nothing was sent.
    #[error(transparent)]
    Url(#[from] UrlError),
    /// The subprotocol at this place of the list is no token of HTTP, or stands there twice
    /// (RFC 6455 §4.1). Correct it; nothing was sent.
    #[error("subprotocol number {index} is no HTTP token or is offered twice: correct the list")]
    Protocol {
        /// Its place in the list that was offered, from 0.
        index: usize,
    },
    /// The browser refused to try: a port it blocks, or `ws:` from a page that came over `https:`.
    #[error("the browser blocks this URL: use another port, and wss: from a page of https:")]
    Blocked,
    /// The connection closed before it opened. Browsers hide the cause, so that pages can't scan
    /// networks: the code is 1006 for an unreachable host as for an HTTP refusal.
    #[error("the connection closed before it opened, code {}: see the browser's console", .0.code)]
    Closed(CloseEvent),
    /// The time limit passed first; the attempt is given up. Try again later.
    #[error("the connection did not open in time: try again")]
    TimedOut,
    /// The address answered to plain HTTP, by which the typed client asks it after three attempts in vain, with
    /// the feature `diagnosis`:
    /// 426 is a WebSocket endpoint that WebSockets don't reach, by its own choice or a proxy's.
    #[error("the connection did not open; by HTTP its address answers with status {status}: {}", told(.reason.as_deref()))]
    Refused {
        /// The status of its answer.
        status: u16,
        /// The pause that it asks for (RFC 9110 §10.2.3), if it says so in seconds.
        retry_after: Option<Duration>,
        /// The answer's plain text: its first line, at most 512 bytes. A Twinwire server says there what
        /// its developer has to change.
        reason: Option<String>,
    },
}

fn told(reason: Option<&str>) -> &str {
    reason.unwrap_or("look at the URL's path, and at proxies")
}

/// A URL can't be one of a WebSocket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum UrlError {
    /// It can't be parsed, or is relative where nothing is known to be relative to.
    #[error("the URL can't be parsed: write wss://, host and path")]
    Malformed,
    /// Its scheme is none of `ws`, `wss`, `http`, `https`.
    #[error("the URL's scheme is none of ws, wss, http, https: use one of them")]
    Scheme,
    /// It has a fragment, which a WebSocket's URL must not (RFC 6455 §3).
    #[error("the URL has a fragment: leave out what follows the #")]
    Fragment,
}

/// A message was not handed to the browser.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SendError {
    /// The socket is closing or closed; [`closed`](super::Socket::closed) tells how it ended.
    #[error("the socket is closing or closed: open another")]
    Closed,
    /// The browser threw the message back, also a copy of it, for want of memory. The socket stays as it was.
    #[error("the browser has no memory for the message: send less at once")]
    Refused,
}

/// A message was not handed to the browser at once. The error gives the message back.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TrySendError {
    /// The browser holds as much as the high-water mark, or did and still holds three quarters of it, or others
    /// wait before this message. Wait with [`send`](super::Socket::send), or try later.
    #[error("the browser holds as much as the high-water mark allows: await send, or try later")]
    Full(Message),
    /// The socket is closing or closed; [`closed`](super::Socket::closed) tells how it ended.
    #[error("the socket is closing or closed: open another")]
    Closed(Message),
    /// The browser threw the message back, for want of memory. The socket stays as it was.
    #[error("the browser has no memory for the message: send less at once")]
    Refused(Message),
}

impl TrySendError {
    /// Returns the message that did not go.
    pub fn into_message(self) -> Message {
        match self {
            Self::Full(message) | Self::Closed(message) | Self::Refused(message) => message,
        }
    }
}

/// The stream of messages ended by a fault. It is the stream's last item, after every message it held.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ReceiveError {
    /// Messages came faster than they were taken, or one was larger than the queue. The message that
    /// did not fit and all after it are lost; the socket closes with
    /// [`QUEUE_FULL_CODE`](super::QUEUE_FULL_CODE). Take messages faster, or raise the bounds.
    #[error("the receive queue is full: take messages faster, or raise its bounds")]
    Overflow,
    /// The connection ended without its closing handshake: messages may have been lost.
    #[error("the connection was lost, code {}: open another", .0.code)]
    Lost(CloseEvent),
}

/// A socket was not asked to close.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CloseError {
    /// An application may say 1000 and 3000 to 4999 only; the rest is the protocol's own.
    #[error("close code {0} can't be sent: use 1000, or 3000 to 4999")]
    Code(u16),
    /// A reason has at most 123 bytes of UTF-8; this one has so many.
    #[error("a close reason of {0} bytes is too long: use at most 123")]
    ReasonTooLong(usize),
}
