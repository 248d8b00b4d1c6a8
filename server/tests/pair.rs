//! What an application tests without sockets.

use std::sync::Arc;
use std::time::Duration;

use actix_web::test::TestRequest;
use futures_util::stream::{Stream, StreamExt};
use serde::{Deserialize, Serialize};
use testkit::{Log, soon};
use tokio::sync::Notify;
use twinwire::log::Retention;
use twinwire::{Call, DecodeError, End, Event, Format, Goodbye, GoodbyeCode, Kinds, Topic, kinds};
use twinwire_server::test::{
    CallError, ClientState, Invitations, Publication, Start, Subscription, Update, Verdict,
};
use twinwire_server::{Access, Denied, HandlerContext, Twinwire, test};

#[derive(Serialize, Deserialize, Call)]
#[call(reply = String)]
struct WhoAmI {}

#[derive(Serialize, Deserialize, Topic)]
#[topic(item = Vec<u8>)]
struct Room {}

#[derive(Serialize, Deserialize, Call)]
#[call(stream = Vec<u8>)]
struct Plenty {}

#[derive(Debug, Serialize, Deserialize, Event)]
struct Parcel(Vec<u8>);

const KINDS: Kinds = kinds![WhoAmI, Room, Parcel];

fn wire() -> Twinwire<(), String> {
    testkit::builder(())
        .authenticate(|token, request| async move {
            let cookie = request.headers().get("cookie");
            match cookie.and_then(|cookie| cookie.to_str().ok()) {
                Some("refused") => Err(Denied::new("not you")),
                Some(cookie) => Ok(cookie.to_owned()),
                None => Ok(String::from_utf8_lossy(&token).into_owned()),
            }
        })
        .call(|cx: HandlerContext<(), String>, _: WhoAmI| async move { Ok(cx.identity().clone()) })
        .topic(
            |_: HandlerContext<(), String>, _: Room| async move { Access::publish_and_subscribe() },
        )
        .build()
        .expect("the kinds don't clash")
}

#[actix_web::test]
async fn a_client_and_its_server_meet_in_memory() {
    let wire = wire();
    let options = testkit::options("", KINDS)
        .token("Ada")
        .format(Format::Json);
    let request = TestRequest::default().to_http_request();
    let ada = soon("the welcome", test::pair_with(&wire, options, request)).await;
    let ada = ada.expect("she is welcome");
    assert_eq!(ada.call(WhoAmI {}).await.expect("an answer"), "Ada");
    let nobody = soon("the welcome", test::pair(&wire, KINDS))
        .await
        .expect("a welcome");
    let mut heard = nobody.subscribe(Room {}).await.expect("everyone may");
    for number in 0..100 {
        let published = ada.publish(&Room {}, vec![number; 10_000]).await;
        published
            .expect("it is on its way")
            .await
            .expect("published");
        match soon("an item", heard.next()).await {
            Some(Ok(Update::Item(publication))) => assert_eq!(publication.item[0], number),
            other => panic!("{other:?}"),
        }
    }
    soon("the end", ada.close()).await;
    assert_eq!(wire.peers().len(), 1);
    drop((nobody, heard));
}

#[actix_web::test]
async fn what_waits_for_room_at_the_server_goes_out_before_its_goodbye() {
    let wire = wire();
    let client = soon("the welcome", test::pair(&wire, KINDS)).await;
    let client = client.expect("a welcome");
    let mut parcels = client.events::<Parcel>().expect("it is declared");
    let peer = wire.peers().pop().expect("one is connected");
    let all_asked = async {
        for number in 0..100 {
            let sent = peer.send(Parcel(vec![number; 100_000])).await;
            sent.expect("it is on its way");
        }
        peer.close(Goodbye::new(GoodbyeCode::Done, "that was all"));
    };
    let all_heard = async {
        for number in 0..100 {
            match soon("a parcel", parcels.next()).await {
                Some(Ok(Parcel(parcel))) => assert_eq!(parcel[0], number),
                other => panic!("{number}: {other:?}"),
            }
        }
    };
    tokio::join!(all_asked, all_heard);
    match soon("the end", client.closed()).await {
        End::Goodbye(goodbye) => assert_eq!(goodbye.reason, "that was all"),
        other => panic!("{other:?}"),
    }
}

