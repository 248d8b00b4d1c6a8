//! Run with `cargo run --release --example plain_echo`, or with `-- --port N` behind it.
//!
//! A bare WebSocket server that logs what happens and answers each message. Try it from any page:
//! `new WebSocket("ws://localhost:9501")`.

use std::io::{self, IsTerminal};

use clap::Parser;
use tracing::info;
use twinwire_server::plain::{CloseEvent, Plain, PlainLimits};
use twinwire_server::{Origins, ServeError, Server};

#[derive(Parser)]
struct Args {
    /// The port on 127.0.0.1 and [::1]; 0 picks a free one.
    #[arg(long, default_value_t = 9501)]
    port: u16,
    /// Send each message back, up to 16 MiB, instead of a sentence.
    #[arg(long)]
    echo: bool,
}

/// The largest message in bytes with `--echo`.
const LARGEST: usize = 16 << 20;

#[actix_web::main]
async fn main() {
    let terminal = io::stdout().is_terminal();
    tracing_subscriber::fmt().with_ansi(terminal).init();
    let Args { port, echo } = Args::parse();
    if let Err(error) = serve(port, echo).await {
        eprintln!("{error}; see --port");
        std::process::exit(1);
    }
}

async fn serve(port: u16, echo: bool) -> Result<(), ServeError> {
    let limits = PlainLimits::default();
    let limits = match echo {
        true => PlainLimits {
            message: LARGEST,
            queue: 2 * LARGEST,
            ..limits
        },
        false => limits,
    };
    let plain = Plain::builder()
        .limits(limits)
        .origins(Origins::any())
        .on_open(|connection, request| {
            let (id, from) = (connection.id(), request.peer_addr());
            info!("#{id} shook hands, from {from:?}");
        })
        .on_message(move |connection, message| {
            let id = connection.id();
            let len = message.as_bytes().len();
            match message.text() {
                // Cut, and escaped by Debug, so that a client cannot fill the log or forge its lines.
                Some(text) => {
                    let begin: String = text.chars().take(100).collect();
                    info!("#{id} sent {begin:?}, {len} bytes of text");
                }
                None => info!("#{id} sent {len} bytes"),
            }
            let answer = match echo {
                true => message,
                false => "this is server".into(),
            };
            if let Err(error) = connection.push(answer) {
                info!("no answer: {error}");
            }
        })
        .on_close(
            |connection,
             CloseEvent {
                 code,
                 reason,
                 clean,
             }| {
                let id = connection.id();
                info!("#{id} closed, code {code}, reason {reason:?}, clean {clean}");
            },
        )
        .build();
    let server = Server::loopback(port)?.mount("/", &plain);
    info!("listening on ws://localhost:{}", server.addrs()[0].port());
    server.run().await
}
