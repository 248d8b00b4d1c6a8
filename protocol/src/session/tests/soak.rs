//! Random traffic between two sessions, both ways, against a plain oracle.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::pair::{ASK, GREET, Pair, Shell, TYPING, TestSide};
use crate::limits::MAX_MESSAGE;
use crate::session::side::AnyEvent;
use crate::session::{ClientEvent, Event, Input, ItemRefused, Outcome, RequestKey, ServerEvent};
use crate::{Answer, Class, Limits, SeqNo, Time};

const STEPS: u32 = 400;

/// SplitMix64 (Steele, Lea and Flood, 2014).
pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % sides
    }

    /// Mostly small, now and then of several parts.
    pub(super) fn length(&mut self) -> usize {
        let most = if self.roll(20) == 0 { 200_000 } else { 600 };
        8 + self.roll(most) as usize
    }
}

/// An application's work on a request of the other side: items, then the answer.
struct Work {
    class: Class,
    items: u64,
    given: u64,
}

/// A side's application, and what it knows.
#[derive(Default)]
struct App {
    /// Made so far; the number is in the payload.
    made: u64,
    /// The last that was handed over here.
    heard: Option<u64>,
    pending: BTreeMap<RequestKey, (u64, Class)>,
    cancelled: Vec<RequestKey>,
    /// Items of streams: the next that is due, and how many wait to be consumed.
    streams: BTreeMap<RequestKey, (u64, u64)>,
    work: BTreeMap<SeqNo, Work>,
    seen_events: usize,
    settled: u64,
}

fn stamp(number: u64, length: usize) -> Vec<u8> {
    let mut payload = vec![number as u8; length.max(8)];
    payload[..8].copy_from_slice(&number.to_le_bytes());
    payload
}

fn read(payload: &[u8]) -> u64 {
    let (stamp, rest) = payload.split_first_chunk().expect("stamped");
    let number = u64::from_le_bytes(*stamp);
    assert!(rest.iter().all(|byte| *byte == number as u8), "torn");
    number
}

impl App {
    fn act(&mut self, side: &mut TestSide<impl Shell>, now: Time, dice: &mut Dice, may_ask: bool) {
        match dice.roll(8) {
            0..3 if may_ask => self.ask(side, now, dice),
            3 => self.consume(side, now),
            4 if may_ask && dice.roll(4) == 0 => self.cancel(side, now, dice),
            5 => side.room = if dice.roll(3) == 0 { 0 } else { MAX_MESSAGE },
            _ => self.work(side, now, dice),
        }
    }

    fn ask(&mut self, side: &mut TestSide<impl Shell>, now: Time, dice: &mut Dice) {
        let (kind, class) = [
            (GREET, Class::Call),
            (ASK, Class::Stream),
            (TYPING, Class::Event),
        ][dice.roll(3) as usize];
        let payload = stamp(self.made, dice.length());
        if !side.session.has_room(payload.len()) {
            return;
        }
        let key = side.request(now, kind, &payload);
        self.pending.insert(key, (self.made, class));
        self.made += 1;
    }

    fn cancel(&mut self, side: &mut TestSide<impl Shell>, now: Time, dice: &mut Dice) {
        let calls = self
            .pending
            .iter()
            .filter(|(_, (_, class))| *class != Class::Event);
        let calls: Vec<RequestKey> = calls.map(|(key, _)| *key).collect();
        if !calls.is_empty() {
            let key = calls[dice.roll(calls.len() as u64) as usize];
            side.session.cancel(now, key);
            self.pending.remove(&key);
            self.streams.remove(&key);
            self.cancelled.push(key);
        }
    }

    fn consume(&mut self, side: &mut TestSide<impl Shell>, now: Time) {
        for (key, (_, waiting)) in &mut self.streams {
            for _ in 0..std::mem::take(waiting) {
                side.session.consumed(now, *key);
            }
        }
    }

    fn work(&mut self, side: &mut TestSide<impl Shell>, now: Time, dice: &mut Dice) {
        let Some((number, work)) = self.work.iter_mut().next() else {
            return;
        };
        let number = *number;
        if work.class == Class::Event {
            side.session.done(now, number);
        } else if work.given < work.items {
            let item = stamp(work.given, dice.length());
            match side.session.item(now, number, item) {
                Ok(()) => work.given += 1,
                // Over: it was cancelled, and the next poll will say so.
                Err((ItemRefused::Full | ItemRefused::Over, _)) => {}
                Err((refused, _)) => panic!("{refused}"),
            }
            return;
        } else {
            let answer = Answer::Value(stamp(work.given, dice.length()));
            side.session.answer(now, number, answer);
        }
        self.work.remove(&number);
    }