/// A handler whose item waits counts twice: beside it the item is held.
#[actix_web::test]
async fn handlers_at_work_and_items_that_wait_are_counted() {
    let builder =
        testkit::builder(()).stream(|_: HandlerContext, _: Plenty, mut sender| async move {
            for _ in 0..1000 {
                sender.send(vec![0; 100_000]).await;
            }
            Ok(())
        });
    let wire = builder.build().expect("the kinds don't clash");
    let client = soon("the welcome", test::pair(&wire, kinds![Plenty])).await;
    let client = client.expect("a welcome");
    assert_eq!(test::counters(&wire).handlers, 0);
    let items = client.stream(Plenty {}).await.expect("it begins");
    assert_eq!(format!("{items:?}"), "Items { ended: false, .. }");
    let all_wait = async {
        while test::counters(&wire).handlers < 2 {
            tokio::task::yield_now().await;
        }
    };
    soon("an item that waits for room", all_wait).await;
    drop(items);
    let all_gone = async {
        while test::counters(&wire).handlers > 0 {
            tokio::task::yield_now().await;
        }
    };
    soon("the end of the handler", all_gone).await;
}

#[actix_web::test]
async fn an_item_that_waited_for_room_goes_out_and_so_do_those_after_it() {
    let builder =
        testkit::builder(()).stream(|_: HandlerContext, _: Plenty, mut sender| async move {
            for number in 0..100 {
                sender.send(vec![number; 100_000]).await;
            }
            Ok(())
        });
    let wire = builder.build().expect("the kinds don't clash");
    let client = soon("the welcome", test::pair(&wire, kinds![Plenty])).await;
    let client = client.expect("a welcome");
    let mut items = client.stream(Plenty {}).await.expect("it begins");
    for number in 0..100 {
        match soon("an item", items.next()).await {
            Some(Ok(item)) => assert_eq!(item[0], number),
            other => panic!("{number}: {other:?}"),
        }
    }
    assert_eq!(soon("the end", items.next()).await, None);
}

#[actix_web::test]
async fn the_oldest_item_of_a_log_is_told() {
    let builder = testkit::builder(()).retention(Retention::default().entries(2));
    let builder =
        builder.topic(|_: HandlerContext, _: Room| async { Access::publish_and_subscribe() });
    let wire = builder.build().expect("the kinds don't clash");
    assert_eq!(test::oldest(&wire, &Room {}), None);
    for (published, oldest) in [(1, 1), (2, 1), (3, 2), (4, 3)] {
        let offset = wire.publish(&Room {}, &vec![0]).expect("it fits");
        let told = test::oldest(&wire, &Room {}).expect("there is a log");
        assert_eq!((offset.get(), told.offset.get()), (published, oldest));
    }
}

#[actix_web::test]
async fn accepted_events_are_handled_though_their_worker_stands_still_for_longer_than_they_have() {
    let second = Duration::from_secs(1);
    let (opened, told) = (Log::default(), Log::default());
    let (opens, tells) = (opened.clone(), told.clone());
    let wire = testkit::builder(())
        .limits(testkit::patient().call_deadline(second))
        .on_open(move |_: HandlerContext| {
            opens.push(());
            tokio::time::sleep(second / 2)
        })
        .event(move |_: HandlerContext, Parcel(parcel): Parcel| {
            tells.push(parcel);
            async {}
        })
        .build()
        .expect("the kinds don't clash");
    let client = soon("the welcome", test::pair(&wire, KINDS)).await;
    let client = client.expect("a welcome");
    opened.count(1).await;
    tokio::time::pause();
    for number in [1, 2] {
        let sent = client.send(Parcel(vec![number])).await;
        let accepted = sent.expect("there is room").await;
        accepted.expect("the server has it");
    }
    // `on_open` has ended in time: the session learns that after the events' time.
    tokio::time::advance(3 * second).await;
    assert_eq!(soon("both", told.count(2)).await, [[1], [2]]);
}

