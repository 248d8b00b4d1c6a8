#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use std::time::Duration;

use super::misbehaviour::{BEGINS, ENDS, FULL, GOES_ON, number, part_of_reply};
use super::pair::{ASK, GREET, Pair, TYPING, UNHEARD, greeting, table};
use crate::frame::{Frame, Frames, Item, Part};
use crate::limits::{MAX_MESSAGE, MAX_PART};
use crate::session::side::AnyEvent;
use crate::session::{
    ClientEvent, ClientSide, Event, Full, Outcome, ServerEvent, ServerSide, Session, State,
};
use crate::{Answer, Limits, Refusal, SeqNo};

/// The largest payload by default.
const LARGEST: usize = 256 * 1024;

fn value(payload: &[u8]) -> Outcome {
    Outcome::Answered(Answer::Value(payload.to_vec()))
}

fn refused(why: Refusal) -> Outcome {
    Outcome::Answered(Answer::Refused(why.into()))
}

#[test]
fn a_hello_reaches_the_application_and_its_welcome_opens_both_ends() {
    let mut pair = Pair::new(&Limits::default());
    pair.drive();
    let [
        AnyEvent::Server(ServerEvent::Hello {
            token, table: told, ..
        }),
    ] = &pair.server.events[..]
    else {
        panic!("{:?}", pair.server.events)
    };
    assert_eq!((token.as_slice(), told), (b"ticket".as_slice(), &table()));
    assert_eq!(pair.server.session.state(), State::Authenticating);
    pair.server.session.welcome(pair.now, greeting());
    pair.drive();
    let [AnyEvent::Client(ClientEvent::Welcome(welcome))] = &pair.client.events[..] else {
        panic!()
    };
    assert_eq!(welcome.session, greeting().session);
    assert_eq!(pair.client.session.state(), State::Open);
}

#[test]
fn calls_made_before_the_welcome_wait_for_it_and_keep_their_order() {
    let mut pair = Pair::new(&Limits::default());
    let calls: Vec<_> = (0..3_u8).map(|i| pair.call(&[i])).collect();
    pair.drive();
    assert_eq!(pair.server.requests(), []);
    pair.server.session.welcome(pair.now, greeting());
    pair.drive();
    let got = pair.server.requests();
    assert_eq!(
        got.iter()
            .map(|(_, payload)| payload[0])
            .collect::<Vec<_>>(),
        [0, 1, 2]
    );
    for ((number, payload), call) in got.iter().zip(calls).rev() {
        pair.answer(*number, payload);
        pair.drive();
        assert_eq!(pair.client.outcome(call), Some(&value(payload)));
    }
}

#[test]
fn many_small_calls_share_one_message() {
    let mut pair = Pair::open(&Limits::default());
    for i in 0..20_u8 {
        pair.call(&[i]);
    }
    pair.client.poll(pair.now);
    assert_eq!(pair.client.sent.len(), 1);
    let frames = Frames::new(&pair.client.sent[0])
        .collect::<Result<Vec<_>, _>>()
        .expect("readable");
    assert_eq!(
        frames
            .iter()
            .filter(|frame| matches!(frame, Frame::Call(_)))
            .count(),
        20
    );
}

#[test]
fn no_message_is_larger_than_the_wire_allows() {
    let mut pair = Pair::open(&Limits::default());
    for _ in 0..6 {
        pair.call(&vec![7; MAX_PART]);
    }
    pair.client.poll(pair.now);
    assert!(pair.client.sent.len() > 1);
    assert!(
        pair.client
            .sent
            .iter()
            .all(|message| message.len() <= MAX_MESSAGE)
    );
    pair.drive();
    assert_eq!(pair.server.requests().len(), 6);
}

