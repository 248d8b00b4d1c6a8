//! Events, streams, cancelled and long requests, in both directions.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use std::time::Duration;

use super::pair::{ASK, GREET, Pair, Shell, TYPING, TestSide};
use crate::frame::{Frame, Frames};
use crate::limits::MAX_PART;
use crate::session::credit::charge_all;
use crate::session::side::AnyEvent;
use crate::session::{Event, ItemRefused, Outcome, RequestKey, ServerEvent, ServerSide};
use crate::{Answer, Limits, Refusal, SeqNo, Time};

fn refused(why: Refusal) -> Outcome {
    Outcome::Answered(Answer::Refused(why.into()))
}

fn done() -> Answer<Vec<u8>> {
    Answer::Value(vec![])
}

fn payloads(side: &TestSide<impl Shell>) -> Vec<Vec<u8>> {
    let requests = side.requests().into_iter();
    requests.map(|(_, payload)| payload).collect()
}

fn dropped(side: &TestSide<impl Shell>) -> Vec<(SeqNo, Refusal)> {
    let dropped = |event: &AnyEvent| match event {
        AnyEvent::Both(Event::Dropped { request, why }) => Some((*request, *why)),
        _ => None,
    };
    side.events.iter().filter_map(dropped).collect()
}

fn items(side: &TestSide<impl Shell>, stream: RequestKey) -> Vec<Vec<u8>> {
    let item = |event: &AnyEvent| match event {
        AnyEvent::Both(Event::Item { call, payload }) if *call == stream => Some(payload.clone()),
        _ => None,
    };
    side.events.iter().filter_map(item).collect()
}

/// Feeds `side`'s stream, and says how many items found room.
fn feed(
    side: &mut TestSide<impl Shell>,
    now: Time,
    call: SeqNo,
    item: &[u8],
    times: usize,
) -> usize {
    let push = |_: &usize| side.session.item(now, call, item.to_vec()).is_ok();
    (0..times).take_while(push).count()
}

#[test]
fn events_go_both_ways_one_at_a_time_and_are_receipted() {
    let mut pair = Pair::open(&Limits::default());
    let now = pair.now;
    let up = [b"a", b"b"].map(|text| pair.client.request(now, TYPING, text));
    let down = pair.server.request(now, TYPING, b"c");
    pair.drive();
    assert_eq!(payloads(&pair.server), [b"a"], "the first isn't done");
    assert_eq!(payloads(&pair.client), [b"c"]);
    pair.server.session.done(pair.now, SeqNo::FIRST);
    pair.pass(Duration::from_secs(1));
    assert_eq!(payloads(&pair.server), [b"a", b"b"]);
    for event in up {
        assert_eq!(pair.client.outcome(event), Some(&Outcome::Accepted));
    }
    assert_eq!(pair.server.outcome(down), Some(&Outcome::Accepted));
}

#[test]
fn a_server_calls_and_the_client_answers() {
    let mut pair = Pair::open(&Limits::default());
    let call = pair.server.request(pair.now, GREET, b"where?");
    pair.drive();
    let [(number, payload)] = &pair.client.requests()[..] else {
        panic!("{:?}", pair.client.events)
    };
    assert_eq!(payload, b"where?");
    let here = Answer::Value(b"here".to_vec());
    pair.client.session.answer(pair.now, *number, here.clone());
    pair.drive();
    assert_eq!(
        pair.server.outcome(call),
        Some(&Outcome::Answered(here)),
        "each call has its answer"
    );
}

#[test]
fn a_server_asks_nothing_before_its_welcome() {
    let mut pair = Pair::new(&Limits::default());
    let call = pair.server.request(pair.now, GREET, b"");
    pair.server.poll(pair.now);
    assert_eq!(pair.server.outcome(call), Some(&Outcome::Closed));
}

#[test]
fn an_unknown_table_is_asked_for_once_and_then_judged() {
    let mut pair = Pair::asked(&Limits::default());
    pair.drive();
    let [AnyEvent::Server(ServerEvent::Hello { token, table, .. })] = &pair.server.events[..]
    else {
        panic!("{:?}", pair.server.events)
    };
    assert_eq!(token, b"ticket");
    assert_eq!(*table, super::pair::table());
}

