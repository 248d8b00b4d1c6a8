//! The socket under both endpoints: WebSocket on actix's request and response.
//!
//! [`accept()`] turns a request into an [`InboundFrames`] and an [`Outbound`]. What comes in is guarded:
//! headers are judged before anything is buffered ([`guard`], [`decoder`]), texts are UTF-8 across
//! fragments ([`utf8`]), messages are bounded, pings and close frames are answered. What goes out
//! waits in a queue bounded in bytes ([`link`]) until the response's body is polled ([`body`]).
//! A peer that takes no part any more is given up ([`watchdog`]). Handshakes are judged ([`handshake`]) and, by actix-ws,
//! answered ([`accept`](mod@accept)); actix's frame parser decodes and encodes.
//! Closing ends in time ([`reaper`]), if need be by the kill switch ([`switch`]).

mod accept;
mod body;
mod close;
mod decoder;
mod fault;
mod frame;
mod guard;
mod handshake;
mod inbound;
mod link;
mod message;
mod outbound;
mod reaper;
mod switch;
mod utf8;
mod watchdog;

pub(crate) use accept::{AcceptOptions, Accepted, accept, offered};
pub(crate) use close::Close;
pub use close::{CloseEvent, InvalidClose};
pub use frame::Opcode;
pub(crate) use frame::WsFrame;
pub(crate) use handshake::verify;
pub(crate) use inbound::{InboundFrames, ReadEnd};
pub(crate) use link::NotQueued;
pub(crate) use message::Assembler;
pub use message::Message;
pub(crate) use outbound::Outbound;
#[cfg(feature = "test")]
pub(crate) use switch::insert_handle;
pub use switch::{configure_http_server, on_connect};
pub(crate) use watchdog::Timeouts;

#[cfg(test)]
pub(crate) mod tests;