    /// Checks what the session said since the last time.
    fn hear(&mut self, side: &TestSide<impl Shell>, dice: &mut Dice) {
        for event in &side.events[self.seen_events..] {
            match event {
                AnyEvent::Server(ServerEvent::Hello { .. })
                | AnyEvent::Client(ClientEvent::Joined { .. })
                | AnyEvent::Client(ClientEvent::Publication { .. })
                | AnyEvent::Client(ClientEvent::Skipped { .. })
                | AnyEvent::Server(ServerEvent::Left { .. } | ServerEvent::ReadLog(_))
                | AnyEvent::Client(ClientEvent::Removed { .. })
                | AnyEvent::Client(ClientEvent::NeedOutlines { .. })
                | AnyEvent::Both(Event::Outline { .. })
                | AnyEvent::Client(ClientEvent::Welcome(_))
                | AnyEvent::Both(Event::Detached { .. })
                | AnyEvent::Client(ClientEvent::SessionReplaced { .. })
                | AnyEvent::Client(ClientEvent::Leftover { .. })
                | AnyEvent::Both(Event::Pong { .. })
                | AnyEvent::Both(Event::StreamWritable { .. }) => {}
                AnyEvent::Both(Event::Request(request)) => {
                    let made = read(&request.payload);
                    assert!(self.heard.is_none_or(|heard| made > heard), "in order");
                    let blocked = self.work.values().any(|work| work.class == Class::Event);
                    assert!(!blocked, "an event's handler ends before the next");
                    self.heard = Some(made);
                    let items = match request.class {
                        Class::Stream => dice.roll(30),
                        _ => 0,
                    };
                    let work = Work {
                        class: request.class,
                        items,
                        given: 0,
                    };
                    self.work.insert(request.number, work);
                }
                AnyEvent::Both(Event::Dropped { request, .. }) => {
                    // It may have ended meanwhile.
                    self.work.remove(request);
                }
                AnyEvent::Both(Event::Item { call, payload }) => {
                    assert!(!self.cancelled.contains(call));
                    let (due, waiting) = self.streams.entry(*call).or_default();
                    assert_eq!(read(payload), *due, "an item lost, doubled or moved");
                    *due += 1;
                    *waiting += 1;
                }
                AnyEvent::Both(Event::Outcome { request, outcome }) => {
                    self.settle(*request, outcome)
                }
                AnyEvent::Both(Event::Ended(end)) => panic!("{end}"),
            }
        }
        self.seen_events = side.events.len();
    }

    fn settle(&mut self, request: RequestKey, outcome: &Outcome) {
        let (_, class) = self.pending.remove(&request).expect("one outcome each");
        let (items, _) = self.streams.remove(&request).unwrap_or_default();
        match (class, outcome) {
            (Class::Event, Outcome::Accepted) => {}
            (Class::Stream, Outcome::Answered(Answer::Value(given))) => {
                assert_eq!(read(given), items, "all items come before the end");
            }
            (Class::Call, Outcome::Answered(Answer::Value(_))) => {}
            (Class::Stream, Outcome::Answered(Answer::Refused(refused))) => {
                assert_eq!(refused.why, crate::Refusal::Busy);
            }
            other => panic!("{other:?}"),
        }
        self.settled += 1;
    }
}

/// A link that delays, and keeps the order.
#[derive(Default)]
pub(super) struct Line(VecDeque<(Time, Vec<u8>)>);

impl Line {
    pub(super) fn take_up(&mut self, from: &mut TestSide<impl Shell>, now: Time, dice: &mut Dice) {
        for message in from.sent.drain(..) {
            assert!(message.len() <= MAX_MESSAGE);
            let due = now + Duration::from_millis(dice.roll(50));
            let due = self.0.back().map_or(due, |(last, _)| due.max(*last));
            self.0.push_back((due, message));
        }
    }

    pub(super) fn deliver(&mut self, to: &mut TestSide<impl Shell>, now: Time) {
        while let Some((_, message)) = self.0.pop_front_if(|(due, _)| *due <= now) {
            to.session.handle(now, Input::Message(&message));
        }
    }
}

/// Two lines, which may break, and what becomes of a session then.
#[derive(Default)]
pub(super) struct Network {
    up: Line,
    down: Line,
    /// True if connections break.
    pub(super) breaks: bool,
    /// Nothing that is sent arrives any more.
    is_cut: bool,
    client_notices: Option<Time>,
    server_notices: Option<Time>,
    comes_back: Option<Time>,
    pub(super) resumed: u64,
}

