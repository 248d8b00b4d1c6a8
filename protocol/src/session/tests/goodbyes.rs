#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use std::time::Duration;

use super::pair::{Pair, TYPING, goodbye};
use crate::frame::Frame;
use crate::session::side::AnyEvent;
use crate::session::{End, Event, Input, Outcome, State};
use crate::{Answer, Goodbye, GoodbyeCode, Limits, SeqNo, Time};

fn done() -> Goodbye {
    Goodbye::new(GoodbyeCode::Done, "bye")
}

#[test]
fn a_clients_goodbye_is_answered_and_the_server_closes() {
    let mut pair = Pair::open(&Limits::default());
    pair.client.session.close(pair.now, done());
    pair.drive();
    assert!(matches!(pair.server.end(), Some(End::Goodbye(goodbye)) if goodbye.reason == "bye"));
    assert_eq!(pair.client.end(), Some(&End::Closed(done())));
    assert_eq!((pair.server.closed, pair.client.closed), (Some(1000), None));
    assert_eq!(pair.client.session.state(), State::AwaitingClose);
    pair.cut();
    assert_eq!(pair.client.session.state(), State::Closed);
}

#[test]
fn a_servers_goodbye_is_answered_and_the_server_closes() {
    let mut pair = Pair::open(&Limits::default());
    pair.server
        .session
        .close(pair.now, Goodbye::new(GoodbyeCode::GoingAway, ""));
    pair.drive();
    assert!(matches!(pair.client.end(), Some(End::Goodbye(g)) if g.code == GoodbyeCode::GoingAway));
    assert_eq!((pair.server.closed, pair.client.closed), (Some(1001), None));
}

#[test]
fn answers_given_before_a_goodbye_still_arrive() {
    let mut pair = Pair::open(&Limits::default());
    let (answered, running) = (pair.call(b"a"), pair.call(b"b"));
    pair.drive();
    pair.answer(SeqNo::FIRST, b"A");
    pair.server.session.close(pair.now, done());
    pair.drive();
    let value = Outcome::Answered(Answer::Value(b"A".to_vec()));
    assert_eq!(pair.client.outcome(answered), Some(&value));
    assert_eq!(pair.client.outcome(running), Some(&Outcome::Unknown));
}

/// Nobody would hear the answer.
#[test]
fn a_call_that_waits_when_its_callers_goodbye_comes_never_starts() {
    let mut pair = Pair::open(&Limits::default());
    pair.client.request(pair.now, TYPING, b"slow");
    pair.call(b"waits for the event");
    pair.drive();
    pair.inject(&[Frame::Goodbye(done())]);
    pair.server.session.done(pair.now, SeqNo::FIRST);
    pair.server.poll(pair.now);
    let started = pair.server.requests();
    assert_eq!(started, [(SeqNo::FIRST, b"slow".to_vec())]);
}

#[test]
fn a_goodbye_tells_which_calls_never_arrived() {
    let mut pair = Pair::open(&Limits::default());
    pair.server.session.close(pair.now, done());
    pair.server.poll(pair.now);
    let crossing = pair.call(b"crosses the goodbye");
    pair.drive();
    assert_eq!(pair.server.requests(), []);
    assert_eq!(pair.client.outcome(crossing), Some(&Outcome::NotReceived));
}

#[test]
fn a_peer_that_never_answers_a_goodbye_is_closed_after_the_drain() {
    let mut pair = Pair::open(&Limits::default());
    let pending = pair.call(b"");
    pair.drive();
    pair.client.session.close(pair.now, done());
    pair.client.poll(pair.now);
    pair.client.sent.clear();
    pair.pass(Duration::from_secs(1));
    assert_eq!(pair.client.closed, None);
    pair.pass(Duration::from_secs(2));
    assert_eq!(pair.client.closed, Some(1000));
    assert_eq!(pair.client.outcome(pending), Some(&Outcome::Unknown));
    assert_eq!(pair.client.end(), Some(&End::Closed(done())));
}

#[test]
fn a_server_that_never_closes_is_closed_by_the_client() {
    let mut pair = Pair::open(&Limits::default());
    pair.client.session.close(pair.now, done());
    pair.pass(Duration::from_secs(3));
    assert_eq!(pair.client.closed, Some(1000));
}

#[test]
fn a_reader_that_has_stopped_is_closed_without_last_words() {
    let mut pair = Pair::open(&Limits::default());
    pair.server.room = 0;
    pair.server
        .session
        .close(pair.now, Goodbye::new(GoodbyeCode::Internal, ""));
    pair.pass(Duration::from_secs(3));
    assert_eq!(pair.server.closed, Some(4008));
    assert!(pair.server.sent.is_empty());
}

#[test]
fn a_refused_client_learns_why_and_the_server_does_not_wait() {
    let mut pair = Pair::new(&Limits::default());
    let waiting = pair.call(b"");
    pair.drive();
    pair.server.session.close(
        pair.now,
        Goodbye::new(GoodbyeCode::Denied, "no such ticket"),
    );
    pair.server.poll(pair.now);
    assert_eq!(goodbye(&pair.server).code, GoodbyeCode::Denied);
    assert_eq!(pair.server.closed, Some(4005));
    pair.drive();
    assert!(matches!(pair.client.end(), Some(End::Goodbye(g)) if g.code == GoodbyeCode::Denied));
    assert_eq!(pair.client.outcome(waiting), Some(&Outcome::NotReceived));
}

