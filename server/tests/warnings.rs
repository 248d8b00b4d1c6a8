//! Lines of a server's log: they tell those who run it what only they can mend.

mod by_hand;

use std::future::pending;
use std::sync::{LazyLock, Mutex};
use std::time::Duration;

use by_hand::Greeter;
use serde::{Deserialize, Serialize};
use testkit::{Log, Server, patient, soon};
use twinwire::{Call, Event, GoodbyeCode, Kinds, Refusal, kinds};
use twinwire_client_native::{CallError, Client, connect_with};
use twinwire_server::{Builder, HandlerContext};

/// Never answered.
#[derive(Serialize, Deserialize, Call)]
struct Linger {}

/// The same, and its caller leaves.
#[derive(Serialize, Deserialize, Call)]
struct GiveUp {}

/// Panics.
#[derive(Serialize, Deserialize, Call)]
struct Stumble {}

/// Never done.
#[derive(Serialize, Deserialize, Event)]
struct Dawdle {}

const KINDS: Kinds = kinds![Linger, GiveUp, Stumble, Dawdle];

/// The lines that all servers of this program log.
static LINES: LazyLock<Log<String>> = LazyLock::new(|| {
    let lines = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_writer(Mutex::new(lines.clone()));
    subscriber.init();
    lines
});

/// Returns the lines with these words.
fn lines_with(words: &str) -> Vec<String> {
    let lines = LINES.events().into_iter();
    lines.filter(|line| line.contains(words)).collect()
}

/// Waits for a line with these words of a handler of this kind.
async fn told(words: &str, kind: &str) {
    let kind = format!("kind=\"{kind}\"");
    let is_it = |line: &String| line.contains(words) && line.contains(&kind);
    LINES.wait("a line", |lines| lines.iter().any(is_it)).await;
}

/// An application whose handlers have no answer. The log tells when [`GiveUp`]'s begins and is dropped.
fn builder(log: &Log<&'static str>) -> Builder<Log<&'static str>, ()> {
    type Cx = HandlerContext<Log<&'static str>>;
    testkit::builder(log.clone())
        .call(|_: Cx, _: Linger| pending())
        .event(|_: Cx, _: Dawdle| pending())
        .call(|_: Cx, _: Stumble| async { panic!("as the test asked") })
        .call(|cx: Cx, _: GiveUp| async move {
            cx.state().push("begun");
            let _dropped = Dropped(cx.state().clone());
            pending().await
        })
}

struct Dropped(Log<&'static str>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.push("dropped");
    }
}

async fn client(server: &Server) -> Client {
    let options = testkit::options(server.url("/ws"), KINDS);
    let client = soon("the welcome", connect_with(options)).await;
    client.expect("everyone is welcome")
}

#[tokio::test]
async fn a_handler_that_runs_too_long_is_told_by_its_kind() {
    LazyLock::force(&LINES);
    let limits = patient().call_deadline(Duration::from_millis(50));
    let (server, _wire) = testkit::serve(builder(&Log::default()).limits(limits));
    let client = client(&server).await;
    client.send(Dawdle {}).await.expect("it is on its way");
    match client.call(Linger {}).await {
        Err(CallError::Refused(refused)) => assert_eq!(refused.why, Refusal::Deadline),
        other => panic!("{other:?}"),
    }
    told("ran too long", "Linger").await;
    told("ran too long", "Dawdle").await;
}

#[tokio::test]
async fn a_handler_that_panics_is_told_by_its_kind_and_one_that_is_dropped_is_not() {
    LazyLock::force(&LINES);
    let log = Log::default();
    let (server, _wire) = testkit::serve(builder(&log));
    let client = client(&server).await;
    let call = tokio::spawn({
        let client = client.clone();
        async move { client.call(GiveUp {}).await }
    });
    log.count(1).await;
    call.abort();
    assert_eq!(log.count(2).await, ["begun", "dropped"]);
    match client.call(Stumble {}).await {
        Err(CallError::Refused(refused)) => assert_eq!(refused.why, Refusal::Panicked),
        other => panic!("{other:?}"),
    }
    told("a handler panicked", "Stumble").await;
    assert_eq!(lines_with("GiveUp"), [""; 0]);
}

#[tokio::test]
async fn a_server_without_kill_switches_says_so_once() {
    LazyLock::force(&LINES);
    let wire = builder(&Log::default()).build();
    let wire = wire.expect("the kinds don't clash");
    let server = Server::unconfigured(move |config| {
        config.configure(wire.at("/ws"));
    });
    for _ in 0..3 {
        drop(client(&server).await);
    }
    assert_eq!(lines_with("the HttpServer isn't configured").len(), 1);
}

#[tokio::test]
async fn an_authenticate_that_panics_is_told() {
    LazyLock::force(&LINES);
    let builder = testkit::builder(()).authenticate(|token: Vec<u8>, _| async move {
        assert!(!token.is_empty(), "as the test asked");
        Ok(())
    });
    let (server, _wire) = testkit::serve(builder);
    let (_socket, said, _) = Greeter::new("").greet(&server).await;
    assert_eq!(said.goodbye().code, GoodbyeCode::Internal);
    assert_eq!(lines_with("authenticate panicked, or").len(), 1);
}
