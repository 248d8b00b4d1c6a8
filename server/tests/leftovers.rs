//! Events that were accepted and wait behind a slow listener when their session is lost.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt;
use serde::{Deserialize, Serialize};
use testkit::{Chaos, Doors, Log, Server, hurry, soon};
use tokio::sync::Semaphore;
use twinwire::session::SessionLost;
use twinwire::{Event, Goodbye, GoodbyeCode, Kinds, Limits, kinds};
use twinwire_client_native::{Client, ClientState, Events, connect_with};
use twinwire_server::{HandlerContext, Twinwire};

#[derive(Serialize, Deserialize, Event)]
struct Down {
    number: u64,
}

/// Have the server send so many, from this number on.
#[derive(Serialize, Deserialize, Event)]
struct Start {
    first: u64,
    downs: u64,
}

/// Its handler waits for the gate.
#[derive(Serialize, Deserialize, Event)]
struct Slow {
    number: u64,
}

const KINDS: Kinds = kinds![Down, Start, Slow];

/// What the client has accepted, which sessions are over, and what their handlers did.
#[derive(Clone)]
struct App {
    accepted: Log<u64>,
    ended: Log<()>,
    begun: Log<u64>,
    done: Log<u64>,
    dropped: Log<()>,
    gate: Arc<Semaphore>,
}

/// Says so when it is dropped.
struct Guard(Log<()>);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.push(());
    }
}

impl Default for App {
    fn default() -> Self {
        Self {
            accepted: Log::default(),
            ended: Log::default(),
            begun: Log::default(),
            done: Log::default(),
            dropped: Log::default(),
            gate: Arc::new(Semaphore::new(0)),
        }
    }
}

/// One that keeps no session whose connection is lost.
fn serve(app: &App) -> (Twinwire<App, ()>, Server) {
    serve_with(app, testkit::patient())
}

fn serve_with(app: &App, limits: Limits) -> (Twinwire<App, ()>, Server) {
    let builder = testkit::builder(app.clone())
        .event(|cx: HandlerContext<App>, start: Start| async move {
            let sender = cx.clone();
            cx.detach(async move {
                for number in start.first..start.first + start.downs {
                    // A session that is over wants no more.
                    let Ok(receipt) = sender.peer().send(Down { number }).await else {
                        return;
                    };
                    let accepted = sender.state().accepted.clone();
                    sender.detach(async move {
                        if receipt.await.is_ok() {
                            accepted.push(number);
                        }
                    });
                }
            });
        })
        .event(|cx: HandlerContext<App>, slow: Slow| async move {
            let app = cx.state();
            let _guard = Guard(app.dropped.clone());
            app.begun.push(slow.number);
            let permit = app.gate.acquire().await;
            permit.expect("it is never closed").forget();
            app.done.push(slow.number);
        })
        .on_close(|cx: HandlerContext<App>, _| async move { cx.state().ended.push(()) })
        .limits(limits)
        .memory_budget(0);
    let (server, wire) = testkit::serve_on(1, builder);
    (wire, server)
}

async fn lose(chaos: &Chaos, client: &Client) {
    chaos.doors(Doors::Closed);
    chaos.cut();
    let mut states = client.states();
    let gone =
        async { while !matches!(states.next().await, Some(ClientState::Resuming { .. })) {} };
    soon("the loss", gone).await;
}

type Listener = Arc<Mutex<Option<Events<Down>>>>;

/// What a listener has and hasn't read.
fn drain(listener: &Listener) -> Vec<u64> {
    let mut listener = listener.lock().expect("no panic");
    let downs = listener.as_mut().expect("it listens");
    let next = || downs.next().now_or_never().flatten();
    let read = std::iter::from_fn(next);
    read.map(|down| down.expect("it can be read").number)
        .collect()
}

