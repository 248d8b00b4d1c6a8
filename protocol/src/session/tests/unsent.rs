//! Requests that a lost session never sent.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use std::time::Duration;

use super::pair::{ASK, GREET, Pair, ROOM, TYPING, greeting, table};
use crate::frame::{Continuity, Frame, Frames, Start};
use crate::goodbye::{Goodbye, GoodbyeCode};
use crate::limits::MAX_PART;
use crate::session::side::AnyEvent;
use crate::session::{End, Event, Input, Outcome, Output, RequestKey, Session, State};
use crate::{Answer, Class, Limits, SeqNo};

const UNKNOWN: Continuity = Continuity::Unknown;

/// Welcomed, and without a connection.
fn cut(limits: &Limits) -> Pair {
    let mut pair = Pair::open(limits);
    pair.client.session.keep_unsent(true);
    pair.cut();
    pair
}

/// The session is lost; the application isn't ready for the next yet.
fn lose(pair: &mut Pair) {
    pair.wanted();
    pair.welcome_anew(UNKNOWN);
    pair.drive();
}

fn ready(pair: &mut Pair) {
    pair.client.session.requeue_unsent(pair.now);
    pair.drive();
}

fn payloads(pair: &Pair) -> Vec<Vec<u8>> {
    let requests = pair.server.requests();
    requests.into_iter().map(|(_, payload)| payload).collect()
}

#[test]
fn what_was_never_sent_comes_in_the_next_session_behind_what_its_application_asks_first() {
    let mut pair = cut(&Limits::default());
    let call = pair.call(b"first");
    pair.call(b"second");
    lose(&mut pair);
    assert_eq!(payloads(&pair), [b""; 0], "it waits");
    pair.call(b"who I am");
    ready(&mut pair);
    pair.call(b"third");
    pair.drive();
    let expected: [&[u8]; 4] = [b"who I am", b"first", b"second", b"third"];
    assert_eq!(payloads(&pair), expected);
    assert_eq!(pair.client.outcome(call), None);
    pair.answer(SeqNo::FIRST.next(), b"reply");
    pair.drive();
    let answer = Answer::Value(b"reply".to_vec());
    assert_eq!(
        pair.client.outcome(call),
        Some(&Outcome::Answered(answer)),
        "the key that its maker has names it still"
    );
}

#[test]
fn what_is_half_sent_begins_anew() {
    let mut pair = Pair::open(&Limits::default());
    pair.client.session.keep_unsent(true);
    let long = vec![7; 3 * MAX_PART];
    let call = pair.call(&long);
    let session = &mut pair.client.session;
    let sent = session.poll(pair.now, &mut Vec::new(), usize::MAX);
    assert_eq!(sent, Output::Send, "its beginning");
    session.handle(pair.now, Input::Lost);
    lose(&mut pair);
    ready(&mut pair);
    assert_eq!(pair.client.outcome(call), None);
    assert_eq!(payloads(&pair), [long]);
}

#[test]
fn without_being_wanted_it_ends_with_its_session() {
    let mut pair = cut(&Limits::default());
    pair.client.session.keep_unsent(false);
    let call = pair.call(b"hello");
    lose(&mut pair);
    assert_eq!(pair.client.outcome(call), Some(&Outcome::NotReceived));
    ready(&mut pair);
    assert_eq!(payloads(&pair), [b""; 0]);
}

#[test]
fn its_deadline_runs_on_and_its_maker_may_cancel_or_replace_it() {
    let limits = Limits::default().call_deadline(Duration::from_secs(5));
    let mut pair = cut(&limits);
    let late = pair.call(b"late");
    let cancelled = pair.call(b"cancelled");
    let newest = pair.client.request(pair.now, TYPING, b"old");
    lose(&mut pair);
    pair.client.session.cancel(pair.now, cancelled);
    let replaced = pair.client.session.replace(newest, b"new".to_vec());
    assert_eq!(replaced, Ok(()));
    pair.pass(Duration::from_secs(5));
    assert_eq!(pair.client.outcome(late), Some(&Outcome::Deadline));
    ready(&mut pair);
    assert_eq!(payloads(&pair), [b"new"]);
}

#[test]
fn behind_what_is_asked_first_it_is_still_late_in_its_time() {
    let limits = Limits::default().call_deadline(Duration::from_secs(5));
    let mut pair = cut(&limits);
    let late = pair.call(b"late");
    pair.pass(Duration::from_secs(3));
    lose(&mut pair);
    pair.client.room = 0;
    let first = pair.call(b"who I am");
    ready(&mut pair);
    pair.pass(Duration::from_millis(2_100));
    assert_eq!(pair.client.outcome(late), Some(&Outcome::Deadline));
    assert_eq!(pair.client.outcome(first), None);
}

#[test]
fn what_was_asked_first_of_a_session_that_is_lost_too_ends_with_it() {
    let mut pair = cut(&Limits::default());
    pair.call(b"hello");
    lose(&mut pair);
    pair.cut();
    let first = pair.call(b"who I am");
    lose(&mut pair);
    assert_eq!(pair.client.outcome(first), Some(&Outcome::NotReceived));
    ready(&mut pair);
    assert_eq!(payloads(&pair), [b"hello"]);
}

