//! The numbers of what an end that makes requests holds. Feature `test`.

use twinwire::session::{self, SessionCore};

use crate::Remote;
use crate::channels::oneshot;
use crate::requests::Requests;

/// The numbers of what an end holds. At rest they are those of what its application holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// The session's.
    pub session: session::Counters,
    /// Requests that wait for room in the session.
    pub parked: usize,
    /// Callers and senders that wait for an outcome.
    pub waiters: usize,
    /// Those who wait for the time of a round trip.
    pub pings: usize,
    /// Topics that are joined or are being joined.
    pub topics: usize,
    /// Topics of a lost session that haven't been asked for again.
    pub lost_topics: usize,
    /// Subscriptions to all of them.
    pub subscribers: usize,
}

impl<S> Remote<S> {
    /// Counts what this end holds; none once its shell is gone.
    pub async fn counters(&self) -> Option<Counters> {
        let (tell, told) = oneshot::channel();
        let count = |requests: &mut Requests, session: &mut SessionCore, _| {
            // Who asked waits for it, or is gone.
            let _ = tell.send(requests.counters(session));
        };
        // A shell that is gone drops the sender.
        let _ = self.control().send(Box::new(count));
        told.await.ok()
    }
}
