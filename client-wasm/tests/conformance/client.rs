//! What the suite needs of a WebSocket client.

use twinwire_client_wasm::Message;

/// A client under test, and where it is known to differ.
pub(crate) trait Client: Sized {
    /// Whether opening resolves only when open, and fails with the close code. Else a connection that
    /// never opens looks open, and only its stream tells.
    const OPENING_IS_AWAITED: bool;
    /// Whether sending on a closed connection is an error. Else the message is dropped silently.
    const SENDING_AFTER_CLOSE_FAILS: bool;
    /// Whether messages that nobody takes are bounded. Else they are kept without end.
    const RECEIVING_IS_BOUNDED: bool;
    /// Whether senders wait for the network. Else the browser is handed everything at once.
    const SENDING_IS_BOUNDED: bool;

    /// Connects; `Err` has the close code.
    async fn open(url: &str) -> Result<Self, u16>;

    /// Sends, and says whether the client claims to have.
    async fn send(&mut self, message: Message) -> bool;

    /// The next message, or how the connection ended.
    async fn next(&mut self) -> Result<Message, End>;

    /// Bytes that the browser holds unsent.
    fn buffered_amount(&self) -> usize;
}

/// How a stream of messages ended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum End {
    /// The connection closed with this code.
    Closed(u16),
    /// The receive queue overflowed.
    Overflow,
}
