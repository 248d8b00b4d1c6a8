//! The channels between the application's handles and the shell: a queue ([`mpsc`]), an answer that
//! comes once ([`oneshot`]), and a value that is watched ([`watch`]).
//!
//! They are small, since every page carries them, once for each type that goes through. A lock is held
//! for moments: nothing is woken, and nothing of a user's dropped, meanwhile, for both may come back
//! here.

use std::sync::PoisonError;
use std::task::Waker;

use crate::sync::{Mutex, MutexGuard};

pub mod mpsc;
pub mod oneshot;
pub mod wait_list;
pub mod watch;

/// Nothing panics while it is held, so what a poisoned one guards is whole.
pub(crate) fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}

/// Wakes all who wait, each under a number.
fn wake_all(waiting: Vec<(u64, Waker)>) {
    for (_, waker) in waiting {
        waker.wake();
    }
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::{Context, Poll, Wake, Waker};

    use super::{mpsc, oneshot, watch};

    #[test]
    fn ends_print_which_they_are_and_not_what_goes_through() {
        let (sender, receiver) = mpsc::channel::<()>();
        assert_eq!(format!("{sender:?} {receiver:?}"), "Sender Receiver");
        let (sender, receiver) = oneshot::channel::<()>();
        assert_eq!(format!("{sender:?} {receiver:?}"), "Sender Receiver");
        let (sender, receiver) = watch::channel("value");
        assert_eq!(format!("{sender:?} {receiver:?}"), "Sender Receiver");
    }

    /// A task that counts how often it was woken.
    #[derive(Default)]
    pub(super) struct Woken(Arc<Count>);

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    impl Woken {
        pub(super) fn count(&self) -> usize {
            self.0.0.load(Ordering::Relaxed)
        }

        pub(super) fn with<R>(&self, poll: impl FnOnce(&mut Context<'_>) -> R) -> R {
            poll(&mut Context::from_waker(&Waker::from(Arc::clone(&self.0))))
        }

        pub(super) fn poll<F: Future + Unpin>(&self, future: &mut F) -> Poll<F::Output> {
            self.with(|cx| Pin::new(future).poll(cx))
        }
    }
}
