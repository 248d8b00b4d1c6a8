//! The conformance peer does what its table says, as the binary that browser tests start.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use futures_util::{SinkExt, StreamExt};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio_websockets::{ClientBuilder, MaybeTlsStream, Message, WebSocketStream};

type Client = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// The running binary; dropping it closes its stdin, which must end it.
struct Peer {
    child: Child,
    stdin: Option<ChildStdin>,
    /// Kept open: what the peer prints later must not break it.
    _stdout: BufReader<ChildStdout>,
    port: u16,
}

impl Peer {
    fn start() -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_peer"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the peer starts");
        let mut line = String::new();
        let mut stdout = BufReader::new(child.stdout.take().expect("stdout is piped"));
        stdout.read_line(&mut line).expect("a first line");
        let port = line
            .trim()
            .strip_prefix("port ")
            .and_then(|port| port.parse().ok());
        let port = port.expect("the line `port N`");
        Self {
            stdin: child.stdin.take(),
            _stdout: stdout,
            child,
            port,
        }
    }

    async fn open(&self, path: &str) -> Client {
        self.try_open(path).await.expect("the handshake succeeds")
    }

    async fn try_open(&self, path: &str) -> Result<Client, tokio_websockets::Error> {
        let uri = format!("ws://127.0.0.1:{}{path}", self.port);
        Ok(ClientBuilder::new()
            .uri(&uri)
            .expect("a valid uri")
            .connect()
            .await?
            .0)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        drop(self.stdin.take());
        let status = self.child.wait().expect("the peer ends with its stdin");
        assert!(status.success() || std::thread::panicking());
    }
}

async fn text(client: &mut Client) -> String {
    let message = client.next().await.expect("a message").expect("no fault");
    message.as_text().expect("a text").to_owned()
}

async fn close(client: &mut Client) -> (u16, String) {
    let message = client
        .next()
        .await
        .expect("a close frame")
        .expect("no fault");
    let (code, reason) = message.as_close().expect("a close frame");
    (code.into(), reason.to_owned())
}

#[tokio::test]
async fn echo_gives_back_text_and_binary() {
    let peer = Peer::start();
    let mut client = peer.open("/echo").await;
    client.send(Message::text("hallo")).await.unwrap();
    assert_eq!(text(&mut client).await, "hallo");
    let large = vec![7; 5 << 20];
    client.send(Message::binary(large.clone())).await.unwrap();
    let back = client.next().await.unwrap().unwrap();
    assert!(back.is_binary() && back.as_payload()[..] == large[..]);
}

#[tokio::test]
async fn close_carries_code_and_reason_or_nothing() {
    let peer = Peer::start();
    let mut client = peer.open("/close?code=4001&reason=see%20you").await;
    assert_eq!(close(&mut client).await, (4001, "see you".to_owned()));
    let mut client = peer.open("/close?code=0").await;
    assert_eq!(close(&mut client).await, (1005, String::new()));
    assert!(peer.try_open("/close?code=1006").await.is_err());
}

#[tokio::test]
async fn push_numbers_its_messages_and_closes_when_asked() {
    let peer = Peer::start();
    let mut client = peer
        .open("/push?count=300&size=20&kind=text&close=4002")
        .await;
    for index in 0..300 {
        assert_eq!(text(&mut client).await, format!("{index:08x}............"));
    }
    assert_eq!(close(&mut client).await.0, 4002);
    assert!(
        peer.try_open("/push?count=1&size=7&kind=text")
            .await
            .is_err()
    );
}

#[tokio::test]
async fn a_muted_connection_reads_only_after_its_release() {
    let peer = Peer::start();
    let mut muted = peer.open("/mute?key=a").await;
    muted.send(Message::text("four")).await.unwrap();
    muted.send(Message::binary(vec![0; 3])).await.unwrap();
    muted.send(Message::text("report")).await.unwrap();
    let mut releaser = peer.open("/release?key=a").await;
    assert_eq!(text(&mut releaser).await, "released");
    assert_eq!(close(&mut releaser).await.0, 1000);
    assert_eq!(text(&mut muted).await, r#"{"messages":2,"bytes":7}"#);
}

#[tokio::test]
async fn live_answers_once_connections_are_gone() {
    let peer = Peer::start();
    let mut kept = peer.open("/sink?key=b").await;
    let mut closed = peer.open("/echo?key=b").await;
    let muted = peer.open("/mute?key=b").await;
    let mut live = peer.open("/live?key=b&at_most=3").await;
    assert_eq!(text(&mut live).await, "3");
    let mut live = peer.open("/live?key=b&at_most=1").await;
    closed.close().await.unwrap();
    drop(muted);
    assert_eq!(text(&mut live).await, "1");
    assert_eq!(close(&mut live).await.0, 1000);
    kept.close().await.unwrap();
}

#[tokio::test]
async fn abort_ends_without_a_close_frame() {
    let peer = Peer::start();
    let mut client = peer.open("/abort").await;
    assert_eq!(text(&mut client).await, "last");
    assert!(client.next().await.is_none());
}

#[tokio::test]
async fn the_last_protocol_offered_is_selected() {
    let peer = Peer::start();
    let mut client = peer.open("/protocols").await;
    assert_eq!(text(&mut client).await, "");
    let uri = format!("ws://127.0.0.1:{}/protocols", peer.port);
    let (mut client, response) = ClientBuilder::new()
        .uri(&uri)
        .unwrap()
        .add_header(
            http::header::SEC_WEBSOCKET_PROTOCOL,
            http::HeaderValue::from_static("one, two"),
        )
        .unwrap()
        .connect()
        .await
        .unwrap();
    assert_eq!(response.headers()["sec-websocket-protocol"], "two");
    assert_eq!(text(&mut client).await, "two");
}

#[tokio::test]
async fn refused_unknown_and_stalled_requests_never_open() {
    let peer = Peer::start();
    assert!(peer.try_open("/refuse").await.is_err());
    assert!(peer.try_open("/nowhere").await.is_err());
    let mut stalled = TcpStream::connect(("127.0.0.1", peer.port)).await.unwrap();
    let head = b"GET /stall?key=c HTTP/1.1\r\n\r\n";
    tokio::io::AsyncWriteExt::write_all(&mut stalled, head)
        .await
        .unwrap();
    tokio::io::AsyncWriteExt::shutdown(&mut stalled)
        .await
        .unwrap();
    let mut live = peer.open("/live?key=c&at_most=0").await;
    assert_eq!(text(&mut live).await, "0");
    assert_eq!(stalled.read(&mut [0; 1]).await.unwrap(), 0);
}
