//! What an application says before it mounts the endpoint.

use std::collections::{HashMap, HashSet};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::http::header::HeaderName;
use thiserror::Error;
use twinwire::log::Retention;
use twinwire::{
    AlsoCalls, AlsoEvents, AlsoStreams, AlsoTopics, BootId, Call, End, Event, Kind, Limits,
    StreamCall, Topic,
};

use crate::app::handler::{KindHandler, Registry};
use crate::app::identity::{Authenticator, Denied};
use crate::app::middleware::{Middleware, Next, Response};
use crate::app::shared::{Mismatches, Shared};
use crate::app::stream_sender::StreamSender;
use crate::app::versions::VersionCollector;
use crate::origin::{OriginError, OriginGuard, Origins};
use crate::random::Random;
use crate::session::owners::Owners;
use crate::session::peers::Peers;
use crate::session::slot::Sessions;
use crate::session::tables::Tables;
use crate::topic::{Access, Topics};
use crate::warnings::Warnings;
use crate::{HandlerContext, Twinwire};

/// Work of the application's that ends in nothing.
pub(crate) type AppFuture = Pin<Box<dyn Future<Output = ()>>>;
pub(crate) type OnOpen<S, I> = Box<dyn Fn(HandlerContext<S, I>) -> AppFuture + Send + Sync>;
pub(crate) type OnClose<S, I> = Box<dyn Fn(HandlerContext<S, I>, End) -> AppFuture + Send + Sync>;

/// Collects an application's handlers. Made by [`Twinwire::builder`].
#[must_use = "a builder does nothing until it is built"]
pub struct Builder<S, I> {
    state: S,
    authenticator: Authenticator<I>,
    owners: Owners<I>,
    registry: Registry<S, I>,
    middleware: Vec<Middleware<S, I>>,
    on_open: Option<OnOpen<S, I>>,
    on_close: Option<OnClose<S, I>>,
    wrong: Option<BuildError>,
    origins: Origins,
    limits: Limits,
    retention: Retention,
    topics: usize,
    memory_budget: usize,
    drain_spread: Duration,
    explain_mismatches: bool,
    pub(crate) random: Random,
}

impl<S: Send + Sync + 'static> Twinwire<S, ()> {
    /// Begins an endpoint. Handlers reach `state` through [`HandlerContext::state`](crate::HandlerContext::state).
    pub fn builder(state: S) -> Builder<S, ()> {
        Builder::new(state)
    }
}

