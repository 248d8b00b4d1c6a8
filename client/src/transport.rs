//! The seam between the driver and a platform.

use std::time::Duration;

use twinwire::Time;
use twinwire_remote::Link;

/// A platform: it opens links and knows the time. Implemented by the crates for browsers and
/// for tokio.
pub trait Transport: 'static {
    /// An open WebSocket.
    type Link: Link;
    /// The reason for which one couldn't be opened.
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

    /// Finds out by other means why no WebSocket opens, where a failed attempt doesn't tell. Asked after each third
    /// attempt in a row that brought none.
    fn diagnose(&self, url: &str) -> impl Future<Output = Option<Self::Error>> {
        let _ = url;
        std::future::ready(None)
    }

    /// Returns the time since some origin that stays the same for this value's life.
    fn now(&self) -> Time;

    /// Waits at least `time`.
    fn sleep(&self, time: Duration) -> Self::Sleep;

    /// Returns a number from zero up to one, another each time: clients that lost their server together must
    /// not come back together.
    fn jitter(&self) -> f64;

    /// Resolves at the next sign that the network may be another, or back: a client that is away tries again, and
    /// one that isn't looks whether its connection is alive.
    fn wake_hint(&self) -> impl Future<Output = ()> {
        std::future::pending()
    }

    /// Returns true once after the machine has slept. Asked when a timer fires.
    fn has_slept(&self) -> bool {
        false
    }

    /// Resolves when the program is about to go, and there is time for last words only.
    fn leaving(&self) -> impl Future<Output = Departure> {
        std::future::pending()
    }
}

/// The way in which a program goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Departure {
    /// For good.
    Final,
    /// Into a cache from which the user may have it back, as browsers do with pages: a
    /// [`wake_hint`](Transport::wake_hint) tells so then.
    Cached,
}

/// A failure to open a WebSocket, as far as the driver needs to know.
pub trait OpenFailure: std::error::Error + 'static {
    /// Returns true if trying again would end the same way: the URL is none, say.
    fn is_final(&self) -> bool;

    /// Returns true if trying again is likely to end the same way, and yet may not: HTTP says that the URL is wrong,
    /// as it also does for the seconds in which a server is replaced.
    fn is_rejection(&self) -> bool {
        false
    }

    /// Returns the HTTP status that answered the handshake, if one did and it is known.
    fn status(&self) -> Option<u16> {
        None
    }

    /// Returns the sentence with which the server refused the handshake by HTTP, if it is known.
    fn reason(&self) -> Option<&str> {
        None
    }

    /// The least time before another attempt, if the server has asked for it.
    fn retry_after(&self) -> Option<Duration> {
        None
    }
}
