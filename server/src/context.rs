//! What a handler knows besides its request.

use std::net::SocketAddr;
use std::sync::Arc;

use twinwire::{PeerId, SessionId};

/// What a handler knows besides its request: the application's state, and who calls. A cheap
/// clone.
///
/// `S` is the application's state, given to [`Twinwire::builder`](crate::Twinwire::builder); `I` is
/// what its `authenticate` made of the client's token. Applications write
/// `type Cx = twinwire_server::Cx<App, User>;` once.
#[derive(Debug)]
pub struct Cx<S = (), I = ()> {
    state: Arc<S>,
    peer: Arc<Caller<I>>,
}

#[derive(Debug)]
pub(crate) struct Caller<I> {
    pub(crate) identity: I,
    pub(crate) session: SessionId,
    pub(crate) peer: PeerId,
    pub(crate) address: Option<SocketAddr>,
}

impl<S, I> Cx<S, I> {
    pub(crate) fn new(state: Arc<S>, caller: Caller<I>) -> Self {
        Self {
            state,
            peer: Arc::new(caller),
        }
    }

    /// The application's state.
    pub fn state(&self) -> &S {
        &self.state
    }

    /// What `authenticate` made of the client's token.
    pub fn identity(&self) -> &I {
        &self.peer.identity
    }

    /// The client's public id: the same for its session's life.
    pub fn peer(&self) -> PeerId {
        self.peer.peer
    }

    /// The session's id. A secret between its two ends: fit for a log, not for other clients.
    pub fn session(&self) -> SessionId {
        self.peer.session
    }

    /// The address that the socket comes from: the client's, or its nearest proxy's. None where
    /// the server listens on something that has none.
    pub fn address(&self) -> Option<SocketAddr> {
        self.peer.address
    }
}

impl<S, I> Clone for Cx<S, I> {
    fn clone(&self) -> Self {
        Self {
            state: Arc::clone(&self.state),
            peer: Arc::clone(&self.peer),
        }
    }
}
