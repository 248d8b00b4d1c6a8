//! What twinwire's own tests share: servers, raw clients, waiters and a peer that misbehaves.
//!
//! Nothing here is published, and no test lives inside: a helper that two tests need moves here.
#![forbid(unsafe_code)]

mod chaos;
pub mod peer;
pub mod raw;
mod running;
mod server;
mod wait;
pub mod wire;

pub use chaos::{Chaos, Doors};
pub use running::{Running, example};
pub use server::{Server, builder, patient_plain, serve, serve_both, serve_on};
pub use suite::{hurry, options, patient, until};
pub use wait::{Log, hasty, soon};
