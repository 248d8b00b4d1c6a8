//! A server's process that is asked to stop: its clients are told, its handlers run, and it ends well.

use std::io::{BufRead, BufReader, Read};
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};

use futures_util::StreamExt;
use serde::{Deserialize, Serialize};
use testkit::{Chaos, Log, soon};
use tokio_websockets::{ClientBuilder, CloseCode};
use twinwire::{Call, Kinds, kinds};
use twinwire_client_native::{Fresh, Options, connect_with};

#[derive(Serialize, Deserialize, Call)]
#[call(reply = String)]
struct Greet {
    name: String,
}

const KINDS: Kinds = kinds![Greet];

/// Returns the example's binary, built now: cargo builds examples beside tests only when no test is named.
fn example() -> Command {
    let test = std::env::current_exe().expect("the test's own path");
    let profile: PathBuf = test.ancestors().nth(2).expect("a target folder").into();
    let release = profile.ends_with("release").then_some("--release");
    let built = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--package", env!("CARGO_PKG_NAME")])
        .args(["--example", "goodbye"])
        .args(release)
        .status();
    assert!(built.expect("cargo runs").success());
    Command::new(profile.join("examples/goodbye"))
}

/// A running example, and the lines that it prints.
struct Running {
    child: Child,
    log: Log<String>,
    addr: SocketAddr,
}

impl Running {
    async fn start() -> Self {
        let mut child = example()
            .args(["--port", "0"])
            .stdout(Stdio::piped())
            .spawn()
            .expect("the example starts");
        let stdout = BufReader::new(child.stdout.take().expect("stdout is piped"));
        let log = Log::default();
        let lines = log.clone();
        std::thread::spawn(move || {
            let lines_of = stdout.lines().map_while(Result::ok);
            lines_of.for_each(|line| lines.push(line));
            lines.push(ENDED.to_owned());
        });
        let listening = log.count(1).await;
        let addr = listening[0].rsplit('/').next().expect("an address");
        let addr = addr.parse().expect("an address");
        Self { child, log, addr }
    }

    fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &id]).status();
        assert!(sent.expect("kill runs").success());
    }

    /// Waits until the process has ended. Returns its status and all that it printed.
    async fn ended(mut self) -> (ExitStatus, Vec<String>) {
        let ended = |lines: &[String]| lines.iter().any(|line| line == ENDED);
        let lines = self.log.wait("the end", ended).await;
        (self.child.wait().expect("it has ended"), lines)
    }
}

/// Stands after the last line.
const ENDED: &str = "(the end)";

impl Drop for Running {
    fn drop(&mut self) {
        // One that has ended can't be killed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test]
async fn clients_of_both_endpoints_are_told_and_each_is_closed_once() {
    for name in ["TERM", "INT"] {
        let server = Running::start().await;
        let chaos = Chaos::to(server.addr, 1).await;
        let freshes = Log::default();
        let told = freshes.clone();
        let options = Options::new(chaos.url("/ws"), KINDS).on_fresh(move |_, why: Fresh| {
            told.push(why);
            async {}
        });
        let client = soon("a welcome", connect_with(options)).await.unwrap();
        let greeting = client.call(Greet { name: "Ada".into() }).await.unwrap();
        assert_eq!(greeting, "Hello, Ada!");
        let uri = format!("ws://{}/socket", server.addr);
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
        let next = Running::start().await;
        chaos.leads_to(next.addr);
        client.reconnect_now();
        freshes.count(1).await;
        assert_eq!(freshes.events(), [Fresh::Ended]);
        client.close().await;
    }
}

#[tokio::test]
async fn a_second_signal_stops_a_server_whose_client_says_nothing() {
    let server = Running::start().await;
    // A client that never answers a close frame, and never ends its connection.
    let silent = ClientBuilder::new()
        .uri(&format!("ws://{}/socket", server.addr))
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
    let mut child = example()
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
