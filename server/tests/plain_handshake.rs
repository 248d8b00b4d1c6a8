//! What a plain endpoint answers before a connection opens.

use testkit::raw::{Client, HANDSHAKE};
use testkit::{Server, soon};
use twinwire_server::plain::Plain;

fn serve() -> Server {
    let plain = Plain::builder()
        .limits(testkit::patient_plain())
        .protocols(["chat.2", "chat.1"])
        .build();
    Server::start(move |config| {
        config.configure(plain.at("/socket"));
    })
}

/// Sends a request with these header lines and gives the whole answer, its head in lower case.
async fn answer(server: &Server, headers: &str) -> (String, String) {
    let mut client = Client::tcp(server.addr()).await.expect("a connection");
    let headers = format!("{headers}Connection: close\r\n");
    let head = soon("an answer", client.get("/socket", &headers))
        .await
        .expect("an answer");
    let page = soon("the page", client.rest()).await.expect("a page");
    (
        head.to_lowercase(),
        String::from_utf8(page.to_vec()).expect("a page of text"),
    )
}

fn assert_is_426(head: &str) {
    for line in [
        "http/1.1 426 ",
        "\r\nupgrade: websocket\r\n",
        "\r\nsec-websocket-version: 13\r\n",
    ] {
        assert!(head.contains(line), "{line:?} in {head}");
    }
    let connection = head.lines().find(|line| line.starts_with("connection:"));
    assert!(
        connection.is_some_and(|line| line.contains("upgrade")),
        "{head}"
    );
}

#[tokio::test]
async fn a_request_that_is_no_handshake_gets_426_and_a_page() {
    let server = serve();
    let (head, page) = answer(&server, "").await;
    assert_is_426(&head);
    assert!(head.contains("\r\ncontent-type: text/html"), "{head}");
    assert!(
        page.starts_with("<!doctype html>") && page.contains("WebSocket"),
        "{page}"
    );
}

#[tokio::test]
async fn another_version_of_the_protocol_gets_426() {
    let server = serve();
    let mut client = Client::tcp(server.addr()).await.unwrap();
    let headers = HANDSHAKE.replace("Version: 13", "Version: 8");
    assert_is_426(
        &client
            .get("/socket", &headers)
            .await
            .unwrap()
            .to_lowercase(),
    );
}

#[tokio::test]
async fn a_handshake_without_a_key_gets_400() {
    let server = serve();
    let mut client = Client::tcp(server.addr()).await.unwrap();
    let headers = HANDSHAKE.replace("Sec-WebSocket-Key", "X-Key");
    let head = client.get("/socket", &headers).await.unwrap();
    assert!(head.starts_with("HTTP/1.1 400 "), "{head}");
}

#[tokio::test]
async fn the_first_protocol_offered_that_is_spoken_is_chosen() {
    let server = serve();
    for (offer, chosen) in [
        ("chat.3, chat.1, chat.2", Some("chat.1")),
        ("chat.2", Some("chat.2")),
        ("x", None),
    ] {
        let mut client = Client::tcp(server.addr()).await.unwrap();
        let headers = format!("{HANDSHAKE}Sec-WebSocket-Protocol: {offer}\r\n");
        let head = client
            .get("/socket", &headers)
            .await
            .unwrap()
            .to_lowercase();
        assert!(head.starts_with("http/1.1 101 "), "{head}");
        let line = head
            .lines()
            .find_map(|line| line.strip_prefix("sec-websocket-protocol: "));
        assert_eq!(line, chosen);
    }
}

#[tokio::test]
async fn a_handshake_after_which_the_bytes_would_be_no_tunnel_gets_426() {
    let server = serve();
    for headers in [
        HANDSHAKE.replace("Upgrade: websocket", "Upgrade: websocket, another"),
        HANDSHAKE.replace(
            "Upgrade: websocket",
            "Upgrade: websocket\r\nUpgrade: another",
        ),
        format!("{HANDSHAKE}Transfer-Encoding: chunked\r\n"),
        format!("{HANDSHAKE}Content-Length: 20\r\n"),
    ] {
        let mut client = Client::tcp(server.addr()).await.unwrap();
        let head = soon("an answer", client.get("/socket", &headers)).await;
        assert_is_426(&head.unwrap().to_lowercase());
    }
}
