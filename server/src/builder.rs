//! What an application says before it mounts the endpoint.

use std::collections::HashMap;
use std::sync::Arc;

use actix_web::HttpRequest;
use thiserror::Error;
use tokio::sync::watch;
use twinwire::{BootId, Call, Limits};

use crate::handler::{Registered, Registry};
use crate::identity::{Authenticate, Denied};
use crate::origin::Origins;
use crate::shared::{Shared, random};
use crate::tables::Tables;
use crate::{Cx, Twinwire};

/// Collects an application's handlers. Made by [`Twinwire::builder`].
#[must_use = "a builder does nothing until it is built"]
pub struct Builder<S, I> {
    state: S,
    authenticate: Authenticate<I>,
    registry: Registry<S, I>,
    clash: Option<&'static str>,
    origins: Origins,
    limits: Limits,
}

impl<S: Send + Sync + 'static> Twinwire<S, ()> {
    /// Begins an endpoint. Handlers reach `state` through [`Cx::state`](crate::Cx::state).
    pub fn builder(state: S) -> Builder<S, ()> {
        Builder::new(state)
    }
}

impl<S: Send + Sync + 'static> Builder<S, ()> {
    fn new(state: S) -> Self {
        Self {
            state,
            authenticate: Box::new(|_, _| Box::pin(async { Ok(()) })),
            registry: HashMap::new(),
            clash: None,
            origins: Origins::default(),
            limits: Limits::default(),
        }
    }

    /// Says who a client is: `authenticate` gets the token of its hello and the handshake's request
    /// (its cookies, its address), and gives what [`Cx::identity`] will be, or refuses the client.
    /// Without it everyone is welcome. Comes before the handlers, which see the identity's type.
    ///
    /// # Panics
    /// After a handler was added.
    pub fn authenticate<I, F, R>(self, authenticate: F) -> Builder<S, I>
    where
        F: Fn(Vec<u8>, HttpRequest) -> R + Send + Sync + 'static,
        R: Future<Output = Result<I, Denied>> + 'static,
        I: Send + Sync + 'static,
    {
        assert!(
            self.registry.is_empty(),
            "authenticate comes before the handlers"
        );
        Builder {
            state: self.state,
            authenticate: Box::new(move |token, request| Box::pin(authenticate(token, request))),
            registry: HashMap::new(),
            clash: None,
            origins: self.origins,
            limits: self.limits,
        }
    }
}

impl<S: Send + Sync + 'static, I: Send + Sync + 'static> Builder<S, I> {
    /// Answers calls of one kind. Calls of a client start in the order in which it made them and
    /// run beside each other, on the worker that holds its socket: a handler that blocks its thread
    /// blocks others.
    ///
    /// The handler's future is dropped at its next await when the call's deadline passes or the
    /// session ends. A panic ends that call with `panicked` and nothing else.
    pub fn call<C, F, R>(mut self, handler: F) -> Self
    where
        C: Call,
        F: Fn(Cx<S, I>, C) -> R + Send + Sync + 'static,
        R: Future<Output = Result<C::Reply, C::Error>> + 'static,
    {
        if self
            .registry
            .insert(C::NAME, Registered::call(handler))
            .is_some()
        {
            self.clash.get_or_insert(C::NAME);
        }
        self
    }

    /// Lets pages of another origin connect, such as `"http://localhost:8080"`: scheme, host and
    /// port as a browser's `Origin` header has them.
    ///
    /// Pages of this server's own origin always may: those whose origin names the host and port of
    /// the request's `Host`. So may what tells no origin, which no browser does. A page can point a
    /// name of its own at 127.0.0.1 and then passes for this server's: a server on localhost that
    /// holds anything worth guarding needs `authenticate` too.
    pub fn allow_origin(mut self, origin: impl Into<String>) -> Self {
        self.origins.allow(origin.into());
        self
    }

    /// Lets pages of every origin connect. Right where `authenticate` goes by the token alone; with
    /// cookies, any page that a user visits could then speak in the user's name.
    pub fn allow_any_origin(mut self) -> Self {
        self.origins = Origins::Any;
        self
    }

    /// The bounds of every session.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// The endpoint, ready to be mounted.
    ///
    /// # Errors
    /// [`BuildError`] when two handlers answer one kind, or the system gives no random bytes.
    pub fn build(self) -> Result<Twinwire<S, I>, BuildError> {
        if let Some(name) = self.clash {
            return Err(BuildError::KindClash { name });
        }
        let boot = BootId::from_bytes(random().map_err(|_| BuildError::NoRandomness)?);
        Ok(Twinwire::new(Shared {
            state: Arc::new(self.state),
            authenticate: self.authenticate,
            registry: self.registry,
            origins: self.origins,
            limits: self.limits,
            tables: Tables::default(),
            boot,
            stop: watch::Sender::new(None),
        }))
    }
}

/// The endpoint can't be built.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum BuildError {
    /// Two handlers answer kinds of one name; rename one with `#[call(name = "…")]`.
    #[error(
        "two handlers answer the kind {name}: give one kind #[call(name = \"…\")], or drop one handler"
    )]
    KindClash {
        /// The name.
        name: &'static str,
    },
    /// The system has no random bytes for ids.
    #[error("the system gives no random bytes")]
    NoRandomness,
}
