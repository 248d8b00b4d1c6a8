//! A client and its server without sockets, for an application's own tests. Feature `test`.
//!
//! ```
//! use serde::{Deserialize, Serialize};
//! use twinwire::{Call, Kinds, kinds};
//! use twinwire_server::{HandlerContext, Twinwire, test};
//!
//! #[derive(Serialize, Deserialize, Call)]
//! #[call(reply = u32)]
//! struct Double {
//!     number: u32,
//! }
//!
//! const KINDS: Kinds = kinds![Double];
//!
//! # #[actix_web::main]
//! # async fn main() {
//! let wire = Twinwire::builder(())
//!     .call(|_: HandlerContext, double: Double| async move { Ok(2 * double.number) })
//!     .build()
//!     .expect("the kinds don't clash");
//! let client = test::pair(&wire, KINDS).await.expect("everyone is welcome");
//! assert_eq!(client.call(Double { number: 21 }).await.expect("an answer"), 42);
//! # }
//! ```
//!
//! [`pair_with`] takes the client's [`Options`], its token among them, and the handshake that `authenticate` gets.
//! What a client is asked and told in a test is here too: here of a topic.
//!
//! ```
//! use actix_web::test::TestRequest;
//! use serde::{Deserialize, Serialize};
//! use twinwire::{Kinds, Topic, kinds};
//! use twinwire_server::test::{self, ConnectError, Options, Start, Update};
//! use twinwire_server::{Access, HandlerContext, Denied, End, Twinwire};
//!
//! #[derive(Serialize, Deserialize, Topic)]
//! #[topic(item = String)]
//! struct Room {
//!     name: String,
//! }
//!
//! const KINDS: Kinds = kinds![Room];
//!
//! # #[actix_web::main]
//! # async fn main() {
//! let wire = Twinwire::builder(())
//!     .authenticate(|token, request| async move {
//!         let language = request.headers().get("accept-language");
//!         match (&token[..], language) {
//!             (b"let me in", Some(_)) => Ok(()),
//!             _ => Err(Denied::new("not you")),
//!         }
//!     })
//!     .topic(|_: HandlerContext, _: Room| async { Access::subscribe() })
//!     .build()
//!     .expect("the kinds don't clash");
//! let room = || Room { name: "lobby".to_owned() };
//! wire.publish(&room(), &"good morning".to_owned()).expect("it is small");
//!
//! let options = Options::new("", KINDS).token("let me in");
//! let request = TestRequest::default().insert_header(("accept-language", "en"));
//! let client = test::pair_with(&wire, options, request.to_http_request())
//!     .await
//!     .expect("the token is right");
//! let mut lines = client
//!     .subscribe_from(room(), Start::Last(1))
//!     .await
//!     .expect("everyone may listen");
//! match lines.next().await {
//!     Some(Ok(Update::Item(line))) => assert_eq!(line.item, "good morning"),
//!     other => panic!("{other:?}"),
//! }
//!
//! // A client without a token, and of a handshake without headers.
//! match test::pair(&wire, KINDS).await {
//!     Err(ConnectError::NotWelcomed(End::Goodbye(goodbye))) => assert_eq!(goodbye.reason, "not you"),
//!     other => panic!("{other:?}"),
//! }
//! # }
//! ```

use std::net::Shutdown;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::dev::Extensions;
use actix_web::test::TestRequest;
use futures_channel::mpsc::{Receiver, Sender, channel};
use futures_core::Stream;
use thiserror::Error;
use tokio::time::{Instant, Sleep};
use twinwire::{Format, Kinds, Position, Time, Topic, version};
pub use twinwire_client::{
    AnyEvent, CallError, Client, ClientState, EventError, Events, Inbox, Invitations, Items,
    Options, Publication, Published, Receipt, ReconnectCause, Refused, SessionLost, Start, States,
    Subscription, Undeclared, Update, Verdict,
};
use twinwire_client::{OpenFailure, Transport};
use twinwire_remote::{Inbound, Link, LinkLost};

use crate::random::Random;
use crate::{Builder, Twinwire, websocket};

/// Messages under way in one direction.
const UNDER_WAY: usize = 1;

/// The options name a format that this version doesn't speak. It can't happen from outside.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("the server doesn't speak the client's format: build both with one version of twinwire")]
pub struct OpenError;

impl OpenFailure for OpenError {
    fn is_final(&self) -> bool {
        true
    }
}

/// The failure to connect a client.
pub type ConnectError = twinwire_client::ConnectError<OpenError>;

/// Connects a client without a token to an endpoint in memory. The server sees a handshake without headers, of no
/// address; [`pair_with`] gives it others.
///
/// # Errors
/// As of any client: the application may refuse it.
///
/// # Panics
/// Outside actix's runtime, such as `#[actix_web::test]`'s.
pub async fn pair<S, I>(wire: &Twinwire<S, I>, kinds: Kinds) -> Result<Client, ConnectError>
where
    S: Send + Sync + 'static,
    I: Send + Sync + 'static,
{
    let request = TestRequest::default().to_http_request();
    pair_with(wire, Options::new("", kinds), request).await
}