#[actix_web::test]
async fn requests_that_wait_for_on_open_are_counted() {
    let may_open = Arc::new(Notify::new());
    let gate = Arc::clone(&may_open);
    let builder = testkit::builder(()).on_open(move |_: HandlerContext| {
        let gate = Arc::clone(&gate);
        async move { gate.notified().await }
    });
    let builder = builder.call(|_: HandlerContext, _: WhoAmI| async move { Ok("Ada".to_owned()) });
    let wire = builder.build().expect("the kinds don't clash");
    let client = soon("the welcome", test::pair(&wire, kinds![WhoAmI])).await;
    let client = client.expect("a welcome");
    let opens = async {
        while test::counters(&wire).waiting < 1 {
            tokio::task::yield_now().await;
        }
        may_open.notify_one();
    };
    let both = async { tokio::join!(client.call(WhoAmI {}), opens) };
    let (answer, ()) = soon("the answer", both).await;
    assert_eq!(answer.as_deref(), Ok("Ada"));
    assert_eq!(test::counters(&wire).waiting, 0);
}

/// Returns the next item, by the trait's way.
async fn next<S: Stream + Unpin>(what: &str, from: &mut S) -> Option<S::Item> {
    soon(what, StreamExt::next(from)).await
}

#[actix_web::test]
async fn what_a_handle_hears_is_a_stream_that_ends_with_the_client() {
    let wire = wire();
    let client = soon("the welcome", test::pair(&wire, KINDS)).await;
    let client = client.expect("a welcome");
    let mut states = client.states();
    let state = next("a state", &mut states).await;
    assert!(matches!(state, Some(ClientState::Open { .. })), "{state:?}");
    let mut parcels = client.events::<Parcel>().expect("it is declared");
    let mut room = client.subscribe(Room {}).await.expect("everyone may");
    let peer = wire.peers().pop().expect("one is connected");
    let sent = peer.send(Parcel(vec![7])).await;
    sent.expect("it is on its way");
    let parcel = next("the parcel", &mut parcels).await;
    assert!(matches!(parcel, Some(Ok(Parcel(parcel))) if parcel == [7]));
    wire.publish(&Room {}, &vec![8]).expect("it fits");
    let item = next("the item", &mut room).await;
    assert!(matches!(item, Some(Ok(Update::Item(item))) if item.item == [8]));
    soon("the end", client.close()).await;
    let state = next("the last state", &mut states).await;
    assert!(matches!(state, Some(ClientState::Closed(_))), "{state:?}");
    drop(client);
    assert!(next("the end of states", &mut states).await.is_none());
    assert!(next("the end of parcels", &mut parcels).await.is_none());
    assert!(next("the end of items", &mut room).await.is_none());
}

/// Payloads and tokens are in no log.
#[actix_web::test]
async fn handles_print_what_they_are_and_neither_payloads_nor_tokens() {
    let wire = wire();
    let options = testkit::options("ws://there", KINDS).token("not to be shown");
    assert!(format!("{options:?}").starts_with("Options { url: \"ws://there\", "));
    assert!(!format!("{options:?}").contains("shown"));
    let request = TestRequest::default().to_http_request();
    let client = soon("the welcome", test::pair_with(&wire, options, request)).await;
    let client = client.expect("a welcome");
    assert!(format!("{client:?}").starts_with("Client { state: Open { "));
    let room = client.subscribe(Room {}).await.expect("everyone may");
    assert!(format!("{room:?}").starts_with("Subscription { next: "));
    let events = client.events::<Parcel>().expect("it is declared");
    assert_eq!(format!("{events:?}"), "Events { .. }");
    let invitations = client.invitations::<Room>().expect("it is declared");
    assert_eq!(format!("{invitations:?}"), "Invitations { .. }");
    let mut inbox = client.inbox();
    assert_eq!(format!("{inbox:?}"), "Inbox { .. }");
    let peer = wire.peers().pop().expect("one is connected");
    let sent = peer.send(Parcel(b"secret".to_vec())).await;
    sent.expect("it is on its way");
    let event = soon("the parcel", inbox.next()).await.expect("it comes");
    assert_eq!(format!("{event:?}"), "AnyEvent { name: \"Parcel\", .. }");
}

