//! Sessions that begin in the place of ones that are lost.

use std::collections::HashSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use testkit::{Chaos, Doors, Log, hurry, serve, soon};
use twinwire::{Call, End, Event, GoodbyeCode, Kinds, Topic, kinds};
use twinwire_client_native::{Client, ClientState, EventError, Options, Update, connect_with};
use twinwire_server::{Access, Builder, Goodbye, HandlerContext, PeerId};

#[derive(Serialize, Deserialize, Call)]
#[call(reply = ())]
struct Login {
    name: String,
}

#[derive(Serialize, Deserialize, Event)]
struct Say {
    text: String,
}

#[derive(Serialize, Deserialize, Topic)]
#[topic(item = u64)]
struct Ticker {}

const KINDS: Kinds = kinds![Login, Say, Ticker];

/// What a server's application heard, in order, and in which session.
type Heard = Log<(PeerId, String)>;

fn builder(heard: &Heard) -> Builder<Heard, ()> {
    testkit::builder(heard.clone())
        .call(|cx: HandlerContext<Heard>, login: Login| async move {
            cx.state().push((cx.id(), login.name));
            Ok(())
        })
        .event(|cx: HandlerContext<Heard>, say: Say| async move { cx.state().push((cx.id(), say.text)) })
        .topic(|_: HandlerContext<Heard>, _: Ticker| async move { Access::subscribe() })
}

async fn client(options: Options) -> Client {
    let connected = soon("a welcome", connect_with(options)).await;
    connected.expect("everyone is welcome")
}

async fn until(client: &Client, what: &str, reached: impl Fn(&ClientState) -> bool) {
    soon(what, testkit::until(client, reached)).await;
}

async fn away(client: &Client) {
    until(client, "the loss", |state| {
        matches!(state, ClientState::Resuming { .. })
    })
    .await;
}

fn say(text: &str) -> Say {
    let text = text.to_owned();
    Say { text }
}

