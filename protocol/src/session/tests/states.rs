//! Which frames have a place in which states: the table, walked.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use std::time::Duration;

use super::misbehaviour::{call, empty_reply, event, item, number, outline, publication, skipped};
use super::pair::{Pair, Shell, TYPING, TestSide, greeting, hello, table};
use crate::frame::{
    Ack, Cancel, Frame, FrameType, NeedOutlines, Part, PeerLimits, Ping, StreamWindow, TopicWindow,
    Welcome,
};
use crate::session::state::{Admission, Role};
use crate::session::{End, Input, PeerMisbehaved, State};
use crate::{Alias, GoodbyeCode, Limits, Time};

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
                assert!(state.is_of(role), "{role:?} {state:?}");
                let refused = match role {
                    Role::Client => is_refused(&mut pair.client, pair.now, *state, *frame),
                    Role::Server => is_refused(&mut pair.server, pair.now, *state, *frame),
                };
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

/// Sends the frame to an end in this state. Returns true if it takes that for a fault.
fn is_refused(side: &mut TestSide<impl Shell>, now: Time, state: State, frame: FrameType) -> bool {
    assert_eq!(side.session.state(), state);
    let mut message = Vec::new();
    sample(frame).encode(&mut message);
    side.session.handle(now, Input::Message(&message));
    side.poll(now);
    let wrong = PeerMisbehaved::WrongState { frame, state };
    side.end() == Some(&End::Misbehaved(wrong))
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
                secret: g.secret,
                keeps: Duration::ZERO,
                continuity: g.continuity,
                bounds: PeerLimits::default(),
                refused: g.refused,
            })
        }
        FrameType::Ack => Frame::Ack(Ack {
            received: None,
            window: 0,
        }),
        FrameType::Ping => Frame::Ping(Ping { id: 0 }),
        FrameType::Pong => Frame::Pong(Ping { id: 0 }),
        FrameType::NeedTable => Frame::NeedTable,
        FrameType::Table => Frame::Table((*table()).clone()),
        FrameType::StreamWindow => Frame::StreamWindow(StreamWindow {
            call: number(1),
            limit: 0,
        }),
        FrameType::TopicWindow => Frame::TopicWindow(TopicWindow {
            alias: Alias::new(0),
            limit: 0,
        }),
        FrameType::Publication => publication(1, b""),
        FrameType::Skipped => skipped(1, 2),
        FrameType::NeedOutlines => Frame::NeedOutlines(NeedOutlines { kinds: vec![0] }),
        FrameType::Outline => outline(0),
        FrameType::Call => call(1),
        FrameType::Event => event(1),
        FrameType::Cancel => Frame::Cancel(Cancel {
            number: number(1),
            call: number(1),
        }),
        FrameType::Item => item(1, Part::WHOLE),
        FrameType::Reply => empty_reply(),
    }
}

/// A pair with one side in `state`; none where that side never stands there.
fn stand(role: Role, state: State) -> Option<Pair> {
    let limits = Limits::default();
    let goodbye = || crate::Goodbye::new(GoodbyeCode::Done, "");
    let mut pair = Pair::new(&limits);
    match (role, state) {
        (Role::Client, State::AwaitingWelcome) | (Role::Server, State::AwaitingHello) => {}
        (Role::Server, State::Authenticating) => pair.drive(),
        (Role::Server, State::AwaitingTable) => pair = Pair::asked(&limits),
        (_, State::Open) => pair = Pair::open(&limits),
        (Role::Client, State::Draining) => {
            pair = Pair::open(&limits);
            pair.client.session.close(pair.now, goodbye());
        }
        (Role::Server, State::Draining) => {
            pair = Pair::open(&limits);
            pair.server.session.close(pair.now, goodbye());
        }
        (Role::Client, State::PeerDraining) => {
            pair = Pair::open(&limits);
            let event = pair.server.session.request(pair.now, TYPING, vec![]);
            event.expect("the queue has room");
            pair.drive();
            pair.client.inject(pair.now, &[Frame::Goodbye(goodbye())]);
        }
        (Role::Server, State::PeerDraining) => {
            pair = Pair::open(&limits);
            pair.client.request(pair.now, TYPING, b"");
            pair.drive();
            pair.inject(&[Frame::Goodbye(goodbye())]);
        }
        (Role::Client, State::AwaitingClose) => {
            pair = Pair::open(&limits);
            pair.client.session.close(pair.now, goodbye());
            pair.drive();
        }
        (Role::Server, State::Closing) => {
            pair.server.session.close(pair.now, goodbye());
        }
        (_, State::Detached) => {
            pair = Pair::open(&limits);
            pair.cut();
        }
        (_, State::Closed) => {
            pair = Pair::open(&limits.resume(Duration::ZERO));
            pair.cut();
        }
        (Role::Client, State::Idle) => {
            pair.client.session = crate::session::Session::client(limits, table(), vec![]);
        }
        (
            Role::Client,
            State::AwaitingHello | State::AwaitingTable | State::Authenticating | State::Closing,
        )
        | (Role::Server, State::Idle | State::AwaitingWelcome | State::AwaitingClose) => {
            return None;
        }
    }
    Some(pair)
}
