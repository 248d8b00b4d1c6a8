#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use super::pair::{Pair, goodbye, greeting, hello};
use crate::frame::{Ack, Call, Frame, FrameType, Malformed, Ping, Reply, Welcome};
use crate::limits::{MAX_MESSAGE, MAX_PAYLOAD};
use crate::session::state::{Admission, Role};
use crate::session::{End, Input, PeerMisbehaved, State};
use crate::{Answer, GoodbyeCode, Limits, Number};

fn number(value: u64) -> Number {
    Number::new(value).expect("tests number from one")
}

fn call(value: u64) -> Frame<'static> {
    Frame::Call(Call {
        number: number(value),
        kind: 0,
        payload: b"",
    })
}

/// An open server gets `frames` and refuses the client for `fault`, in words.
fn check(frames: &[Frame<'_>], fault: PeerMisbehaved) {
    let mut pair = Pair::open(&Limits::default());
    pair.inject(frames);
    assert_eq!(pair.server.end(), Some(&End::Misbehaved(fault)));
    let goodbye = goodbye(&pair.server);
    assert_eq!(goodbye.code, fault.code());
    assert_eq!(pair.server.closed, Some(fault.code().close_code()));
    assert!(!goodbye.reason.is_empty());
    pair.drive();
    assert!(matches!(pair.client.end(), Some(End::Goodbye(told)) if told.code == fault.code()));
}

#[test]
fn numbers_that_skip_or_repeat_are_refused() {
    let skipped = |expected, got| PeerMisbehaved::NumberSkipped {
        expected: number(expected),
        got: number(got),
    };
    check(&[call(2)], skipped(1, 2));
    check(&[call(1), call(1)], skipped(2, 1));
    check(&[call(1), call(3)], skipped(2, 3));
}

#[test]
fn an_ack_of_what_was_never_sent_is_refused() {
    check(
        &[Frame::Ack(Ack {
            received: Some(number(1)),
            window: 0,
        })],
        PeerMisbehaved::AckAhead,
    );
}

#[test]
fn a_kind_beyond_the_table_is_refused() {
    let beyond = Frame::Call(Call {
        number: number(1),
        kind: 2,
        payload: b"",
    });
    check(&[beyond], PeerMisbehaved::KindBeyondTable);
}

#[test]
fn an_overrun_of_the_window_is_refused() {
    let payload = vec![0; MAX_PAYLOAD];
    let mut pair = Pair::open(&Limits::default().calls(1));
    for i in 1..20 {
        pair.inject(&[Frame::Call(Call {
            number: number(i),
            kind: 0,
            payload: &payload,
        })]);
    }
    assert_eq!(
        pair.server.end(),
        Some(&End::Misbehaved(PeerMisbehaved::WindowOverrun))
    );
    assert_eq!(goodbye(&pair.server).code, GoodbyeCode::Limit);
}

#[test]
fn unreadable_messages_are_refused() {
    let check = |message: &[u8], fault: Malformed, code| {
        let mut pair = Pair::open(&Limits::default());
        pair.server
            .session
            .handle(pair.now, Input::Message(message));
        pair.server.poll(pair.now);
        assert_eq!(pair.server.end(), Some(&End::Misbehaved(fault.into())));
        assert_eq!(goodbye(&pair.server).code, code);
    };
    check(&[], Malformed::Truncated, GoodbyeCode::Malformed);
    check(
        &[2, 0x7f, 0],
        Malformed::UnknownType(0x7f),
        GoodbyeCode::Unsupported,
    );
    check(
        &vec![0; MAX_MESSAGE + 1],
        Malformed::OverLimit,
        GoodbyeCode::Limit,
    );
}

#[test]
fn text_is_refused() {
    let mut pair = Pair::open(&Limits::default());
    pair.server.session.handle(pair.now, Input::Text);
    pair.server.poll(pair.now);
    assert_eq!(
        pair.server.end(),
        Some(&End::Misbehaved(Malformed::Text.into()))
    );
}

#[test]
fn a_reply_to_nothing_is_refused_by_the_client() {
    let mut pair = Pair::open(&Limits::default());
    let reply = Frame::Reply(Reply {
        number: number(1),
        call: number(1),
        answer: Answer::Value(b""),
    });
    let mut message = Vec::new();
    reply.encode(&mut message);
    pair.client
        .session
        .handle(pair.now, Input::Message(&message));
    pair.client.poll(pair.now);
    assert_eq!(
        pair.client.end(),
        Some(&End::Misbehaved(PeerMisbehaved::ReplyToNothing))
    );
    assert_eq!(pair.client.closed, Some(4002));
}

/// Every state against every frame, on both sides: what is refused ends in a goodbye of
/// `wrong_state`, what is dropped changes nothing.
#[test]
fn each_frame_has_its_place_in_each_state() {
    for role in [Role::Client, Role::Server] {
        for (state, ..) in State::ALL {
            for (frame, ..) in FrameType::ALL {
                let Some(mut pair) = stand(role, *state) else {
                    continue;
                };
                let side = match role {
                    Role::Client => &mut pair.client,
                    Role::Server => &mut pair.server,
                };
                assert_eq!(side.session.state(), *state);
                let mut message = Vec::new();
                sample(*frame).encode(&mut message);
                side.session.handle(pair.now, Input::Message(&message));
                side.poll(pair.now);
                let wrong = End::Misbehaved(PeerMisbehaved::WrongState {
                    frame: *frame,
                    state: *state,
                });
                let refused = side.end() == Some(&wrong);
                let admission = state.admit(role, *frame);
                assert_eq!(
                    refused,
                    admission == Admission::Refuse,
                    "{role:?} {state:?} {frame:?}"
                );
            }
        }
    }
}

fn sample(frame: FrameType) -> Frame<'static> {
    match frame {
        FrameType::Goodbye => Frame::Goodbye(crate::Goodbye::new(GoodbyeCode::Done, "")),
        FrameType::Hello => Frame::Hello(hello()),
        FrameType::Welcome => {
            let g = greeting();
            let (session, peer, boot) = (g.session, g.peer, g.boot);
            Frame::Welcome(Welcome {
                session,
                peer,
                boot,
                window: 0,
                refused: g.refused,
            })
        }
        FrameType::Ack => Frame::Ack(Ack {
            received: None,
            window: 0,
        }),
        FrameType::Ping => Frame::Ping(Ping { id: 0 }),
        FrameType::Pong => Frame::Pong(Ping { id: 0 }),
        FrameType::Call => call(1),
        FrameType::Reply => Frame::Reply(Reply {
            number: number(1),
            call: number(1),
            answer: Answer::Value(b""),
        }),
    }
}

