//! Sessions that outlive their connections.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use std::time::Duration;

use super::pair::{ASK, GREET, Pair, ROOM, TYPING, greeting, table};
use crate::frame::{Continuity, Frame, Frames, Start};
use crate::goodbye::{Goodbye, GoodbyeCode, Retry};
use crate::limits::MAX_PART;
use crate::session::side::AnyEvent;
use crate::session::{ClientEvent, End, Event, Input, Outcome, ResumeRejected, SessionLost, State};
use crate::{Answer, Limits, Secret, SeqNo};

fn open() -> Pair {
    Pair::open(&Limits::default())
}

fn value(payload: &[u8]) -> Outcome {
    Outcome::Answered(Answer::Value(payload.to_vec()))
}

fn fresh(pair: &Pair) -> Option<SessionLost> {
    let mut found = pair.client.events.iter().filter_map(|event| match event {
        AnyEvent::Client(ClientEvent::SessionReplaced { why }) => Some(*why),
        _ => None,
    });
    found.next()
}

#[test]
fn a_cut_is_survived_by_both_ends_also_before_the_first_message() {
    let mut pair = open();
    for _ in 0..50 {
        pair.cut();
        for side in pair.both() {
            assert_eq!((side.state, side.end), (State::Detached, None));
        }
        pair.pass(Duration::from_secs(60));
        pair.resume();
        pair.drive();
        for side in pair.both() {
            assert_eq!((side.state, side.end), (State::Open, None));
        }
    }
    let call = pair.call(b"still there?");
    pair.drive();
    pair.answer(SeqNo::FIRST, b"yes");
    pair.drive();
    assert_eq!(pair.client.outcome(call), Some(&value(b"yes")));
}

#[test]
fn what_was_under_way_at_the_cut_arrives_once_and_in_order() {
    let mut pair = open();
    let long = vec![7; 3 * MAX_PART];
    let calls = [pair.call(b"1"), pair.call(&long), pair.call(b"3")];
    pair.client.poll(pair.now);
    // The first message arrives, the others don't.
    let message = pair.client.sent.pop_front().expect("it went out");
    pair.server
        .session
        .handle(pair.now, Input::Message(&message));
    pair.server.poll(pair.now);
    pair.cut();
    pair.resume();
    pair.drive();
    let requests = pair.server.requests();
    let payloads: Vec<&[u8]> = requests.iter().map(|(_, payload)| &payload[..]).collect();
    assert_eq!(payloads, [b"1", &long[..], b"3"]);
    for (number, payload) in requests {
        pair.answer(number, &payload);
    }
    // The answers are lost on their way.
    pair.server.poll(pair.now);
    assert!(!pair.server.sent.is_empty());
    pair.cut();
    pair.resume();
    pair.drive();
    for (call, payload) in calls.into_iter().zip([b"1", &long[..], b"3"]) {
        assert_eq!(pair.client.outcome(call), Some(&value(payload)));
    }
}

#[test]
fn what_is_asked_and_answered_without_a_connection_goes_with_the_next() {
    let mut pair = open();
    let before = pair.call(b"before");
    pair.drive();
    pair.cut();
    pair.answer(SeqNo::FIRST, b"meanwhile");
    let event = pair.client.request(pair.now, TYPING, b"typed");
    let asked = pair.server.request(pair.now, GREET, b"asked");
    pair.drive();
    assert_eq!(pair.client.outcome(event), None);
    pair.resume();
    pair.pass(Duration::from_secs(1));
    assert_eq!(pair.client.outcome(before), Some(&value(b"meanwhile")));
    assert_eq!(pair.client.outcome(event), Some(&Outcome::Accepted));
    assert_eq!(pair.client.requests(), [(number(2), b"asked".to_vec())]);
    assert_eq!(pair.server.outcome(asked), None);
}

fn number(value: u64) -> SeqNo {
    SeqNo::new(value).expect("tests number from one")
}

