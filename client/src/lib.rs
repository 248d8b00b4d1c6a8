//! The typed client of Twinwire, common to all platforms: a handle to call through, and the loop
//! that drives a [`Session`](twinwire::session::Session) over some transport.
//!
//! Applications don't use this crate by itself: `twinwire-client-wasm` (browsers) and
//! `twinwire-client-native` (tokio) have a `connect` that gives a [`Client`]. Here is no I/O, no
//! clock and no spawning; a platform brings them as a [`Transport`].
//!
//! A platform's `connect` makes the two halves with [`start`], spawns the [`ClientDriver`]'s
//! [`run`](ClientDriver::run), and awaits the [`Connecting`] half:
//!
//! ```
//! use twinwire_client::{Client, ConnectError, Options, Transport, start};
//!
//! async fn connect<T: Transport>(
//!     transport: T,
//!     options: Options,
//!     spawn: impl FnOnce(std::pin::Pin<Box<dyn Future<Output = ()>>>),
//! ) -> Result<Client, ConnectError<T::Error>> {
//!     let (connecting, driver) = start(transport, options);
//!     spawn(Box::pin(driver.run()));
//!     connecting.await
//! }
//! ```

#![forbid(unsafe_code)]

mod application;
mod attempts;
mod client;
mod connect;
mod driver;
mod error;
mod events;
mod handlers;
pub mod http;
mod invitations;
mod listeners;
mod options;
mod reconnect;
mod replacement;
mod states;
#[cfg(feature = "test")]
pub mod test;
mod transport;
mod untyped;

pub use client::{Client, ClientState};
pub use connect::{Connecting, start};
pub use driver::ClientDriver;
pub use error::{ConnectError, ReconnectCause};
pub use events::{AnyEvent, Events, Inbox};
pub use handlers::{MaybeSend, MaybeSync};
pub use invitations::Invitations;
pub use options::Options;
pub use states::States;
pub use transport::{Departure, OpenFailure, Transport};
pub use twinwire::frame::Start;
pub use twinwire::session::SessionLost;
pub use twinwire_remote::{
    CallError, EventError, Inbound, Items, Link, LinkLost, Publication, Published, Receipt,
    Refused, Subscribing, Subscription, Undeclared, UntypedItems, UntypedRemote, UntypedReply,
    UntypedSubscription, Update, Verdict, Writable,
};
pub use untyped::{
    KindsError, UntypedClient, UntypedEvents, UntypedInvitations, UntypedKind, UntypedKinds,
};
