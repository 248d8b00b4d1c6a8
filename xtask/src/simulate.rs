//! `simulate`: the simulator, compiled as it is shipped, or with bugs that can be planted.

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
    let mut cargo = workspace.cargo();
    cargo.args(["run", "--quiet", "--release", "-p", "twinwire-sim", "--"]);
    cargo.args(arguments);
    if mutants {
        // In a folder of its own: else every change of the flags compiles everything again.
        cargo.env("RUSTFLAGS", "--cfg twinwire_mutants");
        cargo.env("CARGO_TARGET_DIR", workspace.target_dir().join("mutants"));
    }
    cargo
}
