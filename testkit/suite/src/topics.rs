use std::future::poll_fn;
use std::task::Poll;

use twinwire::{Format, Refusal};
use twinwire_client::{CallError, Client, Start, Subscription, Update, Verdict};

use crate::{KINDS, Platform, PutMe, Room, client, options, told};

/// Tests run beside each other on one server: each has a room of its own.
fn room(case: &str, client: &Client) -> Room {
    Room {
        name: format!("{case} of {:?}", client.state()),
    }
}

async fn hear(lines: &mut Subscription<Room>) -> String {
    match lines.next().await {
        Some(Ok(Update::Item(publication))) => publication.item,
        other => panic!("{other:?}"),
    }
}

/// Of two clients, one in postcard and one in JSON.
pub async fn what_is_published_is_heard_in_one_order_in_either_format(platform: &impl Platform) {
    let options = options(platform.url(), KINDS).format(Format::Json);
    let json = platform.connect(options).await.expect("a welcome");
    let postcard = client(platform).await;
    let room = room("order", &json);
    let clients = [&json, &postcard];
    let mut heard = [
        json.subscribe(room.clone()).await.expect("everyone may"),
        postcard
            .subscribe(room.clone())
            .await
            .expect("everyone may"),
    ];
    for number in 0..100 {
        let said = number.to_string();
        let published = clients[number % 2].publish(&room, said).await;
        let place = published.expect("it is on its way").await;
        assert_eq!(place.expect("it is published").get(), number as u64 + 1);
    }
    for lines in &mut heard {
        for number in 0..100 {
            assert_eq!(hear(lines).await, number.to_string());
        }
    }
}

/// The last few, or all since a position.
pub async fn who_comes_late_hears_what_it_asks_for(platform: &impl Platform) {
    let client = client(platform).await;
    let room = room("late", &client);
    for number in 0..10 {
        let published = client.publish(&room, number.to_string()).await;
        published
            .expect("it is on its way")
            .await
            .expect("published");
    }
    let start = Start::Last(3);
    let mut lines = client
        .subscribe_from(room.clone(), start)
        .await
        .expect("everyone may");
    assert_eq!(lines.verdict(), Verdict::Begun);
    assert_eq!(hear(&mut lines).await, "7");
    let start = Start::At(lines.position());
    drop(lines);
    let mut lines = client
        .subscribe_from(room, start)
        .await
        .expect("everyone may");
    assert_eq!(lines.verdict(), Verdict::Recovered);
    assert_eq!(hear(&mut lines).await, "8");
    assert_eq!(hear(&mut lines).await, "9");
}

/// And who may hear.
pub async fn the_application_says_who_may_publish(platform: &impl Platform) {
    let client = client(platform).await;
    let news = Room {
        name: "news".to_owned(),
    };
    let _lines = client.subscribe(news.clone()).await.expect("everyone may");
    let published = client.publish(&news, "fake".to_owned()).await;
    let denied = published.expect("it is on its way").await;
    assert_eq!(told(denied), "refused Denied");
}

/// Until the last is dropped.
pub async fn handles_share_a_subscription(platform: &impl Platform) {
    let client = client(platform).await;
    let room = room("shared", &client);
    let mut first = client.subscribe(room.clone()).await.expect("everyone may");
    let mut second = client.subscribe(room.clone()).await.expect("everyone may");
    for text in ["one", "two"] {
        let published = client.publish(&room, text.to_owned()).await;
        published
            .expect("it is on its way")
            .await
            .expect("published");
    }
    assert_eq!(hear(&mut first).await, "one");
    drop(first);
    assert_eq!(hear(&mut second).await, "one");
    assert_eq!(hear(&mut second).await, "two");
}

/// Whether the client is closed, or its last handle dropped.
pub async fn what_was_asked_for_before_the_end_still_goes_out(platform: &impl Platform) {
    let listener = client(platform).await;
    let room = room("end", &listener);
    let mut lines = listener
        .subscribe(room.clone())
        .await
        .expect("everyone may");
    for (text, closes) in [("dropped", false), ("closed", true)] {
        let speaker = client(platform).await;
        let published = speaker.publish(&room, text.to_owned()).await;
        drop(published.expect("it is on its way"));
        if closes {
            speaker.close().await;
        }
        drop(speaker);
        assert_eq!(hear(&mut lines).await, text);
    }
}

/// Also if it gave up while the first join was under way.
pub async fn who_subscribes_again_at_once_hears_what_comes(platform: &impl Platform) {
    let client = client(platform).await;
    let room = room("again", &client);
    for number in 0..20 {
        let mut given_up = Box::pin(client.subscribe(room.clone()));
        // It is under way.
        poll_fn(|cx| Poll::Ready(given_up.as_mut().poll(cx).is_pending())).await;
        if number % 2 == 0 {
            client.ping().await;
        }
        drop(given_up);
        let mut lines = client.subscribe(room.clone()).await.expect("everyone may");
        let published = client.publish(&room, number.to_string()).await;
        published
            .expect("it is on its way")
            .await
            .expect("published");
        assert_eq!(hear(&mut lines).await, number.to_string());
    }
}

/// Where it couldn't come by itself, and without missing anything.
pub async fn the_server_puts_its_client_into_a_room_and_out_of_it(platform: &impl Platform) {
    for format in [Format::Postcard, Format::Json] {
        let options = options(platform.url(), KINDS).format(format);
        let client = platform.connect(options).await.expect("a welcome");
        let room = room("private", &client);
        let put = async |inside| {
            let room = room.clone();
            told(client.call(PutMe { room, inside }).await)
        };
        let by_itself = async || match client.subscribe(room.clone()).await {
            Err(CallError::Refused(refused)) => assert_eq!(refused.why, Refusal::Denied),
            other => panic!("refused, not {other:?}"),
        };
        by_itself().await;
        let unwanted = put(true).await;
        assert!(unwanted.contains("nothing on the other side"), "{unwanted}");
        by_itself().await;

        let mut invitations = client.invitations::<Room>().expect("it is declared");
        assert_eq!(put(true).await, "()");
        let joined = invitations.next().await.expect("the client is open");
        let (to, mut lines) = joined.expect("the server wants it");
        assert_eq!(to.name, room.name);
        assert_eq!(lines.verdict(), Verdict::Recovered);
        assert_eq!(hear(&mut lines).await, "true");
        let again = client.subscribe(room.clone()).await;
        let mut again = again.expect("it is in the room");

        assert_eq!(put(false).await, "()");
        assert!(lines.next().await.is_none());
        assert!(again.next().await.is_none());
        by_itself().await;
        assert_eq!(put(true).await, "()");
        let joined = invitations.next().await.expect("the client is open");
        let (_, mut lines) = joined.expect("the server wants it");
        assert_eq!(hear(&mut lines).await, "true");

        // An invitation that is taken too late.
        drop(lines);
        assert_eq!(put(false).await, "()");
        assert_eq!(put(true).await, "()");
        assert_eq!(put(false).await, "()");
        match invitations.next().await {
            Some(Err(CallError::Refused(refused))) => assert_eq!(refused.why, Refusal::Denied),
            other => panic!("refused, not {other:?}"),
        }
        client.close().await;
        assert!(invitations.next().await.is_none());
    }
}
