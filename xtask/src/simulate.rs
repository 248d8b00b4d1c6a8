//! `simulate`: the simulator, compiled as it is shipped, or with bugs that can be planted; and `worlds`, of client and
//! server as they ship.

use std::process::Command;

use anyhow::{Context, Result};

use crate::workspace::Workspace;

/// Runs the simulator with these arguments, and says whether all was well.
pub(crate) fn simulate(workspace: &Workspace, arguments: &[String], mutants: bool) -> Result<bool> {
    let status = command(workspace, arguments, mutants).status();
    Ok(status.context("can't run cargo")?.success())
}

/// What runs the simulator.
pub(crate) fn command(workspace: &Workspace, arguments: &[String], mutants: bool) -> Command {
    let mut cargo = run(workspace, "twinwire-sim", arguments);
    if mutants {
        // In a folder of its own: else every change of the flags compiles everything again.
        cargo.env("RUSTFLAGS", "--cfg twinwire_mutants");
        cargo.env("CARGO_TARGET_DIR", workspace.target_dir().join("mutants"));
    }
    cargo
}

/// Runs worlds of client and server with these arguments, and says whether all was well.
pub(crate) fn worlds(workspace: &Workspace, arguments: &[String]) -> Result<bool> {
    let status = worlds_command(workspace, arguments).status();
    Ok(status.context("can't run cargo")?.success())
}

/// Returns the command that runs worlds.
pub(crate) fn worlds_command(workspace: &Workspace, arguments: &[String]) -> Command {
    run(workspace, "twinwire-worlds", arguments)
}

fn run(workspace: &Workspace, package: &str, arguments: &[String]) -> Command {
    let mut cargo = workspace.cargo();
    cargo.args(["run", "--quiet", "--release", "-p", package, "--"]);
    cargo.args(arguments);
    cargo
}
