//! The numbers of what a session holds, for tests of what a shell leaves behind.

use super::SessionCore;

/// The numbers of what a session holds. At rest they are those of what its application holds.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Requests of this end that aren't over, and outcomes that aren't told.
    pub asked: usize,
    /// Requests of the peer that wait or are at work, and answers that wait for the socket.
    pub handled: usize,
    /// Topics that are joined.
    pub joined: usize,
    /// Joins and leaves that aren't answered.
    pub joining: usize,
    /// Publications that the application hasn't consumed.
    pub unconsumed: usize,
    /// Bytes, as [`SessionCore::kept`] counts them.
    pub kept: usize,
}

impl SessionCore {
    /// Counts what it holds.
    #[doc(hidden)]
    pub fn counters(&self) -> Counters {
        let (joined, joining, unconsumed) = self.topics.subscriptions.count();
        Counters {
            asked: self.outgoing.count(),
            handled: self.incoming.count(),
            joined,
            joining,
            unconsumed,
            kept: self.kept(),
        }
    }
}
