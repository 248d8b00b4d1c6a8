//! Handshakes as clients send them, byte for byte, against both endpoints.
//!
//! Those of clients that no test can start here are written from their sources and captures.

use testkit::raw::{Client, frame};
use testkit::{Server, soon};
use twinwire_server::plain::Plain;

/// A server with the typed endpoint at `/ws`, the plain one, which answers what it is sent, at `/plain`,
/// and a page at `/secret`.
fn serve() -> Server {
    let wire = testkit::builder(()).build().expect("no kinds clash");
    let plain = Plain::builder()
        .limits(testkit::patient_plain())
        .protocols(["twinwire.0.json"])
        .on_message(|connection, frame| {
            let _ = connection.push(frame.text().unwrap_or_default().to_owned());
        })
        .build();
    Server::start(move |config| {
        config
            .configure(wire.at("/ws"))
            .configure(plain.at("/plain"));
        let secret = || async { "a page behind the proxy's rules" };
        config.route("/secret", actix_web::web::get().to(secret));
    })
}

/// The header lines of one client's handshake, without `Host`.
struct Recorded {
    client: &'static str,
    lines: &'static [&'static str],
}

const RECORDED: [Recorded; 9] = [
    Recorded {
        client: "Java 17, java.net.http",
        lines: &[
            "Connection: Upgrade",
            "Content-Length: 0",
            "Upgrade: websocket",
            "User-Agent: Java-http-client/17.0.15",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
            "Sec-WebSocket-Protocol: twinwire.0.json",
            "Sec-WebSocket-Version: 13",
        ],
    },
    Recorded {
        client: "Dart, dart:io",
        lines: &[
            "user-agent: Dart/3.3 (dart:io)",
            "connection: Upgrade",
            "cache-control: no-cache",
            "accept-encoding: gzip",
            "content-length: 0",
            "sec-websocket-version: 13",
            "sec-websocket-protocol: twinwire.0.json",
            "sec-websocket-extensions: permessage-deflate; client_max_window_bits",
            "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==",
            "upgrade: websocket",
        ],
    },
    Recorded {
        client: "Firefox",
        lines: &[
            "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
            "Accept: */*",
            "Accept-Language: en-US,en;q=0.5",
            "Accept-Encoding: gzip, deflate, br, zstd",
            "Sec-WebSocket-Version: 13",
            "Origin: http://HOST",
            "Sec-WebSocket-Protocol: twinwire.0.json",
            "Sec-WebSocket-Extensions: permessage-deflate",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
            "Connection: keep-alive, Upgrade",
            "Sec-Fetch-Dest: empty",
            "Sec-Fetch-Mode: websocket",
            "Sec-Fetch-Site: same-origin",
            "Pragma: no-cache",
            "Cache-Control: no-cache",
            "Upgrade: websocket",
        ],
    },
    Recorded {
        client: "Chromium",
        lines: &[
            "Connection: Upgrade",
            "Pragma: no-cache",
            "Cache-Control: no-cache",
            "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/140.0.0.0",
            "Upgrade: websocket",
            "Origin: http://HOST",
            "Sec-WebSocket-Version: 13",
            "Accept-Encoding: gzip, deflate, br, zstd",
            "Accept-Language: en-US,en;q=0.9",
            "Cookie: session=1; theme=dark",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
            "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits",
            "Sec-WebSocket-Protocol: twinwire.0.json",
        ],
    },
    Recorded {
        client: "Safari",
        lines: &[
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
            "Sec-WebSocket-Version: 13",
            "Upgrade: websocket",
            "Accept-Language: en-GB,en;q=0.9",
            "Cache-Control: no-cache",
            "Sec-WebSocket-Extensions: permessage-deflate",
            "Sec-WebSocket-Protocol: twinwire.0.json",
            "Origin: http://HOST",
            "Connection: Upgrade",
            "Accept-Encoding: gzip, deflate",
            "User-Agent: Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15",
            "Pragma: no-cache",
        ],
    },
    Recorded {
        client: "Swift, URLSession",
        lines: &[
            "Accept: */*",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Protocol: twinwire.0.json",
            "Accept-Language: en-GB,en;q=0.9",
            "Accept-Encoding: gzip, deflate",
            "Sec-WebSocket-Extensions: permessage-deflate",
            "User-Agent: App/1 CFNetwork/1490.0.4 Darwin/23.2.0",
            "Upgrade: websocket",
            "Connection: Upgrade",
        ],
    },
    Recorded {
        client: ".NET, ClientWebSocket",
        lines: &[
            "Connection: Upgrade",
            "Upgrade: websocket",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
            "Sec-WebSocket-Protocol: twinwire.0.json",
        ],
    },
    Recorded {
        client: "OkHttp",
        lines: &[
            "Upgrade: websocket",
            "Connection: Upgrade",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Extensions: permessage-deflate",
            "Sec-WebSocket-Protocol: twinwire.0.json",
            "Accept-Encoding: gzip",
            "User-Agent: okhttp/4.12.0",
        ],
    },
    Recorded {
        client: "a library of old, behind a proxy",
        lines: &[
            "UPGRADE: WebSocket",
            "CONNECTION: keep-alive",
            "CONNECTION: uPGRADE",
            "Sec-Websocket-Version:13",
            "Sec-Websocket-Key:\t dGhlIHNhbXBsZSBub25jZQ== \t",
            "Sec-WebSocket-Protocol: chat",
            "Sec-WebSocket-Protocol: other ,twinwire.0.json",
            "Content-Length: 0",
        ],
    },
];

