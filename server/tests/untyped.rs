//! A client that knows its kinds only at run time, in memory: it does what a typed one does, with the same outcomes.

use serde::{Deserialize, Serialize};
use testkit::soon;
use twinwire::{
    Answer, Call, Class, Event, Fingerprint, Format, Kind, Kinds, Refusal, Topic, kinds,
};
use twinwire_client_native::{
    CallError, EventError, KindsError, Publication, Start, UntypedClient, UntypedKind,
    UntypedKinds, Update, Verdict,
};
use twinwire_server::{Access, Builder, HandlerContext, test};

#[derive(Serialize, Deserialize, Call)]
#[call(reply = u32, error = String)]
struct Double {
    number: u32,
}

#[derive(Serialize, Deserialize, Call)]
#[call(stream = u32, error = String)]
struct Count {
    to: u32,
}

#[derive(Serialize, Deserialize, Event)]
struct Echo {
    text: String,
}

/// The server puts its caller into the room.
#[derive(Serialize, Deserialize, Call)]
struct LetMeIn {
    room: String,
}

/// The server asks its caller.
#[derive(Serialize, Deserialize, Call)]
#[call(reply = String, error = String)]
struct AskMe {
    question: String,
}

#[derive(Serialize, Deserialize, Call)]
#[call(reply = String, error = String)]
struct Ask {
    question: String,
}

#[derive(Serialize, Deserialize, Topic)]
#[topic(item = String)]
struct Room {
    name: String,
}

const KINDS: Kinds = kinds![Double, Count, Echo, LetMeIn, AskMe, Ask, Room];
const DOUBLE: u32 = 0;
const COUNT: u32 = 1;
const ECHO: u32 = 2;
const LET_ME_IN: u32 = 3;
const ASK_ME: u32 = 4;
const ASK: u32 = 5;
const ROOM: u32 = 6;

fn builder() -> Builder<(), ()> {
    testkit::builder(())
        .call(|_: HandlerContext, Double { number }| async move {
            number.checked_mul(2).ok_or_else(|| "too large".to_owned())
        })
        .stream(|_: HandlerContext, Count { to }, mut items| async move {
            for number in 0..to {
                items.send(number).await;
            }
            if to == 3 {
                Ok(())
            } else {
                Err("not three".to_owned())
            }
        })
        .event(|cx: HandlerContext, echo: Echo| async move {
            let _ = cx.peer().send(echo).await;
        })
        .call(|cx: HandlerContext, LetMeIn { room }| async move {
            let _ = cx.peer().invite(&Room { name: room }).await;
            Ok(())
        })
        .call(|cx: HandlerContext, AskMe { question }| async move {
            let answer = cx.peer().call(Ask { question }).await;
            answer.map_err(|error| error.to_string())
        })
        .topic(|_: HandlerContext, _: Room| async move { Access::publish_and_subscribe() })
}

fn kind(name: &str, class: Class, fingerprint: Fingerprint) -> UntypedKind {
    UntypedKind {
        name: name.to_owned(),
        class,
        fingerprint,
        outline: None,
    }
}

fn kinds_at_run_time() -> Vec<UntypedKind> {
    let lines = KINDS.decls().iter();
    lines
        .map(|line| kind(line.name(), line.class(), line.fingerprint()))
        .collect()
}

async fn client(kinds: Vec<UntypedKind>) -> UntypedClient {
    let kinds = UntypedKinds::new(kinds).expect("they can be declared");
    let options = test::Options::untyped("", kinds, Format::Json);
    let request = actix_web::test::TestRequest::default().to_http_request();
    let wire = builder().build().expect("the kinds don't clash");
    let client = soon("the welcome", test::pair_with(&wire, options, request)).await;
    client.expect("everyone is welcome").untyped()
}