#[actix_web::test]
async fn errors_are_compared() {
    let wire = wire();
    let client = soon("the welcome", test::pair(&wire, KINDS)).await;
    let client = client.expect("a welcome");
    assert_eq!(client.call(WhoAmI {}).await, Ok(String::new()));
    client.close().await;
    assert_eq!(client.call(WhoAmI {}).await, Err(CallError::Closed));
    let numbers = Format::Json.decode::<u8>(b"1x").err();
    assert_eq!(numbers, Some(DecodeError::Trailing));
    let texts = [&b"x"[..], b"x", b"[]"].map(|text| Format::Json.decode::<u8>(text));
    assert!(texts[0] == texts[1] && texts[1] != texts[2], "{texts:?}");
}

#[actix_web::test]
async fn the_handshake_is_the_tests_to_make() {
    let request = TestRequest::default().insert_header(("cookie", "refused"));
    let options = testkit::options("", KINDS);
    match test::pair_with(&wire(), options, request.to_http_request()).await {
        Err(error) => assert_eq!((error.is_denied(), error.reason()), (true, Some("not you"))),
        other => panic!("{other:?}"),
    }
}

#[actix_web::test]
async fn authenticate_sees_the_token_the_headers_and_the_address_that_a_test_gives() {
    let wire = testkit::builder(())
        .authenticate(|token, request| async move {
            let language = request.headers().get("accept-language").cloned();
            let address = request.peer_addr().map(|address| address.ip());
            match (&token[..], address) {
                (b"let me in", Some(address)) => Ok(format!("{language:?} at {address}")),
                _ => Err(Denied::new("not you")),
            }
        })
        .call(|cx: HandlerContext<(), String>, _: WhoAmI| async move { Ok(cx.identity().clone()) })
        .build()
        .expect("the kinds don't clash");
    let request = || {
        let request = TestRequest::default().insert_header(("accept-language", "en"));
        let address = ([192, 0, 2, 7], 4321).into();
        request.peer_addr(address).to_http_request()
    };
    let options = testkit::options("", KINDS).token("let me in");
    let client = soon("the welcome", test::pair_with(&wire, options, request())).await;
    let client = client.expect("the token is right");
    let seen = client.call(WhoAmI {}).await.expect("an answer");
    assert_eq!(seen, r#"Some("en") at 192.0.2.7"#);

    let options = testkit::options("", KINDS).token("open");
    let refused = soon("no welcome", test::pair_with(&wire, options, request())).await;
    assert!(
        matches!(&refused, Err(test::ConnectError::NotWelcomed(_))),
        "{refused:?}"
    );
}

#[actix_web::test]
async fn a_topic_is_tested_by_what_the_feature_brings() {
    let wire = wire();
    for number in 1..=3 {
        wire.publish(&Room {}, &vec![number]).expect("it is small");
    }
    let client = soon("the welcome", test::pair(&wire, KINDS)).await;
    let client = client.expect("everyone is welcome");
    let mut invitations: Invitations<Room> = client.invitations().expect("it is declared");
    let mut heard: Subscription<Room> = client
        .subscribe_from(Room {}, Start::Last(2))
        .await
        .expect("everyone may");
    assert_eq!(heard.verdict(), Verdict::Begun);
    for number in 2..=3 {
        match soon("an item", heard.next()).await {
            Some(Ok(Update::Item(Publication { item, .. }))) => assert_eq!(item, [number]),
            other => panic!("{other:?}"),
        }
    }
    drop(heard);
    let peer = wire.peers().pop().expect("it is connected");
    soon("the join", peer.invite(&Room {}))
        .await
        .expect("taken");
    let joined = soon("the invitation", invitations.next()).await;
    assert!(matches!(joined, Some(Ok(_))));
    let state: Option<ClientState> = client.states().next().await;
    assert!(matches!(state, Some(ClientState::Open { .. })), "{state:?}");
}
