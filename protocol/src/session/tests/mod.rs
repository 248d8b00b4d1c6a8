//! Two sessions in memory, under virtual time.

mod calls;
mod goodbyes;
mod misbehaviour;
mod pair;
