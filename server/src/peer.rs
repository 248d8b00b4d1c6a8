//! A client, as the application sees it.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use actix_web::http::header::HeaderMap;
use twinwire::{Call, Event, Goodbye, PeerId, SessionId};
use twinwire_remote::{CallError, EventError, Receipt, Remote};

/// One client, for as long as its session lasts: who it is, and a way to speak to it. A cheap clone,
/// which may be used on any thread and kept: once the session is over, requests end as
/// `NotReceived`.
pub struct Peer<I = ()>(Arc<Inner<I>>);

struct Inner<I> {
    hello: Introduction<I>,
    remote: Remote,
}

/// What is known of a client once it is welcomed.
pub(crate) struct Introduction<I> {
    pub(crate) identity: I,
    pub(crate) session: SessionId,
    pub(crate) peer: PeerId,
    pub(crate) address: Option<SocketAddr>,
    pub(crate) headers: HeaderMap,
}

impl<I> Peer<I> {
    pub(crate) fn new(hello: Introduction<I>, remote: Remote) -> Self {
        Self(Arc::new(Inner { hello, remote }))
    }

    /// The client's public id: the same for its session's life.
    pub fn id(&self) -> PeerId {
        self.0.hello.peer
    }

    /// What `authenticate` made of the client's token.
    pub fn identity(&self) -> &I {
        &self.0.hello.identity
    }

    /// The session's id. A secret between its two ends: fit for a log, not for other clients.
    pub fn session(&self) -> SessionId {
        self.0.hello.session
    }

    /// The address that the socket comes from: the client's, or its nearest proxy's. None where
    /// the server listens on something that has none.
    pub fn address(&self) -> Option<SocketAddr> {
        self.0.hello.address
    }

    /// The headers of the handshake.
    pub fn headers(&self) -> &HeaderMap {
        &self.0.hello.headers
    }

    /// Calls the client and waits for its answer; dropping the future cancels the call. A client that
    /// has no handler for it refuses it as `no_handler`.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn call<C: Call>(&self, request: C) -> Result<C::Reply, CallError<C::Error>> {
        self.0.remote.call(request).await
    }

    /// Sends the client an event. Ready when it is on its way: at once, unless as many bytes of requests
    /// wait for this client as the limits allow; then until the client reads. Who sends to many, one
    /// after the other, is held up by the slowest: publish to a topic instead, which waits for nobody, or
    /// use a task for each. The [`Receipt`] tells whether it has arrived.
    ///
    /// # Errors
    /// See [`EventError`].
    pub async fn send<E: Event>(&self, event: E) -> Result<Receipt, EventError> {
        self.0.remote.send(event).await
    }

    /// Sends an event of which only the newest matters: if an earlier one of the same kind and `key`
    /// hasn't gone out yet, this takes its place.
    ///
    /// # Errors
    /// See [`EventError`].
    pub async fn send_latest<E: Event>(
        &self,
        key: impl Into<String>,
        event: E,
    ) -> Result<(), EventError> {
        self.0.remote.send_latest(key, event).await
    }

    /// The time of a round trip to the client now; none if its session ends before.
    pub async fn ping(&self) -> Option<Duration> {
        self.0.remote.ping().await
    }

    /// Says goodbye to the client. Answers that are ready still go out.
    pub fn close(&self, goodbye: Goodbye) {
        self.0.remote.close(goodbye);
    }
}

impl<I> Clone for Peer<I> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<I> fmt::Debug for Peer<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Peer")
            .field("id", &self.id())
            .finish_non_exhaustive()
    }
}
