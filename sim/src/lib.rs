//! Sessions and logs of Twinwire in a world of faults, with an oracle beside them.
//!
//! A world has one server and several clients, and follows from its seed alone: connections delay, break
//! between any two messages, are noticed to be broken soon, late or never; processes freeze, clocks jump,
//! writers stall, sessions are given up, the server begins anew. The oracle knows all that was asked for,
//! and checks after every step that nothing is lost, doubled, moved or said of it that isn't true. There
//! is no clock here, no I/O, and no chance but the seed's.
//!
//! [`Simulation`] runs worlds: of [applications](Application) that do everything at random, or of your own
//! handlers. [`Report`] and [`Failure`] are what comes of it. [`Seeds`] are many worlds, on threads.
//!
//! ```
//! use twinwire_sim::{Plan, Simulation};
//!
//! let report = Simulation::random(Plan::default()).run(7).unwrap();
//! assert!(report.messages >= 200 && report.faults >= 5);
//! ```
//!
//! `examples/bank.rs` has handlers of its own. `cargo xtask simulate` runs many seeds, and says how to run
//! one again that failed.

#![forbid(unsafe_code)]

mod absence;
mod coverage;
mod dice;
mod encoding;
mod end;
mod faults;
mod link;
mod mutants;
mod oracle;
mod plan;
mod port;
mod random;
mod report;
mod seeds;
mod server;
mod session;
mod shell;
mod simulation;
mod world;

pub use coverage::Coverage;
pub use dice::Dice;
pub use mutants::{Finder, MUTANTS, SHELL_MUTANTS, activate};
pub use plan::Plan;
pub use port::{Application, Phase, Port};
pub use report::Report;
pub use seeds::{Failure, Seeds};
pub use simulation::Simulation;

/// How many topics a world has, by number from 0.
pub const TOPICS: usize = 3;
