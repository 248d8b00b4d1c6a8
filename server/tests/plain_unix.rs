//! A plain endpoint on a Unix socket.
#![cfg(unix)]

use std::io::ErrorKind;
use std::os::unix::net::UnixListener;
use std::time::Duration;
use std::{env, fs, process};

use actix_web::{App, HttpServer};
use testkit::raw::HANDSHAKE;
use testkit::{Log, soon};
use tokio::io::AsyncWriteExt;
use tokio::net::UnixStream;
use twinwire_server::plain::{Plain, PlainLimits};

#[actix_web::test]
async fn a_client_that_reads_nothing_is_given_up_and_disconnected() {
    let log = Log::default();
    let closed = log.clone();
    let plain = Plain::builder()
        .limits(PlainLimits {
            write_time: Duration::from_millis(100),
            ..testkit::patient_plain()
        })
        .on_open(|connection, _| while connection.push(vec![0; 65_536]).is_ok() {})
        .on_close(move |_, event| closed.push(event))
        .build();
    let path = env::temp_dir().join(format!("twinwire-plain-{}.sock", process::id()));
    let listener = UnixListener::bind(&path).unwrap();
    let server = HttpServer::new(move || App::new().configure(plain.at("/")));
    let server = twinwire_server::configure_http_server(server)
        .workers(1)
        .disable_signals();
    let server = server.listen_uds(listener).unwrap().run();
    let handle = server.handle();
    actix_web::rt::spawn(server);

    let mut client = UnixStream::connect(&path).await.unwrap();
    let head = format!("GET / HTTP/1.1\r\nHost: test\r\n{HANDSHAKE}\r\n");
    client.write_all(head.as_bytes()).await.unwrap();
    let event = &log.count(1).await[0];
    let reason = "nothing of what was sent could be written in time";
    assert_eq!((event.code, &*event.reason), (1006, reason));
    let refused = client.write_all(b"\x8a\x80\0\0\0\0").await;
    assert_eq!(
        refused.map_err(|error| error.kind()),
        Err(ErrorKind::BrokenPipe)
    );
    soon("the server's end", handle.stop(false)).await;
    fs::remove_file(path).unwrap();
}
