//! The server of Twinwire, to mount in any actix-web application.
//!
//! It speaks to clients made with `twinwire-client-wasm` or `twinwire-client-native`; for
//! browsers and tools that speak bare WebSocket, [`plain`] is an endpoint of its own.
//!
//! [`Twinwire`] is the endpoint, [`Builder`] collects what it answers, and a handler gets a [`HandlerContext`]
//! and its request. [`Server`] runs it, and says goodbye to its clients at SIGTERM or Ctrl-C; an
//! application with an `HttpServer` of its own passes that through [`configure_http_server`] instead.
//!
//! ```no_run
//! use serde::{Deserialize, Serialize};
//! use twinwire::Call;
//! use twinwire_server::{HandlerContext, Server, Twinwire};
//!
//! #[derive(Serialize, Deserialize, Call)]
//! #[call(reply = String)]
//! struct Greet {
//!     name: String,
//! }
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let wire = Twinwire::builder(())
//!     .call(|_: HandlerContext, greet: Greet| async move { Ok(format!("Hello, {}!", greet.name)) })
//!     .build()?;
//! Server::bind(("127.0.0.1", 9501))?.mount("/ws", &wire).run().await?;
//! # Ok(())
//! # }
//! ```
//!
//! Feature `test`: a client and its server without sockets, for an application's own tests.
#![forbid(unsafe_code)]

mod app_session;
mod builder;
mod connection;
mod context;
mod drain;
mod handler;
mod handler_tasks;
mod identity;
mod invited;
mod lifetime;
mod logged;
mod middleware;
mod origin;
mod owners;
mod peer;
mod peers;
mod random;
mod run;
mod service;
mod shared;
mod shutdown;
mod slot;
mod socket;
mod stream_sender;
mod sync;
mod tables;
mod task;
mod topic;
mod versions;
mod warnings;
mod websocket;

pub mod plain;
#[cfg(feature = "test")]
pub mod test;

pub use builder::{BuildError, Builder};
pub use context::HandlerContext;
pub use identity::Denied;
pub use middleware::{Next, Response};
pub use origin::{OriginError, Origins};
pub use peer::Peer;
pub use run::{Endpoint, ServeError, Server};
pub use service::Twinwire;
pub use stream_sender::StreamSender;
pub use topic::{Access, PublishError};
pub use twinwire::log::Retention;
pub use twinwire::{Class, End, Goodbye, GoodbyeCode, Limits, PeerId, Refusal, Retry};
pub use twinwire_remote::{CallError, EventError, Receipt, Refused, Undeclared};
pub use websocket::{configure_http_server, on_connect};
