//! What the golden vectors are made of. Shared by their test and by the program that writes them.

#[path = "kinds.rs"]
mod kinds;

use std::collections::BTreeMap;

use serde_json::{Value, json};
use twinwire::frame::{
    Ack, Call as CallFrame, Cancel, Continuity, Event as EventFrame, Frame, Hello, Invite, Item,
    Join, Joined, KindTable, Leave, NeedOutlines, Outline, Part, PeerLimits, Ping, Publication,
    Publish, Reply, ReplyPart, Resume, Resumed, SkipReason, Skipped, Start, StreamWindow,
    TopicWindow, Verdict, Welcome, encode_offset,
};
use twinwire::{
    Alias, Answer, BootId, Epoch, Format, Goodbye, GoodbyeCode, Kind, Offset, PeerId, Position,
    Refusal, Retry, Secret, SeqNo, SessionId,
};

use kinds::{Ask, Choice, Everything, KINDS, Room, Tree, Typing};

fn everything() -> Everything {
    let leaf = |leaf| Tree {
        leaf,
        children: vec![],
    };
    Everything {
        small: (255, -128, 65_535, -32_768, u32::MAX, i32::MIN),
        large: (u64::MAX, i64::MIN, u128::MAX, i128::MIN),
        floats: (0.1, -1.5e300),
        flag: true,
        sign: '服',
        text: "client:hello,服务端 \"\\\n".to_owned(),
        bytes: vec![0, 1, 254, 255].into(),
        maybe: Some(0),
        list: vec![
            Choice::Nothing,
            Choice::One(1),
            Choice::Two(2, "two".to_owned()),
            Choice::Named { field: -3 },
        ],
        map: BTreeMap::from([(1, "one".to_owned()), (300, String::new())]),
        tree: Tree {
            leaf: 1,
            children: vec![leaf(2), leaf(3)],
        },
    }
}

fn hex(bytes: impl AsRef<[u8]>) -> String {
    let digits = bytes.as_ref().iter().map(|byte| format!("{byte:02x}"));
    digits.collect()
}

fn payload<K: Kind + PartialEq + std::fmt::Debug>(value: &K) -> Value {
    let write = |format: Format| {
        let bytes = format.encode(value, 1 << 16).expect("it can be written");
        assert_eq!(format.decode::<K>(&bytes).expect("it can be read"), *value);
        bytes
    };
    let json = String::from_utf8(write(Format::Json)).expect("JSON is text");
    json!({
        "kind": K::NAME,
        "class": K::CLASS.number(),
        "fingerprint": hex(K::FINGERPRINT.to_bytes()),
        "postcard": hex(write(Format::Postcard)),
        "json": json,
    })
}

/// Each kind with a value of it, in both formats.
pub(crate) fn payloads() -> Value {
    let prompt = "why?".to_owned();
    let name = "lobby".to_owned();
    json!([
        payload(&everything()),
        payload(&Ask { prompt }),
        payload(&Typing {}),
        payload(&Room { name }),
    ])
}

const BOUNDS: PeerLimits = PeerLimits {
    window: 262_144,
    stream: 65_536,
    topic: 262_144,
    payload: 262_144,
};

fn hellos() -> Vec<(&'static str, Frame<'static>)> {
    let table = KINDS.table();
    assert_eq!(table, KindTable::new(KINDS.entries()));
    let hello = Hello {
        bounds: BOUNDS,
        token: b"ticket".to_vec(),
        digest: table.digest(),
        resume: None,
    };
    let resume = Resume {
        session: SessionId::from_bytes([7; 16]),
        secret: Secret::from_bytes([6; 32]),
        attempt: 2,
        received: Some(SeqNo::FIRST),
        window: 262_309,
        subscriptions: vec![Resumed {
            alias: Alias::new(300),
            join: SeqNo::FIRST,
            next: Offset::FIRST,
            used: 165,
            limit: 262_309,
        }],
    };
    let again = Hello {
        resume: Some(resume),
        ..hello.clone()
    };
    vec![
        ("hello", Frame::Hello(hello)),
        ("hello that resumes", Frame::Hello(again)),
        ("need_table", Frame::NeedTable),
        ("table", Frame::Table(table)),
    ]
}

fn welcomes() -> Vec<(&'static str, Frame<'static>)> {
    let welcome = Welcome {
        session: SessionId::from_bytes([7; 16]),
        peer: PeerId::from_bytes([8; 8]),
        boot: BootId::from_bytes([9; 8]),
        secret: Secret::from_bytes([6; 32]),
        keeps: std::time::Duration::from_secs(120),
        continuity: Continuity::New,
        bounds: BOUNDS,
        refused: vec![(1, Refusal::UnknownKind), (2, Refusal::KindDiffers)],
    };
    let welcomed = |continuity| {
        Frame::Welcome(Welcome {
            continuity,
            refused: Vec::new(),
            ..welcome.clone()
        })
    };
    let received = Some(SeqNo::FIRST);
    let resumed = welcomed(Continuity::Resumed { received });
    let unknown = welcomed(Continuity::Unknown);
    let evicted = welcomed(Continuity::Evicted { received: None });
    vec![
        ("welcome", Frame::Welcome(welcome)),
        ("welcome back", resumed),
        ("welcome of one whose session is unknown", unknown),
        ("welcome of one whose session was given up", evicted),
    ]
}

