//! Clients of older builds, which speak streams and topics as they were then.

use std::fmt;

use serde::{Deserialize, Serialize};
use testkit::{Server, soon};
use twinwire::{Call, Format, Kinds, Refusal, Shape, StreamCall, Topic, kinds};
use twinwire_client_native::{CallError, Client, Items, Start, Subscription, Update, connect_with};
use twinwire_server::{Access, BuildError, HandlerContext, PublishError, StreamSender, Twinwire};

/// What the server speaks.
mod newest {
    use super::*;

    #[derive(Debug, Serialize, Deserialize, Call)]
    #[call(stream = Tick, error = Ended, also = older::Count, also = oldest::Count)]
    pub(super) struct Count {
        pub(super) from: u32,
        pub(super) to: u32,
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize, Shape)]
    pub(super) struct Tick {
        pub(super) number: u32,
        pub(super) left: u32,
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize, Shape)]
    pub(super) enum Ended {
        Backwards { by: u32 },
    }

    #[derive(Debug, Serialize, Deserialize, Topic)]
    #[topic(item = Line, also = older::Room, also = oldest::Room)]
    pub(super) struct Room {
        pub(super) house: String,
        pub(super) name: String,
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize, Shape)]
    pub(super) struct Line {
        pub(super) from: Option<String>,
        pub(super) text: String,
    }

    pub(super) const KINDS: Kinds = kinds![Count, Room];
}

/// What tabs that were opened before the deploy speak.
mod older {
    use super::*;

    #[derive(Debug, Serialize, Deserialize, Call)]
    #[call(stream = u32, error = String)]
    pub(super) struct Count {
        pub(super) to: u32,
    }

    #[derive(Debug, Serialize, Deserialize, Topic)]
    #[topic(item = Line)]
    pub(super) struct Room {
        pub(super) name: String,
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize, Shape)]
    pub(super) struct Line {
        pub(super) words: Vec<String>,
    }

    pub(super) const KINDS: Kinds = kinds![Room, Count];
}

mod oldest {
    use super::*;

    /// Has the items of the newest.
    #[derive(Debug, Serialize, Deserialize, Call)]
    #[call(stream = newest::Tick, error = newest::Ended)]
    pub(super) struct Count {}

    #[derive(Debug, Serialize, Deserialize, Topic)]
    #[topic(item = newest::Line)]
    pub(super) struct Room {
        pub(super) number: u8,
    }

    pub(super) const KINDS: Kinds = kinds![Count, Room];
}

impl From<older::Count> for newest::Count {
    fn from(older: older::Count) -> Self {
        let (from, to) = (10, older.to);
        Self { from, to }
    }
}

impl From<newest::Tick> for u32 {
    fn from(tick: newest::Tick) -> Self {
        tick.number
    }
}

impl From<newest::Ended> for String {
    fn from(ended: newest::Ended) -> Self {
        format!("{ended:?}")
    }
}

impl From<oldest::Count> for newest::Count {
    fn from(_: oldest::Count) -> Self {
        Self { from: 1, to: 3 }
    }
}

impl From<older::Room> for newest::Room {
    fn from(older: older::Room) -> Self {
        let (house, name) = ("home".to_owned(), older.name);
        Self { house, name }
    }
}

impl From<oldest::Room> for newest::Room {
    fn from(oldest: oldest::Room) -> Self {
        older::Room {
            name: format!("room {}", oldest.number),
        }
        .into()
    }
}

impl From<older::Line> for newest::Line {
    fn from(older: older::Line) -> Self {
        line(None, &older.words.concat())
    }
}

/// What breaks when an older client is to be told.
const BROKEN: &str = "broken";

/// What an older client can't be told in one frame.
fn long() -> String {
    "a ".repeat(12 * 1024)
}

impl From<newest::Line> for older::Line {
    fn from(newest: newest::Line) -> Self {
        assert_ne!(
            newest.text, BROKEN,
            "it can't be said in the older type's words"
        );
        let from = newest.from.into_iter().map(|from| from + ": ");
        let text = newest.text.split_inclusive(' ').map(str::to_owned);
        let words = from.chain(text).collect();
        Self { words }
    }
}

fn line(from: Option<&str>, text: &str) -> newest::Line {
    let (from, text) = (from.map(str::to_owned), text.to_owned());
    newest::Line { from, text }
}

fn room(name: &str) -> newest::Room {
    let (house, name) = ("home".to_owned(), name.to_owned());
    newest::Room { house, name }
}

