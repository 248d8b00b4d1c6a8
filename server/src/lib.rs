//! The server of Twinwire, to mount in any actix-web application.
//!
//! So far it holds the plain endpoint, for browsers and tools that speak bare WebSocket. It does
//! not start a server: the application's own `HttpServer` does, passed through [`tune`] once.
//!
//! [`Plain`] is an endpoint and the handle that reaches its connections from any thread; handlers
//! are given a [`Connection`] and, for each message, a [`Frame`].
//!
//! ```no_run
//! use actix_web::{App, HttpServer};
//! use twinwire_server::Plain;
//!
//! # async fn run() -> std::io::Result<()> {
//! let plain = Plain::builder()
//!     .on_message(|connection, frame| {
//!         if let Some(text) = frame.text() {
//!             let _ = connection.push(text);
//!         }
//!     })
//!     .build();
//! let server = HttpServer::new(move || App::new().configure(plain.at("/socket")));
//! twinwire_server::tune(server).bind(("127.0.0.1", 9501))?.run().await
//! # }
//! ```
#![forbid(unsafe_code)]

mod builder;
mod connection;
mod context;
mod handler;
mod loopback;
mod origin;
mod plain;
mod service;
mod websocket;

pub use builder::{BuildError, Builder, Denied};
pub use context::Cx;
pub use loopback::loopback;
pub use plain::{
    Connection, DisconnectError, Frame, Number, Plain, PlainBuilder, PlainLimits, PushError,
};
pub use service::Twinwire;
pub use websocket::{Data, InvalidClose, Opcode, on_connect, tune};
