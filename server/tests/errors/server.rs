//! What the developer of a server meets.

use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use serde::{Deserialize, Serialize};
use testkit::raw::Client as RawClient;
use testkit::{Log, Server as Endpoint, soon};
use twinwire::{Call, Kinds, Shape, Topic, kinds};
use twinwire_server::plain::{
    Connection, DisconnectError, InvalidClose, Plain, PlainLimits, PushError,
};
use twinwire_server::{
    Access, BuildError, Builder, HandlerContext, OriginError, Origins, PublishError, ServeError,
    Server, test,
};

use crate::listed::{List, listed};
use crate::protocol::Odd;

#[derive(Serialize, Deserialize, Call)]
struct Join {}

#[derive(Serialize, Deserialize, Call)]
#[call(also = Enter)]
struct Come {}

#[derive(Serialize, Deserialize, Call)]
struct Enter {}

impl From<Enter> for Come {
    fn from(_: Enter) -> Self {
        Self {}
    }
}

#[derive(Serialize, Deserialize, Topic)]
#[topic(item = Vec<u8>)]
struct Room {
    name: String,
}

#[derive(Serialize, Deserialize, Topic)]
#[topic(item = u8)]
struct Unknown {}

#[derive(Serialize, Deserialize, Topic)]
#[topic(item = Puzzle)]
struct Puzzles {}

#[derive(Serialize, Deserialize, Shape)]
struct Puzzle(Odd);

const KINDS: Kinds = kinds![Room];

pub(crate) async fn list(list: &mut List) {
    list.heading("twinwire-server");
    builders(list);
    origins(list);
    addresses(list);
    topics(list).await;
    plain(list).await;
}

fn builder() -> Builder<(), ()> {
    testkit::builder(())
}

fn not_built(builder: Builder<(), ()>) -> BuildError {
    match builder.build() {
        Err(error) => error,
        Ok(_) => panic!("it can't be built"),
    }
}

fn builders(list: &mut List) {
    let twice = builder()
        .call(|_: HandlerContext, _: Join| async { Ok(()) })
        .call(|_: HandlerContext, _: Join| async { Ok(()) });
    listed!(
        list,
        BuildError::KindClash { .. },
        "two handlers of one kind",
        not_built(twice)
    );
    let older = builder().call(|_: HandlerContext, _: Come| async { Ok(()) });
    listed!(
        list,
        BuildError::OlderName { .. },
        "also = Enter on Come",
        not_built(older)
    );
    let origin = not_built(builder().allow_origin("*"));
    listed!(list, BuildError::Origin(_), "allow_origin(\"*\")", origin);
    listed!(
        list,
        BuildError::NoRandomness,
        "a sandbox without getrandom",
        BuildError::NoRandomness
    );
}

fn origins(list: &mut List) {
    let mut refused = |origin: &str| match not_built(builder().allow_origin(origin)) {
        BuildError::Origin(error) => {
            let name = format!("{error:?}");
            let name = name.split([' ', '{']).next().unwrap_or_default();
            list.add(
                &format!("OriginError::{name}"),
                &format!("allow_origin({origin:?})"),
                &error,
            );
        }
        other => panic!("{other:?}"),
    };
    for origin in [
        "",
        "*",
        "null",
        "app.example:8080",
        "wss://app.example",
        "https://app.example/chat?room=1",
        "https://*.app.example",
        "https://app.example:port",
    ] {
        refused(origin);
    }
    let proxy = Origins::default().trusted_proxies(["nginx"]);
    let proxy = proxy.expect_err("it is no address");
    listed!(
        list,
        OriginError::Proxy { .. },
        "trusted_proxies([\"nginx\"])",
        proxy
    );
}

fn addresses(list: &mut List) {
    let held = TcpListener::bind("127.0.0.1:0").expect("a port");
    let addr = held.local_addr().expect("it listens");
    let in_use = Server::bind(addr).expect_err("it is taken");
    assert!(matches!(in_use, ServeError::InUse { .. }), "{in_use}");
    let text = in_use
        .to_string()
        .replace(&addr.to_string(), "127.0.0.1:9501");
    list.text("ServeError::InUse", "another server runs", &text);
    let addr: SocketAddr = (Ipv4Addr::LOCALHOST, 80).into();
    let forbidden = ServeError::Forbidden { addr };
    listed!(
        list,
        ServeError::Forbidden { .. },
        "port 80, and no root",
        forbidden
    );
    let addr: SocketAddr = ([192, 0, 2, 1], 9501).into();
    let error = io::Error::from(ErrorKind::AddrNotAvailable);
    let listen = ServeError::Listen { addr, error };
    listed!(
        list,
        ServeError::Listen { .. },
        "another machine's address",
        listen
    );
    let resolve = ServeError::Resolve(io::Error::from(ErrorKind::NotFound));
    listed!(
        list,
        ServeError::Resolve(_),
        "bind(\"no-such-host:9501\")",
        resolve
    );
    let none = Server::bind(&[][..]).expect_err("there is none");
    listed!(list, ServeError::NoAddress, "bind(&[][..])", none);
    let signals = ServeError::Signals(io::Error::from(ErrorKind::QuotaExceeded));
    listed!(
        list,
        ServeError::Signals(_),
        "no descriptor is left",
        signals
    );
    let run = ServeError::Run(io::Error::from(ErrorKind::OutOfMemory));
    listed!(list, ServeError::Run(_), "no thread is to be had", run);
}

