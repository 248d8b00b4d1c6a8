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
    type Error: OpenFailure;
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

    /// Finds out by other means why no WebSocket opens, where a failed attempt doesn't tell. Asked once, after
    /// three attempts in a row that brought none.
    fn diagnose(&self, url: &str) -> impl Future<Output = Option<Self::Error>> {
        let _ = url;
        std::future::ready(None)
    }

    /// The time since some origin that stays the same for this value's life.
    fn now(&self) -> Time;

    /// Waits at least `time`.
    fn sleep(&self, time: Duration) -> Self::Sleep;

    /// A number from zero up to one, another each time: clients that lost their server together must
    /// not come back together.
    fn jitter(&self) -> f64;

    /// Ready when it is worth trying again at once: the network is back, or the page is looked at.
    fn nudged(&self) -> impl Future<Output = ()> {
        std::future::pending()
    }

    /// Ready when the program is about to go for good, and there is time for last words only.
    fn leaving(&self) -> impl Future<Output = ()> {
        std::future::pending()
    }
}

/// Why a WebSocket couldn't be opened, as far as the driver needs to know.
pub trait OpenFailure: std::error::Error + 'static {
    /// Trying again would end the same way.
    fn is_final(&self) -> bool;

    /// The least time before another attempt, if the server has asked for it.
    fn retry_after(&self) -> Option<Duration> {
        None
    }
}
