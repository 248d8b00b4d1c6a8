//! A queue from many to one.

mod reserve;

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

pub use reserve::Reserve;

use super::wait_list::{WaitList, WaitTicket};
use super::{lock, wake, wake_all};
use crate::sync::Mutex;

/// Makes the two ends, of which the first may be cloned.
pub fn channel<T>() -> (Sender<T>, Receiver<T>) {
    let shared = Arc::new(QueueShared(Mutex::new(QueueState {
        items: QueueItems::new(),
        is_open: true,
        senders: 1,
        receiver: None,
        line: WaitList::default(),
    })));
    (Sender(Arc::clone(&shared)), Receiver(shared))
}

/// The state that both ends share.
pub(crate) struct QueueShared<T>(Mutex<QueueState<T>>);

struct QueueState<T> {
    items: QueueItems<T>,
    /// True while the receiver takes what comes.
    is_open: bool,
    senders: usize,
    /// The receiver that waits for an item.
    receiver: Option<Waker>,
    /// The senders that wait for room.
    line: WaitList,
}

impl<T> QueueState<T> {
    /// Returns true if one more may come, from the holder of this place in the line.
    fn has_room(&self, bound: usize, ticket: Option<WaitTicket>) -> bool {
        self.items.len() < bound && self.line.is_turn(ticket)
    }
}

impl<T> QueueShared<T> {
    /// See [`Sender::send`].
    pub(crate) fn send(&self, item: T) -> Result<(), T> {
        let receiver = {
            let mut state = lock(&self.0);
            if !state.is_open {
                return Err(item);
            }
            state.items.push(item);
            // Woken outside the lock, which the receiver takes first of all.
            state.receiver.take()
        };
        wake(receiver);
        Ok(())
    }

    /// Returns true if the receiver has closed or is gone.
    pub(crate) fn is_closed(&self) -> bool {
        !lock(&self.0).is_open
    }

    /// Gives up a place in the line of those who wait for room, if there is one.
    fn leave_line(&self, ticket: &mut Option<WaitTicket>) {
        if let Some(ticket) = ticket.take() {
            let left = lock(&self.0).line.leave(ticket);
            left.done();
        }
    }

    /// Counts one sender less. Without any the queue ends.
    pub(crate) fn end(&self) {
        let receiver = {
            let mut state = lock(&self.0);
            state.senders -= 1;
            if state.senders > 0 {
                return;
            }
            state.receiver.take()
        };
        wake(receiver);
    }
}

/// Puts items into the queue. When the last one is gone, the queue ends.
pub struct Sender<T>(Arc<QueueShared<T>>);

impl<T> Sender<T> {
    /// Puts an item into the queue, whatever its length: what bounds it is elsewhere.
    ///
    /// # Errors
    /// If the receiver has closed or is gone, with the item.
    pub fn send(&self, item: T) -> Result<(), T> {
        self.0.send(item)
    }

    /// Puts an item into the queue when less than `bound` are in it, in the order in which senders
    /// first waited. Dropping the future takes the item back.
    pub fn send_in_turn(&self, bound: usize, item: T) -> SendInTurn<'_, T> {
        SendInTurn {
            sender: self,
            bound,
            item: Some(item),
            ticket: None,
        }
    }

    /// Returns a place in the line of those who wait until less than `bound` are in the queue.
    pub fn reserve(&self, bound: usize) -> Reserve<T> {
        Reserve {
            sender: self.clone(),
            bound,
            ticket: None,
        }
    }

    /// Puts an item into the queue if [`send_in_turn`](Self::send_in_turn) wouldn't wait.
    ///
    /// # Errors
    /// If it would, or the receiver has closed or is gone.
    pub fn try_send(&self, bound: usize, item: T) -> Result<(), TrySendError> {
        let receiver = {
            let mut state = lock(&self.0.0);
            if !state.is_open {
                return Err(TrySendError::Closed);
            }
            // Without a ticket it isn't its turn while others wait: it must overtake nobody.
            if !state.has_room(bound, None) {
                return Err(TrySendError::Full);
            }
            state.items.push(item);
            state.receiver.take()
        };
        wake(receiver);
        Ok(())
    }

    /// Returns true if the receiver has closed or is gone.
    pub fn is_closed(&self) -> bool {
        self.0.is_closed()
    }

    /// Returns a sender that doesn't keep the queue from ending.
    pub fn downgrade(&self) -> WeakSender<T> {
        WeakSender(Arc::clone(&self.0))
    }

    /// Returns the shared state, for one more that sends. It [ends](QueueShared::end) that.
    pub(crate) fn share(&self) -> Arc<QueueShared<T>> {
        lock(&self.0.0).senders += 1;
        Arc::clone(&self.0)
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        Self(self.share())
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        self.0.end();
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sender")
    }
}

