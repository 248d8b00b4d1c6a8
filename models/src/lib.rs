//! What one thread can't show: the locks of the server's slots, topics and list of clients, and of the channels
//! between handles and shells, under schedules of threads that follow from a seed.
//!
//! The modules are the files that ship, compiled once more with [shuttle]'s locks in the place of std's (`sync`), at each
//! of which another thread may go on. What they use of the rest of their crate is here in little. Each function is
//! one model: it panics if a schedule breaks it, and shuttle prints that schedule. A thread that waits for ever is found
//! as a deadlock.
//!
//! [shuttle]: https://docs.rs/shuttle
#![forbid(unsafe_code)]

use std::sync::Arc;

use shuttle::scheduler::{PctScheduler, RandomScheduler};
use shuttle::{Config, Runner};
use twinwire::PeerId;

mod app;
pub mod listing;
pub mod queues;
mod session;
pub mod sessions;
pub mod topics;

#[path = "../../remote/src/channels/mod.rs"]
pub mod channels;
#[path = "../../server/src/topic/mod.rs"]
#[expect(dead_code, reason = "the models need a part of it")]
pub mod topic;

/// The locks of the modules: shuttle's.
mod sync {
    pub(crate) use shuttle::sync::atomic::AtomicBool;
    pub(crate) use shuttle::sync::{Mutex, MutexGuard};
}

/// The schedules that a model is tried with, of either kind.
const SCHEDULES: usize = 600;

/// The least number of switches of which PCT finds what needs so many (Burckhardt et al., 2010).
const DEPTH: usize = 4;

/// Tries a model with schedules of a seed: each thread as likely to go on as another, and by PCT, with priorities.
fn check(model: impl Fn() + Clone + Send + Sync + 'static) {
    let seed = 0x7477_696e_7769_7265;
    let random = RandomScheduler::new_from_seed(seed, SCHEDULES);
    Runner::new(random, Config::default()).run(model.clone());
    let pct = PctScheduler::new_from_seed(seed, DEPTH, SCHEDULES);
    Runner::new(pct, Config::default()).run(model);
}

mod random {
    /// Draws the same each time.
    pub(crate) struct Random;

    impl Random {
        /// Makes a source for the tests that come with the modules.
        #[cfg(test)]
        pub(crate) fn system() -> Self {
            Self
        }

        pub(crate) fn bytes<const N: usize>(&self) -> Result<[u8; N], ()> {
            Ok([7; N])
        }
    }
}

struct Handshake<I> {
    user: Option<String>,
    #[expect(dead_code, reason = "it is there to be dropped")]
    identity: I,
}

/// A client in the list.
struct Peer<I> {
    id: PeerId,
    handshake: Arc<Handshake<I>>,
}

impl<I> Clone for Peer<I> {
    fn clone(&self) -> Self {
        Self {
            id: self.id,
            handshake: Arc::clone(&self.handshake),
        }
    }
}

impl<I> Peer<I> {
    fn new(id: u8, user: &str, identity: I) -> Self {
        Self {
            id: PeerId::from_bytes([id; 8]),
            handshake: Arc::new(Handshake {
                user: Some(user.to_owned()),
                identity,
            }),
        }
    }

    fn id(&self) -> PeerId {
        self.id
    }

    fn handshake(&self) -> &Handshake<I> {
        &self.handshake
    }
}
