//! The browser's WebSocket as futures and streams, and the typed client of Twinwire on it, for pages
//! and workers.
//!
//! Two floors. [`connect`] gives a [`Client`] of a Twinwire server, which makes typed calls:
//!
//! ```no_run
//! # use serde::{Deserialize, Serialize};
//! # use twinwire::{Call, Kinds, kinds};
//! # #[derive(Serialize, Deserialize, Call)]
//! # #[call(reply = String)]
//! # struct Greet { name: String }
//! # const KINDS: Kinds = kinds![Greet];
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let client = twinwire_client_wasm::connect("/ws", KINDS).await?;
//! let greeting = client.call(Greet { name: "Ada".to_owned() }).await?;
//! # Ok(())
//! # }
//! ```
//!
//! Below it stands [`Socket`], alone, for any WebSocket server: one connection, and what the browser
//! tells about it. It does *not* reconnect, resend or frame anything. [`SocketOptions`] hold its
//! subprotocols, its time limit and every bound.
//!
//! ```no_run
//! use futures_util::StreamExt;
//! use twinwire_client_wasm::Socket;
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let mut socket = Socket::connect("/ws").await?; // onopen, as a future
//! socket.send("hello").await?; // waits above the high-water mark
//! while let Some(message) = socket.next().await {
//!     let message = message?; // onmessage, as a stream
//! }
//! let close = socket.closed().await; // onclose: code, reason, clean
//! # Ok(())
//! # }
//! ```
//!
//! A page has one thread, so that a [`Client`] isn't `Send` there, and what browsers give can't be. A framework that asks
//! for `Send + Sync` all the same, as Leptos does for a context, takes it in a wrapper. That panics if a thread
//! of another worker touches it:
//!
//! ```no_run
//! use send_wrapper::SendWrapper;
//! use twinwire_client_wasm::Client;
//!
//! # fn provide_context<T: Clone + Send + Sync + 'static>(_: T) {}
//! fn provide(client: &Client) {
//!     provide_context(SendWrapper::new(client.clone()));
//! }
//! ```
//!
//! One feature, on by default: `diagnosis`. After three attempts in vain, the client asks its address by plain HTTP
//! why no WebSocket opens. A page without it is 4 KB smaller and learns no more than that none opens: no
//! [`OpenError::Refused`], no end before the time is up where the URL is wrong, no heed of `Retry-After`.
//!
//! Nothing has to be driven: the browser's events wake whoever waits. Run futures with
//! `wasm_bindgen_futures::spawn_local` or whatever runs the application.
#![forbid(unsafe_code)]

mod client;
#[cfg(feature = "diagnosis")]
mod diagnosis;
mod env;
mod page;
#[cfg(test)]
#[path = "../tests/peer/mod.rs"]
mod peer;
mod socket;
mod transport;

pub use client::{ConnectError, connect, connect_through, connect_with};
pub use socket::{
    CloseError, CloseEvent, Closed, Flushing, Message, OpenError, QUEUE_FULL_CODE, ReceiveError,
    SendError, Sending, Socket, SocketOptions, TrySendError, UrlError,
};
pub use twinwire::shape::Difference;
pub use twinwire::{
    End, Epoch, Format, Goodbye, GoodbyeCode, Kinds, Limits, Offset, Position, Refusal, Retry,
};
pub use twinwire_client::{
    AnyEvent, CallError, Client, ClientState, EventError, Events, Inbox, Invitations, Items,
    KindsError, Options, Publication, Published, Receipt, ReconnectCause, Refused, SessionLost,
    Start, States, Subscription, Undeclared, UntypedClient, UntypedKind, UntypedKinds, Update,
    Verdict,
};

#[cfg(test)]
wasm_bindgen_test::wasm_bindgen_test_configure!(run_in_browser);
