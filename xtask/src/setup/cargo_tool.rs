//! Tools that cargo installs from source, each version in a folder of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use super::{Did, INSTALL_LIMIT};
use crate::cache::Cache;
use crate::run::run;

/// A program from the registry, and how it is known to build.
pub(super) struct CargoTool {
    package: &'static str,
    version: String,
    options: &'static [&'static str],
}

/// Not `--locked`: its lockfile names a version that can't be had any more.
pub(super) fn wasm_bindgen(version: String) -> CargoTool {
    CargoTool {
        package: "wasm-bindgen-cli",
        version,
        options: &["--no-default-features"],
    }
}

/// 0.22 needs a newer rustc than the workspace does.
pub(super) fn trunk() -> CargoTool {
    let options = &["--locked", "--no-default-features"];
    CargoTool {
        package: "trunk",
        version: "0.21.14".to_owned(),
        options,
    }
}

pub(super) fn geckodriver() -> CargoTool {
    CargoTool {
        package: "geckodriver",
        version: "0.37.1".to_owned(),
        options: &["--locked"],
    }
}

impl CargoTool {
    pub(super) fn title(&self) -> String {
        format!("{} {}", self.package, self.version)
    }

    pub(super) fn folder(&self, cache: &Cache) -> PathBuf {
        cache.entry(&self.entry())
    }

    /// Installs the tool unless the cache has it.
    pub(super) fn ensure(&self, cache: &Cache) -> Result<Did> {
        let folder = self.folder(cache);
        if self.is_in(&folder) {
            return Ok(Did::Nothing);
        }
        let _lock = cache.lock(&self.entry())?;
        if self.is_in(&folder) {
            return Ok(Did::Nothing);
        }
        self.install(&folder)?;
        Ok(Did::Work)
    }

    fn entry(&self) -> String {
        format!("{}-{}", self.package, self.version)
    }

    /// Cargo writes its record after all programs are in place, so half an installation has none.
    fn is_in(&self, folder: &Path) -> bool {
        let record = fs::read_to_string(folder.join(".crates.toml")).unwrap_or_default();
        records(&record, self.package, &self.version)
    }

    fn install(&self, folder: &Path) -> Result<()> {
        let mut cargo = Command::new("cargo");
        cargo
            .args([
                "install",
                self.package,
                "--version",
                &format!("={}", self.version),
            ])
            .args(["--debug", "--root"])
            .arg(folder)
            .args(self.options)
            // Quick to build, and quick enough to run: a release build takes thrice as long.
            .env("CARGO_PROFILE_DEV_DEBUG", "0")
            .env("CARGO_PROFILE_DEV_OPT_LEVEL", "1")
            .env("CARGO_TERM_COLOR", "never")
            // What it builds on the way would stay in the user's target folder for good.
            .env_remove("CARGO_TARGET_DIR");
        let finished = run(&mut cargo, INSTALL_LIMIT)?;
        finished.require(&format!("cargo install {}", self.package))
    }
}

fn records(record: &str, package: &str, version: &str) -> bool {
    let entry = format!("\"{package} {version} (");
    record.lines().any(|line| line.starts_with(&entry))
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECORD: &str = "[v1]\n\"trunk 0.21.14 (registry+https://example.org)\" = [\"trunk\"]\n";

    #[test]
    fn a_tool_is_there_when_cargo_has_recorded_that_version() {
        assert!(records(RECORD, "trunk", "0.21.14"));
        assert!(!records(RECORD, "trunk", "0.21.1"));
        assert!(!records(RECORD, "runk", "0.21.14"));
    }

    #[test]
    fn an_installation_under_way_is_not_there() {
        assert!(!records("", "trunk", "0.21.14"));
        assert!(!records("[v1]\n", "trunk", "0.21.14"));
    }
}
