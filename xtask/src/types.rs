//! `types`: the committed TypeScript files that are generated of Rust types. Tests say when one is stale.

use std::fs;

use anyhow::{Context, Result};

use crate::workspace::{Workspace, stdout_of};

/// Each file, and what prints it as an example: its crate, its name, its argument.
const FILES: [(&str, [&str; 3]); 8] = [
    ("npm/test/chat.ts", ["chat", "typescript", ""]),
    ("www/lobby/kinds.ts", ["chat", "typescript", ""]),
    ("npm/test/suite.ts", ["suite", "typescript", ""]),
    ("npm/test/greet.ts", [GENERATOR, "types", "greet"]),
    ("npm/test/kinds.ts", [GENERATOR, "types", ""]),
    ("npm/test/kinds-bigint.ts", [GENERATOR, "types", "bigint"]),
    ("npm/test/vectors.ts", [GENERATOR, "types", "vectors"]),
    (
        "npm/test/samples/samples.ts",
        [GENERATOR, "types", "samples"],
    ),
];

const GENERATOR: &str = "twinwire-typescript";

/// Writes the files that have changed.
pub(crate) fn write(workspace: &Workspace) -> Result<()> {
    for (name, [package, example, argument]) in FILES {
        let mut cargo = workspace.cargo();
        cargo.args(["run", "--quiet", "-p", package, "--example", example]);
        let printed = stdout_of(cargo.args(["--", argument]))?;
        let file = workspace.root().join(name);
        if fs::read_to_string(&file).is_ok_and(|written| written == printed) {
            println!("{name} is as it should be");
            continue;
        }
        fs::write(&file, printed).with_context(|| format!("can't write {}", file.display()))?;
        println!("{name} is written anew");
    }
    Ok(())
}
