//! The channels between handles and shells.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use shuttle::future::block_on;
use shuttle::thread;

use crate::channels::mpsc::{self, Receiver, Sender};
use crate::channels::oneshot::{self, Gone};
use crate::channels::watch;
use crate::check;

/// Takes at most so many items; gives their number.
fn take(receiver: &mut Receiver<u32>, most: usize) -> usize {
    let mut taken = 0;
    while taken < most && block_on(poll_fn(|cx| receiver.poll_next(cx))).is_some() {
        taken += 1;
    }
    taken
}

/// Runs two senders beside a receiver that closes early, and takes by `rest` what is left. Nobody waits for ever, and
/// what was sent is there.
fn race(
    send: impl Fn(&Sender<u32>) -> bool + Clone + Send + Sync + 'static,
    rest: fn(&mut Receiver<u32>) -> usize,
) {
    check(move || {
        let (sender, mut receiver) = mpsc::channel();
        let sent = Arc::new(AtomicUsize::new(0));
        let senders = [sender.clone(), sender].map(|sender| {
            let (sent, send) = (Arc::clone(&sent), send.clone());
            thread::spawn(move || {
                for _ in 0..3 {
                    if !send(&sender) {
                        break;
                    }
                    sent.fetch_add(1, Ordering::Relaxed);
                }
            })
        });
        let taken = take(&mut receiver, 2) + rest(&mut receiver);
        for sender in senders {
            sender.join().expect("it doesn't panic");
        }
        assert_eq!(
            taken,
            sent.load(Ordering::Relaxed),
            "what was sent is there"
        );
    });
}

/// Senders that wait for room by hand, beside a receiver that closes.
pub fn who_waits_for_room_by_hand_is_woken_by_room_and_by_the_close() {
    let send = |sender: &Sender<u32>| {
        let mut place = sender.reserve(1);
        block_on(poll_fn(|cx| place.poll_ready(cx)));
        sender.send(7).is_ok()
    };
    race(send, |receiver| {
        receiver.shut();
        take(receiver, usize::MAX)
    });
}

/// Senders that wait in line, beside a receiver that closes.
pub fn who_waits_in_line_is_woken_by_room_and_by_the_close() {
    let send = |sender: &Sender<u32>| block_on(sender.send_in_turn(1, 7)).is_ok();
    race(send, |receiver| receiver.close().count());
}

/// An answer that comes, or whose maker goes, while somebody begins to wait for it.
pub fn an_answer_or_its_end_wakes_who_waits() {
    check(|| {
        let ((sender, answer), (gone, end)) =
            (oneshot::channel::<u32>(), oneshot::channel::<u32>());
        let maker = thread::spawn(move || {
            assert_eq!(sender.send(7), Ok(()));
            drop(gone);
        });
        assert_eq!(block_on(answer), Ok(7));
        assert_eq!(block_on(end), Err(Gone));
        maker.join().expect("it doesn't panic");
    });
}

/// Two watchers of a value that changes twice, and then no more.
pub fn each_watcher_sees_the_newest_value_then_the_end() {
    check(|| {
        let (sender, watcher) = watch::channel(0);
        let watchers = [watcher.clone(), watcher].map(|mut watcher| {
            thread::spawn(move || {
                let mut seen = 0;
                while let Some(value) = block_on(poll_fn(|cx| watcher.poll_changed(cx))) {
                    assert!(value >= seen, "{value} after {seen}");
                    seen = value;
                }
                assert_eq!(seen, 2);
            })
        });
        sender.send(1);
        sender.send(2);
        drop(sender);
        for watcher in watchers {
            watcher.join().expect("it doesn't panic");
        }
    });
}
