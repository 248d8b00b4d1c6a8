//! The showcase's server: the page and its wire on one port.

#![forbid(unsafe_code)]

mod bot;
mod chat;
mod hall;
mod page;

use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::time::Duration;

use actix_web::{App, HttpServer};
use anyhow::Context as _;
use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;
use twinwire_server::{Limits, loopback, tune};

/// Serves the showcase's page and its wire on localhost.
#[derive(Parser)]
#[command(name = "twinwire-server", version)]
struct Args {
    /// The port on 127.0.0.1 and `[::1]`; 0 takes one that is free.
    #[arg(long, default_value_t = 9501)]
    port: u16,

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
    let page = page::Page::find(args.www)?;

    let limits = Limits::default().resume(Duration::from_secs(args.keep));
    let mut builder = chat::builder().limits(limits);
    for origin in args.allow_origin {
        builder = builder.allow_origin(origin);
    }
    let wire = builder.build()?;
    let mounted = wire.clone();
    let server = HttpServer::new(move || {
        let wire = mounted.at("/ws");
        App::new()
            .configure(wire)
            .configure(|config| page.serve(config))
    });
    let mut server = tune(server).disable_signals().shutdown_timeout(1);
    let (port, listeners) = loopback(args.port).with_context(|| {
        format!(
            "can't listen on port {}; choose another with --port",
            args.port
        )
    })?;
    for listener in listeners {
        server = server.listen(listener)?;
    }
    println!("listening on http://localhost:{port}");
    let server = server.run();
    let handle = server.handle();
    actix_web::rt::spawn(async move {
        asked_to_stop().await;
        wire.shut_down().await;
        handle.stop(true).await;
    });
    server.await?;
    Ok(())
}

/// Ready at the first Ctrl-C or SIGTERM.
async fn asked_to_stop() {
    let mut terminate = match signal(SignalKind::terminate()) {
        Ok(terminate) => terminate,
        Err(error) => {
            tracing::warn!(%error, "SIGTERM will end the server without a goodbye");
            return std::future::pending().await;
        }
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}

/// As `RUST_LOG` says; by default what concerns a person who watches.
fn log_to_stderr() {
    let filter = EnvFilter::try_from_default_env();
    let filter = filter.unwrap_or_else(|_| EnvFilter::new("info,actix_server=warn"));
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr);
    log.with_ansi(io::stderr().is_terminal()).init();
}
