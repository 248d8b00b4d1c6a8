//! Events, streams, calls from the server, and what stands around handlers, over real sockets: what the
//! clients' suite can't see from outside.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use testkit::{Log, Server, serve, soon};
use tokio::sync::Semaphore;
use twinwire::{Call, Class, End, Event, Kinds, Refusal, kinds};
use twinwire_client_native::{CallError, Client, EventError, Undeclared, connect_with};
use twinwire_server::{Builder, Goodbye, GoodbyeCode, HandlerContext, Next, Response};

/// The server sends it back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Event)]
struct Echo {
    text: String,
}

/// The client doesn't send this one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Event)]
struct Notice {
    number: u32,
}

#[derive(Debug, Serialize, Deserialize, Call)]
#[call(stream = u32)]
struct Count {
    to: u32,
}

/// The server asks the client.
#[derive(Debug, Serialize, Deserialize, Call)]
#[call(reply = String, error = String)]
struct Locate {
    whom: String,
}

/// Makes the server ask its caller.
#[derive(Serialize, Deserialize, Call)]
#[call(reply = String)]
struct AskMe {
    whom: String,
}

/// An event whose handler waits for the gate.
#[derive(Serialize, Deserialize, Event)]
struct Slow {
    id: u32,
}

/// A call that is handled in order and waits for the gate.
#[derive(Serialize, Deserialize, Call)]
struct SlowCall {
    id: u32,
}

/// A call that leaves a mark at once.
#[derive(Serialize, Deserialize, Call)]
struct Mark {
    id: u32,
}

#[derive(Serialize, Deserialize, Event)]
struct Panic {}

const KINDS: Kinds = kinds![
    Echo, Notice, Count, Locate, AskMe, Slow, SlowCall, Mark, Panic
];

#[derive(Clone)]
struct App {
    log: Log<String>,
    gate: Arc<Semaphore>,
}

impl Default for App {
    fn default() -> Self {
        Self {
            log: Log::default(),
            gate: Arc::new(Semaphore::new(0)),
        }
    }
}

impl App {
    async fn pass(&self, what: String) {
        self.log.push(format!("{what} begins"));
        let _leave = Leave(self.log.clone(), what.clone());
        let _ = self.gate.acquire().await.map(|permit| permit.forget());
        self.log.push(format!("{what} ends"));
    }

    async fn logged(&self, what: &str) -> Vec<String> {
        self.log
            .wait(what, |log| log.contains(&what.to_owned()))
            .await
    }
}

struct Leave(Log<String>, String);

impl Drop for Leave {
    fn drop(&mut self) {
        self.0.push(format!("{} is dropped", self.1));
    }
}

fn describe<T: std::fmt::Debug, E: std::fmt::Debug>(outcome: Result<T, CallError<E>>) -> String {
    match outcome {
        Ok(value) => format!("{value:?}"),
        Err(CallError::App(error)) => format!("error {error:?}"),
        Err(CallError::Refused(refused)) => format!("refused {:?}", refused.why),
        Err(other) => format!("{other:?}"),
    }
}

fn builder(app: &App) -> Builder<App, ()> {
    testkit::builder(app.clone())
        .event(|cx: HandlerContext<App>, echo: Echo| async move {
            cx.state().log.push(format!("heard {}", echo.text));
            cx.peer().send(echo).await.expect("the client takes it");
        })
        .event(|cx: HandlerContext<App>, slow: Slow| async move {
            cx.state().pass(format!("event {}", slow.id)).await;
        })
        .event(|_, _: Panic| async move { panic!("as the test asked") })
        .call(|cx: HandlerContext<App>, ask: AskMe| async move {
            Ok(describe(cx.peer().call(Locate { whom: ask.whom }).await))
        })
        .call(|cx: HandlerContext<App>, mark: Mark| async move {
            cx.state().log.push(format!("mark {}", mark.id));
            Ok(())
        })
        .call_in_order(|cx: HandlerContext<App>, slow: SlowCall| async move {
            cx.state().pass(format!("call {}", slow.id)).await;
            Ok(())
        })
        .stream(
            |cx: HandlerContext<App>, count: Count, mut sender| async move {
                let _leave = Leave(cx.state().log.clone(), "count".to_owned());
                for number in 0..count.to {
                    sender.send(number).await;
                    cx.state().log.push(format!("fed {number}"));
                }
                Ok(())
            },
        )
}

