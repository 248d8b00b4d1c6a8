//! The sessions of one server, and what is remembered of those that are over.

use std::collections::{HashMap, VecDeque};

use super::{MemoryBudget, ResumeRejected, Tombstone};
use crate::SessionId;
use crate::frame::{Continuity, Resume};

/// The number of sessions that are over and remembered: who comes back to one learns what it had received.
const MAX_TOMBSTONES: usize = 4096;

/// The sessions of one server by their ids, the memory that they hold together, and the tombstones of those that are over.
/// `T` is the shell's hold on a session. It is pure: a shell locks and wakes.
#[derive(Debug)]
pub struct Registry<T> {
    open: HashMap<SessionId, T>,
    memory: MemoryBudget,
    tombstones: HashMap<SessionId, Tombstone>,
    /// The ids of the tombstones, the oldest first.
    tombstone_order: VecDeque<SessionId>,
}

impl<T> Registry<T> {
    /// Makes one without sessions, which may hold `memory` bytes together.
    pub fn new(memory: usize) -> Self {
        Self {
            open: HashMap::new(),
            memory: MemoryBudget::new(memory),
            tombstones: HashMap::new(),
            tombstone_order: VecDeque::new(),
        }
    }

    /// Adds the session of a client that was welcomed: it may come back for it.
    pub fn insert(&mut self, id: SessionId, session: T) {
        self.open.insert(id, session);
    }

    /// Returns a session that is open.
    pub fn get(&self, id: &SessionId) -> Option<&T> {
        self.open.get(id)
    }

    /// Returns all sessions that are open, in no order.
    pub fn values(&self) -> impl Iterator<Item = &T> {
        self.open.values()
    }

    /// Returns the session that a client wants back. Whether it is the client's, [`Session::resume`] decides.
    ///
    /// # Errors
    /// [`ResumeRejected`] if it isn't open.
    ///
    /// [`Session::resume`]: super::Session::resume
    pub fn wanted(&self, wanted: &Resume) -> Result<&T, ResumeRejected> {
        if let Some(session) = self.open.get(&wanted.session) {
            return Ok(session);
        }
        let tombstone = self.tombstones.get(&wanted.session);
        plant!("eviction_without_tombstone", let tombstone = None::<&Tombstone>);
        let Some(tombstone) = tombstone else {
            return Err(ResumeRejected::Another(Continuity::Unknown));
        };
        Err(match tombstone.goodbye(&wanted.secret) {
            Some(goodbye) => ResumeRejected::Over(goodbye.clone()),
            None => ResumeRejected::Another(tombstone.answer(&wanted.secret)),
        })
    }

    /// Takes note that a session has a connection again: it isn't one of those that may have to go.
    pub fn resumed(&mut self, id: &SessionId) {
        self.memory.release(id);
    }

    /// Counts a session as this many bytes from now on: see [`SessionCore::kept`](super::SessionCore::kept). Returns false
    /// if it is over: its weight would never be released.
    pub fn set_usage(&mut self, id: SessionId, bytes: usize, is_detached: bool) -> bool {
        let is_open = self.open.contains_key(&id);
        if is_open && is_detached {
            self.memory.set_detached_usage(id, bytes);
        } else if is_open {
            self.memory.set_usage(id, bytes);
        }
        is_open
    }

    /// Returns the session that goes first while all hold too much, which counts for nothing from now on. One with a
    /// connection doesn't go.
    pub fn next_victim(&mut self) -> Option<&T> {
        loop {
            let oldest = self.memory.next_victim()?;
            // One that ended meanwhile counts for nothing, too.
            if self.open.contains_key(&oldest) {
                return self.open.get(&oldest);
            }
        }
    }

    /// Removes a session that is over, and returns it. One that a client may still come back for leaves a tombstone; the
    /// oldest goes when there are 4,096.
    pub fn remove(&mut self, id: SessionId, tombstone: Option<Tombstone>) -> Option<T> {
        self.memory.release(&id);
        if let Some(tombstone) = tombstone {
            // No client says that it has given its session up for good: without a bound they would pile up.
            if self.tombstone_order.len() == MAX_TOMBSTONES
                && let Some(oldest) = self.tombstone_order.pop_front()
            {
                self.tombstones.remove(&oldest);
            }
            self.tombstone_order.push_back(id);
            self.tombstones.insert(id, tombstone);
        }
        self.open.remove(&id)
    }

    /// Returns the memory that all sessions hold together.
    pub fn memory(&self) -> &MemoryBudget {
        &self.memory
    }

    /// Returns the number of sessions that are open, and of tombstones.
    pub fn count(&self) -> (usize, usize) {
        (self.open.len(), self.tombstones.len())
    }
}
