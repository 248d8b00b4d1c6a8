//! Random joining, leaving, publishing and dawdling on one topic, against a plain oracle.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use super::pair::{Pair, ROOM};
use super::soak::{Dice, Network};
use crate::frame::{Start, encode_offset};
use crate::limits::{MAX_MESSAGE, MAX_PART};
use crate::log::{Log, Retention};
use crate::session::side::AnyEvent;
use crate::session::{ClientEvent, Event, Outcome, RequestKey, TopicRequest};
use crate::{Alias, Answer, Epoch, Limits, Offset, Position};

const STEPS: u32 = 500;
const EPOCH: Epoch = Epoch::from_bytes([9; 8]);

/// The knowledge of the client's application.
#[derive(Default)]
struct Reader {
    subscription: Option<RequestKey>,
    /// Its place, once it has joined.
    next: Option<Offset>,
    /// Updates that it hasn't taken.
    waiting: u64,
    seen: usize,
    heard: u64,
    gone: u64,
}

struct World {
    pair: Pair,
    reader: Reader,
    dice: Dice,
    /// The items that were published, in order.
    published: Vec<Vec<u8>>,
    requests_seen: usize,
}

impl World {
    fn new(seed: u64) -> Self {
        let limits = Limits::default().requests(0).subscription_window(0);
        let mut pair = Pair::open(&limits);
        let retention = Retention::default().entries(40).bytes(100_000);
        pair.server
            .logs
            .push(Log::new(Alias::new(7), EPOCH, retention));
        Self {
            pair,
            reader: Reader::default(),
            dice: Dice(seed),
            published: Vec::new(),
            requests_seen: 0,
        }
    }

    fn item(&mut self) -> Vec<u8> {
        let byte = self.published.len() as u8;
        vec![byte; self.dice.length().min(MAX_PART)]
    }

    fn publish(&mut self, item: Vec<u8>) -> Offset {
        let log = &mut self.pair.server.logs[0];
        let offset = log.append(item.clone(), None).expect("it fits a frame");
        self.published.push(item);
        assert_eq!(offset.get(), self.published.len() as u64);
        self.pair
            .server
            .session
            .log_advanced(log.alias(), log.next());
        offset
    }

    fn act(&mut self) {
        let now = self.pair.now;
        match self.dice.roll(12) {
            0..3 => {
                let item = self.item();
                self.publish(item);
            }
            3 => {
                let item = self.item();
                let client = &mut self.pair.client.session;
                if client.has_room(item.len() + 32) {
                    client
                        .publish(now, ROOM, b"", &item)
                        .expect("there is room");
                }
            }
            4 => self.join(),
            5 if self.dice.roll(3) == 0 => self.leave(),
            6..8 => self.consume(),
            8 => self.pair.client.room = [0, MAX_MESSAGE][self.dice.roll(2) as usize],
            9 => self.pair.server.room = [0, MAX_MESSAGE][self.dice.roll(2) as usize],
            _ => {}
        }
    }

    fn join(&mut self) {
        if self.reader.subscription.is_some() {
            return;
        }
        let start = match (self.dice.roll(3), self.reader.next.take()) {
            (0, _) => Start::Now,
            (1, Some(offset)) => Start::At(Position {
                epoch: EPOCH,
                offset,
            }),
            _ => Start::Last(self.dice.roll(50) as u32),
        };
        let client = &mut self.pair.client.session;
        if client.has_room(64) {
            let joining = client.subscribe(self.pair.now, ROOM, b"", start);
            self.reader.subscription = Some(joining.expect("there is room"));
            self.reader.waiting = 0;
        }
    }

    fn leave(&mut self) {
        if let Some(subscription) = self.reader.subscription.take() {
            self.pair
                .client
                .session
                .unsubscribe(self.pair.now, subscription);
        }
    }

    fn consume(&mut self) {
        if let Some(subscription) = self.reader.subscription {
            for _ in 0..std::mem::take(&mut self.reader.waiting) {
                self.pair
                    .client
                    .session
                    .consumed(self.pair.now, subscription);
            }
        }
    }

