//! PROTOCOL.md's table of bad input, row by row, over real sockets; and a client beside that notices
//! nothing of it.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use http::header::SEC_WEBSOCKET_PROTOCOL;
use serde::{Deserialize, Serialize};
use testkit::{Server, soon};
use tokio_websockets::{ClientBuilder, Message};
use twinwire::frame::{
    Ack, Call as CallFrame, Event as EventFrame, Frame, Frames, Hello, JOIN, Join, KindTable, Part,
    PeerLimits, Start, StreamWindow, TopicWindow,
};
use twinwire::limits::{MAX_PART, MAX_TOKEN};
use twinwire::{
    Alias, Answer, Call, Event, Format, GoodbyeCode, Kinds, Refusal, SeqNo, Topic, kinds,
};
use twinwire_client_native::{Client, ClientState, connect_with};
use twinwire_server::{Access, HandlerContext};

#[derive(Debug, Serialize, Deserialize, Call)]
#[call(reply = u32)]
struct Double {
    number: u32,
}

#[derive(Debug, Serialize, Deserialize, Call)]
struct Unheard {}

#[derive(Debug, Serialize, Deserialize, Call)]
#[call(stream = u32)]
struct Forever {}

#[derive(Debug, Serialize, Deserialize, Event)]
struct Typing {
    number: u32,
}

#[derive(Debug, Serialize, Deserialize, Topic)]
#[topic(item = u32)]
struct Room {}

#[derive(Debug, Serialize, Deserialize, Call)]
struct Hang {}

#[derive(Serialize, Deserialize, Call)]
#[call(reply = u32)]
struct HangHeavily {
    padding: Vec<u8>,
}

const KINDS: Kinds = kinds![Double, Unheard, Forever, Typing, Room, Hang, HangHeavily];
const DOUBLE: u32 = 0;
const UNHEARD: u32 = 1;
const FOREVER: u32 = 2;
const TYPING: u32 = 3;
const ROOM: u32 = 4;
const HANG_HEAVILY: u32 = 6;

fn serve() -> Server {
    let builder = testkit::builder(())
        .limits(testkit::patient().handshake(Duration::from_secs(1)))
        .call(|_: HandlerContext, Double { number }| async move { Ok(number * 2) })
        .call(|_: HandlerContext, _: Hang| std::future::pending())
        .call(|_: HandlerContext, _: HangHeavily| std::future::pending())
        .stream(|_: HandlerContext, _: Forever, mut sender| async move {
            loop {
                sender.send(0).await;
            }
        })
        .event(|_: HandlerContext, _: Typing| async move {})
        .topic(|_: HandlerContext, _: Room| async move { Access::publish_and_subscribe() });
    let (server, _) = testkit::serve(builder);
    server
}

type Socket =
    tokio_websockets::WebSocketStream<tokio_websockets::MaybeTlsStream<tokio::net::TcpStream>>;

async fn open(server: &Server) -> Socket {
    let url = server.url("/ws");
    let builder = ClientBuilder::new().uri(&url).expect("a URL");
    let value = "twinwire.0.postcard".parse().expect("a header's value");
    let builder = builder.add_header(SEC_WEBSOCKET_PROTOCOL, value);
    let builder = builder.expect("an allowed header");
    soon("the handshake", builder.connect())
        .await
        .expect("an endpoint")
        .0
}

