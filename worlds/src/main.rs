//! Runs many worlds: `cargo xtask worlds` calls it.
#![forbid(unsafe_code)]

use std::process::ExitCode;
use std::time::{Duration, Instant};

use twinwire_sim::Seeds;
use twinwire_worlds::{Report, run, shrink, tell};

const USAGE: &str = "usage: twinwire-worlds [--seeds N] [--seed S] [--tell]";

/// The number of worlds that have to reach everything.
const REACH_ALL: u64 = 2_000;

fn main() -> ExitCode {
    let Some((seeds, tells)) = parse(std::env::args().skip(1)) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    let good = match tells {
        true => told(seeds.first),
        false => try_seeds(seeds),
    };
    match good {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

/// Returns the seeds, and true if all that happens in the first of them is to be told.
fn parse(arguments: impl Iterator<Item = String>) -> Option<(Seeds, bool)> {
    let (seeds, others) = Seeds::parse(arguments, REACH_ALL)?;
    match &others[..] {
        [] => Some((seeds, false)),
        [other] if other == "--tell" => Some((seeds, true)),
        _ => None,
    }
}

/// Prints what happens in one world.
fn told(seed: u64) -> bool {
    match tell(seed) {
        Ok(report) => println!("all is well: {report:?}"),
        Err(ref failure) => println!("{failure}"),
    }
    true
}

fn try_seeds(seeds: Seeds) -> bool {
    let begun = Instant::now();
    let (report, failure): (Report, _) = seeds.run(|| run);
    if let Some(failure) = failure {
        let seed = failure.seed;
        println!("{failure}\n\n{}\n", shrink(seed));
        println!("again: cargo xtask worlds --seed {seed}; with all that happens: --tell");
        return false;
    }
    print_report(&report, seeds.count, begun.elapsed());
    let missed = report.missed();
    let is_bound = seeds.count >= REACH_ALL;
    if !missed.is_empty() {
        println!("not reached: {}", missed.join(", "));
    }
    missed.is_empty() || !is_bound
}

fn print_report(report: &Report, seeds: u64, took: Duration) {
    let seconds = took.as_secs_f64();
    let speed = seeds as f64 / seconds.max(0.001);
    println!("{seeds} worlds in {seconds:.1} s: {speed:.0} a second");
    println!(
        "{} requests, {} handled, {} messages, {} faults, {:.1} hours of the worlds' time, trace {:016x}",
        report.requests,
        report.handled,
        report.messages,
        report.faults,
        report.time.as_secs_f64() / 3600.0,
        report.trace
    );
    let reached = report.coverage.iter();
    let reached: Vec<_> = reached
        .map(|(what, times)| format!("{what} {times}"))
        .collect();
    println!("reached: {}", reached.join(", "));
}
