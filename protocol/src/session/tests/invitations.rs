//! A server puts its client into a topic, and out of it.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use super::pair::{GREET, Pair, ROOM};
use crate::frame::{
    Call, Frame, INVITE, Invite, JOIN, LEAVE, Leave, Malformed, Part, Reply, ReplyPart, Start,
};
use crate::log::{Log, Retention};
use crate::session::side::AnyEvent;
use crate::session::{
    ClientEvent, End, Event, Outcome, PeerMisbehaved, Request, RequestKey, ServerEvent,
    TopicRequest,
};
use crate::{Alias, Answer, Class, Epoch, Limits, Offset, Position, SeqNo};

const ALIAS: Alias = Alias::new(7);
const EPOCH: Epoch = Epoch::from_bytes([9; 8]);
const FIRST: Position = Position {
    epoch: EPOCH,
    offset: Offset::FIRST,
};

fn pair() -> Pair {
    let mut pair = Pair::open(&Limits::default());
    let log = Log::new(ALIAS, EPOCH, Retention::default());
    pair.server.logs.push(log);
    pair
}

fn publish(pair: &mut Pair, item: u8) {
    let log = &mut pair.server.logs[0];
    log.append(vec![item], None).expect("it fits a frame");
    let head = log.next();
    pair.server.session.log_advanced(ALIAS, head);
}

fn invite(kind: u32) -> Vec<u8> {
    let (key, position) = (b"lobby".as_slice(), FIRST);
    let invite = Invite {
        kind,
        key,
        position,
    };
    invite.encode()
}

fn ask_to_join(pair: &mut Pair, start: Start) -> RequestKey {
    let session = &mut pair.client.session;
    let subscription = session.subscribe(pair.now, ROOM, b"lobby", start);
    pair.drive();
    subscription.expect("the queue has room")
}

/// Lets the client in, without a message of that on its way.
fn admit(pair: &mut Pair) {
    let mut events = pair.server.events.iter().rev();
    let asked = events.find_map(|event| match event {
        AnyEvent::Both(Event::Request(Request {
            number,
            topic: Some(TopicRequest::Join { start }),
            ..
        })) => Some((*number, *start)),
        _ => None,
    });
    let (number, start) = asked.expect("it wants to join");
    let log = &pair.server.logs[0];
    let session = &mut pair.server.session;
    session.joined(pair.now, number, log.join(start), log.next());
}

fn heard(pair: &Pair) -> Vec<String> {
    let told = |event: &AnyEvent| match event {
        AnyEvent::Client(ClientEvent::Joined { .. }) => Some("joined".to_owned()),
        AnyEvent::Client(ClientEvent::Publication { payload, .. }) => Some(format!("{payload:?}")),
        AnyEvent::Client(ClientEvent::Removed { .. }) => Some("put out".to_owned()),
        _ => None,
    };
    pair.client.events.iter().filter_map(told).collect()
}

#[test]
fn an_invitation_says_where_to_join_and_from_where_to_hear() {
    let mut pair = pair();
    let session = &mut pair.server.session;
    let invited = session.invite(pair.now, ROOM, b"lobby", FIRST);
    let request = invited.expect("the queue has room");
    publish(&mut pair, 1);
    pair.drive();
    let Some(AnyEvent::Both(Event::Request(invitation))) = pair.client.events.last().cloned()
    else {
        panic!("{:?}", pair.client.events);
    };
    let expected = Request {
        number: SeqNo::FIRST,
        class: Class::Topic,
        kind: ROOM,
        payload: invite(ROOM),
        topic: Some(TopicRequest::Invite),
    };
    assert_eq!(invitation, expected);
    let read = Invite::decode(&invitation.payload).expect("the session has read it");
    assert_eq!((read.key, read.position), (b"lobby".as_slice(), FIRST));
    let nothing = Answer::Value(Vec::new());
    let session = &mut pair.client.session;
    session.answer(pair.now, invitation.number, nothing.clone());
    pair.drive();
    let outcome = Outcome::Answered(nothing);
    let answered = AnyEvent::Both(Event::Outcome { request, outcome });
    assert_eq!(pair.server.events.last(), Some(&answered));
    ask_to_join(&mut pair, Start::At(FIRST));
    admit(&mut pair);
    pair.drive();
    assert_eq!(heard(&pair), ["joined", "[1]"]);
}

