//! What is asked for while there is no server goes to the next.

use serde::{Deserialize, Serialize};
use testkit::{Chaos, Doors, Log, Server, soon, until};
use twinwire::{Call, Event, Kinds, Topic, kinds};
use twinwire_client_native::{
    CallError, Client, ClientState, EventError, Options, Start, Update, connect_with,
};
use twinwire_server::{Access, HandlerContext, Twinwire};

#[derive(Serialize, Deserialize, Call)]
#[call(reply = String)]
struct Ask {
    text: String,
}

#[derive(Serialize, Deserialize, Event)]
struct Say {
    text: String,
}

#[derive(Serialize, Deserialize, Topic)]
#[topic(item = String)]
struct Room {}

const KINDS: Kinds = kinds![Ask, Say, Room];

type Heard = Log<String>;

fn serve() -> (Twinwire<Heard, ()>, Server, Heard) {
    let heard = Heard::default();
    let builder = testkit::builder(heard.clone())
        .call(|cx: HandlerContext<Heard>, ask: Ask| async move {
            cx.state().push(ask.text.clone());
            Ok(ask.text)
        })
        .event(|cx: HandlerContext<Heard>, say: Say| async move { cx.state().push(say.text) })
        .topic(|_: HandlerContext<Heard>, _: Room| async { Access::publish_and_subscribe() });
    let (server, wire) = testkit::serve(builder);
    (wire, server, heard)
}

fn ask(text: &str) -> Ask {
    let text = text.to_owned();
    Ask { text }
}

fn say(text: &str) -> Say {
    let text = text.to_owned();
    Say { text }
}

async fn client(chaos: &Chaos, options: impl FnOnce(Options) -> Options) -> Client {
    let options = options(testkit::options(chaos.url("/ws"), KINDS));
    let client = soon("the welcome", connect_with(options)).await;
    client.expect("everyone is welcome")
}

/// The server is killed: nobody says goodbye.
async fn kill(chaos: &Chaos, client: &Client, server: Server) {
    chaos.doors(Doors::Closed);
    chaos.cut();
    let gone = |state: &ClientState| matches!(state, ClientState::Resuming { .. });
    soon("the loss", until(client, gone)).await;
    drop(server);
}

fn restart(chaos: &Chaos, client: &Client, next: &Server) {
    chaos.leads_to(next.addr());
    chaos.doors(Doors::Open);
    client.reconnect_now();
}

#[tokio::test]
async fn what_is_asked_for_while_the_server_restarts_goes_to_the_next_in_order() {
    let (_, server, before) = serve();
    let chaos = Chaos::to(server.addr(), 1).await;
    let options = |options: Options| {
        options.on_session_replaced(|client, _| async move {
            client.call(ask("who I am")).await.expect("an answer");
            // Nobody waits for it, and it goes first all the same.
            client
                .send(say("and where"))
                .await
                .expect("it is on its way");
        })
    };
    let client = client(&chaos, options).await;
    kill(&chaos, &client, server).await;
    let call = tokio::spawn({
        let client = client.clone();
        async move { client.call(ask("a call")).await }
    });
    let receipt = client.send(say("an event")).await.expect("it waits");
    let published = client.publish(&Room {}, "an item".to_owned()).await;
    let (wire, next, after) = serve();
    wire.publish(&Room {}, &"before".to_owned())
        .expect("published");
    restart(&chaos, &client, &next);
    assert_eq!(
        soon("the answer", call)
            .await
            .expect("no panic")
            .expect("answered"),
        "a call"
    );
    soon("the receipt", receipt).await.expect("it arrived");
    let offset = soon("the place", published.expect("it waits")).await;
    assert_eq!(offset.expect("published").get(), 2);
    let heard = after.count(4).await;
    assert_eq!(heard[..2], ["who I am", "and where"]);
    assert!(heard.contains(&"a call".to_owned()) && heard.contains(&"an event".to_owned()));
    assert_eq!(before.events(), [""; 0]);
}