impl Network {
    pub(super) fn new(breaks: bool) -> Self {
        Self {
            breaks,
            ..Self::default()
        }
    }

    pub(super) fn step(&mut self, pair: &mut Pair, dice: &mut Dice) {
        if self.is_cut {
            pair.client.sent.clear();
            pair.server.sent.clear();
        }
        self.up.take_up(&mut pair.client, pair.now, dice);
        self.down.take_up(&mut pair.server, pair.now, dice);
        pair.now = pair.now + Duration::from_millis(5);
        if pair.client.wake.is_some_and(|wake| wake <= pair.now) {
            pair.client.session.handle(pair.now, Input::Tick);
        }
        if pair.server.wake.is_some_and(|wake| wake <= pair.now) {
            pair.server.session.handle(pair.now, Input::Tick);
        }
        self.down.deliver(&mut pair.client, pair.now);
        self.up.deliver(&mut pair.server, pair.now);
        if self.breaks {
            self.weather(pair, dice);
        }
    }

    pub(super) fn is_cut(&self) -> bool {
        self.is_cut
    }

    fn weather(&mut self, pair: &mut Pair, dice: &mut Dice) {
        let now = pair.now;
        let soon = |dice: &mut Dice| Some(now + Duration::from_millis(dice.roll(300)));
        let due = |at: &mut Option<Time>| at.take_if(|at| *at <= now).is_some();
        if !self.is_cut && dice.roll(25) == 0 {
            // What is under way is lost, and one end may notice long before the other.
            (self.up, self.down) = (Line::default(), Line::default());
            self.is_cut = true;
            self.client_notices = soon(dice);
            self.server_notices = soon(dice);
        }
        if due(&mut self.server_notices) {
            pair.server.session.handle(now, Input::Lost);
        }
        if due(&mut self.client_notices) {
            pair.client.session.handle(now, Input::Lost);
            pair.client.poll(now);
            self.comes_back = soon(dice);
        }
        if due(&mut self.comes_back) {
            pair.client.sent.clear();
            pair.client.room = MAX_MESSAGE;
            if dice.roll(4) == 0 {
                // The hello is lost on its way.
                pair.wanted();
                self.client_notices = soon(dice);
                return;
            }
            pair.resume();
            pair.server.sent.clear();
            (self.is_cut, self.server_notices) = (false, None);
            self.resumed += 1;
        }
    }
}

/// Returns the number of requests that were settled, and of resumes.
fn run(seed: u64, breaks: bool) -> (u64, u64) {
    let mut dice = Dice(seed);
    let limits = Limits::default()
        .requests(0)
        .calls(4)
        .streams(2)
        .call_deadline(Duration::from_secs(1_000_000));
    let mut pair = Pair::open(&limits);
    let mut network = Network::new(breaks);
    let (mut client, mut server) = (App::default(), App::default());
    let mut quiet = 0;
    let mut step = 0;
    while quiet < 50 {
        step += 1;
        assert!(step < 100 * STEPS, "seed {seed}: it never comes to rest");
        let now = pair.now;
        let may_ask = step < STEPS;
        client.act(&mut pair.client, now, &mut dice, may_ask);
        server.act(&mut pair.server, now, &mut dice, may_ask);
        if !may_ask {
            (pair.client.room, pair.server.room) = (MAX_MESSAGE, MAX_MESSAGE);
            client.consume(&mut pair.client, now);
            server.consume(&mut pair.server, now);
        }
        pair.client.poll(now);
        pair.server.poll(now);
        client.hear(&pair.client, &mut dice);
        server.hear(&pair.server, &mut dice);
        network.step(&mut pair, &mut dice);
        let at_rest = client.pending.is_empty() && server.pending.is_empty();
        quiet = if at_rest && !may_ask { quiet + 1 } else { 0 };
    }
    for app in [&client, &server] {
        assert!(app.work.is_empty(), "seed {seed}: all that started ended");
    }
    (client.settled + server.settled, network.resumed)
}

#[test]
fn random_traffic_keeps_order_and_every_request_has_its_outcome() {
    let settled: u64 = (0..60).map(|seed| run(seed, false).0).sum();
    assert!(settled > 5_000, "{settled} requests tell too little");
}

#[test]
fn random_cuts_lose_nothing_double_nothing_and_keep_the_order() {
    let (mut settled, mut resumed) = (0, 0);
    for seed in 0..60 {
        let told = run(seed, true);
        settled += told.0;
        resumed += told.1;
    }
    assert!(
        settled > 5_000 && resumed > 500,
        "{settled} requests and {resumed} resumes tell too little"
    );
}
