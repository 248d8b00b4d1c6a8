//! The application's side: what it registers, and what its functions are given.

pub(crate) mod builder;
pub(crate) mod context;
pub(crate) mod handler;
pub(crate) mod identity;
pub(crate) mod middleware;
pub(crate) mod service;
pub(crate) mod shared;
pub(crate) mod stream_sender;
pub(crate) mod versions;
