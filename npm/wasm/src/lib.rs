//! The client as a module for JavaScript. It has no logic: each export forwards to [`UntypedClient`](twinwire_client::UntypedClient), and what
//! becomes of that is told to one function of the TypeScript beside it ([`facade`]).

#![forbid(unsafe_code)]

mod codes;
pub mod config;
pub mod core;
mod facade;
mod pending;

use rlsf::{GlobalTlsf, GlobalTlsfOptions};

/// With less code than the allocator that std brings.
#[global_allocator]
static ALLOCATOR: GlobalTlsf<Small> = GlobalTlsf::new();

struct Small;

impl GlobalTlsfOptions for Small {
    const ENABLE_REALLOCATION: bool = false;
}
