//! Which pages may connect, at both endpoints.

use std::sync::Mutex;

use testkit::raw::{Client, HANDSHAKE};
use testkit::{Log, Server, soon};
use tracing_subscriber::filter::LevelFilter;
use twinwire_server::plain::Plain;
use twinwire_server::{Builder, Origins};

/// A server with the typed endpoint at `/ws` and the plain one at `/plain`, whose origins are the defaults.
fn serve(build: impl FnOnce(Builder<(), ()>) -> Builder<(), ()>) -> Server {
    let wire = build(testkit::builder(())).build().expect("origins");
    let plain = Plain::builder().limits(testkit::patient_plain()).build();
    testkit::serve_both(&wire, &plain)
}

/// Sends the handshake of a page at `origin`, and returns the answer's status and body.
async fn knock(server: &Server, path: &str, host: &str, headers: &str) -> (u16, String) {
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {host}\r\n{HANDSHAKE}Sec-WebSocket-Protocol: twinwire.0.json\r\n{headers}\r\n"
    );
    let mut client = Client::tcp(server.addr()).await.expect("it listens");
    let head = soon("an answer", client.ask(request.as_bytes()))
        .await
        .expect("it answers");
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok());
    let status = status.expect("a status");
    if status == 101 {
        return (status, String::new());
    }
    client.end().await.expect("it is open");
    let body = soon("the body", client.rest()).await.expect("it ends");
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
        match testkit::builder(()).allow_origin(given).build() {
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
                assert!(body.contains("to the host \"chat.example\""), "{body}");
                assert!(body.contains("To the server's developer: "), "{body}");
            }
        }
    }
}

/// A server whose two endpoints share these origins.
fn serve_both(origins: &Origins) -> Server {
    let wire = testkit::builder(()).origins(origins.clone()).build();
    let wire = wire.expect("no kinds clash");
    let plain = Plain::builder()
        .limits(testkit::patient_plain())
        .origins(origins.clone())
        .build();
    testkit::serve_both(&wire, &plain)
}

async fn check(server: &Server, host: &str, headers: &str, expect: u16) {
    for path in ["/ws", "/plain"] {
        let (status, body) = knock(server, path, host, headers).await;
        assert_eq!(status, expect, "{path} {host} {headers}: {body}");
    }
}

#[tokio::test]
async fn with_an_exact_origin_host_and_scheme_of_the_request_count_for_nothing() {
    let server = serve_both(&Origins::only(["https://chat.example"]).unwrap());
    let own = "Origin: https://chat.example\r\n";
    for host in ["chat.example", "chat.example:80", "127.0.0.1:9501"] {
        check(&server, host, own, 101).await;
    }
    check(&server, "chat.example", "", 101).await;
    for origin in ["http://chat.example", "https://chat.example:8443"] {
        let header = format!("Origin: {origin}\r\n");
        check(&server, "chat.example", &header, 403).await;
    }
    // A name that somebody else points at this server.
    check(
        &server,
        "evil.example",
        "Origin: http://evil.example\r\n",
        403,
    )
    .await;
    let forwarded = "Origin: https://evil.example\r\nX-Forwarded-Host: evil.example\r\n";
    check(&server, "chat.example", forwarded, 403).await;
}

#[tokio::test]
async fn a_listed_proxy_says_by_which_origin_it_was_reached() {
    let trusting = Origins::default().trusted_proxies(["127.0.0.1"]).unwrap();
    let server = serve_both(&trusting);
    for (origin, told) in [
        (
            "https://chat.example:8443",
            "X-Forwarded-Host: chat.example:8443\r\nX-Forwarded-Proto: https",
        ),
        (
            "https://chat.example",
            "X-Forwarded-Host: chat.example\r\nX-Forwarded-Proto: https",
        ),
        (
            "https://chat.example",
            "Forwarded: for=192.0.2.1;host=chat.example;proto=https",
        ),
        (
            "http://chat.example",
            "X-Forwarded-Host: chat.example\r\nX-Forwarded-Proto: http",
        ),
    ] {
        let headers = format!("Origin: {origin}\r\n{told}\r\n");
        check(&server, "127.0.0.1:9501", &headers, 101).await;
        // As if no proxy were listed.
        check(
            &serve_both(&Origins::default()),
            "127.0.0.1:9501",
            &headers,
            403,
        )
        .await;
        let elsewhere = Origins::default()
            .trusted_proxies(["10.0.0.0/8", "::1"])
            .unwrap();
        check(&serve_both(&elsewhere), "127.0.0.1:9501", &headers, 403).await;
    }
    for (origin, told) in [
        (
            "http://chat.example",
            "X-Forwarded-Host: chat.example\r\nX-Forwarded-Proto: https",
        ),
        (
            "https://evil.example",
            "X-Forwarded-Host: chat.example\r\nX-Forwarded-Proto: https",
        ),
        (
            "https://127.0.0.1:9501",
            "X-Forwarded-Host: chat.example\r\nX-Forwarded-Proto: https",
        ),
    ] {
        let headers = format!("Origin: {origin}\r\n{told}\r\n");
        check(&server, "127.0.0.1:9501", &headers, 403).await;
    }
}

