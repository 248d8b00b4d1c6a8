//! Waiting for room by hand.

use std::fmt;
use std::task::{Context, Poll};

use super::Sender;
use crate::channels::lock;
use crate::channels::wait_list::WaitTicket;

/// A place in the line of those who wait for room, for who waits by hand.
pub struct Reserve<T> {
    pub(super) sender: Sender<T>,
    pub(super) bound: usize,
    pub(super) ticket: Option<WaitTicket>,
}

impl<T> Reserve<T> {
    /// Ready when less than `bound` are in the queue, in the order in which senders first waited; or its receiver has
    /// closed or is gone.
    pub fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = lock(&self.sender.0.0);
        // A queue that takes nothing more needs no waiting: whoever sends then hears of it.
        if state.is_open && !state.has_room(self.bound, self.ticket) {
            let displaced = state.line.wait(&mut self.ticket, cx.waker());
            drop(state);
            drop(displaced);
            return Poll::Pending;
        }
        drop(state);
        // The place is given up before the item is sent: the next in line looks for room of its
        // own.
        self.sender.0.leave_line(&mut self.ticket);
        Poll::Ready(())
    }
}

impl<T> Drop for Reserve<T> {
    fn drop(&mut self) {
        self.sender.0.leave_line(&mut self.ticket);
    }
}

impl<T> fmt::Debug for Reserve<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reserve")
    }
}

#[cfg(test)]
mod tests {
    use super::super::channel;
    use crate::channels::tests::Woken;

    #[test]
    fn who_gives_its_place_up_lets_the_next_one_pass() {
        let (sender, mut receiver) = channel();
        let [first, second, own] = [Woken::default(), Woken::default(), Woken::default()];
        sender.send(0).unwrap();
        let (mut gone, mut next) = (sender.reserve(1), sender.reserve(1));
        assert!(first.with(|cx| gone.poll_ready(cx)).is_pending());
        assert!(second.with(|cx| next.poll_ready(cx)).is_pending());
        assert!(own.with(|cx| receiver.poll_next(cx)).is_ready());
        drop(gone);
        assert_eq!(second.count(), 1);
        assert!(second.with(|cx| next.poll_ready(cx)).is_ready());
    }
}
