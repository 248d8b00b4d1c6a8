//! The list of clients, while some come and go.

use std::sync::{Arc, Weak};

use shuttle::sync::atomic::{AtomicBool, Ordering};
use shuttle::thread;

use crate::app::shared::Shared;
use crate::session::peers::{PeerGuard, Peers};
use crate::{Peer, check};

type Endpoint = Shared<(), Identity>;

/// What the application made of a client. As it goes, it asks the endpoint who is there, as an application may.
struct Identity(Weak<Endpoint>);

impl Drop for Identity {
    fn drop(&mut self) {
        if let Some(endpoint) = self.0.upgrade() {
            endpoint.peers.all();
        }
    }
}

fn endpoint() -> Arc<Endpoint> {
    Arc::new(Shared {
        state: (),
        peers: Peers::default(),
    })
}

fn peer(endpoint: &Arc<Endpoint>, id: u8, user: &str) -> Peer<Identity> {
    Peer::new(id, user, Identity(Arc::downgrade(endpoint)))
}

/// A client that comes back as another user, and goes, while others are listed.
pub fn a_client_is_listed_once_from_its_arrival_to_its_departure() {
    check(|| {
        let endpoint = endpoint();
        let (here, gone) = (
            Arc::new(AtomicBool::new(false)),
            Arc::new(AtomicBool::new(false)),
        );
        let client = thread::spawn({
            let (endpoint, here, gone) =
                (Arc::clone(&endpoint), Arc::clone(&here), Arc::clone(&gone));
            move || {
                let mut guard = PeerGuard::new(Arc::clone(&endpoint), peer(&endpoint, 1, "ada"));
                here.store(true, Ordering::SeqCst);
                drop(guard.replace(peer(&endpoint, 1, "bob")));
                gone.store(true, Ordering::SeqCst);
                drop(guard);
            }
        });
        let other = thread::spawn({
            let endpoint = Arc::clone(&endpoint);
            move || {
                drop(PeerGuard::new(
                    Arc::clone(&endpoint),
                    peer(&endpoint, 2, "ada"),
                ))
            }
        });
        for _ in 0..3 {
            let was_here = here.load(Ordering::SeqCst);
            let all = endpoint.peers.all();
            let users = ["ada", "bob"].map(|user| endpoint.peers.of_user(user).len());
            let is_gone = gone.load(Ordering::SeqCst);
            let id = peer(&endpoint, 1, "").id();
            let times = all.iter().filter(|peer| peer.id() == id).count();
            assert!(times <= 1 && all.len() <= 2, "{} are listed", all.len());
            assert!(users[0] <= 2 && users[1] <= 1, "{users:?}");
            assert!(times == 1 || !was_here || is_gone, "it isn't listed");
        }
        for client in [client, other] {
            client.join().expect("it doesn't panic");
        }
        assert_eq!(endpoint.peers.all().len(), 0);
        assert_eq!(endpoint.peers.of_user("bob").len(), 0);
    });
}