#[test]
fn a_join_that_was_never_sent_is_made_and_one_that_nobody_wants_is_not() {
    let mut pair = cut(&Limits::default());
    let join = |pair: &mut Pair, key: &[u8]| -> RequestKey {
        let joined = pair
            .client
            .session
            .subscribe(pair.now, ROOM, key, Start::Now);
        joined.expect("the queue has room")
    };
    join(&mut pair, b"lobby");
    let left = join(&mut pair, b"attic");
    pair.client.session.unsubscribe(pair.now, left);
    let left_later = join(&mut pair, b"garden");
    lose(&mut pair);
    pair.client.session.unsubscribe(pair.now, left_later);
    let left = join(&mut pair, b"cellar");
    ready(&mut pair);
    pair.client.session.unsubscribe(pair.now, left);
    let joins = pair.server.events.iter().filter_map(|event| match event {
        AnyEvent::Both(Event::Request(request)) if request.class == Class::Topic => {
            Some(&request.payload[..])
        }
        _ => None,
    });
    assert_eq!(joins.collect::<Vec<_>>(), [b"cellar"]);
    pair.server.session.answer(
        pair.now,
        SeqNo::FIRST,
        Answer::Refused(crate::Refusal::Denied.into()),
    );
    pair.drive();
    assert_eq!(payloads(&pair), [&b"cellar"[..], b"lobby"]);
}

#[test]
fn after_a_goodbye_the_next_session_takes_it_over_and_without_one_it_ends() {
    for follows in [true, false] {
        let mut pair = cut(&Limits::default());
        pair.resume();
        pair.client.room = 0;
        pair.drive();
        let call = pair.call(b"hello");
        let said = Goodbye::new(GoodbyeCode::GoingAway, "");
        pair.server.session.close(pair.now, said);
        pair.drive();
        pair.client.room = usize::MAX;
        pair.drive();
        assert!(pair.client.end().is_some());
        assert_eq!(pair.client.outcome(call), None, "another may follow");
        if !follows {
            pair.client.session.drop_unsent();
            pair.drive();
            assert_eq!(pair.client.outcome(call), Some(&Outcome::NotReceived));
            continue;
        }
        follow(&mut pair);
        assert_eq!(payloads(&pair), [b"hello"]);
    }
}

/// Another session begins in the place of the one that is over.
fn follow(pair: &mut Pair) {
    pair.client.session = pair.client.session.replacement(0);
    pair.client.session.handle(pair.now, Input::Opened);
    pair.server.session = Session::server(pair.now, Limits::default(), vec![table()]);
    pair.drive();
    pair.server.session.welcome(pair.now, greeting());
    pair.drive();
    assert_eq!(pair.client.session.state(), State::Open);
    ready(pair);
}

#[test]
fn who_closes_for_now_says_goodbye_and_the_next_session_has_what_was_not_sent() {
    let mut pair = Pair::open(&Limits::default());
    pair.client.session.keep_unsent(true);
    let call = pair.call(b"hello");
    let said = Goodbye::new(GoodbyeCode::Done, "");
    pair.client.session.close_for_now(pair.now, said.clone());
    let mut sent = Vec::new();
    let output = pair.client.session.poll(pair.now, &mut sent, usize::MAX);
    assert_eq!(output, Output::Send);
    pair.client.session.handle(pair.now, Input::Lost);
    let session = &mut pair.server.session;
    session.handle(pair.now, Input::Message(&sent));
    pair.drive();
    assert_eq!(pair.server.end(), Some(&End::Goodbye(said)));
    assert_eq!(pair.client.end(), Some(&End::Lost));
    assert_eq!(payloads(&pair), [b""; 0]);
    follow(&mut pair);
    assert_eq!(payloads(&pair), [b"hello"]);
    assert_eq!(pair.client.outcome(call), None);
}

#[test]
fn what_the_next_session_takes_over_has_its_items_and_its_receipts() {
    let mut pair = cut(&Limits::default());
    pair.resume();
    pair.drive();
    let stream = pair.client.request(pair.now, ASK, b"stream");
    let event = pair.client.request(pair.now, TYPING, b"event");
    let said = Goodbye::new(GoodbyeCode::Done, "");
    pair.client.session.close_for_now(pair.now, said);
    pair.client.session.handle(pair.now, Input::Lost);
    follow(&mut pair);
    let session = &mut pair.server.session;
    let given = session.item(pair.now, SeqNo::FIRST, b"item".to_vec());
    assert_eq!(given, Ok(()));
    pair.drive();
    let payload = b"item".to_vec();
    let item = AnyEvent::Both(Event::Item {
        call: stream,
        payload,
    });
    assert!(pair.client.events.contains(&item));
    assert_eq!(pair.client.outcome(event), Some(&Outcome::Accepted));
    assert_eq!(pair.client.session.state(), State::Open);
}

