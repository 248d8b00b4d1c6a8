//! Runs many worlds: `cargo xtask worlds` calls it.
#![forbid(unsafe_code)]

use std::process::ExitCode;
use std::time::{Duration, Instant};

use twinwire_sim::{Failure, Finder, SHELL_MUTANTS, Seeds, activate};
use twinwire_worlds::{Report, Tier, run, shrink, tell};

const USAGE: &str = "usage: twinwire-worlds [--seeds N] [--seed S] [--bytes | --plain] [--tell] [--mutant NAME] \
    [--mutants]";

/// The number of worlds that have to reach everything.
const REACH_ALL: u64 = 2_000;

/// The number of worlds that look for a bug, one of all.
const OF_MUTANT: u64 = 1_000;

/// The command line's wishes.
struct Wanted {
    seeds: Seeds,
    tier: Tier,
    tells: bool,
    mutant: Option<&'static str>,
    all_mutants: bool,
}

fn main() -> ExitCode {
    let Some(wanted) = parse(std::env::args().skip(1).collect()) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    let needs_bugs = wanted.all_mutants || wanted.mutant.is_some();
    if needs_bugs && !cfg!(twinwire_mutants) {
        eprintln!("no bugs can be planted in this build: it needs --cfg twinwire_mutants");
        return ExitCode::from(2);
    }
    let good = match (wanted.all_mutants, wanted.tells) {
        (true, _) => try_mutants(wanted.seeds, wanted.tier),
        (false, true) => told(&wanted),
        (false, false) => try_seeds(&wanted),
    };
    match good {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

fn parse(arguments: Vec<String>) -> Option<Wanted> {
    let all_mutants = arguments.iter().any(|argument| argument == "--mutants");
    let count = match all_mutants {
        true => OF_MUTANT,
        false => REACH_ALL,
    };
    let (seeds, others) = Seeds::parse(arguments.into_iter(), count)?;
    let mut wanted = Wanted {
        seeds,
        tier: Tier::Messages,
        tells: false,
        mutant: None,
        all_mutants,
    };
    let mut others = others.into_iter();
    while let Some(argument) = others.next() {
        match argument.as_str() {
            "--mutants" => {}
            "--bytes" => wanted.tier = Tier::Bytes,
            "--plain" => wanted.tier = Tier::Plain,
            "--tell" => wanted.tells = true,
            "--mutant" => {
                let name = others.next()?;
                let known = SHELL_MUTANTS.iter().find(|(known, ..)| *known == name)?;
                wanted.mutant = Some(known.0);
            }
            _ => return None,
        }
    }
    Some(wanted)
}

/// Prints what happens in one world.
fn told(wanted: &Wanted) -> bool {
    activate(wanted.mutant);
    match tell(wanted.seeds.first, wanted.tier) {
        Ok(report) => println!("all is well: {report:?}"),
        Err(ref failure) => println!("{failure}"),
    }
    true
}

fn run_all(seeds: Seeds, tier: Tier, mutant: Option<&'static str>) -> (Report, Option<Failure>) {
    seeds.run(|| {
        activate(mutant);
        move |seed| run(seed, tier)
    })
}

fn try_seeds(wanted: &Wanted) -> bool {
    let Wanted { seeds, tier, .. } = *wanted;
    let begun = Instant::now();
    let (report, failure) = run_all(seeds, tier, wanted.mutant);
    if let Some(failure) = failure {
        let seed = failure.seed;
        activate(wanted.mutant);
        println!("{failure}\n\n{}\n", shrink(seed, tier));
        let mutant = wanted.mutant.map(|name| format!(" --mutant {name}"));
        let mutant = mutant.unwrap_or_default();
        let flag = match tier {
            Tier::Messages => "",
            Tier::Bytes => " --bytes",
            Tier::Plain => " --plain",
        };
        println!(
            "again: cargo xtask worlds{flag} --seed {seed}{mutant}; with all that happens: --tell"
        );
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

/// A row for each bug of the shells, with the first seed that shows it.
fn try_mutants(seeds: Seeds, tier: Tier) -> bool {
    let (mut found, mut is_well) = (0, true);
    println!("| bug of the shells | first seed | what the oracle says |\n|---|---|---|");
    for (name, what, finder) in SHELL_MUTANTS {
        let (_, failure) = run_all(seeds, tier, Some(name));
        found += usize::from(failure.is_some());
        is_well &= failure.is_some() || !matches!(finder, Finder::Worlds(_));
        let (seed, says) = match (failure, finder) {
            (Some(failure), _) => (failure.seed.to_string(), failure.what),
            (None, Finder::Test(test)) => ("never".to_owned(), format!("{test} finds it")),
            (None, Finder::Worlds(_)) => ("never".to_owned(), String::new()),
        };
        println!("| {name}: {what} | {seed} | {says} |");
    }
    let all = SHELL_MUTANTS.len();
    let count = seeds.count;
    println!("\n{found} of {all} bugs of the shells are found within {count} worlds");
    is_well
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
