//! Two sessions in memory, under virtual time.

mod calls;
mod goodbyes;
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
mod unsent;
