//! The open connections, reached by their id from any thread.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use actix_web::web::ServiceConfig;
use tokio::sync::watch;

use super::builder::PlainBuilder;
use super::endpoint::{self, PlainEndpoint};
use super::error::{DisconnectError, PushError};
use crate::websocket::{Close, Message, Outbound};

/// The close code of a server that shuts down (RFC 6455 §7.4.1).
const GOING_AWAY: u16 = 1001;

/// The id of a connection: 1, 2, 3 and so on in this process, over all plain endpoints, and never
/// used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(u64);

impl ConnectionId {
    /// Restores an id that was stored elsewhere; no connection need have it.
    #[must_use]
    pub const fn new(id: u64) -> Self {
        Self(id)
    }

    /// Returns the id as an integer, to store or to log.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The open connections of one endpoint.
///
/// One map for all workers, since any of them pushes to connections of the others; locked for
/// single look-ups and never across an await or a handler. actix's `max_connections` bounds it.
#[derive(Default)]
pub(super) struct Connections {
    open: Mutex<HashMap<ConnectionId, Outbound>>,
    /// True once the endpoint shuts down. Each connection has a receiver until `on_close` has run.
    stop: watch::Sender<bool>,
}

impl Connections {
    fn map(&self) -> MutexGuard<'_, HashMap<ConnectionId, Outbound>> {
        // Inserting and removing leave no half-done state behind.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Registers a connection under the next id; `None` once the endpoint shuts down.
    ///
    /// The receiver belongs to the connection, whose end is awaited until it is dropped.
    pub(super) fn enter(
        &self,
        outbound: Outbound,
    ) -> Option<(ConnectionId, watch::Receiver<bool>)> {
        /// Shared by all endpoints, so that an id names one connection in the process.
        static LAST: AtomicU64 = AtomicU64::new(0);
        let mut map = self.map();
        // Asked under the map's lock, which `close_all` holds, so that none slips in behind it.
        if *self.stop.borrow() {
            return None;
        }
        let id = ConnectionId(LAST.fetch_add(1, Ordering::Relaxed) + 1);
        map.insert(id, outbound);
        Some((id, self.stop.subscribe()))
    }

    /// Lets no connection in any more, and closes those that are open.
    fn close_all(&self, close: &Close) {
        let map = self.map();
        self.stop.send_replace(true);
        for outbound in map.values() {
            outbound.close(close.clone());
        }
    }

    pub(super) fn leave(&self, id: ConnectionId) {
        self.map().remove(&id);
    }

    fn get(&self, id: ConnectionId) -> Option<Outbound> {
        self.map().get(&id).cloned()
    }
}

/// A WebSocket endpoint with handlers, and the handle that reaches its connections.
///
/// Clones are cheap and stand for the same endpoint; use them from any thread, also while no
/// server runs.
///
/// ```no_run
/// use actix_web::{App, HttpServer};
/// use twinwire_server::plain::Plain;
///
/// # async fn run() -> std::io::Result<()> {
/// let plain = Plain::builder()
///     .on_message(|connection, message| {
///         let length = message.as_bytes().len();
///         let _ = connection.push(format!("{length} bytes, thank you"));
///     })
///     .build();
/// let endpoint = plain.clone();
/// let server = HttpServer::new(move || App::new().configure(endpoint.at("/socket")));
/// twinwire_server::configure_http_server(server).bind(("127.0.0.1", 9501))?.run().await
/// # }
/// ```
#[derive(Clone)]
pub struct Plain {
    endpoint: Arc<PlainEndpoint>,
}

impl Plain {
    /// Begins an endpoint whose handlers do nothing.
    pub fn builder() -> PlainBuilder {
        PlainBuilder::default()
    }

    pub(super) fn new(endpoint: PlainEndpoint) -> Self {
        Self {
            endpoint: Arc::new(endpoint),
        }
    }

    pub(super) fn endpoint(&self) -> &PlainEndpoint {
        &self.endpoint
    }

