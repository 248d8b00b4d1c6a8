//! Runs many worlds: `cargo xtask simulate` calls it.
#![forbid(unsafe_code)]

use std::process::ExitCode;
use std::time::{Duration, Instant};

use twinwire::session::Role;
use twinwire_sim::{Failure, MUTANTS, Plan, Report, Seeds, Simulation, activate};

const USAGE: &str = "usage: twinwire-sim [--seeds N] [--seed S] [--mutant NAME] [--mutants]";

/// The number of worlds that have to reach everything.
const REACH_ALL: u64 = 2_000;

/// The command line's wishes.
struct Wanted {
    seeds: Seeds,
    mutant: Option<&'static str>,
    all_mutants: bool,
}

fn main() -> ExitCode {
    let Some(wanted) = parse(std::env::args().skip(1)) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    let needs_bugs = wanted.all_mutants || wanted.mutant.is_some();
    if needs_bugs && !cfg!(twinwire_mutants) {
        eprintln!("no bugs can be planted in this build: it needs --cfg twinwire_mutants");
        return ExitCode::from(2);
    }
    // A panic is a finding, told with its seed.
    std::panic::set_hook(Box::new(|_| {}));
    let good = if wanted.all_mutants {
        try_mutants(wanted.seeds)
    } else {
        try_seeds(&wanted)
    };
    if good {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn parse(arguments: impl Iterator<Item = String>) -> Option<Wanted> {
    let arguments: Vec<String> = arguments.collect();
    // The rarest bug is found at seed 12,697.
    let usual = match arguments.iter().any(|argument| argument == "--mutants") {
        true => 20_000,
        false => 10_000,
    };
    let (seeds, others) = Seeds::parse(arguments.into_iter(), usual)?;
    let mut wanted = Wanted {
        seeds,
        mutant: None,
        all_mutants: false,
    };
    let mut others = others.into_iter();
    while let Some(argument) = others.next() {
        match argument.as_str() {
            "--mutants" => wanted.all_mutants = true,
            "--mutant" => {
                let name = others.next()?;
                let known = MUTANTS.iter().find(|(known, _)| *known == name)?;
                wanted.mutant = Some(known.0);
            }
            _ => return None,
        }
    }
    Some(wanted)
}

fn run(seeds: Seeds, mutant: Option<&'static str>) -> (Report, Option<Failure>) {
    seeds.run(|| {
        activate(mutant);
        let simulation = Simulation::random(Plan::default());
        move |seed| simulation.run(seed)
    })
}

fn try_seeds(wanted: &Wanted) -> bool {
    let begun = Instant::now();
    let (report, failure) = run(wanted.seeds, wanted.mutant);
    if let Some(failure) = failure {
        let mutant = wanted
            .mutant
            .map_or(String::new(), |name| format!(" --mutant {name}"));
        println!(
            "{failure}\nagain: cargo xtask simulate --seed {}{mutant}",
            failure.seed
        );
        return false;
    }
    print_report(&report, wanted.seeds.count, begun.elapsed());
    let missed = report.missed();
    if !missed.is_empty() {
        println!("not reached: {}", missed.join(", "));
    }
    missed.is_empty() || wanted.seeds.count < REACH_ALL
}

fn print_report(report: &Report, seeds: u64, took: Duration) {
    let speed = seeds as f64 / took.as_secs_f64().max(0.001);
    println!(
        "{seeds} seeds in {:.1} s: {speed:.0} seeds a second",
        took.as_secs_f64()
    );
    println!(
        "{} messages, {} faults, {} cuts, {} resumes, {} sessions lost, {} of them for want of room, {} events left of \
         them, {} requests carried over, {} goodbyes for now, {} removed from topics, {} invitations, {} pongs, {} publications in other encodings, {} pauses, {} streams given up before \
         they arrived, {} waits for room, {} restarts",
        report.messages,
        report.faults,
        report.cuts,
        report.resumes,
        report.lost,
        report.crowded,
        report.leftovers,
        report.carried_over,
        report.away,
        report.removals,
        report.invitations,
        report.pongs,
        report.encodings,
        report.pauses,
        report.given_up,
        report.waits,
        report.restarts
    );
    println!(
        "{:.1} hours of the world's time, {} polls, trace {:016x}",
        report.time.as_secs_f64() / 3600.0,
        report.polls,
        report.trace
    );
    for (role, name) in [(Role::Client, "client"), (Role::Server, "server")] {
        let (visited, all) = report.coverage.share(role);
        let share = 100.0 * visited as f64 / all.max(1) as f64;
        println!("{name}: {visited} of {all} cells of state and frame visited, {share:.0} %");
        let missed = report.coverage.missed(role);
        if !missed.is_empty() {
            println!("        not: {}", missed.join(", "));
        }
    }
}

/// A row for each bug, with the first seed that shows it.
fn try_mutants(seeds: Seeds) -> bool {
    let mut caught = 0;
    println!("| bug | first seed | what the oracle says |\n|---|---|---|");
    for (name, what) in MUTANTS {
        let (_, failure) = run(seeds, Some(name));
        caught += usize::from(failure.is_some());
        let (seed, says) = failure.map_or(("never".to_owned(), String::new()), |failure| {
            (failure.seed.to_string(), failure.what)
        });
        println!("| {name}: {what} | {seed} | {says} |");
    }
    println!(
        "\n{caught} of {} bugs are found within {} seeds",
        MUTANTS.len(),
        seeds.count
    );
    caught == MUTANTS.len()
}
