//! An actix-web server on a port of its own.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::mpsc;
use std::thread;

use actix_web::dev::ServerHandle;
use actix_web::rt::System;
use actix_web::web::ServiceConfig;
use actix_web::{App, HttpServer};
use twinwire_server::plain::{Plain, PlainLimits};
use twinwire_server::{Builder, Twinwire};

/// A running server on 127.0.0.1; dropping it stops it at once, with all its connections.
#[derive(Debug)]
pub struct Server {
    addr: SocketAddr,
    handle: ServerHandle,
    thread: Option<thread::JoinHandle<()>>,
}

impl Server {
    /// Starts a configured server with one worker.
    ///
    /// # Panics
    ///
    /// If it can't start.
    pub fn start(configure: impl Fn(&mut ServiceConfig) + Clone + Send + 'static) -> Self {
        Self::with_workers(1, configure)
    }

    /// Starts a configured server.
    ///
    /// # Panics
    ///
    /// If it can't start.
    pub fn with_workers(
        workers: usize,
        configure: impl Fn(&mut ServiceConfig) + Clone + Send + 'static,
    ) -> Self {
        Self::spawn(workers, true, configure)
    }

    /// Starts a server with one worker that didn't go through [`twinwire_server::configure_http_server`].
    ///
    /// # Panics
    ///
    /// If it can't start.
    pub fn unconfigured(configure: impl Fn(&mut ServiceConfig) + Clone + Send + 'static) -> Self {
        Self::spawn(1, false, configure)
    }

    fn spawn(
        workers: usize,
        configured: bool,
        configure: impl Fn(&mut ServiceConfig) + Clone + Send + 'static,
    ) -> Self {
        let (started, start) = mpsc::channel();
        let thread = thread::spawn(move || {
            System::new().block_on(async move {
                let configure = move || App::new().configure(configure.clone());
                let server = HttpServer::new(configure)
                    .workers(workers)
                    .disable_signals();
                let server = if configured {
                    twinwire_server::configure_http_server(server)
                } else {
                    server
                };
                let server = server.bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
                let addr = server.addrs()[0];
                let server = server.run();
                // The test may have given up already.
                let _ = started.send((addr, server.handle()));
                let _ = server.await;
            });
        });
        let (addr, handle) = start.recv().expect("the server's thread panicked");
        Self {
            addr,
            handle,
            thread: Some(thread),
        }
    }

    /// Where it listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The `ws:` address of a path, which begins with a slash.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("ws://{}{path}", self.addr)
    }
}

/// Begins an endpoint with the limits of [`patient`](crate::patient).
pub fn builder<S: Send + Sync + 'static>(state: S) -> Builder<S, ()> {
    Twinwire::builder(state).limits(crate::patient())
}

/// Returns limits of a plain endpoint by which no heartbeat comes while a test waits.
#[must_use]
pub fn patient_plain() -> PlainLimits {
    PlainLimits {
        heartbeat: suite::NEVER,
        ..PlainLimits::default()
    }
}

/// Starts a configured server with two workers, and the endpoint at `/ws`.
///
/// # Panics
///
/// If two handlers answer one kind, or it can't start.
#[must_use]
pub fn serve<S, I>(builder: Builder<S, I>) -> (Server, Twinwire<S, I>)
where
    S: Send + Sync + 'static,
    I: Send + Sync + 'static,
{
    serve_on(2, builder)
}

/// As [`serve`], with as many workers: with one, connections follow each other on the same thread.
///
/// # Panics
///
/// As of [`serve`].
#[must_use]
pub fn serve_on<S, I>(workers: usize, builder: Builder<S, I>) -> (Server, Twinwire<S, I>)
where
    S: Send + Sync + 'static,
    I: Send + Sync + 'static,
{
    let wire = builder.build().expect("the endpoint can be built");
    let mounted = wire.clone();
    let server = Server::with_workers(workers, move |config| {
        config.configure(mounted.at("/ws"));
    });
    (server, wire)
}

/// Starts a configured server with both endpoints, at `/ws` and at `/plain`.
///
/// # Panics
///
/// If it can't start.
#[must_use]
pub fn serve_both<S, I>(wire: &Twinwire<S, I>, plain: &Plain) -> Server
where
    S: Send + Sync + 'static,
    I: Send + Sync + 'static,
{
    let (wire, plain) = (wire.clone(), plain.clone());
    Server::start(move |config| {
        config
            .configure(wire.at("/ws"))
            .configure(plain.at("/plain"));
    })
}

impl Drop for Server {
    fn drop(&mut self) {
        // The command is sent by the call; its future only waits for the answer.
        drop(self.handle.stop(false));
        if let Some(thread) = self.thread.take() {
            let ended = thread.join();
            assert!(
                ended.is_ok() || thread::panicking(),
                "the server's thread panicked"
            );
        }
    }
}
