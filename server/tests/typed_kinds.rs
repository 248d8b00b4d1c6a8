//! Clients that were compiled with other kinds than the server.

use std::sync::{Mutex, OnceLock};

use serde::{Deserialize, Serialize};
use testkit::{Log, Server, soon};
use twinwire::{Call, Event, Kinds, Refusal, Shape, kinds};
use twinwire_client_native::{CallError, Client, EventError, connect_with};
use twinwire_server::{BuildError, Builder, HandlerContext};

/// What the server speaks.
mod newest {
    use super::*;

    #[derive(Debug, Serialize, Deserialize, Call)]
    #[call(reply = Joined, error = JoinError, also = older::Join, also = oldest::Join)]
    pub(super) struct Join {
        pub(super) room: String,
        pub(super) quietly: bool,
    }

    #[derive(Debug, Serialize, Deserialize, Shape)]
    pub(super) struct Joined {
        pub(super) members: Vec<String>,
    }

    #[derive(Debug, Serialize, Deserialize, Shape)]
    pub(super) enum JoinError {
        Full,
        Closed,
    }

    #[derive(Debug, Serialize, Deserialize, Event)]
    #[event(also = older::Typing)]
    pub(super) struct Typing {
        pub(super) room: String,
        pub(super) letters: u32,
    }

    pub(super) const KINDS: Kinds = kinds![Join, Typing];
}

/// What tabs that were opened before the deploy speak.
mod older {
    use super::*;

    #[derive(Debug, Serialize, Deserialize, Call)]
    #[call(reply = u32, error = String)]
    pub(super) struct Join {
        pub(super) room: String,
    }

    #[derive(Debug, Serialize, Deserialize, Event)]
    pub(super) struct Typing {
        pub(super) room: String,
    }

    pub(super) const KINDS: Kinds = kinds![Typing, Join];
}

mod oldest {
    use super::*;

    #[derive(Debug, Serialize, Deserialize, Call)]
    #[call(reply = u32, error = String)]
    pub(super) struct Join {
        pub(super) number: u8,
    }

    pub(super) const KINDS: Kinds = kinds![Join];
}

/// What nobody knows any more.
mod forgotten {
    use super::*;

    #[derive(Debug, Serialize, Deserialize, Call)]
    pub(super) struct Join {}

    #[derive(Debug, Serialize, Deserialize, Event)]
    pub(super) struct Typing {
        pub(super) room: String,
        pub(super) letters: i32,
    }

    pub(super) const KINDS: Kinds = kinds![Join, Typing];
}

impl From<older::Join> for newest::Join {
    fn from(older: older::Join) -> Self {
        let room = older.room;
        Self {
            room,
            quietly: false,
        }
    }
}

impl From<oldest::Join> for newest::Join {
    fn from(oldest: oldest::Join) -> Self {
        let room = format!("room {}", oldest.number);
        Self {
            room,
            quietly: true,
        }
    }
}

impl From<newest::Joined> for u32 {
    fn from(joined: newest::Joined) -> Self {
        joined.members.len() as u32
    }
}

impl From<newest::JoinError> for String {
    fn from(error: newest::JoinError) -> Self {
        format!("{error:?}")
    }
}

impl From<older::Typing> for newest::Typing {
    fn from(older: older::Typing) -> Self {
        let room = older.room;
        Self { room, letters: 0 }
    }
}

fn serve(log: &Log<String>) -> Server {
    mount(builder(log))
}

fn builder(log: &Log<String>) -> Builder<Log<String>, ()> {
    testkit::builder(log.clone())
        .call_in_order(
            |cx: HandlerContext<Log<String>>, join: newest::Join| async move {
                cx.state().push(format!("{} {}", join.room, join.quietly));
                match join.room.as_str() {
                    "full" => Err(newest::JoinError::Full),
                    "closed" => Err(newest::JoinError::Closed),
                    _ => Ok(newest::Joined {
                        members: vec!["Ada".to_owned(); 3],
                    }),
                }
            },
        )
        .event(
            |cx: HandlerContext<Log<String>>, typing: newest::Typing| async move {
                cx.state()
                    .push(format!("{} {}", typing.room, typing.letters));
            },
        )
}

fn mount(builder: Builder<Log<String>, ()>) -> Server {
    let (server, _) = testkit::serve(builder);
    server
}

async fn client(server: &Server, kinds: Kinds) -> Client {
    let connected = soon(
        "the welcome",
        connect_with(testkit::options(server.url("/ws"), kinds)),
    )
    .await;
    connected.expect("everyone is welcome")
}

