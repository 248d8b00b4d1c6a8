//! Sessions that outlive their connections, over real sockets that break.

mod numbers;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use numbers::{Double, Down, Start, Up, converse};
use serde::{Deserialize, Serialize};
use testkit::{Chaos, Doors, Log, hurry, serve, soon, until};
use tokio::task::JoinHandle;
use twinwire::session::SessionLost;
use twinwire::{Call, Kinds, Limits, Never, Topic, kinds};
use twinwire_client_native::{
    CallError, Client, ClientState, EventError, Receipt, Update, connect_with,
};
use twinwire_server::{Access, Builder, HandlerContext};

/// Answered when the gate is opened.
#[derive(Serialize, Deserialize, Call)]
#[call(reply = ())]
struct Wait {}

/// The same, with so many bytes.
#[derive(Serialize, Deserialize, Call)]
#[call(reply = Vec<u8>)]
struct Fill {
    bytes: u32,
}

#[derive(Serialize, Deserialize, Topic)]
#[topic(item = u64)]
struct Ticker {}

const KINDS: Kinds = kinds![Double, Wait, Fill, Up, Down, Start, Ticker];

/// What a server's application heard.
#[derive(Clone, Default)]
struct App {
    /// Which session sent which number.
    ups: Log<(twinwire::PeerId, u64)>,
    waiting: Log<()>,
    ended: Log<()>,
    gate: Arc<tokio::sync::Notify>,
}

fn builder(app: &App) -> Builder<App, ()> {
    testkit::builder(app.clone())
        .call(|_: HandlerContext<App>, double: Double| async move { Ok(2 * double.number) })
        .call(|cx: HandlerContext<App>, _: Wait| async move {
            let gate = Arc::clone(&cx.state().gate);
            let opened = gate.notified();
            cx.state().waiting.push(());
            opened.await;
            Ok(())
        })
        .call(|cx: HandlerContext<App>, fill: Fill| async move {
            let gate = Arc::clone(&cx.state().gate);
            let opened = gate.notified();
            cx.state().waiting.push(());
            opened.await;
            Ok(vec![0; fill.bytes as usize])
        })
        .event(|cx: HandlerContext<App>, up: Up| async move {
            cx.state().ups.push((cx.id(), up.number));
        })
        .event(|cx: HandlerContext<App>, start: Start| async move {
            let peer = cx.peer().clone();
            cx.detach(async move {
                for number in 0..start.downs {
                    // A session that is over wants no more.
                    let _ = peer.send(Down { number }).await;
                }
            });
        })
        .topic(|_: HandlerContext<App>, _: Ticker| async move { Access::subscribe() })
        .on_close(|cx: HandlerContext<App>, _| async move { cx.state().ended.push(()) })
}

/// The reasons for which sessions were lost.
type Losses = Log<SessionLost>;

async fn client(chaos: &Chaos) -> (Client, Losses) {
    client_with(chaos, testkit::patient()).await
}

async fn client_with(chaos: &Chaos, limits: Limits) -> (Client, Losses) {
    let losses = Losses::default();
    let told = losses.clone();
    let options = testkit::options(chaos.url("/ws"), KINDS).limits(limits);
    // What is carried over has no verdict of its own.
    let options = options
        .carry_over(false)
        .on_session_replaced(move |_, why| {
            told.push(why);
            async {}
        });
    let client = soon("a connection", connect_with(options)).await;
    (client.expect("everyone is welcome"), losses)
}

/// A call whose handler has begun and waits for the gate.
async fn waiting_call(app: &App, client: &Client) -> JoinHandle<Result<(), CallError<Never>>> {
    let client = client.clone();
    let call = tokio::spawn(async move { client.call(Wait {}).await });
    app.waiting.count(1).await;
    call
}

async fn resuming(client: &Client) {
    let gone =
        |state: &ClientState| matches!(state, ClientState::Resuming { .. } | ClientState::Paused);
    soon("the loss", until(client, gone)).await;
}

