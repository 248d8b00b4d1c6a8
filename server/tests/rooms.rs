//! Topics over real sockets: rooms, their logs, and who may do what there.

use serde::{Deserialize, Serialize};
use testkit::{Server, serve, soon};
use twinwire::log::Retention;
use twinwire::{Event, Format, Kinds, Never, Refusal, Shape, Topic, kinds};
use twinwire_client_native::{
    CallError, Client, Start, Subscription, Update, Verdict, connect_with,
};
use twinwire_server::{Access, Builder, HandlerContext, PublishError};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Topic)]
#[topic(item = Line)]
struct Room {
    name: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Shape)]
struct Line {
    from: u64,
    text: String,
}

/// A topic that the server doesn't open.
#[derive(Serialize, Deserialize, Topic)]
#[topic(item = u8)]
struct Attic {}

#[derive(Serialize, Deserialize, Event)]
struct Unused {}

const KINDS: Kinds = kinds![Unused, Room, Attic];

fn room(name: &str) -> Room {
    let name = name.to_owned();
    Room { name }
}

fn line(from: u64, text: &str) -> Line {
    let text = text.to_owned();
    Line { from, text }
}

fn builder() -> Builder<(), ()> {
    testkit::builder(()).topic(|_: HandlerContext, room: Room| async move {
        match room.name.as_str() {
            "news" => Access::subscribe(),
            "box" => Access::publish(),
            "cellar" => Access::none(),
            _ => Access::publish_and_subscribe(),
        }
    })
}

async fn client(server: &Server) -> Client {
    soon(
        "the welcome",
        connect_with(testkit::options(server.url("/ws"), KINDS)),
    )
    .await
    .expect("everyone is welcome")
}

async fn join(client: &Client, name: &str) -> Subscription<Room> {
    soon("the join", client.subscribe(room(name)))
        .await
        .expect("everyone may")
}

async fn hear(lines: &mut Subscription<Room>) -> Line {
    match soon("a line", lines.next()).await {
        Some(Ok(Update::Item(publication))) => publication.item,
        other => panic!("{other:?}"),
    }
}

