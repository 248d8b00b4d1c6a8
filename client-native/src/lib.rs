//! The typed client of Twinwire on tokio: for bots, load tests, and services that talk to a
//! Twinwire server.
//!
//! It speaks `ws:` only so far; `wss:` is refused with [`OpenError::Tls`].
//!
//! ```no_run
//! # use serde::{Deserialize, Serialize};
//! # use twinwire::{Call, Kinds, kinds};
//! # #[derive(Serialize, Deserialize, Call)]
//! # #[call(reply = String)]
//! # struct Greet { name: String }
//! # const KINDS: Kinds = kinds![Greet];
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let client = twinwire_client_native::connect("ws://localhost:9501/ws", KINDS).await?;
//! let greeting = client.call(Greet { name: "Ada".to_owned() }).await?;
//! println!("{greeting}");
//! client.close().await;
//! # Ok(())
//! # }
//! ```

#![forbid(unsafe_code)]

mod happy_eyeballs;
#[cfg(feature = "test")]
pub mod test;
mod transport;

pub use transport::OpenError;
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

/// The failure of [`connect`].
pub type ConnectError = twinwire_client::ConnectError<OpenError>;

/// Connects to a Twinwire server, with the default options. Ready when the server has welcomed the
/// client; dropping the future closes what has been opened.
///
/// # Errors
/// See [`ConnectError`](twinwire_client::ConnectError).
///
/// # Panics
/// Outside a tokio runtime.
pub async fn connect(url: impl Into<String>, kinds: Kinds) -> Result<Client, ConnectError> {
    connect_with(Options::new(url, kinds)).await
}

/// [`connect`] with options: token, format, limits.
///
/// # Errors
/// See [`ConnectError`](twinwire_client::ConnectError).
///
/// # Panics
/// Outside a tokio runtime.
pub async fn connect_with(options: Options) -> Result<Client, ConnectError> {
    let (connecting, driver) = twinwire_client::start(transport::Tokio::new(), options);
    tokio::spawn(driver.run());
    connecting.await
}
