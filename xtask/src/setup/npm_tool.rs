//! What comes from npm: programs for the cache, and the packages of a folder in the clone.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::install::ensure_entry;
use super::{Did, INSTALL_LIMIT};
use crate::cache::Cache;
use crate::run::run;

/// A program of an npm package, which the cache keeps.
pub(super) struct NpmTool {
    pub(super) title: &'static str,
    /// Its folder in the cache, named by its version.
    entry: &'static str,
    package: &'static str,
    program: &'static str,
}

/// Debian's own is too old: it exits well, and the page dies.
pub(super) const WASM_OPT: NpmTool = NpmTool {
    title: "wasm-opt of binaryen 132",
    entry: "binaryen-132",
    package: "binaryen@132.0.0",
    program: "wasm-opt",
};

/// Trunk's own minifier doesn't know all of JavaScript, and leaves wasm-bindgen's as it is.
pub(super) const TERSER: NpmTool = NpmTool {
    title: "terser 5.51.4",
    entry: "terser-5.51.4",
    package: "terser@5.51.4",
    program: "terser",
};

/// Clients of other makers, for their suite.
pub(super) const BUN: NpmTool = NpmTool {
    title: "bun 1.4.5",
    entry: "bun-1.4.5",
    package: "bun@1.4.5",
    program: "bun",
};

pub(super) const DENO: NpmTool = NpmTool {
    title: "deno 2.9.6",
    entry: "deno-2.9.6",
    package: "deno@2.9.6",
    program: "deno",
};

/// A Node with a WebSocket of its own, whatever the one on PATH has.
pub(super) const NODE_22: NpmTool = NpmTool {
    title: "node 22.23.3",
    entry: "node-22.23.3",
    package: "node@22.23.3",
    program: "node",
};

/// Inside node_modules: the lockfile that was installed from.
const INSTALLED_FROM: &str = ".installed-from";

impl NpmTool {
    /// The folder of the program.
    pub(super) fn folder(&self, cache: &Cache) -> PathBuf {
        cache.entry(self.entry).join("node_modules/.bin")
    }

    /// Installs it unless the cache has it.
    pub(super) fn ensure(&self, cache: &Cache) -> Result<Did> {
        let program = Path::new("node_modules/.bin").join(self.program);
        ensure_entry(cache, self.entry, &program, |folder| {
            npm(folder, &["install", "--prefix", ".", self.package])
        })
    }
}

/// Installs the packages of `folder` unless they are there as its lockfile names them.
pub(super) fn ensure_packages(folder: &Path) -> Result<Did> {
    let lock = folder.join("package-lock.json");
    let wanted = fs::read(&lock).with_context(|| format!("can't read {}", lock.display()))?;
    let stamp = folder.join("node_modules").join(INSTALLED_FROM);
    if fs::read(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(Did::Nothing);
    }
    npm(folder, &["ci"])?;
    fs::write(&stamp, wanted).with_context(|| format!("can't write {}", stamp.display()))?;
    Ok(Did::Work)
}

fn npm(folder: &Path, arguments: &[&str]) -> Result<()> {
    let mut npm = Command::new("npm");
    npm.args(arguments)
        .args(["--no-audit", "--no-fund", "--no-update-notifier"]);
    let finished = run(npm.current_dir(folder), INSTALL_LIMIT)?;
    finished.require(&format!("npm {}", arguments.join(" ")))
}