fn serve() -> (Server, Twinwire<(), ()>) {
    let count = |_: HandlerContext,
                 count: newest::Count,
                 mut sender: StreamSender<newest::Count>| async move {
        let newest::Count { from, to } = count;
        for number in from..to {
            let left = to - number;
            sender.send(newest::Tick { number, left }).await;
        }
        let by = from.saturating_sub(to);
        match by {
            0 => Ok(()),
            by => Err(newest::Ended::Backwards { by }),
        }
    };
    let access = |_: HandlerContext, room: newest::Room| async move {
        match (room.house.as_str(), room.name.as_str()) {
            ("home", "news") => Access::subscribe(),
            ("home", _) => Access::publish_and_subscribe(),
            _ => Access::none(),
        }
    };
    testkit::serve(testkit::builder(()).stream(count).topic(access))
}

async fn client(server: &Server, kinds: Kinds, format: Format) -> Client {
    let options = testkit::options(server.url("/ws"), kinds).format(format);
    let connected = soon("the welcome", connect_with(options)).await;
    connected.expect("everyone is welcome")
}

/// All items of a stream, and the application's error if it ended with one.
async fn all<C: StreamCall<Error: fmt::Debug>>(
    mut stream: Items<C>,
) -> (Vec<C::Item>, Option<C::Error>) {
    let mut items = Vec::new();
    while let Some(item) = soon("an item", stream.next()).await {
        match item {
            Ok(item) => items.push(item),
            Err(CallError::App(error)) => return (items, Some(error)),
            Err(other) => panic!("{other:?}"),
        }
    }
    (items, None)
}

#[tokio::test]
async fn older_clients_get_a_streams_items_and_its_error_as_they_know_them() {
    let (server, _) = serve();
    for format in [Format::Postcard, Format::Json] {
        let now = client(&server, newest::KINDS, format).await;
        let ticks = now.stream(newest::Count { from: 1, to: 3 }).await;
        let (ticks, ended) = all(ticks.unwrap()).await;
        let tick = |number, left| newest::Tick { number, left };
        assert_eq!((ticks, ended), (vec![tick(1, 2), tick(2, 1)], None));

        let then = client(&server, older::KINDS, format).await;
        let numbers = then.stream(older::Count { to: 13 }).await;
        assert_eq!(all(numbers.unwrap()).await, (vec![10, 11, 12], None));
        let none = then.stream(older::Count { to: 7 }).await;
        let backwards = "Backwards { by: 3 }".to_owned();
        assert_eq!(all(none.unwrap()).await, (vec![], Some(backwards)));

        let long_ago = client(&server, oldest::KINDS, format).await;
        let ticks = long_ago.stream(oldest::Count {}).await;
        let (ticks, ended) = all(ticks.unwrap()).await;
        assert_eq!((ticks, ended), (vec![tick(1, 2), tick(2, 1)], None));
    }
}

