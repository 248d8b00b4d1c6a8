#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use super::pair::{ASK, GREET, Pair, ROOM, TYPING, goodbye};
use crate::frame::{
    Ack, Call, Cancel, Event, Frame, FrameType, Item, JOIN, Join, Joined, KindTable, LEAVE,
    Malformed, Outline, PUBLISH, Part, Publication, Publish, RESERVED, Reply, ReplyPart,
    SkipReason, Skipped, Start, StreamWindow, Verdict,
};
use crate::limits::{MAX_MESSAGE, MAX_PART};
use crate::session::{End, Input, Outcome, PeerMisbehaved, State};
use crate::{Alias, Answer, Epoch, GoodbyeCode, Limits, Offset, Position, SeqNo};

pub(super) fn number(value: u64) -> SeqNo {
    SeqNo::new(value).expect("tests number from one")
}

pub(super) fn call(value: u64) -> Frame<'static> {
    Frame::Call(Call {
        number: number(value),
        part: Part::WHOLE,
        kind: Some(GREET),
        payload: b"",
    })
}

pub(super) fn event(value: u64) -> Frame<'static> {
    Frame::Event(Event {
        number: number(value),
        part: Part::WHOLE,
        kind: Some(TYPING),
        payload: b"",
    })
}

pub(super) fn item(value: u64, part: Part) -> Frame<'static> {
    Frame::Item(Item {
        number: number(value),
        part,
        call: number(1),
        payload: if part.more { &FULL } else { b"" },
    })
}

/// The payload of a part that more follow.
pub(super) static FULL: [u8; MAX_PART] = [0; MAX_PART];

fn offset(value: u64) -> Offset {
    Offset::new(value).expect("offsets count from one")
}

pub(super) fn publication(value: u64, payload: &[u8]) -> Frame<'_> {
    Frame::Publication(Publication {
        alias: Alias::new(0),
        offset: offset(value),
        payload,
    })
}

pub(super) fn skipped(from: u64, to: u64) -> Frame<'static> {
    Frame::Skipped(Skipped {
        alias: Alias::new(0),
        from: offset(from),
        to: offset(to),
        why: SkipReason::Gone,
    })
}

pub(super) fn outline(kind: u32) -> Frame<'static> {
    let text = "request: Unit\n".to_owned();
    Frame::Outline(Outline { kind, text })
}

pub(super) fn empty_reply() -> Frame<'static> {
    Frame::Reply(Reply {
        number: number(1),
        call: number(1),
        content: ReplyPart::First {
            answer: Answer::Value(b""),
            more: false,
        },
    })
}

pub(super) const BEGINS: Part = Part {
    continues: false,
    more: true,
};
pub(super) const GOES_ON: Part = Part {
    continues: true,
    more: true,
};
pub(super) const ENDS: Part = Part {
    continues: true,
    more: false,
};

