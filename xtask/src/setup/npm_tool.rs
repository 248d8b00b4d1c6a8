//! What comes from npm: wasm-opt for the cache, and the packages of a folder in the clone.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::{Did, INSTALL_LIMIT};
use crate::cache::Cache;
use crate::run::run;

/// Debian's own wasm-opt is too old: it exits well, and the page dies.
pub(super) const NAME: &str = "wasm-opt of binaryen 132";

const ENTRY: &str = "binaryen-132";
const PACKAGE: &str = "binaryen@132.0.0";

/// Inside node_modules: the lockfile that was installed from.
const INSTALLED_FROM: &str = ".installed-from";

/// The folder of wasm-opt.
pub(super) fn folder(cache: &Cache) -> PathBuf {
    cache.entry(ENTRY).join("node_modules/.bin")
}

/// Installs wasm-opt unless the cache has it.
pub(super) fn ensure(cache: &Cache) -> Result<Did> {
    let program = folder(cache).join("wasm-opt");
    if program.is_file() {
        return Ok(Did::Nothing);
    }
    let _lock = cache.lock(ENTRY)?;
    if program.is_file() {
        return Ok(Did::Nothing);
    }
    // Into a folder beside it, renamed when complete: half an installation never has the name.
    let (partial, whole) = (cache.entry("binaryen-132.partial"), cache.entry(ENTRY));
    for folder in [&partial, &whole] {
        if folder.exists() {
            fs::remove_dir_all(folder)
                .with_context(|| format!("can't clear {}", folder.display()))?;
        }
    }
    fs::create_dir_all(&partial).with_context(|| format!("can't make {}", partial.display()))?;
    npm(&partial, &["install", "--prefix", ".", PACKAGE])?;
    fs::rename(&partial, &whole).with_context(|| format!("can't name {}", whole.display()))?;
    Ok(Did::Work)
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
