//! Typed calls over a real socket, from the native client.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use testkit::{Log, Server, soon};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use twinwire::{Call, End, Format, GoodbyeCode, Kinds, Never, Refusal, Shape, kinds};
use twinwire_client_native::{CallError, Client, ClientState, ConnectError, connect_with};
use twinwire_server::{Builder, Denied, HandlerContext};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Call)]
#[call(reply = Sum, error = Overflow)]
struct Add {
    left: u64,
    right: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Shape)]
struct Sum {
    sum: u64,
    seen_by: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Shape)]
struct Overflow {
    by: u64,
}

/// Answers with this many bytes.
#[derive(Serialize, Deserialize, Call)]
#[call(reply = Vec<u8>)]
struct Give {
    bytes: u32,
}

/// Waits until the test lets it go on.
#[derive(Serialize, Deserialize, Call)]
struct Wait {
    id: u32,
}

#[derive(Serialize, Deserialize, Call)]
struct Panic {}

/// A kind that the server doesn't have.
#[derive(Serialize, Deserialize, Call)]
struct Unheard {}

const KINDS: Kinds = kinds![Add, Give, Wait, Panic, Unheard];

/// What the handlers share with the test.
#[derive(Clone, Default)]
struct App {
    log: Log<String>,
    gate: Arc<Gate>,
}

struct Gate(Semaphore);

impl Default for Gate {
    fn default() -> Self {
        Self(Semaphore::new(0))
    }
}

/// Says when a handler's future is dropped.
struct Guard(Log<String>, u32);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.push(format!("dropped {}", self.1));
    }
}

async fn add<I>(cx: HandlerContext<App, I>, add: Add) -> Result<Sum, Overflow> {
    let seen_by = cx.id().to_string();
    match add.left.overflowing_add(add.right) {
        (sum, false) => Ok(Sum { sum, seen_by }),
        (by, true) => Err(Overflow { by }),
    }
}

fn builder(app: &App) -> Builder<App, ()> {
    handlers(testkit::builder(app.clone()))
}

fn handlers<I: Send + Sync + 'static>(builder: Builder<App, I>) -> Builder<App, I> {
    builder
        .call(add::<I>)
        .call(|_, give: Give| async move { Ok(vec![7; give.bytes as usize]) })
        .call(|cx: HandlerContext<App, I>, wait: Wait| async move {
            let App { log, gate } = cx.state();
            log.push(format!("started {}", wait.id));
            let _guard = Guard(log.clone(), wait.id);
            let _ = gate.0.acquire().await.map(|permit| permit.forget());
            log.push(format!("went on {}", wait.id));
            Ok(())
        })
        .call(|_, _: Panic| async move { panic!("as the test asked") })
}

fn serve<I: Send + Sync + 'static>(builder: Builder<App, I>) -> Server {
    let (server, _) = testkit::serve(builder);
    server
}

async fn client(server: &Server) -> Client {
    soon(
        "the welcome",
        connect_with(testkit::options(server.url("/ws"), KINDS)),
    )
    .await
    .expect("everyone is welcome")
}

/// A client that ends with its connection.
async fn leaver(server: &Server) -> Client {
    let options = testkit::options(server.url("/ws"), KINDS).reconnect(false);
    let client = soon("the welcome", connect_with(options)).await;
    client.expect("everyone is welcome")
}

/// A call whose handler has begun and waits for the gate.
async fn waiting_call(app: &App, client: &Client) -> JoinHandle<Result<(), CallError<Never>>> {
    let client = client.clone();
    let call = tokio::spawn(async move { client.call(Wait { id: 1 }).await });
    app.log.count(1).await;
    call
}

fn refused<T: std::fmt::Debug, E: std::fmt::Debug>(outcome: Result<T, CallError<E>>) -> Refusal {
    match outcome {
        Err(CallError::Refused(refused)) => refused.why,
        other => panic!("refused, not {other:?}"),
    }
}

#[tokio::test]
async fn a_call_brings_its_typed_reply_or_its_typed_error_in_either_format() {
    let server = serve(builder(&App::default()));
    for format in [Format::Postcard, Format::Json] {
        let options = testkit::options(server.url("/ws"), KINDS).format(format);
        let client = soon("the welcome", connect_with(options)).await.unwrap();
        let ClientState::Open { peer, .. } = client.state() else {
            panic!("{:?}", client.state())
        };
        let left = u64::MAX - 1;
        let sum = soon("the sum", client.call(Add { left, right: 1 }))
            .await
            .unwrap();
        assert_eq!(
            sum,
            Sum {
                sum: u64::MAX,
                seen_by: peer.to_string()
            }
        );
        match soon("the error", client.call(Add { left, right: 5 })).await {
            Err(CallError::App(overflow)) => assert_eq!(overflow, Overflow { by: 3 }),
            other => panic!("the application's error, not {other:?}"),
        }
    }
}

