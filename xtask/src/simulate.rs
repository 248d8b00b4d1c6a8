//! `simulate`: the simulator, compiled as it is shipped, or with bugs that can be planted; and `worlds`, of client and
//! server as they ship.

use std::process::Command;

use anyhow::{Context, Result};

use crate::workspace::Workspace;

/// Runs the simulator with these arguments, and says whether all was well. All `mutants` are those of the shells,
/// too, which worlds look for.
pub(crate) fn simulate(workspace: &Workspace, arguments: &[String], mutants: bool) -> Result<bool> {
    let status = command(workspace, arguments, mutants).status();
    let is_well = status.context("can't run cargo")?.success();
    if arguments.iter().any(|argument| argument == "--mutants") {
        let all = ["--mutants".to_owned()];
        return Ok(worlds(workspace, &all, true)? && is_well);
    }
    Ok(is_well)
}

/// What runs the simulator.
pub(crate) fn command(workspace: &Workspace, arguments: &[String], mutants: bool) -> Command {
    run(workspace, "twinwire-sim", arguments, mutants)
}

/// Runs worlds of client and server with these arguments, and says whether all was well.
pub(crate) fn worlds(workspace: &Workspace, arguments: &[String], mutants: bool) -> Result<bool> {
    let status = worlds_command(workspace, arguments, mutants).status();
    Ok(status.context("can't run cargo")?.success())
}

/// Returns the command that runs worlds.
pub(crate) fn worlds_command(
    workspace: &Workspace,
    arguments: &[String],
    mutants: bool,
) -> Command {
    run(workspace, "twinwire-worlds", arguments, mutants)
}

fn run(workspace: &Workspace, package: &str, arguments: &[String], mutants: bool) -> Command {
    let mut cargo = workspace.cargo();
    cargo.args(["run", "--quiet", "--release", "-p", package, "--"]);
    cargo.args(arguments);
    if mutants {
        // In a folder of its own: else every change of the flags compiles everything again.
        cargo.env("RUSTFLAGS", "--cfg twinwire_mutants");
        cargo.env("CARGO_TARGET_DIR", workspace.target_dir().join("mutants"));
    }
    cargo
}