#[test]
fn who_is_put_out_hears_nothing_more_and_may_join_again() {
    let mut pair = pair();
    let subscription = ask_to_join(&mut pair, Start::Now);
    admit(&mut pair);
    publish(&mut pair, 1);
    pair.drive();
    publish(&mut pair, 2);
    pair.server.session.unsubscribe_peer(pair.now, ALIAS);
    // There is nobody left to be put out.
    pair.server.session.unsubscribe_peer(pair.now, ALIAS);
    publish(&mut pair, 3);
    pair.drive();
    assert_eq!(heard(&pair), ["joined", "[1]", "put out"]);
    assert_eq!(
        pair.client.events.last(),
        Some(&AnyEvent::Client(ClientEvent::Removed { subscription }))
    );
    let left = |event: &&AnyEvent| **event == AnyEvent::Server(ServerEvent::Left { alias: ALIAS });
    assert_eq!(pair.server.events.iter().filter(left).count(), 1);
    let outcome = |event: &AnyEvent| matches!(event, AnyEvent::Both(Event::Outcome { .. }));
    assert!(
        !pair.server.events.iter().any(outcome),
        "the server's application has asked for nothing"
    );

    // The application's handle goes after that, which is no news.
    pair.client.session.unsubscribe(pair.now, subscription);
    ask_to_join(&mut pair, Start::Last(1));
    admit(&mut pair);
    pair.drive();
    assert_eq!(heard(&pair)[3..], ["joined", "[3]"]);
    assert_eq!((pair.client.end(), pair.server.end()), (None, None));
}

#[test]
fn who_is_put_out_before_it_knows_that_it_is_in_never_is() {
    let mut pair = pair();
    let subscription = ask_to_join(&mut pair, Start::Now);
    admit(&mut pair);
    pair.server.session.unsubscribe_peer(pair.now, ALIAS);
    publish(&mut pair, 1);
    pair.drive();
    let told = heard(&pair);
    assert_eq!(told.last().map(String::as_str), Some("put out"));
    assert!(!told.contains(&"[1]".to_owned()), "{told:?}");
    pair.client.session.unsubscribe(pair.now, subscription);
    ask_to_join(&mut pair, Start::Last(1));
    admit(&mut pair);
    pair.drive();
    let told = heard(&pair);
    assert_eq!(told[told.len() - 2..], ["joined", "[1]"]);
    assert_eq!((pair.client.end(), pair.server.end()), (None, None));
}

#[test]
fn a_join_is_taken_back_also_if_that_comes_before_its_reply() {
    let mut pair = pair();
    let subscription = ask_to_join(&mut pair, Start::Now);
    let (alias, join) = (ALIAS, SeqNo::FIRST);
    let leave = Leave { alias, join }.encode();
    let leave = Frame::Call(Call {
        number: SeqNo::FIRST,
        part: Part::WHOLE,
        kind: Some(LEAVE),
        payload: &leave,
    });
    let joined = pair.server.logs[0].join(Start::Now).encode();
    let reply = Frame::Reply(Reply {
        number: SeqNo::FIRST.next(),
        call: join,
        content: ReplyPart::First {
            answer: Answer::Value(&joined),
            more: false,
        },
    });
    pair.client.inject(pair.now, &[leave]);
    pair.client.inject(pair.now, &[reply]);
    assert_eq!(
        pair.client.events.last(),
        Some(&AnyEvent::Client(ClientEvent::Removed { subscription }))
    );
    assert_eq!((heard(&pair).len(), pair.client.end()), (1, None));
}

#[test]
fn who_leaves_and_is_put_out_at_once_is_out_once() {
    let mut pair = pair();
    let subscription = ask_to_join(&mut pair, Start::Now);
    admit(&mut pair);
    pair.drive();
    pair.client.session.unsubscribe(pair.now, subscription);
    pair.server.session.unsubscribe_peer(pair.now, ALIAS);
    pair.drive();
    assert_eq!(heard(&pair), ["joined"]);
    assert_eq!((pair.client.end(), pair.server.end()), (None, None));
}

#[test]
fn a_server_asks_what_a_server_may() {
    let check = |kind, payload: &[u8], fault: PeerMisbehaved| {
        let mut pair = pair();
        let call = Frame::Call(Call {
            number: SeqNo::FIRST,
            part: Part::WHOLE,
            kind: Some(kind),
            payload,
        });
        pair.client.inject(pair.now, &[call]);
        assert_eq!(pair.client.end(), Some(&End::Misbehaved(fault)), "{kind}");
    };
    check(INVITE, &invite(GREET), PeerMisbehaved::WrongClass);
    check(INVITE, &invite(77), PeerMisbehaved::KindBeyondTable);
    let cut = &invite(ROOM)[..9];
    check(INVITE, cut, Malformed::Truncated.into());
    check(LEAVE, b"", Malformed::Truncated.into());
    check(JOIN, &invite(ROOM), PeerMisbehaved::KindBeyondTable);
    check(ROOM, b"", PeerMisbehaved::WrongClass);
}

#[test]
fn who_is_put_out_while_away_stays_out() {
    let mut pair = pair();
    ask_to_join(&mut pair, Start::Now);
    admit(&mut pair);
    pair.drive();
    pair.cut();
    pair.server.session.unsubscribe_peer(pair.now, ALIAS);
    publish(&mut pair, 1);
    pair.resume();
    pair.drive();
    publish(&mut pair, 2);
    pair.drive();
    let heard = heard(&pair);
    assert!(!heard.iter().any(|what| what.starts_with('[')), "{heard:?}");
    let put_out = |event: &AnyEvent| matches!(event, AnyEvent::Client(ClientEvent::Removed { .. }));
    assert!(pair.client.events.iter().any(put_out));
}
