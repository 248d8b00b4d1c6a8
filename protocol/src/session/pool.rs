//! What all sessions hold together, and what has to happen when that is much.

use std::collections::{BTreeMap, HashMap};

use crate::SessionId;

/// The least that a session without a connection counts, in bytes.
// It would else cost nothing to begin sessions and leave them. Of those with a connection, sockets bound the number.
const LEAST: usize = 16 * 1024;

/// The bytes that all sessions of a server hold together, against a bound. From three quarters of it on, until it is less than
/// half, each is to keep less ([`Session::set_frugal`](super::Session::set_frugal)); when it is more than all, those
/// without a connection are to end, the ones first that lost theirs first.
#[derive(Debug)]
pub struct Pool {
    most: usize,
    /// The weights of the sessions that count anything.
    weights: HashMap<SessionId, Weight>,
    /// The sum of all weights, in bytes.
    sum: usize,
    /// The sessions without a connection, in the order in which they lost it.
    detached: BTreeMap<u64, SessionId>,
    cuts: u64,
    is_scarce: bool,
}

#[derive(Debug)]
struct Weight {
    bytes: usize,
    /// Its place among those without a connection.
    cut: Option<u64>,
}

impl Pool {
    /// Makes an empty pool with a bound of `most` bytes.
    pub fn new(most: usize) -> Self {
        Self {
            most,
            weights: HashMap::new(),
            sum: 0,
            detached: BTreeMap::new(),
            cuts: 0,
            is_scarce: is_much(0, most),
        }
    }

    /// Counts a session with a connection as this many bytes from now on: see [`Session::kept`](super::Session::kept).
    pub fn weigh(&mut self, id: SessionId, bytes: usize) {
        // Taken out and put in again: with a connection it has no place among those that may go.
        self.take(&id);
        if bytes > 0 {
            self.put(id, Weight { bytes, cut: None });
        }
        self.judge();
    }

    /// Counts a session without a connection as this many bytes from now on, and at least as 16 KiB. Its first weighing
    /// gives it its place among those.
    pub fn weigh_detached(&mut self, id: SessionId, bytes: usize) {
        // Weighed again when a handler ends, it would else go last, though it lost its connection
        // first.
        let cut = self.weights.get(&id).and_then(|weight| weight.cut);
        let cut = cut.unwrap_or_else(|| {
            self.cuts += 1;
            self.cuts
        });
        self.take(&id);
        self.detached.insert(cut, id);
        let (bytes, cut) = (bytes.max(LEAST), Some(cut));
        self.put(id, Weight { bytes, cut });
        self.judge();
    }

    /// Counts a session for nothing from now on.
    pub fn release(&mut self, id: &SessionId) {
        self.take(id);
        self.judge();
    }

    fn put(&mut self, id: SessionId, weight: Weight) {
        self.sum = self.sum.saturating_add(weight.bytes);
        self.weights.insert(id, weight);
    }

    fn take(&mut self, id: &SessionId) {
        if let Some(Weight { bytes, cut }) = self.weights.remove(id) {
            self.sum = self.sum.saturating_sub(bytes);
            cut.and_then(|cut| self.detached.remove(&cut));
        }
    }

    /// Removes and returns the session that goes first, while the sum is over the bound. A session with a connection
    /// doesn't go.
    pub fn next_to_go(&mut self) -> Option<SessionId> {
        plant!("pool_without_end", return None);
        let (_, oldest) = self.detached.first_key_value()?;
        let oldest = *oldest;
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
    pub fn is_scarce(&self) -> bool {
        self.is_scarce
    }

    /// Decides anew whether memory is scarce.
    fn judge(&mut self) {
        // Hysteresis: at one bound, each weighing could tell all sessions the opposite of the last.
        self.is_scarce = if self.is_scarce {
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
        let mut pool = Pool::new(100 * UNIT);
        let mut scarce = |units: usize| {
            pool.weigh(id(1), units * UNIT);
            pool.is_scarce()
        };
        assert!(!scarce(0) && !scarce(74));
        assert!(scarce(75) && scarce(100) && scarce(74) && scarce(50));
        assert!(!scarce(49) && !scarce(74));
        assert!(scarce(200), "nothing may end");
        pool.release(&id(1));
        assert!(!pool.is_scarce());
        assert_eq!(pool.held(), 0);
    }

    #[test]
    fn who_lost_its_connection_first_goes_first_and_who_has_one_stays() {
        let mut pool = Pool::new(10 * UNIT);
        pool.weigh(id(1), 4 * UNIT);
        for number in 2..=4 {
            pool.weigh_detached(id(number), 1);
        }
        // Later it weighs more, and has lost its connection no later.
        pool.weigh_detached(id(2), 4 * UNIT);
        assert_eq!(pool.next_to_go(), None, "that is just enough");
        pool.weigh_detached(id(4), 2 * UNIT);
        assert_eq!(pool.next_to_go(), Some(id(2)));
        assert_eq!(pool.next_to_go(), None);
        // It comes back, and is cut again.
        pool.weigh(id(3), 0);
        pool.weigh_detached(id(3), 5 * UNIT);
        assert_eq!(pool.next_to_go(), Some(id(4)));
        pool.weigh(id(1), 11 * UNIT);
        assert_eq!(pool.next_to_go(), Some(id(3)));
        assert_eq!(pool.next_to_go(), None, "who has a connection stays");
        assert_eq!(pool.held(), 11 * UNIT);
    }

    #[test]
    fn where_there_is_no_room_none_stays_without_a_connection() {
        let mut pool = Pool::new(0);
        assert!(pool.is_scarce());
        pool.weigh_detached(id(1), 0);
        assert_eq!(pool.next_to_go(), Some(id(1)));
        assert!(pool.is_scarce());
    }
}