fn refusal<T: std::fmt::Debug>(outcome: Result<T, CallError<Never>>) -> Refusal {
    match outcome {
        Err(CallError::Refused(refused)) => refused.why,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_postcard_client_and_a_json_client_meet_in_one_room_and_hear_one_order() {
    let (server, wire) = serve(builder());
    let mut clients = Vec::new();
    for format in [
        Format::Postcard,
        Format::Json,
        Format::Postcard,
        Format::Json,
    ] {
        let options = testkit::options(server.url("/ws"), KINDS).format(format);
        let client = soon("the welcome", connect_with(options)).await.unwrap();
        let lines = join(&client, "lobby").await;
        clients.push((client, lines));
    }
    let talk = (0..4).map(|from| {
        let client = clients[from as usize].0.clone();
        tokio::spawn(async move {
            for number in 0..200 {
                let said = line(from, &number.to_string());
                let published = client.publish(&room("lobby"), said).await.unwrap();
                if number == 199 {
                    soon("the last place", published).await.unwrap();
                }
            }
        })
    });
    let talk: Vec<_> = talk.collect();
    for number in 0..200 {
        wire.publish(&room("lobby"), &line(4, &number.to_string()))
            .unwrap();
    }
    let mut heard = Vec::new();
    for (_, lines) in &mut clients {
        let mut all = Vec::new();
        for _ in 0..1000 {
            all.push(hear(lines).await);
        }
        heard.push(all);
    }
    for talk in talk {
        talk.await.unwrap();
    }
    assert!(
        heard.iter().all(|all| *all == heard[0]),
        "one order for all"
    );
    for from in 0..=4 {
        let of_one = heard[0].iter().filter(|line| line.from == from);
        let numbers: Vec<u32> = of_one.map(|line| line.text.parse().unwrap()).collect();
        assert!(numbers.into_iter().eq(0..200), "each publisher's own order");
    }
}

#[tokio::test]
async fn who_comes_late_hears_what_it_asks_for_and_learns_what_is_lost() {
    let (server, wire) = serve(builder().retention(Retention::default().entries(10)));
    let client = client(&server).await;
    let say = |number: u32| wire.publish(&room("lobby"), &line(0, &number.to_string()));
    for number in 1..=5 {
        say(number).unwrap();
    }
    let last = Start::Last(2);
    let mut lines = client.subscribe_from(room("lobby"), last).await.unwrap();
    assert_eq!(hear(&mut lines).await.text, "4");
    let back = lines.position();
    drop(lines);
    for number in 6..=8 {
        say(number).unwrap();
    }
    let at = Start::At(back);
    let mut lines = client.subscribe_from(room("lobby"), at).await.unwrap();
    assert_eq!(lines.verdict(), Verdict::Recovered);
    for number in 5..=8 {
        assert_eq!(hear(&mut lines).await.text, number.to_string());
    }
    drop(lines);
    for number in 9..=40 {
        say(number).unwrap();
    }
    let mut lines = client.subscribe_from(room("lobby"), at).await.unwrap();
    assert_eq!(lines.verdict(), Verdict::Gap);
    assert_eq!(hear(&mut lines).await.text, "31");
    drop(lines);
    let at = Start::At(twinwire::Position {
        epoch: twinwire::Epoch::from_bytes([0; 8]),
        ..back
    });
    let lines = client.subscribe_from(room("lobby"), at).await.unwrap();
    assert_eq!(lines.verdict(), Verdict::NewEpoch);
}

#[tokio::test]
async fn a_subscriber_that_does_not_read_is_told_the_gap_and_delays_nobody() {
    let (server, wire) = serve(builder());
    let (slow, quick) = (client(&server).await, client(&server).await);
    let mut unread = join(&slow, "lobby").await;
    let mut read = join(&quick, "lobby").await;
    let text = "x".repeat(1000);
    for number in 0..2000 {
        wire.publish(&room("lobby"), &line(number, &text)).unwrap();
        assert_eq!(hear(&mut read).await.from, number);
    }
    let (mut heard, mut lost) = (0, 0);
    while heard + lost < 2000 {
        match soon("an update", unread.next()).await {
            Some(Ok(Update::Item(publication))) => {
                assert_eq!(publication.item.from, heard + lost);
                heard += 1;
            }
            Some(Ok(Update::Gap { from, to })) => lost += to.get() - from.get(),
            other => panic!("{other:?}"),
        }
    }
    // A window and a log of 256 KiB each, at 1,066 bytes and more an entry.
    assert!((400..520).contains(&heard), "{heard} heard, {lost} lost");
}

#[tokio::test]
async fn the_application_decides_who_hears_and_who_speaks() {
    let (server, wire) = serve(builder());
    let client = client(&server).await;
    let publish = |name: &str| {
        let (client, room) = (client.clone(), room(name));
        async move {
            soon(
                "the place",
                client.publish(&room, line(0, "")).await.unwrap(),
            )
            .await
        }
    };
    assert_eq!(refusal(publish("news").await), Refusal::Denied);
    assert_eq!(refusal(publish("cellar").await), Refusal::Denied);
    assert_eq!(publish("box").await.unwrap().get(), 1);
    assert_eq!(publish("box").await.unwrap().get(), 2);
    assert_eq!(
        refusal(client.subscribe(room("box")).await),
        Refusal::Denied
    );
    assert_eq!(
        refusal(client.subscribe(room("cellar")).await),
        Refusal::Denied
    );
    let mut news = join(&client, "news").await;
    wire.publish(&room("news"), &line(1, "extra")).unwrap();
    assert_eq!(hear(&mut news).await.text, "extra");
}

#[tokio::test]
async fn what_is_no_topic_or_too_large_is_refused() {
    let (server, wire) = serve(builder());
    let client = client(&server).await;
    let long = "x".repeat(255);
    assert_eq!(
        refusal(client.subscribe(room(&long)).await),
        Refusal::TooLarge
    );
    assert_eq!(
        refusal(client.subscribe(Attic {}).await),
        Refusal::UnknownKind
    );
    assert_eq!(
        refusal(client.publish(&Attic {}, 1).await),
        Refusal::UnknownKind
    );
    let text = "x".repeat(40_000);
    let large = client.publish(&room("lobby"), line(0, &text)).await;
    assert_eq!(refusal(large.unwrap().await), Refusal::TooLarge);
    let too_large = wire.publish(&room("lobby"), &line(0, &text));
    assert!(matches!(too_large, Err(PublishError::ItemTooLarge(_))));
    let too_long = wire.publish(&room(&long), &line(0, ""));
    assert!(matches!(too_long, Err(PublishError::KeyTooLong)));
    let unknown = wire.publish(&Attic {}, &1);
    assert!(matches!(
        unknown,
        Err(PublishError::NotRegistered { name: "Attic" })
    ));
}

#[tokio::test]
async fn handles_share_one_subscription_and_the_last_one_leaves() {
    let limits = testkit::patient().subscriptions(1);
    let (server, wire) = serve(builder().limits(limits));
    let client = client(&server).await;
    let mut first = join(&client, "lobby").await;
    wire.publish(&room("lobby"), &line(0, "for one")).unwrap();
    assert_eq!(hear(&mut first).await.text, "for one");
    let mut second = join(&client, "lobby").await;
    assert_eq!(second.position(), first.position());
    wire.publish(&room("lobby"), &line(0, "for both")).unwrap();
    assert_eq!(hear(&mut first).await.text, "for both");
    assert_eq!(hear(&mut second).await.text, "for both");
    assert_eq!(
        refusal(client.subscribe(room("other")).await),
        Refusal::Busy
    );
    drop(first);
    wire.publish(&room("lobby"), &line(0, "for the rest"))
        .unwrap();
    assert_eq!(hear(&mut second).await.text, "for the rest");
    drop(second);
    let mut other = join(&client, "other").await;
    wire.publish(&room("lobby"), &line(0, "for nobody"))
        .unwrap();
    wire.publish(&room("other"), &line(0, "elsewhere")).unwrap();
    assert_eq!(hear(&mut other).await.text, "elsewhere");
}

#[tokio::test]
async fn all_but_one_hear_what_is_for_all_but_one() {
    let (server, wire) = serve(builder());
    let (one, other) = (client(&server).await, client(&server).await);
    let mut of_one = join(&one, "lobby").await;
    let mut of_other = join(&other, "lobby").await;
    let twinwire_client_native::ClientState::Open { peer, .. } = one.state() else {
        panic!("{:?}", one.state())
    };
    wire.publish_except(&room("lobby"), &line(0, "not for one"), peer)
        .unwrap();
    wire.publish(&room("lobby"), &line(0, "for all")).unwrap();
    assert_eq!(hear(&mut of_other).await.text, "not for one");
    assert_eq!(hear(&mut of_other).await.text, "for all");
    assert_eq!(hear(&mut of_one).await.text, "for all");
}

#[tokio::test]
async fn topics_are_bounded_and_idle_ones_make_room() {
    let (server, wire) = serve(builder().topics(2));
    let client = client(&server).await;
    let lobby = join(&client, "lobby").await;
    wire.publish(&room("idle"), &line(0, "")).unwrap();
    let attic = join(&client, "attic").await;
    let crowded = wire.publish(&room("one more"), &line(0, ""));
    assert!(matches!(crowded, Err(PublishError::Crowded)));
    assert_eq!(
        refusal(client.subscribe(room("one more")).await),
        Refusal::Busy
    );
    drop(lobby);
    let more = join(&client, "one more").await;
    drop((attic, more));
}