#[test]
fn a_refused_kind_ends_its_calls_and_no_others() {
    let mut pair = Pair::new(&Limits::default());
    let early = pair.client.request(pair.now, UNHEARD, b"");
    pair.drive();
    pair.server.session.welcome(pair.now, greeting());
    pair.drive();
    let late = pair.client.request(pair.now, UNHEARD, b"");
    let beyond = pair.client.request(pair.now, 9, b"");
    let good = pair.call(b"Ada");
    pair.drive();
    for call in [early, late, beyond] {
        assert_eq!(
            pair.client.outcome(call),
            Some(&refused(Refusal::UnknownKind))
        );
    }
    pair.answer(pair.server.requests()[0].0, b"hello");
    pair.drive();
    assert_eq!(pair.client.outcome(good), Some(&value(b"hello")));
}

#[test]
fn payloads_beyond_the_limit_end_their_call_on_either_side() {
    let mut pair = Pair::open(&Limits::default());
    let large = pair.call(&vec![0; LARGEST + 1]);
    let largest = pair.call(&vec![0; LARGEST]);
    pair.drive();
    assert_eq!(
        pair.client.outcome(large),
        Some(&refused(Refusal::TooLarge))
    );
    pair.answer(pair.server.requests()[0].0, &vec![0; LARGEST + 1]);
    pair.drive();
    assert_eq!(
        pair.client.outcome(largest),
        Some(&refused(Refusal::TooLarge))
    );
}

#[test]
fn no_more_calls_run_at_once_than_the_limit_and_all_are_answered() {
    let mut pair = Pair::open(&Limits::default().calls(2));
    let calls: Vec<_> = (0..7_u8).map(|i| pair.call(&[i])).collect();
    let mut answered = 0;
    while answered < 7 {
        pair.drive();
        let got = pair.server.requests();
        assert!(got.len() - answered <= 2, "{} run", got.len() - answered);
        pair.answer(got[answered].0, &got[answered].1);
        answered += 1;
    }
    pair.drive();
    for (i, call) in (0..).zip(calls) {
        assert_eq!(pair.client.outcome(call), Some(&value(&[i])));
    }
}

#[test]
fn a_full_window_makes_the_sender_wait_and_credit_lets_it_on() {
    let mut pair = Pair::open(&Limits::default().requests(0).calls(1));
    let window = 2; // of the largest calls, less what each is charged beyond its payload
    let calls: Vec<_> = (0..5_u8)
        .map(|i| pair.call(&vec![i; MAX_PART - 64]))
        .collect();
    pair.drive();
    for (i, call) in calls.iter().enumerate() {
        let (number, payload) = pair.server.requests()[i].clone();
        assert_eq!(payload[0] as usize, i);
        assert_eq!(pair.server.requests().len(), i + 1, "one runs at a time");
        assert!(pair.server.session.incoming.granted() <= (i as u64 + 1 + window) * 32 * 1024);
        pair.answer(number, b"");
        pair.drive();
        assert_eq!(pair.client.outcome(*call), Some(&value(b"")));
    }
}

#[test]
fn a_full_queue_says_so_and_takes_calls_again_after_an_outcome() {
    let mut pair = Pair::new(&Limits::default().queued(0));
    let payload = vec![0; MAX_PART - 64];
    let first = pair.call(&payload);
    pair.call(&payload);
    assert!(!pair.client.session.has_room(payload.len()));
    assert_eq!(
        pair.client
            .session
            .request(pair.now, GREET, payload.clone()),
        Err(Full)
    );
    pair.client.session.cancel(pair.now, first);
    assert!(
        pair.client
            .session
            .request(pair.now, GREET, payload)
            .is_ok()
    );
}

#[test]
fn an_abandoned_call_is_never_sent_and_a_late_answer_goes_nowhere() {
    let mut pair = Pair::new(&Limits::default());
    let unsent = pair.call(b"unsent");
    pair.client.session.cancel(pair.now, unsent);
    pair.drive();
    pair.server.session.welcome(pair.now, greeting());
    let sent = pair.call(b"sent");
    pair.drive();
    assert_eq!(pair.server.requests(), [(SeqNo::FIRST, b"sent".to_vec())]);
    pair.client.session.cancel(pair.now, sent);
    pair.answer(SeqNo::FIRST, b"late");
    pair.drive();
    assert_eq!(
        (pair.client.outcome(unsent), pair.client.outcome(sent)),
        (None, None)
    );
    assert_eq!(pair.client.end(), None);
}

