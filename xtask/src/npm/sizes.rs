//! What a page loads of the package, compressed as a server for the world would send it.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::LIMIT;
use crate::page::size;
use crate::run::run;

const SCRIPT: &str = include_str!("sizes.mjs");

/// The most KB that a page should load, in brotli.
const MOST_KB: usize = 78;

/// Prints the sizes of the built package; an error if they are above the budget.
pub(super) fn check(folder: &Path) -> Result<()> {
    let mut node = Command::new("node");
    node.args(["--input-type=module", "--eval", SCRIPT]);
    let finished = run(node.current_dir(folder), LIMIT)?;
    finished.require("sizes.mjs")?;
    let (lines, sum) = finished
        .output
        .trim_end()
        .rsplit_once('\n')
        .with_context(|| format!("sizes.mjs printed:\n{}", finished.output))?;
    let sum: usize = sum
        .parse()
        .with_context(|| format!("sizes.mjs printed `{sum}` for a sum"))?;
    eprintln!("{lines}\n{}", size::line("npm", sum, MOST_KB));
    ensure!(
        sum <= MOST_KB * 1000,
        "a page loads {sum} bytes of the npm package in brotli, more than {MOST_KB} KB"
    );
    Ok(())
}