#[tokio::test]
async fn clients_of_older_builds_are_served_beside_those_of_the_newest() {
    let log = Log::default();
    let server = serve(&log);
    let room = |name: &str| name.to_owned();

    let client_now = client(&server, newest::KINDS).await;
    let (room_now, quietly) = (room("now"), true);
    let join = newest::Join {
        room: room_now,
        quietly,
    };
    assert_eq!(client_now.call(join).await.unwrap().members.len(), 3);

    let client_then = client(&server, older::KINDS).await;
    assert_eq!(
        client_then
            .call(older::Join { room: room("then") })
            .await
            .unwrap(),
        3
    );
    match client_then.call(older::Join { room: room("full") }).await {
        Err(CallError::App(error)) => assert_eq!(error, "Full"),
        other => panic!("{other:?}"),
    }
    let sent = client_then
        .send(older::Typing {
            room: room("typing"),
        })
        .await;
    sent.unwrap().await.unwrap();

    let client_long_ago = client(&server, oldest::KINDS).await;
    assert_eq!(
        client_long_ago
            .call(oldest::Join { number: 7 })
            .await
            .unwrap(),
        3
    );

    let stranger = client(&server, forgotten::KINDS).await;
    match stranger.call(forgotten::Join {}).await {
        Err(CallError::Refused(refused)) => assert_eq!(refused.why, Refusal::KindDiffers),
        other => panic!("{other:?}"),
    }
    let heard = log.count(5).await;
    let expected = [
        "now true",
        "then false",
        "full false",
        "typing 0",
        "room 7 true",
    ];
    assert_eq!(heard, expected);
}

#[test]
fn names_that_clash_are_an_error_of_the_build() {
    let twice = testkit::builder(())
        .call(|_: HandlerContext, _: forgotten::Join| async { Ok(()) })
        .call(|_: HandlerContext, _: oldest::Join| async { Ok(0) })
        .build();
    let clash = BuildError::KindClash { name: "Join" };
    assert_eq!(twice.err(), Some(clash));
}

/// What the server logs, line by line.
fn logged() -> &'static Log<String> {
    static LOGGED: OnceLock<Log<String>> = OnceLock::new();
    LOGGED.get_or_init(|| {
        let log = Log::default();
        let lines = log.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_ansi(false)
            .with_writer(Mutex::new(lines));
        subscriber.init();
        log
    })
}

#[tokio::test]
async fn what_differs_between_two_kinds_of_one_name_is_in_the_servers_log() {
    let logged = logged();
    let server = serve(&Log::default());
    let stranger = client(&server, forgotten::KINDS).await;
    let differs = |lines: &[String]| lines.iter().any(|line| line.contains("differs so"));
    let lines = logged.wait("the difference", differs).await;
    let line = lines.iter().find(|line| line.contains("differs so"));
    let line = line.expect("it was there");
    for part in [
        "Join",
        "request.1 quietly: Bool",
        "reply.0 members[]: String",
        "request: no fields",
        "reply: Unit",
    ] {
        assert!(line.contains(part), "{part} in {line}");
    }
    drop(stranger);
}

#[tokio::test]
async fn a_client_is_told_how_its_kinds_differ_if_the_server_explains() {
    let server = mount(builder(&Log::default()).explain_mismatches(true));
    let stranger = client(&server, forgotten::KINDS).await;
    let error = stranger.call(forgotten::Join {}).await.unwrap_err();
    let CallError::Refused(refused) = &error else {
        panic!("{error:?}");
    };
    assert_eq!(refused.why, Refusal::KindDiffers);
    let difference = refused.difference.as_ref().expect("the server explains");
    assert_eq!(
        difference.here,
        ["request: no fields", "reply: Unit", "error: no value"]
    );
    assert_eq!(
        difference.there,
        [
            "request.0 room: String",
            "request.1 quietly: Bool",
            "reply.0 members[]: String",
            "error|0 Full: alone",
            "error|1 Closed: alone",
        ]
    );
    let typing = forgotten::Typing {
        room: "hall".to_owned(),
        letters: 1,
    };
    let error = stranger.send(typing).await.unwrap_err();
    assert!(matches!(error, EventError::Refused(_)), "{error:?}");
    let words = error.to_string();
    let expected = "update the older of the two; only here: event.1 letters: I32; only there: \
        event.1 letters: U32";
    assert!(words.ends_with(expected), "{words}");
}

#[tokio::test]
async fn a_client_is_told_nothing_of_a_servers_structures_if_it_does_not_explain() {
    let server = mount(builder(&Log::default()).explain_mismatches(false));
    let stranger = client(&server, forgotten::KINDS).await;
    match stranger.call(forgotten::Join {}).await {
        Err(CallError::Refused(refused)) => {
            assert_eq!(refused.why, Refusal::KindDiffers);
            assert_eq!(refused.difference, None);
        }
        other => panic!("{other:?}"),
    }
    assert!(stranger.ping().await.is_some(), "nothing came later either");
    let refused = stranger.call(forgotten::Join {}).await.unwrap_err();
    assert!(!refused.to_string().contains("members"), "{refused}");
}

#[tokio::test]
async fn what_differs_is_known_as_soon_as_the_client_is() {
    let server = mount(builder(&Log::default()).explain_mismatches(true));
    for _ in 0..50 {
        let stranger = client(&server, forgotten::KINDS).await;
        match stranger.call(forgotten::Join {}).await {
            Err(CallError::Refused(refused)) => assert!(refused.difference.is_some()),
            other => panic!("{other:?}"),
        }
    }
}
