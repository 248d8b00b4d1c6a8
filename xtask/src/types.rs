//! `types`: the committed TypeScript files that are generated of Rust types. Tests say when one is stale.

use std::fs;

use anyhow::{Context, Result};

use crate::workspace::{Workspace, stdout_of};

/// What prints each file, as arguments of `cargo run`.
const FILES: [(&[&str], &str); 1] = [(
    &["-p", "chat", "--example", "typescript"],
    "npm/test/chat.ts",
)];

/// Writes the files that have changed.
pub(crate) fn write(workspace: &Workspace) -> Result<()> {
    for (arguments, name) in FILES {
        let mut cargo = workspace.cargo();
        let printed = stdout_of(cargo.args(["run", "--quiet"]).args(arguments))?;
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
