//! Conversions of a topic's items, which are the application's own.

use std::mem::ManuallyDrop;
use std::sync::Mutex;

use serde::{Deserialize, Serialize};
use testkit::{Server, soon};
use twinwire::{Kinds, Shape, Topic, kinds};
use twinwire_client_native::{Update, connect};
use twinwire_server::{Access, Cx, Twinwire};

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

impl From<String> for older::Line {
    fn from(text: String) -> Self {
        let wire = NEWSROOM.lock().expect("no panic").take();
        if let Some(wire) = wire {
            let published = wire.publish(&News {}, &"meanwhile".to_owned());
            published.expect("it is registered");
        }
        Self { text }
    }
}

#[tokio::test]
async fn a_conversion_may_publish_to_the_topic_that_it_is_read_from() {
    let builder = Twinwire::builder(()).topic(|_: Cx, _: News| async { Access::subscribe() });
    let wire = builder.build().expect("the kinds don't clash");
    let mounted = wire.clone();
    let server = Server::start(move |config| {
        config.configure(mounted.at("/ws"));
    });
    let connecting = connect(server.url("/ws"), older::KINDS);
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