#[tokio::test]
async fn a_handler_runs_on_without_its_connection_and_its_answer_comes_with_the_next() {
    let app = App::default();
    let (server, wire) = serve(builder(&app));
    let chaos = Chaos::to(server.addr(), 1).await;
    let (client, losses) = client(&chaos).await;
    let waiting = waiting_call(&app, &client).await;
    chaos.doors(Doors::Closed);
    chaos.cut();
    resuming(&client).await;
    app.gate.notify_waiters();
    // The server's application doesn't see the difference.
    assert_eq!(wire.peers().len(), 1);
    chaos.doors(Doors::Open);
    client.reconnect_now();
    let answer = soon("the answer", waiting).await.expect("no panic");
    assert!(answer.is_ok(), "{answer:?}");
    assert_eq!((losses.events(), app.ended.events()), (vec![], vec![]));
}

#[tokio::test]
async fn a_session_is_resumed_while_its_old_socket_looks_alive() {
    let app = App::default();
    let (server, _) = serve(builder(&app));
    let dead = Chaos::to(server.addr(), 1).await;
    let (client, losses) = client(&dead).await;
    for round in 0..20 {
        // The server sees nothing of the end of the old connection.
        dead.stall(true);
        client.pause();
        resuming(&client).await;
        let doubled = client.call(Double { number: round });
        dead.stall(round % 2 == 0);
        dead.doors(Doors::Open);
        client.reconnect_now();
        dead.stall(false);
        assert_eq!(
            soon("the answer", doubled).await.expect("answered"),
            2 * round
        );
    }
    assert_eq!(losses.events(), []);
}

async fn receipt(client: &Client, number: u64) -> Receipt {
    let filler = Vec::new();
    let sent = client.send(Up { number, filler }).await;
    sent.expect("it is on its way")
}

