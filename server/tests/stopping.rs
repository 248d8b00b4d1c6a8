//! A server's process that is asked to stop: its clients are told, its handlers run, and it ends well.

use std::io::Read;
use std::net::{SocketAddr, TcpListener};
use std::process::Stdio;

use futures_util::StreamExt;
use serde::{Deserialize, Serialize};
use testkit::{Chaos, Log, Running, example, soon};
use tokio_websockets::{ClientBuilder, CloseCode};
use twinwire::{Call, Kinds, Shape, kinds};
use twinwire_client_native::{SessionLost, connect_with};

#[derive(Serialize, Deserialize, Call)]
#[call(reply = Greeting, error = NameError)]
struct Greet {
    name: String,
}

#[derive(Serialize, Deserialize, Shape)]
struct Greeting {
    text: String,
}

#[derive(Debug, Serialize, Deserialize, Shape)]
enum NameError {
    Empty,
}

const KINDS: Kinds = kinds![Greet];

const EXAMPLE: &str = "goodbye";

/// Starts the example. Returns where it listens, too.
async fn start() -> (Running, SocketAddr) {
    let mut program = example(EXAMPLE);
    program.args(["--port", "0"]);
    let server = Running::start(program);
    let line = server.line("/").await;
    let addr = line.rsplit('/').next().expect("an address");
    (server, addr.parse().expect("an address"))
}

#[tokio::test]
async fn clients_of_both_endpoints_are_told_and_each_is_closed_once() {
    for name in ["TERM", "INT"] {
        let (server, addr) = start().await;
        let chaos = Chaos::to(addr, 1).await;
        let losses = Log::default();
        let told = losses.clone();
        let options = testkit::options(chaos.url("/ws"), KINDS).on_session_replaced(
            move |_, why: SessionLost| {
                told.push(why);
                async {}
            },
        );
        let client = soon("a welcome", connect_with(options)).await.unwrap();
        let greeting = client.call(Greet { name: "Ada".into() }).await.unwrap();
        assert_eq!(greeting.text, "Hello, Ada!");
        let uri = format!("ws://{}/socket", addr);
        let connect = ClientBuilder::new().uri(&uri).unwrap();
        let (mut plain, _) = soon("the handshake", connect.connect()).await.unwrap();

        server.signal(name);
        let close = soon("the plain goodbye", plain.next()).await;
        let close = close.and_then(Result::ok);
        let code = close.as_ref().and_then(|close| close.as_close());
        assert_eq!(code.map(|(code, _)| code), Some(CloseCode::GOING_AWAY));
        while let Some(Ok(_)) = soon("the plain end", plain.next()).await {}
        let (status, lines) = server.ended().await;
        assert!(status.success(), "{name}: {status}");
        let gone = |what| lines.iter().filter(|line| line.starts_with(what)).count();
        assert_eq!(gone("a typed client is gone"), 1, "{lines:?}");
        assert_eq!(gone("bare client"), 1, "{lines:?}");

        // The next process is told apart from one that crashed: the session was ended by a goodbye.
        let (_next, addr) = start().await;
        chaos.leads_to(addr);
        client.reconnect_now();
        losses.count(1).await;
        assert_eq!(losses.events(), [SessionLost::Ended]);
        client.close().await;
    }
}

#[tokio::test]
async fn a_second_signal_stops_a_server_whose_client_says_nothing() {
    let (server, addr) = start().await;
    // A client that never answers a close frame, and never ends its connection.
    let silent = ClientBuilder::new()
        .uri(&format!("ws://{}/socket", addr))
        .unwrap();
    let (silent, _) = soon("the handshake", silent.connect()).await.unwrap();
    server.signal("TERM");
    server.signal("TERM");
    let (status, _) = server.ended().await;
    assert!(status.success(), "{status}");
    drop(silent);
}

#[test]
fn a_taken_port_is_told_with_its_address_and_a_remedy() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = taken.local_addr().unwrap();
    let mut child = example(EXAMPLE)
        .args(["--port", &addr.port().to_string()])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut told = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut told)
        .unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(1));
    assert!(told.contains(&format!("{addr} is in use")), "{told}");
}
