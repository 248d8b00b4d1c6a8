//! What a session holds is counted, each thing once.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use std::time::Duration;

use super::misbehaviour::{BEGINS, FULL, number};
use super::pair::{ASK, GREET, Pair, TYPING};
use crate::Limits;
use crate::frame::{Call, Frame};
use crate::session::Outcome;

#[test]
fn requests_under_way_those_that_wait_and_outcomes_are_counted() {
    let mut pair = Pair::open(&Limits::default());
    for _ in 0..3 {
        pair.call(b"");
    }
    pair.client.request(pair.now, ASK, b"");
    let cancelled = pair.call(b"");
    for _ in 0..2 {
        pair.client.request(pair.now, TYPING, b"");
    }
    pair.client.poll(pair.now);
    assert_eq!(pair.client.session.counters().asked, 7, "all are out");

    pair.client.room = 0;
    pair.client.session.cancel(pair.now, cancelled);
    assert_eq!(pair.client.session.counters().asked, 8, "a cancel waits");
    let over = pair.call(b"");
    pair.client.request(pair.now, TYPING, b"");
    assert_eq!(pair.client.session.counters().asked, 10, "both wait");
    let outcomes = &mut pair.client.session.outgoing.ended;
    outcomes.push((over, Outcome::Deadline));
    assert_eq!(
        pair.client.session.counters().asked,
        11,
        "an outcome is to be told"
    );
}

#[test]
fn requests_at_work_those_that_wait_and_answers_are_counted() {
    let mut pair = Pair::open(&Limits::default());
    pair.server.room = 0;
    for _ in 0..3 {
        pair.call(b"");
        pair.client.request(pair.now, TYPING, b"");
    }
    pair.drive();
    assert_eq!(pair.server.session.counters().handled, 6, "two events wait");
    pair.answer(number(1), b"");
    pair.server.poll(pair.now);
    assert_eq!(
        pair.server.session.counters().handled,
        6,
        "the answer waits"
    );
    pair.inject(&[Frame::Call(Call {
        number: number(7),
        part: BEGINS,
        kind: Some(GREET),
        payload: &FULL,
    })]);
    assert_eq!(
        pair.server.session.counters().handled,
        7,
        "a part waits for others"
    );
}

#[test]
fn nothing_is_held_of_the_peers_requests_once_a_session_is_over() {
    let mut pair = Pair::open(&Limits::default().resume(Duration::ZERO));
    for _ in 0..3 {
        pair.call(b"");
    }
    pair.drive();
    assert_eq!(pair.server.session.counters().handled, 3);
    pair.cut();
    assert_eq!(pair.server.session.counters().handled, 0);
    assert_eq!(pair.client.session.counters().asked, 0);
}
