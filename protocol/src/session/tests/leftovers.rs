//! Events that came in a session which is lost, and hadn't started.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use std::time::Duration;

use super::pair::{GREET, Pair, Shell, TYPING, TestSide, goodbye, greeting, table};
use crate::frame::{Continuity, Frame};
use crate::goodbye::{Goodbye, GoodbyeCode};
use crate::limits::{FRAME_COST, MAX_MESSAGE, MAX_PART};
use crate::session::side::AnyEvent;
use crate::session::{ClientEvent, End, Event, Input, Outcome, Session, State};
use crate::{Limits, SeqNo};

/// Returns what a side's application heard of events, in order, and of its session.
fn heard(side: &TestSide<impl Shell>) -> Vec<String> {
    let told = |event: &AnyEvent| match event {
        AnyEvent::Both(Event::Request(request)) => Some(text(&request.payload)),
        AnyEvent::Client(ClientEvent::Leftover { kind, payload }) => {
            assert_eq!(*kind, TYPING);
            Some(format!("left {}", text(payload)))
        }
        AnyEvent::Client(ClientEvent::SessionReplaced { why }) => Some(format!("{why:?}")),
        AnyEvent::Both(Event::Ended(_)) => Some("ended".to_owned()),
        _ => None,
    };
    side.events.iter().filter_map(told).collect()
}

fn text(payload: &[u8]) -> String {
    String::from_utf8_lossy(payload).into_owned()
}

fn lose(pair: &mut Pair, continuity: Continuity) {
    pair.cut();
    pair.wanted();
    pair.welcome_anew(continuity);
    pair.drive();
}

const EVICTED: Continuity = Continuity::Evicted { received: None };

#[test]
fn what_was_accepted_is_handed_over_before_anything_of_the_next_session() {
    let mut pair = Pair::open(&Limits::default());
    let sent =
        [&b"1"[..], b"2", b"3"].map(|payload| pair.server.request(pair.now, TYPING, payload));
    pair.server.request(pair.now, GREET, b"a call");
    pair.server.request(pair.now, TYPING, b"4");
    pair.pass(Duration::from_secs(1));
    assert_eq!(heard(&pair.client), ["1"], "its handler is at work");
    for event in sent {
        assert_eq!(pair.server.outcome(event), Some(&Outcome::Accepted));
    }
    pair.cut();
    pair.wanted();
    pair.welcome_anew(EVICTED);
    pair.server.request(pair.now, TYPING, b"5");
    pair.drive();
    let expected = ["1", "left 2", "left 3", "left 4", "Evicted", "5"];
    assert_eq!(
        heard(&pair.client),
        expected,
        "and no call, which nobody awaits"
    );
}

#[test]
fn what_is_done_of_a_lost_session_frees_nothing_of_the_next() {
    let mut pair = Pair::open(&Limits::default());
    pair.server.request(pair.now, TYPING, b"1");
    pair.drive();
    lose(&mut pair, EVICTED);
    for payload in [b"2", b"3"] {
        pair.server.request(pair.now, TYPING, payload);
    }
    pair.drive();
    assert_eq!(heard(&pair.client), ["1", "Evicted", "2"]);
    pair.client.session.done(pair.now, SeqNo::FIRST);
    pair.drive();
    assert_eq!(heard(&pair.client), ["1", "Evicted", "2", "3"]);
}

const LONG: usize = MAX_PART / 4;

/// Sends as much as the client takes, and more.
fn fill(pair: &mut Pair) {
    while pair.server.session.has_room(LONG) {
        pair.server.request(pair.now, TYPING, &[7; LONG]);
        pair.drive();
    }
}

/// Returns the bytes that the client's application was given and hasn't taken, as a window counts them.
fn given(pair: &Pair) -> u64 {
    let given = |event: &&AnyEvent| {
        matches!(
            event,
            AnyEvent::Client(ClientEvent::Leftover { .. }) | AnyEvent::Both(Event::Request(_))
        )
    };
    let given = pair.client.events.iter().filter(given).count() as u64;
    given * (LONG as u64 + FRAME_COST)
}

#[test]
fn however_many_sessions_are_lost_no_more_waits_than_one_may_hold() {
    let window = MAX_MESSAGE as u64;
    let limits = Limits::default().requests(window).queued(0);
    let mut pair = Pair::open(&limits);
    for _ in 0..20 {
        fill(&mut pair);
        lose(&mut pair, EVICTED);
        let given = given(&pair);
        assert!(given > window / 2 && given <= window, "{given} wait");
    }
    fill(&mut pair);
    // Once they are taken, the server hears of it.
    pair.client.session.leftovers_taken(pair.now);
    pair.pass(Duration::from_secs(1));
    assert!(pair.server.session.has_room(LONG), "the queue has moved");
}

#[test]
fn a_session_that_begins_after_a_goodbye_counts_what_is_told_to_wait() {
    let window = MAX_MESSAGE as u64;
    let limits = Limits::default().requests(window).queued(0);
    let mut pair = Pair::open(&limits);
    let said = Goodbye::new(GoodbyeCode::GoingAway, "");
    pair.server.session.close(pair.now, said);
    pair.drive();
    pair.client.session = pair.client.session.replacement(window);
    pair.client.session.handle(pair.now, Input::Opened);
    pair.server.session = Session::server(pair.now, limits, vec![table()]);
    pair.drive();
    pair.server.session.welcome(pair.now, greeting());
    pair.drive();
    assert_eq!(pair.client.session.state(), State::Open);
    pair.server.request(pair.now, TYPING, b"waits");
    pair.drive();
    assert!(!heard(&pair.client).contains(&"waits".to_owned()));
    pair.client.session.leftovers_taken(pair.now);
    pair.pass(Duration::from_secs(1));
    assert!(heard(&pair.client).contains(&"waits".to_owned()));
}

#[test]
fn a_session_that_is_over_for_good_hands_over_what_it_has() {
    for misbehaves in [false, true] {
        let mut pair = Pair::open(&Limits::default().resume(Duration::ZERO));
        for payload in [b"1", b"2"] {
            pair.server.request(pair.now, TYPING, payload);
        }
        pair.drive();
        if misbehaves {
            pair.client.inject(pair.now, &[Frame::NeedTable]);
            assert_eq!(goodbye(&pair.client).code, GoodbyeCode::WrongState);
        } else {
            pair.cut();
            assert_eq!(pair.client.end(), Some(&End::Lost));
        }
        assert_eq!(heard(&pair.client), ["1", "left 2", "ended"]);
        assert_eq!(heard(&pair.server).len(), usize::from(!misbehaves));
    }
}

#[test]
fn what_came_before_a_cut_that_the_session_outlives_keeps_its_turn() {
    let mut pair = Pair::open(&Limits::default());
    for payload in [b"1", b"2"] {
        pair.server.request(pair.now, TYPING, payload);
    }
    pair.drive();
    pair.cut();
    pair.resume();
    pair.drive();
    assert_eq!(heard(&pair.client), ["1"]);
    pair.client.session.done(pair.now, SeqNo::FIRST);
    pair.drive();
    assert_eq!(heard(&pair.client), ["1", "2"]);
}
