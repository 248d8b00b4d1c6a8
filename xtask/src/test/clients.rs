//! `clients`: WebSocket clients of other makers, and nginx and HAProxy, against both endpoints.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use super::counts::{self, Counts};
use super::report::Row;
use super::{Bench, LIMIT};
use crate::binaries;
use crate::port_server::{self, PortServer};
use crate::setup::{CURL, JAVAC, OPENSSL, Program, Setup, step};

/// What the scripts are told of: variables with programs and with what those need around them.
type Variables = Vec<(&'static str, PathBuf)>;

type SetUp = fn(&Setup) -> Result<Variables>;

/// The tools, by the names that the scripts know.
const TOOLS: [(&str, SetUp); 8] = [
    ("java", |setup| Ok(vec![("TWINWIRE_JAVA", setup.java()?)])),
    ("python", |setup| {
        Ok(vec![("TWINWIRE_PYTHON", setup.python_websockets()?)])
    }),
    ("bun", |setup| Ok(vec![("TWINWIRE_BUN", setup.bun()?)])),
    ("deno", |setup| Ok(vec![("TWINWIRE_DENO", setup.deno()?)])),
    ("go", go),
    ("curl", |setup| {
        Ok(vec![("TWINWIRE_CURL", setup.program(&CURL)?)])
    }),
    ("nginx", |setup| {
        setup.program(&OPENSSL)?;
        Ok(vec![("TWINWIRE_NGINX", setup.nginx()?)])
    }),
    ("haproxy", haproxy),
];

/// Programs of the system that clients and proxies need.
pub(super) fn programs() -> Vec<&'static Program> {
    vec![&JAVAC, &CURL, &OPENSSL]
}

pub(super) fn run(bench: &Bench) -> Row {
    let mut missing = Vec::new();
    let mut row = bench.row("clients", || tell(bench, &mut missing));
    row.note = (!missing.is_empty()).then(|| format!("skipped, {}", missing.join("; ")));
    row
}

fn tell(bench: &Bench, missing: &mut Vec<String>) -> Result<Counts> {
    let folder = bench.workspace.root().join("e2e");
    bench.setup.npm_packages(&folder)?;
    let mut node = Command::new("node");
    node.env("TWINWIRE_NODE", "node");
    for (name, set_up) in TOOLS {
        match set_up(bench.setup) {
            Ok(variables) => {
                node.envs(variables);
            }
            Err(error) => missing.push(format!("{name}: {error:#}")),
        }
    }
    step("programs for the tests", || {
        binaries::test_programs(bench.workspace)
    })?;
    let endpoints = binaries::program(bench.workspace, "debug", "endpoints");
    let endpoints = PortServer::start(&mut Command::new(endpoints))?;
    for (name, port) in &endpoints.ports {
        node.env(port_server::variable(name), port.to_string());
    }
    node.args(["--test", "--test-reporter=spec"])
        .args(["clients/clients.test.mjs", "clients/proxies.test.mjs"])
        .current_dir(&folder);
    bench.counted(&mut node, LIMIT, counts::of_node)
}

/// In the mode before modules, which needs nothing but what Debian has unpacked.
fn go(setup: &Setup) -> Result<Variables> {
    let (go, folder) = setup.go()?;
    Ok(vec![
        ("TWINWIRE_GO", go),
        ("GOROOT", folder.join("usr/lib/go-1.19")),
        ("GOPATH", folder.join("usr/share/gocode")),
        ("GOCACHE", setup.go_cache()),
        ("GO111MODULE", "off".into()),
    ])
}

fn haproxy(setup: &Setup) -> Result<Variables> {
    setup.program(&OPENSSL)?;
    let (haproxy, folder) = setup.haproxy()?;
    // Its libraries lie in a folder named by the machine, such as x86_64-linux-gnu.
    let machines = fs::read_dir(folder.join("usr/lib"))?;
    let libraries = machines.flatten().map(|machine| machine.path());
    let libraries = libraries.filter(|path| path.to_string_lossy().ends_with("-linux-gnu"));
    let mut variables = vec![("TWINWIRE_HAPROXY", haproxy)];
    variables.extend(libraries.map(|libraries| ("LD_LIBRARY_PATH", libraries)));
    Ok(variables)
}
