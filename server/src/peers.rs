//! Who is connected.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use twinwire::PeerId;

use crate::Peer;

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

    fn user(&self, peer: &Peer<I>) -> Option<String> {
        self.user_key.as_ref().map(|key| key(peer.identity()))
    }

    pub(crate) fn insert(&self, peer: &Peer<I>) {
        let user = self.user(peer);
        let mut present = self.present();
        present.by_id.insert(peer.id(), peer.clone());
        if let Some(user) = user {
            present.by_user.entry(user).or_default().push(peer.clone());
        }
    }

    pub(crate) fn remove(&self, peer: &Peer<I>) {
        let user = self.user(peer);
        let mut present = self.present();
        present.by_id.remove(&peer.id());
        let Some(user) = user else { return };
        if let Some(peers) = present.by_user.get_mut(&user) {
            peers.retain(|other| other.id() != peer.id());
            if peers.is_empty() {
                present.by_user.remove(&user);
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