impl<S: Send + Sync + 'static> Builder<S, ()> {
    fn new(state: S) -> Self {
        Self {
            state,
            authenticator: Authenticator {
                authenticate: Box::new(|_, _| Box::pin(async { Ok(()) })),
                kept_headers: Vec::new(),
            },
            owners: Owners::new(false),
            registry: HashMap::new(),
            middleware: Vec::new(),
            on_open: None,
            on_close: None,
            wrong: None,
            origins: Origins::default(),
            limits: Limits::default(),
            retention: Retention::default(),
            topics: 1000,
            memory_budget: 256 * 1024 * 1024,
            drain_spread: Duration::from_secs(5),
            explain_mismatches: cfg!(debug_assertions),
            random: Random::system(),
        }
    }

    /// Says who a client is: `authenticate` gets the token of its hello and the handshake's request
    /// (its cookies, its address), and gives what [`HandlerContext::identity`] will be, or refuses the client.
    /// It is asked at each connection, also when a client comes back for its session. The session then goes on
    /// only if the client is still its owner: if it shows the same token and the same `Cookie` and `Authorization`
    /// headers, unless [`user_key`](Self::user_key) or [`may_resume`](Self::may_resume) says otherwise. From then on
    /// handlers see the new identity, address and headers. Who isn't the owner gets a new session: an application
    /// whose tokens are good for once, or change, says by one of the two who a client is. A client that shows none of
    /// the three is nobody's: it gets a new session each time, and the log a warning. So an application that lets guests in,
    /// or goes by another header or the address, says by one of the two who may have a session back. An identity of no
    /// size, such as `()`, tells nobody apart, and the session's secret is enough.
    /// Without it everyone is welcome, and a session's secret is enough to have it back. Comes before the
    /// handlers, which see the identity's type.
    ///
    /// It runs in a task of its own, on the worker that holds the socket. One that isn't done when the handshake's
    /// time is over ([`Limits::handshake`](twinwire::Limits::handshake), 10 s) is dropped at its next await, and the
    /// client told `too_slow`. One that panics ends that handshake as `internal`, and nothing else.
    ///
    /// # Panics
    /// After a handler was added.
    pub fn authenticate<I, F, R>(self, authenticate: F) -> Builder<S, I>
    where
        F: Fn(Vec<u8>, HttpRequest) -> R + Send + Sync + 'static,
        R: Future<Output = Result<I, Denied>> + 'static,
        I: Send + Sync + 'static,
    {
        let is_early = self.registry.is_empty()
            && self.middleware.is_empty()
            && self.on_open.is_none()
            && self.on_close.is_none();
        assert!(is_early, "authenticate comes before the handlers");
        Builder {
            state: self.state,
            authenticator: Authenticator {
                authenticate: Box::new(move |token, request| {
                    Box::pin(authenticate(token, request))
                }),
                kept_headers: self.authenticator.kept_headers,
            },
            // A type of one value tells no client from another.
            owners: Owners::new(size_of::<I>() > 0),
            registry: HashMap::new(),
            middleware: Vec::new(),
            on_open: None,
            on_close: None,
            wrong: None,
            origins: self.origins,
            limits: self.limits,
            retention: self.retention,
            topics: self.topics,
            memory_budget: self.memory_budget,
            drain_spread: self.drain_spread,
            explain_mismatches: self.explain_mismatches,
            random: self.random,
        }
    }
}

impl<S: Send + Sync + 'static, I: Send + Sync + 'static> Builder<S, I> {
    /// Answers calls of one kind. Calls of a client start in the order in which it made them and
    /// run beside each other, on the worker that holds its socket: a handler that blocks its thread
    /// blocks others.
    ///
    /// The handler's future is dropped at its next await when its caller cancels, its deadline passes
    /// or the session ends; see [`HandlerContext::detach`] for what must finish. A panic ends that call with
    /// `panicked` and nothing else.
    pub fn call<C, F, R>(self, handler: F) -> Self
    where
        C: Call,
        F: Fn(HandlerContext<S, I>, C) -> R + Send + Sync + 'static,
        R: Future<Output = Result<C::Reply, C::Error>> + 'static,
    {
        self.calls(handler, false)
    }

    /// Adds a kind of call and the older types that become it.
    fn calls<C, F, R>(self, handler: F, in_order: bool) -> Self
    where
        C: Call,
        F: Fn(HandlerContext<S, I>, C) -> R + Send + Sync + 'static,
        R: Future<Output = Result<C::Reply, C::Error>> + 'static,
    {
        let handler = Arc::new(handler);
        let newest = Arc::clone(&handler);
        let newest = KindHandler::call(move |cx, request: C| newest(cx, request));
        let mut types = C::Also::visit(VersionCollector::of(newest, handler)).types;
        for registered in &mut types {
            registered.in_order = in_order;
        }
        self.register::<C>(types)
    }

    /// As [`call`](Self::call), but whatever the client asks for after such a call starts only when
    /// this one is answered.
    pub fn call_in_order<C, F, R>(self, handler: F) -> Self
    where
        C: Call,
        F: Fn(HandlerContext<S, I>, C) -> R + Send + Sync + 'static,
        R: Future<Output = Result<C::Reply, C::Error>> + 'static,
    {
        self.calls(handler, true)
    }