#[test]
fn a_stream_goes_on_within_its_window() {
    let mut pair = open();
    let stream = pair.client.request(pair.now, ASK, b"");
    pair.drive();
    let item = vec![1; MAX_PART];
    let mut given = 0;
    for round in 0..10 {
        while given < 8 * (round + 1) {
            let full = pair
                .server
                .session
                .item(pair.now, SeqNo::FIRST, item.clone());
            if full.is_err() {
                break;
            }
            given += 1;
        }
        pair.server.poll(pair.now);
        pair.cut();
        pair.resume();
        pair.drive();
        let items = |event: &&AnyEvent| matches!(event, AnyEvent::Both(Event::Item { .. }));
        let arrived = pair.client.events.iter().filter(items).count();
        pair.client
            .events
            .retain(|event| !matches!(event, AnyEvent::Both(Event::Item { .. })));
        for _ in 0..arrived {
            pair.client.session.consumed(pair.now, stream);
        }
    }
    pair.server
        .session
        .answer(pair.now, SeqNo::FIRST, Answer::Value(b"end".to_vec()));
    for _ in 0..10 {
        pair.drive();
        for _ in 0..given {
            pair.client.session.consumed(pair.now, stream);
        }
    }
    assert_eq!(pair.client.outcome(stream), Some(&value(b"end")));
    assert_eq!(pair.client.end(), None);
}

#[test]
fn the_session_is_kept_for_its_time_and_not_longer() {
    let mut pair = open();
    let call = pair.call(b"");
    pair.drive();
    pair.cut();
    pair.pass(Duration::from_secs(119));
    assert_eq!(pair.server.end(), None);
    pair.pass(Duration::from_secs(2));
    assert_eq!(pair.server.end(), Some(&End::Lost));
    assert_eq!(pair.server.session.state(), State::Closed);
    let wanted = pair.wanted();
    let secret = Secret::from_bytes([9; 32]);
    let server = &mut pair.server.session;
    let resumed = server.resume(pair.now, &wanted, &table(), secret);
    let received = Some(SeqNo::FIRST);
    let continuity = Continuity::Evicted { received };
    assert_eq!(resumed, Err(ResumeRejected::Another(continuity)));
    let tombstone = pair.server.session.tombstone().expect("it was welcomed");
    assert_eq!(tombstone.answer(&wanted.secret), continuity);
    pair.welcome_anew(continuity);
    pair.drive();
    assert_eq!(fresh(&pair), Some(SessionLost::Evicted));
    assert_eq!(pair.client.outcome(call), Some(&Outcome::Deadline));
    assert_eq!(pair.client.session.state(), State::Open);
}

#[test]
fn of_a_lost_session_everything_pending_has_a_verdict_that_is_true() {
    let mut pair = open();
    let taken = pair.client.request(pair.now, TYPING, b"taken");
    pair.drive();
    let got = pair.client.request(pair.now, TYPING, b"arrives");
    pair.client.poll(pair.now);
    let message = pair.client.sent.pop_front().expect("it went out");
    pair.server
        .session
        .handle(pair.now, Input::Message(&message));
    let lost = pair.client.request(pair.now, TYPING, b"lost");
    pair.client.poll(pair.now);
    pair.cut();
    let unsent = pair.client.request(pair.now, TYPING, b"unsent");
    let wanted = pair.wanted();
    let tombstone = pair.server.session.tombstone().expect("it was welcomed");
    pair.welcome_anew(tombstone.answer(&wanted.secret));
    pair.drive();
    assert_eq!(pair.client.outcome(taken), Some(&Outcome::Accepted));
    assert_eq!(pair.client.outcome(got), Some(&Outcome::Accepted));
    assert_eq!(pair.client.outcome(lost), Some(&Outcome::NotReceived));
    assert_eq!(pair.client.outcome(unsent), Some(&Outcome::NotReceived));
    // The next session begins from nothing.
    let call = pair.call(b"anew");
    pair.drive();
    assert_eq!(pair.server.requests(), [(SeqNo::FIRST, b"anew".to_vec())]);
    pair.answer(SeqNo::FIRST, b"yes");
    pair.drive();
    assert_eq!(pair.client.outcome(call), Some(&value(b"yes")));
}

#[test]
fn who_knows_no_session_leaves_what_was_sent_unknown() {
    let mut pair = open();
    let sent = pair.client.request(pair.now, TYPING, b"sent");
    pair.client.poll(pair.now);
    pair.cut();
    let unsent = pair.client.request(pair.now, TYPING, b"unsent");
    pair.wanted();
    pair.welcome_anew(Continuity::Unknown);
    pair.drive();
    assert_eq!(fresh(&pair), Some(SessionLost::Unknown));
    assert_eq!(pair.client.outcome(sent), Some(&Outcome::Unknown));
    assert_eq!(pair.client.outcome(unsent), Some(&Outcome::NotReceived));
}

