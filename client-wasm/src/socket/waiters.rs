//! Tasks that wait for the same thing, in the order in which they came.
//!
//! No method wakes or drops a waker: both may run code of the application's, which may come back to
//! the socket while its state is borrowed. They are handed out, to be woken or dropped afterwards.

use std::task::Waker;

/// A place in [`Waiters`].
#[derive(Debug, PartialEq, Eq)]
pub(super) struct WaiterTicket(u64);

/// Those who wait, the longest-waiting first.
#[derive(Default)]
pub(super) struct Waiters {
    issued: u64,
    /// Invariant: tickets rise from front to back.
    waiting: Vec<(u64, Waker)>,
}

/// The wakers that [`Waiters::leave`] hands out.
#[must_use]
pub(super) struct WakersOfLeave {
    /// Of the one who left: to be dropped.
    pub(super) own: Option<Waker>,
    /// Of the one who became first by that: to be woken.
    pub(super) first: Option<Waker>,
}

impl Waiters {
    /// Returns true if nobody waits before the holder of `ticket`, or before one who has none.
    pub(super) fn is_turn(&self, ticket: Option<&WaiterTicket>) -> bool {
        match (self.waiting.first(), ticket) {
            (None, _) => true,
            (Some((first, _)), Some(ticket)) => *first == ticket.0,
            (Some(_), None) => false,
        }
    }

    /// Waits, at the end of the line without a ticket, else in its place. Gives back the waker that
    /// the new one replaces.
    #[must_use]
    pub(super) fn wait(
        &mut self,
        ticket: &mut Option<WaiterTicket>,
        waker: &Waker,
    ) -> Option<Waker> {
        let place = ticket.as_ref().and_then(|ticket| self.place(ticket));
        if let Some((_, held)) = place.and_then(|place| self.waiting.get_mut(place)) {
            return (!held.will_wake(waker)).then(|| std::mem::replace(held, waker.clone()));
        }
        self.issued += 1;
        self.waiting.push((self.issued, waker.clone()));
        *ticket = Some(WaiterTicket(self.issued));
        None
    }

    /// Gives a place up.
    pub(super) fn leave(&mut self, ticket: &WaiterTicket) -> WakersOfLeave {
        let place = self.place(ticket);
        let own = place.map(|place| self.waiting.remove(place));
        WakersOfLeave {
            own: own.map(|(_, waker)| waker),
            first: (place == Some(0)).then(|| self.first()).flatten(),
        }
    }

    /// Takes all of them, who then wait no more.
    pub(super) fn take(&mut self) -> impl Iterator<Item = Waker> + use<> {
        std::mem::take(&mut self.waiting)
            .into_iter()
            .map(|(_, waker)| waker)
    }

    fn first(&self) -> Option<Waker> {
        self.waiting.first().map(|(_, waker)| waker.clone())
    }

    fn place(&self, ticket: &WaiterTicket) -> Option<usize> {
        self.waiting
            .binary_search_by_key(&ticket.0, |(ticket, _)| *ticket)
            .ok()
    }
}

#[cfg(test)]
mod tests {
    use wasm_bindgen_test::wasm_bindgen_test;

    use super::*;

    #[wasm_bindgen_test(unsupported = test)]
    fn turn_goes_round_in_the_order_of_coming() {
        let (mut waiters, waker) = (Waiters::default(), Waker::noop());
        let (mut a, mut b) = (None, None);
        assert!(waiters.is_turn(None));
        assert!(waiters.wait(&mut a, waker).is_none());
        assert!(waiters.wait(&mut b, waker).is_none());
        assert!(waiters.is_turn(a.as_ref()));
        assert!(!waiters.is_turn(b.as_ref()));
        assert!(!waiters.is_turn(None), "a newcomer waits behind the others");

        let left = waiters.leave(&a.unwrap());
        assert!(left.own.is_some() && left.first.is_some());
        assert!(waiters.is_turn(b.as_ref()));
        let left = waiters.leave(&b.unwrap());
        assert!(left.own.is_some() && left.first.is_none());
        assert!(waiters.is_turn(None));
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn leaving_from_the_middle_wakes_nobody() {
        let (mut waiters, waker) = (Waiters::default(), Waker::noop());
        let (mut a, mut b) = (None, None);
        assert!(waiters.wait(&mut a, waker).is_none());
        assert!(waiters.wait(&mut b, waker).is_none());
        let left = waiters.leave(&b.unwrap());
        assert!(left.own.is_some() && left.first.is_none());
        assert!(waiters.is_turn(a.as_ref()));
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn waiting_again_keeps_the_place() {
        let (mut waiters, waker) = (Waiters::default(), Waker::noop());
        let (mut a, mut b) = (None, None);
        assert!(waiters.wait(&mut a, waker).is_none());
        assert!(waiters.wait(&mut b, waker).is_none());
        drop(waiters.wait(&mut a, waker));
        assert!(waiters.is_turn(a.as_ref()));
        assert_eq!(waiters.take().count(), 2);
        assert!(waiters.leave(&a.unwrap()).own.is_none());
    }
}
