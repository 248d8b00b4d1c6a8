//! Nothing that strangers send gets into the log but escaped, cut and bounded, and no payload at all.

mod by_hand;

use std::sync::Mutex;

use serde::{Deserialize, Serialize};
use testkit::raw::{Client, HANDSHAKE};
use testkit::{Log, Server, soon};
use twinwire::frame::{
    Event as EventFrame, Frame, JOIN, Join, KindEntry, KindTable, Outline, PUBLISH, Part, Publish,
    Start,
};
use twinwire::{
    Call, Class, End, Event, Fingerprint, Goodbye, GoodbyeCode, Kinds, Refusal, Topic, kinds,
};
use twinwire_server::{Access, HandlerContext};

use by_hand::{Greeter, Socket};

#[derive(Serialize, Deserialize, Call)]
#[call(name = "Nod")]
struct Nod {
    times: u32,
}

#[derive(Serialize, Deserialize, Event)]
struct Tick {
    mood: Mood,
}

#[derive(Serialize, Deserialize, twinwire::Shape)]
enum Mood {
    Good,
}

#[derive(Serialize, Deserialize, Topic)]
#[topic(item = u32)]
struct Room {
    number: u32,
}

const KINDS: Kinds = kinds![Nod, Room, Tick];

/// Stands in every payload and token.
const SECRET: &str = "hunter2";
/// Begins a line of its own, in red, where it isn't escaped.
const FORGED: &str = "\nFORGED \x1b[31mline";
/// The longest line that a log needs.
const LONGEST: usize = 1000;
/// The clients of a flood.
const FLOOD: usize = 40;

fn serve(closed: &Log<()>) -> Server {
    let told = closed.clone();
    let builder = testkit::builder(())
        .call(|_: HandlerContext, _: Nod| async { Ok(()) })
        .event(|_: HandlerContext, _: Tick| async {})
        .topic(|_: HandlerContext, _: Room| async { Access::publish_and_subscribe() })
        .on_close(move |_: HandlerContext, _: End| {
            let told = told.clone();
            async move { told.push(()) }
        });
    let (server, _) = testkit::serve(builder);
    server
}

async fn greet(server: &Server, table: KindTable) -> Socket {
    let greeter = Greeter {
        table,
        format: "twinwire.0.json",
        ..Greeter::new(SECRET)
    };
    let (socket, said, _) = greeter.greet(server).await;
    said.welcome();
    socket
}

/// JSON of no kind here, which serde's errors would quote.
fn hostile() -> String {
    quoted(&format!("{SECRET}{FORGED}{}", SECRET.repeat(1000)))
}

fn quoted(text: &str) -> String {
    let escaped = text.replace('\n', "\\n").replace('\x1b', "\\u001b");
    format!("\"{escaped}\"")
}

async fn send_hostile_payloads(server: &Server) {
    let mut socket = greet(server, KINDS.table()).await;
    let hostile = hostile();
    let wrong = format!("{{\"times\":{hostile}}}");
    let call = socket.call(0, wrong.as_bytes()).await;
    assert_eq!(socket.reply(call).await, Err(Refusal::Undecodable));
    let mood = format!("{{\"mood\":{hostile}}}");
    let event = EventFrame {
        number: socket.next_number(),
        part: Part::WHOLE,
        kind: Some(2),
        payload: mood.as_bytes(),
    };
    socket.send(&Frame::Event(event)).await;
    let key = format!("{{\"number\":\"{SECRET}\"}}");
    let (kind, start, key) = (1, Start::Now, key.as_bytes());
    let join = socket.call(JOIN, &Join { kind, key, start }.encode()).await;
    assert_eq!(socket.reply(join).await, Err(Refusal::Undecodable));
    let (key, item) = (b"{\"number\":1}".as_slice(), hostile.as_bytes());
    let publish = Publish { kind, key, item }.encode();
    let publish = socket.call(PUBLISH, &publish).await;
    assert_eq!(socket.reply(publish).await, Err(Refusal::Undecodable));
    let reason = format!("{FORGED}{FORGED}");
    let goodbye = Goodbye::new(GoodbyeCode::Done, reason);
    socket.send(&Frame::Goodbye(goodbye)).await;
    socket.goodbye().await;
}