    /// Answers calls of one kind with streams: the handler gives its items to the [`StreamSender`], and ends the
    /// stream by its own end. What [`call`](Self::call) says of handlers holds for these too; the
    /// deadline is for each item anew.
    pub fn stream<C, F, R>(self, handler: F) -> Self
    where
        C: StreamCall,
        F: Fn(HandlerContext<S, I>, C, StreamSender<C>) -> R + Send + Sync + 'static,
        R: Future<Output = Result<(), C::Error>> + 'static,
    {
        let handler = Arc::new(handler);
        let newest = KindHandler::stream::<C, C, F, R>(Arc::clone(&handler));
        self.register::<C>(C::Also::visit(VersionCollector::of(newest, handler)).types)
    }

    /// Takes events of one kind. Whatever the client sends after an event starts only when its handler
    /// has ended; one that runs into the deadline is dropped, and that is logged. So it should not wait
    /// for its own client, which may be waiting for it.
    pub fn event<E, F, R>(self, handler: F) -> Self
    where
        E: Event,
        F: Fn(HandlerContext<S, I>, E) -> R + Send + Sync + 'static,
        R: Future<Output = ()> + 'static,
    {
        let handler = Arc::new(handler);
        let newest = Arc::clone(&handler);
        let newest = KindHandler::event(move |cx, event: E| newest(cx, event));
        self.register::<E>(E::Also::visit(VersionCollector::of(newest, handler)).types)
    }

    /// Opens topics of one kind: `access` decides, at each join and at each publication, what a client
    /// may do with the topic of that key. A client's publications are taken one after the other, so that
    /// they keep their order.
    ///
    /// `access` sees the key, never the item: with `publish` a client may say whatever the item's type
    /// holds, another's name too. Where that matters, grant [`Access::subscribe`], take what is said by a
    /// [`call_in_order`](Self::call_in_order), and publish it with [`Twinwire::publish`] under the name
    /// that the server knows. Who was let in stays subscribed until it leaves or its session ends,
    /// whatever `access` would say later: to remove somebody, use [`Peer::unsubscribe`](crate::Peer::unsubscribe). Once
    /// [`Peer::invite`](crate::Peer::invite) has put a client in, `access` isn't asked about it.
    ///
    /// A panic ends that join or publication as `panicked` and nothing else; one that runs longer than
    /// [`Limits::call_deadline`](twinwire::Limits::call_deadline) (30 s) is dropped at its next await, and the client
    /// answered `deadline`. Until then what the client asks for behind it waits.
    pub fn topic<T, F, R>(self, access: F) -> Self
    where
        T: Topic,
        F: Fn(HandlerContext<S, I>, T) -> R + Send + Sync + 'static,
        R: Future<Output = Access> + 'static,
    {
        let access = Arc::new(access);
        let newest = KindHandler::topic::<T, T, F, R>(Arc::clone(&access));
        self.register::<T>(T::Also::visit(VersionCollector::of(newest, access)).types)
    }

    /// Sets how much of each topic's log is kept for those who come later or are slow (default 1,000 entries
    /// and 256 KiB).
    pub fn retention(mut self, retention: Retention) -> Self {
        self.retention = retention;
        self
    }

    /// Sets the most topics at a time (default 1,000, at least 1): with what each [keeps](Self::retention), this
    /// bounds what all logs are charged, to 256 MiB by default, and as much again where all are read in JSON
    /// or by older clients too. What an allocator keeps besides isn't charged. For another one, the least lately used that
    /// nobody is subscribed to goes, with its log; if those looked at have subscribers, the other one is
    /// refused as `busy`. Who lets clients choose keys freely lets one of them push out the logs of
    /// others: `topic`'s judgement is the place to bound that.
    pub fn topics(mut self, most: usize) -> Self {
        self.topics = most;
        self
    }

