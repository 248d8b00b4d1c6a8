//! Runs many worlds: `cargo xtask worlds` calls it.
#![forbid(unsafe_code)]

use std::process::ExitCode;
use std::time::{Duration, Instant};

use twinwire_sim::Seeds;
use twinwire_worlds::{Report, Tier, run, shrink, tell};

const USAGE: &str = "usage: twinwire-worlds [--seeds N] [--seed S] [--bytes] [--tell]";

/// The number of worlds that have to reach everything.
const REACH_ALL: u64 = 2_000;

/// The command line's wishes.
struct Wanted {
    seeds: Seeds,
    tier: Tier,
    tells: bool,
}

fn main() -> ExitCode {
    let Some(wanted) = parse(std::env::args().skip(1)) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    let good = match wanted.tells {
        true => told(&wanted),
        false => try_seeds(&wanted),
    };
    match good {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

fn parse(arguments: impl Iterator<Item = String>) -> Option<Wanted> {
    let (seeds, others) = Seeds::parse(arguments, REACH_ALL)?;
    let mut wanted = Wanted {
        seeds,
        tier: Tier::Messages,
        tells: false,
    };
    for other in others {
        match other.as_str() {
            "--bytes" => wanted.tier = Tier::Bytes,
            "--tell" => wanted.tells = true,
            _ => return None,
        }
    }
    Some(wanted)
}

/// Prints what happens in one world.
fn told(wanted: &Wanted) -> bool {
    match tell(wanted.seeds.first, wanted.tier) {
        Ok(report) => println!("all is well: {report:?}"),
        Err(ref failure) => println!("{failure}"),
    }
    true
}

fn try_seeds(wanted: &Wanted) -> bool {
    let Wanted { seeds, tier, .. } = *wanted;
    let begun = Instant::now();
    let (report, failure): (Report, _) = seeds.run(|| |seed| run(seed, tier));
    if let Some(failure) = failure {
        let seed = failure.seed;
        println!("{failure}\n\n{}\n", shrink(seed, tier));
        let flag = match tier {
            Tier::Messages => "",
            Tier::Bytes => " --bytes",
        };
        println!("again: cargo xtask worlds{flag} --seed {seed}; with all that happens: --tell");
        return false;
    }
    print_report(&report, seeds.count, begun.elapsed());
    let missed = report.missed(tier);
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