#[test]
fn a_deadline_ends_the_call_on_both_sides_once() {
    let limits = Limits::default().call_deadline(Duration::from_secs(5));
    let mut pair = Pair::open(&limits);
    let call = pair.call(b"slow");
    pair.pass(Duration::from_secs(4));
    assert_eq!(pair.client.outcome(call), None);
    pair.pass(Duration::from_secs(2));
    assert_eq!(pair.client.outcome(call), Some(&Outcome::Deadline));
    assert!(pair.server.events.contains(&AnyEvent::Both(Event::Dropped {
        request: SeqNo::FIRST,
        why: Refusal::Cancelled,
    })));
    pair.answer(SeqNo::FIRST, b"too late");
    pair.drive();
    let next = pair.call(b"next");
    pair.drive();
    pair.answer(pair.server.requests()[1].0, b"fine");
    pair.drive();
    assert_eq!(pair.client.outcome(next), Some(&value(b"fine")));
}

#[test]
fn a_lost_connection_tells_calls_that_were_never_sent_from_those_that_may_have_run() {
    let mut pair = Pair::open(&Limits::default().resume(Duration::ZERO));
    let sent = pair.call(b"sent");
    pair.drive();
    pair.client.room = 0;
    let unsent = pair.call(b"unsent");
    pair.cut();
    assert_eq!(pair.client.outcome(sent), Some(&Outcome::Unknown));
    assert_eq!(pair.client.outcome(unsent), Some(&Outcome::NotReceived));
    let after = pair
        .client
        .session
        .request(pair.now, GREET, vec![])
        .expect("room");
    pair.drive();
    assert_eq!(pair.client.outcome(after), Some(&Outcome::Closed));
}

#[test]
fn what_arrives_is_acknowledged_though_nothing_else_is_sent() {
    let mut pair = Pair::open(&Limits::default());
    pair.call(b"");
    pair.client.poll(pair.now);
    let message = pair.client.sent.pop_front().expect("the call went out");
    pair.server
        .session
        .handle(pair.now, crate::session::Input::Message(&message));
    pair.server.poll(pair.now);
    assert!(
        pair.server.sent.is_empty(),
        "an acknowledgement waits for company"
    );
    pair.now = pair.server.wake.expect("a timer runs");
    pair.server
        .session
        .handle(pair.now, crate::session::Input::Tick);
    pair.server.poll(pair.now);
    let message = pair.server.sent.pop_front().expect("it went alone");
    let ack = Frames::new(&message).next();
    assert!(matches!(ack, Some(Ok(Frame::Ack(ack))) if ack.received == Some(SeqNo::FIRST)));
}

#[test]
fn sessions_may_move_between_threads() {
    fn check<T: Send + 'static>() {}
    check::<Session<ClientSide>>();
    check::<Session<ServerSide>>();
}

#[test]
fn a_transport_without_room_gets_nothing() {
    let mut pair = Pair::open(&Limits::default());
    pair.client.room = 0;
    pair.call(b"");
    pair.client.poll(pair.now);
    assert!(pair.client.sent.is_empty());
    pair.client.room = 1;
    pair.client.poll(pair.now);
    assert_eq!(pair.client.sent.len(), 1);
}

