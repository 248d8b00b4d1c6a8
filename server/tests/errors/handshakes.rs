//! What an endpoint answers to a request that is no handshake of its.

use actix_web::App;
use actix_web::http::Method;
use actix_web::test::{TestRequest, call_service, init_service, read_body};

use crate::listed::List;

const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

/// A handshake as a client of ours makes it, but for one header.
fn handshake(name: &str, value: Option<&str>) -> TestRequest {
    let mut headers = vec![
        ("Host", "app.example"),
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", KEY),
        ("Sec-WebSocket-Protocol", "twinwire.0.postcard"),
    ];
    headers.retain(|(known, _)| *known != name);
    headers.extend(value.map(|value| (name, value)));
    let request = TestRequest::with_uri("/ws");
    headers
        .into_iter()
        .fold(request, TestRequest::insert_header)
}

pub(crate) async fn list(list: &mut List) {
    list.heading("HTTP answers of twinwire-server");
    let wire = testkit::builder(()).build().expect("there are no kinds");
    let service = init_service(App::new().configure(wire.at("/ws"))).await;
    for (when, request) in [
        ("a visitor's browser", TestRequest::with_uri("/ws")),
        ("a POST", TestRequest::with_uri("/ws").method(Method::POST)),
        ("a proxy that drops Upgrade", handshake("Upgrade", None)),
        (
            "a proxy that closes",
            handshake("Connection", Some("close")),
        ),
        (
            "an old draft",
            handshake("Sec-WebSocket-Version", Some("8")),
        ),
        ("no key", handshake("Sec-WebSocket-Key", None)),
        ("a body", handshake("Content-Length", Some("5"))),
        (
            "a body in chunks",
            handshake("Transfer-Encoding", Some("chunked")),
        ),
        (
            "another subprotocol",
            handshake("Sec-WebSocket-Protocol", Some("chat")),
        ),
        ("no subprotocol", handshake("Sec-WebSocket-Protocol", None)),
        (
            "a page of another origin",
            handshake("Origin", Some("https://evil.example")),
        ),
        ("a file's page", handshake("Origin", Some("null"))),
    ] {
        let answer = call_service(&service, request.to_request()).await;
        let status = answer.status().as_u16();
        let body = read_body(answer).await;
        let body = String::from_utf8_lossy(&body);
        let body = body.trim().replace('\n', "\n    ");
        list.text(&format!("{status}"), when, &body);
    }
}
