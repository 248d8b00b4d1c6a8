//! How a socket connects, and how much it holds.

use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use js_sys::{Array, Function, Reflect};
use wasm_bindgen::prelude::Closure;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::WebSocket;

use super::Socket;
use super::connect;
use super::error::OpenError;
use super::queue::QueueBounds;

/// The options of a [`Socket`]: the way it connects, and its bounds in either direction.
///
/// ```no_run
/// # async fn example() -> Result<(), twinwire_client_wasm::OpenError> {
/// use std::time::Duration;
/// use twinwire_client_wasm::Socket;
///
/// let socket = Socket::options()
///     .protocols(["chat.v2", "chat.v1"])
///     .time_limit(Duration::from_secs(5))
///     .connect("/chat")
///     .await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "options do nothing until they connect"]
pub struct SocketOptions {
    pub(super) protocols: Vec<String>,
    pub(super) time_limit: Option<Duration>,
    pub(super) high_water_mark: usize,
    pub(super) queue: QueueBounds,
    pub(super) batched: bool,
    /// None for the global one.
    pub(super) constructor: Option<Constructor>,
}

/// A constructor of WebSockets. What calls it comes with the option: a page that has none needs no code for it.
#[derive(Clone)]
pub(super) struct Constructor(Rc<Construct>);

type Construct = dyn Fn(&str, &Array) -> Result<WebSocket, JsValue>;

impl Constructor {
    fn new(constructor: Function) -> Self {
        // Node's event emitters throw an error that nobody listens to. The close that follows tells.
        // It is JavaScript's to free: a socket that is given up while it connects has its error after all of ours is gone.
        let ignore: Function = Closure::<dyn Fn()>::new(|| {})
            .into_js_value()
            .unchecked_into();
        Self(Rc::new(move |url, protocols| {
            let arguments = Array::of2(&url.into(), protocols);
            let made = Reflect::construct(&constructor, &arguments)?;
            let web_socket: WebSocket = made.unchecked_into();
            web_socket.set_onerror(Some(&ignore));
            Ok(web_socket)
        }))
    }

    pub(super) fn construct(&self, url: &str, protocols: &Array) -> Result<WebSocket, JsValue> {
        (self.0)(url, protocols)
    }
}

impl fmt::Debug for Constructor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Constructor")
    }
}

impl Default for SocketOptions {
    fn default() -> Self {
        Self {
            protocols: Vec::new(),
            time_limit: Some(Duration::from_secs(30)),
            high_water_mark: 16 * 1024 * 1024,
            queue: QueueBounds {
                messages: 1024,
                bytes: 4 * 1024 * 1024,
            },
            batched: false,
            constructor: None,
        }
    }
}

impl SocketOptions {
    /// Subprotocols to offer, the preferred first; none by default. [`Socket::protocol`] tells which
    /// one the server chose. A server that chooses none of them fails the connection in browsers.
    pub fn protocols(mut self, protocols: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.protocols = protocols.into_iter().map(Into::into).collect();
        self
    }

    /// Sets the longest time that connecting may take, from the first poll to `open`; 30 s by default, after which a
    /// person has given up. `None` leaves it to the browser, which may wait for minutes.
    pub fn time_limit(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.time_limit = limit.into();
        self
    }

    /// Sets the bytes that the browser may hold unsent before senders wait; 16 MiB by default, which keeps a
    /// fast line busy from one look at it to the next.
    ///
    /// A sender goes while the browser holds less than this, so the most it ever holds is the mark
    /// and one message; once it holds that, senders wait until a quarter has left. Browsers tell nobody when
    /// bytes leave, so waiting costs a millisecond or some: a mark too low for the line leaves it idle
    /// in between. A high mark delays what is sent last by
    /// all that lies before it. 0 counts as 1: one message at a time.
    ///
    /// WebKit's count ends at its network process, which holds what a slow peer doesn't take: there a
    /// sender waits for that process only.
    pub fn high_water_mark(mut self, bytes: usize) -> Self {
        self.high_water_mark = bytes.max(1);
        self
    }

    /// Sets the number of received messages that may wait to be taken; 1,024 by default, 0 counts as 1. One more
    /// closes the socket: see [`ReceiveError::Overflow`](super::ReceiveError::Overflow).
    pub fn receive_messages(mut self, messages: usize) -> Self {
        self.queue.messages = messages.max(1);
        self
    }

    /// Sets the bytes of received messages that may wait to be taken; 4 MiB by default. It is the longest
    /// message that can be received, too. More closes the socket: see
    /// [`ReceiveError::Overflow`](super::ReceiveError::Overflow).
    pub fn receive_bytes(mut self, bytes: usize) -> Self {
        self.queue.bytes = bytes;
        self
    }

    /// Sets whether messages are handed over in batches; `false` by default.
    ///
    /// Browsers dispatch one event per message and run woken tasks after each. In batches, events only
    /// queue, and one task wakes the stream's consumer for all that came meanwhile. That is cheaper
    /// where many small messages come together and waking is dear; it delays a single message by a
    /// turn of the event loop. The queue's bounds must then hold what comes in one turn.
    pub fn batched(mut self, batched: bool) -> Self {
        self.batched = batched;
        self
    }

    /// Sets the constructor of WebSockets, where the global object has none, such as that of npm's `ws` in Node 20: a function that is called with
    /// `new`, a URL and an array of subprotocols, and whose objects are like a browser's `WebSocket`.
    pub fn constructor(mut self, constructor: Function) -> Self {
        self.constructor = Some(Constructor::new(constructor));
        self
    }

    /// Connects to `url` and resolves once the connection is open.
    ///
    /// Relative URLs stand on the address of the page or worker; `http` and `https` become `ws` and
    /// `wss`. Nothing happens before the first poll. Dropping the future gives the connection up.
    ///
    /// # Errors
    /// See [`OpenError`]. Errors of the URL and the subprotocols come before anything is sent.
    pub async fn connect(self, url: &str) -> Result<Socket, OpenError> {
        connect::connect(self, url).await
    }
}