#[tokio::test]
async fn a_proxy_is_listed_by_address_or_network_and_by_nothing_else() {
    let headers = "Origin: https://chat.example\r\nX-Forwarded-Host: chat.example\r\n";
    for proxy in ["127.0.0.1", " 127.0.0.1/32", "127.0.0.0/8"] {
        let origins = Origins::default().trusted_proxies([proxy]).unwrap();
        check(&serve_both(&origins), "127.0.0.1:9501", headers, 101).await;
    }
    for wrong in ["", "localhost", "127.0.0.1:80", "10.0.0.0/33", "*"] {
        let error = Origins::default().trusted_proxies([wrong]).unwrap_err();
        assert!(error.to_string().contains("10.0.0.0/8"), "{error}");
    }
}

/// As the client in a page does, whose handshake has been refused.
#[tokio::test]
async fn a_page_that_asks_its_own_server_by_http_hears_why_a_handshake_is_refused() {
    let server = serve_both(&Origins::default());
    for (host, status) in [("127.0.0.1:9501", 403), ("chat.example", 426)] {
        let request = format!(
            "GET /ws HTTP/1.1\r\nHost: {host}\r\nSec-Fetch-Site: same-origin\r\nSec-Fetch-Mode: cors\r\n\
             Referer: https://chat.example/\r\nConnection: close\r\n\r\n"
        );
        let mut client = Client::tcp(server.addr()).await.expect("it listens");
        let head = soon("an answer", client.ask(request.as_bytes())).await;
        let head = head.unwrap().to_lowercase();
        assert!(head.starts_with(&format!("http/1.1 {status} ")), "{head}");
        assert!(head.contains("access-control-allow-origin: *"), "{head}");
        let body = soon("the body", client.rest()).await.expect("it ends");
        let body = String::from_utf8_lossy(&body);
        assert_eq!(body.contains("trusted_proxies"), status == 403, "{body}");
    }
}

#[tokio::test]
async fn any_origin_may_connect_where_all_may() {
    let server = serve_both(&Origins::any());
    for origin in ["https://evil.example", "null", "file://", "%"] {
        let header = format!("Origin: {origin}\r\n");
        check(&server, "chat.example", &header, 101).await;
    }
}

#[tokio::test]
async fn a_refused_page_is_a_short_warning_however_often_and_long_it_comes() {
    let lines = Log::<String>::default();
    // For the whole program, as the server's workers are threads of their own.
    tracing_subscriber::fmt()
        .with_max_level(LevelFilter::WARN)
        .with_ansi(false)
        .with_writer(Mutex::new(lines.clone()))
        .init();
    let server = serve_both(&Origins::default());
    let long: Vec<u8> = [
        b"GET /ws HTTP/1.1\r\nHost: flooded.example\r\nX-Forwarded-Host: x\r\nOrigin: ".as_slice(),
        &[0xff; 100_000],
        b"\r\n\r\n",
    ]
    .concat();
    for _ in 0..100 {
        let mut client = Client::tcp(server.addr()).await.expect("it listens");
        let head = soon("an answer", client.ask(&long)).await.unwrap();
        assert!(head.starts_with("HTTP/1.1 403 "), "{head}");
    }
    let lines = lines.events();
    let about: Vec<_> = lines
        .iter()
        .filter(|line| line.contains("flooded.example"))
        .collect();
    assert!((8..100).contains(&about.len()), "{} lines", about.len());
    for line in about {
        assert!(
            line.contains(" WARN ") && line.contains("suppressed="),
            "{line}"
        );
        assert!(line.contains("no proxy is trusted"), "{line}");
        assert_eq!(line.matches("\\xff").count(), 128, "{line}");
        assert!(line.len() < 1200, "{line}");
    }
}
