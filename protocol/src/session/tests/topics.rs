//! Joining, publishing, falling behind and leaving.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use std::time::Duration;

use super::pair::{Pair, ROOM, Shell, TestSide};
use crate::frame::{SkipReason, Start, Verdict, decode_offset, encode_offset};
use crate::limits::MAX_PART;
use crate::log::{Log, Retention};
use crate::session::side::AnyEvent;
use crate::session::{
    ClientEvent, Event, Outcome, RequestKey, ServerEvent, ServerSide, TopicRequest,
};
use crate::{Alias, Answer, Epoch, Limits, Offset, Position, Refusal, SeqNo, Time};

const ALIAS: Alias = Alias::new(7);
const EPOCH: Epoch = Epoch::from_bytes([9; 8]);

/// A server with one topic, and a client.
fn pair(limits: &Limits, retention: Retention) -> Pair {
    let mut pair = Pair::open(limits);
    pair.server.logs.push(Log::new(ALIAS, EPOCH, retention));
    pair
}

fn publish(pair: &mut Pair, item: &[u8]) {
    let log = &mut pair.server.logs[0];
    log.append(item.to_vec(), None).expect("it fits a frame");
    let head = log.next();
    pair.server.session.log_advanced(ALIAS, head);
}

/// The server's application lets the client's newest request to join in.
fn admit(side: &mut TestSide<ServerSide>, now: Time) -> bool {
    let requests = side.events.iter().rev();
    let mut joins = requests.filter_map(|event| match event {
        AnyEvent::Both(Event::Request(request)) => match request.topic {
            Some(TopicRequest::Join { start }) => Some((request.number, start)),
            _ => None,
        },
        _ => None,
    });
    let (number, start) = joins.next().expect("somebody wants to join");
    let log = &side.logs[0];
    let is_awaited = side.session.awaits_answer(number);
    side.session
        .joined(now, number, log.join(start), log.next());
    is_awaited
}

fn join(pair: &mut Pair, start: Start) -> RequestKey {
    let subscription = pair
        .client
        .session
        .subscribe(pair.now, ROOM, b"lobby", start);
    pair.drive();
    assert!(admit(&mut pair.server, pair.now));
    pair.drive();
    subscription.expect("the queue has room")
}

fn heard(side: &TestSide<impl Shell>, subscription: RequestKey) -> Vec<String> {
    let told = |event: &AnyEvent| match event {
        AnyEvent::Client(ClientEvent::Joined {
            subscription: of,
            joined,
        }) if *of == subscription => {
            Some(format!("{:?} {}", joined.verdict, joined.position.offset))
        }
        AnyEvent::Client(ClientEvent::Publication {
            subscription: of,
            offset,
            payload,
        }) if *of == subscription => {
            let first = payload.first().map_or(0, |byte| *byte);
            Some(format!("{offset} {first}"))
        }
        AnyEvent::Client(ClientEvent::Skipped {
            subscription: of,
            skipped,
        }) if *of == subscription => {
            let gone = skipped.why == SkipReason::Gone;
            Some(format!("{} to {} gone: {gone}", skipped.from, skipped.to))
        }
        _ => None,
    };
    side.events.iter().filter_map(told).collect()
}

#[test]
fn a_subscriber_hears_what_is_published_from_its_start_on() {
    let mut pair = pair(&Limits::default(), Retention::default());
    for item in 1..=3 {
        publish(&mut pair, &[item]);
    }
    let subscription = join(&mut pair, Start::Last(1));
    publish(&mut pair, &[4]);
    pair.drive();
    let told = ["Begun @3", "@3 3", "@4 4"];
    assert_eq!(heard(&pair.client, subscription), told);
}

#[test]
fn who_comes_back_with_a_position_hears_what_it_missed_or_that_it_did() {
    let mut pair = pair(&Limits::default(), Retention::default().entries(2));
    for item in 1..=4 {
        publish(&mut pair, &[item]);
    }
    let at = |epoch, offset| {
        let offset = Offset::new(offset).expect("not zero");
        Start::At(Position { epoch, offset })
    };
    let whole = join(&mut pair, at(EPOCH, 3));
    assert_eq!(heard(&pair.client, whole), ["Recovered @3", "@3 3", "@4 4"]);
    pair.client.session.unsubscribe(pair.now, whole);
    let gap = join(&mut pair, at(EPOCH, 2));
    assert_eq!(heard(&pair.client, gap), ["Gap @3", "@3 3", "@4 4"]);
    pair.client.session.unsubscribe(pair.now, gap);
    let other = join(&mut pair, at(Epoch::from_bytes([1; 8]), 2));
    assert_eq!(heard(&pair.client, other), ["NewEpoch @3", "@3 3", "@4 4"]);
    assert_eq!(pair.client.end(), None);
}

