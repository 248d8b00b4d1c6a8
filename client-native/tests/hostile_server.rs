//! What a server that means harm can do to a client: nothing but end the connection.

use std::time::Duration;

use testkit::soon;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use twinwire::{End, Kinds, kinds};
use twinwire_client_native::{ConnectError, Options, connect_with};

const KINDS: Kinds = kinds![];

/// One attempt: another would find nobody there.
fn once(url: String) -> Options {
    testkit::options(url, KINDS).reconnect(false)
}

/// Takes one connection, reads its request's head, and lets `answer` go on.
async fn serve<F, R>(answer: F) -> String
where
    F: FnOnce(TcpStream, String) -> R + Send + 'static,
    R: Future<Output = ()> + Send,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("ws://{}/", listener.local_addr().expect("it listens"));
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a client comes");
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.expect("the client speaks first"));
        }
        answer(stream, String::from_utf8(head).expect("a head is text")).await;
    });
    url
}

/// The answer of a server that speaks up to where its first message would begin.
fn welcome(head: &str) -> String {
    let key = testkit::raw::accept_key(head);
    format!(
        "HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\
         Sec-WebSocket-Accept: {key}\r\nSec-WebSocket-Protocol: twinwire.0.postcard\r\n\r\n"
    )
}

#[tokio::test]
async fn a_malformed_accept_header_is_an_error() {
    let url = serve(|mut stream, _| async move {
        let head = format!(
            "HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\
             Sec-WebSocket-Accept: {}\r\n\r\n",
            "A".repeat(64)
        );
        let _ = stream.write_all(head.as_bytes()).await;
    })
    .await;
    assert!(matches!(
        soon("the error", connect_with(once(url))).await,
        Err(ConnectError::Open(_))
    ));
}

#[tokio::test]
async fn a_header_that_never_ends_is_an_error_long_before_the_time_is_up() {
    let url = serve(|mut stream, _| async move {
        let mut head = b"HTTP/1.1 101 x\r\nA: ".to_vec();
        // Until the client goes.
        while stream.write_all(&head).await.is_ok() {
            head = vec![b'a'; 1024];
        }
    })
    .await;
    let options = once(url).connect_timeout(Duration::from_secs(3600));
    let outcome = soon("the error", connect_with(options)).await;
    assert!(matches!(outcome, Err(ConnectError::Open(_))), "{outcome:?}");
}

#[tokio::test]
async fn a_server_that_pings_without_pause_and_never_reads_is_left_in_time() {
    let url = serve(|mut stream, head| async move {
        let answer = welcome(&head);
        let _ = stream.write_all(answer.as_bytes()).await;
        let pings = [0x89, 0x00].repeat(512);
        while stream.write_all(&pings).await.is_ok() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let options = testkit::options(url, KINDS).connect_timeout(Duration::from_millis(200));
    let outcome = soon("the time-out", connect_with(options)).await;
    assert!(
        matches!(outcome, Err(ConnectError::TimedOut)),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn a_server_that_ends_the_connection_after_the_handshake_is_an_error() {
    let url = serve(|mut stream, head| async move {
        let answer = welcome(&head);
        let _ = stream.write_all(answer.as_bytes()).await;
    })
    .await;
    let outcome = soon("the error", connect_with(once(url))).await;
    assert!(
        matches!(outcome, Err(ConnectError::NotWelcomed(End::Lost))),
        "{outcome:?}"
    );
}