async fn client(server: &Server) -> Client {
    soon(
        "the welcome",
        connect_with(testkit::options(server.url("/ws"), KINDS)),
    )
    .await
    .expect("everyone is welcome")
}

fn count(to: u32) -> Count {
    Count { to }
}

#[tokio::test]
async fn what_follows_an_event_or_a_call_in_order_waits_for_its_handler() {
    let app = App::default();
    let (server, _) = serve(builder(&app));
    let client = client(&server).await;
    client.send(Slow { id: 1 }).await.unwrap();
    let slow = tokio::spawn({
        let client = client.clone();
        async move { client.call(SlowCall { id: 2 }).await }
    });
    app.logged("event 1 begins").await;
    app.gate.add_permits(1);
    app.logged("call 2 begins").await;
    let mark = client.call(Mark { id: 3 });
    app.gate.add_permits(1);
    soon("the mark", mark).await.unwrap();
    soon("the slow call", slow).await.unwrap().unwrap();
    let log = app.log.events();
    let order = ["event 1 ends", "call 2 begins", "call 2 ends", "mark 3"];
    let places = order.map(|what| log.iter().position(|line| line == what).expect(what));
    assert!(places.is_sorted(), "{log:?}");
}

#[tokio::test]
async fn an_event_whose_handler_panics_or_runs_late_lets_the_next_one_pass() {
    let app = App::default();
    let limits = testkit::patient().call_deadline(Duration::from_millis(50));
    let (server, _) = serve(builder(&app).limits(limits));
    let client = client(&server).await;
    client.send(Panic {}).await.unwrap();
    client.send(Slow { id: 1 }).await.unwrap();
    soon("the mark", client.call(Mark { id: 2 })).await.unwrap();
    let log = app.logged("event 1 is dropped").await;
    assert!(!log.contains(&"event 1 ends".to_owned()));
}

#[tokio::test]
async fn a_slow_consumer_makes_its_handler_wait_and_leaving_drops_it() {
    let app = App::default();
    let (server, _) = serve(builder(&app));
    let client = client(&server).await;
    let mut items = client.stream(count(1_000_000)).await.unwrap();
    assert!(matches!(soon("an item", items.next()).await, Some(Ok(0))));
    soon("a mark", client.call(Mark { id: 1 })).await.unwrap();
    // 64 KiB at 65 bytes and more an item, at both ends.
    let fed = app.log.events();
    assert!(fed.len() < 3 * 64 * 1024 / 65, "{} are fed", fed.len());
    drop(items);
    app.logged("count is dropped").await;
}

#[tokio::test]
async fn the_server_calls_its_client() {
    let (server, wire) = serve(builder(&App::default()));
    let client = client(&server).await;
    let ask = |whom: &str| {
        let whom = whom.to_owned();
        let call = client.call(AskMe { whom });
        async { soon("the answer", call).await.unwrap() }
    };
    assert_eq!(ask("Ada").await, "refused NoHandler");
    let handle = |locate: Locate| async move {
        match locate.whom.as_str() {
            "nobody" => Err("not here".to_owned()),
            "panic" => panic!("as the test asked"),
            whom => Ok(format!("{whom} is here")),
        }
    };
    client.handle(handle).unwrap();
    assert_eq!(ask("Ada").await, "\"Ada is here\"");
    assert_eq!(ask("nobody").await, "error \"not here\"");
    assert_eq!(ask("panic").await, "refused Panicked");
    assert_eq!(ask("Grace").await, "\"Grace is here\"");

    let peer = &wire.peers()[0];
    let whom = "from anywhere".to_owned();
    let answer = soon("the answer", peer.call(Locate { whom })).await;
    assert_eq!(answer.unwrap(), "from anywhere is here");
    assert!(soon("the pong", peer.ping()).await.is_some());
    assert!(soon("the pong", client.ping()).await.is_some());
}

#[tokio::test]
async fn a_call_of_the_server_that_is_dropped_drops_the_clients_handler() {
    let app = App::default();
    let (server, wire) = serve(builder(&app));
    let client = client(&server).await;
    let handler = app.clone();
    let handle = move |_: Locate| {
        let app = handler.clone();
        async move {
            app.pass("locate".to_owned()).await;
            Ok(String::new())
        }
    };
    client.handle(handle).unwrap();
    let peer = wire.peers().pop().unwrap();
    let whom = String::new();
    let call = tokio::spawn(async move { peer.call(Locate { whom }).await });
    app.logged("locate begins").await;
    call.abort();
    app.logged("locate is dropped").await;
}

