//! Conversions of a topic's items, which are the application's own.

mod by_hand;

use std::mem::ManuallyDrop;
use std::sync::{Mutex, mpsc};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use testkit::{Log, Server, soon};
use twinwire::frame::{Continuity, JOIN, Join, Start};
use twinwire::{GoodbyeCode, Kinds, Retry, Shape, Topic, kinds};
use twinwire_client_native::{Update, connect_with};
use twinwire_server::{Access, Builder, HandlerContext, Twinwire};

use by_hand::{Greeter, wants};

/// A topic whose older items are made of the newer ones.
#[derive(Serialize, Deserialize, Topic)]
#[topic(item = String, also = older::News)]
struct News {}

mod older {
    use super::*;

    #[derive(Serialize, Deserialize, Topic)]
    #[topic(item = Line)]
    pub(super) struct News {}

    #[derive(Debug, PartialEq, Serialize, Deserialize, Shape)]
    pub(super) struct Line {
        pub(super) text: String,
    }

    pub(super) const KINDS: Kinds = kinds![News];
}

impl From<older::News> for News {
    fn from(_: older::News) -> Self {
        Self {}
    }
}

impl From<older::Line> for String {
    fn from(line: older::Line) -> Self {
        line.text
    }
}

/// The endpoint that a conversion calls, once.
static NEWSROOM: Mutex<Option<Twinwire<(), ()>>> = Mutex::new(None);

/// A conversion that was begun is told of, and ends when something comes.
static BLOCKED: Mutex<Option<(Log<()>, mpsc::Receiver<()>)>> = Mutex::new(None);

/// The item whose conversion blocks.
const BLOCKS: &str = "blocks";

impl From<String> for older::Line {
    fn from(text: String) -> Self {
        if text == BLOCKS {
            let blocked = BLOCKED.lock().expect("no panic").take();
            let (begun, end) = blocked.expect("it is converted once");
            begun.push(());
            end.recv().expect("the test ends it");
            return Self { text };
        }
        let wire = NEWSROOM.lock().expect("no panic").take();
        if let Some(wire) = wire {
            let published = wire.publish(&News {}, &"meanwhile".to_owned());
            published.expect("it is registered");
        }
        Self { text }
    }
}

fn serve(with: impl Fn(Builder<(), ()>) -> Builder<(), ()>) -> (Server, Twinwire<(), ()>) {
    let builder = with(testkit::builder(()));
    let builder = builder.topic(|_: HandlerContext, _: News| async { Access::subscribe() });
    testkit::serve(builder)
}

/// The workers take turns: the connection that comes back while one is blocked is the other's.
async fn a_client_of_a_blocked_worker_comes_back_to_another(
    with: impl Fn(Builder<(), ()>) -> Builder<(), ()>,
) {
    let limits = testkit::patient().handshake(Duration::from_secs(2));
    let (server, wire) = serve(|builder| with(builder.limits(limits.clone())));
    // Blocked workers are to fail this test alone.
    let server = ManuallyDrop::new(server);
    let greeter = Greeter::new("").kinds(older::KINDS);
    let (mut socket, said, _) = greeter.clone().greet(&server).await;
    let welcome = said.welcome();
    let join = Join {
        kind: 0,
        key: &[],
        start: Start::Now,
    };
    let join = socket.call(JOIN, &join.encode()).await;
    assert_eq!(socket.reply(join).await, Ok(()));
    let (begun, (end, ended)) = (Log::default(), mpsc::channel());
    *BLOCKED.lock().expect("no panic") = Some((begun.clone(), ended));
    wire.publish(&News {}, &BLOCKS.to_owned())
        .expect("it is registered");
    begun.count(1).await;
    let back = |attempt| greeter.clone().wants(Some(wants(&welcome, attempt)));
    let (_socket, said, _) = back(1).greet(&server).await;
    let goodbye = said.goodbye();
    assert_eq!(
        (goodbye.code, goodbye.retry),
        (GoodbyeCode::TooSlow, Retry::Now)
    );
    end.send(()).expect("it waits");
    let (_socket, said, _) = back(2).greet(&server).await;
    let continuity = said.welcome().continuity;
    assert!(
        matches!(continuity, Continuity::Resumed { .. }),
        "{continuity:?}"
    );
    drop(ManuallyDrop::into_inner(server));
}

#[tokio::test]
async fn a_conversion_that_blocks_costs_its_own_worker_alone() {
    a_client_of_a_blocked_worker_comes_back_to_another(|builder| builder).await;
    a_client_of_a_blocked_worker_comes_back_to_another(|builder| builder.may_resume(|(), ()| true))
        .await;
}

#[tokio::test]
async fn a_conversion_may_publish_to_the_topic_that_it_is_read_from() {
    let (server, wire) = serve(|builder| builder);
    let connecting = connect_with(testkit::options(server.url("/ws"), older::KINDS));
    let client = soon("the welcome", connecting).await;
    let client = client.expect("everyone is welcome");
    let mut news = client.subscribe(older::News {}).await.expect("it may");
    *NEWSROOM.lock().expect("no panic") = Some(wire.clone());
    // A deadlock of the worker is to fail this test alone.
    let server = ManuallyDrop::new(server);
    let published = wire.publish(&News {}, &"first".to_owned());
    published.expect("it is registered");
    for expected in ["first", "meanwhile"] {
        match soon("an item", news.next()).await {
            Some(Ok(Update::Item(heard))) => assert_eq!(heard.item.text, expected),
            other => panic!("{other:?}"),
        }
    }
    drop(ManuallyDrop::into_inner(server));
}
