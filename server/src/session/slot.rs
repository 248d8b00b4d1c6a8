//! Where a session stays while its connections come and go.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError, TryLockError};
use std::task::{Context, Waker};
use std::time::Duration;

use twinwire::frame::Resume;
use twinwire::session::{Registry, ResumeRejected, Tombstone};
use twinwire::{Secret, SessionId};

use crate::Peer;
use crate::app::identity::Authenticated;
use crate::session::app_session::AppSession;
use crate::sync::{AtomicBool, Mutex, MutexGuard};

/// The pause after which a connection looks again for a session that is in a turn of another's. A turn takes
/// microseconds, unless a conversion of the application's blocks it.
pub(crate) const TURN_PAUSE: Duration = Duration::from_millis(5);

/// A session, and whose it is. One connection holds it at a time, and looks after it also when its
/// socket is gone; another one that resumes it raises the generation, by which the first knows.
///
/// Behind a mutex, as connections live on several workers; it is held for one turn of the holder's
/// loop, never across an await.
pub(crate) struct Slot<S, I> {
    state: Mutex<SlotState<S, I>>,
    holder: Mutex<Option<Waker>>,
    /// True while the holder is asked to give the session up. Set and reset where all sessions are locked, as a session
    /// that its client has back isn't one of those that go.
    evicted: AtomicBool,
}

pub(crate) struct SlotState<S, I> {
    generation: u64,
    pub(crate) app: AppSession<S, I>,
}

impl<S, I> Slot<S, I> {
    fn lock(&self) -> MutexGuard<'_, SlotState<S, I>> {
        // A turn that panicked has poisoned it: the lease that goes then ends the session all the same.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Locks the slot of another's session; none during a turn, which may be one that never ends: only its holder
    /// waits for a slot.
    fn try_lock(&self) -> Option<MutexGuard<'_, SlotState<S, I>>> {
        match self.state.try_lock() {
            Ok(state) => Some(state),
            Err(TryLockError::Poisoned(state)) => Some(state.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    fn holder(&self) -> MutexGuard<'_, Option<Waker>> {
        self.holder.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wake(&self) {
        // Taken first: the waker runs code of the executor's, which mustn't find the lock held.
        let holder = self.holder().take();
        if let Some(holder) = holder {
            holder.wake();
        }
    }
}

/// A connection's hold on a slot. The session ends with the hold on it, unless another has it by then.
pub(crate) struct SlotLease<S, I> {
    slot: Arc<Slot<S, I>>,
    generation: u64,
}

impl<S, I> SlotLease<S, I> {
    /// Holds a session that nobody else knows.
    pub(crate) fn new(app: AppSession<S, I>) -> Self {
        let slot = Slot {
            state: Mutex::new(SlotState { generation: 0, app }),
            holder: Mutex::new(None),
            evicted: AtomicBool::new(false),
        };
        Self {
            slot: Arc::new(slot),
            generation: 0,
        }
    }

    /// Returns the slot, to be locked for one turn.
    pub(crate) fn slot(&self) -> Arc<Slot<S, I>> {
        Arc::clone(&self.slot)
    }

    /// Locks a slot for one turn of its holder; none if another holds it now. From then on the holder is
    /// woken when another takes the session, or it is to be given up.
    pub(crate) fn turn<'a>(
        &self,
        slot: &'a Slot<S, I>,
        cx: &Context<'_>,
    ) -> Option<MutexGuard<'a, SlotState<S, I>>> {
        let mut state = slot.lock();
        // Another connection resumed the session between two turns. Two drivers of one session would each send
        // frames with the same numbers, and the client would take them for a fault.
        if state.generation != self.generation {
            return None;
        }
        // Set after the generation was checked: a connection that is fenced off mustn't take the holder's waker away.
        *slot.holder() = Some(cx.waker().clone());
        if slot.evicted.swap(false, Ordering::AcqRel) {
            state.app.evict();
        }
        Some(state)
    }
}

impl<S, I> Drop for SlotLease<S, I> {
    fn drop(&mut self) {
        let ended = {
            let mut state = self.slot.lock();
            // Another connection may have resumed the session since: then it lives on there, and mustn't be ended here.
            let is_leased = state.generation == self.generation;
            is_leased.then(|| state.app.end())
        };
        // What the application has in it may call the endpoint as it goes.
        drop(ended);
    }
}

/// All sessions that are open, with or without a connection, and what is left of those that aren't.
///
/// Behind a mutex, as all workers meet here; it is held to look up or to change an entry, never across
/// an await, and never to lock a slot.
pub(crate) struct Sessions<S, I> {
    all: Mutex<Registry<Arc<Slot<S, I>>>>,
    /// As the registry says, for connections that look at it at each of their turns.
    is_under_pressure: AtomicBool,
}

impl<S, I> Sessions<S, I> {
    pub(crate) fn new(memory: usize) -> Self {
        let all = Registry::new(memory);
        let is_under_pressure = AtomicBool::new(all.memory().is_under_pressure());
        Self {
            all: Mutex::new(all),
            is_under_pressure,
        }
    }