/// A handshake of these lines, with `HOST` in them replaced.
fn handshake(server: &Server, path: &str, lines: &[&str]) -> String {
    let host = server.addr().to_string();
    let lines: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
    let lines = lines.replace("HOST", &host);
    format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n{lines}\r\n")
}

#[tokio::test]
async fn the_handshakes_of_common_clients_are_taken_by_both_endpoints() {
    let server = serve();
    for Recorded { client, lines } in RECORDED {
        for path in ["/ws", "/plain"] {
            let mut socket = Client::tcp(server.addr()).await.expect("it listens");
            let request = handshake(&server, path, lines);
            let head = soon("an answer", socket.ask(request.as_bytes())).await;
            let head = head.unwrap().to_lowercase();
            assert!(head.starts_with("http/1.1 101 "), "{client}: {head}");
            for line in [
                "sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo=",
                "sec-websocket-protocol: twinwire.0.json",
                "upgrade: websocket",
            ] {
                assert!(
                    head.contains(&format!("\r\n{line}\r\n")),
                    "{client}: {head}"
                );
            }
        }
    }
}

#[tokio::test]
async fn all_bytes_after_a_handshake_are_the_sockets_also_those_of_one_segment() {
    let server = serve();
    for lines in [RECORDED[0].lines, RECORDED[1].lines, RECORDED[6].lines] {
        let mut socket = Client::tcp(server.addr()).await.expect("it listens");
        let mut bytes = handshake(&server, "/plain", lines).into_bytes();
        bytes.extend(frame(0x81, b"one"));
        bytes.extend(frame(0x81, b"two"));
        let head = soon("an answer", socket.ask(&bytes)).await.unwrap();
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        for text in ["one", "two"] {
            let echoed = soon("an echo", socket.next_frame()).await.unwrap();
            assert_eq!(echoed.expect("a frame").payload, text);
        }
    }
}

/// A proxy that lets through what it takes for a socket's bytes must not carry requests past its rules.
#[tokio::test]
async fn a_request_behind_a_handshake_is_never_answered() {
    let server = serve();
    let lengths = [
        "",
        "Content-Length: 0",
        "Content-Length: 5",
        "Content-Length: 000",
    ];
    for length in lengths {
        for path in ["/ws", "/plain"] {
            let mut lines = RECORDED[6].lines.to_vec();
            lines.extend((!length.is_empty()).then_some(length));
            let mut bytes = handshake(&server, path, &lines).into_bytes();
            bytes.extend(b"GET /secret HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");
            let mut socket = Client::tcp(server.addr()).await.expect("it listens");
            soon("an answer", socket.ask(&bytes)).await.unwrap();
            // A client that says nothing more; else the server waits for a close frame.
            socket.end().await.unwrap();
            let rest = soon("the end", socket.rest()).await.unwrap();
            let rest = String::from_utf8_lossy(&rest).into_owned();
            assert!(!rest.contains("HTTP/1.1"), "{path} {length}: {rest}");
            assert!(
                !rest.contains("behind the proxy"),
                "{path} {length}: {rest}"
            );
        }
    }
}

/// One line of a good handshake, and the lines in its place.
struct Wrong {
    line: &'static str,
    by: &'static str,
    status: u16,
    /// Words of the body.
    told: &'static [&'static str],
}

