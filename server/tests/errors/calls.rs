//! What becomes of calls and events.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use testkit::soon;
use twinwire::shape::{Descriptor, Shape};
use twinwire::{Call, End, Event, Goodbye, GoodbyeCode, Kinds, kinds};
use twinwire_client_native::{CallError, Client, EventError, Undeclared};
use twinwire_server::{Builder, HandlerContext, Peer, Twinwire, test};

use crate::listed::{List, listed};
use crate::protocol::Odd;

#[derive(Debug, Serialize, Deserialize, Call)]
#[call(reply = String, error = String)]
struct Greet {
    name: String,
}

/// Has no end.
#[derive(Serialize, Deserialize, Call)]
struct Wait {}

/// Is answered by what can't be read.
#[derive(Serialize, Deserialize, Call)]
#[call(reply = Puzzle)]
struct Ask {}

#[derive(Debug, Serialize, Deserialize, Event)]
struct Typing {
    room: String,
}

#[derive(Serialize, Deserialize, Call)]
struct Join {
    room: String,
}

mod other {
    use super::*;

    #[derive(Serialize, Deserialize, Call)]
    pub(super) struct Join {
        pub(super) room: u32,
    }
}

#[derive(Debug, Serialize, Deserialize, Event)]
struct Draw {}

/// Is in no table.
#[derive(Debug, Serialize, Deserialize, Event)]
struct Stranger {}

/// Is written and can't be read.
#[derive(Debug)]
struct Puzzle;

impl Serialize for Puzzle {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(1)
    }
}

impl<'de> Deserialize<'de> for Puzzle {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Odd::deserialize(deserializer).map(|_| Self)
    }
}

impl Shape for Puzzle {
    const SHAPE: &'static Descriptor = u8::SHAPE;
}

const KINDS: Kinds = kinds![Greet, Wait, Ask, Typing, Draw, other::Join];

fn builder() -> Builder<(), ()> {
    testkit::builder(())
        .call(|_: HandlerContext, greet: Greet| async move {
            Err::<String, _>(format!("no {}", greet.name))
        })
        .call(|_: HandlerContext, _: Wait| std::future::pending())
        .call(|_: HandlerContext, _: Ask| async { Ok(Puzzle) })
        .call(|_: HandlerContext, _: Join| async { Ok(()) })
        .event(|_: HandlerContext, _: Draw| async {})
}

async fn client(wire: &Twinwire<(), ()>) -> Client {
    let limits = testkit::patient().call_deadline(Duration::from_secs(5));
    let options = testkit::options("", KINDS).limits(limits);
    let request = actix_web::test::TestRequest::default().to_http_request();
    let client = soon("the welcome", test::pair_with(wire, options, request)).await;
    client.expect("everyone is welcome")
}

pub(crate) async fn list(list: &mut List) {
    list.heading("twinwire-remote");
    // Nobody waits in earnest.
    tokio::time::pause();
    let wire = builder().build().expect("the kinds don't clash");
    let peer_wire = wire.clone();
    let client = client(&wire).await;
    let peer = peer_wire.peers().pop().expect("the client is there");
    answers(list, &client, &peer).await;
    undeclared(list, &client).await;
    events(list, &client).await;
    endings(list, &client, &peer).await;
    tokio::time::resume();
}

async fn answers(list: &mut List, client: &Client, peer: &Peer) {
    let name = String::from("Ada");
    let app = client.call(Greet { name }).await.expect_err("an error");
    listed!(list, CallError::App(_), "the handler's own error", app);
    let differs = client
        .call(other::Join { room: 1 })
        .await
        .expect_err("it differs");
    listed!(
        list,
        CallError::Refused(_),
        "a kind that the server has otherwise",
        differs
    );
    let name = String::new();
    let unhandled = peer.call(Greet { name }).await.expect_err("no handler");
    listed!(
        list,
        CallError::Refused(_),
        "the server calls a client without a handler",
        unhandled
    );
    let late = client.call(Wait {}).await.expect_err("it has no end");
    listed!(list, CallError::Deadline, "a handler that has no end", late);
    let name = "x".repeat(20 << 20);
    let large = client.call(Greet { name }).await.expect_err("it is large");
    listed!(list, CallError::Encode(_), "a request of 20 MiB", large);
    let puzzle = client.call(Ask {}).await.expect_err("it can't be read");
    listed!(
        list,
        CallError::Decode(_),
        "a reply whose Deserialize fails",
        puzzle
    );
}

async fn undeclared(list: &mut List, client: &Client) {
    let undeclared = client
        .send(Stranger {})
        .await
        .expect_err("it isn't declared");
    listed!(
        list,
        EventError::Undeclared(_),
        "an event that isn't in kinds![]",
        undeclared
    );
    let undeclared = Undeclared::of::<Stranger>();
    let call = CallError::<String>::Undeclared(undeclared);
    listed!(
        list,
        CallError::Undeclared(_),
        "a call that isn't in kinds![]",
        call
    );
    list.add(
        "Undeclared",
        "a listener to what isn't in kinds![]",
        &undeclared,
    );
}

async fn endings(list: &mut List, client: &Client, peer: &Peer) {
    let unknown = async {
        let error = client.call(Wait {}).await.expect_err("the session ends");
        listed!(
            list,
            CallError::Unknown,
            "the server stops meanwhile",
            error
        );
    };
    let going = async {
        tokio::task::yield_now().await;
        peer.close(Goodbye::new(GoodbyeCode::Done, "bye"));
        let end = client.closed().await;
        assert!(matches!(end, End::Goodbye(_)), "{end:?}");
    };
    futures_util::future::join(unknown, going).await;
    let closed = client.call(Wait {}).await.expect_err("it is closed");
    listed!(list, CallError::Closed, "a call on a closed client", closed);
    let closed = client.send(Draw {}).await.expect_err("it is closed");
    listed!(
        list,
        EventError::Closed,
        "an event on a closed client",
        closed
    );
    // The server's death can't be timed so.
    lost(list);
}

fn lost(list: &mut List) {
    let gone = CallError::<String>::NotReceived;
    listed!(
        list,
        CallError::NotReceived,
        "the session was lost before it went out",
        gone
    );
    listed!(
        list,
        EventError::NotReceived,
        "the session was lost before it went out",
        EventError::NotReceived
    );
    listed!(
        list,
        EventError::Unknown,
        "the server was killed meanwhile",
        EventError::Unknown
    );
}

async fn events(list: &mut List, client: &Client) {
    let room = String::from("lobby");
    let unhandled = client
        .send(Typing { room })
        .await
        .expect_err("nobody takes it");
    listed!(
        list,
        EventError::Refused(_),
        "an event without a handler at the server",
        unhandled
    );
    let room = "x".repeat(20 << 20);
    let large = client.send(Typing { room }).await.expect_err("it is large");
    listed!(list, EventError::Encode(_), "an event of 20 MiB", large);
    listed!(
        list,
        EventError::Full,
        "try_send, while 16 wait",
        EventError::Full
    );
}
