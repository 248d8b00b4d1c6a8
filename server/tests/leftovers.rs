//! Events that were accepted and wait behind a slow listener when their session is lost.

use std::sync::{Arc, Mutex};

use futures_util::FutureExt;
use serde::{Deserialize, Serialize};
use testkit::{Chaos, Doors, Log, Server, soon};
use twinwire::session::Fresh;
use twinwire::{Event, Kinds, Limits, kinds};
use twinwire_client_native::{Client, ClientState, Events, Options, connect_with};
use twinwire_server::{Cx, Twinwire};

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

const KINDS: Kinds = kinds![Down, Start];

/// What the client has accepted, and which sessions are over.
#[derive(Clone, Default)]
struct App {
    accepted: Log<u64>,
    ended: Log<()>,
}

/// One that keeps no session whose connection is lost.
fn serve(app: &App) -> Server {
    let wire = Twinwire::builder(app.clone())
        .event(|cx: Cx<App>, start: Start| async move {
            for number in start.first..start.first + start.downs {
                let receipt = cx.peer().send(Down { number }).await.expect("it waits");
                let accepted = cx.state().accepted.clone();
                cx.detach(async move {
                    // What isn't accepted is sent again by nobody here.
                    if receipt.await.is_ok() {
                        accepted.push(number);
                    }
                });
            }
        })
        .on_close(|cx: Cx<App>, _| async move { cx.state().ended.push(()) })
        .pool(0)
        .build()
        .expect("the kinds don't clash");
    Server::with_workers(1, move |config| {
        config.configure(wire.at("/ws"));
    })
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
    let server = serve(&app);
    let chaos = Chaos::to(server.addr(), 1).await;
    let listener = Listener::default();
    let before = Log::default();
    let options = Options::new(chaos.url("/ws"), KINDS).on_fresh({
        let (listener, before) = (Arc::clone(&listener), before.clone());
        move |client: Client, why| {
            let (listener, before) = (Arc::clone(&listener), before.clone());
            async move {
                assert_eq!(why, Fresh::Evicted);
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
    let limits = Limits::default().requests(64 * 1024);
    let app = App::default();
    let server = serve(&app);
    let chaos = Chaos::to(server.addr(), 1).await;
    let fresh = Log::default();
    let options = Options::new(chaos.url("/ws"), KINDS).limits(limits);
    let options = options.on_fresh({
        let fresh = fresh.clone();
        move |_, _| {
            fresh.push(());
            async {}
        }
    });
    let client = soon("the welcome", connect_with(options))
        .await
        .expect("welcome");
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
        lose(&chaos, &client).await;
        app.ended.count(session).await;
        chaos.doors(Doors::Open);
        client.reconnect_now();
        fresh.count(session).await;
    }
    let read = drain(&Arc::new(Mutex::new(Some(downs))));
    assert!(read.is_sorted(), "in order");
    // Each counts 64 bytes and its payload.
    let most = 64 + 64 * 1024 / 64;
    assert!((500..=most).contains(&read.len()), "{} waited", read.len());
}
