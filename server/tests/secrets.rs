//! Who may have a session back, by frames made by hand over real sockets.

use futures_util::{SinkExt, StreamExt};
use http::header::SEC_WEBSOCKET_PROTOCOL;
use testkit::{Server, soon};
use tokio_websockets::{ClientBuilder, Message};
use twinwire::frame::{Bounds, Continuity, Frame, Frames, Hello, Resume, Resumed, Table, Welcome};
use twinwire::{Alias, Goodbye, GoodbyeCode, Number, Offset, Secret, SessionId};
use twinwire_server::Twinwire;

fn serve() -> Server {
    let wire = Twinwire::builder(())
        .authenticate(|token, _| async move { Ok(String::from_utf8_lossy(&token).into_owned()) })
        .user_key(|name: &String| name.clone())
        .build()
        .expect("no kinds clash");
    Server::with_workers(2, move |config| {
        config.configure(wire.at("/ws"));
    })
}

/// What a server says first.
#[derive(Debug)]
enum Said {
    Welcome(Welcome),
    Goodbye(Goodbye),
}

type Socket =
    tokio_websockets::WebSocketStream<tokio_websockets::MaybeTlsStream<tokio::net::TcpStream>>;

/// Says hello as a user, over a socket of its own, and gives the answer.
async fn greet(server: &Server, user: &str, resume: Option<Resume>) -> (Socket, Said, usize) {
    let url = server.url("/ws");
    let builder = ClientBuilder::new().uri(&url).expect("a URL");
    let value = "twinwire.0.postcard".parse().expect("a header's value");
    let builder = builder.add_header(SEC_WEBSOCKET_PROTOCOL, value);
    let connecting = builder.expect("an allowed header");
    let connected = soon("the handshake", connecting.connect()).await;
    let mut socket = connected.expect("an endpoint").0;
    let hello = Hello {
        bounds: Bounds {
            window: 1 << 20,
            stream: 1 << 16,
            topic: 1 << 18,
            payload: 1 << 18,
        },
        token: user.as_bytes().to_vec(),
        digest: Table::default().digest(),
        resume,
    };
    send(&mut socket, &Frame::Hello(hello)).await;
    loop {
        let message = soon("an answer", socket.next()).await.expect("a message");
        let message = message.expect("the socket is open");
        let said = match Frames::new(message.as_payload()).next() {
            Some(Ok(Frame::NeedTable)) => {
                send(&mut socket, &Frame::Table(Table::default())).await;
                continue;
            }
            Some(Ok(Frame::Welcome(welcome))) => Said::Welcome(welcome),
            Some(Ok(Frame::Goodbye(goodbye))) => Said::Goodbye(goodbye),
            other => panic!("{other:?}"),
        };
        return (socket, said, message.as_payload().len());
    }
}

async fn send(socket: &mut Socket, frame: &Frame<'_>) {
    let mut message = Vec::new();
    frame.encode(&mut message);
    let sent = socket.send(Message::binary(message)).await;
    sent.expect("the socket is open");
}

fn welcome(said: Said) -> Welcome {
    match said {
        Said::Welcome(welcome) => welcome,
        Said::Goodbye(goodbye) => panic!("a welcome, not {goodbye}"),
    }
}

fn wants(welcome: &Welcome, attempt: u64) -> Resume {
    Resume {
        session: welcome.session,
        secret: welcome.secret.clone(),
        attempt,
        received: None,
        window: 1 << 20,
        subscriptions: Vec::new(),
    }
}

#[tokio::test]
async fn only_the_right_secret_of_the_right_user_gets_a_session_back() {
    let server = serve();
    let (socket, said, _) = greet(&server, "Ada", None).await;
    let ada = welcome(said);
    drop(socket);
    let wrong = Resume {
        secret: Secret::from_bytes([0; 32]),
        ..wants(&ada, 1)
    };
    let other = Resume {
        session: SessionId::from_bytes([0; 16]),
        ..wants(&ada, 1)
    };
    let ahead = Resume {
        received: Some(Number::FIRST),
        ..wants(&ada, 1)
    };
    let mut lengths = Vec::new();
    for (user, wanted) in [
        ("Ada", wrong),
        ("Ada", other),
        ("Eve", wants(&ada, 1)),
        ("Ada", ahead),
    ] {
        let (_socket, said, length) = greet(&server, user, Some(wanted)).await;
        let another = welcome(said);
        assert_eq!(another.continuity, Continuity::Unknown);
        assert_ne!((another.session, another.peer), (ada.session, ada.peer));
        lengths.push(length);
    }
    assert!(
        lengths.windows(2).all(|two| two[0] == two[1]),
        "they tell nothing apart"
    );
    // All that took nothing away from who has it.
    let (_socket, said, _) = greet(&server, "Ada", Some(wants(&ada, 1))).await;
    let back = welcome(said);
    assert_eq!((back.session, back.peer), (ada.session, ada.peer));
    assert_eq!(back.continuity, Continuity::Resumed { received: None });
    assert_ne!(back.secret, ada.secret);
}

#[tokio::test]
async fn a_hello_that_comes_late_is_superseded_and_the_newest_has_the_session() {
    let server = serve();
    let (mut first, said, _) = greet(&server, "Ada", None).await;
    let ada = welcome(said);
    let (mut newest, said, _) = greet(&server, "Ada", Some(wants(&ada, 7))).await;
    let back = welcome(said);
    assert_eq!(back.session, ada.session);
    // The connection that had it is closed, though it did nothing wrong.
    let closed = soon("a close", first.next()).await.expect("a message");
    let closed = closed.expect("a close frame");
    let code = closed.as_close().map(|(code, _)| u16::from(code));
    assert_eq!(code, Some(GoodbyeCode::Superseded.close_code()));
    let (_socket, said, _) = greet(&server, "Ada", Some(wants(&ada, 7))).await;
    match said {
        Said::Goodbye(goodbye) => assert_eq!(goodbye.code, GoodbyeCode::Superseded),
        Said::Welcome(welcome) => panic!("{welcome:?}"),
    }
    // The newest connection goes on.
    send(&mut newest, &Frame::Ping(twinwire::frame::Ping { id: 5 })).await;
    let pong = soon("a pong", newest.next()).await.expect("a message");
    let pong = pong.expect("the socket is open");
    let frames: Vec<_> = Frames::new(pong.as_payload()).collect();
    assert!(
        frames
            .iter()
            .any(|frame| matches!(frame, Ok(Frame::Pong(ping)) if ping.id == 5)),
        "{frames:?}"
    );
}

#[tokio::test]
async fn what_a_client_claims_of_topics_that_it_never_joined_is_nothing() {
    let server = serve();
    let (socket, said, _) = greet(&server, "Ada", None).await;
    let ada = welcome(said);
    drop(socket);
    let claim = |alias| Resumed {
        alias: Alias::new(alias),
        join: Number::FIRST,
        next: Offset::FIRST,
        used: 0,
        limit: (1 << 53) - 1,
    };
    let wanted = Resume {
        subscriptions: (0..1024).map(claim).collect(),
        ..wants(&ada, 1)
    };
    let (_socket, said, _) = greet(&server, "Ada", Some(wanted)).await;
    let back = welcome(said);
    assert_eq!(back.continuity, Continuity::Resumed { received: None });
}
