//! Typed real-time messaging between browsers and Rust servers: what both ends share.
//!
//! This crate has the message kinds that an application declares, the frames that carry them, and
//! the [`Session`](session::Session) that decides what is sent when. It does *not* open sockets, read clocks, draw
//! random numbers or await: the crates `twinwire-client-wasm`, `twinwire-client-native` and
//! `twinwire-server` do, and applications use those beside this one.
//!
//! An application declares its kinds once, in a crate that is compiled for both ends:
//!
//! ```
//! use serde::{Deserialize, Serialize};
//! use twinwire::{Call, Kinds, Shape, kinds};
//!
//! #[derive(Debug, Serialize, Deserialize, Call)]
//! #[call(reply = Greeting, error = NameError)]
//! pub struct Greet {
//!     pub name: String,
//! }
//!
//! #[derive(Debug, Serialize, Deserialize, Shape)]
//! pub struct Greeting {
//!     pub text: String,
//! }
//!
//! #[derive(Debug, Serialize, Deserialize, Shape)]
//! pub enum NameError {
//!     Empty,
//! }
//!
//! pub const KINDS: Kinds = kinds![Greet];
//! ```
//!
//! Feature `json`: the payload format of clients in JavaScript. Servers have it on; a page in Rust speaks
//! postcard, and is smaller without it. Features `chrono`, `time` and `uuid`: types of those
//! crates in messages. Feature `invariants`: a session panics in its `poll` if it contradicts itself, as in debug builds.
//!
//! Who writes a transport of their own drives a [`Session`](session::Session): its documentation has the loop, and
//! `examples/drive.rs` the smallest one.

#![forbid(unsafe_code)]

// The derives name this crate from outside and from within alike.
extern crate self as twinwire;

#[macro_use]
mod plant;

pub mod frame;
pub mod limits;
pub mod log;
#[cfg(twinwire_mutants)]
pub mod mutants;
pub mod session;
pub mod shape;
pub mod version;

mod goodbye;
mod id;
mod kinds;
mod message;
mod payload;
mod time;

pub use frame::{Answer, KindEntry, Refusal, Refused};
pub use goodbye::{Goodbye, GoodbyeCode, MAX_REASON, Retry};
pub use id::{Alias, BootId, Epoch, Offset, PeerId, Position, Secret, SeqNo, SessionId};
pub use kinds::{Class, KindDecl, Kinds};
pub use limits::Limits;
pub use message::{
    AlsoCalls, AlsoEvents, AlsoStreams, AlsoTopics, Call, CallVisitor, Event, EventVisitor, Kind,
    Never, Payload, StreamCall, StreamVisitor, Topic, TopicVisitor,
};
pub use payload::{Bytes, DecodeError, EncodeError, Format, JsonError, MAX_DEPTH};
pub use session::{End, PeerMisbehaved};
pub use shape::{Fingerprint, Shape};
pub use time::Time;
pub use twinwire_derive::{Call, Event, Shape, Topic};