#[tokio::test]
async fn many_calls_run_beside_each_other_and_each_gets_its_own_answer() {
    let server = serve(builder(&App::default()));
    let client = client(&server).await;
    let calls = (0..2000_u64).map(|left| {
        let client = client.clone();
        tokio::spawn(async move {
            let sum = client.call(Add { left, right: 1 }).await.unwrap();
            assert_eq!(sum.sum, left + 1);
        })
    });
    let calls: Vec<_> = calls.collect();
    for call in calls {
        soon("an answer", call).await.unwrap();
    }
}

#[tokio::test]
async fn a_handler_that_panics_ends_its_own_call_only() {
    let server = serve(builder(&App::default()));
    let client = client(&server).await;
    assert_eq!(refused(client.call(Panic {}).await), Refusal::Panicked);
    assert_eq!(client.call(Add { left: 1, right: 1 }).await.unwrap().sum, 2);
}

#[tokio::test]
async fn kinds_that_the_server_lacks_or_has_otherwise_are_refused() {
    mod newer {
        use super::*;
        /// Another structure under a name that the server has.
        #[derive(Serialize, Deserialize, Call)]
        #[call(reply = Sum, error = Overflow)]
        pub(super) struct Add {
            pub(super) left: u32,
        }
    }
    let server = serve(builder(&App::default()));
    let client = client(&server).await;
    assert_eq!(refused(client.call(Unheard {}).await), Refusal::UnknownKind);
    match client.call(newer::Add { left: 1 }).await {
        Err(CallError::Refused(refused)) => assert_eq!(refused.why, Refusal::KindDiffers),
        other => panic!("{other:?}"),
    }
    let url = server.url("/ws");
    let newer = soon(
        "the welcome",
        connect_with(testkit::options(url, kinds![newer::Add, Give])),
    )
    .await
    .unwrap();
    assert_eq!(
        refused(newer.call(newer::Add { left: 1 }).await),
        Refusal::KindDiffers
    );
    assert_eq!(newer.call(Give { bytes: 2 }).await.unwrap(), [7, 7]);
}

#[tokio::test]
async fn an_answer_beyond_the_limit_is_an_error_of_its_call() {
    let server = serve(builder(&App::default()));
    let client = client(&server).await;
    assert_eq!(
        client.call(Give { bytes: 200_000 }).await.unwrap().len(),
        200_000
    );
    assert_eq!(
        refused(client.call(Give { bytes: 300_000 }).await),
        Refusal::TooLarge
    );
}

#[tokio::test]
async fn a_call_past_its_deadline_ends_and_its_handler_is_dropped() {
    let app = App::default();
    let limits = testkit::patient().call_deadline(Duration::from_millis(50));
    let server = serve(builder(&app).limits(limits));
    let client = client(&server).await;
    assert_eq!(
        refused(client.call(Wait { id: 1 }).await),
        Refusal::Deadline
    );
    app.log
        .wait("the drop", |log| log.contains(&"dropped 1".to_owned()))
        .await;
    assert_eq!(client.call(Add { left: 1, right: 1 }).await.unwrap().sum, 2);
}

#[tokio::test]
async fn a_client_that_leaves_takes_its_handlers_with_it() {
    let app = App::default();
    let server = serve(builder(&app));
    let client = client(&server).await;
    let waiting = waiting_call(&app, &client).await;
    let end = soon("the end", client.close()).await;
    assert!(matches!(end, End::Closed(_)), "{end:?}");
    assert!(matches!(waiting.await.unwrap(), Err(CallError::Unknown)));
    app.log
        .wait("the drop", |log| log.contains(&"dropped 1".to_owned()))
        .await;
    assert!(matches!(
        client.call(Wait { id: 2 }).await,
        Err(CallError::Closed)
    ));
}

#[tokio::test]
async fn a_dropped_call_drops_its_handler_and_the_next_ones_are_answered() {
    let app = App::default();
    let server = serve(builder(&app));
    let client = client(&server).await;
    let dropped = waiting_call(&app, &client).await;
    dropped.abort();
    app.log
        .wait("the drop", |log| log.contains(&"dropped 1".to_owned()))
        .await;
    assert_eq!(client.call(Add { left: 1, right: 1 }).await.unwrap().sum, 2);
    assert!(!app.log.events().contains(&"went on 1".to_owned()));
}

