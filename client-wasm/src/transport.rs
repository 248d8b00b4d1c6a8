//! The browser's socket and timers as the typed client's transport.

use std::cell::Cell;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use twinwire::Time;
use twinwire::limits::MAX_MESSAGE;
use twinwire_client::{Departure, Inbound, Link, LinkLost, OpenFailure, Transport};

use crate::env::{self, Sleep};
use crate::page;
use crate::socket::{Connection, SharedSocket, UntilAsked, absolute};
use crate::{Message, OpenError, SocketOptions};

/// The most bytes of ours that a browser holds. More waits in the session, where an
/// acknowledgement can still overtake it.
const HIGH_WATER_MARK: usize = MAX_MESSAGE;

/// The least time between two looks at the clocks that counts as a sleep, in milliseconds. Clocks are set by less.
const SLEPT: f64 = 5_000.0;

pub(crate) struct Browser {
    socket: SocketOptions,
    /// The wall clock less the one that never steps back, in milliseconds, as last seen.
    drift: Cell<f64>,
}

impl Browser {
    /// Makes a transport whose sockets have these options.
    pub(crate) fn new(socket: SocketOptions) -> Self {
        Self {
            socket: socket.high_water_mark(HIGH_WATER_MARK),
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
        let url = absolute(url)?;
        Ok(BrowserLink {
            connection: Connection::open(&self.socket, &url, &[subprotocol]).await?,
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

    fn reason(&self) -> Option<&str> {
        match self {
            Self::Refused { reason, .. } => reason.as_deref(),
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
    fn shared(&self) -> &SharedSocket {
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
        // A socket that has closed shows in `poll_receive`.
        if self.shared().is_open() && self.shared().send(&Message::Binary(message)).is_err() {
            // What the browser throws back is missing from the stream: another connection has to send it.
            self.shared().abandon();
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

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use js_sys::{Function, Reflect};
    use wasm_bindgen::JsValue;
    use wasm_bindgen_test::wasm_bindgen_test;

    use super::*;
    use crate::{Socket, peer};

    /// Opens a link whose browser has another `send`: a function of the memory and the browser's own.
    async fn link(send: &str) -> BrowserLink {
        let url = peer::url("/echo");
        let connection = Connection::open(&Socket::options(), &url, &[]).await;
        let link = BrowserLink {
            connection: connection.expect("the peer is there"),
            until_asked: UntilAsked::default(),
        };
        let web_socket = link.shared().web_socket();
        let own = Reflect::get(web_socket, &"send".into()).expect("it has one");
        let make = Function::new_with_args("memory, own", &format!("return {send}"));
        let other = make.call2(&JsValue::NULL, &wasm_bindgen::memory(), &own);
        let other = other.expect("it makes a function");
        Reflect::set(web_socket, &"send".into(), &other).expect("it can be set");
        link
    }

    async fn receive(link: &mut BrowserLink) -> Result<Inbound<Vec<u8>>, LinkLost> {
        poll_fn(|cx| link.poll_receive(cx)).await
    }

    #[wasm_bindgen_test]
    async fn memory_that_threads_share_is_sent_as_a_copy() {
        let mut link = link(
            "function (data) {
                if (data.buffer === memory.buffer) throw new TypeError('shared');
                own.call(this, data);
            }",
        )
        .await;
        for number in 0..3 {
            link.send(vec![number; 1000]);
            match receive(&mut link).await {
                Ok(Inbound::Binary(echo)) => assert_eq!(echo, vec![number; 1000]),
                other => panic!("an echo, not {other:?}"),
            }
        }
    }

    #[wasm_bindgen_test]
    async fn a_message_that_the_browser_throws_back_ends_the_link() {
        let mut link = link("function () { throw new TypeError('no memory'); }").await;
        link.send(vec![1; 1000]);
        assert!(receive(&mut link).await.is_err());
    }
}
