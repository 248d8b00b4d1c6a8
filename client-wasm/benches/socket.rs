//! Messages a second over this crate's socket and over gloo-net's, in a browser, and their ratio.
//!
//! Run: `cargo xtask bench`.
//!
//! A round is ours, gloo's, gloo's, ours with the same number of messages, the next one the other way
//! round: a machine that is busy for a while, or slows down, does so for both, and each client comes
//! after itself as often as after the other, whose garbage and closing connection it meets. The ratio
//! is the median over the rounds, with the interval that holds the true one in 95 of 100 runs. It
//! asserts no time.
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

/// Of one cell: 16 runs of each client at least, and as many as time allows.
const ROUNDS: std::ops::Range<usize> = 8..100;

/// How long one cell's rounds may take.
const CELL_MILLIS: f64 = 14_000.0;

/// How long one run takes, about: short beside what else the machine does, long beside its first
/// and last message.
const RUN_MILLIS: f64 = 30.0;

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

    /// How many messages fill a client's run. Warms the engine's compilers up, too.
    async fn count<C: Client>(self) -> f64 {
        let mut count = 500.0;
        for _ in 0..5 {
            let rate = self.run::<C>(count as usize).await;
            count = (rate / 1000.0 * RUN_MILLIS).clamp(100.0, 20_000.0);
        }
        count
    }

    /// Messages a second of ours and of gloo's, in one round.
    async fn round(self, count: usize, ours_first: bool) -> (f64, f64) {
        let (mut ours, mut gloo) = (Vec::new(), Vec::new());
        for is_ours in [ours_first, !ours_first, !ours_first, ours_first] {
            if is_ours {
                ours.push(self.run::<Socket>(count).await);
            } else {
                gloo.push(self.run::<Gloo>(count).await);
            }
        }
        (mean_rate(&ours), mean_rate(&gloo))
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

/// Of runs with equally many messages.
fn mean_rate(rates: &[f64]) -> f64 {
    rates.len() as f64 / rates.iter().map(|rate| rate.recip()).sum::<f64>()
}

/// The median, and between which two of the values it lies with 95 % of certainty, whatever their
/// distribution: the number of values below it is binomial.
struct Median {
    low: f64,
    middle: f64,
    high: f64,
}

impl Median {
    fn of(values: impl Iterator<Item = f64>) -> Self {
        let mut values: Vec<f64> = values.collect();
        values.sort_by(f64::total_cmp);
        let last = values.len() - 1;
        let half_width = 0.98 * (values.len() as f64).sqrt();
        let low = ((last as f64 / 2.0 - half_width).floor() as usize).min(last);
        Self {
            low: values[low],
            middle: f64::midpoint(values[last / 2], values[last.div_ceil(2)]),
            high: values[last - low],
        }
    }
}

#[wasm_bindgen_bench]
async fn ratio_to_gloo_net(_: &mut Criterion) {
    let mut table =
        String::from("direction kind    bytes   ours/s   gloo/s  ratio (95 %)     rounds\n");
    for cell in Cell::all() {
        // Far ahead, either would run too long with the other's number.
        let counts = cell.count::<Socket>().await * cell.count::<Gloo>().await;
        let count = counts.sqrt() as usize;
        let (start, mut rounds) = (now(), Vec::new());
        while rounds.len() < ROUNDS.start
            || rounds.len() < ROUNDS.end && now() - start < CELL_MILLIS
        {
            rounds.push(cell.round(count, rounds.len() % 2 == 0).await);
        }
        let ratio = Median::of(rounds.iter().map(|(ours, gloo)| ours / gloo));
        let _ = writeln!(
            table,
            "{:9} {:6} {:6} {:8.0} {:8.0} {:6.3} ({:.3} to {:.3}) {:4}{}",
            format!("{:?}", cell.direction),
            format!("{:?}", cell.kind),
            cell.size,
            Median::of(rounds.iter().map(|(ours, _)| *ours)).middle,
            Median::of(rounds.iter().map(|(_, gloo)| *gloo)).middle,
            ratio.middle,
            ratio.low,
            ratio.high,
            rounds.len(),
            if ratio.high < 1.0 { " behind" } else { "" },
        );
    }
    console_log!("{table}");
}
