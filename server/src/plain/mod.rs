//! The plain endpoint: bare WebSocket behind a few handlers, for browsers and tools that don't speak
//! Twinwire.
//!
//! [`Plain`] is an endpoint and the handle that reaches its connections from any thread; handlers
//! are given a [`Connection`] and each [`Message`] whole, or each [`Frame`] as it comes
//! ([`on_frame`](PlainBuilder::on_frame)).
//!
//! ```no_run
//! use actix_web::{App, HttpServer};
//! use twinwire_server::plain::Plain;
//!
//! # async fn run() -> std::io::Result<()> {
//! let plain = Plain::builder()
//!     .on_message(|connection, message| {
//!         if let Some(text) = message.text() {
//!             let _ = connection.push(text);
//!         }
//!     })
//!     .build();
//! let server = HttpServer::new(move || App::new().configure(plain.at("/socket")));
//! twinwire_server::configure_http_server(server).bind(("127.0.0.1", 9501))?.run().await
//! # }
//! ```

mod builder;
mod connections;
mod endpoint;
mod error;
mod frame;

pub use builder::{PlainBuilder, PlainLimits};
pub use connections::{Connection, ConnectionId, Plain};
pub use error::{DisconnectError, PushError};
pub use frame::Frame;

pub use crate::websocket::{CloseEvent, InvalidClose, Message, Opcode};
