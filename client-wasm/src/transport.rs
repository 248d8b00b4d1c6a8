//! The browser's socket and timers as the typed client's transport.

use std::cell::Cell;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use twinwire::Time;
use twinwire::limits::MAX_MESSAGE;
use twinwire_client::{Departure, Inbound, Link, LinkLost, OpenFailure, Transport};

use crate::env::{self, Sleep};
use crate::page;
use crate::socket::{Connection, Shared, UntilAsked, absolute};
use crate::{Message, OpenError, Socket};

/// What a browser holds of ours at most: what waits longer waits in the session, where an
/// acknowledgement can still overtake it.
const AHEAD: usize = MAX_MESSAGE;

/// The least time between two looks at the clocks that counts as a sleep, in milliseconds. Clocks are set by less.
const SLEPT: f64 = 5_000.0;

pub(crate) struct Browser {
    /// The wall clock less the one that never steps back, in milliseconds, as last seen.
    drift: Cell<f64>,
}

impl Browser {
    pub(crate) fn new() -> Self {
        Self {
            drift: Cell::new(js_sys::Date::now() - env::now()),
        }
    }
}

impl Transport for Browser {
    type Link = BrowserLink;
    type Error = OpenError;
    type Sleep = Sleep;

    async fn open(&self, url: &str, subprotocol: &'static str) -> Result<BrowserLink, OpenError> {
        // The driver has a time limit of its own.
        let options = Socket::options().high_water_mark(AHEAD);
        Ok(BrowserLink {
            connection: Connection::open(&options, &absolute(url)?, &[subprotocol]).await?,
            until_asked: UntilAsked::default(),
        })
    }

    #[cfg(feature = "diagnosis")]
    async fn diagnose(&self, url: &str) -> Option<OpenError> {
        crate::diagnosis::diagnose(&absolute(url).ok()?).await
    }

    fn now(&self) -> Time {
        Time::from_origin(Duration::from_micros((env::now() * 1000.0) as u64))
    }

    fn sleep(&self, time: Duration) -> Sleep {
        env::sleep(time)
    }

    fn jitter(&self) -> f64 {
        js_sys::Math::random()
    }

    fn wake_hint(&self) -> impl Future<Output = ()> {
        page::wake_hint()
    }

    fn has_slept(&self) -> bool {
        // Some browsers stop the one clock while the machine sleeps, and none the other.
        let drift = js_sys::Date::now() - env::now();
        drift - self.drift.replace(drift) >= SLEPT
    }

    fn leaving(&self) -> impl Future<Output = Departure> {
        page::leaving()
    }
}

impl OpenFailure for OpenError {
    fn is_final(&self) -> bool {
        match self {
            Self::Url(_) | Self::Protocol { .. } | Self::Blocked => true,
            Self::Closed(_) | Self::TimedOut | Self::Refused { .. } => false,
        }
    }

    fn is_rejection(&self) -> bool {
        // A front may answer a WebSocket's address otherwise when it is asked by plain HTTP.
        matches!(self.status(), Some(401 | 403 | 404 | 410))
    }

    fn status(&self) -> Option<u16> {
        match self {
            Self::Refused { status, .. } => Some(*status),
            _ => None,
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}

/// A connection whose sender asks the browser for room itself.
pub(crate) struct BrowserLink {
    connection: Connection,
    until_asked: UntilAsked,
}

impl BrowserLink {
    fn shared(&self) -> &Shared {
        self.connection.shared()
    }
}

impl Link for BrowserLink {
    type Message = Vec<u8>;

    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<Result<Inbound<Vec<u8>>, LinkLost>> {
        Poll::Ready(match ready!(self.shared().poll_message(cx)) {
            Some(Ok(Message::Binary(message))) => Ok(Inbound::Binary(message)),
            Some(Ok(Message::Text(_))) => Ok(Inbound::Text),
            Some(Err(_)) | None => Err(LinkLost),
        })
    }

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), LinkLost>> {
        loop {
            if !self.shared().is_open() {
                return Poll::Ready(Err(LinkLost));
            }
            if self.shared().has_room() {
                self.until_asked = UntilAsked::default();
                return Poll::Ready(Ok(()));
            }
            ready!(self.until_asked.poll(cx));
        }
    }

    fn send(&mut self, message: Vec<u8>) {
        // It fails only when the socket has closed, which `poll_receive` tells.
        if self.shared().is_open() {
            let _ = self.shared().hand_over(&Message::Binary(message));
        }
    }

    fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<Result<(), LinkLost>> {
        // The browser sends what it was given; waiting for that would only run a timer.
        Poll::Ready(Ok(()))
    }

    async fn close(self, code: u16) {
        // Dropping closes as well, and a browser lets pages say few codes: see RFC 6455 §7.4.
        self.shared().close(code, "");
    }
}