    fn all(&self) -> MutexGuard<'_, Registry<Arc<Slot<S, I>>>> {
        // Nothing of the application's runs while it is held, so what it guards is whole.
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds the session of a client that was welcomed: it may come back for it.
    pub(crate) fn insert(&self, id: SessionId, slot: Arc<Slot<S, I>>) {
        self.all().insert(id, slot);
    }

    /// Returns the client whose session this is, if the session is open. Waits for as long as the session's turn
    /// lasts.
    pub(crate) async fn owner(&self, id: &SessionId) -> Option<Peer<I>> {
        let slot = self.all().get(id).map(Arc::clone)?;
        loop {
            if let Some(state) = slot.try_lock() {
                return state.app.peer();
            }
            // A waiter of its own for each slot would be more than the rare wait is worth.
            tokio::time::sleep(TURN_PAUSE).await;
        }
    }

    /// Returns true if all hold so much together that each is to keep less.
    pub(crate) fn is_under_pressure(&self) -> bool {
        // A turn that reads the old value keeps more or less until the next: nothing else hangs on it.
        self.is_under_pressure.load(Ordering::Relaxed)
    }

    /// Adds up what the sessions hold that are in no turn.
    #[cfg(feature = "test")]
    pub(crate) fn count(&self, counters: &mut crate::test::Counters) {
        let slots: Vec<_> = {
            let all = self.all();
            (counters.sessions, counters.tombstones) = all.count();
            counters.memory = all.memory().held();
            all.values().map(Arc::clone).collect()
        };
        for state in slots.iter().filter_map(|slot| slot.try_lock()) {
            state.app.count(counters);
        }
    }

    fn update_pressure(&self, all: &Registry<Arc<Slot<S, I>>>) {
        self.is_under_pressure
            .store(all.memory().is_under_pressure(), Ordering::Relaxed);
    }

    /// Counts a session as this many bytes from now on. If all count more than the memory budget, the ones without a
    /// connection go that lost theirs first.
    pub(crate) fn set_usage(&self, id: SessionId, bytes: usize, is_detached: bool) {
        let mut victims = Vec::new();
        let mut all = self.all();
        if !all.set_usage(id, bytes, is_detached) {
            return;
        }
        // Chosen under the lock, woken outside of it: a holder that ran at once on its worker would wait for this map.
        while let Some(victim) = all.next_victim() {
            victim.evicted.store(true, Ordering::Release);
            victims.push(Arc::clone(victim));
        }
        self.update_pressure(&all);
        drop(all);
        for victim in victims {
            victim.wake();
        }
    }

    /// Removes a session that is over. One that a client may still come back for leaves a tombstone.
    pub(crate) fn remove(&self, id: SessionId, tombstone: Option<Tombstone>) {
        let mut all = self.all();
        let removed = all.remove(id, tombstone);
        self.update_pressure(&all);
        // With this the last reference to a slot may go, and what the application has in it may call the endpoint, which takes this lock.
        drop(all);
        drop(removed);
    }

    /// Gives a client its session back, and tells the connection that had it. `may` checks the session's
    /// owner, and takes the client and the next secret to the session; what it returns is returned, as the client
    /// is with an error, to be dropped where no slot is locked. It runs while the session's slot is locked, so it calls nothing of the application's.
    ///
    /// # Errors
    /// What the client is told instead.
    pub(crate) fn resume<C, T>(
        &self,
        wanted: &Resume,
        next: Secret,
        client: C,
        may: impl FnOnce(&mut AppSession<S, I>, C, Secret) -> Result<T, (Rejected, C)>,
    ) -> Result<(SlotLease<S, I>, T), (Rejected, C)> {
        let slot = {
            let all = self.all();
            match all.wanted(wanted) {
                Ok(slot) => Arc::clone(slot),
                Err(rejected) => return Err((rejected.into(), client)),
            }
        };
        // The caller has a slot of its own locked: to wait here for another could be to wait for ever.
        let Some(mut state) = slot.try_lock() else {
            return Err((Rejected::InTurn, client));
        };
        let replaced = may(&mut state.app, client, next)?;
        // From here on the connection that had the session finds itself fenced off.
        state.generation += 1;
        let generation = state.generation;
        let mut all = self.all();
        all.resumed(&wanted.session);
        // An eviction that was asked for while the session had no connection would end it in its next turn.
        slot.evicted.store(false, Ordering::Release);
        self.update_pressure(&all);
        drop(all);
        drop(state);
        // The connection before finds the other generation when it takes its turn, and closes as `superseded`. Without
        // this it would hold its socket until the peer says something.
        slot.wake();
        Ok((SlotLease { slot, generation }, replaced))
    }
}

/// The fate of a client that doesn't get the session that it wants back.
pub(crate) enum Rejected {
    /// As the session says, or what is left of it.
    Resume(ResumeRejected),
    /// It asks again after [`TURN_PAUSE`], since the connection that has the session is at work with it.
    InTurn,
}

impl From<ResumeRejected> for Rejected {
    fn from(rejected: ResumeRejected) -> Self {
        Self::Resume(rejected)
    }
}

/// The reason why a client doesn't get the session, and the client itself.
pub(crate) type RejectedClient<I> = (Rejected, Box<Authenticated<I>>);
