//! The first moments of a client: what the server asks of it at once, and what answers.

use serde::{Deserialize, Serialize};
use testkit::{Log, Server, soon};
use twinwire::{Call, Kinds, Refusal, Topic, kinds};
use twinwire_client_native::{CallError, Client, ConnectError, Undeclared, connect_with};
use twinwire_server::{Access, HandlerContext, Twinwire, test};

#[derive(Serialize, Deserialize, Call)]
#[call(reply = u32)]
struct Ask {
    number: u32,
}

/// A call that no client handles.
#[derive(Serialize, Deserialize, Call)]
#[call(reply = u32)]
struct Unanswered {}

#[derive(Debug, PartialEq, Serialize, Deserialize, Topic)]
#[topic(item = u32)]
struct Room {
    number: u32,
}

const KINDS: Kinds = kinds![Ask, Unanswered, Room];

/// The outcomes of the requests that `on_open` made of each client.
type Asked = Log<Result<u32, String>>;

fn wire(asked: &Asked) -> Twinwire<Asked, ()> {
    testkit::builder(asked.clone())
        .topic(|_: HandlerContext<Asked>, _: Room| async { Access::none() })
        .on_open(|cx: HandlerContext<Asked>| async move {
            let peer = cx.peer();
            let asked = peer.call(Ask { number: 20 }).await;
            let invited = peer.invite(&Room { number: 7 }).await;
            cx.state().push(match (asked, invited) {
                (Ok(number), Ok(())) => Ok(number),
                failed => Err(format!("{failed:?}")),
            });
        })
        .build()
        .expect("the kinds don't clash")
}

fn serve(wire: &Twinwire<Asked, ()>) -> Server {
    let mounted = wire.clone();
    Server::with_workers(2, move |config| {
        config.configure(mounted.at("/ws"));
    })
}

fn answer(client: &Client) -> Result<(), Undeclared> {
    client.handle(|ask: Ask| async move { Ok(ask.number + 1) })
}

async fn is_put_in(client: &Client) {
    let mut invitations = client.invitations::<Room>().expect("it is declared");
    let invited = soon("the room", invitations.next()).await;
    let (room, _) = invited.expect("it is open").expect("it may join");
    assert_eq!(room, Room { number: 7 });
}

#[tokio::test]
async fn what_on_open_asks_waits_for_the_handlers_that_follow_connect() {
    let asked = Asked::default();
    let server = serve(&wire(&asked));
    let clients = (0..200).map(|_| {
        let connecting = connect_with(testkit::options(server.url("/ws"), KINDS));
        tokio::spawn(async move {
            let client = soon("the welcome", connecting).await.expect("welcome");
            answer(&client).expect("it is declared");
            is_put_in(&client).await;
            client
        })
    });
    let clients: Vec<_> = clients.collect();
    assert_eq!(asked.count(200).await, vec![Ok(21); 200]);
    for client in clients {
        drop(client.await.expect("it was put in"));
    }
}

#[tokio::test]
async fn what_is_registered_before_the_hello_answers_the_first_call() {
    let asked = Asked::default();
    let server = serve(&wire(&asked));
    let rooms = Log::default();
    let heard = rooms.clone();
    let options = testkit::options(server.url("/ws"), KINDS).register(move |client| {
        let mut invitations = client.invitations::<Room>()?;
        let heard = heard.clone();
        tokio::spawn(async move {
            while let Some(Ok((room, _))) = invitations.next().await {
                heard.push(room.number);
            }
        });
        answer(client)
    });
    let client = soon("the welcome", connect_with(options)).await;
    let client = client.expect("welcome");
    assert_eq!(asked.count(1).await, [Ok(21)]);
    assert_eq!(rooms.count(1).await, [7]);
    // The same options serve for another client.
    drop(client);
}

#[tokio::test]
async fn what_is_registered_of_no_kind_in_the_table_is_an_error_of_connect() {
    let server = serve(&wire(&Asked::default()));
    let options = testkit::options(server.url("/ws"), kinds![Room]).register(answer);
    match soon("the error", connect_with(options)).await {
        Err(ConnectError::Undeclared(undeclared)) => assert_eq!(undeclared.kind, "Ask"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_call_that_nobody_handles_is_refused_in_the_end() {
    let refusals = Log::default();
    let builder =
        testkit::builder(refusals.clone()).on_open(|cx: HandlerContext<Log<Refusal>>| async move {
            if let Err(CallError::Refused(refused)) = cx.peer().call(Unanswered {}).await {
                cx.state().push(refused.why);
            }
        });
    let (server, wire) = testkit::serve_on(1, builder);
    let client = soon(
        "the welcome",
        connect_with(testkit::options(server.url("/ws"), KINDS)),
    )
    .await;
    let client = client.expect("welcome");
    answer(&client).expect("it is declared");
    assert_eq!(refusals.count(1).await, [Refusal::NoHandler]);
    // From now on at once.
    let peer = wire.peers().pop().expect("it is connected");
    let refused = soon("the refusal", peer.call(Unanswered {})).await;
    assert!(matches!(refused, Err(CallError::Refused(_))), "{refused:?}");
}

#[actix_web::test]
async fn a_pair_in_memory_has_its_first_turn_too() {
    let asked = Asked::default();
    let wire = wire(&asked);
    let mut clients = Vec::new();
    for _ in 0..20 {
        let client = soon("the welcome", test::pair(&wire, KINDS)).await;
        let client = client.expect("welcome");
        answer(&client).expect("it is declared");
        is_put_in(&client).await;
        clients.push(client);
    }
    assert_eq!(asked.count(20).await, vec![Ok(21); 20]);
}