/// The next of a topic's items, with its place in the log.
async fn hear<T: Topic<Item: fmt::Debug>>(room: &mut Subscription<T>) -> (u64, T::Item) {
    match soon("a line", room.next()).await {
        Some(Ok(Update::Item(heard))) => (heard.offset.get(), heard.item),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn clients_of_all_builds_and_formats_meet_in_one_topic() {
    let (server, wire) = serve();
    let formats = [Format::Postcard, Format::Json];
    let all = Start::Last(100);
    let name = || "room 7".to_owned();
    let mut now = Vec::new();
    let mut then = Vec::new();
    let mut long_ago = Vec::new();
    for format in formats {
        let client = client(&server, newest::KINDS, format).await;
        let lines = client.subscribe(room("room 7")).await.unwrap();
        now.push((client, lines));
    }
    for format in formats {
        let client = client(&server, older::KINDS, format).await;
        let lines = client.subscribe(older::Room { name: name() }).await;
        then.push((client, lines.unwrap()));
    }
    for format in formats {
        let client = client(&server, oldest::KINDS, format).await;
        let lines = client.subscribe(oldest::Room { number: 7 }).await;
        long_ago.push((client, lines.unwrap()));
    }

    let mut expected = Vec::new();
    for (client, _) in &now {
        let said = line(Some("Ada"), "from now");
        let published = client.publish(&room("room 7"), said).await;
        soon("its place", published.unwrap()).await.unwrap();
        expected.push((Some("Ada"), "from now"));
    }
    for (client, _) in &then {
        let words = vec!["from ".to_owned(), "then".to_owned()];
        let to = older::Room { name: name() };
        let published = client.publish(&to, older::Line { words }).await;
        soon("its place", published.unwrap()).await.unwrap();
        expected.push((None, "from then"));
    }
    for (client, _) in &long_ago {
        let to = oldest::Room { number: 7 };
        let published = client.publish(&to, line(None, "long ago")).await;
        soon("its place", published.unwrap()).await.unwrap();
        expected.push((None, "long ago"));
    }
    wire.publish(&room("room 7"), &line(None, "the server"))
        .unwrap();
    expected.push((None, "the server"));

    // Who comes late hears the same.
    let late = client(&server, older::KINDS, Format::Json).await;
    let late_lines = late.subscribe_from(older::Room { name: name() }, all).await;
    then.push((late, late_lines.unwrap()));

    for (place, (from, text)) in (1..).zip(expected) {
        for lines in now.iter_mut().map(|(_, lines)| lines) {
            assert_eq!(hear(lines).await, (place, line(from, text)));
        }
        for lines in long_ago.iter_mut().map(|(_, lines)| lines) {
            assert_eq!(hear(lines).await, (place, line(from, text)));
        }
        for lines in then.iter_mut().map(|(_, lines)| lines) {
            let (at, heard) = hear(lines).await;
            assert_eq!((at, heard), (place, line(from, text).into()));
        }
    }
}

#[tokio::test]
async fn what_an_older_client_can_not_be_told_is_skipped_and_the_rest_goes_on() {
    let (server, wire) = serve();
    for format in [Format::Postcard, Format::Json] {
        let now = client(&server, newest::KINDS, format).await;
        let mut lines = now.subscribe(room("hall")).await.unwrap();
        let then = client(&server, older::KINDS, format).await;
        let hall = || older::Room {
            name: "hall".to_owned(),
        };
        let mut older_lines = then.subscribe(hall()).await.unwrap();
        for text in [BROKEN, &long(), "whole"] {
            let (first, said) = (lines.position().offset, line(None, text));
            let place = wire.publish(&room("hall"), &said).unwrap();
            assert!(place >= first);
            assert_eq!(hear(&mut lines).await, (place.get(), said));
            if text == "whole" {
                let words = vec!["whole".to_owned()];
                assert_eq!(
                    hear(&mut older_lines).await,
                    (place.get(), older::Line { words })
                );
            } else {
                match soon("a gap", older_lines.next()).await {
                    Some(Ok(Update::Gap { from, to })) => {
                        assert_eq!((from, to.get()), (place, place.get() + 1));
                    }
                    other => panic!("{other:?}"),
                }
            }
        }
    }
}

#[tokio::test]
async fn the_application_judges_older_clients_by_the_newest_key() {
    let (server, wire) = serve();
    let then = client(&server, older::KINDS, Format::Postcard).await;
    let news = || older::Room {
        name: "news".to_owned(),
    };
    let mut lines = then.subscribe(news()).await.unwrap();
    let published = then.publish(&news(), older::Line { words: vec![] }).await;
    match soon("the refusal", published.unwrap()).await {
        Err(CallError::Refused(refused)) => assert_eq!(refused.why, Refusal::Denied),
        other => panic!("{other:?}"),
    }
    // The log holds items of the newest type: the application publishes no other.
    let older = wire.publish(&news(), &older::Line { words: vec![] });
    assert!(
        matches!(older, Err(PublishError::NotRegistered { name: "Room" })),
        "{older:?}"
    );
    wire.publish(&room("news"), &line(Some("Ada"), "hello"))
        .unwrap();
    let words = vec!["Ada: ".to_owned(), "hello".to_owned()];
    assert_eq!(hear(&mut lines).await, (1, older::Line { words }));
}

#[derive(Serialize, Deserialize, Call)]
#[call(also = LeaveV1)]
struct Leave {}

/// No client knows it by this name.
#[derive(Serialize, Deserialize, Call)]
struct LeaveV1 {
    politely: bool,
}

impl From<LeaveV1> for Leave {
    fn from(_: LeaveV1) -> Self {
        Self {}
    }
}

#[test]
fn an_older_type_of_another_name_is_an_error_of_the_build() {
    let built = testkit::builder(())
        .call(|_: HandlerContext, _: Leave| async { Ok(()) })
        .build();
    let (name, older) = ("Leave", "LeaveV1");
    let error = BuildError::OlderName { name, older };
    assert_eq!(built.err(), Some(error));
}