#[tokio::test]
async fn dropping_the_last_handle_ends_the_session() {
    let app = App::default();
    let server = serve(builder(&app));
    let client = client(&server).await;
    let call = client.call(Wait { id: 1 });
    tokio::select! {
        outcome = call => panic!("{outcome:?}"),
        _ = app.log.count(1) => {}
    }
    drop(client);
    app.log
        .wait("the drop", |log| log.contains(&"dropped 1".to_owned()))
        .await;
}

#[tokio::test]
async fn a_server_that_goes_away_ends_the_client() {
    let app = App::default();
    let server = serve(builder(&app));
    let client = leaver(&server).await;
    let waiting = waiting_call(&app, &client).await;
    drop(server);
    assert_eq!(soon("the end", client.closed()).await, End::Lost);
    assert!(matches!(waiting.await.unwrap(), Err(CallError::Unknown)));
}

#[tokio::test]
async fn authenticate_names_the_caller_or_refuses_in_words() {
    struct User(String);
    #[derive(Serialize, Deserialize, Call)]
    #[call(reply = String)]
    struct WhoAmI {}
    const KINDS: Kinds = kinds![WhoAmI];

    let builder = testkit::builder(())
        .authenticate(|token, request| async move {
            assert_eq!(request.path(), "/ws");
            match String::from_utf8(token) {
                Ok(name) if !name.is_empty() => Ok(User(name)),
                _ => Err(Denied::new("a name is the ticket")),
            }
        })
        .call(|cx: HandlerContext<(), User>, _: WhoAmI| async move { Ok(cx.identity().0.clone()) });
    let (server, _) = testkit::serve(builder);
    let options = testkit::options(server.url("/ws"), KINDS);
    let ada = soon("the welcome", connect_with(options.clone().token("Ada")))
        .await
        .unwrap();
    assert_eq!(ada.call(WhoAmI {}).await.unwrap(), "Ada");
    match soon("the refusal", connect_with(options)).await {
        Err(ConnectError::NotWelcomed(End::Goodbye(goodbye))) => {
            assert_eq!(goodbye.code, GoodbyeCode::Denied);
            assert_eq!(goodbye.reason, "a name is the ticket");
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn connecting_fails_in_words_where_nobody_answers_as_expected() {
    let server = serve(builder(&App::default()));
    for (url, speaks) in [
        (
            server.url("/elsewhere"),
            "the server answered the handshake with HTTP status 404 Not Found: look at the URL's path, and at proxies",
        ),
        (
            "not a url".to_owned(),
            "the URL isn't one of a WebSocket, such as ws://localhost:9501/ws: HTTP format error: invalid uri character",
        ),
        (
            "wss://localhost/".to_owned(),
            "wss: isn't supported by the native client yet: use ws:, to a proxy that speaks TLS if need be",
        ),
    ] {
        match soon("the failure", connect_with(testkit::options(url, KINDS))).await {
            Err(ConnectError::Open(error)) => assert_eq!(error.to_string(), speaks),
            other => panic!("{other:?}"),
        }
    }
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/", silent.local_addr().unwrap());
    let options = testkit::options(url, KINDS).connect_timeout(Duration::from_millis(100));
    assert!(matches!(
        soon("the time-out", connect_with(options)).await,
        Err(ConnectError::TimedOut)
    ));
}

#[tokio::test]
async fn a_server_that_shuts_down_says_goodbye_to_all_and_takes_no_new_ones() {
    let app = App::default();
    let (server, wire) = testkit::serve(builder(&app));
    let (ada, bob) = (leaver(&server).await, leaver(&server).await);
    let waiting = waiting_call(&app, &ada).await;
    soon("all sockets closed", wire.shut_down()).await;
    assert!(matches!(waiting.await.unwrap(), Err(CallError::Unknown)));
    for client in [ada, bob] {
        match soon("the end", client.closed()).await {
            End::Goodbye(goodbye) => assert_eq!(goodbye.code, GoodbyeCode::GoingAway),
            other => panic!("a goodbye, not {other:?}"),
        }
    }
    let once = testkit::options(server.url("/ws"), KINDS).reconnect(false);
    match soon("the refusal", connect_with(once)).await {
        Err(ConnectError::NotWelcomed(End::Goodbye(goodbye))) => {
            assert_eq!(goodbye.code, GoodbyeCode::GoingAway);
        }
        other => panic!("a goodbye, not {other:?}"),
    }
}
