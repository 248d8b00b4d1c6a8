//! Which pages may connect, at both endpoints.

use testkit::raw::{Client, HANDSHAKE};
use testkit::{Server, soon};
use twinwire_server::plain::Plain;
use twinwire_server::{Builder, Twinwire};

/// A server with the typed endpoint at `/ws` and the plain one at `/plain`, whose origins are the defaults.
fn serve(build: impl FnOnce(Builder<(), ()>) -> Builder<(), ()>) -> Server {
    let wire = build(Twinwire::builder(())).build().expect("origins");
    let plain = Plain::builder().build();
    Server::start(move |config| {
        config
            .configure(wire.at("/ws"))
            .configure(plain.at("/plain"));
    })
}

/// Sends the handshake of a page at `origin`, and returns the answer's status and body.
async fn knock(server: &Server, path: &str, host: &str, headers: &str) -> (u16, String) {
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {host}\r\n{HANDSHAKE}Sec-WebSocket-Protocol: twinwire.0.json\r\n{headers}\r\n"
    );
    let mut client = Client::tcp(server.addr()).await.unwrap();
    let head = soon("an answer", client.ask(request.as_bytes()))
        .await
        .unwrap();
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok());
    let status = status.expect("a status");
    if status == 101 {
        return (status, String::new());
    }
    client.end().await.unwrap();
    let body = soon("the body", client.rest()).await.unwrap();
    (status, String::from_utf8_lossy(&body).into_owned())
}

#[tokio::test]
async fn an_allowed_origin_may_be_written_as_people_write_it() {
    for (allowed, origin) in [
        ("http://localhost:8080/", "http://localhost:8080"),
        ("https://app.example:443", "https://app.example"),
        (" https://app.example", "https://app.example"),
        ("HTTPS://App.Example", "https://app.example"),
        ("https://bücher.example", "https://xn--bcher-kva.example"),
    ] {
        let server = serve(|builder| builder.allow_origin(allowed));
        let origin = format!("Origin: {origin}\r\n");
        let (status, body) = knock(&server, "/ws", "chat.example", &origin).await;
        assert_eq!(status, 101, "{allowed}: {body}");
    }
}

#[test]
fn what_is_no_origin_is_an_error_of_build_that_says_how_to_write_it() {
    for (given, words) in [
        ("*", "allow_any_origin"),
        ("app.example", "https://app.example"),
        ("", "https://app.example"),
        ("null", "allow_any_origin"),
        ("https://app.example/chat", "\"https://app.example\""),
    ] {
        match Twinwire::builder(()).allow_origin(given).build() {
            Ok(_) => panic!("{given:?} is taken"),
            Err(error) => assert!(error.to_string().contains(words), "{given:?}: {error}"),
        }
    }
}

#[tokio::test]
async fn in_development_all_loopback_names_of_an_allowed_port_are_equal() {
    let server = serve(|builder| builder.allow_origin("http://localhost:8080"));
    for (origin, expect) in [
        ("http://localhost:8080", 101),
        ("http://127.0.0.1:8080", 101),
        ("http://[::1]:8080", 101),
        ("http://localhost.:8080", 101),
        ("http://127.0.0.1:8081", 403),
        ("http://192.168.0.1:8080", 403),
    ] {
        let header = format!("Origin: {origin}\r\n");
        let (status, _) = knock(&server, "/ws", "localhost:9501", &header).await;
        assert_eq!(status, expect, "{origin}");
    }
}

#[tokio::test]
async fn by_default_both_endpoints_take_the_pages_of_their_own_host() {
    let server = serve(|builder| builder);
    for path in ["/ws", "/plain"] {
        for (origin, expect) in [
            ("", 101),
            ("Origin: https://chat.example\r\n", 101),
            ("Origin: https://evil.example\r\n", 403),
            ("Origin: https://chat.example:8443\r\n", 403),
            ("Origin: null\r\n", 403),
            (
                "Origin: https://chat.example\r\nOrigin: https://evil.example\r\n",
                403,
            ),
        ] {
            let (status, body) = knock(&server, path, "chat.example", origin).await;
            assert_eq!(status, expect, "{path} {origin}");
            if expect == 403 {
                assert!(body.contains("chat.example"), "{body}");
                assert!(body.contains("allow_"), "{body}");
            }
        }
    }
}