/// Connects a client with these options to an endpoint in memory: their URL means nothing here. The server sees
/// `request`, such as a [`TestRequest`] with headers and an address, at each connection that the client opens.
///
/// # Errors
/// As of any client: the application may refuse it.
///
/// # Panics
/// Outside actix's runtime, such as `#[actix_web::test]`'s.
pub async fn pair_with<S, I>(
    wire: &Twinwire<S, I>,
    options: Options,
    request: HttpRequest,
) -> Result<Client, ConnectError>
where
    S: Send + Sync + 'static,
    I: Send + Sync + 'static,
{
    let memory = Memory {
        wire: wire.clone(),
        request,
        origin: Instant::now(),
    };
    let (connecting, driver) = twinwire_client::start(memory, options);
    actix_web::rt::spawn(driver.run());
    connecting.await
}

/// Has an endpoint draw its ids and its clients' secrets from `fill`, in the place of the system's source: what
/// follows from a seed is the same each time. Strangers can guess them then.
pub fn draws_from<S, I>(
    mut builder: Builder<S, I>,
    fill: impl Fn(&mut [u8]) + Send + Sync + 'static,
) -> Builder<S, I> {
    builder.random = Random::new(move |bytes| {
        fill(bytes);
        Ok(())
    });
    builder
}

/// Carries a connection of a client over a link of the test's own, in a task on the current `LocalSet`. `request` is
/// the handshake that `authenticate` gets.
///
/// # Panics
/// Outside actix's runtime and a `LocalSet`.
pub fn serve<S, I>(
    wire: &Twinwire<S, I>,
    request: HttpRequest,
    format: Format,
    link: impl Link + 'static,
) where
    S: Send + Sync + 'static,
    I: Send + Sync + 'static,
{
    wire.serve(request, format, link);
}

/// Does for a connection of the test's own, whatever it is made of, what [`on_connect`](crate::on_connect) does for
/// one of TCP. `shut_down` is called from any thread, as `shutdown` of a socket is: [`Shutdown::Both`] resets the
/// connection, and what is on its way to the peer is lost.
pub fn on_connect(data: &mut Extensions, shut_down: impl Fn(Shutdown) + Send + Sync + 'static) {
    websocket::insert_handle(data, shut_down);
}

/// The numbers of what an endpoint holds. At rest they are those of what its application and its clients hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counters {
    /// Sessions, with or without a connection.
    pub sessions: usize,
    /// Sessions that are over and remembered.
    pub tombstones: usize,
    /// Bytes that count against [`Builder::memory_budget`].
    pub memory: usize,
    /// Clients that [`Twinwire::peers`] finds.
    pub peers: usize,
    /// Clients that [`Twinwire::user`] finds.
    pub users: usize,
    /// Handlers at work, items that wait for room, and joins that aren't answered.
    pub handlers: usize,
    /// Requests that wait for `on_open`.
    pub waiting: usize,
    /// Topics that sessions have joined.
    pub memberships: usize,
    /// Bytes that sessions keep until they are acknowledged.
    pub kept: usize,
    /// Topics that have a log.
    pub topics: usize,
    /// Sessions that topics tell of news.
    pub subscribers: usize,
}

/// Counts what an endpoint holds. A session in a turn on another thread is left out.
pub fn counters<S, I>(wire: &Twinwire<S, I>) -> Counters {
    wire.count()
}

/// Returns the place of the oldest item that a topic's log has, or of the next if it has none. None if there is no
/// such topic now.
pub fn oldest<S, I, T: Topic>(wire: &Twinwire<S, I>, topic: &T) -> Option<Position> {
    wire.oldest(topic)
}

/// The way to a server in the same program.
struct Memory<S, I> {
    wire: Twinwire<S, I>,
    request: HttpRequest,
    origin: Instant,
}

impl<S: Send + Sync + 'static, I: Send + Sync + 'static> Transport for Memory<S, I> {
    type Link = Half;
    type Error = OpenError;
    type Sleep = Sleep;

    async fn open(&self, _: &str, subprotocol: &'static str) -> Result<Half, OpenError> {
        let format = version::format(subprotocol).ok_or(OpenError)?;
        let (up, from_client) = channel(UNDER_WAY);
        let (down, from_server) = channel(UNDER_WAY);
        let server = Half {
            incoming: from_client,
            outgoing: down,
        };
        self.wire.serve(self.request.clone(), format, server);
        Ok(Half {
            incoming: from_server,
            outgoing: up,
        })
    }

    fn now(&self) -> Time {
        Time::from_origin(self.origin.elapsed())
    }

    fn sleep(&self, time: Duration) -> Sleep {
        tokio::time::sleep(time)
    }

    fn jitter(&self) -> f64 {
        // Nobody else comes back at the same time: short waits, alike in each run.
        0.1
    }
}

/// One end of a link in memory.
struct Half {
    incoming: Receiver<Vec<u8>>,
    outgoing: Sender<Vec<u8>>,
}

impl Link for Half {
    type Message = Vec<u8>;

    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<Result<Inbound<Vec<u8>>, LinkLost>> {
        let message = ready!(Pin::new(&mut self.incoming).poll_next(cx));
        Poll::Ready(message.map_or(Err(LinkLost), |message| Ok(Inbound::Binary(message))))
    }

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), LinkLost>> {
        self.outgoing.poll_ready(cx).map_err(|_| LinkLost)
    }

    fn send(&mut self, message: Vec<u8>) {
        // An end that is gone shows in `poll_receive`.
        let _ = self.outgoing.start_send(message);
    }

    fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<Result<(), LinkLost>> {
        Poll::Ready(Ok(()))
    }

    /// Dropping both directions is the close; what is under way still arrives.
    async fn close(self, _: u16) {}
}
