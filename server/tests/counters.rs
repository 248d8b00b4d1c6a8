//! What tests are told that a client and its server hold.

mod by_hand;

use std::future::pending;

use by_hand::{Greeter, Socket, wants};
use serde::{Deserialize, Serialize};
use testkit::{Log, Server, soon};
use twinwire::frame::{Ack, Continuity, Frame, Reply, ReplyPart, Welcome};
use twinwire::{Call, End, Event, Format, GoodbyeCode, Kinds, SeqNo, Topic, kinds};
use twinwire_client::test::Counters;
use twinwire_server::test::{Client, counters, pair};
use twinwire_server::{Access, Builder, HandlerContext, Peer, Twinwire};

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

/// Answered with so many bytes.
#[derive(Serialize, Deserialize, Call)]
#[call(reply = Vec<u8>)]
struct Fill {
    bytes: u32,
}

const FILL: Kinds = kinds![Fill];

/// The bytes of an answer.
const BYTES: u32 = 100_000;

/// A client that acknowledges nothing, and the number of the last frame of the answer that it was sent.
async fn filled(server: &Server, bytes: u32) -> (Socket, Welcome, SeqNo) {
    let (mut socket, said, _) = Greeter::new("").kinds(FILL).greet(server).await;
    let welcome = said.welcome();
    let fill = Format::Postcard.encode(&Fill { bytes }, 100);
    socket.call(0, &fill.expect("it is small")).await;
    let last = |frame: &Frame<'_>| match frame {
        Frame::Reply(Reply {
            number, content, ..
        }) => match content {
            ReplyPart::First { more, .. } | ReplyPart::Further { more, .. } => {
                (!more).then_some(*number)
            }
        },
        _ => None,
    };
    let last = socket.until("the answer", last).await;
    (socket, welcome, last)
}

/// Waits until an endpoint counts the memory of so many answers, give or take a session's tolerance.
async fn holds<I>(wire: &Twinwire<Log<End>, I>, answers: usize) {
    let least = answers * BYTES as usize;
    let is_held = async {
        while !(least..least + 32 * 1024).contains(&counters(wire).memory) {
            tokio::task::yield_now().await;
        }
    };
    soon(&format!("the memory of {answers} answers"), is_held).await;
}

/// An application that logs how sessions end.
fn filling(ended: &Log<End>) -> Builder<Log<End>, ()> {
    testkit::builder(ended.clone())
        .call(|_: HandlerContext<Log<End>>, fill: Fill| async move {
            Ok(vec![0; fill.bytes as usize])
        })
        .on_close(|cx: HandlerContext<Log<End>>, end| async move { cx.state().push(end) })
}

#[tokio::test]
async fn what_a_client_is_sent_counts_as_memory_until_it_acknowledges_it() {
    let (server, wire) = testkit::serve(filling(&Log::default()));
    let (mut first, _, received) = filled(&server, BYTES).await;
    holds(&wire, 1).await;
    let _second = filled(&server, BYTES).await;
    holds(&wire, 2).await;
    let received = Some(received);
    let window = 1 << 20;
    first.send(&Frame::Ack(Ack { received, window })).await;
    holds(&wire, 1).await;
}

#[tokio::test]
async fn a_client_that_holds_little_counts_16_kib_once_it_has_no_connection() {
    let (server, wire) = testkit::serve(filling(&Log::default()));
    let (mut socket, ..) = filled(&server, 1000).await;
    socket.pongs().await;
    assert_eq!(counters(&wire).memory, 0);
    drop(socket);
    let counts = async {
        while counters(&wire).memory == 0 {
            tokio::task::yield_now().await;
        }
    };
    soon("some memory", counts).await;
    assert_eq!(counters(&wire).memory, 16 * 1024);
}

#[tokio::test]
async fn a_client_without_a_connection_makes_room_for_those_with_one() {
    let ended = Log::default();
    let budget = BYTES as usize * 3 / 2;
    let (server, wire) = testkit::serve(filling(&ended).memory_budget(budget));
    let (mut stays, ..) = filled(&server, BYTES).await;
    let (leaves, welcome, _) = filled(&server, BYTES).await;
    holds(&wire, 2).await;
    assert!(ended.events().is_empty(), "both have a connection");
    drop(leaves);
    match &ended.count(1).await[..] {
        [End::Closed(goodbye)] => assert_eq!(goodbye.code, GoodbyeCode::GoingAway),
        other => panic!("{other:?}"),
    }
    holds(&wire, 1).await;
    stays.pongs().await;
    let held = counters(&wire);
    assert_eq!((held.sessions, held.tombstones), (1, 1));
    // It learns that it was given up, and what of its had come.
    let back = Greeter::new("").kinds(FILL).wants(Some(wants(&welcome, 1)));
    let (_socket, said, _) = back.greet(&server).await;
    let continuity = said.welcome().continuity;
    assert!(
        matches!(continuity, Continuity::Evicted { received: Some(_) }),
        "{continuity:?}"
    );
}