    fn register<K: Kind>(mut self, types: Vec<KindHandler<S, I>>) -> Self {
        let fingerprints: HashSet<_> = types.iter().map(|kind| kind.fingerprint).collect();
        let are_alike = fingerprints.len() < types.len();
        let name = K::NAME;
        if let Some(older) = types.iter().find(|kind| kind.name != name) {
            let older = older.name;
            // The first mistake is told: later ones may come of it.
            self.wrong
                .get_or_insert(BuildError::OlderName { name, older });
        }
        if self.registry.insert(name, types).is_some() || are_alike {
            self.wrong.get_or_insert(BuildError::KindClash { name });
        }
        self
    }

    /// Runs around all handlers, of calls, streams, events and topics (each join, each publication)
    /// alike: to log, to measure, to refuse.
    /// The wrapping added first is the outermost.
    ///
    /// It is part of its request's handler: a panic ends that request as `panicked` and nothing else, and its time
    /// counts to the handler's.
    ///
    /// ```
    /// # use twinwire_server::{HandlerContext, Next, Response, Refusal, Twinwire};
    /// # struct State { closed: bool }
    /// # let state = State { closed: false };
    /// Twinwire::builder(state).middleware(|cx: HandlerContext<State>, next: Next| async move {
    ///     if cx.state().closed {
    ///         return Response::refused(Refusal::Denied);
    ///     }
    ///     next.run().await
    /// })
    /// # ;
    /// ```
    pub fn middleware<F, R>(mut self, middleware: F) -> Self
    where
        F: Fn(HandlerContext<S, I>, Next) -> R + Send + Sync + 'static,
        R: Future<Output = Response> + 'static,
    {
        self.middleware
            .push(Arc::new(move |cx, next| Box::pin(middleware(cx, next))));
        self
    }

    /// Runs when a session opens, not when one goes on over another connection; the client's requests start
    /// when it has ended. It is dropped at its next await when the session ends meanwhile.
    ///
    /// One that panics, or runs longer than [`Limits::call_deadline`](twinwire::Limits::call_deadline) (30 s), ends
    /// its session with the goodbye `internal`, since what the application prepares here isn't there; that is logged.
    pub fn on_open<F, R>(mut self, on_open: F) -> Self
    where
        F: Fn(HandlerContext<S, I>) -> R + Send + Sync + 'static,
        R: Future<Output = ()> + 'static,
    {
        self.on_open = Some(Box::new(move |cx| Box::pin(on_open(cx))));
        self
    }

    /// Runs when a session that was open is over, with the reason. A lost connection isn't that: for a client
    /// that just vanishes this runs when the session is given up, two minutes later by default
    /// ([`Limits::resume`](twinwire::Limits::resume)), with `End::Lost`.
    ///
    /// It runs exactly once for each session that was welcomed, after [`on_open`](Self::on_open) and on the same
    /// worker, as far as that worker runs: also if the connection's task panics (as `Closed`, `internal`). A server
    /// that stops without [`Twinwire::shut_down`] takes its workers down with all that runs there, so call that
    /// first: it waits for each `on_close`, as long as [`Limits::drain`](twinwire::Limits::drain) (2 s). One that
    /// panics is logged, and ends nothing else; one that never ends keeps its own memory.
    pub fn on_close<F, R>(mut self, on_close: F) -> Self
    where
        F: Fn(HandlerContext<S, I>, End) -> R + Send + Sync + 'static,
        R: Future<Output = ()> + 'static,
    {
        self.on_close = Some(Box::new(move |cx, end| Box::pin(on_close(cx, end))));
        self
    }

    /// Keeps the headers of these names for [`Peer::headers`](crate::Peer::headers), in addition to those of earlier
    /// calls. None are kept by default: a browser sends some fifteen, which would stay in memory for as long as its
    /// session. What `authenticate` makes of a header belongs in the identity.
    ///
    /// ```
    /// # use twinwire_server::Twinwire;
    /// use actix_web::http::header::{ACCEPT_LANGUAGE, USER_AGENT};
    ///
    /// Twinwire::builder(()).keep_headers([ACCEPT_LANGUAGE, USER_AGENT])
    /// # ;
    /// ```
    pub fn keep_headers(mut self, names: impl IntoIterator<Item = HeaderName>) -> Self {
        let kept = &mut self.authenticator.kept_headers;
        for name in names {
            if !kept.contains(&name) {
                kept.push(name);
            }
        }
        self
    }