#[test]
fn a_wrong_or_stale_secret_and_another_table_are_of_no_use() {
    let mut pair = open();
    pair.cut();
    let first = pair.wanted();
    let next = || Secret::from_bytes([8; 32]);
    let mut wrong = first.clone();
    wrong.secret = Secret::from_bytes([0; 32]);
    let server = &mut pair.server.session;
    let refused = Err(ResumeRejected::Another(Continuity::Unknown));
    assert_eq!(server.resume(pair.now, &wrong, &table(), next()), refused);
    let other = crate::frame::KindTable::default();
    assert_eq!(server.resume(pair.now, &first, &other, next()), refused);
    let mut ahead = first.clone();
    ahead.received = Some(number(9));
    assert_eq!(server.resume(pair.now, &ahead, &table(), next()), refused);
    assert_eq!(server.resume(pair.now, &first, &table(), next()), Ok(()));
    // The welcome arrives, and something comes back: the first secret is worth nothing now.
    pair.drive();
    pair.call(b"");
    pair.drive();
    let mut stale = first.clone();
    stale.attempt = 9;
    let server = &mut pair.server.session;
    assert_eq!(server.resume(pair.now, &stale, &table(), next()), refused);
    assert!(
        pair.server.session.tombstone().is_some_and(|tombstone| {
            tombstone.answer(&greeting().secret) == Continuity::Unknown
        })
    );
}

#[test]
fn a_welcome_that_is_lost_leaves_both_secrets_good() {
    let mut pair = open();
    pair.call(b"");
    pair.drive();
    for _ in 0..5 {
        pair.cut();
        pair.resume();
        pair.server.poll(pair.now);
        // The welcome is lost with the socket.
    }
    pair.cut();
    pair.resume();
    pair.drive();
    assert_eq!(pair.client.session.state(), State::Open);
}

#[test]
fn a_session_is_resumed_while_its_old_socket_looks_alive() {
    let mut pair = open();
    let call = pair.call(b"sent twice");
    pair.client.poll(pair.now);
    pair.client.sent.clear();
    pair.client.session.handle(pair.now, Input::Lost);
    assert_eq!(pair.server.session.state(), State::Open);
    pair.resume();
    pair.drive();
    assert_eq!(pair.server.requests().len(), 1);
    pair.answer(SeqNo::FIRST, b"once");
    pair.drive();
    assert_eq!(pair.client.outcome(call), Some(&value(b"once")));
}

#[test]
fn a_hello_that_comes_late_is_superseded() {
    let mut pair = open();
    pair.cut();
    let first = pair.wanted();
    pair.client.session.handle(pair.now, Input::Lost);
    let second = pair.wanted();
    let secret = || Secret::from_bytes([10; 32]);
    let server = &mut pair.server.session;
    assert_eq!(server.resume(pair.now, &second, &table(), secret()), Ok(()));
    assert_eq!(
        server.resume(pair.now, &first, &table(), secret()),
        Err(ResumeRejected::Over(Goodbye::new(
            GoodbyeCode::Superseded,
            ""
        )))
    );
}

#[test]
fn silence_costs_the_connection_and_not_the_session() {
    let mut pair = open();
    (pair.client.unheard, pair.server.unheard) = (true, true);
    let call = pair.call(b"into the void");
    pair.pass(Duration::from_secs(29));
    assert_eq!((pair.client.closed, pair.server.closed), (None, None));
    pair.pass(Duration::from_secs(4));
    for side in pair.both() {
        assert_eq!(side.closed, Some(4009));
        assert_eq!((side.state, side.end), (State::Detached, None));
    }
    (pair.client.unheard, pair.server.unheard) = (false, false);
    pair.resume();
    pair.drive();
    assert_eq!(pair.client.outcome(call), Some(&Outcome::Deadline));
    // Both the call and its cancel arrive.
    assert_eq!(pair.server.requests(), []);
    assert_eq!(pair.server.session.state(), State::Open);
}

