//! What a handler knows besides its request.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::runtime::Handle;
use twinwire::PeerId;

use crate::app::shared::Shared;
use crate::topic::Topics;
use crate::{Peer, Twinwire};

/// The context of a handler besides its request: the application's state, and the client that asks. A cheap clone.
///
/// `S` is the application's state, given to [`Twinwire::builder`](crate::Twinwire::builder); `I` is
/// what its `authenticate` made of the client's token. Applications write
/// `type Cx = twinwire_server::HandlerContext<State, User>;` once.
pub struct HandlerContext<S = (), I = ()> {
    shared: Arc<Shared<S, I>>,
    peer: Peer<I>,
    /// The runtime of the worker on which the session opened.
    worker: Handle,
}

impl<S, I> HandlerContext<S, I> {
    pub(crate) fn new(shared: Arc<Shared<S, I>>, peer: Peer<I>, worker: Handle) -> Self {
        Self {
            shared,
            peer,
            worker,
        }
    }

    /// Returns the same for a client that has come back.
    pub(crate) fn with_peer(&self, peer: Peer<I>) -> Self {
        Self {
            peer,
            ..self.clone()
        }
    }

    /// Returns the application's state.
    pub fn state(&self) -> &S {
        &self.shared.state
    }

    /// Returns the client that asks.
    pub fn peer(&self) -> &Peer<I> {
        &self.peer
    }

    /// Returns what `authenticate` made of the client's token, the newest when the request came; see
    /// [`Peer`].
    pub fn identity(&self) -> &I {
        self.peer.identity()
    }

    /// Returns the client's public id: the same for its session's life.
    pub fn id(&self) -> PeerId {
        self.peer.id()
    }

    /// Returns the address that the socket comes from, see [`Peer::address`].
    pub fn address(&self) -> Option<SocketAddr> {
        self.peer.address()
    }

    /// Returns the endpoint, and through it the other clients.
    pub fn wire(&self) -> Twinwire<S, I> {
        Twinwire::new(Arc::clone(&self.shared))
    }

    pub(crate) fn topics(&self) -> &Topics {
        &self.shared.topics
    }

    /// Runs what must finish: a handler's own future is dropped at its next await when its caller
    /// cancels, its deadline passes or its session ends; this one isn't. It runs on the worker on which the
    /// session opened, until it is done or the worker stops.
    ///
    /// It may be called on any thread, as a `HandlerContext` may be taken anywhere; therefore the future is `Send`. A handler
    /// that has one which isn't can give it to `actix_web::rt::spawn`. On a worker that has stopped, the future is
    /// dropped.
    pub fn detach(&self, future: impl Future<Output = ()> + Send + 'static) {
        // Whoever wants to know how it ends waits for that inside.
        drop(self.worker.spawn(future));
    }
}

impl<S, I> Clone for HandlerContext<S, I> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            peer: self.peer.clone(),
            worker: self.worker.clone(),
        }
    }
}

impl<S, I> fmt::Debug for HandlerContext<S, I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HandlerContext")
            .field("peer", &self.peer.id())
            .finish_non_exhaustive()
    }
}
