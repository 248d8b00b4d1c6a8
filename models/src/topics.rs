//! Publishing, while others join, leave and wait.

use std::collections::HashMap;
use std::future::poll_fn;
use std::sync::Arc;

use shuttle::future::block_on;
use shuttle::thread;
use twinwire::PeerId;
use twinwire::frame::{Frame, Frames, Start};
use twinwire::log::{Encoding, ReadBudget, Retention};

use crate::check;
use crate::random::Random;
use crate::topic::{ActiveTopic, DirtyTopics, SubscriptionGuard, TopicName, TopicReader, Topics};

/// The number of items that are published.
const ITEMS: u64 = 3;

fn topics(most: usize) -> Topics {
    Topics::new(HashMap::new(), Retention::default(), most, Random)
}

fn name(room: u8) -> TopicName {
    ("room", vec![room])
}

fn publish(live: &ActiveTopic) {
    for item in 0..ITEMS {
        live.publish(vec![item as u8], None).expect("it is small");
    }
}

/// Joins, and hears all that follows; leaves after so many items.
fn hear(live: Arc<ActiveTopic>, most: u64) {
    let dirty = Arc::<DirtyTopics>::default();
    let encoding = Encoding::Canonical;
    let (guard, joined, head) =
        SubscriptionGuard::begin(TopicReader { live, encoding }, &dirty, Start::Now);
    let first = joined.position.offset;
    assert_eq!(first, head, "it starts now");
    let (mut next, mut heard) = (first, 0);
    while next.get() < ITEMS && heard < most {
        let heads = block_on(poll_fn(|cx| dirty.poll(cx)));
        let head = heads.get(&joined.alias).copied();
        let mut out = Vec::new();
        let room = ReadBudget {
            bytes: 4096,
            credit: 1 << 20,
        };
        let slice = guard.read(PeerId::from_bytes([1; 8]), next, room, &mut out);
        for frame in Frames::new(&out) {
            match frame {
                Ok(Frame::Publication(publication)) => {
                    assert_eq!(publication.offset.get(), first.get() + heard);
                    heard += 1;
                }
                other => panic!("{other:?}"),
            }
        }
        assert!(
            head.is_some_and(|head| slice.next >= head),
            "it is all there"
        );
        next = slice.next;
    }
    drop(guard);
}

/// Items that are published while one joins and stays, and another joins and leaves.
pub fn a_subscriber_hears_all_that_follows_its_join() {
    check(|| {
        let topics = topics(8);
        let live = topics.open(name(1)).expect("there is room");
        let stays = Arc::clone(&live);
        let leaves = Arc::clone(&live);
        let subscribers = [
            thread::spawn(move || hear(stays, ITEMS)),
            thread::spawn(move || hear(leaves, 1)),
        ];
        publish(&live);
        for subscriber in subscribers {
            subscriber.join().expect("it doesn't panic");
        }
    });
}

/// Two connections that open topics where there is room for one, and publish to them.
pub fn a_topic_in_use_is_not_evicted_by_another_that_opens() {
    check(|| {
        let topics = Arc::new(topics(1));
        let used = topics.open(name(1)).expect("there is room");
        let others = [2, 3].map(|room| {
            let topics = Arc::clone(&topics);
            thread::spawn(move || {
                // Refused, or in the place of the other's.
                if let Ok(live) = topics.open(name(room)) {
                    publish(&live);
                }
            })
        });
        let subscriber = thread::spawn({
            let used = Arc::clone(&used);
            move || hear(used, ITEMS)
        });
        publish(&topics.open(name(1)).expect("it is in use"));
        drop(used);
        for other in others.into_iter().chain([subscriber]) {
            other.join().expect("it doesn't panic");
        }
    });
}