    /// The server's application answers what has started.
    fn serve(&mut self) {
        let events = self.pair.server.events[self.requests_seen..].to_vec();
        self.requests_seen += events.len();
        for event in events {
            let AnyEvent::Both(Event::Request(request)) = event else {
                continue;
            };
            match request.topic.expect("nothing else is asked for") {
                TopicRequest::Join { start } => {
                    let log = &self.pair.server.logs[0];
                    let (joined, head) = (log.join(start), log.next());
                    let server = &mut self.pair.server.session;
                    server.joined(self.pair.now, request.number, joined, head);
                }
                TopicRequest::Publish { .. } => {
                    let offset = encode_offset(self.publish(request.payload));
                    let answer = Answer::Value(offset);
                    let server = &mut self.pair.server.session;
                    server.answer(self.pair.now, request.number, answer);
                }
                TopicRequest::Invite => panic!("only a server invites"),
            }
        }
    }

    /// Checks what the client heard since the last time.
    fn hear(&mut self) {
        for event in &self.pair.client.events[self.reader.seen..] {
            let reader = &mut self.reader;
            match event {
                AnyEvent::Client(ClientEvent::Joined {
                    subscription,
                    joined,
                }) => {
                    assert_eq!(reader.subscription, Some(*subscription));
                    reader.next = Some(joined.position.offset);
                }
                AnyEvent::Client(ClientEvent::Publication {
                    subscription,
                    offset,
                    payload,
                }) => {
                    assert_eq!(reader.subscription, Some(*subscription));
                    assert_eq!(reader.next, Some(*offset), "lost, doubled or moved");
                    let place = offset.get() as usize - 1;
                    assert!(self.published[place] == *payload, "another's");
                    reader.next = Some(offset.following());
                    reader.waiting += 1;
                    reader.heard += 1;
                }
                AnyEvent::Client(ClientEvent::Skipped {
                    subscription,
                    skipped,
                }) => {
                    assert_eq!(reader.subscription, Some(*subscription));
                    assert_eq!(reader.next, Some(skipped.from));
                    reader.next = Some(skipped.to);
                    reader.waiting += 1;
                    reader.gone += skipped.to.get() - skipped.from.get();
                }
                AnyEvent::Both(Event::Outcome { outcome, .. }) => {
                    let is_value = matches!(outcome, Outcome::Answered(Answer::Value(_)));
                    assert!(is_value, "{outcome:?} {:?}", self.pair.client.end());
                }
                AnyEvent::Client(ClientEvent::Welcome(_))
                | AnyEvent::Both(Event::Pong { .. })
                | AnyEvent::Both(Event::Detached { .. }) => {}
                other => panic!("{other:?}"),
            }
        }
        self.reader.seen = self.pair.client.events.len();
    }
}

/// Returns the number of items that were heard, and of those told as gone.
fn run(seed: u64, breaks: bool) -> (u64, u64) {
    let mut world = World::new(seed);
    let mut network = Network::new(breaks);
    for step in 0..STEPS + 500 {
        let now = world.pair.now;
        if step < STEPS {
            world.act();
        } else {
            (world.pair.client.room, world.pair.server.room) = (MAX_MESSAGE, MAX_MESSAGE);
            world.join();
            world.consume();
        }
        world.pair.client.poll(now);
        world.pair.server.poll(now);
        world.serve();
        world.hear();
        network.step(&mut world.pair, &mut world.dice);
        network.breaks &= step < STEPS || network.is_cut();
    }
    let end = world.pair.server.logs[0].next();
    assert_eq!(world.reader.next, Some(end), "seed {seed}: all is heard");
    (world.reader.heard, world.reader.gone)
}

#[test]
fn random_readers_hear_each_publication_once_in_order_or_that_it_is_gone() {
    for (breaks, least) in [(false, (2_000, 100)), (true, (1_500, 0))] {
        let (mut heard, mut gone) = (0, 0);
        for seed in 0..60 {
            let told = run(seed, breaks);
            heard += told.0;
            gone += told.1;
        }
        assert!(
            heard > least.0 && gone > least.1,
            "{heard} heard, {gone} gone"
        );
    }
}
