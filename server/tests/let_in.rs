//! The server puts its clients into topics, from anywhere in the application.

use serde::{Deserialize, Serialize};
use testkit::{Server, soon};
use twinwire::{Kinds, Never, Refusal, Topic, kinds};
use twinwire_client_native::{CallError, Client, ClientState, Subscription, Update, connect_with};
use twinwire_server::{Access, HandlerContext, Peer, Twinwire};

#[derive(Debug, Serialize, Deserialize, Topic)]
#[topic(item = String, also = older::Room)]
struct Room {
    number: u32,
}

/// The server doesn't open these.
#[derive(Serialize, Deserialize, Topic)]
#[topic(item = String)]
struct Attic {}

mod older {
    use super::*;

    #[derive(Debug, Serialize, Deserialize, Topic)]
    #[topic(item = String)]
    pub(super) struct Room {
        pub(super) number: u8,
    }

    pub(super) const KINDS: Kinds = kinds![Room];
}

impl From<older::Room> for Room {
    fn from(older: older::Room) -> Self {
        let number = older.number.into();
        Self { number }
    }
}

const KINDS: Kinds = kinds![Attic, Room];

fn serve() -> (Server, Twinwire<(), ()>) {
    let builder = testkit::builder(()).topic(|_: HandlerContext, _: Room| async { Access::none() });
    testkit::serve(builder)
}

/// A client, and what the server knows it by.
async fn client(server: &Server, wire: &Twinwire<(), ()>, kinds: Kinds) -> (Client, Peer) {
    let client = soon(
        "the welcome",
        connect_with(testkit::options(server.url("/ws"), kinds)),
    )
    .await;
    let client = client.expect("everyone is welcome");
    let ClientState::Open { peer, .. } = client.state() else {
        panic!("{:?}", client.state());
    };
    let peer = wire.peer(peer).expect("it is connected");
    (client, peer)
}

async fn put<T: Topic>(peer: &Peer, topic: &T) -> Result<(), Refusal> {
    let put: Result<(), CallError<Never>> = soon("an answer", peer.invite(topic)).await;
    put.map_err(|error| match error {
        CallError::Refused(refused) => refused.why,
        other => panic!("{other:?}"),
    })
}

async fn hear(lines: &mut Subscription<Room>) -> String {
    match soon("a line", lines.next()).await {
        Some(Ok(Update::Item(heard))) => heard.item,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn who_is_put_in_hears_what_was_published_since_and_others_do_not() {
    let (server, wire) = serve();
    let (ada, peer) = client(&server, &wire, KINDS).await;
    let (bob, _) = client(&server, &wire, KINDS).await;
    let room = |number| Room { number };
    let say = |number, text: &str| {
        let said = wire.publish(&room(number), &text.to_owned());
        said.expect("it is registered")
    };
    say(1, "before");
    let mut invitations = ada.invitations::<Room>().expect("it is declared");
    // The driver has it by then.
    assert!(ada.ping().await.is_some());
    for number in [1, 2] {
        assert_eq!(put(&peer, &room(number)).await, Ok(()));
        say(number, &format!("in {number}"));
    }
    let mut rooms = Vec::new();
    for number in [1, 2] {
        let joined = soon("the room", invitations.next())
            .await
            .expect("it is open");
        let (to, lines) = joined.expect("the server wants it");
        assert_eq!(to.number, number);
        rooms.push(lines);
    }
    assert!(bob.subscribe(room(1)).await.is_err(), "nobody put it in");
    assert_eq!(hear(&mut rooms[0]).await, "in 1");
    assert_eq!(hear(&mut rooms[1]).await, "in 2");
    peer.unsubscribe(&room(1));
    peer.unsubscribe(&room(3));
    say(1, "after");
    say(2, "after");
    assert!(soon("the end", rooms[0].next()).await.is_none());
    assert_eq!(hear(&mut rooms[1]).await, "after");
    assert!(ada.subscribe(room(1)).await.is_err(), "it was removed");
}

#[tokio::test]
async fn what_can_not_be_joined_is_refused() {
    let (server, wire) = serve();
    let (ada, peer) = client(&server, &wire, KINDS).await;
    let room = Room { number: 1 };
    assert_eq!(put(&peer, &room).await, Err(Refusal::NoHandler));
    assert_eq!(put(&peer, &Attic {}).await, Err(Refusal::UnknownKind));
    let invitations = ada.invitations::<Room>().expect("it is declared");
    assert!(ada.ping().await.is_some());
    for _ in 0..64 {
        assert_eq!(put(&peer, &room).await, Ok(()));
    }
    assert_eq!(put(&peer, &room).await, Err(Refusal::Busy));
    drop(invitations);
    assert_eq!(put(&peer, &room).await, Err(Refusal::NoHandler));

    let (then, peer) = client(&server, &wire, older::KINDS).await;
    let mut invitations = then.invitations::<older::Room>().expect("it is declared");
    assert_eq!(put(&peer, &room).await, Err(Refusal::KindDiffers));
    drop(peer);
    then.close().await;
    assert!(invitations.next().await.is_none());

    ada.close().await;
}