#[tokio::test]
async fn what_was_accepted_is_handed_over_in_order_before_the_new_session_begins() {
    const DOWNS: u64 = 500;
    let app = App::default();
    let (_, server) = serve(&app);
    let chaos = Chaos::to(server.addr(), 1).await;
    let listener = Listener::default();
    let before = Log::default();
    let options = testkit::options(chaos.url("/ws"), KINDS).on_session_replaced({
        let (listener, before) = (Arc::clone(&listener), before.clone());
        move |client: Client, why| {
            let (listener, before) = (Arc::clone(&listener), before.clone());
            async move {
                assert_eq!(why, SessionLost::Evicted);
                before.push(drain(&listener));
                let start = Start {
                    first: DOWNS,
                    downs: 1,
                };
                client.send(start).await.expect("it is on its way");
            }
        }
    });
    let client = soon("the welcome", connect_with(options))
        .await
        .expect("welcome");
    let downs = client.events::<Down>().expect("a declared kind");
    *listener.lock().expect("no panic") = Some(downs);
    let start = Start {
        first: 0,
        downs: DOWNS,
    };
    client.send(start).await.expect("it is on its way");
    app.accepted.count(DOWNS as usize).await;
    lose(&chaos, &client).await;
    chaos.doors(Doors::Open);
    client.reconnect_now();
    let before = before.count(1).await.concat();
    assert!(before.into_iter().eq(0..DOWNS), "each once and in order");
    app.accepted.count(DOWNS as usize + 1).await;
    assert_eq!(drain(&listener), [DOWNS], "and nothing twice");
}

#[tokio::test]
async fn a_listener_that_reads_nothing_is_given_no_more_of_ten_sessions_than_of_one() {
    const DOWNS: u64 = 4_000;
    // More than a listener holds, and less than all that one session sends.
    let limits = testkit::patient().requests(64 * 1024);
    let app = App::default();
    // A goodbye waits no longer for what was asked for before it.
    let (wire, server) = serve_with(&app, testkit::patient().drain(Duration::from_millis(10)));
    let chaos = Chaos::to(server.addr(), 1).await;
    let losses = Log::default();
    let options = testkit::options(chaos.url("/ws"), KINDS).limits(limits);
    let options = options.on_session_replaced({
        let losses = losses.clone();
        move |_, _| {
            losses.push(());
            async {}
        }
    });
    let client = soon("the welcome", connect_with(options))
        .await
        .expect("welcome");
    let hurrying = tokio::spawn(hurry(client.clone(), || {}));
    let downs = client.events::<Down>().expect("a declared kind");
    let mut first = 0;
    for session in 1..=10 {
        let start = Start {
            first,
            downs: DOWNS,
        };
        let receipt = client.send(start).await.expect("it is on its way");
        soon("its receipt", receipt).await.expect("it arrived");
        first += DOWNS;
        if session == 1 {
            app.accepted.count(500).await;
        }
        if session % 2 == 0 {
            let going = Goodbye::new(GoodbyeCode::GoingAway, "");
            wire.peers().remove(0).close(going);
        } else {
            lose(&chaos, &client).await;
        }
        app.ended.count(session).await;
        chaos.doors(Doors::Open);
        losses.count(session).await;
    }
    hurrying.abort();
    let read = drain(&Arc::new(Mutex::new(Some(downs))));
    assert!(read.is_sorted(), "in order");
    // Each counts 64 bytes and its payload.
    let most = 64 + 64 * 1024 / 64;
    assert!((500..=most).contains(&read.len()), "{} waited", read.len());
}

/// A client of which three events were accepted, the first of them in its handler's hands.
async fn with_slow_events(app: &App, chaos: &Chaos) -> Client {
    let connecting = connect_with(testkit::options(chaos.url("/ws"), KINDS));
    let client = soon("the welcome", connecting).await.expect("welcome");
    let mut receipts = Vec::new();
    for number in 0..3 {
        let sent = client.send(Slow { number }).await;
        receipts.push(sent.expect("it is on its way"));
    }
    for receipt in receipts {
        soon("its receipt", receipt).await.expect("it is accepted");
    }
    assert_eq!(app.begun.count(1).await, [0]);
    client
}

#[tokio::test]
async fn at_the_server_what_waits_goes_with_its_session_and_stays_after_a_goodbye() {
    let lost = App::default();
    let (_, server) = serve(&lost);
    let chaos = Chaos::to(server.addr(), 1).await;
    let client = with_slow_events(&lost, &chaos).await;
    lose(&chaos, &client).await;
    lost.ended.count(1).await;
    lost.dropped.count(1).await;
    lost.gate.add_permits(3);
    drop(server);
    assert_eq!((lost.begun.events(), lost.done.events()), (vec![0], vec![]));

    let closed = App::default();
    let (_, server) = serve(&closed);
    let chaos = Chaos::to(server.addr(), 1).await;
    let client = with_slow_events(&closed, &chaos).await;
    let closing = tokio::spawn(async move { client.close().await });
    closed.gate.add_permits(3);
    soon("the end", closing).await.expect("no panic");
    closed.ended.count(1).await;
    assert_eq!(closed.done.events(), [0, 1, 2]);
}