#[test]
fn what_follows_an_event_waits_for_its_handler_and_passes_a_late_one() {
    let mut pair = Pair::open(&Limits::default());
    pair.client.request(pair.now, TYPING, b"slow");
    pair.call(b"after");
    pair.drive();
    assert_eq!(payloads(&pair.server), [b"slow".to_vec()]);
    pair.pass(Duration::from_secs(29));
    assert_eq!(payloads(&pair.server).len(), 1);
    let mut lasting = Pair::open(&Limits::default());
    lasting.client.request(lasting.now, TYPING, b"slow");
    lasting.drive();
    lasting.pass(Duration::from_secs(31));
    assert_eq!(
        dropped(&lasting.server),
        [(SeqNo::FIRST, Refusal::Deadline)]
    );
    lasting.call(b"after");
    lasting.drive();
    assert_eq!(payloads(&lasting.server).len(), 2);

    let mut held = Pair::open(&Limits::default());
    held.client.request(held.now, TYPING, b"held");
    held.client.request(held.now, TYPING, b"after");
    held.drive();
    held.server.session.hold(SeqNo::FIRST);
    held.pass(Duration::from_secs(60));
    assert_eq!(dropped(&held.server), []);
    assert_eq!(payloads(&held.server).len(), 1);
    held.server.session.done(held.now, SeqNo::FIRST);
    held.drive();
    assert_eq!(payloads(&held.server).len(), 2);
}

#[test]
fn a_kind_that_is_handled_in_order_holds_what_follows() {
    let mut pair = Pair::new(&Limits::default());
    pair.drive();
    let mut admitted = super::pair::greeting();
    admitted.in_order = vec![GREET];
    pair.server.session.welcome(pair.now, admitted);
    pair.drive();
    pair.call(b"1");
    pair.client.request(pair.now, ASK, b"2");
    pair.drive();
    assert_eq!(payloads(&pair.server).len(), 1);
    pair.answer(SeqNo::FIRST, b"");
    pair.drive();
    assert_eq!(payloads(&pair.server).len(), 2);
}

#[test]
fn a_stream_gives_its_items_in_order_and_then_its_end() {
    let mut pair = Pair::open(&Limits::default());
    let stream = pair.client.request(pair.now, ASK, b"?");
    pair.drive();
    for word in [b"one", b"two"] {
        assert_eq!(feed(&mut pair.server, pair.now, SeqNo::FIRST, word, 1), 1);
    }
    pair.server.session.answer(pair.now, SeqNo::FIRST, done());
    let late = pair.server.session.item(pair.now, SeqNo::FIRST, vec![]);
    assert_eq!(late, Err((ItemRefused::Over, vec![])));
    pair.drive();
    assert_eq!(items(&pair.client, stream), [b"one", b"two"]);
    let last = pair.client.events.last();
    let end = AnyEvent::Both(Event::Outcome {
        request: stream,
        outcome: Outcome::Answered(done()),
    });
    assert_eq!(last, Some(&end));
}

#[test]
fn a_slow_consumer_makes_its_producer_wait_and_nobody_else() {
    let mut pair = Pair::open(&Limits::default());
    let slow = pair.client.request(pair.now, ASK, b"slow");
    let quick = pair.client.request(pair.now, ASK, b"quick");
    pair.drive();
    let [(first, _), (second, _)] = &pair.server.requests()[..] else {
        panic!()
    };
    let (first, second) = (*first, *second);
    let item = [7; 1000];
    let mut fed = 0;
    loop {
        let more = feed(&mut pair.server, pair.now, first, &item, 1000);
        fed += more;
        pair.drive();
        if more == 0 {
            break;
        }
    }
    let in_hand = items(&pair.client, slow).len();
    assert_eq!(in_hand, 64 * 1024 / 1064, "the window is full");
    assert!(fed <= 2 * in_hand + 2, "{fed} are kept for it");
    assert_eq!(feed(&mut pair.server, pair.now, second, b"word", 1), 1);
    pair.drive();
    assert_eq!(items(&pair.client, quick), [b"word"]);

    let rooms = |side: &TestSide<ServerSide>| {
        let room = |event: &&AnyEvent| matches!(event, AnyEvent::Both(Event::StreamWritable { call }) if *call == first);
        side.events.iter().filter(room).count()
    };
    let before = rooms(&pair.server);
    for _ in 0..in_hand {
        pair.client.session.consumed(pair.now, slow);
    }
    pair.drive();
    assert_eq!(rooms(&pair.server), before + 1);
    assert_eq!(items(&pair.client, slow).len(), fed, "the rest has come");
}