#[test]
fn a_call_that_had_to_wait_for_the_writer_gets_its_whole_time() {
    let limits = Limits::default()
        .call_deadline(Duration::from_secs(5))
        .calls(1);
    let mut pair = Pair::open(&limits);
    let (_, second) = (pair.call(b"1"), pair.call(b"2"));
    pair.client.session.cancel(pair.now, second);
    let mut frames = Vec::new();
    for number in 1..=2 {
        let number = SeqNo::new(number).expect("from one");
        frames.push(Frame::Call(crate::frame::Call {
            number,
            part: Part::WHOLE,
            kind: Some(GREET),
            payload: b"",
        }));
    }
    pair.inject(&frames);
    pair.server.room = 0;
    pair.answer(SeqNo::FIRST, b"");
    pair.server.poll(pair.now);
    pair.now = pair.now + Duration::from_secs(10);
    pair.server.room = 1;
    pair.server.poll(pair.now);
    assert_eq!(pair.server.requests().len(), 2);
    pair.server
        .session
        .handle(pair.now, crate::session::Input::Tick);
    pair.server.poll(pair.now);
    let dropped = |event: &AnyEvent| matches!(event, AnyEvent::Both(Event::Dropped { .. }));
    assert!(!pair.server.events.iter().any(dropped));
}

#[test]
fn a_call_that_is_late_half_way_leaves_the_wire_in_order() {
    let limits = Limits::default().call_deadline(Duration::from_secs(5));
    let mut pair = Pair::open(&limits);
    // The events take most of the window, so that the call can't go out as a whole.
    for _ in 0..5 {
        pair.client.request(pair.now, TYPING, &vec![0; MAX_PART]);
    }
    pair.drive();
    pair.server.session.hold(SeqNo::FIRST);
    let long = pair.call(&vec![7; 6 * MAX_PART]);
    pair.pass(Duration::from_secs(6));
    assert_eq!(pair.client.outcome(long), Some(&Outcome::Deadline));
    for (number, _) in pair.server.requests() {
        pair.server.session.done(pair.now, number);
    }
    pair.pass(Duration::from_secs(1));
    assert_eq!(pair.server.end(), None);
    assert_eq!(pair.client.session.state(), State::Open);
}

#[test]
fn parts_of_an_answer_give_its_call_no_more_time() {
    let limits = Limits::default().call_deadline(Duration::from_secs(5));
    let mut pair = Pair::open(&limits);
    let call = pair.call(b"slow");
    pair.client.poll(pair.now);
    for (value, part) in (1..).zip([BEGINS, GOES_ON, GOES_ON]) {
        assert_eq!(pair.client.outcome(call), None, "before part {value}");
        pair.client
            .inject(pair.now, &[part_of_reply(value, part, &FULL)]);
        pair.now = pair.now + Duration::from_secs(2);
        let tick = crate::session::Input::Tick;
        pair.client.session.handle(pair.now, tick);
        pair.client.poll(pair.now);
    }
    assert_eq!(pair.client.outcome(call), Some(&Outcome::Deadline));
    // What of the answer still comes is nobody's.
    pair.client
        .inject(pair.now, &[part_of_reply(4, ENDS, b"late")]);
    assert_eq!(pair.client.outcome(call), Some(&Outcome::Deadline));
    assert_eq!(pair.client.end(), None);
}

#[test]
fn parts_of_an_item_give_its_stream_no_more_time() {
    let limits = Limits::default().call_deadline(Duration::from_secs(5));
    let mut pair = Pair::open(&limits);
    let stream = pair.client.request(pair.now, ASK, b"");
    pair.client.poll(pair.now);
    for (value, part) in (1..).zip([BEGINS, GOES_ON, GOES_ON]) {
        assert_eq!(pair.client.outcome(stream), None, "before part {value}");
        let item = Frame::Item(Item {
            number: number(value),
            part,
            call: SeqNo::FIRST,
            payload: &FULL,
        });
        pair.client.inject(pair.now, &[item]);
        pair.now = pair.now + Duration::from_secs(2);
        let tick = crate::session::Input::Tick;
        pair.client.session.handle(pair.now, tick);
        pair.client.poll(pair.now);
    }
    assert_eq!(pair.client.outcome(stream), Some(&Outcome::Deadline));
    assert_eq!(pair.client.end(), None);
}
