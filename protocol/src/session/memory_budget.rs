//! What all sessions hold together, and what has to happen when that is much.

use std::collections::{BTreeMap, HashMap};

use crate::SessionId;

/// The least that a session without a connection counts, in bytes.
// It would else cost nothing to begin sessions and leave them. Of those with a connection, sockets bound the number.
const LEAST: usize = 16 * 1024;

/// The bytes that all sessions of a server hold together, against a bound. From three quarters of it on, until it is less than
/// half, each is to keep less ([`SessionCore::set_low_memory`](super::SessionCore::set_low_memory)); when it is more than all, those
/// without a connection are to end, the ones first that lost theirs first.
#[derive(Debug)]
pub struct MemoryBudget {
    most: usize,
    /// The usage of the sessions that count anything.
    usage: HashMap<SessionId, Usage>,
    /// The sum of all usage, in bytes.
    sum: usize,
    /// The sessions without a connection, in the order in which they lost it.
    detached: BTreeMap<u64, SessionId>,
    cuts: u64,
    is_under_pressure: bool,
}

#[derive(Debug)]
struct Usage {
    bytes: usize,
    /// Its place among those without a connection.
    cut: Option<u64>,
}

impl MemoryBudget {
    /// Makes one that nothing counts against, with a bound of `most` bytes.
    pub fn new(most: usize) -> Self {
        Self {
            most,
            usage: HashMap::new(),
            sum: 0,
            detached: BTreeMap::new(),
            cuts: 0,
            is_under_pressure: is_much(0, most),
        }
    }

    /// Counts a session with a connection as this many bytes from now on: see [`SessionCore::kept`](super::SessionCore::kept).
    pub fn set_usage(&mut self, id: SessionId, bytes: usize) {
        // Taken out and put in again: with a connection it has no place among those that may go.
        self.take(&id);
        if bytes > 0 {
            self.put(id, Usage { bytes, cut: None });
        }
        self.update_pressure();
    }

    /// Counts a session without a connection as this many bytes from now on, and at least as 16 KiB. The first time
    /// gives it its place among those.
    pub fn set_detached_usage(&mut self, id: SessionId, bytes: usize) {
        // Counted again when a handler ends, it would else go last, though it lost its connection
        // first.
        let cut = self.usage.get(&id).and_then(|usage| usage.cut);
        let cut = cut.unwrap_or_else(|| {
            self.cuts += 1;
            self.cuts
        });
        self.take(&id);
        self.detached.insert(cut, id);
        let (bytes, cut) = (bytes.max(LEAST), Some(cut));
        self.put(id, Usage { bytes, cut });
        self.update_pressure();
    }

    /// Counts a session for nothing from now on.
    pub fn release(&mut self, id: &SessionId) {
        self.take(id);
        self.update_pressure();
    }

    fn put(&mut self, id: SessionId, usage: Usage) {
        self.sum = self.sum.saturating_add(usage.bytes);
        self.usage.insert(id, usage);
    }

    fn take(&mut self, id: &SessionId) {
        if let Some(Usage { bytes, cut }) = self.usage.remove(id) {
            self.sum = self.sum.saturating_sub(bytes);
            cut.and_then(|cut| self.detached.remove(&cut));
        }
    }

    /// Removes and returns the session that goes first, while the sum is over the bound. A session with a connection
    /// doesn't go.
    pub fn next_victim(&mut self) -> Option<SessionId> {
        plant!("pool_without_end", return None);
        let (_, oldest) = self.detached.first_key_value()?;
        let oldest = *oldest;
        // Its holder ends it in a later turn. Counted until then, it would be chosen again and again.
        (self.sum > self.most).then(|| {
            self.release(&oldest);
            oldest
        })
    }

    /// Returns the bytes that all sessions hold together.
    pub fn held(&self) -> usize {
        self.sum
    }

    /// Returns true if sessions are to keep less.
    pub fn is_under_pressure(&self) -> bool {
        self.is_under_pressure
    }

    /// Decides anew whether sessions are to keep less.
    fn update_pressure(&mut self) {
        // Hysteresis: at one bound, each weighing could tell all sessions the opposite of the last.
        self.is_under_pressure = if self.is_under_pressure {
            self.sum >= self.most / 2
        } else {
            is_much(self.sum, self.most)
        };
    }
}

/// Returns true from three quarters of the bound on.
fn is_much(sum: usize, most: usize) -> bool {
    sum >= most - most / 4
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    fn id(number: u8) -> SessionId {
        SessionId::from_bytes([number; SessionId::LEN])
    }

    const UNIT: usize = 16 * 1024;

    #[test]
    fn less_is_kept_from_three_quarters_until_half() {
        let mut budget = MemoryBudget::new(100 * UNIT);
        let mut scarce = |units: usize| {
            budget.set_usage(id(1), units * UNIT);
            budget.is_under_pressure()
        };
        assert!(!scarce(0) && !scarce(74));
        assert!(scarce(75) && scarce(100) && scarce(74) && scarce(50));
        assert!(!scarce(49) && !scarce(74));
        assert!(scarce(200), "nothing may end");
        budget.release(&id(1));
        assert!(!budget.is_under_pressure());
        assert_eq!(budget.held(), 0);
    }

    #[test]
    fn who_lost_its_connection_first_goes_first_and_who_has_one_stays() {
        let mut budget = MemoryBudget::new(10 * UNIT);
        budget.set_usage(id(1), 4 * UNIT);
        for number in 2..=4 {
            budget.set_detached_usage(id(number), 1);
        }
        // Later it weighs more, and has lost its connection no later.
        budget.set_detached_usage(id(2), 4 * UNIT);
        assert_eq!(budget.next_victim(), None, "that is just enough");
        budget.set_detached_usage(id(4), 2 * UNIT);
        assert_eq!(budget.next_victim(), Some(id(2)));
        assert_eq!(budget.next_victim(), None);
        // It comes back, and is cut again.
        budget.set_usage(id(3), 0);
        budget.set_detached_usage(id(3), 5 * UNIT);
        assert_eq!(budget.next_victim(), Some(id(4)));
        budget.set_usage(id(1), 11 * UNIT);
        assert_eq!(budget.next_victim(), Some(id(3)));
        assert_eq!(budget.next_victim(), None, "who has a connection stays");
        assert_eq!(budget.held(), 11 * UNIT);
    }

    #[test]
    fn where_there_is_no_room_none_stays_without_a_connection() {
        let mut budget = MemoryBudget::new(0);
        assert!(budget.is_under_pressure());
        budget.set_detached_usage(id(1), 0);
        assert_eq!(budget.next_victim(), Some(id(1)));
        assert!(budget.is_under_pressure());
    }
}
