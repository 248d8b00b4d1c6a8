//! Both endpoints over TLS, in an `HttpServer` of the application's own.

use std::any::Any;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use actix_tls::accept::rustls_0_23::TlsStream as Accepted;
use actix_web::dev::{Extensions, ServerHandle};
use actix_web::rt::net::TcpStream;
use actix_web::{App, HttpServer};
use futures_util::{SinkExt, StreamExt};
use serde::{Deserialize, Serialize};
use testkit::raw::HANDSHAKE;
use testkit::{Log, soon};
use tokio::io::{AsyncWriteExt, Interest, copy_bidirectional};
use tokio::net::TcpListener;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio_websockets::{ClientBuilder, CloseCode, Message};
use twinwire::{Call, End, GoodbyeCode, Kinds, kinds};
use twinwire_client_native::connect_with;
use twinwire_server::plain::{Plain, PlainLimits};
use twinwire_server::{HandlerContext, Twinwire};

const PEM: &[u8] = include_bytes!("certificate.pem");

#[derive(Serialize, Deserialize, Call)]
#[call(reply = u32)]
struct Double {
    number: u32,
}

const KINDS: Kinds = kinds![Double];

fn certificate() -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(PEM).expect("it has a certificate")
}

/// The closure that `twinwire_server::on_connect` asks for.
fn on_connect(connection: &dyn Any, data: &mut Extensions) {
    if let Some(tls) = connection.downcast_ref::<Accepted<TcpStream>>() {
        twinwire_server::on_connect(tls.get_ref().0, data);
    }
}

/// Serves both endpoints.
fn serve(wire: &Twinwire<(), ()>, plain: &Plain) -> (SocketAddr, ServerHandle) {
    let key = PrivateKeyDer::from_pem_slice(PEM).expect("it has a key");
    let config = ServerConfig::builder().with_no_client_auth();
    let config = config.with_single_cert(vec![certificate()], key);
    let config = config.expect("the key is the certificate's");
    let (wire, plain) = (wire.clone(), plain.clone());
    let app = move || {
        App::new()
            .configure(wire.at("/ws"))
            .configure(plain.at("/plain"))
    };
    let server = HttpServer::new(app)
        .tcp_nodelay(true)
        .on_connect(on_connect)
        .workers(1)
        .disable_signals()
        .bind_rustls_0_23(("127.0.0.1", 0), config)
        .expect("a free port");
    let address = server.addrs()[0];
    let server = server.run();
    let handle = server.handle();
    actix_web::rt::spawn(server);
    (address, handle)
}

/// Connects as who trusts the certificate.
async fn open(address: SocketAddr) -> TlsStream<TcpStream> {
    let mut roots = RootCertStore::empty();
    roots.add(certificate()).expect("it is one");
    let config = ClientConfig::builder().with_root_certificates(roots);
    let connector = TlsConnector::from(Arc::new(config.with_no_client_auth()));
    let stream = TcpStream::connect(address).await.expect("it listens");
    let name = "localhost".try_into().expect("it is a name");
    let opened = soon("the TLS handshake", connector.connect(name, stream)).await;
    opened.expect("the certificate is good for localhost")
}

/// Returns an address whose connections go to the server over TLS: the native client has none of its own.
async fn wrapped(server: SocketAddr) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it listens");
    actix_web::rt::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            actix_web::rt::spawn(async move {
                let mut tls = open(server).await;
                // Either end may go at any time.
                let _ = copy_bidirectional(&mut stream, &mut tls).await;
            });
        }
    });
    address
}

#[actix_web::test]
async fn both_endpoints_answer_over_tls_and_a_stop_reaches_their_clients() {
    let wire = testkit::builder(())
        .call(|_: HandlerContext, double: Double| async move { Ok(2 * double.number) })
        .build()
        .expect("the kinds don't clash");
    let plain = Plain::builder()
        .limits(testkit::patient_plain())
        .on_message(|connection, message| {
            let pushed = connection.push(message);
            pushed.expect("there is room");
        });
    let plain = plain.build();
    let (address, handle) = serve(&wire, &plain);

    let url = format!("ws://{}/ws", wrapped(address).await);
    let options = testkit::options(url, KINDS).reconnect(false);
    let client = soon("the welcome", connect_with(options)).await;
    let client = client.expect("everyone is welcome");
    let doubled = client.call(Double { number: 21 }).await;
    assert_eq!(doubled.expect("an answer"), 42);

    let uri = "wss://localhost/plain".try_into().expect("a URI");
    let builder = ClientBuilder::from_uri(uri);
    let opening = builder.connect_on(open(address).await);
    let (mut socket, _) = soon("the handshake", opening).await.expect("a WebSocket");
    socket.send(Message::text("over TLS")).await.expect("sent");
    let echo = soon("the echo", socket.next()).await;
    let echo = echo.expect("it is open").expect("a message");
    assert_eq!(echo.as_text(), Some("over TLS"));

    let closed = async {
        let close = socket.next().await.expect("it is open");
        // It is answered by whoever reads on.
        while socket.next().await.is_some() {}
        close.expect("a close").as_close().map(|(code, _)| code)
    };
    let stopping = async { tokio::join!(wire.shut_down(), plain.shut_down(), closed) };
    let (.., code) = soon("the goodbyes", stopping).await;
    assert_eq!(code, Some(CloseCode::GOING_AWAY));
    match soon("the end", client.closed()).await {
        End::Goodbye(goodbye) => assert_eq!(goodbye.code, GoodbyeCode::GoingAway),
        other => panic!("{other:?}"),
    }
    soon("the server's end", handle.stop(true)).await;
}

#[actix_web::test]
async fn who_reads_nothing_over_tls_is_disconnected() {
    let log = Log::default();
    let closed = log.clone();
    let plain = Plain::builder()
        .limits(PlainLimits {
            // More than the kernel holds for a peer: what it has taken doesn't wait any more.
            queue: 64 << 20,
            write_time: Duration::from_millis(100),
            ..testkit::patient_plain()
        })
        .on_open(|connection, _| while connection.push(vec![0; 65_536]).is_ok() {})
        .on_close(move |_, event| closed.push(event))
        .build();
    let wire = testkit::builder(()).build().expect("there are no kinds");
    let (address, handle) = serve(&wire, &plain);
    let mut client = open(address).await;
    let head = format!("GET /plain HTTP/1.1\r\nHost: test\r\n{HANDSHAKE}\r\n");
    client.write_all(head.as_bytes()).await.expect("it is open");
    let event = &log.count(1).await[0];
    let reason = "nothing of what was sent could be written in time";
    assert_eq!((event.code, &*event.reason), (1006, reason));
    let tcp = client.get_ref().0;
    let reset = soon("the disconnect", tcp.ready(Interest::ERROR)).await;
    reset.expect("it is watched");
    soon("the server's end", handle.stop(false)).await;
}
