#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use std::time::Duration;

use super::*;
use crate::goodbye::Retry;
use crate::limits::{MAX_KINDS, MAX_PART};
use crate::{Alias, BootId, Class, Fingerprint, Offset, PeerId, Secret, SeqNo, SessionId};

fn number(value: u64) -> SeqNo {
    SeqNo::new(value).expect("tests number from one")
}

fn bounds() -> PeerLimits {
    PeerLimits {
        window: 262_144,
        stream: 65_536,
        topic: 262_144,
        payload: (1 << 53) - 1,
    }
}

fn greet() -> KindEntry {
    KindEntry {
        name: "Greet".to_owned(),
        class: Class::Call,
        fingerprint: Fingerprint::from_bytes([1, 2, 3, 4, 5, 6, 7, 8]),
    }
}

const BEGINS: Part = Part {
    continues: false,
    more: true,
};
const ENDS: Part = Part {
    continues: true,
    more: false,
};

fn resume() -> Resume {
    Resume {
        session: SessionId::from_bytes([7; 16]),
        secret: Secret::from_bytes([6; 32]),
        attempt: 300,
        received: Some(number(9)),
        window: 70_000,
        subscriptions: vec![Resumed {
            alias: Alias::new(0),
            join: number(4),
            next: Offset::FIRST,
            used: 70_000,
            limit: 70_000,
        }],
    }
}

fn welcome(continuity: Continuity) -> Frame<'static> {
    Frame::Welcome(Welcome {
        session: SessionId::from_bytes([7; 16]),
        peer: PeerId::from_bytes([8; 8]),
        boot: BootId::from_bytes([9; 8]),
        secret: Secret::from_bytes([6; 32]),
        keeps: Duration::ZERO,
        continuity,
        bounds: bounds(),
        refused: Vec::new(),
    })
}

fn handshake_samples() -> Vec<Frame<'static>> {
    vec![
        Frame::Hello(Hello {
            bounds: bounds(),
            token: b"ticket".to_vec(),
            digest: TableDigest::from_bytes([3; 16]),
            resume: None,
        }),
        Frame::Hello(Hello {
            bounds: bounds(),
            token: Vec::new(),
            digest: TableDigest::from_bytes([3; 16]),
            resume: Some(resume()),
        }),
        Frame::NeedTable,
        Frame::Table(KindTable::new(vec![greet()])),
        Frame::Welcome(Welcome {
            session: SessionId::from_bytes([7; 16]),
            peer: PeerId::from_bytes([8; 8]),
            boot: BootId::from_bytes([9; 8]),
            secret: Secret::from_bytes([6; 32]),
            keeps: Duration::from_secs(120),
            continuity: Continuity::New,
            bounds: bounds(),
            refused: vec![(0, Refusal::KindDiffers), (300, Refusal::Other(77))],
        }),
        welcome(Continuity::Resumed { received: None }),
        welcome(Continuity::Unknown),
        welcome(Continuity::Evicted {
            received: Some(number(300)),
        }),
    ]
}

fn link_samples() -> Vec<Frame<'static>> {
    vec![
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
        Frame::StreamWindow(StreamWindow {
            call: number(9),
            limit: 70_000,
        }),
        Frame::TopicWindow(TopicWindow {
            alias: Alias::new(0),
            limit: 70_000,
        }),
        Frame::NeedOutlines(NeedOutlines {
            kinds: vec![0, 300],
        }),
        Frame::Outline(Outline {
            kind: 300,
            text: "request: Unit\n".to_owned(),
        }),
        Frame::Publication(Publication {
            alias: Alias::new(300),
            offset: Offset::FIRST,
            payload: b"line",
        }),
        Frame::Skipped(Skipped {
            alias: Alias::new(7),
            from: Offset::FIRST,
            to: Offset::new(300).expect("not zero"),
            why: SkipReason::LeftOut,
        }),
        Frame::Goodbye(Goodbye {
            retry: Retry::After(Duration::from_millis(1500)),
            received: Some(number(4)),
            ..Goodbye::new(GoodbyeCode::GoingAway, "back soon")
        }),
    ]
}