#[tokio::test]
async fn a_goodbye_hands_over_what_waits_too() {
    let (wire, server, before) = serve();
    let chaos = Chaos::to(server.addr(), 1).await;
    let client = client(&chaos, |options| options).await;
    chaos.doors(Doors::Closed);
    soon("the goodbye", wire.shut_down()).await;
    drop(server);
    let receipts = (0..10).map(|number| client.try_send(say(&number.to_string())));
    let receipts: Result<Vec<_>, _> = receipts.collect();
    let (_, next, after) = serve();
    restart(&chaos, &client, &next);
    for receipt in receipts.expect("they wait") {
        soon("the receipt", receipt).await.expect("it arrived");
    }
    let expected: Vec<String> = (0..10).map(|number| number.to_string()).collect();
    assert_eq!(after.count(10).await, expected);
    assert_eq!(before.events(), [""; 0]);
}

#[tokio::test]
async fn a_topic_that_was_to_be_joined_is_joined_also_by_what_a_new_session_needs_first() {
    let (_, server, _) = serve();
    let chaos = Chaos::to(server.addr(), 1).await;
    let joined = Log::default();
    let told = joined.clone();
    let client = client(&chaos, |options| {
        options.on_session_replaced(move |client, _| {
            let told = told.clone();
            async move { told.push(client.subscribe(Room {}).await.is_ok()) }
        })
    })
    .await;
    kill(&chaos, &client, server).await;
    let subscribing = tokio::spawn({
        let client = client.clone();
        async move { client.subscribe_from(Room {}, Start::Last(5)).await }
    });
    // The driver has the join once it has what was sent after it.
    tokio::task::yield_now().await;
    let (wire, next, _) = serve();
    wire.publish(&Room {}, &"before".to_owned())
        .expect("published");
    restart(&chaos, &client, &next);
    let mut lines = soon("the room", subscribing)
        .await
        .expect("no panic")
        .expect("let in");
    assert_eq!(joined.count(1).await, [true]);
    match soon("a line", lines.next()).await {
        Some(Ok(Update::Item(line))) => assert_eq!(line.item, "before"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn without_being_wanted_it_ends_when_the_session_does() {
    let (_, server, _) = serve();
    let chaos = Chaos::to(server.addr(), 1).await;
    let client = client(&chaos, |options| options.carry_over(false)).await;
    kill(&chaos, &client, server).await;
    let receipt = client.send(say("now or never")).await.expect("it waits");
    let (_, next, after) = serve();
    restart(&chaos, &client, &next);
    let verdict = soon("the verdict", receipt).await;
    assert!(
        matches!(verdict, Err(EventError::NotReceived)),
        "{verdict:?}"
    );
    assert_eq!(after.events(), [""; 0]);
}

#[tokio::test]
async fn a_closed_client_says_that_it_is_closed() {
    let (_, server, _) = serve();
    let chaos = Chaos::to(server.addr(), 1).await;
    let client = client(&chaos, |options| options).await;
    soon("the end", client.close()).await;
    let called = client.call(ask("anything")).await;
    assert!(matches!(called, Err(CallError::Closed)), "{called:?}");
    let sent = client.send(say("anything")).await;
    assert!(matches!(sent, Err(EventError::Closed)), "{sent:?}");
    let sent = client.try_send(say("anything"));
    assert!(matches!(sent, Err(EventError::Closed)), "{sent:?}");
    let subscribed = client.subscribe(Room {}).await;
    assert!(
        matches!(subscribed, Err(CallError::Closed)),
        "{subscribed:?}"
    );
    let published = client.publish(&Room {}, String::new()).await;
    assert!(matches!(published, Err(CallError::Closed)), "{published:?}");
}

#[tokio::test]
async fn the_newest_value_of_on_fresh_goes_first_though_an_older_waits() {
    let (_, server, _) = serve();
    let chaos = Chaos::to(server.addr(), 1).await;
    let options = |options: Options| {
        options.on_session_replaced(|client, _| async move {
            let sent = client.send_latest("place", say("here")).await;
            sent.expect("it is on its way");
        })
    };
    let client = client(&chaos, options).await;
    kill(&chaos, &client, server).await;
    client.try_send(say("an event")).expect("it waits");
    let sent = client.send_latest("place", say("there")).await;
    sent.expect("it waits");
    let (_, next, after) = serve();
    restart(&chaos, &client, &next);
    assert_eq!(after.count(2).await, ["here", "an event"]);
}
