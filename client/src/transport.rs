//! The seam between the driver and a platform.

use std::time::Duration;

use twinwire::Time;
use twinwire_remote::Link;

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
