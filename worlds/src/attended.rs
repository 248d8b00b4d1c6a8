//! Tasks that can be woken by force: one that has something to do then was forgotten by whoever had to wake it.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::task::Waker;

use tokio::task::{JoinHandle, spawn_local};

#[derive(Default)]
struct Tasks {
    next: u64,
    wakers: BTreeMap<u64, Waker>,
}

thread_local! {
    /// The tasks of this thread's world.
    static TASKS: RefCell<Tasks> = RefCell::default();
}

/// A task's place among the others, until it is dropped.
struct Place(u64);

impl Place {
    /// Notes the waker of a task that is polled.
    fn insert(&self, waker: Waker) {
        TASKS.with_borrow_mut(|tasks| tasks.wakers.insert(self.0, waker));
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        TASKS.with_borrow_mut(|tasks| tasks.wakers.remove(&self.0));
    }
}

/// Makes a task that [`wake_all`] wakes, too.
pub(crate) fn attend(task: impl Future<Output = ()> + 'static) -> impl Future<Output = ()> {
    let place = TASKS.with_borrow_mut(|tasks| {
        tasks.next += 1;
        Place(tasks.next)
    });
    let mut task = Box::pin(task);
    poll_fn(move |cx| {
        // By a method: a closure that reads the number has a copy of that, and the place is dropped at once.
        place.insert(cx.waker().clone());
        task.as_mut().poll(cx)
    })
}

/// Starts such a task beside the one that runs.
pub(crate) fn spawn(task: impl Future<Output = ()> + 'static) -> JoinHandle<()> {
    spawn_local(attend(task))
}

/// Forgets the tasks of a world that ended in a panic.
pub(crate) fn forget_all() {
    let wakers = TASKS.with_borrow_mut(|tasks| std::mem::take(&mut tasks.wakers));
    drop(wakers);
}

/// Returns the number of tasks that have been polled and aren't dropped.
pub(crate) fn count() -> usize {
    TASKS.with_borrow(|tasks| tasks.wakers.len())
}

/// Wakes all of them.
pub(crate) fn wake_all() {
    let wakers: Vec<_> = TASKS.with_borrow(|tasks| tasks.wakers.values().cloned().collect());
    wakers.into_iter().for_each(Waker::wake);
}

#[cfg(test)]
mod tests {
    use std::future::pending;
    use std::pin::pin;
    use std::task::Context;

    use super::*;

    #[test]
    fn who_is_gone_is_woken_no_more() {
        let awaited = || TASKS.with_borrow(|tasks| tasks.wakers.len());
        let cx = &mut Context::from_waker(Waker::noop());
        {
            let mut task = pin!(attend(pending()));
            assert!(task.as_mut().poll(cx).is_pending());
            assert_eq!(awaited(), 1);
        }
        assert_eq!(awaited(), 0);
    }
}
