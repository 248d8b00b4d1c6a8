//! Who is connected.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, PoisonError};

use twinwire::PeerId;

use crate::Peer;
use crate::app::shared::Shared;
use crate::sync::{Mutex, MutexGuard};

/// All clients that are welcomed, and those of each user.
///
/// Behind a mutex, as all workers meet here; it is held to look up or to change an entry, never across
/// an await.
pub(crate) struct Peers<I>(Mutex<PeersInner<I>>);

struct PeersInner<I> {
    /// In the order of the ids: what goes through all of them does the same each time.
    by_id: BTreeMap<PeerId, Peer<I>>,
    by_user: HashMap<String, Vec<Peer<I>>>,
}

impl<I> PeersInner<I> {
    fn insert(&mut self, peer: &Peer<I>) {
        self.by_id.insert(peer.id(), peer.clone());
        if let Some(user) = &peer.handshake().user {
            let peers = self.by_user.entry(user.clone());
            peers.or_default().push(peer.clone());
        }
    }

    fn remove(&mut self, peer: &Peer<I>, removed: &mut Vec<Peer<I>>) {
        let id = peer.id();
        removed.extend(self.by_id.remove(&id));
        let Some(user) = &peer.handshake().user else {
            return;
        };
        if let Some(peers) = self.by_user.get_mut(user) {
            twinwire::plant!("newest_of_user_forgotten", let id = peers.last().map_or(id, Peer::id));
            removed.extend(peers.extract_if(.., |other| other.id() == id));
            // An empty list would stay for each user who was ever here.
            if peers.is_empty() {
                self.by_user.remove(user);
            }
        }
    }
}

impl<I> Default for Peers<I> {
    fn default() -> Self {
        let (by_id, by_user) = (BTreeMap::new(), HashMap::new());
        Self(Mutex::new(PeersInner { by_id, by_user }))
    }
}

/// The entry that was listed, to be dropped where nothing is locked: with the last clone goes the identity, and what the
/// application does then may call the endpoint.
#[must_use = "it is dropped where nothing is locked"]
pub(crate) struct RemovedPeers<I>(Vec<Peer<I>>);

impl<I> Peers<I> {
    fn inner(&self) -> MutexGuard<'_, PeersInner<I>> {
        // Nothing of the application's runs while it is held, so what it guards is whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lists a client in the place of another, where there is one.
    fn replace(&self, earlier: Option<&Peer<I>>, peer: Option<&Peer<I>>) -> RemovedPeers<I> {
        let mut removed = Vec::new();
        let mut inner = self.inner();
        if let Some(earlier) = earlier {
            // Removed and inserted under one lock: between the two, `peer` and `user` would find nobody.
            inner.remove(earlier, &mut removed);
        }
        if let Some(peer) = peer {
            inner.insert(peer);
        }
        RemovedPeers(removed)
    }

    pub(crate) fn get(&self, id: PeerId) -> Option<Peer<I>> {
        self.inner().by_id.get(&id).cloned()
    }

    pub(crate) fn all(&self) -> Vec<Peer<I>> {
        self.inner().by_id.values().cloned().collect()
    }

    /// Returns the number of clients that are listed, and of those listed as some user's.
    #[cfg(feature = "test")]
    pub(crate) fn count(&self) -> (usize, usize) {
        let inner = self.inner();
        (
            inner.by_id.len(),
            inner.by_user.values().map(Vec::len).sum(),
        )
    }

    pub(crate) fn of_user(&self, user: &str) -> Vec<Peer<I>> {
        self.inner().by_user.get(user).cloned().unwrap_or_default()
    }
}

/// A client's place among those that are connected, until it is dropped: however its connection ends.
pub(crate) struct PeerGuard<S, I> {
    shared: Arc<Shared<S, I>>,
    peer: Peer<I>,
}

impl<S, I> PeerGuard<S, I> {
    pub(crate) fn new(shared: Arc<Shared<S, I>>, peer: Peer<I>) -> Self {
        drop(shared.peers.replace(None, Some(&peer)));
        Self { shared, peer }
    }

    /// Lists the client as it has come back, perhaps as another user.
    pub(crate) fn replace(&mut self, peer: Peer<I>) -> RemovedPeers<I> {
        let earlier = std::mem::replace(&mut self.peer, peer);
        let mut removed = self.shared.peers.replace(Some(&earlier), Some(&self.peer));
        removed.0.push(earlier);
        removed
    }
}

impl<S, I> Drop for PeerGuard<S, I> {
    fn drop(&mut self) {
        drop(self.shared.peers.replace(Some(&self.peer), None));
    }
}