#[test]
fn who_closes_for_now_without_a_welcome_goes_on_over_the_next_connection() {
    let mut pair = cut(&Limits::default());
    let call = pair.call(b"hello");
    pair.wanted();
    let said = Goodbye::new(GoodbyeCode::Done, "");
    pair.client.session.close_for_now(pair.now, said);
    pair.cut();
    pair.resume();
    pair.drive();
    assert_eq!(payloads(&pair), [b"hello"]);
    assert_eq!(pair.client.outcome(call), None);
}

#[test]
fn what_its_application_closes_keeps_nothing() {
    let mut pair = cut(&Limits::default());
    let call = pair.call(b"hello");
    let said = Goodbye::new(GoodbyeCode::Done, "");
    pair.client.session.close(pair.now, said);
    pair.drive();
    assert_eq!(pair.client.outcome(call), Some(&Outcome::NotReceived));
    let later = pair.client.request(pair.now, GREET, b"later");
    pair.drive();
    assert_eq!(pair.client.outcome(later), Some(&Outcome::Closed));
}

#[test]
fn a_stream_that_waits_for_the_next_session_may_end_before_that() {
    for given_up in [true, false] {
        let mut pair = cut(&Limits::default().streams(1));
        pair.resume();
        pair.client.room = 0;
        pair.drive();
        let stream = pair.client.request(pair.now, ASK, b"hello");
        let said = Goodbye::new(GoodbyeCode::GoingAway, "");
        pair.server.session.close(pair.now, said);
        pair.drive();
        pair.client.room = usize::MAX;
        pair.drive();
        if given_up {
            pair.client.session.cancel(pair.now, stream);
        } else {
            pair.client.session.drop_unsent();
            pair.drive();
            assert_eq!(pair.client.outcome(stream), Some(&Outcome::NotReceived));
        }
        let mut next = pair.client.session.replacement(0);
        let another = next.request(pair.now, ASK, b"again".to_vec());
        assert!(another.is_ok());
        let said = next.poll(pair.now, &mut Vec::new(), 0);
        assert!(
            matches!(said, Output::Wait(_)),
            "its place is free: {said:?}"
        );
    }
}

#[test]
fn who_closes_while_away_still_sends_what_waits() {
    let mut pair = cut(&Limits::default());
    let event = pair.client.request(pair.now, TYPING, b"last words");
    let said = Goodbye::new(GoodbyeCode::Done, "");
    pair.client.session.finish(pair.now, said);
    lose(&mut pair);
    ready(&mut pair);
    assert_eq!(payloads(&pair), [b"last words"]);
    pair.server.session.done(pair.now, SeqNo::FIRST);
    pair.drive();
    assert_eq!(pair.client.outcome(event), Some(&Outcome::Accepted));
    assert!(pair.client.end().is_some());
}

#[test]
fn a_join_that_goes_first_leaves_earlier_deadlines_where_they_are() {
    let limits = Limits::default().call_deadline(Duration::from_secs(5));
    let mut pair = cut(&limits);
    let late = pair.call(b"late");
    pair.pass(Duration::from_secs(3));
    let session = &mut pair.client.session;
    let join = session.subscribe(pair.now, ROOM, b"lobby", Start::Now);
    lose(&mut pair);
    pair.client.room = 0;
    pair.client
        .session
        .requeue_first(pair.now, join.expect("room"));
    ready(&mut pair);
    pair.pass(Duration::from_millis(2_100));
    assert_eq!(pair.client.outcome(late), Some(&Outcome::Deadline));
}

#[test]
fn what_is_replaced_before_its_application_is_ready_goes_first() {
    for lost_again in [false, true] {
        let mut pair = cut(&Limits::default());
        pair.call(b"hello");
        let newest = pair.client.request(pair.now, TYPING, b"old");
        lose(&mut pair);
        let replaced = pair.client.session.replace(newest, b"new".to_vec());
        assert_eq!(replaced, Ok(()));
        if lost_again {
            pair.cut();
            lose(&mut pair);
            assert_eq!(pair.client.outcome(newest), None);
            let replaced = pair.client.session.replace(newest, b"newer".to_vec());
            assert_eq!(replaced, Ok(()));
        }
        let drive = |pair: &mut Pair| {
            pair.drive();
            payloads(pair)
        };
        let first: &[u8] = if lost_again { b"newer" } else { b"new" };
        assert_eq!(drive(&mut pair), [first], "before the others");
        pair.server.session.done(pair.now, SeqNo::FIRST);
        ready(&mut pair);
        assert_eq!(payloads(&pair), [first, b"hello"]);
    }
}

#[test]
fn the_session_that_follows_shows_the_same_token() {
    let mut pair = Pair::open(&Limits::default().resume(Duration::ZERO));
    pair.cut();
    pair.client.session = pair.client.session.replacement(0);
    pair.client.session.handle(pair.now, Input::Opened);
    pair.client.poll(pair.now);
    let hello = pair.client.sent.pop_front().expect("a client says hello");
    match Frames::new(&hello).next() {
        Some(Ok(Frame::Hello(hello))) => assert_eq!(hello.token, b"ticket"),
        other => panic!("{other:?}"),
    }
}