/// Greets with a kind that differs, and explains it.
async fn explain(server: &Server, text: String) -> Socket {
    let nod = KindEntry {
        name: "Nod".to_owned(),
        class: Class::Call,
        fingerprint: Fingerprint::from_bytes([7; 8]),
    };
    let mut socket = greet(server, KindTable::new(vec![nod])).await;
    let asked = |frame: &Frame<'_>| matches!(frame, Frame::NeedOutlines(_)).then_some(());
    socket.until("a question", asked).await;
    let outline = Outline { kind: 0, text };
    socket.send(&Frame::Outline(outline)).await;
    socket
}

/// Kinds that differ, and words about them that are none.
async fn tell_hostile_outlines(server: &Server) {
    let text = format!("{}\u{1b}[31m\u{202e}\n", "x\u{1b}".repeat(60)).repeat(20);
    let mut socket = explain(server, text).await;
    // One that breaks the protocol, too.
    socket.next_number();
    let event = EventFrame {
        number: socket.next_number(),
        part: Part::WHOLE,
        kind: Some(0),
        payload: SECRET.as_bytes(),
    };
    socket.send(&Frame::Event(event)).await;
    socket.goodbye().await;
}

/// Differs again and again.
async fn flood_with_outlines(server: &Server) {
    for _ in 0..FLOOD {
        let mut socket = explain(server, "call\n".to_owned()).await;
        socket.pongs().await;
    }
}

async fn knock_with_hostile_headers(server: &Server) {
    let value = format!("http://{}\u{ff}\u{202e}", "x".repeat(60_000));
    for name in ["Origin", "Host", "Sec-WebSocket-Protocol"] {
        let mut client = Client::tcp(server.addr()).await.expect("it listens");
        let other = match name {
            "Origin" => String::new(),
            _ => "Origin: http://elsewhere\r\n".to_owned(),
        };
        let headers = format!("{HANDSHAKE}{other}{name}: {value}\r\n");
        let head = soon("an answer", client.get("/ws", &headers)).await;
        assert!(head.expect("an answer").starts_with("HTTP/1.1 4"), "{name}");
    }
}

#[tokio::test]
async fn the_log_holds_no_payload_and_what_strangers_chose_only_escaped_cut_and_bounded() {
    let written = Log::<String>::default();
    let log = tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
        .with_ansi(false)
        .with_writer(Mutex::new(written.clone()))
        .finish();
    tracing::subscriber::set_global_default(log).expect("this program has one test");
    let closed = Log::default();
    let server = serve(&closed);
    send_hostile_payloads(&server).await;
    tell_hostile_outlines(&server).await;
    flood_with_outlines(&server).await;
    knock_with_hostile_headers(&server).await;
    closed.count(2).await;
    let text = written.events().concat();
    for seen in [
        "a payload can't be read",
        "an item can't be read",
        "a session ended",
    ] {
        assert!(text.contains(seen), "{seen:?} isn't in {text}");
    }
    for flooded in ["with another structure", "a kind differs so"] {
        let lines = text.matches(flooded).count();
        assert!((1..FLOOD / 2).contains(&lines), "{lines} of {flooded:?}");
    }
    assert!(!text.contains(SECRET), "{}", lines_with(&text, SECRET));
    for line in text.lines() {
        assert!(!line.trim_start().starts_with("FORGED"), "{line}");
        assert!(!line.contains(['\x1b', '\u{202e}']), "{line:?}");
        assert!(line.len() <= LONGEST, "{} bytes: {:.200}", line.len(), line);
    }
}

fn lines_with(text: &str, word: &str) -> String {
    let lines = text.lines().filter(|line| line.contains(word));
    lines.map(|line| format!("{line:.200}\n")).collect()
}
