//! The example as a newcomer runs it.

use std::net::TcpListener;

use futures_util::{SinkExt, StreamExt};
use testkit::{Running, example, soon};
use tokio_websockets::{ClientBuilder, CloseCode, Message};

const EXAMPLE: &str = "plain_echo";

#[tokio::test]
async fn the_example_logs_and_answers_on_both_addresses() {
    let mut program = example(EXAMPLE);
    program.args(["--port", "0"]);
    let example = Running::start(program);
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
    let output = example(EXAMPLE)
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