#[tokio::test]
async fn an_outage_longer_than_any_deadline_ends_no_subscription_and_no_work() {
    let heard = Heard::default();
    let (server, wire) = serve(builder(&heard));
    let chaos = Chaos::to(server.addr(), 1).await;
    let deadline = Duration::from_millis(200);
    let options = testkit::options(chaos.url("/ws"), KINDS)
        .limits(testkit::patient().call_deadline(deadline))
        .on_session_replaced(|client, _| async move {
            let name = "Ada".to_owned();
            client
                .call(Login { name })
                .await
                .expect("the server is there");
        });
    let client = client(options).await;
    let mut ticks = client.subscribe(Ticker {}).await.expect("let in");
    soon("the end", wire.shut_down()).await;
    drop(server);
    away(&client).await;
    let receipt = client.send(say("meanwhile")).await;
    let mut receipt = receipt.expect("it is on its way");
    // Several attempts later, and after several times the deadline.
    until(
        &client,
        "attempts",
        |state| matches!(state, ClientState::Resuming { attempt, .. } if *attempt > 2),
    )
    .await;
    assert!(futures_util::poll!(&mut receipt).is_pending());
    let (next, wire) = serve(builder(&heard));
    chaos.leads_to(next.addr());
    client.reconnect_now();
    soon("the receipt", receipt).await.expect("it arrived");
    let heard = heard.count(2).await;
    let texts: Vec<&str> = heard.iter().map(|(_, text)| &text[..]).collect();
    assert_eq!(texts, ["Ada", "meanwhile"]);
    wire.publish(&Ticker {}, &7).expect("published");
    loop {
        match soon("the tick", ticks.next()).await {
            Some(Ok(Update::NewEpoch { .. })) => {}
            Some(Ok(Update::Item(tick))) => break assert_eq!(tick.item, 7),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn sessions_that_are_lost_one_after_the_other_end_no_subscription() {
    let heard = Heard::default();
    // This server keeps no session without a connection.
    let limits = testkit::patient().resume(Duration::ZERO);
    let (server, wire) = serve(builder(&heard).limits(limits));
    let chaos = Chaos::to(server.addr(), 3).await;
    let client = client(testkit::options(chaos.url("/ws"), KINDS)).await;
    let hurrying = tokio::spawn(hurry(client.clone(), || {}));
    let mut ticks = client.subscribe(Ticker {}).await.expect("let in");
    chaos.breaks_after(300..900);
    chaos.cut();
    for number in 0..200 {
        wire.publish(&Ticker {}, &number).expect("published");
        match soon("the tick", ticks.next()).await {
            Some(Ok(Update::Item(tick))) => assert_eq!(tick.item, number),
            other => panic!("{other:?}"),
        }
    }
    assert!(chaos.cuts() > 10, "{} cuts tell too little", chaos.cuts());
    hurrying.abort();
}

#[tokio::test]
async fn nothing_goes_before_what_a_new_session_needs_first() {
    let heard = Heard::default();
    let (server, _) = serve(builder(&heard).memory_budget(0));
    let chaos = Chaos::to(server.addr(), 1).await;
    let options =
        testkit::options(chaos.url("/ws"), KINDS).on_session_replaced(|client, _| async move {
            let name = "Ada".to_owned();
            client.call(Login { name }).await.expect("an answer");
        });
    let client = client(options).await;
    let ClientState::Open { peer: first, .. } = client.state() else {
        panic!("it is open");
    };
    for _ in 0..20 {
        chaos.doors(Doors::Closed);
        chaos.cut();
        away(&client).await;
        // As much waits in the client's hands as may, and some more that finds no room.
        let hasty = "hasty".repeat(2_000);
        let mut refused = 0;
        while refused < 5 {
            match client.try_send(say(&hasty)) {
                Ok(_) => refused = 0,
                Err(EventError::Full) => refused += 1,
                Err(other) => panic!("{other}"),
            }
            tokio::task::yield_now().await;
        }
        chaos.doors(Doors::Open);
        client.reconnect_now();
        until(&client, "the way back", |state| {
            matches!(state, ClientState::Open { .. })
        })
        .await;
        // What was asked of a lost session has gone with it.
        let last = client.send(say("hasty")).await.expect("it is on its way");
        let _ = soon("a verdict", last).await;
    }
    let heard = heard.wait("a new session", |heard| {
        heard.iter().any(|(peer, _)| *peer != first)
    });
    let heard = heard.await;
    let sessions: HashSet<PeerId> = heard.iter().map(|(peer, _)| *peer).collect();
    for session in sessions.into_iter().filter(|peer| *peer != first) {
        // A server that notices the cut late lets the client go on in the session that it has.
        let mut of_session = heard.iter().filter(|(peer, _)| *peer == session);
        let begins = of_session.next().map(|(_, text)| &text[..]);
        assert!(begins == Some("Ada"), "something went before it");
        assert!(of_session.all(|(_, text)| text.starts_with("hasty")));
    }
}

#[tokio::test]
async fn who_is_closed_while_away_learns_it_when_it_comes_back() {
    let heard = Heard::default();
    let (server, wire) = serve(builder(&heard));
    let chaos = Chaos::to(server.addr(), 1).await;
    let client = client(testkit::options(chaos.url("/ws"), KINDS)).await;
    chaos.doors(Doors::Closed);
    chaos.cut();
    away(&client).await;
    let peer = wire.peers().pop().expect("its session is kept");
    peer.close(Goodbye::new(GoodbyeCode::Done, "you are out"));
    let gone = async {
        while !wire.peers().is_empty() {
            tokio::task::yield_now().await;
        }
    };
    soon("the end of the session", gone).await;
    chaos.doors(Doors::Open);
    client.reconnect_now();
    match soon("the end", client.closed()).await {
        End::Goodbye(goodbye) => assert_eq!(goodbye.reason, "you are out"),
        other => panic!("{other:?}"),
    }
}
