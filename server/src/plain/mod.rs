//! The plain endpoint: bare WebSocket behind three handlers.

mod builder;
mod connections;
mod endpoint;
mod error;
mod frame;

pub use builder::{PlainBuilder, PlainLimits};
pub use connections::{Connection, Number, Plain};
pub use error::{DisconnectError, PushError};
pub use frame::Frame;