#[test]
fn a_server_that_is_busy_puts_the_client_off_and_one_that_refuses_ends_it() {
    let mut pair = open();
    let call = pair.call(b"");
    pair.drive();
    pair.cut();
    pair.client.events.clear();
    pair.wanted();
    let wait = Retry::After(Duration::from_secs(3));
    let later = Goodbye {
        retry: wait,
        ..Goodbye::new(GoodbyeCode::GoingAway, "")
    };
    pair.client
        .inject(pair.now, &[Frame::Goodbye(later.clone())]);
    let end = End::Goodbye(later);
    assert_eq!(
        pair.client.events,
        [AnyEvent::Both(Event::Detached { end })]
    );
    assert_eq!(pair.client.closed, Some(1000));
    pair.wanted();
    let never = Goodbye::new(GoodbyeCode::Denied, "");
    pair.client
        .inject(pair.now, &[Frame::Goodbye(never.clone())]);
    assert_eq!(pair.client.end(), Some(&End::Goodbye(never)));
    // What that server says of a connection it never welcomed tells nothing of the session.
    assert_eq!(pair.client.outcome(call), Some(&Outcome::Unknown));
}

#[test]
fn a_handshake_that_takes_too_long_costs_the_connection() {
    let mut pair = open();
    pair.cut();
    pair.wanted();
    pair.pass(Duration::from_secs(11));
    assert_eq!(pair.client.closed, Some(4006));
    assert_eq!(pair.client.session.state(), State::Detached);
}

#[test]
fn what_was_never_acknowledged_bounds_what_is_sent() {
    let mut pair = Pair::open(&Limits::default().requests(1 << 24).queued(1 << 24));
    for _ in 0..100 {
        pair.client.request(pair.now, TYPING, &vec![0; MAX_PART]);
    }
    pair.client.poll(pair.now);
    let sent: usize = pair.client.sent.iter().map(Vec::len).sum();
    let most = crate::limits::MIN_RETAINED + MAX_PART + 64;
    assert!((most / 2..most).contains(&sent), "{sent}");
    // It goes on as the peer acknowledges.
    for _ in 0..100 {
        pair.drive();
        let requests = pair.server.requests();
        for (number, _) in requests {
            pair.server.session.done(pair.now, number);
        }
    }
    assert_eq!(pair.server.requests().len(), 100);
}

#[test]
fn a_session_that_is_finished_waits_a_little_for_a_connection() {
    let mut pair = open();
    pair.cut();
    let event = pair.client.request(pair.now, TYPING, b"last words");
    let done = || Goodbye::new(GoodbyeCode::Done, "");
    pair.client.session.finish(pair.now, done());
    pair.client.poll(pair.now);
    assert_eq!(pair.client.session.state(), State::Detached);
    pair.resume();
    pair.drive();
    pair.server.session.done(pair.now, SeqNo::FIRST);
    pair.drive();
    assert_eq!(pair.client.outcome(event), Some(&Outcome::Accepted));
    assert_eq!(pair.client.end(), Some(&End::Closed(done())));

    let mut pair = open();
    pair.cut();
    let event = pair.client.request(pair.now, TYPING, b"nobody hears");
    pair.client.session.finish(pair.now, done());
    pair.pass(Duration::from_secs(3));
    assert_eq!(pair.client.outcome(event), Some(&Outcome::NotReceived));
    assert_eq!(pair.client.end(), Some(&End::Closed(done())));
    assert_eq!(pair.client.session.state(), State::Closed);
}

#[test]
fn a_welcome_that_contradicts_what_the_client_had_is_refused() {
    for continuity in [
        Continuity::Resumed { received: None },
        Continuity::Unknown,
        Continuity::Evicted { received: None },
    ] {
        let mut pair = Pair::new(&Limits::default());
        pair.drive();
        let admitted = crate::session::Admitted {
            continuity,
            ..greeting()
        };
        pair.server.session.welcome(pair.now, admitted);
        pair.drive();
        assert!(matches!(pair.client.end(), Some(End::Misbehaved(_))));
    }
}

