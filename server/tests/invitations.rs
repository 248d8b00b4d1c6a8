//! `Peer::invite` leaves no right behind that it didn't give, whatever becomes of it: a client made by hand.

mod by_hand;

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use testkit::{Log, Server, soon};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use twinwire::frame::{Frame, INVITE, JOIN, Join, LEAVE, Start};
use twinwire::{Answer, Format, Kinds, Refusal, SeqNo, Topic, kinds};
use twinwire_server::{Access, HandlerContext, Peer, Twinwire};

use by_hand::{Greeter, Socket};

#[derive(Debug, Serialize, Deserialize, Topic)]
#[topic(item = String)]
struct Room {}

const KINDS: Kinds = kinds![Room];

/// A topic that nobody may join of their own accord.
fn serve() -> (Server, Twinwire<(), ()>) {
    testkit::serve(
        testkit::builder(()).topic(|_: HandlerContext, _: Room| async { Access::none() }),
    )
}

/// A client, and what the server knows it by.
async fn client(server: &Server, wire: &Twinwire<(), ()>) -> (Socket, Peer) {
    let (socket, said, _) = Greeter::new("").kinds(KINDS).greet(server).await;
    let peer = wire.peer(said.welcome().peer);
    (socket, peer.expect("it is connected"))
}

/// Begins to put the client into the room, and waits until that has come to the client.
async fn invite(socket: &mut Socket, peer: &Peer) -> (JoinHandle<bool>, SeqNo) {
    let peer = peer.clone();
    let inviting = tokio::spawn(async move { peer.invite(&Room {}).await.is_ok() });
    (inviting, socket.called(INVITE).await)
}

/// The client asks to join.
async fn join(socket: &mut Socket) -> Result<(), Refusal> {
    let call = begin_join(socket).await;
    socket.reply(call).await
}

/// Sends a join. Returns its call.
async fn begin_join(socket: &mut Socket) -> SeqNo {
    let key = Format::Postcard.encode(&Room {}, 100).expect("it is small");
    let (kind, start) = (0, Start::Now);
    let key = key.as_slice();
    socket.call(JOIN, &Join { kind, key, start }.encode()).await
}

async fn settled(inviting: JoinHandle<bool>) -> bool {
    let settled = soon("a verdict", inviting).await;
    settled.expect("no panic")
}

/// The caller lets go, and the client has heard of that.
async fn give_up(socket: &mut Socket, inviting: JoinHandle<bool>) {
    inviting.abort();
    soon("the caller's end", inviting)
        .await
        .expect_err("it was dropped");
    socket.cancelled().await;
}

fn no_handler() -> Answer<&'static [u8]> {
    Answer::Refused(Refusal::NoHandler.into())
}

#[tokio::test]
async fn of_two_at_once_the_one_that_fails_leaves_the_other_its_right() {
    let (server, wire) = serve();
    let (mut socket, peer) = client(&server, &wire).await;
    assert_eq!(join(&mut socket).await, Err(Refusal::Denied));
    let (first, first_call) = invite(&mut socket, &peer).await;
    let (second, second_call) = invite(&mut socket, &peer).await;
    socket.answer(second_call, Answer::Value(b"")).await;
    assert!(settled(second).await);
    socket.answer(first_call, no_handler()).await;
    assert!(!settled(first).await);
    assert_eq!(join(&mut socket).await, Ok(()));
    // So does one that is given up later.
    let (third, _) = invite(&mut socket, &peer).await;
    give_up(&mut socket, third).await;
    assert_eq!(join(&mut socket).await, Ok(()));
    peer.unsubscribe(&Room {});
    socket.called(LEAVE).await;
    assert_eq!(join(&mut socket).await, Err(Refusal::Denied));
}

#[tokio::test]
async fn one_that_is_dropped_or_refused_lets_nobody_in() {
    let (server, wire) = serve();
    let (mut socket, peer) = client(&server, &wire).await;
    let (dropped, _) = invite(&mut socket, &peer).await;
    give_up(&mut socket, dropped).await;
    assert_eq!(join(&mut socket).await, Err(Refusal::Denied));
    let (refused, call) = invite(&mut socket, &peer).await;
    socket.answer(call, no_handler()).await;
    assert!(!settled(refused).await);
    assert_eq!(join(&mut socket).await, Err(Refusal::Denied));
}

#[tokio::test]
async fn who_was_quicker_than_the_caller_who_let_go_is_removed() {
    let (server, wire) = serve();
    let (mut socket, peer) = client(&server, &wire).await;
    let (dropped, _) = invite(&mut socket, &peer).await;
    assert_eq!(join(&mut socket).await, Ok(()), "the invitation lets it in");
    dropped.abort();
    let (mut is_cancelled, mut is_out) = (false, false);
    let told = |frame: &Frame<'_>| {
        is_cancelled |= matches!(frame, Frame::Cancel(_));
        is_out |= matches!(frame, Frame::Call(call) if call.kind == Some(LEAVE));
        (is_cancelled && is_out).then_some(())
    };
    socket.until("both", told).await;
    assert_eq!(join(&mut socket).await, Err(Refusal::Denied));
}

#[tokio::test]
async fn who_has_joined_of_its_own_accord_stays_when_the_caller_lets_go() {
    let builder = testkit::builder(());
    let builder = builder.topic(|_: HandlerContext, _: Room| async { Access::subscribe() });
    let (server, wire) = testkit::serve(builder);
    let (mut socket, peer) = client(&server, &wire).await;
    let (dropped, _) = invite(&mut socket, &peer).await;
    assert_eq!(join(&mut socket).await, Ok(()), "`access` lets it in");
    give_up(&mut socket, dropped).await;
    wire.publish(&Room {}, &"news".to_owned()).expect("a topic");
    let told = |frame: &Frame<'_>| match frame {
        Frame::Call(call) if call.kind == Some(LEAVE) => Some(false),
        Frame::Publication(_) => Some(true),
        _ => None,
    };
    assert!(socket.until("news", told).await, "it was removed");
}

#[tokio::test]
async fn a_join_that_is_judged_when_its_client_is_removed_is_refused() {
    let (judged, verdict) = (Log::default(), Arc::new(Semaphore::new(0)));
    let (told, may_end) = (judged.clone(), Arc::clone(&verdict));
    let builder = testkit::builder(()).topic(move |_: HandlerContext, _: Room| {
        told.push(());
        let may_end = Arc::clone(&may_end);
        async move {
            may_end.acquire().await.expect("it stays open").forget();
            Access::subscribe()
        }
    });
    let (server, wire) = testkit::serve(builder);
    let (mut socket, peer) = client(&server, &wire).await;
    let early = begin_join(&mut socket).await;
    judged.count(1).await;
    peer.unsubscribe(&Room {});
    verdict.add_permits(2);
    assert_eq!(socket.reply(early).await, Err(Refusal::Denied));
    assert_eq!(join(&mut socket).await, Ok(()), "that was asked for later");
}