fn part_of_call(value: u64, part: Part, payload: &[u8]) -> Frame<'_> {
    Frame::Call(Call {
        number: number(value),
        part,
        kind: (!part.continues).then_some(GREET),
        payload,
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
fn a_table_is_told_once() {
    let mut pair = Pair::new(&Limits::default());
    pair.client.poll(pair.now);
    pair.client.sent.clear();
    pair.client.inject(pair.now, &[Frame::NeedTable]);
    assert_eq!((pair.client.sent.len(), pair.client.end()), (1, None));
    pair.client.inject(pair.now, &[Frame::NeedTable]);
    let again = PeerMisbehaved::WrongState {
        frame: FrameType::NeedTable,
        state: State::AwaitingWelcome,
    };
    assert_eq!(pair.client.end(), Some(&End::Misbehaved(again)));
}

#[test]
fn a_kind_beyond_the_table_is_refused() {
    let beyond = Frame::Call(Call {
        number: number(1),
        part: Part::WHOLE,
        kind: Some(9),
        payload: b"",
    });
    check(&[beyond], PeerMisbehaved::KindBeyondTable);
}

#[test]
fn an_overrun_of_the_window_is_refused() {
    let payload = vec![0; MAX_PART];
    let mut pair = Pair::open(&Limits::default().calls(1));
    for i in 1..20 {
        pair.inject(&[Frame::Call(Call {
            number: number(i),
            part: Part::WHOLE,
            kind: Some(GREET),
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
fn a_frame_of_another_class_than_its_kind_is_refused() {
    let check_kind = |kind| {
        let call = Frame::Call(Call {
            number: number(1),
            part: Part::WHOLE,
            kind: Some(kind),
            payload: b"",
        });
        check(&[call], PeerMisbehaved::WrongClass);
    };
    check_kind(TYPING);
    let event = Frame::Event(Event {
        number: number(1),
        part: Part::WHOLE,
        kind: Some(ASK),
        payload: b"",
    });
    check(&[event], PeerMisbehaved::WrongClass);
}

#[test]
fn parts_out_of_their_place_are_refused() {
    let part = |value, part: Part| {
        let payload = if part.more { FULL.as_slice() } else { b"" };
        part_of_call(value, part, payload)
    };
    check(&[part(1, ENDS)], PeerMisbehaved::PartOutOfPlace);
    check(
        &[part(1, BEGINS), part(2, BEGINS)],
        PeerMisbehaved::PartOutOfPlace,
    );
    check(&[part(1, BEGINS), event(2)], PeerMisbehaved::PartOutOfPlace);
    let event_goes_on = Frame::Event(Event {
        number: number(2),
        part: ENDS,
        kind: None,
        payload: b"",
    });
    check(
        &[part(1, BEGINS), event_goes_on],
        PeerMisbehaved::PartOutOfPlace,
    );
}

/// The beginning of a call's reply, or what follows it.
pub(super) fn part_of_reply(value: u64, part: Part, payload: &[u8]) -> Frame<'_> {
    let Part { continues, more } = part;
    let answer = Answer::Value(payload);
    Frame::Reply(Reply {
        number: number(value),
        call: number(1),
        content: match continues {
            false => ReplyPart::First { answer, more },
            true => ReplyPart::Further { payload, more },
        },
    })
}

#[test]
fn a_part_that_is_not_full_is_the_last() {
    let short = PeerMisbehaved::ShortPart;
    let almost = &FULL[1..];
    check(&[part_of_call(1, BEGINS, almost)], short);
    check(
        &[
            part_of_call(1, BEGINS, &FULL),
            part_of_call(2, GOES_ON, b""),
        ],
        short,
    );
    let event = Frame::Event(Event {
        number: number(1),
        part: BEGINS,
        kind: Some(TYPING),
        payload: b"",
    });
    check(&[event], short);
    check_client(GREET, &[part_of_reply(1, BEGINS, almost)], short);
    check_client(
        GREET,
        &[
            part_of_reply(1, BEGINS, &FULL),
            part_of_reply(2, GOES_ON, b""),
        ],
        short,
    );
    let item = Frame::Item(Item {
        number: number(1),
        part: BEGINS,
        call: number(1),
        payload: almost,
    });
    check_client(ASK, &[item], short);
}

#[test]
fn an_item_after_its_streams_reply_has_begun_is_refused() {
    check_client(
        ASK,
        &[part_of_reply(1, BEGINS, &FULL), item(2, Part::WHOLE)],
        PeerMisbehaved::ItemAfterReply,
    );
}

#[test]
fn parts_that_never_end_are_refused_at_the_limit() {
    let payload = vec![0; MAX_PART];
    let mut pair = Pair::open(&Limits::default());
    let mut sent = 0;
    while pair.server.end().is_none() {
        sent += 1;
        assert!(sent <= 9, "the limit is eight parts");
        let part = if sent == 1 { BEGINS } else { GOES_ON };
        pair.inject(&[part_of_call(sent, part, &payload)]);
    }
    assert_eq!(
        pair.server.end(),
        Some(&End::Misbehaved(PeerMisbehaved::PayloadTooLarge))
    );
}

#[test]
fn a_call_that_was_never_made_can_be_neither_cancelled_nor_fed() {
    let cancel = Frame::Cancel(Cancel {
        number: number(1),
        call: number(2),
    });
    check(&[cancel], PeerMisbehaved::NoSuchCall);
    let window = Frame::StreamWindow(StreamWindow {
        call: number(1),
        limit: 1,
    });
    check(&[window], PeerMisbehaved::NoSuchCall);
}

/// An open client that has asked for a stream, or made a call, gets `frames`.
fn check_client(kind: u32, frames: &[Frame<'_>], fault: PeerMisbehaved) {
    let mut pair = Pair::open(&Limits::default());
    let request = pair.client.request(pair.now, kind, b"");
    pair.client.poll(pair.now);
    pair.client.inject(pair.now, frames);
    assert_eq!(pair.client.end(), Some(&End::Misbehaved(fault)));
    let outcome = pair.client.outcome(request).cloned();
    assert_eq!(outcome, Some(Outcome::Unknown));
}

#[test]
fn items_of_no_stream_and_beyond_its_window_are_refused() {
    let nothing = PeerMisbehaved::ReplyToNothing;
    check_client(GREET, &[item(1, Part::WHOLE)], nothing);
    check_client(ASK, &[item(1, ENDS)], PeerMisbehaved::PartOutOfPlace);
    check_client(
        ASK,
        &[item(1, BEGINS), item(2, BEGINS)],
        PeerMisbehaved::PartOutOfPlace,
    );
    let many: Vec<_> = (1..2000).map(|i| item(i, Part::WHOLE)).collect();
    check_client(ASK, &many, PeerMisbehaved::WindowOverrun);
}

#[test]
fn a_reply_that_goes_on_without_a_beginning_is_refused() {
    let further = |number_of, more| {
        Frame::Reply(Reply {
            number: number(number_of),
            call: number(1),
            content: ReplyPart::Further { payload: b"", more },
        })
    };
    check_client(GREET, &[further(1, false)], PeerMisbehaved::ReplyToNothing);
    let twice = [empty_reply(), further(2, false)];
    let mut pair = Pair::open(&Limits::default());
    pair.call(b"");
    pair.client.poll(pair.now);
    pair.client.inject(pair.now, &twice);
    assert_eq!(
        pair.client.end(),
        Some(&End::Misbehaved(PeerMisbehaved::ReplyToNothing))
    );
}

/// An open server gets a call of a reserved kind.
fn check_reserved(kind: u32, payload: &[u8], fault: PeerMisbehaved) {
    let call = Frame::Call(Call {
        number: number(1),
        part: Part::WHOLE,
        kind: Some(kind),
        payload,
    });
    check(&[call], fault);
}

#[test]
fn calls_of_reserved_kinds_say_what_they_must() {
    let join = |kind| {
        let (key, start) = (b"key".as_slice(), Start::Now);
        Join { kind, key, start }.encode()
    };
    check_reserved(JOIN, &join(GREET), PeerMisbehaved::WrongClass);
    check_reserved(JOIN, &join(77), PeerMisbehaved::KindBeyondTable);
    check_reserved(JOIN, b"", Malformed::Truncated.into());
    check_reserved(JOIN, &join(ROOM)[..4], Malformed::Truncated.into());
    check_reserved(PUBLISH, b"", Malformed::Truncated.into());
    let (key, item) = ([0; 2041].as_slice(), b"".as_slice());
    let long_key = Publish {
        kind: ROOM,
        key,
        item,
    }
    .encode();
    check_reserved(PUBLISH, &long_key, Malformed::OverLimit.into());
    check_reserved(LEAVE, b"", Malformed::Truncated.into());
    check_reserved(RESERVED + 3, b"", PeerMisbehaved::KindBeyondTable);
    check_reserved(ROOM, b"", PeerMisbehaved::WrongClass);
    let event = Frame::Event(Event {
        number: number(1),
        part: Part::WHOLE,
        kind: Some(JOIN),
        payload: b"",
    });
    check(&[event], PeerMisbehaved::KindBeyondTable);
}

/// A client that has joined the topic of alias 0 gets `frames`.
fn check_subscriber(frames: &[Frame<'_>], fault: PeerMisbehaved) {
    let mut pair = Pair::open(&Limits::default());
    let subscription = pair
        .client
        .session
        .subscribe(pair.now, ROOM, b"", Start::Now);
    subscription.expect("the queue has room");
    pair.client.poll(pair.now);
    let joined = Joined {
        alias: Alias::new(0),
        position: Position {
            epoch: Epoch::from_bytes([1; 8]),
            offset: offset(1),
        },
        verdict: Verdict::Begun,
    };
    let reply = Frame::Reply(Reply {
        number: number(1),
        call: number(1),
        content: ReplyPart::First {
            answer: Answer::Value(&joined.encode()),
            more: false,
        },
    });
    pair.client.inject(pair.now, &[reply]);
    assert_eq!(pair.client.end(), None);
    pair.client.inject(pair.now, frames);
    assert_eq!(pair.client.end(), Some(&End::Misbehaved(fault)));
}

#[test]
fn publications_come_to_who_joined_in_order_and_within_the_window() {
    let unjoined = Frame::Publication(Publication {
        alias: Alias::new(1),
        offset: offset(1),
        payload: b"",
    });
    check_subscriber(&[unjoined], PeerMisbehaved::NoSuchTopic);
    check_subscriber(&[publication(2, b"")], PeerMisbehaved::OffsetSkipped);
    let twice = [publication(1, b""), publication(1, b"")];
    check_subscriber(&twice, PeerMisbehaved::OffsetSkipped);
    let behind = [publication(1, b""), skipped(1, 3)];
    check_subscriber(&behind, PeerMisbehaved::OffsetSkipped);
    let payload = vec![0; MAX_PART];
    let many: Vec<_> = (1..10).map(|i| publication(i, &payload)).collect();
    check_subscriber(&many, PeerMisbehaved::WindowOverrun);
}

#[test]
fn a_reply_that_says_nothing_of_the_topic_is_refused() {
    let mut pair = Pair::open(&Limits::default());
    let subscription = pair
        .client
        .session
        .subscribe(pair.now, ROOM, b"", Start::Now);
    subscription.expect("the queue has room");
    pair.client.poll(pair.now);
    pair.client.inject(pair.now, &[empty_reply()]);
    let fault = PeerMisbehaved::Malformed(Malformed::Truncated);
    assert_eq!(pair.client.end(), Some(&End::Misbehaved(fault)));
}

#[test]
fn another_table_than_the_hello_announced_is_refused() {
    let mut pair = Pair::asked(&Limits::default());
    pair.inject(&[Frame::Table(KindTable::new(vec![]))]);
    assert_eq!(
        pair.server.end(),
        Some(&End::Misbehaved(PeerMisbehaved::OtherTable))
    );
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
fn what_only_a_client_sends_is_refused_by_the_client_unread() {
    for frame_type in [FrameType::Hello, FrameType::Table, FrameType::TopicWindow] {
        let mut pair = Pair::open(&Limits::default());
        let unreadable = [2, frame_type.number(), 0xff];
        pair.client
            .session
            .handle(pair.now, Input::Message(&unreadable));
        pair.client.poll(pair.now);
        let fault = PeerMisbehaved::WrongState {
            frame: frame_type,
            state: State::Open,
        };
        assert_eq!(pair.client.end(), Some(&End::Misbehaved(fault)));
    }
}

#[test]
fn a_reply_to_nothing_is_refused_by_the_client() {
    let mut pair = Pair::open(&Limits::default());
    pair.client.inject(pair.now, &[empty_reply()]);
    assert_eq!(
        pair.client.end(),
        Some(&End::Misbehaved(PeerMisbehaved::ReplyToNothing))
    );
    assert_eq!(pair.client.closed, Some(4002));
}
