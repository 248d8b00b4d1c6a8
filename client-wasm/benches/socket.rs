//! Messages a second over this crate's socket and over gloo-net's, in a browser, and their ratio.
//!
//! Run: `cargo xtask bench`.
//!
//! Both clients take turns in each round, so that a machine that is busy for a while slows both; the
//! ratio is the median over the rounds. It asserts no time.
#![forbid(unsafe_code)]

#[path = "../tests/peer/mod.rs"]
mod peer;

use std::fmt::Write;

use futures_util::{SinkExt, StreamExt};
use gloo_net::websocket::Message as GlooMessage;
use gloo_net::websocket::futures::WebSocket as Gloo;
use twinwire_client_wasm::{Message, Socket};
use wasm_bindgen::prelude::*;
use wasm_bindgen_test::{Criterion, console_log, wasm_bindgen_bench};

wasm_bindgen_test::wasm_bindgen_test_configure!(run_in_browser);

const ROUNDS: usize = 21;

/// How long one client's share of a round takes, about.
const SHARE_MILLIS: f64 = 150.0;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = performance)]
    fn now() -> f64;
}

/// What both clients do, each with its own type of message.
trait Client: Sized {
    type Message: Clone;

    fn message(kind: Kind, payload: &[u8]) -> Self::Message;
    async fn open(url: &str) -> Self;
    async fn send(&mut self, message: Self::Message);
    async fn next(&mut self) -> Self::Message;
}

#[derive(Clone, Copy, Debug)]
enum Direction {
    Send,
    Receive,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Text,
    Binary,
}

#[derive(Clone, Copy)]
struct Cell {
    direction: Direction,
    kind: Kind,
    size: usize,
}

impl Cell {
    fn all() -> impl Iterator<Item = Self> {
        use {Direction::*, Kind::*};
        let cells = [
            (Send, Text),
            (Send, Binary),
            (Receive, Text),
            (Receive, Binary),
        ];
        let sizes = [128, 16 * 1024];
        cells.into_iter().flat_map(move |(direction, kind)| {
            sizes.map(|size| Self {
                direction,
                kind,
                size,
            })
        })
    }

    /// Messages a second, measured with so many of them.
    async fn run<C: Client>(self, count: usize) -> f64 {
        let millis = match self.direction {
            Direction::Send => self.send::<C>(count).await,
            Direction::Receive => self.receive::<C>(count).await,
        };
        count as f64 / millis * 1000.0
    }

    /// How many messages fill a client's share of a round. Warms the engine's compilers up, too.
    async fn count<C: Client>(self) -> usize {
        let mut count = 500;
        for _ in 0..3 {
            let rate = self.run::<C>(count).await;
            count = (rate / 1000.0 * SHARE_MILLIS).clamp(100.0, 50_000.0) as usize;
        }
        count
    }

    /// Milliseconds from the first message to the peer's word that it has them all.
    async fn send<C: Client>(self, count: usize) -> f64 {
        let mut client = C::open(&peer::url("/sink")).await;
        // The first answer says that the connection is open, which gloo-net doesn't.
        let report = C::message(Kind::Text, b"report");
        client.send(report.clone()).await;
        client.next().await;
        let message = C::message(self.kind, &vec![b'x'; self.size]);
        let start = now();
        for _ in 0..count {
            client.send(message.clone()).await;
        }
        client.send(report).await;
        client.next().await;
        now() - start
    }

    /// Milliseconds from the first message to the last.
    async fn receive<C: Client>(self, count: usize) -> f64 {
        let kind = match self.kind {
            Kind::Text => "text",
            Kind::Binary => "binary",
        };
        let path = format!("/push?count={count}&size={}&kind={kind}", self.size);
        let mut client = C::open(&peer::url(&path)).await;
        client.next().await;
        let start = now();
        for _ in 1..count {
            client.next().await;
        }
        now() - start
    }
}

impl Client for Socket {
    type Message = Message;

    fn message(kind: Kind, payload: &[u8]) -> Message {
        match kind {
            Kind::Text => Message::Text(String::from_utf8_lossy(payload).into_owned()),
            Kind::Binary => Message::from(payload),
        }
    }

    async fn open(url: &str) -> Self {
        Self::connect(url)
            .await
            .expect("the peer takes connections")
    }

    async fn send(&mut self, message: Message) {
        Self::send(self, message).await.expect("the socket is open");
    }

    async fn next(&mut self) -> Message {
        let message = StreamExt::next(self).await.expect("the socket is open");
        message.expect("the queue is large enough")
    }
}

impl Client for Gloo {
    type Message = GlooMessage;

    fn message(kind: Kind, payload: &[u8]) -> GlooMessage {
        match kind {
            Kind::Text => GlooMessage::Text(String::from_utf8_lossy(payload).into_owned()),
            Kind::Binary => GlooMessage::Bytes(payload.to_vec()),
        }
    }

    async fn open(url: &str) -> Self {
        Self::open(url).expect("the URL is one")
    }

    async fn send(&mut self, message: GlooMessage) {
        SinkExt::send(self, message)
            .await
            .expect("the socket is open");
    }

    async fn next(&mut self) -> GlooMessage {
        let message = StreamExt::next(self).await.expect("the socket is open");
        message.expect("the socket is open")
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

#[wasm_bindgen_bench]
async fn ratio_to_gloo_net(_: &mut Criterion) {
    let mut table =
        String::from("direction kind    bytes   ours/s   gloo/s  ratio (middle half)\n");
    for cell in Cell::all() {
        let counts = (cell.count::<Socket>().await, cell.count::<Gloo>().await);
        let (mut ours, mut gloo) = (Vec::new(), Vec::new());
        for round in 0..ROUNDS {
            if round % 2 == 0 {
                ours.push(cell.run::<Socket>(counts.0).await);
                gloo.push(cell.run::<Gloo>(counts.1).await);
            } else {
                gloo.push(cell.run::<Gloo>(counts.1).await);
                ours.push(cell.run::<Socket>(counts.0).await);
            }
        }
        let mut ratios: Vec<f64> = ours.iter().zip(&gloo).map(|(o, g)| o / g).collect();
        ratios.sort_by(f64::total_cmp);
        let _ = writeln!(
            table,
            "{:9} {:6} {:6} {:8.0} {:8.0} {:6.2} ({:.2} to {:.2})",
            format!("{:?}", cell.direction),
            format!("{:?}", cell.kind),
            cell.size,
            median(ours),
            median(gloo),
            ratios[ROUNDS / 2],
            ratios[ROUNDS / 4],
            ratios[ROUNDS - 1 - ROUNDS / 4],
        );
    }
    console_log!("{table}");
}
