//! `npm`: the npm package's types by TypeScript's compiler, and what runs of them in Node.

use std::process::Command;

use anyhow::Result;

use super::counts::{self, Counts};
use super::{Bench, LIMIT, cargo_suites};

/// The folders of `tsconfig.json` files, in the order in which they are compiled.
const PROJECTS: [&str; 2] = ["test", "test/samples"];

/// The tests in JavaScript, which import what was compiled.
const TESTS: [&str; 1] = ["test/bigint.test.mjs"];

pub(super) fn npm(bench: &Bench) -> Result<Counts> {
    let folder = bench.workspace.root().join("npm");
    bench.setup.npm_packages(&folder)?;
    let mut counts = cargo_suites::generator(bench)?;
    for project in PROJECTS {
        let mut compiler = Command::new(folder.join("node_modules/.bin/tsc"));
        counts += bench.check(compiler.args(["-p", project]).current_dir(&folder))?;
    }
    if counts.failed > 0 {
        return Ok(counts);
    }
    let mut node = Command::new("node");
    node.args(["--test", "--test-reporter=spec"])
        .args(TESTS)
        .current_dir(&folder);
    counts += bench.counted(&mut node, LIMIT, counts::of_node)?;
    Ok(counts)
}
