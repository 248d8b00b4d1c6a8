//! A server from its first socket to its last goodbye.

mod endpoint;
mod error;
mod listen;
mod signals;

use std::fmt;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::web::ServiceConfig;
use actix_web::{App, HttpServer};
use tokio::task::JoinSet;

use crate::websocket::configure_http_server;
pub use endpoint::Endpoint;
pub use error::ServeError;
use signals::Signals;

/// The part of the shutdown timeout for HTTP requests, after the goodbyes. actix looks once a second.
const REQUESTS: Duration = Duration::from_secs(1);

type Configure = dyn Fn(&mut ServiceConfig) + Send + Sync;

struct Mounted {
    path: String,
    endpoint: Box<dyn endpoint::sealed::Endpoint>,
}

/// An actix-web server that owns its sockets and its signals: [`Twinwire`](crate::Twinwire) and
/// [`Plain`](crate::plain::Plain) endpoints, and routes of the application.
///
/// At SIGTERM or SIGINT (Ctrl-C on other systems) every client of every endpoint is told goodbye, and
/// [`run`](Self::run) returns within the [`shutdown_timeout`](Self::shutdown_timeout), 3 seconds. A second
/// signal stops the server at once.
///
/// ```no_run
/// use actix_web::{HttpResponse, web};
/// use twinwire_server::{ServeError, Server, Twinwire};
///
/// # async fn run(wire: Twinwire<(), ()>) -> Result<(), ServeError> {
/// Server::bind(("127.0.0.1", 9501))?
///     .mount("/ws", &wire)
///     .configure(|app| {
///         app.route("/health", web::get().to(HttpResponse::Ok));
///     })
///     .run()
///     .await
/// # }
/// ```
///
/// For TLS, or an `App` with middleware around everything, use actix's
/// [`HttpServer`] with [`configure_http_server`], over TLS with [`on_connect`](crate::on_connect) in its place, and call
/// [`Twinwire::shut_down`](crate::Twinwire::shut_down) yourself.
#[must_use = "call run"]
pub struct Server {
    listeners: Vec<TcpListener>,
    endpoints: Vec<Mounted>,
    configure: Vec<Box<Configure>>,
    shutdown_timeout: Duration,
}

impl Server {
    /// Listens on every address of `addrs` that this machine has. Port 0 takes a free one for each, so use
    /// [`loopback`](Self::loopback) for `localhost`.
    ///
    /// # Errors
    /// [`ServeError::InUse`] if another program listens on one of them, [`ServeError::Forbidden`],
    /// [`ServeError::Listen`], [`ServeError::Resolve`] and [`ServeError::NoAddress`].
    pub fn bind(addrs: impl ToSocketAddrs) -> Result<Self, ServeError> {
        let addrs = addrs.to_socket_addrs().map_err(ServeError::Resolve)?;
        listen::all(addrs).map(Self::listen)
    }

    /// Listens at one port on both addresses that `localhost` may mean, 127.0.0.1 and `[::1]`: browsers try
    /// either first. Port 0 takes one that is free on both. A machine without IPv6 has one address.
    ///
    /// # Errors
    /// As [`bind`](Self::bind).
    pub fn loopback(port: u16) -> Result<Self, ServeError> {
        listen::loopback(port).map(Self::listen)
    }

    /// Takes sockets that listen already, such as those a service manager hands over.
    pub fn listen(listeners: impl IntoIterator<Item = TcpListener>) -> Self {
        Self {
            listeners: listeners.into_iter().collect(),
            endpoints: Vec::new(),
            configure: Vec::new(),
            shutdown_timeout: Duration::from_secs(3),
        }
    }

    /// Returns the addresses of the sockets, with the ports that were found for port 0.
    #[must_use]
    pub fn addrs(&self) -> Vec<SocketAddr> {
        let addrs = self.listeners.iter().map(TcpListener::local_addr);
        addrs.filter_map(Result::ok).collect()
    }

    /// Mounts an endpoint at a path, before all routes of [`configure`](Self::configure). May be repeated.
    pub fn mount<E: Endpoint + Clone>(mut self, path: &str, endpoint: &E) -> Self {
        self.endpoints.push(Mounted {
            path: path.to_owned(),
            endpoint: Box::new(endpoint.clone()),
        });
        self
    }

    /// Adds routes and data of the application. The function runs once a worker. May be repeated.
    pub fn configure(
        mut self,
        configure: impl Fn(&mut ServiceConfig) + Send + Sync + 'static,
    ) -> Self {
        self.configure.push(Box::new(configure));
        self
    }

    /// Sets the most time from a signal to the end of [`run`](Self::run): 3 seconds by default.
    ///
    /// The last second of it is for HTTP requests. The rest is for clients that are slow to answer the goodbye,
    /// each for [`Limits::drain`](crate::Limits::drain) at most. One client that doesn't answer makes a stop last that
    /// long, also if nothing waits to be sent to it: it can't be told from one whose line is slow, and a socket that is
    /// closed while a client still sends is reset (RFC 9293 §3.6.1), which may lose the goodbye and with it the verdicts
    /// on what the client sent. With a shorter time, more of them find their connection cut. With a time longer than a service manager waits, the process is killed first.
    pub fn shutdown_timeout(mut self, time: Duration) -> Self {
        self.shutdown_timeout = time;
        self
    }

