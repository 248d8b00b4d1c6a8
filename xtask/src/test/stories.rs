//! `stories`: the real page in Chromium, against the real server, told by playwright scripts.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::counts::{self, Counts};
use super::report::Row;
use super::{Bench, LIMIT};
use crate::setup::{CHROMIUM, step};
use crate::{binaries, page};

pub(super) fn run(bench: &Bench) -> Row {
    let mut note = None;
    let mut row = bench.row("stories", || match bench.setup.program(&CHROMIUM) {
        Ok(chromium) => tell(bench, &chromium),
        Err(missing) => {
            note = Some(format!("skipped, {missing:#}"));
            Ok(Counts::SKIPPED)
        }
    });
    row.note = note;
    row
}

fn tell(bench: &Bench, chromium: &Path) -> Result<Counts> {
    let folder = bench.workspace.root().join("e2e");
    bench.setup.npm_packages(&folder)?;
    let dist = page::build(bench.workspace, bench.setup)?;
    step("programs for the tests", || {
        binaries::test_programs(bench.workspace)
    })?;
    let program = |name| binaries::program(bench.workspace, "debug", name);
    let mut node = Command::new("node");
    node.args(["--test", "--test-reporter=spec"])
        .args(scripts(&folder)?)
        .current_dir(&folder)
        .env("CHROMIUM", chromium)
        .env("TWINWIRE_WWW", dist)
        .env("TWINWIRE_SERVER", program("twinwire-server"))
        .env("TWINWIRE_PLAIN_ECHO", program("examples/plain_echo"));
    bench.counted(&mut node, LIMIT, counts::of_node)
}

/// The stories, by path: node's own search would look into node_modules too.
fn scripts(folder: &Path) -> Result<Vec<PathBuf>> {
    let stories = folder.join("stories");
    let files = fs::read_dir(&stories)
        .with_context(|| format!("can't read {}", stories.display()))?
        .flatten()
        .map(|file| file.path());
    let mut scripts: Vec<PathBuf> = files
        .filter(|file| file.to_string_lossy().ends_with(".test.mjs"))
        .collect();
    scripts.sort();
    Ok(scripts)
}