#[test]
fn a_silent_client_holds_no_socket() {
    let mut pair = Pair::new(&Limits::default());
    pair.client.room = 0;
    pair.pass(Duration::from_secs(11));
    assert_eq!(pair.server.end(), Some(&End::TooSlow));
    assert_eq!(pair.server.closed, Some(4006));
}

#[test]
fn an_application_that_judges_too_long_does_not_hold_the_client() {
    let mut pair = Pair::new(&Limits::default());
    pair.pass(Duration::from_secs(11));
    assert!(pair.client.end().is_some());
    assert!(pair.server.end().is_some());
}

#[test]
fn closing_before_the_socket_opened_ends_at_once() {
    let mut client =
        crate::session::Session::client(Limits::default(), super::pair::table(), vec![]);
    client.close(Time::default(), done());
    let mut out = Vec::new();
    let ended = crate::session::Output::Event(Event::Ended(End::Closed(done())));
    assert_eq!(client.poll(Time::default(), &mut out, usize::MAX), ended);
}

#[test]
fn the_end_is_told_once() {
    let mut pair = Pair::open(&Limits::default());
    pair.client.session.close(pair.now, done());
    pair.server.session.close(pair.now, done());
    pair.drive();
    pair.cut();
    pair.client.session.handle(pair.now, Input::Lost);
    pair.pass(Duration::from_secs(60));
    for side in pair.both() {
        let ends = side
            .events
            .iter()
            .filter(|event| matches!(event, AnyEvent::Both(Event::Ended(_))));
        assert_eq!(ends.count(), 1);
        assert_eq!(side.state, State::Closed);
        assert_eq!(side.wake, None);
    }
}

#[test]
fn the_last_message_leaves_before_the_close() {
    let mut pair = Pair::open(&Limits::default());
    pair.call(b"");
    pair.drive();
    pair.answer(SeqNo::FIRST, &[7; 1000]);
    let mut goodbye = Vec::new();
    Frame::Goodbye(done()).encode(&mut goodbye);
    pair.server
        .session
        .handle(pair.now, Input::Message(&goodbye));
    let mut out = Vec::new();
    let mut poll = |room| loop {
        match pair.server.session.poll(pair.now, &mut out, room) {
            crate::session::Output::Event(_) => {}
            output => return output,
        }
    };
    assert_eq!(poll(1), crate::session::Output::Send);
    assert!(
        matches!(poll(0), crate::session::Output::Wait(Some(_))),
        "the transport still holds it"
    );
    assert_eq!(poll(1), crate::session::Output::Close { code: 1000 });
}

#[test]
fn a_client_closed_before_it_opened_stays_closed() {
    let mut client =
        crate::session::Session::client(Limits::default(), super::pair::table(), vec![]);
    client.close(Time::default(), done());
    client.handle(Time::default(), Input::Opened);
    assert_eq!(client.state(), State::Closed);
}

#[test]
fn a_close_that_waits_when_the_peers_goodbye_comes_is_the_end() {
    let limits = Limits::default();
    let mut pair = Pair::open(&limits.queued(1 << 20));
    for _ in 0..40 {
        // More than the server takes before it has handled some.
        pair.client.request(pair.now, TYPING, &[7; 20_000]);
    }
    pair.drive();
    pair.client.session.finish(pair.now, done());
    pair.drive();
    assert_eq!(pair.client.session.state(), State::Open);
    pair.server
        .session
        .close(pair.now, Goodbye::new(GoodbyeCode::GoingAway, ""));
    pair.drive();
    assert_eq!(pair.client.end(), Some(&End::Closed(done())));
}

#[test]
fn a_close_after_the_peers_goodbye_is_remembered() {
    let mut pair = Pair::open(&Limits::default());
    let going = Goodbye::new(GoodbyeCode::GoingAway, "");
    pair.server.session.close(pair.now, going);
    pair.drive();
    assert_eq!(pair.client.session.state(), State::AwaitingClose);
    assert_eq!(pair.client.session.closed_with(), None);
    pair.client.session.finish(pair.now, done());
    assert_eq!(pair.client.session.closed_with(), Some(&done()));
}

#[test]
fn a_long_answer_goes_out_whole_before_the_goodbye() {
    let mut pair = Pair::open(&Limits::default());
    let call = pair.call(b"");
    pair.drive();
    let answer = vec![7; 200_000];
    pair.answer(SeqNo::FIRST, &answer);
    let goodbye = Goodbye::new(GoodbyeCode::Done, "");
    pair.server.session.close(pair.now, goodbye);
    pair.drive();
    let answered = Outcome::Answered(Answer::Value(answer));
    assert_eq!(pair.client.outcome(call), Some(&answered));
}
