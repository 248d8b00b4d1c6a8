//! The suites that are cargo calls and nothing more.

use std::process::Command;

use anyhow::Result;

use super::counts::{self, Counts};
use super::{Bench, LIMIT};
use crate::binaries::SERVER_CRATES;
use crate::simulate;

/// The number of worlds of sessions that the suite runs.
const SEEDS: &str = "10000";

/// The number of worlds of client and server that the suite runs.
const WORLDS: &str = "2000";

/// The number of connections of the plain endpoint.
const WORLDS_OF_PLAIN: &str = "2000";

/// The number of those over WebSockets.
const WORLDS_OF_BYTES: &str = "400";

/// Crates that make sense for the host. The features are those of the server's programs, so that
/// all suites share what they compile.
const NATIVE: [&str; 11] = [
    "--workspace",
    "--exclude",
    "www",
    "--exclude",
    "minimal",
    "--exclude",
    "npm",
    "--exclude",
    "twinwire-client-wasm",
    "--features",
    "twinwire-server/test",
];

/// Crates that are compiled into a page.
const WASM: [&str; 16] = [
    "-p",
    "twinwire",
    "-p",
    "twinwire-client",
    "-p",
    "twinwire-client-wasm",
    "-p",
    "chat",
    "-p",
    "www",
    "-p",
    "minimal",
    "-p",
    "npm",
    "--target",
    "wasm32-unknown-unknown",
];

/// A page without what it needn't have.
const PLAIN: [&str; 5] = [
    "-p",
    "twinwire-client-wasm",
    "--no-default-features",
    "--target",
    "wasm32-unknown-unknown",
];

pub(super) fn fmt(bench: &Bench) -> Result<Counts> {
    bench.check(
        bench
            .workspace
            .cargo()
            .args(["fmt", "--all", "--check", "--", "--color", "never"]),
    )
}

pub(super) fn lint(bench: &Bench) -> Result<Counts> {
    bench.setup.wasm_std()?;
    let clippy = |selection: &[&str]| {
        let mut cargo = bench.workspace.cargo();
        cargo
            .arg("clippy")
            .args(selection)
            .args(["--all-targets", "--", "-D", "warnings"]);
        bench.check(&mut cargo)
    };
    let mut counts = clippy(&NATIVE)?;
    counts += clippy(&WASM)?;
    // In a selection with `www`, cargo turns its features on for all.
    counts += clippy(&PLAIN)?;
    Ok(counts)
}

pub(super) fn doc(bench: &Bench) -> Result<Counts> {
    bench.setup.wasm_std()?;
    let doc = |selection: &[&str]| {
        let mut cargo = bench.workspace.cargo();
        cargo
            .args(["doc", "--no-deps"])
            .args(selection)
            .env("RUSTDOCFLAGS", "-D warnings");
        bench.check(&mut cargo)
    };
    let mut counts = doc(&NATIVE)?;
    // What is documented for the host already would say the same again.
    let browser = [
        "-p",
        "twinwire-client-wasm",
        "-p",
        "www",
        "-p",
        "minimal",
        "--target",
        "wasm32-unknown-unknown",
    ];
    counts += doc(&browser)?;
    Ok(counts)
}

pub(super) fn unit(bench: &Bench) -> Result<Counts> {
    let crates = [
        "twinwire",
        "twinwire-derive",
        "twinwire-remote",
        "twinwire-client",
        "twinwire-models",
        "twinwire-typescript",
        "chat",
        "xtask",
    ];
    test(bench, &crates.map(|name| ["-p", name]).concat())
}

/// The wire against its golden vectors.
pub(super) fn vectors(bench: &Bench) -> Result<Counts> {
    test(bench, &["-p", "twinwire", "--test", "vectors"])
}

/// The simulator's own tests and those of worlds, and many seeds of both.
pub(super) fn sim(bench: &Bench) -> Result<Counts> {
    let crates = ["--release", "-p", "twinwire-sim", "-p", "twinwire-worlds"];
    let mut counts = test(bench, &crates)?;
    let arguments = |words: &[&str]| {
        words
            .iter()
            .map(|&word| word.to_owned())
            .collect::<Vec<_>>()
    };
    let seeds = |seeds| arguments(&["--seeds", seeds]);
    let of_bytes = arguments(&["--bytes", "--seeds", WORLDS_OF_BYTES]);
    let of_plain = arguments(&["--plain", "--seeds", WORLDS_OF_PLAIN]);
    for mut command in [
        simulate::command(bench.workspace, &seeds(SEEDS), false),
        simulate::worlds_command(bench.workspace, &seeds(WORLDS), false),
        simulate::worlds_command(bench.workspace, &of_bytes, false),
        simulate::worlds_command(bench.workspace, &of_plain, false),
    ] {
        let (ran, printed) = bench.told(&mut command, LIMIT, |_| Counts::default())?;
        if ran.failed == 0 {
            eprint!("{printed}");
            counts += Counts::PASSED;
        }
        counts += ran;
    }
    Ok(counts)
}

/// Examples are built with them, as `cargo test` does.
pub(super) fn server(bench: &Bench) -> Result<Counts> {
    test(bench, &SERVER_CRATES)
}

/// The generator of TypeScript types as a release's build script runs it.
pub(super) fn generator(bench: &Bench) -> Result<Counts> {
    test(bench, &["--release", "-p", "twinwire-typescript"])
}

fn test(bench: &Bench, selection: &[&str]) -> Result<Counts> {
    let mut cargo: Command = bench.workspace.cargo();
    cargo.args(["test", "--no-fail-fast"]).args(selection);
    // What tests print that pass is among it: their figures.
    cargo.args(["--", "--show-output"]);
    bench.counted(&mut cargo, LIMIT, counts::of_libtest)
}
