//! A value of which only the newest counts, and those who watch it.

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use super::{lock, wake_all};
use crate::sync::Mutex;

/// Makes the two ends, of which the second may be cloned.
pub fn channel<T: Clone>(value: T) -> (Sender<T>, Receiver<T>) {
    let shared = Arc::new(Mutex::new(WatchState {
        value,
        version: 1,
        over: false,
        issued: 0,
        waiting: Vec::new(),
    }));
    let receiver = Receiver::new(Arc::clone(&shared));
    (Sender(shared), receiver)
}

struct WatchState<T> {
    value: T,
    version: u64,
    /// The sender is gone.
    over: bool,
    issued: u64,
    /// Receivers that wait for a change: each once at most.
    waiting: Vec<(u64, Waker)>,
}

/// Sends the value; dropping it tells that there won't be another.
pub struct Sender<T>(Arc<Mutex<WatchState<T>>>);

impl<T> Sender<T> {
    /// Sets the value.
    pub fn send(&self, value: T) {
        let (earlier, waiting) = {
            let mut state = lock(&self.0);
            state.version += 1;
            let earlier = std::mem::replace(&mut state.value, value);
            (earlier, std::mem::take(&mut state.waiting))
        };
        drop(earlier);
        wake_all(waiting);
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        let waiting = {
            let mut state = lock(&self.0);
            state.over = true;
            std::mem::take(&mut state.waiting)
        };
        wake_all(waiting);
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sender")
    }
}

/// Watches the value. A new one, and a clone, has seen nothing of it yet.
pub struct Receiver<T> {
    shared: Arc<Mutex<WatchState<T>>>,
    id: u64,
    /// The version that was seen last.
    seen: u64,
}

impl<T> Receiver<T> {
    fn new(shared: Arc<Mutex<WatchState<T>>>) -> Self {
        let id = {
            let mut state = lock(&shared);
            state.issued += 1;
            state.issued
        };
        Self {
            shared,
            id,
            seen: 0,
        }
    }
}

impl<T: Clone> Receiver<T> {
    /// Returns the value now; that changes nothing of what was seen.
    pub fn get(&self) -> T {
        lock(&self.shared).value.clone()
    }

    /// Ready with the value when this one hasn't been seen, or with none when there won't be another.
    pub fn poll_changed(&mut self, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let displaced = {
            let mut state = lock(&self.shared);
            // Looked at first: the last value is seen also when its sender is gone.
            if state.version != self.seen {
                self.seen = state.version;
                return Poll::Ready(Some(state.value.clone()));
            }
            if state.over {
                return Poll::Ready(None);
            }
            // In its place, or who polls again and again would be in the list as often.
            let displaced = state.take(self.id);
            state.waiting.push((self.id, cx.waker().clone()));
            displaced
        };
        drop(displaced);
        Poll::Pending
    }
}

impl<T> WatchState<T> {
    fn take(&mut self, id: u64) -> Option<(u64, Waker)> {
        let place = self.waiting.iter().position(|(of, _)| *of == id)?;
        // Their order doesn't matter: a change wakes all of them.
        Some(self.waiting.swap_remove(place))
    }
}

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Self {
        Self::new(Arc::clone(&self.shared))
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        let own = lock(&self.shared).take(self.id);
        drop(own);
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
    fn a_watcher_sees_the_value_then_each_change_then_the_end() {
        let (sender, mut receiver) = channel('a');
        let woken = Woken::default();
        assert_eq!(
            woken.with(|cx| receiver.poll_changed(cx)),
            Poll::Ready(Some('a'))
        );
        assert!(woken.with(|cx| receiver.poll_changed(cx)).is_pending());
        sender.send('b');
        sender.send('c');
        assert_eq!(woken.count(), 1);
        assert_eq!(receiver.get(), 'c');
        assert_eq!(
            woken.with(|cx| receiver.poll_changed(cx)),
            Poll::Ready(Some('c'))
        );
        assert!(woken.with(|cx| receiver.poll_changed(cx)).is_pending());
        sender.send('d');
        drop(sender);
        assert_eq!(
            woken.with(|cx| receiver.poll_changed(cx)),
            Poll::Ready(Some('d'))
        );
        assert_eq!(
            woken.with(|cx| receiver.poll_changed(cx)),
            Poll::Ready(None)
        );
    }

    #[test]
    fn all_watchers_are_woken_and_those_that_went_are_forgotten() {
        let (sender, mut first) = channel('a');
        let (mut second, mut third) = (first.clone(), first.clone());
        let woken = [Woken::default(), Woken::default(), Woken::default()];
        for (receiver, woken) in [&mut first, &mut second, &mut third]
            .into_iter()
            .zip(&woken)
        {
            assert!(woken.with(|cx| receiver.poll_changed(cx)).is_ready());
            assert!(woken.with(|cx| receiver.poll_changed(cx)).is_pending());
            assert!(woken.with(|cx| receiver.poll_changed(cx)).is_pending());
        }
        drop(second);
        assert_eq!(lock(&sender.0).waiting.len(), 2);
        drop(sender);
        let counts = woken.each_ref().map(Woken::count);
        assert_eq!(counts, [1, 0, 1]);
    }
}
