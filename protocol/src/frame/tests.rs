#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use std::time::Duration;

use super::*;
use crate::goodbye::Retry;
use crate::limits::{MAX_KINDS, MAX_PAYLOAD};
use crate::{BootId, Class, Fingerprint, Number, PeerId, SessionId};

fn number(value: u64) -> Number {
    Number::new(value).expect("tests number from one")
}

fn samples() -> Vec<Frame<'static>> {
    vec![
        Frame::Hello(Hello {
            window: 262_144,
            token: b"ticket".to_vec(),
            kinds: vec![KindEntry {
                name: "Greet".to_owned(),
                class: Class::Call,
                fingerprint: Fingerprint::from_bytes([1, 2, 3, 4, 5, 6, 7, 8]),
            }],
        }),
        Frame::Welcome(Welcome {
            session: SessionId::from_bytes([7; 16]),
            peer: PeerId::from_bytes([8; 8]),
            boot: BootId::from_bytes([9; 8]),
            window: 1,
            refused: vec![(0, Refusal::KindDiffers), (300, Refusal::Other(77))],
        }),
        Frame::Ack(Ack {
            received: None,
            window: 0,
        }),
        Frame::Ack(Ack {
            received: Some(number(300)),
            window: (1 << 53) - 1,
        }),
        Frame::Ping(Ping { id: 7 }),
        Frame::Pong(Ping { id: (1 << 53) - 1 }),
        Frame::Call(Call {
            number: number(1),
            kind: 200,
            payload: b"Ada",
        }),
        Frame::Reply(Reply {
            number: number(1),
            call: number(9),
            answer: Answer::Value(b""),
        }),
        Frame::Reply(Reply {
            number: number(2),
            call: number(9),
            answer: Answer::Error(b"no"),
        }),
        Frame::Reply(Reply {
            number: number(3),
            call: number(9),
            answer: Answer::Refused(Refusal::Deadline.into()),
        }),
        Frame::Goodbye(Goodbye {
            retry: Retry::After(Duration::from_millis(1500)),
            received: Some(number(4)),
            ..Goodbye::new(GoodbyeCode::GoingAway, "back soon")
        }),
    ]
}

fn encode(frames: &[Frame<'_>]) -> Vec<u8> {
    let mut message = Vec::new();
    for frame in frames {
        let before = message.len();
        frame.encode(&mut message);
        assert_eq!(message.len() - before, frame.encoded_len());
    }
    message
}

fn read(message: &[u8]) -> Result<Vec<Frame<'_>>, Malformed> {
    Frames::new(message).collect()
}

#[test]
fn many_frames_share_a_message_and_come_back_in_order() {
    assert_eq!(read(&encode(&samples())), Ok(samples()));
}

#[test]
fn a_message_cut_anywhere_but_between_frames_is_truncated() {
    let message = encode(&samples());
    let mut ends = vec![];
    for frame in samples() {
        ends.push(ends.last().copied().unwrap_or(0) + frame.encoded_len());
    }
    for cut in 0..message.len() {
        let outcome = read(&message[..cut]);
        if ends.contains(&cut) {
            assert!(outcome.is_ok(), "{cut}");
        } else {
            assert_eq!(outcome, Err(Malformed::Truncated), "{cut}");
        }
    }
}

#[test]
fn a_frames_body_cut_short_is_an_error() {
    for frame in samples() {
        let message = encode(std::slice::from_ref(&frame));
        let body = &message[message.len() - frame.body_len()..];
        for cut in 0..body.len() {
            let mut short = Vec::new();
            put_integer(&mut short, cut as u64 + 1);
            short.push(frame.frame_type().number());
            short.extend_from_slice(&body[..cut]);
            // A reply's payload is the rest of its frame: a shorter one is another value.
            let rest_is_payload = matches!(
                &frame,
                Frame::Reply(Reply { answer: Answer::Value(p) | Answer::Error(p), .. })
                    if cut >= body.len() - p.len()
            );
            assert_eq!(
                read(&short).is_ok(),
                rest_is_payload,
                "{frame:?} cut at {cut}"
            );
        }
    }
}

#[test]
fn optional_frames_are_skipped_and_other_unknown_ones_refused() {
    assert_eq!(read(&[2, 0x80, 1]), Ok(vec![]));
    assert_eq!(read(&[2, 0x7f, 1]), Err(Malformed::UnknownType(0x7f)));
    assert_eq!(
        Malformed::UnknownType(0x7f).code(),
        GoodbyeCode::Unsupported
    );
}

#[test]
fn empty_messages_and_empty_frames_are_truncated() {
    assert_eq!(read(&[]), Err(Malformed::Truncated));
    assert_eq!(read(&[0]), Err(Malformed::Truncated));
}

#[test]
fn unknown_tags_are_skipped_where_a_list_may_stand() {
    for frame in samples() {
        let takes_tags = matches!(
            frame,
            Frame::Hello(_) | Frame::Welcome(_) | Frame::Goodbye(_) | Frame::Call(_)
        );
        let mut body = Vec::new();
        frame.put_body(&mut body);
        body.extend_from_slice(&[99, 2, 1, 2]);
        let mut message = Vec::new();
        put_integer(&mut message, body.len() as u64 + 1);
        message.push(frame.frame_type().number());
        message.extend_from_slice(&body);
        assert_eq!(
            read(&message) == Ok(vec![frame.clone()]),
            takes_tags,
            "{frame:?}"
        );
    }
}

#[test]
fn a_count_that_lies_allocates_nothing() {
    let mut body = vec![FrameType::Hello.number(), 0, 0];
    put_integer(&mut body, MAX_KINDS as u64 + 1);
    let mut message = Vec::new();
    wire::put_bytes(&mut message, &body);
    assert_eq!(read(&message), Err(Malformed::OverLimit));
}

#[test]
fn payloads_reach_their_limit_and_no_further() {
    let payload = vec![0; MAX_PAYLOAD + 1];
    let check = |payload, fits: bool| {
        let call = Frame::Call(Call {
            number: number(1),
            kind: 0,
            payload,
        });
        assert_eq!(read(&encode(&[call])).is_ok(), fits);
    };
    check(&payload[1..], true);
    check(&payload, false);
}

#[test]
fn flags_that_dont_exist_yet_are_refused() {
    let message = [5, FrameType::Call.number(), 1, 1, 0, 0];
    assert_eq!(read(&message), Err(Malformed::Meaningless));
}

#[test]
fn the_frozen_goodbye_keeps_its_bytes() {
    let goodbye = Frame::Goodbye(Goodbye {
        received: Some(number(300)),
        ..Goodbye::new(GoodbyeCode::Denied, "no")
    });
    assert_eq!(
        encode(&[goodbye]),
        [8, 0x00, 5, 0, 0xac, 0x02, 2, b'n', b'o']
    );
}

#[test]
fn a_table_that_has_a_name_twice_is_refused() {
    let kind = KindEntry {
        name: "Greet".to_owned(),
        class: Class::Call,
        fingerprint: Fingerprint::from_bytes([0; 8]),
    };
    let hello = Hello {
        window: 0,
        token: vec![],
        kinds: vec![kind.clone(), kind],
    };
    assert_eq!(
        read(&encode(&[Frame::Hello(hello)])),
        Err(Malformed::Meaningless)
    );
}