/// What a client was told of each of its numbers, against what the server's log says.
fn check_verdicts(server: &App, verdicts: &[Result<(), EventError>]) {
    let handled = server.ups.events();
    let handled: HashSet<u64> = handled.iter().map(|(_, number)| *number).collect();
    for (number, verdict) in (0..).zip(verdicts) {
        match verdict {
            Ok(()) => assert!(
                handled.contains(&number),
                "{number} was accepted, it was said"
            ),
            Err(EventError::NotReceived) => {
                assert!(
                    !handled.contains(&number),
                    "{number} wasn't received, it was said"
                );
            }
            Err(EventError::Unknown) => {}
            Err(other) => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn after_a_restart_every_verdict_is_true() {
    let before = App::default();
    let (server, _) = serve(builder(&before));
    let chaos = Chaos::to(server.addr(), 1).await;
    let (client, losses) = client(&chaos).await;
    let mut verdicts = vec![receipt(&client, 0).await.await];
    let mut receipts = Vec::new();
    for number in 1..10 {
        receipts.push(receipt(&client, number).await);
    }
    before.ups.count(10).await;
    // What is asked for from now on reaches no server.
    chaos.stall(true);
    for number in 10..20 {
        receipts.push(receipt(&client, number).await);
    }
    chaos.doors(Doors::Closed);
    chaos.cut();
    chaos.stall(false);
    resuming(&client).await;
    for number in 20..30 {
        receipts.push(receipt(&client, number).await);
    }
    drop(server);
    let after = App::default();
    let (other, _) = serve(builder(&after));
    chaos.leads_to(other.addr());
    chaos.doors(Doors::Open);
    client.reconnect_now();
    for receipt in receipts {
        verdicts.push(soon("a verdict", receipt).await);
    }
    assert_eq!(losses.events(), [SessionLost::Restarted]);
    assert_eq!(after.ups.events(), [], "nothing is carried over");
    check_verdicts(&before, &verdicts);
    assert!(verdicts[0].is_ok(), "what was acknowledged is accepted");
    let mut unsent = verdicts[20..].iter();
    assert!(unsent.all(|verdict| matches!(verdict, Err(EventError::NotReceived))));
    // The new session is as good as any.
    converse(&client, 10).await;
}

#[tokio::test]
async fn topics_are_joined_again_in_another_session() {
    let app = App::default();
    let (server, wire) = serve(builder(&app).limits(testkit::patient().resume(Duration::ZERO)));
    let chaos = Chaos::to(server.addr(), 1).await;
    let (client, losses) = client(&chaos).await;
    let mut ticks = client.subscribe(Ticker {}).await.expect("let in");
    let mut item = async || match soon("an update", ticks.next()).await {
        Some(Ok(Update::Item(tick))) => Some(tick.item),
        Some(Ok(Update::NewEpoch { .. })) => None,
        other => panic!("{other:?}"),
    };
    wire.publish(&Ticker {}, &1).expect("published");
    assert_eq!(item().await, Some(1));
    chaos.doors(Doors::Closed);
    chaos.cut();
    resuming(&client).await;
    wire.publish(&Ticker {}, &2).expect("published");
    chaos.doors(Doors::Open);
    client.reconnect_now();
    assert_eq!(item().await, Some(2), "it goes on where it stood");
    wire.publish(&Ticker {}, &3).expect("published");
    assert_eq!(item().await, Some(3));
    // Another server has another log.
    let (other, wire) = serve(builder(&app));
    wire.publish(&Ticker {}, &4).expect("published");
    chaos.leads_to(other.addr());
    drop(server);
    client.reconnect_now();
    assert_eq!(item().await, None, "another epoch");
    assert_eq!(item().await, Some(4), "all that the new log has");
    assert_eq!(losses.events(), [SessionLost::Ended, SessionLost::Ended]);
}

#[tokio::test]
async fn a_server_that_stops_hands_its_clients_to_the_next() {
    let app = App::default();
    let (server, wire) = serve(builder(&app));
    let chaos = Chaos::to(server.addr(), 1).await;
    let (client, losses) = client(&chaos).await;
    let (next, _) = serve(builder(&app));
    chaos.leads_to(next.addr());
    let hurrying = tokio::spawn(hurry(client.clone(), || {}));
    soon("the end", wire.shut_down()).await;
    drop(server);
    let doubled = soon("the answer", client.call(Double { number: 4 })).await;
    assert_eq!(doubled.expect("answered by the next"), 8);
    assert_eq!(losses.events(), [SessionLost::Ended]);
    hurrying.abort();
}

#[tokio::test]
async fn what_has_no_room_is_given_up_and_told() {
    let app = App::default();
    let (server, _) = serve(builder(&app).memory_budget(0));
    let chaos = Chaos::to(server.addr(), 1).await;
    let (client, losses) = client(&chaos).await;
    let waiting = waiting_call(&app, &client).await;
    chaos.doors(Doors::Closed);
    chaos.cut();
    app.ended.count(1).await;
    resuming(&client).await;
    let late = receipt(&client, 1).await;
    chaos.doors(Doors::Open);
    client.reconnect_now();
    let outcome = soon("the verdict", waiting).await.expect("no panic");
    assert!(matches!(outcome, Err(CallError::Unknown)), "{outcome:?}");
    let late = soon("the verdict", late).await;
    assert!(late.is_err(), "it was never sent");
    assert_eq!(losses.events(), [SessionLost::Evicted]);
    assert_eq!(app.ups.events(), []);
}

#[tokio::test]
async fn what_a_new_session_needs_first_goes_first() {
    let app = App::default();
    let (server, _) = serve(builder(&app).limits(testkit::patient().resume(Duration::ZERO)));
    let chaos = Chaos::to(server.addr(), 1).await;
    let options =
        testkit::options(chaos.url("/ws"), KINDS).on_session_replaced(|client, _| async move {
            // Two round trips, that nothing may overtake.
            for number in 100..102 {
                let doubled = client.call(Double { number }).await;
                assert_eq!(doubled.expect("an answer"), 2 * number);
                receipt(&client, number).await.await.expect("it arrived");
            }
        });
    let client = soon("the welcome", connect_with(options))
        .await
        .expect("welcome");
    let mut ticks = client.subscribe(Ticker {}).await.expect("let in");
    chaos.doors(Doors::Closed);
    chaos.cut();
    resuming(&client).await;
    let meanwhile = receipt(&client, 1);
    chaos.doors(Doors::Open);
    client.reconnect_now();
    let receipt = soon("room", meanwhile).await;
    soon("the receipt", receipt).await.expect("it arrived");
    let numbers: Vec<u64> = app.ups.events().iter().map(|(_, number)| *number).collect();
    assert_eq!(numbers, [100, 101, 1]);
    drop(client);
    // The client ends with its last handle, whatever it did for its sessions.
    assert!(soon("the end", ticks.next()).await.is_none());
}

#[tokio::test]
async fn a_connection_that_is_dead_both_ways_is_found_by_both_ends() {
    let app = App::default();
    let limits = || testkit::patient().heartbeat(Duration::from_secs(1));
    let (server, _) = serve(builder(&app).limits(limits()).memory_budget(0));
    let chaos = Chaos::to(server.addr(), 1).await;
    let (client, losses) = client_with(&chaos, limits()).await;
    chaos.stall(true);
    // Neither hears of an end of the connection, and both find out; this server has no room for
    // sessions without one.
    resuming(&client).await;
    app.ended.count(1).await;
    chaos.cut();
    chaos.stall(false);
    client.reconnect_now();
    assert_eq!(losses.count(1).await, [SessionLost::Evicted]);
    let doubled = soon("the answer", client.call(Double { number: 4 })).await;
    assert_eq!(doubled.expect("answered"), 8);
}

#[tokio::test]
async fn what_waits_for_a_connection_is_bounded() {
    let app = App::default();
    let (server, _) = serve(builder(&app));
    let chaos = Chaos::to(server.addr(), 1).await;
    let (client, _) = client(&chaos).await;
    client.pause();
    resuming(&client).await;
    let mut taken = Vec::new();
    let full = async {
        loop {
            let (number, filler) = (taken.len() as u64, vec![0; 8 * 1024]);
            match client.try_send(Up { number, filler }) {
                Ok(receipt) => taken.push(receipt),
                Err(EventError::Full) if taken.len() > 40 => return,
                // The driver takes what it was given when it has its turn.
                Err(EventError::Full) => tokio::task::yield_now().await,
                Err(other) => panic!("{other}"),
            }
        }
    };
    soon("the bound", full).await;
    let filler = Vec::new();
    let number = taken.len() as u64;
    let mut waits = std::pin::pin!(client.send(Up { number, filler }));
    assert!(futures_util::poll!(&mut waits).is_pending(), "send waits");
    client.reconnect_now();
    let last = soon("room", waits).await.expect("it is on its way");
    for receipt in taken.into_iter().chain([last]) {
        soon("its receipt", receipt).await.expect("it has arrived");
    }
    // A receipt says that it is in the session; its handler has its turn after those before.
    let ups = app.ups.count(number as usize + 1).await;
    let numbers = ups.into_iter().map(|(_, number)| number);
    assert!(numbers.eq(0..=number), "each once and in order");
}

#[tokio::test]
async fn what_handlers_answer_without_a_connection_counts_against_the_pool() {
    let app = App::default();
    let (server, _) = serve(builder(&app).memory_budget(1 << 20));
    let chaos = Chaos::to(server.addr(), 1).await;
    let (client, losses) = client(&chaos).await;
    let calls = (0..8).map(|_| {
        let client = client.clone();
        let bytes = 200 * 1024;
        tokio::spawn(async move { client.call(Fill { bytes }).await })
    });
    let calls: Vec<_> = calls.collect();
    app.waiting.count(8).await;
    chaos.doors(Doors::Closed);
    chaos.cut();
    resuming(&client).await;
    assert!(app.ended.events().is_empty(), "there was room");
    app.gate.notify_waiters();
    app.ended.count(1).await;
    chaos.doors(Doors::Open);
    client.reconnect_now();
    for call in calls {
        let outcome = soon("the verdict", call).await.expect("no panic");
        assert!(matches!(outcome, Err(CallError::Unknown)), "{outcome:?}");
    }
    assert_eq!(losses.events(), [SessionLost::Evicted]);
}
