//! Who is connected.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use twinwire::PeerId;

use crate::Peer;
use crate::shared::Shared;

/// What of an identity names its user.
pub(crate) type UserKey<I> = Box<dyn Fn(&I) -> String + Send + Sync>;

/// All clients that are welcomed, and those of each user.
///
/// Behind a mutex, as all workers meet here; it is held to look up or to change an entry, never across
/// an await.
pub(crate) struct Peers<I> {
    user_key: Option<UserKey<I>>,
    present: Mutex<Present<I>>,
}

struct Present<I> {
    by_id: HashMap<PeerId, Peer<I>>,
    by_user: HashMap<String, Vec<Peer<I>>>,
}

impl<I> Peers<I> {
    pub(crate) fn new(user_key: Option<UserKey<I>>) -> Self {
        let (by_id, by_user) = (HashMap::new(), HashMap::new());
        Self {
            user_key,
            present: Mutex::new(Present { by_id, by_user }),
        }
    }

    fn present(&self) -> MutexGuard<'_, Present<I>> {
        self.present.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether two identities are of one user, as far as the application says what names one.
    pub(crate) fn is_same_user(&self, one: &I, other: &I) -> bool {
        let key = self.user_key.as_ref();
        key.is_none_or(|key| key(one) == key(other))
    }

    /// Adds a client, and gives its user's key.
    fn insert(&self, peer: &Peer<I>) -> Option<String> {
        let user = self.user_key.as_ref().map(|key| key(peer.identity()));
        let mut present = self.present();
        present.by_id.insert(peer.id(), peer.clone());
        if let Some(user) = &user {
            let peers = present.by_user.entry(user.clone());
            peers.or_default().push(peer.clone());
        }
        user
    }

    fn remove(&self, id: PeerId, user: Option<&str>) {
        let mut present = self.present();
        present.by_id.remove(&id);
        let Some(user) = user else { return };
        if let Some(peers) = present.by_user.get_mut(user) {
            peers.retain(|other| other.id() != id);
            if peers.is_empty() {
                present.by_user.remove(user);
            }
        }
    }

    pub(crate) fn get(&self, id: PeerId) -> Option<Peer<I>> {
        self.present().by_id.get(&id).cloned()
    }

    pub(crate) fn all(&self) -> Vec<Peer<I>> {
        self.present().by_id.values().cloned().collect()
    }

    pub(crate) fn of_user(&self, user: &str) -> Vec<Peer<I>> {
        self.present()
            .by_user
            .get(user)
            .cloned()
            .unwrap_or_default()
    }
}

/// A client's place among those that are connected, until it is dropped: however its connection ends.
pub(crate) struct Listed<S, I> {
    shared: Arc<Shared<S, I>>,
    id: PeerId,
    user: Option<String>,
}

impl<S, I> Listed<S, I> {
    pub(crate) fn new(shared: Arc<Shared<S, I>>, peer: &Peer<I>) -> Self {
        let user = shared.peers.insert(peer);
        let id = peer.id();
        Self { shared, id, user }
    }
}

impl<S, I> Drop for Listed<S, I> {
    fn drop(&mut self) {
        self.shared.peers.remove(self.id, self.user.as_deref());
    }
}
