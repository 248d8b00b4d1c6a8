//! Runs many worlds: `cargo xtask worlds` calls it.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use twinwire_worlds::{Report, run, tell};

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let first: u64 = arguments.next().and_then(|a| a.parse().ok()).unwrap_or(0);
    let seeds: u64 = arguments.next().and_then(|a| a.parse().ok()).unwrap_or(1);
    let mut sum = Report::default();
    let mut failed = 0;
    for seed in first..first + seeds {
        let run = if seeds == 1 { tell } else { run };
        match run(seed) {
            Ok(report) => sum += &report,
            Err(failure) => {
                failed += 1;
                println!("{failure}");
            }
        }
    }
    println!("{sum:#?}\n{failed} failed");
    ExitCode::SUCCESS
}