#[actix_web::test]
async fn calls_are_answered_with_values_and_the_applications_errors() {
    let client = client(kinds_at_run_time()).await;
    let call = |payload: &str| client.call(DOUBLE, payload.into());
    let reply = soon("the reply", call(r#"{"number":21}"#)).await;
    assert_eq!(reply.expect("a value"), b"42");
    match soon("the error", call(r#"{"number":4294967295}"#)).await {
        Err(CallError::App(error)) => assert_eq!(error, br#""too large""#),
        other => panic!("{other:?}"),
    }
    for nonsense in ["", "{", "[]", r#"{"number":-1}"#, "\u{0}\u{ff}"] {
        match soon("the refusal", call(nonsense)).await {
            Err(CallError::Refused(refused)) => assert_eq!(refused.why, Refusal::Undecodable),
            other => panic!("{other:?}"),
        }
    }
    let huge = vec![b' '; 17 << 20];
    assert!(matches!(
        client.call(DOUBLE, huge).await,
        Err(CallError::Encode(_))
    ));
}

#[actix_web::test]
async fn streams_give_items_and_then_their_end() {
    let client = client(kinds_at_run_time()).await;
    for (to, end) in [(3, None), (5, Some(br#""not three""#.as_slice()))] {
        let request = format!(r#"{{"to":{to}}}"#).into_bytes();
        let mut items = client
            .stream(COUNT, request)
            .await
            .expect("it is on its way");
        for number in 0..to {
            let item = soon("an item", items.next()).await.expect("an item");
            assert_eq!(item.expect("a payload"), number.to_string().into_bytes());
        }
        match (soon("the end", items.next()).await, end) {
            (None, None) => {}
            (Some(Err(CallError::App(error))), Some(end)) => assert_eq!(error, end),
            (other, _) => panic!("{other:?}"),
        }
        assert!(items.next().await.is_none());
    }
}

#[actix_web::test]
async fn events_go_both_ways() {
    let client = client(kinds_at_run_time()).await;
    let mut heard = client.events(ECHO).expect("it is declared");
    for number in 0..100 {
        let event = format!(r#"{{"text":"{number}"}}"#).into_bytes();
        let receipt = client
            .send(ECHO, event.clone())
            .await
            .expect("it is on its way");
        soon("the receipt", receipt).await.expect("it has arrived");
        let echo = soon("the echo", heard.next())
            .await
            .expect("the client is open");
        assert_eq!(&*echo, event);
    }
    let latest = client.send_latest("here", ECHO, br#"{"text":"newest"}"#.to_vec());
    latest.await.expect("it is on its way");
    let echo = soon("the echo", heard.next())
        .await
        .expect("the client is open");
    assert_eq!(&*echo, br#"{"text":"newest"}"#);
}

#[actix_web::test]
async fn topics_are_read_and_written() {
    let client = client(kinds_at_run_time()).await;
    let key = br#"{"name":"lobby"}"#.to_vec();
    let publish = |text: &str| client.publish(ROOM, key.clone(), format!("{text:?}").into_bytes());
    let first = publish("one").await.expect("it is on its way");
    let first = soon("the offset", first).await.expect("published");
    let subscribed = client
        .subscribe_from(ROOM, key.clone(), Start::Last(5))
        .await;
    let mut room = subscribed.expect("everyone may");
    assert_eq!(
        (room.verdict(), room.position().offset),
        (Verdict::Begun, first)
    );
    let second = soon(
        "the offset",
        publish("two").await.expect("it is on its way"),
    )
    .await;
    for (offset, item) in [
        (first, r#""one""#),
        (second.expect("published"), r#""two""#),
    ] {
        let update = soon("an item", room.next()).await;
        let item = item.as_bytes().to_vec();
        assert_eq!(update, Some(Update::Item(Publication { offset, item })));
    }
}

#[actix_web::test]
async fn an_invitation_is_taken_and_joined_by_hand() {
    let client = client(kinds_at_run_time()).await;
    let mut invitations = client.invitations(ROOM).expect("it is declared");
    let key = br#"{"name":"lobby"}"#.to_vec();
    let let_in = client.call(LET_ME_IN, br#"{"room":"lobby"}"#.to_vec());
    let join = async {
        let invited = std::future::poll_fn(|cx| invitations.poll_invitation(cx)).await;
        let (room, position) = invited.expect("the client isn't closed");
        assert_eq!(room, key);
        client.subscribe_from(ROOM, room, Start::At(position)).await
    };
    let (let_in, room) = soon("the room", async { tokio::join!(let_in, join) }).await;
    let_in.expect("an answer");
    let mut room = room.expect("it is invited");
    let published = client.publish(ROOM, key, br#""one""#.to_vec()).await;
    published
        .expect("it is on its way")
        .await
        .expect("published");
    match soon("an item", room.next()).await {
        Some(Update::Item(Publication { item, .. })) => assert_eq!(item, br#""one""#),
        other => panic!("{other:?}"),
    }
}

#[actix_web::test]
async fn the_server_calls_and_invites() {
    let client = client(kinds_at_run_time()).await;
    let handled = client.handle(ASK, |question| async move {
        match question.len() {
            16 => Answer::Value(br#""yes""#.to_vec()),
            17 => Answer::Error(br#""no""#.to_vec()),
            _ => Answer::Refused(Refusal::Denied.into()),
        }
    });
    handled.expect("it is declared");
    for (question, answer) in [("?", r#"Ok("\"yes\"")"#), ("??", "no"), ("???", "allow")] {
        let ask = format!(r#"{{"question":"{question}"}}"#).into_bytes();
        let answered = soon("the answer", client.call(ASK_ME, ask)).await;
        let text = match answered {
            Ok(reply) => format!("Ok({:?})", String::from_utf8_lossy(&reply)),
            Err(CallError::App(error)) => String::from_utf8_lossy(&error).into_owned(),
            Err(other) => panic!("{other:?}"),
        };
        assert!(text.contains(answer), "{text} for {question}");
    }
    let mut invited = client.invitations(ROOM).expect("it is declared");
    let let_me_in = client.call(LET_ME_IN, br#"{"room":"den"}"#.to_vec());
    soon("the reply", let_me_in)
        .await
        .expect("the server does so");
    let (key, mut den) = soon("the invitation", invited.next())
        .await
        .expect("the client is open")
        .expect("it is joined");
    assert_eq!(key, br#"{"name":"den"}"#);
    let published = client.publish(ROOM, key, br#""hello""#.to_vec()).await;
    soon("the offset", published.expect("it is on its way"))
        .await
        .expect("published");
    assert!(matches!(
        soon("an item", den.next()).await,
        Some(Update::Item(_))
    ));
}

#[actix_web::test]
async fn a_kind_of_another_structure_or_class_is_refused_before_it_is_sent() {
    let mut kinds = kinds_at_run_time();
    kinds[0].fingerprint = Fingerprint::from_bytes([7; 8]);
    kinds.push(kind("Unheard", Class::Call, Double::FINGERPRINT));
    let client = client(kinds).await;
    for (kind, why) in [(DOUBLE, Refusal::KindDiffers), (7, Refusal::UnknownKind)] {
        match soon("the refusal", client.call(kind, b"{}".to_vec())).await {
            Err(CallError::Refused(refused)) => assert_eq!(refused.why, why),
            other => panic!("{other:?}"),
        }
    }
    for kind in [ECHO, ROOM, 8, u32::MAX] {
        let called = client.call(kind, b"{}".to_vec()).await;
        assert!(
            matches!(called, Err(CallError::Undeclared(_))),
            "{called:?}"
        );
    }
    let sent = client.send(DOUBLE, b"{}".to_vec()).await;
    assert!(matches!(sent, Err(EventError::Undeclared(_))), "{sent:?}");
    let subscribed = client
        .subscribe_from(ECHO, b"{}".to_vec(), Start::Now)
        .await;
    assert!(matches!(subscribed, Err(CallError::Undeclared(_))));
    assert!(client.events(ROOM).is_err() && client.invitations(ECHO).is_err());
    assert!(
        client
            .handle(ECHO, async |_| Answer::Value(Vec::new()))
            .is_err()
    );
}

#[test]
fn kinds_that_no_hello_can_carry_are_refused() {
    let print = Double::FINGERPRINT;
    let new = |names: &[&str]| {
        let kinds = names.iter().map(|name| kind(name, Class::Call, print));
        UntypedKinds::new(kinds.collect()).map(|_| ())
    };
    assert_eq!(
        new(&["a", "b", "a"]),
        Err(KindsError::Twice("a".to_owned()))
    );
    let long = "n".repeat(65);
    for name in ["", "a\nb", &long] {
        assert_eq!(new(&[name]), Err(KindsError::Name(name.to_owned())));
    }
    let many: Vec<String> = (0..513).map(|number| number.to_string()).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert_eq!(new(&many), Err(KindsError::TooMany(513)));
    assert_eq!(new(&many[..512]), Ok(()));
}

#[actix_web::test]
async fn handles_print_what_they_are() {
    let client = client(kinds_at_run_time()).await;
    assert!(format!("{client:?}").starts_with("UntypedClient(Client { state: Open { "));
    assert_eq!(format!("{:?}", client.remote()), "UntypedRemote { .. }");
    let events = client.events(ECHO).expect("it is declared");
    assert_eq!(format!("{events:?}"), "UntypedEvents { .. }");
    let invitations = client.invitations(ROOM).expect("it is declared");
    assert_eq!(format!("{invitations:?}"), "UntypedInvitations { .. }");
    let key = Format::Json.encode(
        &Room {
            name: "lobby".to_owned(),
        },
        100,
    );
    let joining = client
        .remote()
        .start_subscribe(ROOM, key.expect("it is short"), Start::Now);
    let joining = joining.expect("it is declared");
    assert_eq!(format!("{joining:?}"), "Subscribing { .. }");
}