/// A [`Sender`], if there still is one.
pub struct WeakSender<T>(Arc<QueueShared<T>>);

impl<T> WeakSender<T> {
    /// Returns a sender, unless the last one is gone.
    pub fn upgrade(&self) -> Option<Sender<T>> {
        let mut state = lock(&self.0.0);
        // The receiver may have heard that the queue has ended, and that stays true.
        if state.senders == 0 {
            return None;
        }
        state.senders += 1;
        Some(Sender(Arc::clone(&self.0)))
    }
}

impl<T> Clone for WeakSender<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

/// [`Sender::try_send`] put no item into the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrySendError {
    /// As many as may be are in it, or others wait for room.
    Full,
    /// Its receiver has closed or is gone.
    Closed,
}

/// The queue took no item: its receiver has closed or is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueClosed;

/// The future of [`Sender::send_in_turn`].
#[must_use = "futures do nothing unless polled"]
pub struct SendInTurn<'a, T> {
    sender: &'a Sender<T>,
    bound: usize,
    item: Option<T>,
    ticket: Option<WaitTicket>,
}

impl<T> Unpin for SendInTurn<'_, T> {}

impl<T> Future for SendInTurn<'_, T> {
    type Output = Result<(), QueueClosed>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let mut state = lock(&this.sender.0.0);
        if !state.is_open {
            return Poll::Ready(Err(QueueClosed));
        }
        // In turn: a sender that finds room by chance would overtake those that were woken for it, and one of several busy
        // handles could wait for ever.
        if !state.has_room(this.bound, this.ticket) {
            let displaced = state.line.wait(&mut this.ticket, cx.waker());
            drop(state);
            drop(displaced);
            return Poll::Pending;
        }
        if let Some(item) = this.item.take() {
            state.items.push(item);
        }
        let receiver = state.receiver.take();
        drop(state);
        wake(receiver);
        // Wakes the next in line, for there may be room for more than one.
        this.sender.0.leave_line(&mut this.ticket);
        Poll::Ready(Ok(()))
    }
}

impl<T> Drop for SendInTurn<'_, T> {
    fn drop(&mut self) {
        self.sender.0.leave_line(&mut self.ticket);
    }
}

/// Takes items out of the queue. Dropping it closes the queue.
pub struct Receiver<T>(Arc<QueueShared<T>>);

impl<T> Receiver<T> {
    /// Returns the next item; none when the queue has ended.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let displaced = {
            let mut state = lock(&self.0.0);
            if let Some(item) = state.items.next() {
                // Only the first: all would find room for one, and wait again.
                let first = state.line.first();
                drop(state);
                wake(first);
                return Poll::Ready(Some(item));
            }
            if state.senders == 0 || !state.is_open {
                return Poll::Ready(None);
            }
            state.receiver.replace(cx.waker().clone())
        };
        drop(displaced);
        Poll::Pending
    }

    /// Ready when the last sender is gone; what they have sent is still there.
    pub fn poll_ended(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let displaced = {
            let mut state = lock(&self.0.0);
            if state.senders == 0 {
                return Poll::Ready(());
            }
            // In the place of the waker of `poll_next`: one task asks both.
            state.receiver.replace(cx.waker().clone())
        };
        drop(displaced);
        Poll::Pending
    }

    /// Returns true if nothing waits to be taken.
    pub fn is_empty(&self) -> bool {
        lock(&self.0.0).items.len() == 0
    }

    /// Returns the items that are in the queue now.
    pub fn drain(&mut self) -> QueueItems<T> {
        let (items, first) = {
            let mut state = lock(&self.0.0);
            // The first alone, though there is room for more: each that passes wakes the next.
            (state.items.take_all(), state.line.first())
        };
        twinwire::plant!("drain_wakes_nobody", return items);
        wake(first);
        items
    }

    /// Takes no more items from senders. Those that are in the queue stay there.
    pub fn shut(&mut self) {
        let waiting = {
            let mut state = lock(&self.0.0);
            state.is_open = false;
            state.line.take()
        };
        // They would wait for room that nobody makes any more.
        wake_all(waiting);
    }

    /// Takes no more items from senders, and gives those that are in the queue.
    pub fn close(&mut self) -> QueueItems<T> {
        self.shut();
        self.drain()
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        // Closed first: an item that goes may send here again, and nobody would take that.
        drop(self.close());
        let own = lock(&self.0.0).receiver.take();
        drop(own);
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Receiver")
    }
}

