//! `npm-package`: the npm package as a registry would have it, installed, under runtimes and bundlers.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::counts::{self, Counts};
use super::report::Row;
use super::{Bench, LIMIT};
use crate::setup::{CHROMIUM, FIREFOX, step};
use crate::{binaries, npm};

/// What runs without a page, and what needs Chromium.
const TESTS: [&str; 3] = [
    "npm/archive.test.mjs",
    "npm/module.test.mjs",
    "npm/runtimes.test.mjs",
];

const PAGES: [&str; 5] = [
    "npm/bundlers.test.mjs",
    "npm/react.test.mjs",
    "npm/readme.test.mjs",
    "npm/tabs.test.mjs",
    "npm/worker.test.mjs",
];

pub(super) fn run(bench: &Bench) -> Row {
    let mut missing = Vec::new();
    let mut row = bench.row("npm-package", || tell(bench, &mut missing));
    row.note = (!missing.is_empty()).then(|| format!("skipped, {}", missing.join("; ")));
    row
}

fn tell(bench: &Bench, missing: &mut Vec<String>) -> Result<Counts> {
    let archive = npm::npm(bench.workspace, bench.setup)?;
    let mut counts = same_again(bench, &archive)?;
    let folder = bench.workspace.root().join("e2e");
    bench.setup.npm_packages(&folder)?;
    bench.setup.npm_packages(&folder.join("npm"))?;
    step("programs for the tests", || {
        binaries::test_programs(bench.workspace)
    })?;
    let mut node = Command::new("node");
    node.args(["--test", "--test-reporter=spec"])
        .args(TESTS)
        .current_dir(&folder)
        .env("TWINWIRE_NPM_ARCHIVE", archive)
        .env("TWINWIRE_NODE", "node")
        .env(
            "TWINWIRE_SERVER",
            binaries::program(bench.workspace, "debug", "twinwire-server"),
        )
        .env(
            "TWINWIRE_GOODBYE",
            binaries::program(bench.workspace, "debug", "examples/goodbye"),
        )
        .env(
            "TWINWIRE_TEST_PEER",
            binaries::program(bench.workspace, "debug", "peer"),
        );
    let runtimes = [
        ("TWINWIRE_NODE22", bench.setup.node_22()),
        ("TWINWIRE_BUN", bench.setup.bun()),
        ("TWINWIRE_DENO", bench.setup.deno()),
    ];
    for (variable, runtime) in runtimes {
        match runtime {
            Ok(program) => {
                node.env(variable, program);
            }
            Err(error) => missing.push(format!("{error:#}")),
        }
    }
    match firefox(bench) {
        Ok(programs) => {
            node.envs(programs);
        }
        Err(error) => missing.push(format!("{error:#}")),
    }
    match bench.setup.program(&CHROMIUM) {
        Ok(chromium) => {
            node.args(PAGES).env("CHROMIUM", chromium);
        }
        Err(error) => {
            missing.push(format!("{error:#}"));
            counts += Counts::SKIPPED;
        }
    }
    counts += bench.counted(&mut node, LIMIT, counts::of_node)?;
    Ok(counts)
}

/// Firefox and its driver, by the variables that the scripts know.
fn firefox(bench: &Bench) -> Result<[(&'static str, PathBuf); 2]> {
    let firefox = bench.setup.program(&FIREFOX)?;
    let driver = bench.setup.geckodriver()?.join("geckodriver");
    Ok([
        ("TWINWIRE_FIREFOX", firefox),
        ("TWINWIRE_GECKODRIVER", driver),
    ])
}

/// Builds the package again from its own crate on: the archive must have the same bytes.
fn same_again(bench: &Bench, archive: &Path) -> Result<Counts> {
    let before = read(archive)?;
    npm::forget(bench.workspace)?;
    let again = npm::npm(bench.workspace, bench.setup)?;
    if read(&again)? == before {
        return Ok(Counts::PASSED);
    }
    eprintln!("two builds of the npm package gave different archives");
    Ok(Counts::FAILED)
}

fn read(file: &Path) -> Result<Vec<u8>> {
    fs::read(file).with_context(|| format!("can't read {}", file.display()))
}