    /// For `App::configure`: serves this endpoint at `path`.
    ///
    /// A request there that is no WebSocket handshake is answered 426 with a page that says so, and one of a
    /// page that [`PlainBuilder::origins`] doesn't let in 403.
    pub fn at(&self, path: &str) -> impl FnOnce(&mut ServiceConfig) + use<> {
        let (plain, path) = (self.clone(), path.to_owned());
        move |config| endpoint::configure(config, &path, plain)
    }

    /// Queues a message for a connection; it never waits.
    ///
    /// Messages reach a connection in the order in which they were pushed. `Ok` says that the
    /// message is queued, not that the client has it.
    ///
    /// # Errors
    ///
    /// See [`PushError`]; after any of them nothing was queued.
    pub fn push(&self, id: ConnectionId, message: impl Into<Message>) -> Result<(), PushError> {
        let outbound = self.open(id).ok_or(PushError::Gone(id))?;
        outbound
            .try_send(message)
            .map_err(|refused| PushError::new(id, refused))
    }

    /// Returns true if a connection is open: its handshake is done, and neither side has closed.
    #[must_use]
    pub fn is_established(&self, id: ConnectionId) -> bool {
        self.open(id).is_some_and(|outbound| outbound.is_open())
    }

    /// Closes a connection with a code and a reason, after what was pushed before.
    ///
    /// From here on nothing can be pushed to it and its messages are discarded. `on_close` is
    /// called when the client has answered or is gone, at the latest after
    /// [`PlainLimits::close_time`](super::PlainLimits::close_time).
    ///
    /// # Errors
    ///
    /// See [`DisconnectError`].
    pub fn disconnect(
        &self,
        id: ConnectionId,
        code: u16,
        reason: &str,
    ) -> Result<(), DisconnectError> {
        let close = Close::new(code, reason)?;
        let closed = self.open(id).is_some_and(|outbound| outbound.close(close));
        closed.then_some(()).ok_or(DisconnectError::Gone(id))
    }

    /// Closes every connection with 1001 and takes no new ones: their handshakes get 503.
    ///
    /// Messages that were pushed before still go out. It is ready when `on_close` has run for every
    /// connection, at the latest a second after [`PlainLimits::close_time`](super::PlainLimits::close_time).
    /// The endpoint can't be opened again.
    ///
    /// Call it before `ServerHandle::stop`, which cuts open sockets, and let the `HttpServer` leave
    /// signals to the application (`disable_signals`), or it stops first.
    pub async fn shut_down(&self) {
        let connections = &self.endpoint.connections;
        connections.close_all(&Close::known(GOING_AWAY, ""));
        connections.stop.closed().await;
    }

    fn open(&self, id: ConnectionId) -> Option<Outbound> {
        self.endpoint.connections.get(id)
    }
}

impl fmt::Debug for Plain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plain").finish_non_exhaustive()
    }
}

/// One connection, as handlers are given it; to keep it, clone it or keep its id.
#[derive(Clone, Debug)]
pub struct Connection {
    id: ConnectionId,
    plain: Plain,
}

impl Connection {
    pub(super) fn new(id: ConnectionId, plain: Plain) -> Self {
        Self { id, plain }
    }

    /// Returns its id.
    #[must_use]
    pub fn id(&self) -> ConnectionId {
        self.id
    }

    /// Returns the endpoint, to reach other connections.
    #[must_use]
    pub fn plain(&self) -> &Plain {
        &self.plain
    }

    /// [`Plain::push`] to this connection.
    ///
    /// # Errors
    ///
    /// See [`PushError`].
    pub fn push(&self, message: impl Into<Message>) -> Result<(), PushError> {
        self.plain.push(self.id, message)
    }

    /// [`Plain::is_established`] of this connection.
    #[must_use]
    pub fn is_established(&self) -> bool {
        self.plain.is_established(self.id)
    }

    /// [`Plain::disconnect`] of this connection.
    ///
    /// # Errors
    ///
    /// See [`DisconnectError`].
    pub fn disconnect(&self, code: u16, reason: &str) -> Result<(), DisconnectError> {
        self.plain.disconnect(self.id, code, reason)
    }
}
