//! Two sessions in memory, under virtual time.

mod calls;
mod counters;
mod goodbyes;
// No panic can be caught there.
#[cfg(not(target_arch = "wasm32"))]
mod invariants;
mod invitations;
mod leftovers;
mod liveness;
mod misbehaviour;
mod outlines;
mod pair;
mod requests;
mod resume;
mod retained;
mod soak;
mod states;
mod topics;
mod topics_soak;
mod turns;
mod unsent;
