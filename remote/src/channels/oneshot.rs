//! One value, from one end to the other.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use super::lock;
use crate::sync::Mutex;

/// Makes the two ends.
pub fn channel<T>() -> (Sender<T>, Receiver<T>) {
    let (shared, receiver) = shared();
    (Sender(shared), receiver)
}

/// Makes what both ends share, and the second one. Who has the first [ends](OnceShared::end) it.
pub(crate) fn shared<T>() -> (Arc<OnceShared<T>>, Receiver<T>) {
    let shared = Arc::new(OnceShared(Mutex::new(OnceState {
        value: None,
        sender: Some(None),
        receiver: Some(None),
    })));
    (Arc::clone(&shared), Receiver(shared))
}

/// The state that both ends share.
pub(crate) struct OnceShared<T>(Mutex<OnceState<T>>);

struct OnceState<T> {
    value: Option<T>,
    /// None once the end is gone; else, who waits there for the other end to go.
    sender: Option<Option<Waker>>,
    /// None once the end is gone; else, who waits there for the value.
    receiver: Option<Option<Waker>>,
}

impl<T> OnceShared<T> {
    /// Gives the value, which the receiver gets once this end is gone.
    pub(crate) fn send(&self, value: T) -> Result<(), T> {
        let mut state = lock(&self.0);
        // Given back: here nobody would ever take it.
        if state.receiver.is_none() {
            return Err(value);
        }
        state.value = Some(value);
        Ok(())
    }

    /// Returns true if the receiver is gone.
    pub(crate) fn is_closed(&self) -> bool {
        lock(&self.0).receiver.is_none()
    }

    /// Ends the sender's end, and wakes the receiver.
    pub(crate) fn end(&self) {
        let (own, waiting) = {
            let mut state = lock(&self.0);
            // Taken, not cloned: the receiver is woken once, and its waker isn't kept beyond that.
            let waiting = state.receiver.as_mut().and_then(Option::take);
            (state.sender.take(), waiting)
        };
        drop(own);
        if let Some(waiting) = waiting {
            waiting.wake();
        }
    }
}

/// Gives the value; dropping it unused tells that none comes.
pub struct Sender<T>(Arc<OnceShared<T>>);

impl<T> Sender<T> {
    /// Gives the value.
    ///
    /// # Errors
    /// If the receiver is gone, with the value.
    pub fn send(self, value: T) -> Result<(), T> {
        // What wakes the receiver is that this end is dropped now.
        self.0.send(value)
    }

    /// Returns true if the receiver is gone.
    pub fn is_closed(&self) -> bool {
        self.0.is_closed()
    }

    /// Ready when the receiver is gone.
    pub fn poll_closed(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let displaced = {
            let mut state = lock(&self.0.0);
            if state.receiver.is_none() {
                return Poll::Ready(());
            }
            state.sender.replace(Some(cx.waker().clone()))
        };
        drop(displaced);
        Poll::Pending
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

/// The sender went without giving the value, or it was taken before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gone;

/// The future of the value; dropping it tells the sender that nobody waits.
#[must_use = "futures do nothing unless polled"]
pub struct Receiver<T>(Arc<OnceShared<T>>);

impl<T> Future for Receiver<T> {
    type Output = Result<T, Gone>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let displaced = {
            let mut state = lock(&self.0.0);
            // Looked at first: a sender gives the value, and then goes.
            if let Some(value) = state.value.take() {
                return Poll::Ready(Ok(value));
            }
            if state.sender.is_none() {
                return Poll::Ready(Err(Gone));
            }
            state.receiver.replace(Some(cx.waker().clone()))
        };
        drop(displaced);
        Poll::Pending
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        let (value, own, waiting) = {
            let mut state = lock(&self.0.0);
            let waiting = state.sender.as_mut().and_then(Option::take);
            (state.value.take(), state.receiver.take(), waiting)
        };
        drop((value, own));
        if let Some(waiting) = waiting {
            waiting.wake();
        }
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Receiver")
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::Woken;
    use super::*;

    #[test]
    fn a_value_comes_and_wakes_who_waits() {
        let (sender, mut receiver) = channel();
        let woken = Woken::default();
        assert!(woken.poll(&mut receiver).is_pending());
        assert_eq!(sender.send(7), Ok(()));
        assert_eq!(woken.count(), 1);
        assert_eq!(woken.poll(&mut receiver), Poll::Ready(Ok(7)));
        assert_eq!(woken.poll(&mut receiver), Poll::Ready(Err(Gone)));
    }

    #[test]
    fn a_sender_that_goes_is_told_of() {
        let (sender, mut receiver) = channel::<u8>();
        let woken = Woken::default();
        assert!(woken.poll(&mut receiver).is_pending());
        drop(sender);
        assert_eq!(woken.count(), 1);
        assert_eq!(woken.poll(&mut receiver), Poll::Ready(Err(Gone)));
    }

    #[test]
    fn a_receiver_that_goes_is_told_of_and_gives_the_value_back() {
        let (mut sender, receiver) = channel();
        let woken = Woken::default();
        assert!(woken.with(|cx| sender.poll_closed(cx)).is_pending());
        assert!(!sender.is_closed());
        drop(receiver);
        assert_eq!(woken.count(), 1);
        assert!(woken.with(|cx| sender.poll_closed(cx)).is_ready());
        assert!(sender.is_closed());
        assert_eq!(sender.send(7), Err(7));
    }

    #[test]
    fn a_value_that_nobody_took_is_dropped_with_the_receiver() {
        let (sender, receiver) = channel();
        let value = Arc::new(());
        sender.send(Arc::clone(&value)).unwrap();
        drop(receiver);
        assert_eq!(Arc::strong_count(&value), 1);
    }
}