#[test]
fn a_slow_subscriber_falls_behind_at_no_cost_and_is_told_the_gap() {
    let retention = Retention::default().entries(10).bytes(1 << 20);
    let mut pair = pair(&Limits::default(), retention);
    let subscription = join(&mut pair, Start::Now);
    let item = vec![1; 30_000];
    for _ in 0..40 {
        publish(&mut pair, &item);
        pair.drive();
    }
    // The window has room for eight.
    let told = heard(&pair.client, subscription);
    assert_eq!(told.len(), 1 + 8, "{told:?}");
    assert_eq!(pair.server.sent.len(), 0, "nothing waits for it");
    for _ in 0..8 {
        pair.client.session.consumed(pair.now, subscription);
        pair.drive();
    }
    let told = heard(&pair.client, subscription);
    assert_eq!(told[9], "@9 to @31 gone: true", "{told:?}");
    assert_eq!(told[10], "@31 1");
    let rest = told.len() - 10;
    for _ in 0..rest {
        pair.client.session.consumed(pair.now, subscription);
    }
    pair.drive();
    let told = heard(&pair.client, subscription);
    assert_eq!(told.last().map(String::as_str), Some("@40 1"));
}

#[test]
fn what_is_left_is_heard_no_more_also_if_it_crosses() {
    let mut pair = pair(&Limits::default(), Retention::default());
    let subscription = join(&mut pair, Start::Now);
    publish(&mut pair, &[1]);
    pair.server.poll(pair.now);
    pair.client.session.unsubscribe(pair.now, subscription);
    pair.drive();
    publish(&mut pair, &[2]);
    pair.pass(Duration::from_secs(60));
    assert_eq!(heard(&pair.client, subscription), ["Begun @1"]);
    assert!(
        pair.server
            .events
            .contains(&AnyEvent::Server(ServerEvent::Left { alias: ALIAS }))
    );
    assert_eq!(pair.client.end(), None);
    let again = join(&mut pair, Start::Last(9));
    assert_eq!(heard(&pair.client, again), ["Begun @1", "@1 1", "@2 2"]);
}

#[test]
fn who_leaves_while_it_joins_has_left() {
    let mut pair = pair(&Limits::default(), Retention::default());
    let now = pair.now;
    let subscription = pair.client.session.subscribe(now, ROOM, b"", Start::Now);
    pair.drive();
    let subscription = subscription.expect("the queue has room");
    pair.client.session.unsubscribe(pair.now, subscription);
    assert!(admit(&mut pair.server, pair.now));
    publish(&mut pair, &[1]);
    pair.drive();
    assert_eq!(heard(&pair.client, subscription), [""; 0]);
    assert!(
        pair.server
            .events
            .contains(&AnyEvent::Server(ServerEvent::Left { alias: ALIAS }))
    );
    assert_eq!(pair.client.outcome(subscription), None);
}

#[test]
fn a_join_that_nobody_answers_ends_and_its_late_answer_is_taken_back() {
    let mut pair = pair(&Limits::default(), Retention::default());
    let now = pair.now;
    let subscription = pair.client.session.subscribe(now, ROOM, b"", Start::Now);
    let subscription = subscription.expect("the queue has room");
    pair.drive();
    // The answer and the client's deadline cross.
    pair.now = pair.now + Duration::from_secs(30);
    assert!(admit(&mut pair.server, pair.now));
    pair.client
        .session
        .handle(pair.now, crate::session::Input::Tick);
    publish(&mut pair, &[1]);
    pair.drive();
    assert_eq!(pair.client.outcome(subscription), Some(&Outcome::Deadline));
    assert_eq!(heard(&pair.client, subscription), [""; 0]);
    assert!(
        pair.server
            .events
            .contains(&AnyEvent::Server(ServerEvent::Left { alias: ALIAS }))
    );
    assert_eq!((pair.client.end(), pair.server.end()), (None, None));
}

