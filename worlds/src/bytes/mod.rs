//! The tier of bytes: the server's WebSocket code on actix's own dispatcher, and the native client's WebSocket, over
//! streams in memory that delay, slice, swallow, stall and break at any byte.

mod account;
mod link;
mod peer;
mod plain;
mod proxy;
mod serving;
mod stream;

pub(crate) use account::Account;
pub(crate) use link::{Socket, open};
pub(crate) use plain::{CONDUCTS, live};
pub(crate) use serving::{PATH, serve};
pub(crate) use stream::{Stream, Wire};
