//! Where a session stays while its connections come and go.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Waker};

use twinwire::frame::{Continuity, Resume};
use twinwire::session::Tombstone;
use twinwire::{Goodbye, Secret, SessionId};

use crate::life::Life;

/// How many sessions that are over are remembered: who comes back to one learns what it had received.
const GRAVES: usize = 4096;

/// What a session without a connection counts at least against the pool, in bytes.
const LEAST: usize = 16 * 1024;

/// A session, and whose it is. One connection holds it at a time, and looks after it also when its
/// socket is gone; another one that resumes it raises the generation, by which the first knows.
///
/// Behind a mutex, as connections live on several workers; it is held for one turn of the holder's
/// loop, never across an await.
pub(crate) struct Slot<S, I> {
    held: Mutex<Held<S, I>>,
    holder: Mutex<Option<Waker>>,
    evicted: AtomicBool,
}

pub(crate) struct Held<S, I> {
    generation: u64,
    pub(crate) life: Life<S, I>,
}

impl<S, I> Slot<S, I> {
    fn lock(&self) -> MutexGuard<'_, Held<S, I>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn holder(&self) -> MutexGuard<'_, Option<Waker>> {
        self.holder.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wake(&self) {
        let holder = self.holder().take();
        if let Some(holder) = holder {
            holder.wake();
        }
    }

    /// Asks the holder to give the session up.
    fn evict(&self) {
        self.evicted.store(true, Ordering::Release);
        self.wake();
    }
}

/// A connection's hold on a slot. The session ends with the hold on it, unless another has it by then.
pub(crate) struct Holding<S, I> {
    slot: Arc<Slot<S, I>>,
    generation: u64,
}

impl<S, I> Holding<S, I> {
    /// Holds a session that nobody else knows.
    pub(crate) fn new(life: Life<S, I>) -> Self {
        let slot = Slot {
            held: Mutex::new(Held {
                generation: 0,
                life,
            }),
            holder: Mutex::new(None),
            evicted: AtomicBool::new(false),
        };
        Self {
            slot: Arc::new(slot),
            generation: 0,
        }
    }

    /// The slot, to be locked for one turn.
    pub(crate) fn slot(&self) -> Arc<Slot<S, I>> {
        Arc::clone(&self.slot)
    }

    /// Locks a slot for one turn of its holder; none if another holds it now. From then on the holder is
    /// woken when another takes the session, or it is to be given up.
    pub(crate) fn turn<'a>(
        &self,
        slot: &'a Slot<S, I>,
        cx: &Context<'_>,
    ) -> Option<MutexGuard<'a, Held<S, I>>> {
        let mut held = slot.lock();
        if held.generation != self.generation {
            return None;
        }
        *slot.holder() = Some(cx.waker().clone());
        if slot.evicted.swap(false, Ordering::AcqRel) {
            held.life.evict();
        }
        Some(held)
    }
}

impl<S, I> Drop for Holding<S, I> {
    fn drop(&mut self) {
        let mut held = self.slot.lock();
        if held.generation == self.generation {
            held.life.end();
        }
    }
}

/// All sessions that are open, with or without a connection, and what is left of those that aren't.
///
/// Behind a mutex, as all workers meet here; it is held to look up or to change an entry, never across
/// an await, and never to lock a slot.
pub(crate) struct Sessions<S, I> {
    all: Mutex<All<S, I>>,
    pool: usize,
}

struct All<S, I> {
    open: HashMap<SessionId, Entry<S, I>>,
    /// Those without a connection, by the order in which they lost it.
    detached: BTreeMap<u64, SessionId>,
    /// What those count in all.
    weight: usize,
    cuts: u64,
    graves: HashMap<SessionId, Tombstone>,
    /// Those, the oldest first.
    buried: VecDeque<SessionId>,
}

struct Entry<S, I> {
    slot: Arc<Slot<S, I>>,
    /// Its place among those without a connection, and what it counts there.
    detached: Option<(u64, usize)>,
}

