//! One client's session: the connection that carries it, the slot that keeps it, the handle that reaches it.

pub(crate) mod app_session;
pub(crate) mod connection;
pub(crate) mod handler_tasks;
pub(crate) mod lifetime;
pub(crate) mod owners;
pub(crate) mod peer;
pub(crate) mod peers;
pub(crate) mod slot;
pub(crate) mod socket;
pub(crate) mod tables;
