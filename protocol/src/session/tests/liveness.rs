#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use std::time::Duration;

use super::misbehaviour::event;
use super::pair::{LATENCY, Pair, Shell, TYPING, TestSide};
use crate::frame::{Ack, Frame};
use crate::session::side::AnyEvent;
use crate::session::{ClientSide, End, Event, Input, Outcome, ServerSide, State};
use crate::{Answer, Limits, SeqNo, Time};

const HEARTBEAT: Duration = Duration::from_secs(15);

/// No session outlives its connection.
fn unkept() -> Limits {
    Limits::default().resume(Duration::ZERO)
}

#[test]
fn an_idle_connection_stays_open_for_hours() {
    let mut pair = Pair::open(&Limits::default());
    pair.pass(Duration::from_secs(3 * 3600));
    for side in pair.both() {
        assert_eq!((side.state, side.end), (State::Open, None));
        let round_trip = 2 * LATENCY;
        assert!(
            side.events
                .contains(&AnyEvent::Both(Event::Pong { round_trip }))
        );
    }
    let call = pair.call(b"still there?");
    pair.drive();
    pair.answer(SeqNo::FIRST, b"yes");
    pair.drive();
    let yes = Outcome::Answered(Answer::Value(b"yes".to_vec()));
    assert_eq!(pair.client.outcome(call), Some(&yes));
}

#[test]
fn a_transport_that_takes_nothing_has_no_time_while_nothing_waits_for_it() {
    let mut pair = Pair::open(&unkept());
    pair.client.room = 0;
    pair.client.poll(pair.now);
    for value in 1..=6 {
        pair.now = pair.now + HEARTBEAT / 2;
        pair.client.session.handle(pair.now, Input::Tick);
        pair.client.inject(pair.now, &[event(value)]);
    }
    assert_eq!(
        (pair.client.session.state(), pair.client.end()),
        (State::Open, None)
    );
}

/// A transport takes nothing more, while the peer is heard from time to time. Returns true if it is given up.
fn is_given_up(side: &mut TestSide<impl Shell>, mut now: Time) -> bool {
    side.room = 0;
    for value in 1..=6 {
        now = now + HEARTBEAT / 2;
        side.poll(now);
        side.session.handle(now, Input::Message(&message(value)));
        side.session.handle(now, Input::Tick);
        side.poll(now);
        if side.end().is_some() {
            assert_eq!(side.end(), Some(&End::Silent));
            return true;
        }
    }
    false
}

/// Returns true if the client's transport is given up while something that the client wants is to be sent.
fn client_gives_up(want: impl FnOnce(&mut TestSide<ClientSide>, Time)) -> bool {
    let mut pair = Pair::open(&unkept());
    want(&mut pair.client, pair.now);
    is_given_up(&mut pair.client, pair.now)
}

/// The same of the server's.
fn server_gives_up(want: impl FnOnce(&mut TestSide<ServerSide>, Time)) -> bool {
    let mut pair = Pair::open(&unkept());
    want(&mut pair.server, pair.now);
    is_given_up(&mut pair.server, pair.now)
}

fn message(value: u64) -> Vec<u8> {
    let mut message = Vec::new();
    event(value).encode(&mut message);
    message
}

#[test]
fn a_transport_that_takes_nothing_is_given_up_whatever_waits_for_it() {
    assert!(!client_gives_up(|_, _| ()) && !server_gives_up(|_, _| ()));
    assert!(client_gives_up(|client, now| client.session.prompt(now)));
    assert!(server_gives_up(|server, _| server
        .session
        .request_outlines(vec![0])));
    assert!(client_gives_up(|client, now| {
        client.request(now, TYPING, b"");
    }));
    assert!(server_gives_up(|server, now| {
        server.request(now, TYPING, b"");
    }));
}

#[test]
fn a_link_dead_both_ways_is_found_by_both_ends_within_two_heartbeats() {
    let mut pair = Pair::open(&unkept());
    (pair.client.unheard, pair.server.unheard) = (true, true);
    let call = pair.call(b"into the void");
    pair.pass(2 * HEARTBEAT - Duration::from_secs(1));
    assert_eq!((pair.client.end(), pair.server.end()), (None, None));
    pair.pass(Duration::from_secs(4));
    for side in pair.both() {
        assert_eq!(side.end, Some(&End::Silent));
        assert_eq!(side.closed, Some(4009));
    }
    assert_eq!(pair.client.outcome(call), Some(&Outcome::Unknown));
}

