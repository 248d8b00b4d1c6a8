//! Two sessions in memory, under virtual time.

mod calls;
mod goodbyes;
mod liveness;
mod misbehaviour;
mod pair;
mod requests;
mod resume;
mod soak;
mod states;
mod topics;
mod topics_soak;