fn encode(frames: &[Frame<'_>]) -> Vec<u8> {
    let mut message = Vec::new();
    for frame in frames {
        frame.encode(&mut message);
    }
    message
}

fn table() -> KindTable {
    KindTable::new(KINDS.entries())
}

fn hello() -> Hello {
    Hello {
        bounds: PeerLimits {
            window: 1 << 20,
            stream: 1 << 16,
            topic: 1 << 18,
            payload: 1 << 18,
        },
        token: vec![],
        digest: table().digest(),
        resume: None,
    }
}

async fn send(socket: &mut Socket, message: Vec<u8>) {
    // Who was refused may find the door closed.
    let _ = socket.send(Message::binary(message)).await;
}

/// A socket on which a session is open.
async fn welcomed(server: &Server) -> Socket {
    let mut socket = open(server).await;
    send(&mut socket, encode(&[Frame::Hello(hello())])).await;
    loop {
        let message = soon("a welcome", socket.next()).await.expect("a message");
        let message = message.expect("the socket is open");
        match Frames::new(message.as_payload()).next() {
            Some(Ok(Frame::NeedTable)) => send(&mut socket, encode(&[Frame::Table(table())])).await,
            Some(Ok(Frame::Welcome(_))) => return socket,
            other => panic!("{other:?}"),
        }
    }
}

/// The goodbye and the close code that a socket ends with.
async fn end(socket: &mut Socket) -> (Option<GoodbyeCode>, Option<u16>) {
    let mut goodbye = None;
    while let Some(Ok(message)) = soon("a message or the end", socket.next()).await {
        if let Some((code, _)) = message.as_close() {
            return (goodbye, Some(code.into()));
        }
        for frame in Frames::new(message.as_payload()) {
            if let Ok(Frame::Goodbye(said)) = frame {
                assert!(!said.reason.is_empty() || said.code == GoodbyeCode::TooSlow);
                goodbye = Some(said.code);
            }
        }
    }
    (goodbye, None)
}

/// The client that notices nothing.
struct Bystander {
    client: Client,
    state: ClientState,
    hang: tokio::task::JoinHandle<()>,
}

impl Bystander {
    async fn new(server: &Server) -> Self {
        let client = soon(
            "the welcome",
            connect_with(testkit::options(server.url("/ws"), KINDS)),
        )
        .await;
        let client = client.expect("everyone is welcome");
        let state = client.state();
        let hanging = client.clone();
        let hang = tokio::spawn(async move {
            let outcome = hanging.call(Hang {}).await;
            panic!("it was to be waited for: {outcome:?}");
        });
        Self {
            client,
            state,
            hang,
        }
    }

    async fn noticed_nothing(&self) {
        let doubled = soon("an answer", self.client.call(Double { number: 4 })).await;
        assert_eq!(doubled.expect("an answer"), 8);
        assert_eq!(self.client.state(), self.state);
        assert!(!self.hang.is_finished());
    }
}

fn call<'a>(number: SeqNo, kind: u32, payload: &'a [u8]) -> Frame<'a> {
    let part = Part::WHOLE;
    let kind = Some(kind);
    Frame::Call(CallFrame {
        number,
        part,
        kind,
        payload,
    })
}

const FIRST: SeqNo = SeqNo::FIRST;

/// Bytes that can't be read, after the welcome.
fn unreadable() -> Vec<(&'static str, Vec<u8>)> {
    let whole = encode(&[Frame::Ping(twinwire::frame::Ping { id: 7 })]);
    vec![
        ("an empty message", vec![]),
        (
            "a cut frame",
            encode(&[call(FIRST, DOUBLE, b"\x07")])[..4].to_vec(),
        ),
        ("a length that lies", vec![9, 0x04, 1]),
        ("bytes left over", vec![3, 0x04, 1, 1]),
        ("an integer longer than needed", vec![3, 0x04, 0x80, 0x00]),
        (
            "a length longer than needed",
            [&[0x82, 0x00], &whole[1..]].concat(),
        ),
        (
            "an integer too large",
            vec![9, 0x04, 255, 255, 255, 255, 255, 255, 255, 0x7f],
        ),
        ("a count that lies", vec![3, 0x10, 1, 9]),
        ("flags that don't exist", vec![5, 0x10, 1, 4, 0, 0]),
        ("number zero", vec![5, 0x10, 0, 0, 0, 0]),
        (
            "a good frame and half of another",
            [&whole[..], &whole[..1]].concat(),
        ),
        ("a part of a goodbye", vec![2, 0x00, 0]),
    ]
}