/// A pair with one side in `state`; none where that side never stands there.
fn stand(role: Role, state: State) -> Option<Pair> {
    let limits = Limits::default();
    let goodbye = || crate::Goodbye::new(GoodbyeCode::Done, "");
    let mut pair = Pair::new(&limits);
    match (role, state) {
        (Role::Client, State::Greeting) | (Role::Server, State::Awaiting) => {}
        (Role::Server, State::Judging) => pair.drive(),
        (_, State::Open) => pair = Pair::open(&limits),
        (Role::Client, State::Draining) => {
            pair = Pair::open(&limits);
            pair.client.session.close(pair.now, goodbye());
        }
        (Role::Server, State::Draining) => {
            pair = Pair::open(&limits);
            pair.server.session.close(pair.now, goodbye());
        }
        (Role::Client, State::Parting) => {
            pair = Pair::open(&limits);
            pair.client.session.close(pair.now, goodbye());
            pair.drive();
        }
        (Role::Server, State::Closing) => {
            pair.server.session.close(pair.now, goodbye());
        }
        (_, State::Closed) => {
            pair = Pair::open(&limits);
            pair.cut();
        }
        (Role::Client, State::Idle) => {
            pair.client.session = crate::session::Session::client(limits, vec![], vec![]);
        }
        (Role::Client, State::Awaiting | State::Judging | State::Closing)
        | (Role::Server, State::Idle | State::Greeting | State::Parting) => return None,
    }
    Some(pair)
}