#[test]
fn a_stream_has_time_for_each_item_and_its_consumers_slowness_costs_none() {
    let mut pair = Pair::open(&Limits::default());
    let stream = pair.client.request(pair.now, ASK, b"");
    pair.drive();
    for _ in 0..5 {
        pair.pass(Duration::from_secs(20));
        feed(&mut pair.server, pair.now, SeqNo::FIRST, b"word", 1);
        pair.drive();
        pair.client.session.consumed(pair.now, stream);
    }
    assert_eq!(dropped(&pair.server), []);
    while feed(&mut pair.server, pair.now, SeqNo::FIRST, &[0; 1000], 1) == 1 {
        pair.drive();
    }
    pair.pass(Duration::from_secs(300));
    assert_eq!(pair.client.outcome(stream), None);
    assert_eq!(dropped(&pair.server), []);
}

#[test]
fn a_producer_that_stops_is_late() {
    let mut pair = Pair::open(&Limits::default());
    let stream = pair.client.request(pair.now, ASK, b"");
    pair.drive();
    pair.pass(Duration::from_secs(31));
    assert_eq!(pair.client.outcome(stream), Some(&Outcome::Deadline));
    assert_eq!(dropped(&pair.server).len(), 1);
}

#[test]
fn cancelling_drops_the_handler_and_closes_the_id() {
    let mut pair = Pair::open(&Limits::default().streams(1));
    let stream = pair.client.request(pair.now, ASK, b"");
    pair.drive();
    feed(&mut pair.server, pair.now, SeqNo::FIRST, b"word", 3);
    pair.client.session.cancel(pair.now, stream);
    pair.drive();
    assert_eq!(dropped(&pair.server), [(SeqNo::FIRST, Refusal::Cancelled)]);
    let late = pair.server.session.item(pair.now, SeqNo::FIRST, vec![]);
    assert_eq!(late, Err((ItemRefused::Over, vec![])));
    assert_eq!(pair.client.outcome(stream), None);
    let next = pair.client.request(pair.now, ASK, b"");
    pair.drive();
    assert_eq!(pair.client.outcome(next), None, "there is room for it");
    assert_eq!(pair.server.requests().len(), 2);
}

#[test]
fn more_streams_than_the_limit_are_refused_on_either_side() {
    let mut pair = Pair::open(&Limits::default().streams(2));
    let streams = [0; 3].map(|_| pair.client.request(pair.now, ASK, b""));
    pair.drive();
    assert_eq!(pair.client.outcome(streams[1]), None);
    let busy = refused(Refusal::Busy);
    assert_eq!(pair.client.outcome(streams[2]), Some(&busy));
    let frames: Vec<_> = (3..5)
        .map(|number| {
            Frame::Call(crate::frame::Call {
                number: SeqNo::new(number).expect("from one"),
                part: crate::frame::Part::WHOLE,
                kind: Some(ASK),
                payload: b"",
            })
        })
        .collect();
    pair.inject(&frames);
    assert_eq!(pair.server.requests().len(), 2);
    assert_eq!(pair.server.end(), None);
}