#[tokio::test]
async fn what_can_not_be_read_is_malformed() {
    let server = serve();
    let bystander = Bystander::new(&server).await;
    for (what, message) in unreadable() {
        let mut socket = welcomed(&server).await;
        send(&mut socket, message).await;
        let ended = end(&mut socket).await;
        assert_eq!(ended, (Some(GoodbyeCode::Malformed), Some(4001)), "{what}");
        bystander.noticed_nothing().await;
    }
    let mut socket = welcomed(&server).await;
    soon("a send", socket.send(Message::text("hello")))
        .await
        .unwrap();
    assert_eq!(end(&mut socket).await.1, Some(4001), "text");
    bystander.noticed_nothing().await;
}

/// Frames that can be read and have no place where they come, with the code that answers them.
#[expect(clippy::too_many_lines, reason = "a table, a row an input")]
fn misplaced() -> Vec<(&'static str, Vec<u8>, GoodbyeCode)> {
    use GoodbyeCode::{Limit, Malformed, Unsupported, WrongState};
    let frames = |frames: &[Frame<'_>]| encode(frames);
    let (part, more) = (
        Part {
            continues: true,
            more: false,
        },
        Part {
            continues: false,
            more: true,
        },
    );
    static FULL: [u8; MAX_PART] = [0; MAX_PART];
    let part_of = |number, part: Part, kind| {
        let payload = if part.more { FULL.as_slice() } else { b"" };
        Frame::Call(CallFrame {
            number,
            part,
            kind,
            payload,
        })
    };
    let event = |kind| {
        Frame::Event(EventFrame {
            number: FIRST,
            part: Part::WHOLE,
            kind: Some(kind),
            payload: b"\x00",
        })
    };
    let ack = Frame::Ack(Ack {
        received: Some(FIRST),
        window: 0,
    });
    let window = Frame::StreamWindow(StreamWindow {
        call: FIRST,
        limit: 9,
    });
    let join = |kind| {
        let (key, start) = (b"".as_slice(), Start::Now);
        Join { kind, key, start }.encode()
    };
    let twice = call(FIRST, DOUBLE, b"\x00");
    let long = vec![0; MAX_PART + 1];
    vec![
        (
            "a hello again",
            frames(&[Frame::Hello(hello())]),
            WrongState,
        ),
        (
            "a table again",
            frames(&[Frame::Table(table())]),
            WrongState,
        ),
        (
            "need_table of a client",
            frames(&[Frame::NeedTable]),
            WrongState,
        ),
        ("an ack of nothing", frames(&[ack]), WrongState),
        ("a reply to nothing", vec![5, 0x20, 1, 0, 1, 0], WrongState),
        ("an item of nothing", vec![4, 0x30, 1, 0, 1], WrongState),
        ("a window of nothing", frames(&[window]), WrongState),
        ("a publication", vec![3, 0x40, 0, 1], WrongState),
        (
            "a part of nothing",
            frames(&[part_of(FIRST, part, None)]),
            WrongState,
        ),
        (
            "a part that isn't full, before others",
            {
                let payload = FULL[1..].as_ref();
                let (number, part, kind) = (FIRST, more, Some(DOUBLE));
                frames(&[Frame::Call(CallFrame {
                    number,
                    part,
                    kind,
                    payload,
                })])
            },
            WrongState,
        ),
        (
            "an event between the parts of a call",
            [
                frames(&[part_of(FIRST, more, Some(DOUBLE))]),
                vec![5, 0x11, 2, 0, TYPING as u8, 0],
            ]
            .concat(),
            WrongState,
        ),
        (
            "an event of a call's kind",
            frames(&[event(DOUBLE)]),
            WrongState,
        ),
        (
            "a call of an event's kind",
            frames(&[call(FIRST, TYPING, b"\x00")]),
            WrongState,
        ),
        (
            "a call of a topic's kind",
            frames(&[call(FIRST, ROOM, b"")]),
            WrongState,
        ),
        (
            "a join of no topic",
            frames(&[call(FIRST, JOIN, &join(DOUBLE))]),
            WrongState,
        ),
        (
            "a join that can't be read",
            frames(&[call(FIRST, JOIN, b"")]),
            Malformed,
        ),
        ("a number twice", frames(&[twice.clone(), twice]), Malformed),
        (
            "a number too far",
            vec![6, 0x10, 2, 0, DOUBLE as u8, 1, 0],
            Malformed,
        ),
        (
            "a cancel that isn't the next",
            vec![3, 0x12, 2, 1],
            Malformed,
        ),
        (
            "a kind beyond the table",
            frames(&[call(FIRST, 99, b"")]),
            Limit,
        ),
        (
            "a reserved kind that isn't",
            frames(&[call(FIRST, 1030, b"")]),
            Limit,
        ),
        (
            "a payload beyond a frame",
            frames(&[call(FIRST, DOUBLE, &long)]),
            Limit,
        ),
        ("an unknown frame", vec![2, 0x7f, 0], Unsupported),
        ("a cancel of nothing", vec![3, 0x12, 1, 2], WrongState),
    ]
}

#[tokio::test]
async fn what_has_no_place_where_it_comes_ends_its_connection_alone() {
    let server = serve();
    let bystander = Bystander::new(&server).await;
    for (what, message, code) in misplaced() {
        let mut socket = welcomed(&server).await;
        send(&mut socket, message).await;
        let ended = end(&mut socket).await;
        assert_eq!(ended, (Some(code), Some(code.close_code())), "{what}");
        bystander.noticed_nothing().await;
    }
}

#[tokio::test]
async fn before_the_welcome_there_is_a_place_for_hello_and_table_only() {
    let server = serve();
    let bystander = Bystander::new(&server).await;
    let long = Hello {
        token: vec![0; MAX_TOKEN + 1],
        ..hello()
    };
    let unknown = Hello {
        digest: twinwire::frame::TableDigest::from_bytes([1; 16]),
        resume: None,
        ..hello()
    };
    let other_table = encode(&[Frame::Hello(unknown.clone()), Frame::Table(table())]);
    let mut name_twice = encode(&[Frame::Hello(unknown.clone())]);
    let kind = [&[1, b'a', 0][..], &[0; 8]].concat();
    let body = [&[0x07, 2][..], &kind, &kind].concat();
    name_twice.extend([&[body.len() as u8][..], &body].concat());
    let mut not_utf8 = encode(&[Frame::Hello(unknown)]);
    let kind = [&[1, 0xff, 0][..], &[0; 8]].concat();
    let body = [&[0x07, 1][..], &kind].concat();
    not_utf8.extend([&[body.len() as u8][..], &body].concat());
    for (what, message, code) in [
        (
            "a call",
            encode(&[call(FIRST, DOUBLE, b"\x00")]),
            GoodbyeCode::WrongState,
        ),
        (
            "a table",
            encode(&[Frame::Table(table())]),
            GoodbyeCode::WrongState,
        ),
        (
            "a long token",
            encode(&[Frame::Hello(long)]),
            GoodbyeCode::Limit,
        ),
        ("another table", other_table, GoodbyeCode::WrongState),
        ("a name twice", name_twice, GoodbyeCode::Malformed),
        ("a name that isn't UTF-8", not_utf8, GoodbyeCode::Malformed),
        ("a ping", vec![2, 0x04, 0], GoodbyeCode::WrongState),
    ] {
        let mut socket = open(&server).await;
        send(&mut socket, message).await;
        let ended = end(&mut socket).await;
        assert_eq!(ended, (Some(code), Some(code.close_code())), "{what}");
        bystander.noticed_nothing().await;
    }
    let mut silent = open(&server).await;
    let ended = end(&mut silent).await;
    assert_eq!(ended, (Some(GoodbyeCode::TooSlow), Some(4006)), "silence");
    bystander.noticed_nothing().await;
}

#[tokio::test]
async fn a_window_overrun_and_parts_that_never_end_are_over_the_limit() {
    let server = serve();
    let bystander = Bystander::new(&server).await;
    // With its length it is a part, and a value: its handler runs, and its call stays open.
    let padding = vec![0; MAX_PART - 3];
    let payload = Format::Postcard.encode(&HangHeavily { padding }, MAX_PART);
    let payload = payload.expect("it fits");
    // The first event's handler is never reached: the message isn't whole.
    for (what, kind) in [
        ("parts that never end", DOUBLE),
        ("calls that hang", HANG_HEAVILY),
    ] {
        let mut socket = welcomed(&server).await;
        let mut number = 0_u64;
        let ended = loop {
            number += 1;
            assert!(number < 200, "{what}");
            let is_first = number == 1;
            let is_parts = kind == DOUBLE;
            let flags = match (is_parts, is_first) {
                (false, _) => 0,
                (true, true) => 1,
                (true, false) => 3,
            };
            let mut body = vec![0x10];
            integer(&mut body, number);
            body.push(flags);
            if flags < 2 {
                integer(&mut body, u64::from(kind));
            }
            integer(&mut body, payload.len() as u64);
            body.extend(&payload);
            let mut message = Vec::new();
            integer(&mut message, body.len() as u64);
            message.extend(body);
            if socket.send(Message::binary(message)).await.is_err() {
                break end(&mut socket).await;
            }
            if number > 90 {
                break end(&mut socket).await;
            }
        };
        assert_eq!(ended, (Some(GoodbyeCode::Limit), Some(4003)), "{what}");
        bystander.noticed_nothing().await;
    }
}

fn integer(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

#[tokio::test]
async fn what_concerns_one_call_ends_that_call_alone() {
    let server = serve();
    let bystander = Bystander::new(&server).await;
    let mut socket = welcomed(&server).await;
    let optional = vec![3, 0xff, 1, 2];
    let number = |value: u8| [value, 0];
    let frame = |frame_type: u8, value: u8, kind: u32, rest: &[u8]| {
        let body = [&[frame_type][..], &number(value), &[kind as u8], rest].concat();
        [&[body.len() as u8][..], &body].concat()
    };
    let windows = encode(&[Frame::TopicWindow(TopicWindow {
        alias: Alias::new(77),
        limit: 1,
    })]);
    let message = [
        optional,
        frame(0x10, 1, UNHEARD, &[0]),
        frame(0x10, 2, DOUBLE, &[0]),
        frame(0x11, 3, TYPING, &[0xff]),
        frame(0x11, 4, TYPING, &[7]),
        windows,
        frame(0x10, 5, DOUBLE, &[1, 21]),
    ]
    .concat();
    send(&mut socket, message).await;
    let mut replies = Vec::new();
    while replies.len() < 3 {
        let message = soon("a reply", socket.next()).await.unwrap().unwrap();
        for frame in Frames::new(message.as_payload()) {
            if let Ok(Frame::Reply(reply)) = frame {
                let twinwire::frame::ReplyPart::First { answer, .. } = reply.content else {
                    panic!("{reply:?}")
                };
                let told = match answer {
                    Answer::Refused(refused) => format!("{} {:?}", reply.call, refused.why),
                    Answer::Value(value) => format!("{} {value:?}", reply.call),
                    Answer::Error(error) => format!("{} error {error:?}", reply.call),
                };
                replies.push(told);
            }
        }
    }
    replies.sort();
    let unknown = format!("#1 {:?}", Refusal::UnknownKind);
    let undecodable = format!("#2 {:?}", Refusal::Undecodable);
    assert_eq!(replies, [unknown, undecodable, "#5 [42]".to_owned()]);
    bystander.noticed_nothing().await;
}

#[tokio::test]
async fn one_stream_too_many_is_refused_as_busy() {
    let server = serve();
    let mut socket = welcomed(&server).await;
    let frame = |number: u8| vec![5, 0x10, number, 0, FOREVER as u8, 0];
    let message: Vec<u8> = (1..=17).flat_map(frame).collect();
    send(&mut socket, message).await;
    loop {
        let message = soon("a refusal", socket.next()).await.unwrap().unwrap();
        let mut frames = Frames::new(message.as_payload());
        let refused = frames.find_map(|frame| match frame {
            Ok(Frame::Reply(reply)) => Some(reply.call.get()),
            _ => None,
        });
        if let Some(call) = refused {
            assert_eq!(call, 17);
            return;
        }
    }
}
