//! What the requests of this side promise the session.

use super::{InFlight, MAX_UNACKNOWLEDGED, Outgoing};

impl Outgoing {
    /// Panics if it contradicts itself. Streams are counted as a `whole` until the session ends.
    pub(in crate::session) fn check_invariants(&self, whole: bool) {
        self.waiting.check_invariants();
        self.unsent.check_invariants();
        self.window.check_invariants();
        let is_wanted = |call: &&InFlight| call.items.is_some() && call.key.is_some();
        let begun = self.in_flight.values().filter(is_wanted).count();
        let unbegun = self.waiting.iter().chain(self.unsent.iter());
        let unbegun = unbegun.filter(|queued| queued.is_unbegun_stream()).count();
        assert!(
            !whole || self.streams == begun + unbegun,
            "{} streams are counted, of {begun} and {unbegun}",
            self.streams
        );
        assert!(
            self.in_flight.len() <= self.limits.calls,
            "too many calls are in flight"
        );
        assert!(
            self.unacknowledged.len() <= MAX_UNACKNOWLEDGED,
            "too many events aren't acknowledged"
        );
        let mut cancels = self.cancels.iter();
        assert!(
            cancels.all(|call| self.in_flight.contains_key(*call)),
            "only what is in flight is cancelled"
        );
        let items = self
            .in_flight
            .values()
            .filter_map(|call| call.items.as_ref());
        items.for_each(|items| items.grant.check_invariants());
    }
}
