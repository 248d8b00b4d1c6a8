//! The seam between a shell and its socket, the same at both ends.

use std::task::{Context, Poll};

/// An open WebSocket, as a shell uses it. The `poll` functions wake the task as usual.
pub trait Link: Unpin {
    /// A binary message, in the form in which the socket has it.
    type Message: AsRef<[u8]>;

    /// Returns the next message; after [`LinkLost`] nothing follows.
    fn poll_receive(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Inbound<Self::Message>, LinkLost>>;

    /// Ready when the link takes one more message. Also moves what it has taken towards the
    /// network.
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), LinkLost>>;

    /// Takes one binary message; only after [`poll_ready`](Self::poll_ready) was ready.
    fn send(&mut self, message: Vec<u8>);

    /// Moves what was taken towards the network.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), LinkLost>>;

    /// Closes the WebSocket with this code (RFC 6455 §7.4), within a bounded time.
    fn close(self, code: u16) -> impl Future<Output = ()>;
}

/// A message that came over a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Inbound<M> {
    /// A binary message.
    Binary(M),
    /// A text message, or the beginning of one, which this protocol doesn't have.
    Text,
}

/// The link is gone. What the WebSocket's close event said adds nothing: the session's goodbye, if
/// there was one, came before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkLost;
