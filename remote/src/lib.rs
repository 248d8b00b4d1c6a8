//! How one end of Twinwire makes requests of the other: the same for a client that speaks to its
//! server and for a server that speaks to one of its clients.
//!
//! Applications don't use this crate by itself: a `Client` and a server's `Peer` have these methods.
//! It has no I/O, no clock and no tasks. [`Link`] is what a shell knows of its socket, [`pump`] what shells do with it alike, and [`channel`] makes two halves: a [`Remote`], which the
//! application's handles are made of, and [`Requests`], with which a shell keeps the
//! [`Session`](twinwire::session::Session) that it drives informed.

#![forbid(unsafe_code)]

mod cancel;
pub mod channels;
mod command;
mod error;
mod items;
mod link;
mod pending;
pub mod pump;
mod receipt;
mod rejoin;
mod remote;
mod requests;
mod subscription;
mod sync;
#[cfg(feature = "test")]
pub mod test;
mod topics;
mod untyped;

pub use command::channel;
pub use error::{CallError, EventError, Refused, Undeclared};
pub use items::Items;
pub use link::{Inbound, Link, LinkLost};
pub use receipt::{Published, Receipt};
pub use remote::{PeerCapabilities, Remote, WeakRemote};
pub use requests::Requests;
pub use subscription::{Publication, Subscription, Update, Verdict};
pub use untyped::{
    Subscribing, UntypedItems, UntypedRemote, UntypedReply, UntypedSubscription, Writable,
};
