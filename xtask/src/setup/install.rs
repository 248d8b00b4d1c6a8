//! Installing a tool into a folder of the cache, so that half an installation is never taken for a whole one.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use super::Did;
use crate::cache::Cache;

/// Makes the cache's `entry` by `install`, unless it holds `program`, a path in it.
pub(super) fn ensure_entry(
    cache: &Cache,
    entry: &str,
    program: &Path,
    install: impl FnOnce(&Path) -> Result<()>,
) -> Result<Did> {
    let whole = cache.entry(entry);
    if whole.join(program).is_file() {
        return Ok(Did::Nothing);
    }
    let _lock = cache.lock(entry)?;
    if whole.join(program).is_file() {
        return Ok(Did::Nothing);
    }
    // Into a folder beside it, renamed when complete: half an installation never has the name.
    let partial = cache.entry(&format!("{entry}.partial"));
    for folder in [&partial, &whole] {
        if folder.exists() {
            fs::remove_dir_all(folder)
                .with_context(|| format!("can't clear {}", folder.display()))?;
        }
    }
    fs::create_dir_all(&partial).with_context(|| format!("can't make {}", partial.display()))?;
    install(&partial)?;
    ensure!(
        partial.join(program).is_file(),
        "{entry} was installed without {}",
        program.display()
    );
    fs::rename(&partial, &whole).with_context(|| format!("can't name {}", whole.display()))?;
    Ok(Did::Work)
}