#[test]
fn calls_cancelled_before_they_start_are_answered_and_never_run() {
    let mut pair = Pair::open(&Limits::default().calls(1));
    let running = pair.call(b"runs");
    pair.drive();
    let mut numbers = vec![];
    for number in 2..=3 {
        numbers.push(SeqNo::new(number).expect("from one"));
    }
    let frames = [
        Frame::Call(crate::frame::Call {
            number: numbers[0],
            part: crate::frame::Part::WHOLE,
            kind: Some(GREET),
            payload: b"waits",
        }),
        Frame::Cancel(crate::frame::Cancel {
            number: numbers[1],
            call: numbers[0],
        }),
    ];
    pair.inject(&frames);
    pair.answer(SeqNo::FIRST, b"");
    pair.server.poll(pair.now);
    assert_eq!(payloads(&pair.server), [b"runs"]);
    let replies: Vec<SeqNo> = pair
        .server
        .sent
        .iter()
        .flat_map(|message| Frames::new(message).collect::<Vec<_>>())
        .filter_map(|frame| match frame {
            Ok(Frame::Reply(reply)) => Some(reply.call),
            _ => None,
        })
        .collect();
    assert_eq!(replies, [SeqNo::FIRST, numbers[0]]);
    assert_eq!(pair.client.outcome(running), None);
}

#[test]
fn long_requests_answers_and_items_travel_in_parts_and_small_ones_between() {
    let limits = Limits::default()
        .payload(2 * 1024 * 1024)
        .queued(8 * 1024 * 1024);
    let mut pair = Pair::open(&limits);
    let long: Vec<u8> = (0..1_500_000_u32).map(|i| i as u8).collect();
    let asked = pair.client.request(pair.now, ASK, b"");
    pair.drive();
    let call = pair.call(&long);
    pair.client.poll(pair.now);
    pair.drive();
    let [_, (number, payload)] = &pair.server.requests()[..] else {
        panic!()
    };
    assert!(*payload == long, "the request is whole");
    let number = *number;
    pair.answer(number, &long);
    assert_eq!(feed(&mut pair.server, pair.now, SeqNo::FIRST, &long, 1), 1);
    let word = pair.server.request(pair.now, TYPING, b"between");
    pair.server.poll(pair.now);
    let before = |wanted: &dyn Fn(&Frame<'_>) -> bool| {
        let frames = pair.server.sent.iter().flat_map(|message| {
            let frames = Frames::new(message).map(|frame| frame.expect("readable"));
            frames.collect::<Vec<_>>()
        });
        frames.take_while(|frame| !wanted(frame)).count()
    };
    assert!(before(&|frame| matches!(frame, Frame::Event(_))) < 5);
    assert!(before(&|frame| matches!(frame, Frame::Item(_))) < 5);
    pair.drive();
    assert!(pair.client.outcome(call) == Some(&Outcome::Answered(Answer::Value(long.clone()))));
    assert!(
        items(&pair.client, asked) == [long],
        "though its window is smaller"
    );
    assert_eq!(payloads(&pair.client), [b"between"]);
    pair.client.session.done(pair.now, SeqNo::FIRST);
    pair.pass(Duration::from_secs(1));
    assert_eq!(pair.server.outcome(word), Some(&Outcome::Accepted));
}

#[test]
fn a_call_cancelled_half_way_leaves_the_wire_in_order() {
    let mut pair = Pair::open(&Limits::default().requests(0));
    let long = pair.call(&[7; 5 * MAX_PART]);
    pair.client.poll(pair.now);
    pair.client.session.cancel(pair.now, long);
    let next = pair.call(b"next");
    pair.drive();
    assert_eq!(payloads(&pair.server), [b"next"]);
    let number = pair.server.requests()[0].0;
    pair.answer(number, b"fine");
    pair.drive();
    let fine = Outcome::Answered(Answer::Value(b"fine".to_vec()));
    assert_eq!(pair.client.outcome(next), Some(&fine));
    assert_eq!((pair.client.end(), pair.server.end()), (None, None));
}

#[test]
fn a_payload_larger_than_the_peer_takes_is_refused_at_home() {
    let mut pair = Pair::new(&Limits::default().payload(1024 * 1024));
    pair.server = Pair::new(&Limits::default()).server;
    let early = pair.call(&[0; 300_000]);
    pair.drive();
    pair.server
        .session
        .welcome(pair.now, super::pair::greeting());
    pair.drive();
    let late = pair.call(&[0; 300_000]);
    pair.drive();
    for call in [early, late] {
        let too_large = refused(Refusal::TooLarge);
        assert_eq!(pair.client.outcome(call), Some(&too_large));
    }
    assert_eq!(pair.server.requests(), []);
}

