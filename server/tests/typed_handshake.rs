//! What a typed endpoint says to those who aren't, or don't behave as, its clients.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use http::HeaderName;
use http::header::{ORIGIN, SEC_WEBSOCKET_PROTOCOL};
use testkit::raw::{Client, HANDSHAKE};
use testkit::{Server, soon};
use tokio_websockets::{ClientBuilder, Message};
use twinwire::frame::{Frame, Frames, Hello, KindTable, PeerLimits};
use twinwire::{Goodbye, GoodbyeCode};

fn serve() -> Server {
    let builder = testkit::builder(()).allow_origin("http://localhost:8080");
    let (server, _) = testkit::serve(builder);
    server
}

/// Shakes hands with these headers, sends `messages`, and gives the messages that come back and
/// the close code.
async fn speak(
    server: &Server,
    headers: &[(HeaderName, &'static str)],
    messages: Vec<Message>,
) -> Result<(Vec<Vec<u8>>, Option<u16>), tokio_websockets::Error> {
    let url = server.url("/ws");
    let mut builder = ClientBuilder::new().uri(&url).expect("a URL");
    for (name, value) in headers {
        let value = value.parse().expect("a header's value");
        builder = builder
            .add_header(name.clone(), value)
            .expect("an allowed header");
    }
    let (mut socket, _) = soon("the handshake", builder.connect()).await?;
    for message in messages {
        socket.send(message).await?;
    }
    let mut got = Vec::new();
    while let Some(Ok(message)) = soon("a message or the end", socket.next()).await {
        match message.as_close() {
            Some((code, _)) => return Ok((got, Some(code.into()))),
            None => got.push(message.as_payload().to_vec()),
        }
    }
    Ok((got, None))
}

fn goodbye(messages: &[Vec<u8>]) -> Goodbye {
    let last = messages.last().map(|message| Frames::new(message).last());
    match last {
        Some(Some(Ok(Frame::Goodbye(goodbye)))) => goodbye,
        other => panic!("a goodbye comes last, not {other:?}"),
    }
}

const OURS: (HeaderName, &str) = (SEC_WEBSOCKET_PROTOCOL, "twinwire.0.postcard");

fn hello() -> Vec<u8> {
    let mut message = Vec::new();
    Frame::Hello(Hello {
        bounds: PeerLimits::default(),
        token: vec![],
        digest: KindTable::default().digest(),
        resume: None,
    })
    .encode(&mut message);
    message
}

#[tokio::test]
async fn bad_input_ends_in_a_goodbye_and_a_close_code() {
    let server = serve();
    let mut after_hello = hello();
    after_hello.extend_from_slice(&hello());
    let mut huge = hello();
    huge.resize(64 * 1024, 0);
    for (messages, code) in [
        (vec![Message::text("hello")], GoodbyeCode::Malformed),
        (vec![Message::binary(vec![])], GoodbyeCode::Malformed),
        (vec![Message::binary(vec![0xff; 9])], GoodbyeCode::Malformed),
        (
            vec![Message::binary(vec![2, 0x7f, 0])],
            GoodbyeCode::Unsupported,
        ),
        (
            vec![Message::binary(vec![3, 0x03, 0, 0])],
            GoodbyeCode::WrongState,
        ),
        (vec![Message::binary(after_hello)], GoodbyeCode::WrongState),
        (vec![Message::binary(huge)], GoodbyeCode::Malformed),
    ] {
        let (got, close) = speak(&server, &[OURS], messages.clone()).await.unwrap();
        assert_eq!(goodbye(&got).code, code, "{messages:?}");
        assert_eq!(close, Some(code.close_code()), "{messages:?}");
    }
}

#[tokio::test]
async fn a_table_is_asked_for_once_and_then_known_to_all() {
    let server = serve();
    let url = server.url("/ws");
    for known in [false, true] {
        let (name, value) = OURS;
        let builder = ClientBuilder::new().uri(&url).expect("a URL");
        let value = value.parse().expect("a header's value");
        let builder = builder.add_header(name, value).expect("an allowed header");
        let (mut socket, _) = soon("the handshake", builder.connect()).await.unwrap();
        socket.send(Message::binary(hello())).await.unwrap();
        if !known {
            let asked = soon("the question", socket.next()).await.unwrap().unwrap();
            let frames: Vec<_> = Frames::new(asked.as_payload()).collect();
            assert_eq!(frames, [Ok(Frame::NeedTable)]);
            let mut table = Vec::new();
            Frame::Table(KindTable::default()).encode(&mut table);
            socket.send(Message::binary(table)).await.unwrap();
        }
        let welcome = soon("the welcome", socket.next()).await.unwrap().unwrap();
        let mut frames = Frames::new(welcome.as_payload());
        assert!(matches!(frames.next(), Some(Ok(Frame::Welcome(_)))));
    }
}

#[tokio::test]
async fn a_message_beyond_the_limit_is_refused_by_the_socket() {
    let server = serve();
    let message = Message::binary(vec![0; 64 * 1024 + 1]);
    let (_, close) = speak(&server, &[OURS], vec![message]).await.unwrap();
    assert_eq!(close, Some(1009));
}

#[tokio::test]
async fn a_client_of_another_version_is_refused_in_words_that_all_versions_know() {
    let server = serve();
    let newer = [(SEC_WEBSOCKET_PROTOCOL, "twinwire.9.postcard")];
    let (got, close) = speak(&server, &newer, vec![]).await.unwrap();
    assert_eq!(goodbye(&got).code, GoodbyeCode::Unsupported);
    assert_eq!(close, Some(4004));
}

#[tokio::test]
async fn pages_of_other_origins_get_no_socket() {
    let server = serve();
    let bye = {
        let mut message = Vec::new();
        Frame::Goodbye(Goodbye::new(GoodbyeCode::Done, "")).encode(&mut message);
        message
    };
    let own: &'static str = Box::leak(format!("http://{}", server.addr()).into_boxed_str());
    for (origin, welcome) in [
        (own, true),
        ("http://localhost:8080", true),
        ("http://localhost:8081", false),
        ("https://evil.example", false),
        ("null", false),
    ] {
        let outcome = speak(
            &server,
            &[OURS, (ORIGIN, origin)],
            vec![Message::binary(bye.clone())],
        )
        .await;
        assert_eq!(outcome.is_ok(), welcome, "{origin}");
    }
}

#[tokio::test]
async fn what_is_no_client_gets_ordinary_http() {
    let server = serve();
    let mut browser = Client::tcp(server.addr()).await.unwrap();
    let answer = browser.get("/ws", "").await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 426 "), "{answer}");
    assert!(
        answer.to_ascii_lowercase().contains("upgrade: websocket"),
        "{answer}"
    );

    let url = server.url("/ws");
    let bare = ClientBuilder::new().uri(&url).unwrap();
    assert!(soon("the refusal", bare.connect()).await.is_err());
}

/// A masked binary frame of one optional frame, which is skipped: legal in every state.
const NOTHING: [u8; 8] = [0x82, 0x82, 0, 0, 0, 0, 0x01, 0xff];

#[tokio::test]
async fn a_peer_that_floods_is_still_held_to_its_time() {
    let limits = testkit::patient().handshake(Duration::from_millis(300));
    let builder = testkit::builder(()).limits(limits);
    let (server, _) = testkit::serve(builder);
    let mut client = Client::tcp(server.addr()).await.unwrap();
    let handshake = format!("{HANDSHAKE}Sec-WebSocket-Protocol: twinwire.0.postcard\r\n");
    assert!(
        client
            .get("/ws", &handshake)
            .await
            .unwrap()
            .starts_with("HTTP/1.1 101 ")
    );
    let flood = NOTHING.repeat(1024);
    let flooded = soon("the end of a flood", async {
        // Until the server has had enough.
        while client.send(&flood).await.is_ok() {}
    });
    flooded.await;
}
