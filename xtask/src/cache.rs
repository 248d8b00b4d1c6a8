//! The per-user folder that keeps tools for all clones.

use std::env;
use std::ffi::OsString;
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

/// A folder whose entries are named `tool-version` and are complete once their installer says so.
#[derive(Clone, Debug)]
pub(crate) struct Cache {
    folder: PathBuf,
}

impl Cache {
    /// Opens the cache and makes its folder.
    pub(crate) fn open() -> Result<Self> {
        let folder = folder(|name| env::var_os(name).filter(|value| !value.is_empty()))?;
        let folder = std::path::absolute(folder).context("the current folder is gone")?;
        fs::create_dir_all(&folder)
            .with_context(|| format!("can't make the cache {}", folder.display()))?;
        Ok(Self { folder })
    }

    /// Where `entry` is, or will be.
    pub(crate) fn entry(&self, entry: &str) -> PathBuf {
        self.folder.join(entry)
    }

    /// Holds `entry` against every other set-up of this user until the guard is dropped.
    pub(crate) fn lock(&self, entry: &str) -> Result<Lock> {
        Lock::take(&self.folder.join(format!("{entry}.lock")))
    }
}

/// A file locked for this process; the system lets go when the process ends, however it ends.
#[must_use]
pub(crate) struct Lock {
    _file: File,
}

impl Lock {
    /// Waits for as long as another process holds the file, and says that it waits.
    pub(crate) fn take(path: &Path) -> Result<Self> {
        let file = File::create(path).with_context(|| format!("can't write {}", path.display()))?;
        let taken = match file.try_lock() {
            Err(TryLockError::WouldBlock) => {
                eprint!("(waiting for another xtask) ");
                file.lock()
            }
            Err(TryLockError::Error(error)) => Err(error),
            Ok(()) => Ok(()),
        };
        taken.with_context(|| format!("can't lock {}", path.display()))?;
        Ok(Self { _file: file })
    }
}

fn folder(variable: impl Fn(&str) -> Option<OsString>) -> Result<PathBuf> {
    if let Some(own) = variable("TWINWIRE_CACHE") {
        return Ok(own.into());
    }
    if let Some(caches) = variable("XDG_CACHE_HOME") {
        return Ok(Path::new(&caches).join("twinwire"));
    }
    match variable("HOME") {
        Some(home) => Ok(Path::new(&home).join(".cache/twinwire")),
        None => bail!("there is no HOME to keep tools in: set TWINWIRE_CACHE to a folder"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(variables: &[(&str, &str)], expect: Option<&str>) {
        let found = folder(|name| {
            let variable = variables.iter().find(|(known, _)| *known == name);
            variable.map(|(_, value)| OsString::from(value))
        });
        assert_eq!(found.ok(), expect.map(PathBuf::from), "{variables:?}");
    }

    #[test]
    fn the_most_special_variable_decides() {
        check(&[("HOME", "/h")], Some("/h/.cache/twinwire"));
        check(
            &[("HOME", "/h"), ("XDG_CACHE_HOME", "/x")],
            Some("/x/twinwire"),
        );
        let all = [
            ("HOME", "/h"),
            ("XDG_CACHE_HOME", "/x"),
            ("TWINWIRE_CACHE", "/own"),
        ];
        check(&all, Some("/own"));
        check(&[], None);
    }
}
