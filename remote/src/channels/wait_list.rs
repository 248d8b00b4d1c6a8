//! Tasks that wait for the same thing, in the order in which they came.
//!
//! No method wakes or drops a waker: both may run code of the application's, which may come back while
//! the list is locked or borrowed. They are handed out, to be woken or dropped afterwards.

use std::task::Waker;

/// A place in a [`WaitList`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WaitTicket(u64);

/// Those who wait, the longest-waiting first.
#[derive(Debug, Default)]
pub struct WaitList {
    issued: u64,
    waiting: Vec<(u64, Waker)>,
}

impl WaitList {
    /// Returns true if nobody waits before the holder of `ticket`, or before one who has none.
    pub fn is_turn(&self, ticket: Option<WaitTicket>) -> bool {
        let first = self.waiting.first();
        first.is_none_or(|(first, _)| Some(WaitTicket(*first)) == ticket)
    }

    /// Waits: at the end without a ticket, else in its place. Returns the waker that was there.
    pub fn wait(&mut self, ticket: &mut Option<WaitTicket>, waker: &Waker) -> Option<Waker> {
        let place = ticket.and_then(|ticket| self.place(ticket));
        // A task that moved has another waker, and keeps its place.
        if let Some((_, held)) = place.and_then(|place| self.waiting.get_mut(place)) {
            return Some(std::mem::replace(held, waker.clone()));
        }
        // Never used again: a ticket that was given up must be nobody's.
        self.issued += 1;
        self.waiting.push((self.issued, waker.clone()));
        *ticket = Some(WaitTicket(self.issued));
        None
    }

    /// Gives a place up.
    pub fn leave(&mut self, ticket: WaitTicket) -> AfterUnlock {
        let place = self.place(ticket);
        let own = place.map(|place| self.waiting.remove(place));
        AfterUnlock {
            own: own.map(|(_, waker)| waker),
            // Whether there is room it finds out itself.
            first: place.filter(|place| *place == 0).and_then(|_| self.first()),
        }
    }

    /// Takes all of them, who then wait no more.
    pub fn take(&mut self) -> Vec<(u64, Waker)> {
        std::mem::take(&mut self.waiting)
    }

    /// Returns a waker of the one that has waited longest.
    pub fn first(&self) -> Option<Waker> {
        self.waiting.first().map(|(_, waker)| waker.clone())
    }

    fn place(&self, ticket: WaitTicket) -> Option<usize> {
        self.waiting.iter().position(|(of, _)| *of == ticket.0)
    }
}

/// The work that is to be done once the list is neither locked nor borrowed.
#[must_use]
#[derive(Debug)]
pub struct AfterUnlock {
    /// Of the one who left.
    own: Option<Waker>,
    /// Of the one who became first by that.
    first: Option<Waker>,
}

impl AfterUnlock {
    /// Drops the waker of the one who left, and wakes the one who became first.
    pub fn done(self) {
        drop(self.own);
        super::wake(self.first);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turn_goes_round_in_the_order_of_coming() {
        let (mut list, waker) = (WaitList::default(), Waker::noop());
        let (mut a, mut b) = (None, None);
        assert!(list.is_turn(None));
        assert!(list.wait(&mut a, waker).is_none());
        assert!(list.wait(&mut b, waker).is_none());
        assert!(list.is_turn(a));
        assert!(!list.is_turn(b));
        assert!(!list.is_turn(None), "a newcomer waits behind the others");

        let left = list.leave(a.unwrap());
        assert!(left.own.is_some() && left.first.is_some());
        assert!(list.is_turn(b));
        let left = list.leave(b.unwrap());
        assert!(left.own.is_some() && left.first.is_none());
        assert!(list.is_turn(None));
    }

    #[test]
    fn leaving_from_the_middle_wakes_nobody() {
        let (mut list, waker) = (WaitList::default(), Waker::noop());
        let (mut a, mut b) = (None, None);
        assert!(list.wait(&mut a, waker).is_none());
        assert!(list.wait(&mut b, waker).is_none());
        let left = list.leave(b.unwrap());
        assert!(left.own.is_some() && left.first.is_none());
        assert!(list.is_turn(a));
    }

    #[test]
    fn waiting_again_keeps_the_place() {
        let (mut list, waker) = (WaitList::default(), Waker::noop());
        let (mut a, mut b) = (None, None);
        assert!(list.wait(&mut a, waker).is_none());
        assert!(list.wait(&mut b, waker).is_none());
        assert!(list.wait(&mut a, waker).is_some());
        assert!(list.is_turn(a));
        assert_eq!(list.take().len(), 2);
        assert!(list.leave(a.unwrap()).own.is_none());
    }
}