#[test]
fn a_request_that_waits_can_be_replaced_and_one_under_way_not() {
    let mut pair = Pair::open(&Limits::default());
    pair.client.room = 0;
    let key = pair.client.request(pair.now, TYPING, b"old");
    assert_eq!(pair.client.session.replace(key, b"new".to_vec()), Ok(()));
    pair.client.room = usize::MAX;
    pair.drive();
    assert_eq!(payloads(&pair.server), [b"new"]);
    let too_late = pair.client.session.replace(key, b"newer".to_vec());
    assert_eq!(too_late, Err(b"newer".to_vec()));
}

#[test]
fn another_payload_may_fill_the_queue_and_not_more() {
    let (small, large) = (1000, 2000);
    let limits = Limits {
        queued: charge_all(small) + charge_all(large),
        ..Limits::default()
    };
    let mut pair = Pair::open(&limits);
    pair.client.room = 0;
    let key = pair.client.request(pair.now, TYPING, &vec![1; small]);
    pair.client.request(pair.now, TYPING, &vec![2; small]);
    let too_large = vec![3; large + 1];
    let session = &mut pair.client.session;
    assert_eq!(session.replace(key, too_large.clone()), Err(too_large));
    assert_eq!(session.replace(key, vec![4; large]), Ok(()));
    assert_eq!(session.replace(key, vec![5; large]), Ok(()));
    assert!(!session.has_room(0));
    assert_eq!(session.replace(key, vec![6; small]), Ok(()));
    assert!(session.has_room(small / 2));
}

#[test]
fn a_prompt_brings_the_receipt_at_once() {
    let mut pair = Pair::open(&Limits::default());
    let event = pair.client.request(pair.now, TYPING, b"");
    pair.client.session.prompt(pair.now);
    pair.drive();
    assert_eq!(pair.client.outcome(event), Some(&Outcome::Accepted));
    let round_trip = 2 * super::pair::LATENCY;
    let pong = AnyEvent::Both(Event::Pong { round_trip });
    assert!(pair.client.events.contains(&pong));
}

#[test]
fn an_end_tells_of_each_event_what_the_peer_said_it_had() {
    let mut pair = Pair::open(&Limits::default());
    let taken = pair.client.request(pair.now, TYPING, b"taken");
    pair.client.poll(pair.now);
    let message = pair.client.sent.pop_front().expect("it went out");
    pair.server
        .session
        .handle(pair.now, crate::session::Input::Message(&message));
    let crossing = pair.client.request(pair.now, TYPING, b"crosses");
    pair.client.poll(pair.now);
    let goodbye = crate::Goodbye::new(crate::GoodbyeCode::Done, "");
    pair.server.session.close(pair.now, goodbye);
    pair.drive();
    assert_eq!(pair.client.outcome(taken), Some(&Outcome::Accepted));
    assert_eq!(pair.client.outcome(crossing), Some(&Outcome::NotReceived));

    let mut pair = Pair::open(&Limits::default().resume(Duration::ZERO));
    let event = pair.client.request(pair.now, TYPING, b"");
    pair.client.poll(pair.now);
    pair.cut();
    assert_eq!(pair.client.outcome(event), Some(&Outcome::Unknown));
}

#[test]
fn streams_that_were_dropped_make_room_for_others_at_once() {
    let mut pair = Pair::open(&Limits::default().streams(1));
    let first = pair.client.request(pair.now, ASK, b"1");
    pair.drive();
    pair.client.session.cancel(pair.now, first);
    let second = pair.client.request(pair.now, ASK, b"2");
    pair.drive();
    assert_eq!(pair.client.outcome(second), None);
    assert_eq!(payloads(&pair.server), [b"1", b"2"]);
}

