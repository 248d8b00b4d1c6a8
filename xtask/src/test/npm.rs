//! `npm`: the npm package's types by TypeScript's compiler, and the clients' suite through it, in Node and in Chromium.

use std::process::Command;

use anyhow::Result;

use super::counts::{self, Counts};
use super::report::Row;
use super::{Bench, LIMIT, cargo_suites};
use crate::port_server::{self, PortServer};
use crate::setup::{CHROMIUM, step};
use crate::{binaries, npm};

/// The folders of `tsconfig.json` files, in the order in which they are compiled.
const PROJECTS: [&str; 5] = [
    "test",
    "test/samples",
    "test/types",
    "test/types/newest",
    "../www/lobby",
];

/// The tests in Node, which import what was built and compiled.
const TESTS: [&str; 6] = [
    "test/bigint.test.mjs",
    "test/vectors.test.mjs",
    "test/suite/node.test.mjs",
    "test/suite/servers.test.mjs",
    "test/suite/module.test.mjs",
    "test/suite/leaks.test.mjs",
];

/// The tests in Chromium.
const PAGES: &str = "test/suite/chromium.test.mjs";

pub(super) fn run(bench: &Bench) -> Row {
    let mut note = None;
    let mut row = bench.row("npm", || tell(bench, &mut note));
    row.note = note;
    row
}

fn tell(bench: &Bench, note: &mut Option<String>) -> Result<Counts> {
    let folder = bench.workspace.root().join(npm::FOLDER);
    npm::build(bench.workspace, bench.setup)?;
    let mut counts = cargo_suites::generator(bench)?;
    for project in PROJECTS {
        let mut compiler = Command::new(folder.join("node_modules/.bin/tsc"));
        counts += bench.check(compiler.args(["-p", project]).current_dir(&folder))?;
    }
    if counts.failed > 0 {
        return Ok(counts);
    }
    // The package `ws`, and what drives Chromium.
    bench
        .setup
        .npm_packages(&bench.workspace.root().join("e2e"))?;
    step("programs for the tests", || {
        binaries::test_programs(bench.workspace)
    })?;
    let peer = binaries::program(bench.workspace, "debug", "peer");
    let server = PortServer::start(&mut Command::new(&peer))?;
    let mut node = Command::new("node");
    for (name, port) in &server.ports {
        node.env(port_server::variable(name), port.to_string());
    }
    node.args(["--test", "--test-reporter=spec"])
        .args(TESTS)
        .current_dir(&folder)
        .env("TWINWIRE_TEST_PEER", peer);
    match bench.setup.program(&CHROMIUM) {
        Ok(chromium) => {
            node.arg(PAGES).env("CHROMIUM", chromium);
        }
        Err(missing) => {
            *note = Some(format!("its page is skipped, {missing:#}"));
            counts += Counts::SKIPPED;
        }
    }
    counts += bench.counted(&mut node, LIMIT, counts::of_node)?;
    Ok(counts)
}
