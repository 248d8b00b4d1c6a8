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

mod app;
mod drain;
mod logged;
mod origin;
mod random;
mod run;
mod session;
mod shutdown;
mod sync;
mod task;
mod topic;
mod warnings;
mod websocket;

pub mod plain;
#[cfg(feature = "test")]
pub mod test;

pub use app::builder::{BuildError, Builder};
pub use app::context::HandlerContext;
pub use app::identity::Denied;
pub use app::middleware::{Next, Response};
pub use app::service::Twinwire;
pub use app::stream_sender::StreamSender;
pub use origin::{OriginError, Origins};
pub use run::{Endpoint, ServeError, Server};
pub use session::peer::Peer;
pub use topic::{Access, PublishError};
pub use twinwire::log::Retention;
pub use twinwire::{Class, End, Goodbye, GoodbyeCode, Limits, PeerId, Refusal, Retry};
pub use twinwire_remote::{CallError, EventError, Receipt, Refused, Undeclared};
pub use websocket::{configure_http_server, on_connect};