/// The items of the queue, in order: one list is filled while the other is emptied, which is
/// less code than a ring.
pub struct QueueItems<T> {
    /// The next ones, of which the first `taken` are gone.
    next: Vec<Option<T>>,
    taken: usize,
    /// The items after these.
    later: Vec<Option<T>>,
}

impl<T> QueueItems<T> {
    const fn new() -> Self {
        Self {
            next: Vec::new(),
            taken: 0,
            later: Vec::new(),
        }
    }

    fn len(&self) -> usize {
        self.next.len() - self.taken + self.later.len()
    }

    fn push(&mut self, item: T) {
        self.later.push(Some(item));
    }

    fn take_all(&mut self) -> Self {
        std::mem::replace(self, Self::new())
    }
}

impl<T> Iterator for QueueItems<T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        if self.taken == self.next.len() {
            self.next.clear();
            self.taken = 0;
            std::mem::swap(&mut self.next, &mut self.later);
        }
        let next = self.next.get_mut(self.taken)?;
        self.taken += 1;
        next.take()
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::Woken;
    use super::*;

    fn next<T>(receiver: &mut Receiver<T>, woken: &Woken) -> Poll<Option<T>> {
        woken.with(|cx| receiver.poll_next(cx))
    }

    #[test]
    fn items_come_in_order_and_wake_who_waits() {
        let (sender, mut receiver) = channel();
        let woken = Woken::default();
        assert!(next(&mut receiver, &woken).is_pending());
        assert_eq!(sender.send(1), Ok(()));
        assert_eq!(sender.clone().send(2), Ok(()));
        assert_eq!(woken.count(), 1);
        assert_eq!(next(&mut receiver, &woken), Poll::Ready(Some(1)));
        assert_eq!(next(&mut receiver, &woken), Poll::Ready(Some(2)));
        assert!(next(&mut receiver, &woken).is_pending());
    }

    #[test]
    fn a_queue_ends_after_its_last_sender_and_items() {
        let (sender, mut receiver) = channel();
        let (other, weak) = (sender.clone(), sender.downgrade());
        let woken = Woken::default();
        assert!(next(&mut receiver, &woken).is_pending());
        drop(sender);
        assert_eq!(woken.count(), 0);
        let upgraded = weak.upgrade().unwrap();
        drop(other);
        assert_eq!(upgraded.send(1), Ok(()));
        assert_eq!(woken.count(), 1);
        drop(upgraded);
        assert!(weak.upgrade().is_none());
        assert_eq!(next(&mut receiver, &woken), Poll::Ready(Some(1)));
        assert_eq!(next(&mut receiver, &woken), Poll::Ready(None));
    }

    #[test]
    fn the_last_sender_that_goes_wakes_who_waits() {
        let (sender, mut receiver) = channel::<u8>();
        let woken = Woken::default();
        assert!(next(&mut receiver, &woken).is_pending());
        drop(sender);
        assert_eq!(woken.count(), 1);
        assert_eq!(next(&mut receiver, &woken), Poll::Ready(None));
    }

    #[test]
    fn a_closed_queue_gives_what_it_holds_and_takes_no_more() {
        let (sender, mut receiver) = channel();
        sender.send(1).unwrap();
        let woken = Woken::default();
        let mut sending = sender.send_in_turn(1, 2);
        assert!(woken.poll(&mut sending).is_pending());
        assert!(!sender.is_closed());
        assert_eq!(receiver.close().collect::<Vec<_>>(), [1]);
        assert_eq!(woken.count(), 1);
        assert_eq!(woken.poll(&mut sending), Poll::Ready(Err(QueueClosed)));
        assert!(sender.is_closed());
        assert_eq!(sender.send(3), Err(3));
        assert_eq!(next(&mut receiver, &woken), Poll::Ready(None));
    }

    #[test]
    fn items_that_nobody_took_are_dropped_with_the_receiver() {
        let (sender, receiver) = channel();
        let item = Arc::new(());
        sender.send(Arc::clone(&item)).unwrap();
        drop(receiver);
        assert_eq!(Arc::strong_count(&item), 1);
        assert!(sender.send(Arc::clone(&item)).is_err());
    }

    #[test]
    fn senders_take_turns_when_there_is_room() {
        let (sender, mut receiver) = channel();
        let [a, b, own] = [Woken::default(), Woken::default(), Woken::default()];
        assert!(own.poll(&mut sender.send_in_turn(1, 0)).is_ready());
        let (mut first, mut second) = (sender.send_in_turn(1, 1), sender.send_in_turn(1, 2));
        assert!(a.poll(&mut first).is_pending());
        assert!(b.poll(&mut second).is_pending());
        assert_eq!(next(&mut receiver, &own), Poll::Ready(Some(0)));
        assert_eq!((a.count(), b.count()), (1, 0));
        let mut third = sender.send_in_turn(1, 3);
        assert!(own.poll(&mut third).is_pending(), "others were first");
        assert!(b.poll(&mut second).is_pending());
        assert!(a.poll(&mut first).is_ready());
        assert_eq!(next(&mut receiver, &own), Poll::Ready(Some(1)));
        assert!(b.poll(&mut second).is_ready());
        assert_eq!(next(&mut receiver, &own), Poll::Ready(Some(2)));
        assert!(own.poll(&mut third).is_ready());
    }

    #[test]
    fn who_would_not_wait_takes_no_place_from_those_who_do() {
        let (sender, mut receiver) = channel();
        let [waiting, own] = [Woken::default(), Woken::default()];
        assert!(next(&mut receiver, &own).is_pending());
        assert_eq!(sender.try_send(2, 0), Ok(()));
        assert_eq!(own.count(), 1);
        assert_eq!(sender.try_send(2, 1), Ok(()));
        assert_eq!(sender.try_send(2, 9), Err(TrySendError::Full));
        let mut sending = sender.send_in_turn(2, 2);
        assert!(waiting.poll(&mut sending).is_pending());
        assert_eq!(next(&mut receiver, &own), Poll::Ready(Some(0)));
        assert_eq!(
            sender.try_send(2, 9),
            Err(TrySendError::Full),
            "another was first"
        );
        assert!(waiting.poll(&mut sending).is_ready());
        assert_eq!(next(&mut receiver, &own), Poll::Ready(Some(1)));
        assert_eq!(sender.try_send(2, 3), Ok(()));
        assert_eq!(receiver.close().collect::<Vec<_>>(), [2, 3]);
        assert_eq!(sender.try_send(2, 9), Err(TrySendError::Closed));
    }

    #[test]
    fn a_sender_that_gives_up_lets_the_next_one_pass() {
        let (sender, mut receiver) = channel();
        let [a, b, own] = [Woken::default(), Woken::default(), Woken::default()];
        assert!(own.poll(&mut sender.send_in_turn(1, 0)).is_ready());
        let (mut first, mut second) = (sender.send_in_turn(1, 1), sender.send_in_turn(1, 2));
        assert!(a.poll(&mut first).is_pending());
        assert!(b.poll(&mut second).is_pending());
        assert_eq!(next(&mut receiver, &own), Poll::Ready(Some(0)));
        drop(first);
        assert_eq!(b.count(), 1);
        assert!(b.poll(&mut second).is_ready());
        assert_eq!(next(&mut receiver, &own), Poll::Ready(Some(2)));
    }

    #[test]
    fn what_is_drained_makes_room_for_who_waits() {
        let (sender, mut receiver) = channel();
        let [waiting, own] = [Woken::default(), Woken::default()];
        assert!(own.poll(&mut sender.send_in_turn(1, 0)).is_ready());
        let mut sending = sender.send_in_turn(1, 1);
        assert!(waiting.poll(&mut sending).is_pending());
        assert_eq!(receiver.drain().collect::<Vec<_>>(), [0]);
        assert_eq!(waiting.count(), 1);
        assert!(waiting.poll(&mut sending).is_ready());
    }
}