const WRONG: [Wrong; 14] = [
    Wrong {
        line: "Upgrade: websocket",
        by: "Upgrade: h2c",
        status: 426,
        told: &["Upgrade is \"h2c\"", "websocket"],
    },
    Wrong {
        line: "Upgrade: websocket",
        by: "Upgrade: websocket, h2c",
        status: 426,
        told: &["Upgrade is \"websocket, h2c\""],
    },
    Wrong {
        line: "Upgrade: websocket",
        by: "Upgrade: websocket\r\nUpgrade: h2c",
        status: 426,
        told: &["Upgrade is \"websocket\", \"h2c\""],
    },
    Wrong {
        // nginx without `proxy_set_header Upgrade`.
        line: "Upgrade: websocket",
        by: "X-Real-IP: 127.0.0.1",
        status: 426,
        told: &["Upgrade is missing", "proxy"],
    },
    Wrong {
        line: "Connection: Upgrade",
        by: "Connection: keep-alive",
        status: 426,
        told: &["Connection is \"keep-alive\"", "proxy"],
    },
    Wrong {
        line: "Connection: Upgrade",
        by: "Connection: close, Upgrade",
        status: 426,
        told: &["Connection is \"close, Upgrade\""],
    },
    Wrong {
        line: "Sec-WebSocket-Version: 13",
        by: "Sec-WebSocket-Version: 8",
        status: 426,
        told: &["Sec-WebSocket-Version is \"8\"", "13"],
    },
    Wrong {
        line: "Sec-WebSocket-Version: 13",
        by: "Sec-WebSocket-Version: 13, 8",
        status: 426,
        told: &["Sec-WebSocket-Version is \"13, 8\"", "13"],
    },
    Wrong {
        line: "Sec-WebSocket-Version: 13",
        by: "X-Version: 13",
        status: 426,
        told: &["Sec-WebSocket-Version is missing"],
    },
    Wrong {
        line: "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        by: "X-Key: dGhlIHNhbXBsZSBub25jZQ==",
        status: 400,
        told: &["Sec-WebSocket-Key is missing", "16 random bytes"],
    },
    Wrong {
        line: "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        by: "Sec-WebSocket-Key: c2hvcnQ=",
        status: 400,
        told: &["Sec-WebSocket-Key is \"c2hvcnQ=\"", "16 random bytes"],
    },
    Wrong {
        line: "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        by: "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
        status: 400,
        told: &["Sec-WebSocket-Key is", "\"AAAAAAAAAAAAAAAAAAAAAA==\""],
    },
    Wrong {
        line: "Connection: Upgrade",
        by: "Connection: Upgrade\r\nContent-Length: 1",
        status: 426,
        told: &["Content-Length is \"1\"", "no body"],
    },
    Wrong {
        line: "Connection: Upgrade",
        by: "Connection: Upgrade\r\nTransfer-Encoding: chunked",
        status: 426,
        told: &["Transfer-Encoding is \"chunked\"", "no body"],
    },
];

/// Sends a request, and returns the head of the answer in lower case, and its body.
async fn answer(server: &Server, request: &[u8]) -> (String, String) {
    let mut client = Client::tcp(server.addr()).await.expect("it listens");
    let head = soon("an answer", client.ask(request))
        .await
        .expect("it answers");
    client.end().await.expect("it is open");
    let body = soon("the body", client.rest()).await.expect("it ends");
    (
        head.to_lowercase(),
        String::from_utf8_lossy(&body).into_owned(),
    )
}

#[tokio::test]
async fn a_refused_handshake_is_told_what_was_wrong() {
    let server = serve();
    let good = RECORDED[6].lines;
    for Wrong {
        line,
        by,
        status,
        told,
    } in WRONG
    {
        assert!(good.contains(&line), "{line}");
        for path in ["/ws", "/plain"] {
            let request = handshake(&server, path, good).replace(line, by);
            let (head, body) = answer(&server, request.as_bytes()).await;
            assert!(
                head.starts_with(&format!("http/1.1 {status} ")),
                "{by}: {head}"
            );
            if status == 426 {
                assert!(head.contains("\r\nupgrade: websocket\r\n"), "{by}: {head}");
                assert!(
                    head.contains("\r\nsec-websocket-version: 13\r\n"),
                    "{by}: {head}"
                );
            }
            for words in told {
                assert!(body.contains(words), "{by}: {words:?} in {body:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_handshake_of_http_1_0_or_of_another_method_is_told_so() {
    let server = serve();
    for path in ["/ws", "/plain"] {
        let good = handshake(&server, path, RECORDED[6].lines);
        let (head, body) = answer(&server, good.replace("HTTP/1.1", "HTTP/1.0").as_bytes()).await;
        assert!(head.starts_with("http/1.0 426 "), "{head}");
        assert!(
            body.contains("HTTP/1.0") && body.contains("proxy_http_version 1.1"),
            "{body}"
        );

        let (head, body) = answer(&server, good.replace("GET ", "POST ").as_bytes()).await;
        assert!(head.starts_with("http/1.1 405 "), "{head}");
        assert!(head.contains("\r\nallow: get\r\n"), "{head}");
        assert!(body.contains("POST"), "{body}");
    }
}

#[tokio::test]
async fn a_strangers_value_comes_back_cut_and_escaped() {
    let server = serve();
    let mut request = handshake(&server, "/plain", RECORDED[6].lines).into_bytes();
    let version = b"Sec-WebSocket-Version: 13";
    let at = request
        .windows(version.len())
        .position(|at| at == version)
        .unwrap();
    let long = [b"Sec-WebSocket-Version: ".as_slice(), &[0xff; 100_000]].concat();
    request.splice(at..at + version.len(), long);
    let (head, body) = answer(&server, &request).await;
    assert!(head.starts_with("http/1.1 426 "), "{head}");
    assert_eq!(body.matches("\\xff").count(), 128, "{body}");
    assert!(body.len() < 1024 && body.contains('…'), "{body}");
}