fn request_samples() -> Vec<Frame<'static>> {
    let call = |part, kind| {
        Frame::Call(Call {
            number: number(1),
            part,
            kind,
            payload: b"Ada",
        })
    };
    let event = |part, kind| {
        Frame::Event(Event {
            number: number(1),
            part,
            kind,
            payload: b"Ada",
        })
    };
    vec![
        call(Part::WHOLE, Some(200)),
        call(BEGINS, Some(0)),
        call(ENDS, None),
        event(Part::WHOLE, Some(200)),
        event(ENDS, None),
        Frame::Cancel(Cancel {
            number: number(2),
            call: number(300),
        }),
    ]
}

fn answer_samples() -> Vec<Frame<'static>> {
    let reply = |content| {
        Frame::Reply(Reply {
            number: number(1),
            call: number(9),
            content,
        })
    };
    let first = |answer, more| reply(ReplyPart::First { answer, more });
    vec![
        first(Answer::Value(b""), false),
        first(Answer::Value(b"long"), true),
        first(Answer::Error(b"no"), false),
        first(Answer::Refused(Refusal::Deadline.into()), false),
        reply(ReplyPart::Further {
            payload: b"er",
            more: true,
        }),
        Frame::Item(Item {
            number: number(300),
            part: ENDS,
            call: number(9),
            payload: b"word",
        }),
    ]
}

fn samples() -> Vec<Frame<'static>> {
    [
        handshake_samples(),
        link_samples(),
        request_samples(),
        answer_samples(),
    ]
    .concat()
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
            // A payload may be the rest of its frame: a shorter one is another value.
            let payload = match &frame {
                Frame::Reply(Reply { content, .. }) => match content {
                    ReplyPart::First {
                        answer: Answer::Value(payload) | Answer::Error(payload),
                        ..
                    }
                    | ReplyPart::Further { payload, .. } => Some(payload),
                    ReplyPart::First { .. } => None,
                },
                Frame::Event(Event { payload, .. })
                | Frame::Item(Item { payload, .. })
                | Frame::Publication(Publication { payload, .. }) => Some(payload),
                _ => None,
            };
            let rest_is_payload = payload.is_some_and(|p| cut >= body.len() - p.len());
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
    assert_eq!(read(&[2, 0xff, 1]), Ok(vec![]));
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
        if frame.number().is_some() && !takes_tags {
            // Those bytes would be payload, or none of the frame's.
            continue;
        }
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
    let mut body = vec![FrameType::Table.number()];
    put_integer(&mut body, MAX_KINDS as u64 + 1);
    let mut message = Vec::new();
    wire::put_bytes(&mut message, &body);
    assert_eq!(read(&message), Err(Malformed::OverLimit));
}

#[test]
fn payloads_reach_their_limit_and_no_further() {
    let payload = vec![0; MAX_PART + 1];
    let check = |payload, fits: bool| {
        let call = Frame::Call(Call {
            number: number(1),
            part: Part::WHOLE,
            kind: Some(0),
            payload,
        });
        assert_eq!(read(&encode(&[call])).is_ok(), fits);
    };
    check(&payload[1..], true);
    check(&payload, false);
}

#[test]
fn flags_that_dont_exist_yet_are_refused() {
    let message = [5, FrameType::Call.number(), 1, 4, 0, 0];
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
fn a_refusal_has_no_parts() {
    let refused = [4, FrameType::Reply.number(), 1, 1, 9, 10, 0];
    let mut message = Vec::new();
    wire::put_bytes(&mut message, &refused[1..]);
    assert_eq!(read(&message), Err(Malformed::Meaningless));
}

#[test]
fn a_table_that_has_a_name_twice_is_refused() {
    let table = KindTable::new(vec![greet(), greet()]);
    assert_eq!(
        read(&encode(&[Frame::Table(table)])),
        Err(Malformed::Meaningless)
    );
}

#[test]
fn a_kind_of_an_unknown_class_is_refused() {
    let mut message = encode(&[Frame::Table(KindTable::new(vec![greet()]))]);
    let class = message.len() - 9;
    assert_eq!(message[class], Class::Call.number());
    message[class] = 99;
    assert_eq!(read(&message), Err(Malformed::Meaningless));
}

#[test]
fn a_tables_digest_is_over_its_frames_body() {
    use sha2::{Digest, Sha256};

    for lines in [0, 1, 2, 200] {
        let table = KindTable::new(vec![greet(); lines]);
        let mut body = Vec::new();
        table.put(&mut body);
        let digest = Sha256::digest(&body);
        let first = digest.first_chunk().expect("a digest has 32 bytes");
        assert_eq!(table.digest(), TableDigest::from_bytes(*first), "{lines}");
    }
}