    /// Serves until a signal stops the server and its clients have been told.
    ///
    /// Awaited in an actix or tokio runtime, as `#[actix_web::main]` makes it. From here on this process keeps
    /// the signals, also after `run` has returned: what the application does then can't be ended by Ctrl-C.
    ///
    /// # Errors
    /// [`ServeError::Signals`]; [`ServeError::NoAddress`] without a socket; [`ServeError::Run`] if the workers
    /// can't start.
    pub async fn run(self) -> Result<(), ServeError> {
        // Before the first client: one that is welcome is told goodbye.
        let mut signals = Signals::listen().map_err(ServeError::Signals)?;
        if self.listeners.is_empty() {
            return Err(ServeError::NoAddress);
        }
        let Self {
            listeners,
            endpoints,
            configure,
            shutdown_timeout,
        } = self;
        let endpoints: Arc<[Mounted]> = endpoints.into();
        let configure: Arc<[Box<Configure>]> = configure.into();
        let mounted = Arc::clone(&endpoints);
        let app = move || {
            let (mounted, configure) = (Arc::clone(&mounted), Arc::clone(&configure));
            App::new().configure(move |app| {
                mounted
                    .iter()
                    .for_each(|at| at.endpoint.mount(&at.path, app));
                configure.iter().for_each(|configure| configure(app));
            })
        };
        let mut server = configure_http_server(HttpServer::new(app))
            .disable_signals()
            .shutdown_timeout(REQUESTS.as_secs());
        for listener in listeners {
            server = server.listen(listener).map_err(ServeError::Run)?;
        }
        let mut server = server.run();
        let handle = server.handle();
        tokio::select! {
            ended = &mut server => return ended.map_err(ServeError::Run),
            signal = signals.next() => tracing::info!(signal, "stopping"),
        }
        let stop = stop(&endpoints, &handle, shutdown_timeout);
        // Dropping the server closes what is open then.
        tokio::select! {
            ended = &mut server => ended.map_err(ServeError::Run),
            () = stop => Ok(()),
            signal = signals.next() => {
                tracing::warn!(signal, "a second signal: stopping without goodbyes");
                Ok(())
            }
        }
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let paths: Vec<&str> = self.endpoints.iter().map(|at| at.path.as_str()).collect();
        f.debug_struct("Server")
            .field("addrs", &self.addrs())
            .field("endpoints", &paths)
            .finish_non_exhaustive()
    }
}

/// Says goodbye on all endpoints at once, then lets HTTP requests end.
async fn stop(endpoints: &[Mounted], handle: &ServerHandle, most: Duration) {
    // A short time is shared evenly: goodbyes mustn't use up what requests need.
    let requests = REQUESTS.min(most / 2);
    if !all_told(endpoints, most - requests).await {
        tracing::warn!("the shutdown timeout is over: the last clients find their connection cut");
    }
    // Workers look once a second and may be late, or blocked by a handler.
    let stopped = tokio::time::timeout(requests, handle.stop(true)).await;
    if stopped.is_err() {
        tracing::warn!("the shutdown timeout is over: HTTP requests that still run are cut off");
    }
}

/// Says goodbye on all endpoints at once; false if some clients are left after `most`.
async fn all_told(endpoints: &[Mounted], most: Duration) -> bool {
    let mut goodbyes = JoinSet::new();
    for at in endpoints {
        // Side by side: each endpoint may need all of the time.
        goodbyes.spawn(at.endpoint.shut_down());
    }
    let told = async { while goodbyes.join_next().await.is_some() {} };
    tokio::time::timeout(most, told).await.is_ok()
}

#[cfg(test)]
mod tests {
    use std::future;

    use super::*;

    /// An endpoint whose clients take this long to go; none is for ever.
    struct Slow(Option<Duration>);

    impl endpoint::sealed::Endpoint for Slow {
        fn mount(&self, _: &str, _: &mut ServiceConfig) {}

        fn shut_down(&self) -> endpoint::ShutDown {
            match self.0 {
                Some(time) => Box::pin(tokio::time::sleep(time)),
                None => Box::pin(future::pending()),
            }
        }
    }

    fn endpoints(times: &[Option<Duration>]) -> Vec<Mounted> {
        let mounted = times.iter().map(|&time| Mounted {
            path: "/".to_owned(),
            endpoint: Box::new(Slow(time)),
        });
        mounted.collect()
    }

    #[tokio::test(start_paused = true)]
    async fn goodbyes_are_said_at_once_and_the_slowest_is_waited_for() {
        let times = [1, 2, 1].map(|seconds| Some(Duration::from_secs(seconds)));
        let begun = tokio::time::Instant::now();
        assert!(all_told(&endpoints(&times), Duration::from_secs(5)).await);
        assert_eq!(begun.elapsed().as_secs(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn an_endpoint_that_never_ends_holds_nobody_longer_than_may_be() {
        let begun = tokio::time::Instant::now();
        assert!(!all_told(&endpoints(&[None]), Duration::from_secs(2)).await);
        assert_eq!(begun.elapsed().as_secs(), 2);
    }
}
