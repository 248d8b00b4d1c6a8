//! The project's two commands, `start` and `test`, and what they need.
//!
//! Whatever cargo itself can't say lives here: setting up tools in a cache that all clones share,
//! building the page, running the suites one after another, and the house rules (`tidy`).
//! `cargo xtask --help` lists the verbs.
#![forbid(unsafe_code)]

mod args;
mod binaries;
mod cache;
mod conformance;
mod cpu;
mod function_order;
mod lockfile;
mod mutants;
mod npm;
mod page;
mod panics;
mod port_server;
mod run;
mod setup;
mod short_names;
mod simulate;
mod start;
mod test;
mod tidy;
mod types;
mod wasm_bytes;
mod wasm_module;
mod workspace;

use std::env;
use std::process::ExitCode;

use anyhow::Result;

use args::{USAGE, Verb};
use setup::Setup;
use test::Suite;
use workspace::Workspace;

fn main() -> ExitCode {
    let verb = match args::parse(env::args().skip(1)) {
        Ok(verb) => verb,
        Err(misuse) => {
            eprintln!("xtask: {misuse}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match perform(verb) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Says whether the verb succeeded; an error is a failure that has not been reported yet.
fn perform(verb: Verb) -> Result<bool> {
    if verb == Verb::Help {
        println!("{USAGE}");
        return Ok(true);
    }
    let workspace = Workspace::find()?;
    let setup = Setup::new(&workspace)?;
    match verb {
        Verb::Help => Ok(true),
        Verb::Start { port, host } => {
            start::start(&workspace, &setup, port, host).map(|never| match never {})
        }
        Verb::Test { suites } => test::test(&workspace, &setup, &suites),
        Verb::Simulate { arguments, mutants } => {
            simulate::simulate(&workspace, &arguments, mutants)
        }
        Verb::Worlds { arguments, mutants } => simulate::worlds(&workspace, &arguments, mutants),
        Verb::Conformance => conformance::conformance(&workspace, &setup),
        Verb::Bench => test::bench(&workspace, &setup),
        Verb::BenchCpu { against } => cpu::bench(&workspace, against.as_deref()),
        Verb::Mutants(wanted) => mutants::mutants(&workspace, &setup, &wanted),
        Verb::Npm => {
            println!("{}", npm::npm(&workspace, &setup)?.display());
            Ok(true)
        }
        Verb::Types => types::write(&workspace).map(|()| true),
        Verb::Tidy => test::test(&workspace, &setup, &[Suite::Tidy]),
        Verb::Path => {
            let folders = [setup.page_tools()?, vec![setup.trunk()?]].concat();
            println!("{}", env::join_paths(folders)?.display());
            Ok(true)
        }
    }
}