#[test]
fn a_long_answer_that_comes_in_the_calls_time_is_not_late() {
    let mut pair = Pair::open(&Limits::default().payload(1 << 20));
    let long = vec![7; 20 * MAX_PART];
    let call = pair.call(b"");
    pair.drive();
    pair.answer(SeqNo::FIRST, &long);
    for _ in 0..20 {
        pair.server.poll(pair.now);
        let message = pair.server.sent.pop_front();
        pair.now = pair.now + Duration::from_secs(1);
        if let Some(message) = message {
            let input = crate::session::Input::Message(&message);
            pair.client.session.handle(pair.now, input);
        }
        pair.client
            .session
            .handle(pair.now, crate::session::Input::Tick);
        pair.client.poll(pair.now);
        for message in pair.client.sent.drain(..) {
            let input = crate::session::Input::Message(&message);
            pair.server.session.handle(pair.now, input);
        }
    }
    assert!(pair.client.outcome(call) == Some(&Outcome::Answered(Answer::Value(long))));
}

#[test]
fn an_answer_that_has_not_begun_is_cancelled_too() {
    let mut pair = Pair::open(&Limits::default());
    let call = pair.call(b"");
    pair.drive();
    pair.server.room = 0;
    pair.answer(SeqNo::FIRST, &[7; 100_000]);
    pair.server.poll(pair.now);
    pair.client.session.cancel(pair.now, call);
    pair.drive();
    pair.server.room = usize::MAX;
    pair.server.poll(pair.now);
    let bytes: usize = pair.server.sent.iter().map(Vec::len).sum();
    assert!(bytes < 100, "{bytes} bytes for nobody");
}

#[test]
fn an_item_before_its_call_is_whole_is_refused() {
    let mut pair = Pair::open(&Limits::default().requests(0).payload(1 << 20));
    let long = pair.client.request(pair.now, ASK, &[7; 20 * MAX_PART]);
    pair.client.poll(pair.now);
    let item = Frame::Item(crate::frame::Item {
        number: SeqNo::FIRST,
        part: crate::frame::Part::WHOLE,
        call: SeqNo::FIRST,
        payload: b"early",
    });
    pair.client.inject(pair.now, &[item]);
    let fault = crate::session::PeerMisbehaved::ReplyToNothing;
    assert_eq!(pair.client.end(), Some(&crate::End::Misbehaved(fault)));
    assert_eq!(items(&pair.client, long), [[0; 0]; 0]);
}

#[test]
fn what_was_asked_for_before_the_end_still_goes_out() {
    let mut pair = Pair::open(&Limits::default());
    let goodbye = || crate::Goodbye::new(crate::GoodbyeCode::Done, "");
    let event = pair.client.request(pair.now, TYPING, b"last words");
    pair.client.session.finish(pair.now, goodbye());
    let late = pair.client.request(pair.now, TYPING, b"too late");
    pair.drive();
    assert_eq!(payloads(&pair.server), [b"last words"]);
    assert_eq!(pair.client.outcome(late), Some(&Outcome::Closed));
    assert_eq!(pair.server.end(), None, "its handler isn't done");
    pair.server.session.done(pair.now, SeqNo::FIRST);
    pair.drive();
    assert_eq!(pair.client.outcome(event), Some(&Outcome::Accepted));
    for side in pair.both() {
        assert!(side.end.is_some());
    }
    assert!(matches!(pair.client.end(), Some(crate::End::Closed(_))));

    let mut slow = Pair::open(&Limits::default());
    slow.client.request(slow.now, TYPING, b"1");
    slow.client.request(slow.now, TYPING, b"2");
    slow.call(b"nobody waits for it");
    slow.client.session.finish(slow.now, goodbye());
    slow.drive();
    slow.server.session.done(slow.now, SeqNo::FIRST);
    slow.drive();
    assert_eq!(payloads(&slow.server), [b"1", b"2"], "both are heard");
    slow.pass(Duration::from_secs(3));
    assert!(slow.server.end().is_some(), "within bounds");

    let mut stuck = Pair::open(&Limits::default());
    stuck.client.room = 0;
    let event = stuck.client.request(stuck.now, TYPING, b"never");
    stuck.client.session.finish(stuck.now, goodbye());
    stuck.pass(Duration::from_secs(3));
    assert_eq!(stuck.client.outcome(event), Some(&Outcome::NotReceived));
}