#[test]
fn publications_of_a_client_start_one_by_one_and_their_replies_say_where() {
    let mut pair = pair(&Limits::default(), Retention::default());
    let now = pair.now;
    let publish = |pair: &mut Pair, item: &[u8]| {
        let request = pair.client.session.publish(now, ROOM, b"lobby", item);
        request.expect("the queue has room")
    };
    let first = publish(&mut pair, b"1");
    publish(&mut pair, b"2");
    pair.drive();
    let [
        AnyEvent::Server(ServerEvent::Hello { .. }),
        AnyEvent::Both(Event::Request(request)),
    ] = &pair.server.events[..]
    else {
        panic!("{:?}", pair.server.events)
    };
    let key = b"lobby".to_vec();
    assert_eq!(request.topic, Some(TopicRequest::Publish { key }));
    assert_eq!((request.kind, &request.payload[..]), (ROOM, &b"1"[..]));
    let offset = encode_offset(Offset::FIRST);
    pair.answer(SeqNo::FIRST, &offset);
    pair.drive();
    match pair.client.outcome(first) {
        Some(Outcome::Answered(Answer::Value(told))) => {
            assert_eq!(decode_offset(told), Ok(Offset::FIRST));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(pair.server.requests().len(), 2);
    let large = publish(&mut pair, &[0; MAX_PART + 1]);
    pair.client.poll(pair.now);
    let too_large = Outcome::refused(Refusal::TooLarge);
    assert_eq!(pair.client.outcome(large), Some(&too_large));
}

#[test]
fn subscriptions_are_bounded() {
    let mut pair = pair(&Limits::default().subscriptions(1), Retention::default());
    join(&mut pair, Start::Now);
    let now = pair.now;
    let second = pair
        .client
        .session
        .subscribe(now, ROOM, b"other", Start::Now);
    pair.drive();
    let busy = Outcome::refused(Refusal::Busy);
    assert_eq!(pair.client.outcome(second.expect("room")), Some(&busy));
}

#[test]
fn a_verdict_is_one_of_four() {
    for verdict in [
        Verdict::Begun,
        Verdict::Recovered,
        Verdict::Gap,
        Verdict::NewEpoch,
    ] {
        let joined = crate::frame::Joined {
            alias: ALIAS,
            position: Position {
                epoch: EPOCH,
                offset: Offset::FIRST,
            },
            verdict,
        };
        assert_eq!(crate::frame::Joined::decode(&joined.encode()), Ok(joined));
    }
}

#[test]
fn who_joins_again_before_the_first_join_is_answered_hears_what_comes() {
    let mut pair = pair(&Limits::default(), Retention::default());
    let now = pair.now;
    publish(&mut pair, &[1]);
    let first = pair
        .client
        .session
        .subscribe(now, ROOM, b"", Start::Last(9));
    let first = first.expect("the queue has room");
    pair.client.session.unsubscribe(now, first);
    let second = pair.client.session.subscribe(now, ROOM, b"", Start::Now);
    let second = second.expect("the queue has room");
    pair.drive();
    assert!(admit(&mut pair.server, pair.now));
    pair.drive();
    assert!(admit(&mut pair.server, pair.now));
    pair.drive();
    publish(&mut pair, &[2]);
    pair.drive();
    assert_eq!(heard(&pair.client, first), [""; 0]);
    assert_eq!(heard(&pair.client, second), ["Begun @2", "@2 2"]);
    assert_eq!((pair.client.end(), pair.server.end()), (None, None));
}

#[test]
fn a_log_that_is_gone_is_not_asked_for_again_and_again() {
    let mut pair = pair(&Limits::default(), Retention::default());
    let subscription = join(&mut pair, Start::Now);
    publish(&mut pair, &[1]);
    let mut out = Vec::new();
    let read = loop {
        match pair.server.session.poll(pair.now, &mut out, usize::MAX) {
            crate::session::Output::SideEvent(ServerEvent::ReadLog(read)) => break read,
            crate::session::Output::Wait(_) => panic!("there is news"),
            _ => {}
        }
    };
    let nothing = crate::log::Slice {
        next: read.from,
        charged: 0,
        more: true,
    };
    pair.server.session.log_read(pair.now, read, nothing);
    pair.drive();
    assert_eq!(heard(&pair.client, subscription), ["Begun @1"]);
}

#[test]
fn what_is_skipped_counts_against_the_window() {
    let limits = Limits::default().subscription_window(0);
    let mut pair = pair(&limits, Retention::default().entries(5_000).bytes(1 << 20));
    let subscription = join(&mut pair, Start::Now);
    for number in 0..4_000_u32 {
        let except = (number % 2 == 0).then(|| super::pair::greeting().peer);
        let log = &mut pair.server.logs[0];
        log.append(vec![7], except).expect("it fits a frame");
    }
    let head = pair.server.logs[0].next();
    pair.server.session.log_advanced(ALIAS, head);
    pair.drive();
    // 64 KiB at 64 and 65 bytes.
    let told = heard(&pair.client, subscription);
    assert!(told.len() < 1_020, "{} are held for it", told.len());
    for _ in 0..told.len() {
        pair.client.session.consumed(pair.now, subscription);
    }
    pair.drive();
    assert!(heard(&pair.client, subscription).len() > told.len());
}
