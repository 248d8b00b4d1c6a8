//! What tests are told that a client and its server hold.

use std::future::pending;

use serde::{Deserialize, Serialize};
use testkit::soon;
use twinwire::{Call, Event, Kinds, Topic, kinds};
use twinwire_client::test::Counters;
use twinwire_server::test::{Client, counters, pair};
use twinwire_server::{Access, HandlerContext, Peer, Twinwire};

#[derive(Serialize, Deserialize, Call)]
#[call(reply = ())]
struct Handled {}

#[derive(Serialize, Deserialize, Call)]
#[call(reply = ())]
struct NotHandled {}

#[derive(Debug, Serialize, Deserialize, Event)]
struct Heard {}

#[derive(Debug, Serialize, Deserialize, Event)]
struct NotHeard {}

#[derive(Serialize, Deserialize, Topic)]
#[topic(item = u8)]
struct Room {}

const KINDS: Kinds = kinds![Handled, NotHandled, Heard, NotHeard, Room];

/// Waits until a client's counters are what they should be.
async fn reached(client: &Client, what: &str, is_reached: impl Fn(&Counters) -> bool) {
    let mut last = None;
    let reached = async {
        while !last.as_ref().is_some_and(&is_reached) {
            tokio::task::yield_now().await;
            last = twinwire_client::test::counters(client).await;
        }
    };
    soon(what, reached).await;
}

async fn connected(wire: &Twinwire<(), ()>) -> Client {
    soon("the welcome", pair(wire, KINDS))
        .await
        .expect("a welcome")
}

#[actix_web::test]
async fn the_servers_calls_and_events_are_counted_until_the_application_is_done() {
    let builder =
        testkit::builder(()).topic(|_: HandlerContext, _: Room| async { Access::subscribe() });
    let wire = builder.build().expect("the kinds don't clash");
    let client = connected(&wire).await;
    // Calls without a handler wait for a moment, which isn't to pass.
    tokio::time::pause();
    let handled = client.handle(|_: Handled| pending());
    handled.expect("it is declared");
    let mut listeners = [0; 2].map(|_| client.events::<Heard>().expect("it is declared"));
    let peer = wire.peers().pop().expect("one is connected");
    let calls = [
        tokio::task::spawn_local(call(peer.clone(), Handled {})),
        tokio::task::spawn_local(call(peer.clone(), Handled {})),
    ];
    let waits = tokio::task::spawn_local(call(peer.clone(), NotHandled {}));
    for _ in 0..3 {
        peer.send(Heard {}).await.expect("it is on its way");
    }
    let is_kept = async {
        while counters(&wire).kept == 0 {
            tokio::task::yield_now().await;
        }
    };
    soon("bytes that aren't acknowledged", is_kept).await;
    for _ in 0..5 {
        peer.send(NotHeard {}).await.expect("it is on its way");
    }
    reached(&client, "two calls at work, one that waits", |held| {
        held.handlers == 3
    })
    .await;
    let events = |held: &Counters| (held.listeners, held.untaken, held.backlog);
    reached(&client, "events", |held| events(held) == (2, 6, 5)).await;
    soon("an event", listeners[0].next())
        .await
        .expect("it came")
        .expect("it fits");
    reached(&client, "an event less", |held| events(held) == (2, 5, 5)).await;
    drop(listeners);
    reached(&client, "no listener", |held| events(held) == (0, 0, 5)).await;
    calls
        .into_iter()
        .chain([waits])
        .for_each(|call| call.abort());
    reached(&client, "no call", |held| held.handlers == 0).await;
}

async fn call<C: Call>(peer: Peer<()>, call: C) {
    // Nobody answers.
    drop(peer.call(call).await);
}

#[actix_web::test]
async fn requests_and_subscriptions_are_counted_until_they_are_over() {
    let builder = testkit::builder(())
        .call(|_: HandlerContext, _: Handled| pending())
        .topic(|_: HandlerContext, _: Room| async { Access::subscribe() });
    let wire = builder.build().expect("the kinds don't clash");
    let client = connected(&wire).await;
    let subscriptions = [
        client.subscribe(Room {}).await.expect("everyone may"),
        client.subscribe(Room {}).await.expect("everyone may"),
    ];
    let asks = || {
        let client = client.clone();
        tokio::task::spawn_local(async move { client.call(Handled {}).await })
    };
    let calls = [asks(), asks(), asks()];
    let remote = |held: &Counters| {
        (
            held.remote.waiters,
            held.remote.topics,
            held.remote.subscribers,
        )
    };
    reached(&client, "all of them", |held| remote(held) == (3, 1, 2)).await;
    assert_eq!(counters(&wire).handlers, 3);
    assert_eq!(
        (counters(&wire).topics, counters(&wire).subscribers),
        (1, 1)
    );
    calls.into_iter().for_each(|call| call.abort());
    drop(subscriptions);
    reached(&client, "nothing", |held| remote(held) == (0, 0, 0)).await;
}

#[actix_web::test]
async fn what_waits_for_on_open_is_counted_of_all_clients() {
    let builder = testkit::builder(()).on_open(|_: HandlerContext| pending::<()>());
    let builder = builder.call(|_: HandlerContext, _: Handled| pending());
    let wire = builder.build().expect("the kinds don't clash");
    let mut calls = Vec::new();
    for _ in 0..3 {
        let client = connected(&wire).await;
        for _ in 0..2 {
            let client = client.clone();
            calls.push(tokio::task::spawn_local(async move {
                client.call(Handled {}).await
            }));
        }
    }
    let all_wait = async {
        while counters(&wire).waiting < 6 {
            tokio::task::yield_now().await;
        }
    };
    soon("all of them", all_wait).await;
    assert_eq!(counters(&wire).waiting, 6);
}
