//! The native programs that `start` and the suites run.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;

use crate::run::run;
use crate::setup::Did;
use crate::workspace::Workspace;

const LIMIT: Duration = Duration::from_secs(20 * 60);

/// The crates beside and around the server, with one choice of features, so that building them for
/// one suite builds no dependency a second time for the next.
pub(crate) const SERVER_CRATES: [&str; 10] = [
    "-p",
    "twinwire-server",
    "-p",
    "testkit",
    "-p",
    "twinwire-client-native",
    "-p",
    "chat-server",
    "--features",
    "twinwire-server/test",
];

/// The profile of the server that `start` runs, and the folder of its programs.
pub(crate) const QUICK: &str = "start";

/// Builds the server for a person who waits for the page.
pub(crate) fn quick_server(workspace: &Workspace) -> Result<Did> {
    build(workspace, &["--profile", QUICK, "-p", "chat-server"])
}

/// The peer of the browsers' bench, which must not be what slows both clients down.
pub(crate) fn release_peer(workspace: &Workspace) -> Result<Did> {
    build(workspace, &["--release", "-p", "testkit", "--bin", "peer"])
}

/// Builds the example of the plain endpoint as users run it, for messages of 16 MiB.
pub(crate) fn release_plain_echo(workspace: &Workspace) -> Result<Did> {
    let example = ["--release", "-p", "twinwire-server", "--example"];
    build(workspace, &[&example[..], &["plain_echo"]].concat())
}

/// The programs that the tests run: the server, the servers of the browsers' tests, the examples.
pub(crate) fn test_programs(workspace: &Workspace) -> Result<Did> {
    build(
        workspace,
        &[&SERVER_CRATES[..], &["--bins", "--examples"]].concat(),
    )
}

/// Where a built program is; `name` as cargo lays it out, so `examples/…` for an example.
pub(crate) fn program(workspace: &Workspace, profile: &str, name: &str) -> PathBuf {
    workspace.target_dir().join(profile).join(name)
}

fn build(workspace: &Workspace, arguments: &[&str]) -> Result<Did> {
    let mut cargo = workspace.cargo();
    let finished = run(cargo.arg("build").args(arguments), LIMIT)?;
    finished.require(&format!("cargo build {}", arguments.join(" ")))?;
    Ok(did(&finished.output))
}

/// Cargo names each crate it compiles, and none when all are fresh.
fn did(output: &str) -> Did {
    let compiled = |line: &str| line.trim_start().starts_with("Compiling ");
    if output.lines().any(compiled) {
        Did::Work
    } else {
        Did::Nothing
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_build_that_compiled_nothing_was_cached() {
        assert_eq!(did("    Finished `dev` profile in 0.1s\n"), Did::Nothing);
        assert_eq!(
            did("   Compiling chat v0.1.0\n    Finished `dev` profile\n"),
            Did::Work
        );
    }
}
