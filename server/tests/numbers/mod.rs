//! A client and a server that send each other numbers, in order.

use serde::{Deserialize, Serialize};
use testkit::soon;
use twinwire::{Call, Event};
use twinwire_client_native::Client;

#[derive(Serialize, Deserialize, Call)]
#[call(reply = u64)]
pub(crate) struct Double {
    pub(crate) number: u64,
}

#[derive(Serialize, Deserialize, Event)]
pub(crate) struct Up {
    pub(crate) number: u64,
    pub(crate) filler: Vec<u8>,
}

#[derive(Serialize, Deserialize, Event)]
pub(crate) struct Down {
    pub(crate) number: u64,
}

/// Have the server send so many.
#[derive(Serialize, Deserialize, Event)]
pub(crate) struct Start {
    pub(crate) downs: u64,
}

/// Sends and hears numbers, and checks that each comes once and in order.
pub(crate) async fn converse(client: &Client, messages: u64) {
    let mut downs = client.events::<Down>().expect("a declared kind");
    let start = Start { downs: messages };
    client.send(start).await.expect("it is on its way");
    let hear = async {
        for expected in 0..messages {
            let down = soon("the next", downs.next()).await;
            let down = down.expect("the session goes on");
            let number = down.expect("it can be read").number;
            assert_eq!(number, expected, "lost, doubled or moved");
        }
    };
    let speak = async {
        let mut last = None;
        for number in 0..messages {
            let filler = vec![0; (number % 7 * 40) as usize];
            let sent = soon("room", client.send(Up { number, filler })).await;
            last = Some(sent.expect("it is on its way"));
            if number % 10 == 0 {
                let doubled = soon("an answer", client.call(Double { number })).await;
                assert_eq!(doubled.expect("an answer"), 2 * number);
            }
        }
        let last = last.expect("something was sent");
        soon("the last receipt", last).await.expect("it arrived");
    };
    tokio::join!(hear, speak);
}