    /// Says what of an identity names its user, so that [`Twinwire::user`] finds all sessions of one; and
    /// so that none but the same user gets a session back, whatever secret it shows, also with another token. It
    /// keeps its subscriptions then, and what it has asked for goes on: where a role may change, see
    /// [`may_resume`](Self::may_resume).
    ///
    /// It is called right after [`authenticate`](Self::authenticate), whose rule for a panic holds for it. It
    /// shouldn't block, as its worker waits for it.
    pub fn user_key<F>(mut self, key: F) -> Self
    where
        F: Fn(&I) -> String + Send + Sync + 'static,
    {
        self.owners.user_key = Some(Box::new(key));
        self
    }

    /// Says whether a client that comes back for a session may have it, by the identity that the session has and
    /// the new one, in the place of the rule of [`user_key`](Self::user_key) or
    /// [`authenticate`](Self::authenticate). The session's secret is needed in any case. If it may, the session has
    /// the new identity from then on, and [`Twinwire::user`] finds it under that one's key; its subscriptions stay,
    /// and handlers that run go on with the identity that they began with. If not, the client gets a new session.
    ///
    /// Where identities can be compared, `|kept, new| kept == new` is the strictest rule. With it guests that
    /// `authenticate` takes for the same have their sessions back by the secret.
    ///
    /// It is called after [`authenticate`](Self::authenticate), whose rule for a panic holds for it. It shouldn't
    /// block, as its worker waits for it.
    pub fn may_resume<F>(mut self, rule: F) -> Self
    where
        F: Fn(&I, &I) -> bool + Send + Sync + 'static,
    {
        self.owners.may_resume = Some(Box::new(rule));
        self
    }

    /// Lets pages of another origin connect, such as `"http://localhost:8080"`; [`build`](Self::build) fails if it is
    /// none. See [`Origins::allow`].
    ///
    /// Pages of this server's own origin always may: those whose origin names the host and port of
    /// the request's `Host`. So may what tells no origin, which no browser does. A page can point a
    /// name of its own at 127.0.0.1 and then passes for this server's: a server on localhost that
    /// holds anything worth guarding needs `authenticate` too, or [`Origins::only`].
    pub fn allow_origin(mut self, origin: impl Into<String>) -> Self {
        if let Err(error) = self.origins.add(&origin.into()) {
            self.wrong.get_or_insert(error.into());
        }
        self
    }

    /// Lets pages of every origin connect. Right where `authenticate` goes by the token alone; with
    /// cookies, any page that a user visits could then speak in the user's name.
    pub fn allow_any_origin(mut self) -> Self {
        self.origins.allow_any();
        self
    }

    /// Replaces the origins whose pages may connect, for a server behind a proxy: by its public origin
    /// ([`Origins::only`]), or by what the proxy says of it ([`Origins::trusted_proxies`]).
    pub fn origins(mut self, origins: Origins) -> Self {
        self.origins = origins;
        self
    }

    /// Sets whether a client that has a kind with another structure is told how this server has it, in words
    /// that the error of its debug build then shows (default: in debug builds only). A server that strangers
    /// reach shows them so the fields of kinds whose names they know. How a debug build's kind differs is in
    /// this server's log in either case.
    pub fn explain_mismatches(mut self, explain: bool) -> Self {
        self.explain_mismatches = explain;
        self
    }

