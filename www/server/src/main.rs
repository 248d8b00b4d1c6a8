//! The showcase's server: the page and its wire on one port.

#![forbid(unsafe_code)]

mod bot;
mod chat;
mod hall;
mod page;

use std::io::{self, IsTerminal};
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use clap::Parser;
use tracing_subscriber::EnvFilter;
use twinwire_server::{Limits, Server};

/// Serves the showcase's page and its wire on localhost.
#[derive(Parser)]
#[command(name = "twinwire-server", version)]
struct Args {
    /// The port on 127.0.0.1 and `[::1]`; 0 takes one that is free.
    #[arg(long, default_value_t = 9501)]
    port: u16,

    /// The address to listen at, in the place of localhost: 0.0.0.0 lets everybody in who reaches this machine,
    /// such as a phone in the same network. Nothing is encrypted then.
    #[arg(long, value_name = "ADDRESS")]
    host: Option<IpAddr>,

    /// The folder of the built page.
    #[arg(long, default_value = "www/dist")]
    www: PathBuf,

    /// For how many seconds a session without a connection is kept.
    #[arg(long, value_name = "SECONDS", default_value_t = 120)]
    keep: u64,

    /// Lets pages of this origin connect too, such as http://localhost:8080. May be repeated.
    #[arg(long, value_name = "ORIGIN")]
    allow_origin: Vec<String>,
}

#[actix_web::main]
async fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    log_to_stderr();
    let pages = page::Pages::find(args.www)?;

    let limits = Limits::default().resume(Duration::from_secs(args.keep));
    let mut builder = chat::builder().limits(limits);
    for origin in args.allow_origin {
        builder = builder.allow_origin(origin);
    }
    let wire = builder.build()?;
    let server = match args.host {
        None => Server::loopback(args.port),
        Some(host) => Server::bind((host, args.port)),
    };
    let server = server?
        .mount("/ws", &wire)
        .configure(move |config| pages.serve(config));
    let listens = server.addrs().into_iter().next();
    let port = listens.context("there is no loopback address")?.port();
    match args.host {
        None => println!("listening on http://localhost:{port}"),
        Some(host) => println!("listening on http://{}", SocketAddr::new(host, port)),
    }
    server.run().await?;
    Ok(())
}

/// Logs as `RUST_LOG` says; by default what concerns a person who watches.
fn log_to_stderr() {
    let filter = EnvFilter::try_from_default_env();
    let filter = filter.unwrap_or_else(|_| EnvFilter::new("info,actix_server=warn"));
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr);
    log.with_ansi(io::stderr().is_terminal()).init();
}