#[test]
fn a_link_dead_one_way_is_found_by_the_end_that_hears_nothing_and_told_to_the_other() {
    let mut pair = Pair::open(&unkept());
    pair.client.unheard = true;
    pair.pass(2 * HEARTBEAT + Duration::from_secs(4));
    assert_eq!(pair.server.end(), Some(&End::Silent));
    assert!(
        matches!(pair.client.end(), Some(End::Goodbye(_))),
        "{:?}",
        pair.client.end()
    );
}

#[test]
fn a_vanished_peer_is_found_while_the_writer_is_blocked() {
    let mut pair = Pair::open(&unkept());
    pair.client.unheard = true;
    pair.server.room = 0;
    pair.pass(2 * HEARTBEAT + Duration::from_secs(4));
    assert_eq!(pair.server.end(), Some(&End::Silent));
    assert_eq!(pair.server.closed, Some(4009));
}

#[test]
fn one_that_slept_asks_before_it_gives_the_other_up() {
    let mut pair = Pair::open(&Limits::default());
    pair.pass(HEARTBEAT / 2);
    for _ in 0..3 {
        pair.now = pair.now + 20 * HEARTBEAT;
        pair.client.session.handle(pair.now, Input::Tick);
        pair.server.session.handle(pair.now, Input::Tick);
        pair.drive();
        assert_eq!((pair.client.end(), pair.server.end()), (None, None));
    }
}

#[test]
fn a_probe_finds_a_dead_link_in_five_seconds_and_leaves_a_live_one_alone() {
    let mut pair = Pair::open(&Limits::default());
    for _ in 0..3 {
        pair.client.session.probe(pair.now);
        pair.drive();
        let round_trip = 2 * LATENCY;
        assert_eq!(
            pair.client.events.pop(),
            Some(AnyEvent::Both(Event::Pong { round_trip }))
        );
        pair.pass(3 * HEARTBEAT);
        assert_eq!(pair.client.session.state(), State::Open);
    }
    pair.client.events.clear();
    pair.server.unheard = true;
    pair.client.session.probe(pair.now);
    pair.pass(Duration::from_secs(4));
    // One hint after the other doesn't put the end off.
    pair.client.session.probe(pair.now);
    assert_eq!(pair.client.session.state(), State::Open);
    pair.pass(Duration::from_millis(1_001));
    assert_eq!(pair.client.session.state(), State::Detached);
    let end = End::Silent;
    assert_eq!(
        pair.client.events,
        [AnyEvent::Both(Event::Detached { end })]
    );
    assert_eq!(pair.client.closed, Some(4009));
}

#[test]
fn a_probe_gives_a_welcome_five_seconds() {
    let mut pair = Pair::open(&Limits::default());
    pair.cut();
    pair.client.unheard = true;
    pair.client.session.handle(pair.now, Input::Opened);
    pair.client.session.probe(pair.now);
    pair.pass(Duration::from_secs(4));
    assert_eq!(pair.client.session.state(), State::AwaitingWelcome);
    pair.pass(Duration::from_millis(1_001));
    assert_eq!(pair.client.session.state(), State::Detached);
}

#[test]
fn a_client_that_slept_gives_its_dead_link_up_in_five_seconds() {
    let mut pair = Pair::open(&Limits::default());
    pair.server.unheard = true;
    pair.now = pair.now + 20 * HEARTBEAT;
    pair.client.session.handle(pair.now, Input::Tick);
    pair.pass(Duration::from_secs(6));
    assert_eq!(pair.client.session.state(), State::Detached);
}

#[test]
fn a_peer_that_sends_but_never_reads_is_given_up() {
    let mut pair = Pair::open(&unkept());
    pair.call(b"");
    pair.drive();
    (pair.server.room, pair.client.unheard) = (0, true);
    pair.answer(SeqNo::FIRST, b"unread");
    for _ in 0..10 {
        assert_eq!(pair.server.end(), None);
        pair.pass(Duration::from_millis(2_900));
        pair.inject(&[Frame::Ack(Ack {
            received: None,
            window: 0,
        })]);
    }
    pair.pass(Duration::from_secs(4));
    assert_eq!(pair.server.end(), Some(&End::Silent));
    assert_eq!(pair.server.closed, Some(4009));
}

#[test]
fn a_slow_reader_is_no_silent_one() {
    let mut pair = Pair::open(&Limits::default());
    for i in 0..20 {
        pair.server.room = 0;
        pair.call(b"");
        pair.drive();
        pair.answer(pair.server.requests()[i].0, b"slowly read");
        pair.pass(Duration::from_secs(20));
        pair.server.room = 1;
        pair.drive();
    }
    assert_eq!((pair.server.end(), pair.client.end()), (None, None));
}
