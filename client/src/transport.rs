//! The seam between the driver and a platform.

use std::task::{Context, Poll};
use std::time::Duration;

use twinwire::Time;

/// A platform: it opens links and knows the time. Implemented by the crates for browsers and
/// for tokio.
pub trait Transport: 'static {
    /// An open WebSocket.
    type Link: Link;
    /// Why one couldn't be opened.
    type Error: std::error::Error + 'static;
    /// A pause; dropping it ends its timer.
    type Sleep: Future<Output = ()>;

    /// Opens a WebSocket to `url`, offering `subprotocol`. Dropping the future closes what has been
    /// opened so far.
    ///
    /// # Errors
    /// If the URL is none, or the connection didn't come about. A server that chose no subprotocol
    /// is an error too: it doesn't speak ours.
    fn open(
        &self,
        url: &str,
        subprotocol: &'static str,
    ) -> impl Future<Output = Result<Self::Link, Self::Error>>;

    /// The time since some origin that stays the same for this value's life.
    fn now(&self) -> Time;

    /// Waits at least `time`.
    fn sleep(&self, time: Duration) -> Self::Sleep;
}

/// An open WebSocket, as the driver uses it. The `poll` functions wake the task as usual.
pub trait Link: Unpin {
    /// The next message; after [`LinkLost`] nothing follows.
    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<Result<Inbound, LinkLost>>;

    /// Ready when the link takes one more message. Also moves what it has taken towards the
    /// network.
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), LinkLost>>;

    /// Takes one binary message; only after [`poll_ready`](Self::poll_ready) was ready.
    fn send(&mut self, message: &[u8]);

    /// Moves what was taken towards the network.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), LinkLost>>;

    /// Closes the WebSocket with this code (RFC 6455 §7.4), within a bounded time.
    fn close(self, code: u16) -> impl Future<Output = ()>;
}

/// What came over a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Inbound {
    /// A binary message.
    Binary(Vec<u8>),
    /// A text message, which this protocol doesn't have.
    Text,
}

/// The link is gone. What the WebSocket's close event said adds nothing: the session's goodbye, if
/// there was one, came before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkLost;