    /// Sets the bounds of every session.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Sets the bytes that all sessions may hold together (default 256 MiB): what their clients haven't acknowledged,
    /// what waits to be sent, requests that wait for their turn, the headers of the handshake, and the client's table of
    /// kinds, although clients of one build share it. What handlers hold that run, and their decoded requests, isn't
    /// counted. One without a connection counts 16 KiB at least, one that has a connection what it holds, give or take
    /// 16 KiB. At zero no session is kept without a connection.
    ///
    /// From three quarters on, until it is less than half, each session keeps half as much of what isn't
    /// acknowledged as [`Limits::retained`](twinwire::Limits::retained) says (128 KiB by default and at least):
    /// who sends to a slow client waits earlier. When it is more than all, those end that have no connection, the one
    /// that lost it first before the others: their clients learn that when they come back, and what has request. One
    /// that has a connection never ends for it. No user has a share of its own in it: who
    /// lets anybody in may want to count sessions in [`authenticate`](Self::authenticate). How long one is kept at most,
    /// [`Limits::resume`](twinwire::Limits::resume) says.
    pub fn memory_budget(mut self, bytes: usize) -> Self {
        self.memory_budget = bytes;
        self
    }

    /// Sets the time over which clients come back that [`shut_down`](Twinwire::shut_down) sends away (default 5 s). Each is
    /// asked for a pause of its own, so that the next server isn't met by all of them in one moment: up to 10 ms for
    /// each session that there is, and this at most. A client that is alone comes back at once. More spares the next
    /// server, less brings the last client back sooner.
    pub fn drain_spread(mut self, time: Duration) -> Self {
        self.drain_spread = time;
        self
    }

    /// Makes the endpoint, ready to be mounted.
    ///
    /// # Errors
    /// [`BuildError`] when two handlers answer one kind, an older type of a kind has another name, an allowed
    /// origin is none, or the system gives no random bytes.
    pub fn build(self) -> Result<Twinwire<S, I>, BuildError> {
        if let Some(wrong) = self.wrong {
            return Err(wrong);
        }
        let newest = self.registry.iter().filter_map(|(name, types)| {
            let newest = types.first()?;
            Some((*name, newest.fingerprint))
        });
        let topics = Topics::new(
            newest.collect(),
            self.retention,
            self.topics,
            self.random.clone(),
        );
        let boot = self.random.bytes().map_err(|_| BuildError::NoRandomness)?;
        let boot = BootId::from_bytes(boot);
        Ok(Twinwire::new(Arc::new(Shared {
            state: self.state,
            authenticator: self.authenticator,
            registry: self.registry,
            middleware: self.middleware,
            on_open: self.on_open,
            on_close: self.on_close,
            owners: self.owners,
            peers: Peers::default(),
            sessions: Sessions::new(self.memory_budget),
            origins: OriginGuard::new(self.origins),
            limits: self.limits,
            tables: Tables::default(),
            topics: Arc::new(topics),
            mismatches: Mismatches {
                are_explained: self.explain_mismatches,
                warnings: Warnings::new(),
                differences: Warnings::new(),
            },
            random: self.random,
            boot,
            shutdown: Arc::default(),
            drain_spread: self.drain_spread,
        })))
    }
}

/// The endpoint can't be built.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum BuildError {
    /// Two handlers answer kinds of one name, or an older type of a kind is the same as another; rename
    /// one with `name = "…"`.
    #[error(
        "two handlers answer the kind {name}: give one kind another name, as by #[call(name = \"…\")], or drop one handler"
    )]
    KindClash {
        /// The name.
        name: &'static str,
    },
    /// An older type of a kind has another name than the newest, so that no client would find it: give it
    /// the newest's, as by `#[call(name = "…")]`.
    #[error(
        "{older} is named as an older type of {name}: give it that name, as by #[call(name = \"{name}\")]"
    )]
    OlderName {
        /// The name of the newest type.
        name: &'static str,
        /// The name of the older one.
        older: &'static str,
    },
    /// An origin given to [`Builder::allow_origin`] is none: write it as the error says.
    #[error(transparent)]
    Origin(#[from] OriginError),
    /// The system has no random bytes for ids.
    #[error("the system gives no random bytes: allow the program getrandom")]
    NoRandomness,
}