fn link_frames() -> Vec<(&'static str, Frame<'static>)> {
    let ack = |received, window| Ack { received, window };
    let goodbye = Goodbye {
        retry: Retry::After(std::time::Duration::from_millis(1500)),
        received: Some(SeqNo::FIRST),
        ..Goodbye::new(GoodbyeCode::GoingAway, "back soon")
    };
    let (call, alias) = (SeqNo::FIRST, Alias::new(300));
    let limit = 70_000;
    vec![
        ("an ack of nothing", Frame::Ack(ack(None, 262_144))),
        ("ack", Frame::Ack(ack(Some(SeqNo::FIRST), (1 << 53) - 1))),
        ("ping", Frame::Ping(Ping { id: 127 })),
        ("pong", Frame::Pong(Ping { id: 128 })),
        (
            "stream_window",
            Frame::StreamWindow(StreamWindow { call, limit }),
        ),
        (
            "topic_window",
            Frame::TopicWindow(TopicWindow { alias, limit }),
        ),
        ("goodbye", Frame::Goodbye(goodbye)),
    ]
}

fn request_frames() -> Vec<(&'static str, Frame<'static>)> {
    const BEGINS: Part = Part {
        continues: false,
        more: true,
    };
    const ENDS: Part = Part {
        continues: true,
        more: false,
    };
    let number = SeqNo::FIRST;
    let call = |part, kind| {
        let payload = b"payload";
        Frame::Call(CallFrame {
            number,
            part,
            kind,
            payload,
        })
    };
    let event = EventFrame {
        number,
        part: Part::WHOLE,
        kind: Some(200),
        payload: b"payload",
    };
    vec![
        ("call", call(Part::WHOLE, Some(0))),
        ("the first part of a call", call(BEGINS, Some(0))),
        ("the last part of a call", call(ENDS, None)),
        ("event", Frame::Event(event)),
        (
            "cancel",
            Frame::Cancel(Cancel {
                number,
                call: number,
            }),
        ),
    ]
}

fn answer_frames() -> Vec<(&'static str, Frame<'static>)> {
    let number = SeqNo::FIRST;
    let reply = |content| {
        Frame::Reply(Reply {
            number,
            call: number,
            content,
        })
    };
    let first = |answer, more| reply(ReplyPart::First { answer, more });
    let further = ReplyPart::Further {
        payload: b"rest",
        more: false,
    };
    let item = Item {
        number,
        part: Part::WHOLE,
        call: number,
        payload: b"item",
    };
    vec![
        ("a value", first(Answer::Value(b"reply"), false)),
        (
            "the first part of a value",
            first(Answer::Value(b"reply"), true),
        ),
        ("its last part", reply(further)),
        (
            "the application's error",
            first(Answer::Error(b"error"), false),
        ),
        (
            "a refusal",
            first(Answer::Refused(Refusal::Busy.into()), false),
        ),
        ("item", Frame::Item(item)),
    ]
}

fn topic_frames() -> Vec<(&'static str, Frame<'static>)> {
    let alias = Alias::new(300);
    let publication = Publication {
        alias,
        offset: Offset::FIRST,
        payload: b"item",
    };
    let outline = Outline {
        kind: 1,
        text: "request.0 prompt: String\n".to_owned(),
    };
    let skipped = Skipped {
        alias,
        from: Offset::FIRST,
        to: Offset::FIRST.following(),
        why: SkipReason::Gone,
    };
    vec![
        ("publication", Frame::Publication(publication)),
        ("skipped", Frame::Skipped(skipped)),
        (
            "need_outlines",
            Frame::NeedOutlines(NeedOutlines { kinds: vec![0, 1] }),
        ),
        ("outline", Frame::Outline(outline)),
    ]
}

/// Each frame, alone in its message.
pub(crate) fn frames() -> Value {
    let all = [
        hellos(),
        welcomes(),
        link_frames(),
        request_frames(),
        answer_frames(),
        topic_frames(),
    ]
    .concat();
    let vector = |(name, frame): &(&str, Frame<'_>)| {
        let mut message = Vec::new();
        frame.encode(&mut message);
        let read: Vec<_> = twinwire::frame::Frames::new(&message).collect();
        assert_eq!(read, [Ok(frame.clone())], "{name}");
        json!({ "name": name, "message": hex(message) })
    };
    Value::Array(all.iter().map(vector).collect())
}

/// What stands in the calls of reserved kinds, and in their replies.
pub(crate) fn topics() -> Value {
    let position = Position {
        epoch: Epoch::from_bytes([5; 8]),
        offset: Offset::FIRST.following(),
    };
    let join = |start| {
        let (kind, key) = (3, b"\x05lobby".as_slice());
        Join { kind, key, start }.encode()
    };
    let joined = Joined {
        alias: Alias::new(300),
        position,
        verdict: Verdict::Recovered,
    };
    let leave = Leave {
        alias: Alias::new(300),
        join: SeqNo::FIRST,
    };
    let invite = Invite {
        kind: 3,
        key: b"\x05lobby",
        position,
    };
    let publish = Publish {
        kind: 3,
        key: b"\x05lobby",
        item: b"\x00",
    };
    json!({
        "join now": hex(join(Start::Now)),
        "join with the last 20": hex(join(Start::Last(20))),
        "join at a position": hex(join(Start::At(position))),
        "joined": hex(joined.encode()),
        "leave": hex(leave.encode()),
        "invite": hex(invite.encode()),
        "publish": hex(publish.encode()),
        "published": hex(encode_offset(position.offset)),
    })
}

/// Every file of vectors, and what belongs in it.
pub(crate) fn files() -> [(&'static str, Value); 3] {
    [
        ("frames.json", frames()),
        ("payloads.json", payloads()),
        ("topics.json", topics()),
    ]
}
