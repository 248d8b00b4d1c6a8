//! `npm-package`: the npm package as a registry would have it, installed.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use super::counts::{self, Counts};
use super::report::Row;
use super::{Bench, LIMIT};
use crate::npm;

const TESTS: [&str; 1] = ["npm/archive.test.mjs"];

pub(super) fn run(bench: &Bench) -> Row {
    bench.row("npm-package", || tell(bench))
}

fn tell(bench: &Bench) -> Result<Counts> {
    let archive = npm::npm(bench.workspace, bench.setup)?;
    let mut counts = same_again(bench, &archive)?;
    let folder = bench.workspace.root().join("e2e");
    bench.setup.npm_packages(&folder)?;
    bench.setup.npm_packages(&folder.join("npm"))?;
    let mut node = Command::new("node");
    node.args(["--test", "--test-reporter=spec"])
        .args(TESTS)
        .current_dir(&folder)
        .env("TWINWIRE_NPM_ARCHIVE", archive);
    counts += bench.counted(&mut node, LIMIT, counts::of_node)?;
    Ok(counts)
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
