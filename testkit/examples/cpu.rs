//! Measures what a message costs a server in CPU time: `cargo xtask bench cpu` runs it.
//!
//! `cpu serve` prints `port N` and serves 127.0.0.1:N until stdin closes. `cpu load N` calls and publishes there, and
//! prints the server's µs per message of each load.
#![forbid(unsafe_code)]

use std::error::Error;
use std::io::{self, Write};
use std::thread;

use actix_web::{App, HttpServer};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;
use twinwire::{Call, Kinds, Topic, kinds};
use twinwire_client_native::{Client, Update, connect};
use twinwire_server::{Access, HandlerContext, Twinwire, configure_http_server};

/// The server sends the text back.
#[derive(Serialize, Deserialize, Call)]
#[call(reply = String)]
struct Echo {
    text: String,
}

/// Answered with the CPU time of the server's process so far, in µs.
#[derive(Serialize, Deserialize, Call)]
#[call(reply = u64)]
struct Spent {}

/// Everybody publishes and subscribes.
#[derive(Clone, Serialize, Deserialize, Topic)]
#[topic(item = String)]
struct Room {
    name: String,
}

const KINDS: Kinds = kinds![Echo, Spent, Room];

/// Callers at a time; each waits for its answer before it calls again.
const CALLERS: u64 = 16;
const CALLS: u64 = 1_000;

/// Subscribers of one topic; all have an item before the next is published.
const SUBSCRIBERS: u64 = 64;
const ITEMS: u64 = 500;

/// The warm-up before each measurement, as a part of it.
const WARM_UP: u64 = 10;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> Outcome<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        ["serve"] => actix_web::rt::System::new().block_on(serve()),
        ["load", port] => {
            let runtime = tokio::runtime::Builder::new_current_thread();
            let runtime = { runtime }.enable_all().build()?;
            runtime.block_on(load(format!("ws://127.0.0.1:{port}/ws")))
        }
        _ => Err("usage: cpu serve | cpu load PORT".into()),
    }
}

async fn serve() -> Outcome<()> {
    let wire = Twinwire::builder(())
        .call(|_: HandlerContext, Echo { text }| async move { Ok(text) })
        .call(|_: HandlerContext, Spent {}| async move { Ok(spent()) })
        .topic(|_: HandlerContext, _: Room| async move { Access::publish_and_subscribe() })
        .build()?;
    let app = move || App::new().configure(wire.at("/ws"));
    let server = configure_http_server(HttpServer::new(app))
        .workers(1)
        .disable_signals();
    let server = server.bind(("127.0.0.1", 0))?;
    println!("port {}", server.addrs()[0].port());
    io::stdout().flush()?;
    let server = server.run();
    let handle = server.handle();
    thread::spawn(move || {
        // Any end of stdin is the end: closed, broken, or never there.
        let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
        drop(handle.stop(false));
    });
    Ok(server.await?)
}

/// Returns the CPU time of this process, of the user and the system, in µs.
fn spent() -> u64 {
    let usage = getrusage(UsageWho::RUSAGE_SELF).expect("every process may ask of itself");
    let micros = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    micros.cast_unsigned()
}

async fn load(url: String) -> Outcome<()> {
    let meter = connect(url.clone(), KINDS).await?;
    echo(&url, CALLS / WARM_UP).await?;
    let before = meter.call(Spent {}).await?;
    echo(&url, CALLS).await?;
    tell(
        "echo",
        meter.call(Spent {}).await? - before,
        CALLERS * CALLS,
    );
    fan_out(&url, ITEMS / WARM_UP).await?;
    let before = meter.call(Spent {}).await?;
    fan_out(&url, ITEMS).await?;
    let deliveries = SUBSCRIBERS * ITEMS;
    tell("fan_out", meter.call(Spent {}).await? - before, deliveries);
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
fn tell(name: &str, micros: u64, messages: u64) {
    println!("{name} {}", micros as f64 / messages as f64);
}

fn text() -> String {
    "m".repeat(64)
}

async fn echo(url: &str, calls: u64) -> Outcome<()> {
    let mut callers = JoinSet::new();
    for _ in 0..CALLERS {
        let caller = connect(url, KINDS).await?;
        callers.spawn(call(caller, calls));
    }
    while let Some(called) = callers.join_next().await {
        called??;
    }
    Ok(())
}

async fn call(caller: Client, calls: u64) -> Outcome<()> {
    for _ in 0..calls {
        caller.call(Echo { text: text() }).await?;
    }
    caller.close().await;
    Ok(())
}

async fn fan_out(url: &str, items: u64) -> Outcome<()> {
    let room = Room {
        name: "one".to_owned(),
    };
    let publisher = connect(url, KINDS).await?;
    let mut subscriptions = Vec::new();
    for _ in 0..SUBSCRIBERS {
        let client = connect(url, KINDS).await?;
        let subscription = client.subscribe(room.clone()).await?;
        subscriptions.push((client, subscription));
    }
    for _ in 0..items {
        publisher.publish(&room, text()).await?.await?;
        for (_, subscription) in &mut subscriptions {
            match subscription.next().await.transpose()? {
                Some(Update::Item(_)) => {}
                other => return Err(format!("no item but {other:?}").into()),
            }
        }
    }
    publisher.close().await;
    for (client, _) in subscriptions {
        client.close().await;
    }
    Ok(())
}
