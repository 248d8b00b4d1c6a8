//! Clients of older builds, which speak streams and topics as they were then.

use std::fmt;

use serde::{Deserialize, Serialize};
use testkit::{Server, soon};
use twinwire::{Call, Format, Kinds, Shape, kinds};
use twinwire_client_native::{CallError, Client, Items, Options, connect_with};
use twinwire_server::{Cx, Feed, Twinwire};

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

    pub(super) const KINDS: Kinds = kinds![Count];
}

/// What tabs that were opened before the deploy speak.
mod older {
    use super::*;

    #[derive(Debug, Serialize, Deserialize, Call)]
    #[call(stream = u32, error = String)]
    pub(super) struct Count {
        pub(super) to: u32,
    }

    pub(super) const KINDS: Kinds = kinds![Count];
}

mod oldest {
    use super::*;

    /// Has the items of the newest.
    #[derive(Debug, Serialize, Deserialize, Call)]
    #[call(stream = newest::Tick, error = newest::Ended)]
    pub(super) struct Count {}

    pub(super) const KINDS: Kinds = kinds![Count];
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

fn serve() -> Server {
    let count = |_: Cx, count: newest::Count, mut feed: Feed<newest::Count>| async move {
        let newest::Count { from, to } = count;
        for number in from..to {
            let left = to - number;
            feed.send(newest::Tick { number, left }).await;
        }
        let by = from.saturating_sub(to);
        match by {
            0 => Ok(()),
            by => Err(newest::Ended::Backwards { by }),
        }
    };
    let wire = Twinwire::builder(()).stream(count).build();
    let wire = wire.expect("the kinds don't clash");
    Server::with_workers(2, move |config| {
        config.configure(wire.at("/ws"));
    })
}

async fn client(server: &Server, kinds: Kinds, format: Format) -> Client {
    let options = Options::new(server.url("/ws"), kinds).format(format);
    let connected = soon("the welcome", connect_with(options)).await;
    connected.expect("everyone is welcome")
}

/// All items of a stream, and the application's error if it ended with one.
async fn all<C: twinwire::StreamCall<Error: fmt::Debug>>(
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
    let server = serve();
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
