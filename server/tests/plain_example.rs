//! The example as a newcomer runs it.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use futures_util::{SinkExt, StreamExt};
use testkit::{Log, soon};
use tokio_websockets::{ClientBuilder, CloseCode, Message};

/// The example's binary, built now: cargo builds examples beside tests only when no test is named.
fn example() -> Command {
    let test = std::env::current_exe().expect("the test's own path");
    let profile: PathBuf = test.ancestors().nth(2).expect("a target folder").into();
    let release = profile.ends_with("release").then_some("--release");
    let built = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--package", env!("CARGO_PKG_NAME")])
        .args(["--example", "plain_echo"])
        .args(release)
        .status();
    assert!(built.expect("cargo runs").success());
    Command::new(profile.join("examples/plain_echo"))
}

struct Running {
    child: Child,
    log: Log<String>,
}

impl Running {
    fn start() -> Self {
        let mut child = example()
            .args(["--port", "0"])
            .stdout(Stdio::piped())
            .spawn()
            .expect("the example starts");
        let stdout = BufReader::new(child.stdout.take().expect("stdout is piped"));
        let log = Log::default();
        let lines = log.clone();
        std::thread::spawn(move || {
            stdout
                .lines()
                .map_while(Result::ok)
                .for_each(|line| lines.push(line))
        });
        Self { child, log }
    }

    /// The first line that contains `part`.
    async fn line(&self, part: &str) -> String {
        let has = |line: &&String| line.contains(part);
        let lines = self
            .log
            .wait(part, |lines| lines.iter().any(|line| has(&line)))
            .await;
        lines.iter().find(has).cloned().unwrap_or_default()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test]
async fn the_example_logs_and_answers_on_both_addresses() {
    let example = Running::start();
    let line = example.line("listening on ws://localhost:").await;
    let port: u16 = line.rsplit(':').next().unwrap().parse().unwrap();
    for (number, host) in [(1, "127.0.0.1"), (2, "[::1]")] {
        if number == 2 && TcpListener::bind(("::1", 0)).is_err() {
            continue;
        }
        let uri = format!("ws://{host}:{port}");
        let connect = ClientBuilder::new().uri(&uri).unwrap();
        let (mut socket, _) = soon("the handshake", connect.connect()).await.unwrap();
        example.line(&format!("#{number} shook hands")).await;
        socket
            .send(Message::text("client:hello,服务端\n\u{1b}[31mforged"))
            .await
            .unwrap();
        let answer = soon("the answer", socket.next()).await.unwrap().unwrap();
        assert_eq!(answer.as_text(), Some("this is server"));
        let line = example.line(&format!("#{number} sent")).await;
        assert!(
            line.ends_with(r#"sent "client:hello,服务端\n\u{1b}[31mforged", 34 bytes of text"#),
            "{line}"
        );
        let close = Message::close(Some(CloseCode::NORMAL_CLOSURE), "");
        socket.send(close).await.unwrap();
        while soon("the end", socket.next()).await.is_some() {}
        example.line(&format!("#{number} closed")).await;
    }
}

#[test]
fn a_taken_port_is_told_and_ends_with_1() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let output = example()
        .args(["--port", &port.to_string()])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        told.starts_with(&format!("127.0.0.1:{port} is in use")),
        "{told}"
    );
    assert!(told.ends_with("see --port\n"), "{told}");
}