fn room(name: &str) -> Room {
    let name = name.to_owned();
    Room { name }
}

async fn topics(list: &mut List) {
    let wire = builder()
        .topics(1)
        .topic(|_: HandlerContext, _: Room| async { Access::subscribe() })
        .topic(|_: HandlerContext, _: Puzzles| async { Access::subscribe() })
        .build()
        .expect("the kinds don't clash");
    let unknown = wire
        .publish(&Unknown {}, &1)
        .expect_err("it isn't registered");
    listed!(
        list,
        PublishError::NotRegistered { .. },
        "a topic without .topic(…)",
        unknown
    );
    let odd = wire
        .publish(&Puzzles {}, &Puzzle(Odd))
        .expect_err("it has no form");
    listed!(
        list,
        PublishError::Encode(_),
        "an item whose Serialize fails",
        odd
    );
    let long = wire.publish(&room(&"x".repeat(300)), &Vec::new());
    listed!(
        list,
        PublishError::KeyTooLong,
        "a room's name of 300 bytes",
        long.expect_err("it is long")
    );
    let large = wire.publish(&room("lobby"), &vec![0; 40_000]);
    listed!(
        list,
        PublishError::ItemTooLarge(_),
        "an item of 40 KiB",
        large.expect_err("it is large")
    );
    let client = soon("the welcome", test::pair(&wire, KINDS)).await;
    let client = client.expect("everyone is welcome");
    let heard = client.subscribe(room("lobby")).await.expect("everyone may");
    let crowded = wire.publish(&room("attic"), &Vec::new());
    listed!(
        list,
        PublishError::Crowded,
        "topics(1), and another room has subscribers",
        crowded.expect_err("it is one too many")
    );
    drop(heard);
    listed!(
        list,
        PublishError::NoRandomness,
        "a sandbox without getrandom",
        PublishError::NoRandomness
    );
}

async fn plain(list: &mut List) {
    let opened = Log::default();
    let open = opened.clone();
    let limits = PlainLimits {
        queue: 1 << 20,
        ..testkit::patient_plain()
    };
    let plain = Plain::builder()
        .limits(limits)
        .on_open(move |connection: &Connection, _: &_| open.push(connection.clone()))
        .build();
    let server = Endpoint::start(move |config| {
        config.configure(plain.at("/"));
    });
    let client = RawClient::open(server.addr(), "/")
        .await
        .expect("it is open");
    let connection = opened.count(1).await.pop().expect("it was opened");
    let id = format!("connection {}", connection.id());
    let mut add = |name: &str, when: &str, text: String| {
        list.text(name, when, &text.replace(&id, "connection 7"));
    };
    pushes(&connection, &mut add);
    closes(&connection, &mut add);
    drop(client);
    let format = "a format of another version, in test::pair";
    list.add("OpenError", format, &test::OpenError);
}

type Add<'a> = dyn FnMut(&str, &str, String) + 'a;

fn pushes(connection: &Connection, add: &mut Add<'_>) {
    let large = connection.push(vec![0; 2 << 20]).expect_err("it is large");
    assert_eq!(large, PushError::TooLarge);
    add(
        "PushError::TooLarge",
        "a message of 2 MiB, the queue has 1",
        large.to_string(),
    );
    let full = loop {
        // Nobody reads.
        if let Err(full) = connection.push(vec![0; 1 << 19]) {
            break full;
        }
    };
    assert!(matches!(full, PushError::Full(_)), "{full:?}");
    add(
        "PushError::Full",
        "a client that doesn't read",
        full.to_string(),
    );
}

fn closes(connection: &Connection, add: &mut Add<'_>) {
    let code = connection.disconnect(1005, "").expect_err("it is reserved");
    assert!(
        matches!(code, DisconnectError::Close(InvalidClose::Code(_))),
        "{code:?}"
    );
    add(
        "InvalidClose::Code",
        "disconnect(1005, …)",
        code.to_string(),
    );
    let reason = connection
        .disconnect(1000, &"x".repeat(200))
        .expect_err("it is long");
    assert!(
        matches!(reason, DisconnectError::Close(InvalidClose::Reason(_))),
        "{reason:?}"
    );
    add(
        "InvalidClose::Reason",
        "a reason of 200 bytes",
        reason.to_string(),
    );
    add(
        "DisconnectError::Close",
        "disconnect(1005, …)",
        code.to_string(),
    );
    connection.disconnect(1000, "").expect("it is open");
    let gone = connection.push("hi").expect_err("it is closing");
    assert!(matches!(gone, PushError::Gone(_)), "{gone:?}");
    add(
        "PushError::Gone",
        "a connection that is closing",
        gone.to_string(),
    );
    let gone = connection.disconnect(1000, "").expect_err("it is closing");
    assert!(matches!(gone, DisconnectError::Gone(_)), "{gone:?}");
    add(
        "DisconnectError::Gone",
        "a connection that is closing",
        gone.to_string(),
    );
}