#[tokio::test]
async fn a_request_that_the_other_side_does_not_take_errs_at_once() {
    let (server, _) = serve(builder(&App::default()));
    let client = client(&server).await;
    match client.send(Notice { number: 1 }).await {
        Err(EventError::Refused(refused)) => assert_eq!(refused.why, Refusal::UnknownKind),
        other => panic!("{other:?}"),
    }
    let text = "x".repeat(300_000);
    match client.send(Echo { text }).await {
        Err(EventError::Refused(refused)) => assert_eq!(refused.why, Refusal::TooLarge),
        other => panic!("{other:?}"),
    }
    #[derive(Serialize, Deserialize, Event)]
    struct Stranger {}
    let undeclared = client.send(Stranger {}).await;
    assert!(matches!(undeclared, Err(EventError::Undeclared(_))));
    assert_eq!(
        client.events::<Stranger>().err(),
        Some(Undeclared::of::<Stranger>())
    );
}

#[tokio::test]
async fn a_kind_that_one_end_lacks_is_named_in_the_error() {
    #[derive(Serialize, Deserialize, Call)]
    struct Stranger {}
    let (server, wire) = serve(builder(&App::default()));
    let client = client(&server).await;
    let peer = wire.peers().pop().unwrap();
    let check = |name: &str, text: String| assert!(text.contains(name), "{text}");
    let notice = Notice { number: 1 };
    check(
        "`Notice`",
        client.send(notice).await.unwrap_err().to_string(),
    );
    let stranger = client.call(Stranger {}).await;
    check("`Stranger`", stranger.unwrap_err().to_string());
    let handled = client.handle(|_: Stranger| async { Ok(()) });
    check("`Stranger`", handled.unwrap_err().to_string());
    let stranger = peer.call(Stranger {}).await;
    check("`Stranger`", stranger.unwrap_err().to_string());
    let whom = String::new();
    let unhandled = peer.call(Locate { whom }).await;
    check("`Locate`", unhandled.unwrap_err().to_string());
}

#[tokio::test]
async fn of_events_with_one_key_the_newest_arrives_and_no_order_is_broken() {
    let app = App::default();
    let (server, _) = serve(builder(&app));
    let client = client(&server).await;
    client.send(Slow { id: 0 }).await.unwrap();
    app.logged("event 0 begins").await;
    for number in 0..100_000_u32 {
        let text = format!("{number} {}", "x".repeat(100));
        client.send_latest("cursor", Echo { text }).await.unwrap();
    }
    app.gate.add_permits(1);
    let last = format!("heard 99999 {}", "x".repeat(100));
    let log = app.logged(&last).await;
    let heard: Vec<u32> = log
        .iter()
        .filter_map(|line| line.strip_prefix("heard ")?.split(' ').next()?.parse().ok())
        .collect();
    assert!(heard.is_sorted());
    assert!(heard.len() < 50_000, "{} were sent", heard.len());
}

#[tokio::test]
async fn what_stands_around_handlers_sees_all_of_them_and_may_refuse() {
    let app = App::default();
    let outer = |cx: HandlerContext<App>, next: Next| async move {
        let what = format!("{:?} {}", next.class(), next.kind());
        let done = next.run().await;
        let how = done.refusal();
        cx.state()
            .log
            .push(format!("{what} {how:?} {}", done.is_error()));
        done
    };
    let inner = |_: HandlerContext<App>, next: Next| async move {
        if next.class() == Class::Stream {
            return Response::refused(Refusal::Denied);
        }
        next.run().await
    };
    let (server, _) = serve(builder(&app).middleware(outer).middleware(inner));
    let client = client(&server).await;
    client.call(Mark { id: 1 }).await.unwrap();
    let mut items = client.stream(count(1)).await.unwrap();
    match soon("the refusal", items.next()).await {
        Some(Err(CallError::Refused(refused))) => assert_eq!(refused.why, Refusal::Denied),
        other => panic!("{other:?}"),
    }
    let text = String::new();
    client.send(Echo { text }).await.unwrap();
    let log = app.logged("Event Echo None false").await;
    assert!(log.contains(&"Call Mark None false".to_owned()), "{log:?}");
    assert!(
        log.contains(&"Stream Count Some(Denied) false".to_owned()),
        "{log:?}"
    );
}