#[test]
fn a_close_while_a_session_is_wanted_back_waits_for_the_welcome() {
    let mut pair = open();
    let event = pair.client.request(pair.now, TYPING, b"heard");
    pair.client.poll(pair.now);
    let message = pair.client.sent.pop_front().expect("it went out");
    let server = &mut pair.server.session;
    server.handle(pair.now, Input::Message(&message));
    // Its acknowledgement is lost.
    pair.server.poll(pair.now);
    pair.cut();
    let wanted = pair.wanted();
    let goodbye = Goodbye::new(GoodbyeCode::Done, "");
    pair.client.session.close(pair.now, goodbye.clone());
    let late = pair.client.request(pair.now, TYPING, b"too late");
    pair.client.poll(pair.now);
    assert!(pair.client.sent.is_empty(), "nothing before the welcome");
    assert_eq!(pair.client.outcome(late), Some(&Outcome::Closed));
    let secret = Secret::from_bytes([9; 32]);
    let resumed = pair
        .server
        .session
        .resume(pair.now, &wanted, &table(), secret);
    assert_eq!(resumed, Ok(()));
    pair.drive();
    pair.server.session.done(pair.now, SeqNo::FIRST);
    pair.drive();
    assert_eq!(pair.client.outcome(event), Some(&Outcome::Accepted));
    assert_eq!(pair.client.end(), Some(&End::Closed(goodbye)));
    assert!(matches!(pair.server.end(), Some(End::Goodbye(_))));
}

#[test]
fn a_close_while_a_session_is_wanted_back_does_not_wait_for_ever() {
    let mut pair = open();
    let event = pair.client.request(pair.now, TYPING, b"heard?");
    pair.client.poll(pair.now);
    pair.cut();
    pair.wanted();
    let goodbye = Goodbye::new(GoodbyeCode::Done, "");
    pair.client.session.close(pair.now, goodbye.clone());
    pair.pass(Duration::from_secs(3));
    assert_eq!(pair.client.outcome(event), Some(&Outcome::Unknown));
    assert_eq!(pair.client.end(), Some(&End::Closed(goodbye)));
    assert_eq!(pair.client.closed, Some(1000));
}

#[test]
fn a_message_that_is_half_out_when_its_session_is_to_end_still_goes_out() {
    let mut pair = Pair::open(&Limits::default().requests(0));
    let long = pair
        .client
        .request(pair.now, TYPING, &vec![7; 4 * MAX_PART]);
    let unsent = pair.client.request(pair.now, TYPING, b"unsent");
    pair.client.poll(pair.now);
    let subscription = pair
        .client
        .session
        .subscribe(pair.now, ROOM, b"", Start::Now);
    let subscription = subscription.expect("the queue has room");
    pair.cut();
    let wanted = pair.wanted();
    pair.client.session.unsubscribe(pair.now, subscription);
    let goodbye = Goodbye::new(GoodbyeCode::Done, "");
    pair.client.session.close(pair.now, goodbye);
    pair.client.poll(pair.now);
    assert_eq!(pair.client.outcome(unsent), Some(&Outcome::NotReceived));
    let secret = Secret::from_bytes([9; 32]);
    let resumed = pair
        .server
        .session
        .resume(pair.now, &wanted, &table(), secret);
    assert_eq!(resumed, Ok(()));
    pair.drive();
    let (number, payload) = pair.server.requests().remove(0);
    assert_eq!(payload, vec![7; 4 * MAX_PART]);
    pair.server.session.done(pair.now, number);
    pair.drive();
    assert_eq!(pair.client.outcome(long), Some(&Outcome::Accepted));
}

#[test]
fn a_question_of_a_lost_session_is_asked_in_the_next() {
    let mut pair = open();
    pair.client.session.prompt(pair.now);
    pair.client.poll(pair.now);
    pair.cut();
    pair.wanted();
    pair.welcome_anew(Continuity::Unknown);
    pair.drive();
    pair.client.events.clear();
    pair.client.session.prompt(pair.now);
    pair.drive();
    let pong = |event: &AnyEvent| matches!(event, AnyEvent::Both(Event::Pong { .. }));
    assert!(pair.client.events.iter().any(pong));
}

#[test]
fn a_server_that_contradicts_itself_hears_a_goodbye_and_nothing_else() {
    let mut pair = open();
    pair.call(b"kept");
    pair.client.poll(pair.now);
    pair.cut();
    pair.wanted();
    pair.welcome_anew(Continuity::New);
    pair.server.poll(pair.now);
    let welcome = pair.server.sent.pop_front().expect("a welcome");
    let client = &mut pair.client;
    client.session.handle(pair.now, Input::Message(&welcome));
    client.poll(pair.now);
    let frames: Vec<_> = client.sent.iter().flat_map(|of| Frames::new(of)).collect();
    assert!(matches!(frames[..], [Ok(Frame::Goodbye(_))]), "{frames:?}");
}
