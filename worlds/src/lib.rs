//! The client's driver and the server's connections, slots, handlers and topics as they ship, in a world that
//! follows from a seed: one thread, a clock that stands still while anybody has something to do, links in memory.
//!
//! Of a [`Tier::Messages`] it knows whole messages and no bytes of a socket; of [`Tier::Bytes`] the WebSockets that
//! ship. It has one thread, so no two workers are at one lock at once. What a session does by itself, `twinwire-sim` shows with far more seeds.
//!
//! [`run`] is all of it: what happened in a world, or what its oracle found. [`shrink`] makes a world smaller that fails.
#![forbid(unsafe_code)]

mod application;
mod attended;
mod bytes;
mod director;
mod functions;
mod hearing;
mod kinds;
mod network;
mod oracle;
mod plan;
mod platform;
mod report;
mod server;
mod shrink;
mod ticket;
mod trace;
mod world;

pub use plan::Tier;
pub use report::Report;
pub use shrink::shrink;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use tokio::runtime::Runtime;
use tokio::task::LocalSet;
use twinwire::Time;
use twinwire_sim::{Dice, Failure};

use plan::Plan;
use world::World;

/// Runs the world of this seed.
///
/// # Errors
/// The first thing that is wrong.
///
/// # Panics
/// If the system gives no runtime.
pub fn run(seed: u64, tier: Tier) -> Result<Report, Failure> {
    if tier == Tier::Plain {
        return run_plain_endpoint(seed);
    }
    let mut dice = Dice::new(seed);
    let mut plan = Plan::draw(&mut dice);
    plan.tier = tier;
    run_plan(seed, plan, dice)
}

/// The same, and prints what happens in it, and when; of [`Tier::Plain`] there is nothing to tell.
///
/// # Errors
/// As of [`run`].
///
/// # Panics
/// As [`run`] does.
pub fn tell(seed: u64, tier: Tier) -> Result<Report, Failure> {
    if tier == Tier::Plain {
        return run_plain_endpoint(seed);
    }
    let mut dice = Dice::new(seed);
    let mut plan = Plan::draw(&mut dice);
    plan.tier = tier;
    plan.is_told = true;
    println!("{plan:#?}");
    run_plan(seed, plan, dice)
}

fn run_plan(seed: u64, plan: Plan, dice: Dice) -> Result<Report, Failure> {
    watched(seed, |runtime| {
        runtime.block_on(async {
            let world = World::new(plan, dice);
            let led = director::direct(Rc::clone(&world));
            world.run(led).await;
            let outcome = Report::of(seed, &world);
            let at = Time::default() + world.begun.elapsed();
            let left = world.end();
            let failure = left.map(|what| Failure { seed, at, what });
            outcome.and_then(|report| failure.map_or(Ok(report), Err))
        })
    })
}

fn run_plain_endpoint(seed: u64) -> Result<Report, Failure> {
    watched(seed, |runtime| {
        let lived = LocalSet::new().block_on(runtime, bytes::live(Dice::new(seed)));
        let failure = |(at, what)| Failure {
            seed,
            at: Time::default() + at,
            what,
        };
        let lived = lived.map_err(failure)?;
        Ok(Report {
            coverage: [(lived.conduct, 1)].into(),
            time: lived.time,
            trace: lived.trace,
            ..Report::default()
        })
    })
}

/// Runs something in a runtime whose time stands still while anybody has something to do. A panic of its own is a
/// failure.
fn watched(
    seed: u64,
    run: impl FnOnce(&Runtime) -> Result<Report, Failure>,
) -> Result<Report, Failure> {
    functions::watch_panics();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime needs nothing but memory");
    let lived = catch_unwind(AssertUnwindSafe(|| run(&runtime)));
    let panics = functions::take_panics();
    match (lived, panics.into_iter().next()) {
        (Ok(Err(failure)), _) => Err(failure),
        (Ok(Ok(report)), None) => Ok(report),
        (_, what) => Err(Failure {
            seed,
            at: Time::default(),
            what: what.unwrap_or_else(|| "a panic outside of every task".to_owned()),
        }),
    }
}