#[tokio::test]
async fn a_session_opens_before_its_first_request_and_its_close_is_told() {
    let app = App::default();
    let builder = builder(&app)
        .on_open(|cx: HandlerContext<App>| async move {
            cx.state().pass("opening".to_owned()).await;
            cx.peer()
                .send(Notice { number: 7 })
                .await
                .expect("it is open");
        })
        .on_close(|cx: HandlerContext<App>, end: End| async move {
            cx.state().log.push(format!("closed: {end}"));
        });
    let (server, wire) = serve(builder);
    let client = client(&server).await;
    let mut notices = client.events::<Notice>().unwrap();
    let early = tokio::spawn({
        let client = client.clone();
        async move { client.call(Mark { id: 1 }).await }
    });
    app.logged("opening begins").await;
    assert!(soon("a pong", client.ping()).await.is_some());
    assert!(!app.log.events().contains(&"mark 1".to_owned()));
    app.gate.add_permits(1);
    soon("the mark", early).await.unwrap().unwrap();
    let notice = soon("the notice", notices.next()).await.unwrap().unwrap();
    assert_eq!(notice, Notice { number: 7 });

    let peer = wire.peers().pop().unwrap();
    assert_eq!(wire.peer(peer.id()).map(|peer| peer.id()), Some(peer.id()));
    peer.close(Goodbye::new(GoodbyeCode::Denied, "enough"));
    match soon("the end", client.closed()).await {
        End::Goodbye(goodbye) => assert_eq!(goodbye.reason, "enough"),
        other => panic!("{other:?}"),
    }
    let closed = |log: &[String]| log.iter().any(|line| line.starts_with("closed: "));
    app.log.wait("the close", closed).await;
    assert!(wire.peers().is_empty());
    let late = peer.send(Notice { number: 8 }).await;
    assert!(matches!(late, Err(EventError::Closed)), "{late:?}");
}

#[tokio::test]
async fn all_sessions_of_a_user_are_found_by_the_users_key() {
    let builder = testkit::builder(())
        .authenticate(|token, _| async move { Ok(String::from_utf8_lossy(&token).into_owned()) })
        .user_key(String::clone);
    let (server, wire) = serve(builder);
    let mut clients = Vec::new();
    for name in ["ada", "ada", "grace"] {
        let options = testkit::options(server.url("/ws"), KINDS).token(name);
        let client = soon("the welcome", connect_with(options)).await.unwrap();
        let notices = client.events::<Notice>().unwrap();
        clients.push((client, notices));
    }
    let ada = wire.user("ada");
    assert_eq!(
        (ada.len(), wire.user("grace").len(), wire.user("eve").len()),
        (2, 1, 0)
    );
    for (number, peer) in (0..).zip(&ada) {
        peer.send(Notice { number }).await.unwrap();
    }
    for (_, notices) in &mut clients[..2] {
        soon("a notice", notices.next()).await.unwrap().unwrap();
    }
    for (client, _) in &clients {
        soon("the end", client.close()).await;
    }
    // A session is forgotten before its client's close is answered.
    assert!(wire.user("ada").is_empty());
}

#[tokio::test]
async fn an_item_whose_handler_gave_up_waiting_is_not_sent() {
    #[derive(Serialize, Deserialize, Call)]
    #[call(stream = Vec<u8>)]
    struct Large {}
    const LARGE: Kinds = kinds![Large];

    let app = App::default();
    let builder = testkit::builder(app.clone()).stream(
        |cx: HandlerContext<App>, _: Large, mut sender| async move {
            // Until there is no room, and the test says so.
            let mut number = 0;
            loop {
                tokio::select! {
                    biased;
                    () = sender.send(vec![number; 30_000]) => {
                        number += 1;
                        cx.state().log.push("fed".to_owned());
                    }
                    _ = cx.state().gate.acquire() => break,
                }
            }
            sender.send(vec![100; 10]).await;
            Ok(())
        },
    );
    let (server, _) = serve(builder);
    let client = soon(
        "the welcome",
        connect_with(testkit::options(server.url("/ws"), LARGE)),
    )
    .await
    .unwrap();
    let mut items = client.stream(Large {}).await.unwrap();
    // Two for the client's window, and as many as wait here.
    app.log.count(4).await;
    app.gate.add_permits(1);
    let mut heard = Vec::new();
    while let Some(item) = soon("an item", items.next()).await {
        heard.push(item.unwrap()[0]);
    }
    assert_eq!(heard.pop(), Some(100));
    assert!(heard.iter().copied().eq(0..heard.len() as u8), "{heard:?}");
}
