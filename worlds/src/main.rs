//! Runs many worlds: `cargo xtask worlds` calls it.
#![forbid(unsafe_code)]

use std::num::NonZero;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use twinwire_worlds::{Failure, Report, run, shrink, tell};

const USAGE: &str = "usage: twinwire-worlds [--seeds N] [--seed S] [--tell]";

/// The number of worlds that have to reach everything.
const REACH_ALL: u64 = 2_000;

/// The command line's wishes.
struct Wanted {
    first: u64,
    seeds: u64,
    tells: bool,
}

fn main() -> ExitCode {
    let Some(wanted) = parse(std::env::args().skip(1)) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    let good = match wanted.tells {
        true => told(wanted.first),
        false => try_seeds(&wanted),
    };
    match good {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

fn parse(mut arguments: impl Iterator<Item = String>) -> Option<Wanted> {
    let mut wanted = Wanted {
        first: 0,
        seeds: REACH_ALL,
        tells: false,
    };
    let mut is_one = false;
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--seeds" => wanted.seeds = arguments.next()?.parse().ok()?,
            "--seed" => {
                wanted.first = arguments.next()?.parse().ok()?;
                is_one = true;
            }
            "--tell" => wanted.tells = true,
            _ => return None,
        }
    }
    if is_one && wanted.seeds == REACH_ALL {
        wanted.seeds = 1;
    }
    Some(wanted)
}

/// Prints what happens in one world.
fn told(seed: u64) -> bool {
    match tell(seed) {
        Ok(report) => println!("all is well: {report:?}"),
        Err(ref failure) => println!("{failure}"),
    }
    true
}

/// Runs the seeds on all cores. Of those that fail gives the smallest that was met before all stopped.
fn run_all(wanted: &Wanted) -> (Report, Option<Failure>) {
    let next = AtomicU64::new(wanted.first);
    let stop = AtomicU64::new(wanted.first + wanted.seeds);
    let found = Mutex::new((Report::default(), None::<Failure>));
    let work = || {
        let mut sum = Report::default();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= stop.load(Ordering::Relaxed) {
                break;
            }
            match run(seed) {
                Ok(report) => sum += &report,
                Err(failure) => {
                    stop.fetch_min(seed, Ordering::Relaxed);
                    let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
                    if found.1.as_ref().is_none_or(|known| seed < known.seed) {
                        found.1 = Some(failure);
                    }
                }
            }
        }
        found.lock().unwrap_or_else(PoisonError::into_inner).0 += &sum;
    };
    let threads = thread::available_parallelism()
        .map_or(1, NonZero::get)
        .min(wanted.seeds as usize);
    thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(work);
        }
    });
    found.into_inner().unwrap_or_else(PoisonError::into_inner)
}

fn try_seeds(wanted: &Wanted) -> bool {
    let begun = Instant::now();
    let (report, failure) = run_all(wanted);
    if let Some(failure) = failure {
        let seed = failure.seed;
        println!("{failure}\n\n{}\n", shrink(seed));
        println!("again: cargo xtask worlds --seed {seed}; with all that happens: --tell");
        return false;
    }
    print_report(&report, wanted.seeds, begun.elapsed());
    let missed = report.missed();
    let is_bound = wanted.seeds >= REACH_ALL;
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