impl<S, I> Sessions<S, I> {
    pub(crate) fn new(pool: usize) -> Self {
        let all = All {
            open: HashMap::new(),
            detached: BTreeMap::new(),
            weight: 0,
            cuts: 0,
            graves: HashMap::new(),
            buried: VecDeque::new(),
        };
        Self {
            all: Mutex::new(all),
            pool,
        }
    }

    fn all(&self) -> MutexGuard<'_, All<S, I>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A client was welcomed: it may come back for its session.
    pub(crate) fn insert(&self, id: SessionId, slot: Arc<Slot<S, I>>) {
        let detached = None;
        self.all().open.insert(id, Entry { slot, detached });
    }

    /// A session without a connection counts so many bytes, from now on. If all of those count more than
    /// the pool has, the ones go that lost theirs first.
    pub(crate) fn weigh(&self, id: SessionId, bytes: usize) {
        let mut victims = Vec::new();
        let mut all = self.all();
        let earlier = all.reattach(id);
        let weight = bytes.max(LEAST);
        let place = earlier.unwrap_or_else(|| {
            all.cuts += 1;
            all.cuts
        });
        if let Some(entry) = all.open.get_mut(&id) {
            entry.detached = Some((place, weight));
            all.detached.insert(place, id);
            all.weight += weight;
        }
        while all.weight > self.pool
            && let Some((_, oldest)) = all.detached.first_key_value()
        {
            let oldest = *oldest;
            all.reattach(oldest);
            victims.extend(all.open.get(&oldest).map(|entry| Arc::clone(&entry.slot)));
        }
        drop(all);
        for victim in victims {
            victim.evict();
        }
    }

    /// A session is over. One that a client may still come back for leaves a tombstone.
    pub(crate) fn remove(&self, id: SessionId, tombstone: Option<Tombstone>) {
        let mut all = self.all();
        all.reattach(id);
        all.open.remove(&id);
        if let Some(tombstone) = tombstone {
            if all.buried.len() == GRAVES
                && let Some(oldest) = all.buried.pop_front()
            {
                all.graves.remove(&oldest);
            }
            all.buried.push_back(id);
            all.graves.insert(id, tombstone);
        }
    }

    /// Gives a client its session back, and tells the connection that had it. `may` judges the session's
    /// owner, and takes the hello and the next secret to the session.
    ///
    /// # Errors
    /// What the client is told instead.
    pub(crate) fn resume(
        &self,
        wanted: &Resume,
        next: Secret,
        may: impl FnOnce(&mut Life<S, I>, Secret) -> Result<(), NotGiven>,
    ) -> Result<Holding<S, I>, NotGiven> {
        let slot = {
            let all = self.all();
            match all.open.get(&wanted.session) {
                Some(entry) => Arc::clone(&entry.slot),
                None => return Err(all.tell(wanted)),
            }
        };
        let mut held = slot.lock();
        may(&mut held.life, next)?;
        held.generation += 1;
        let generation = held.generation;
        slot.evicted.store(false, Ordering::Release);
        self.all().reattach(wanted.session);
        drop(held);
        slot.wake();
        Ok(Holding { slot, generation })
    }
}

/// What becomes of a client that doesn't get the session that it wants back.
pub(crate) enum NotGiven {
    /// It is welcomed to another, which says what it learns of that one.
    Another(Continuity),
    /// It is closed with this.
    Over(Goodbye),
}

impl<S, I> All<S, I> {
    /// The session counts for nothing any more. Gives the place that it had among those that do.
    fn reattach(&mut self, id: SessionId) -> Option<u64> {
        let (place, weight) = self.open.get_mut(&id)?.detached.take()?;
        self.detached.remove(&place);
        self.weight -= weight;
        Some(place)
    }

    fn tell(&self, wanted: &Resume) -> NotGiven {
        let Some(tombstone) = self.graves.get(&wanted.session) else {
            return NotGiven::Another(Continuity::Unknown);
        };
        match tombstone.goodbye(&wanted.secret) {
            Some(goodbye) => NotGiven::Over(goodbye.clone()),
            None => NotGiven::Another(tombstone.answer(&wanted.secret)),
        }
    }
}
