//! Tools that cargo installs from source, each version in a folder of its own.

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use super::{Did, INSTALL_LIMIT};
use crate::cache::Cache;
use crate::run::run;
use crate::workspace::stdout_of;

/// A program from the registry, and how it is known to build.
pub(super) struct CargoTool {
    package: &'static str,
    /// All that it installs and this project runs, the first of which tells its version.
    programs: &'static [&'static str],
    version: String,
    /// The version that will do as well, where it is on PATH; with a dot at its end, all that begin so.
    fitting: String,
    options: &'static [&'static str],
    /// The crates in which it spends its time; without any, all of them are optimized.
    busy: &'static [&'static str],
}

/// Exactly the version of the library in a page. Not `--locked`: its lockfile names a version that can't be had
/// any more.
pub(super) fn wasm_bindgen(version: String) -> CargoTool {
    CargoTool {
        package: "wasm-bindgen-cli",
        programs: &["wasm-bindgen", "wasm-bindgen-test-runner"],
        fitting: version.clone(),
        version,
        options: &[
            "--no-default-features",
            "--bin",
            "wasm-bindgen",
            "--bin",
            "wasm-bindgen-test-runner",
        ],
        busy: &[
            "walrus",
            "wasmparser",
            "wasm-encoder",
            "wasm-bindgen-cli-support",
        ],
    }
}

/// 0.22 needs a newer rustc than the workspace does.
pub(super) fn trunk() -> CargoTool {
    let options = &["--locked", "--no-default-features"];
    CargoTool {
        package: "trunk",
        programs: &["trunk"],
        version: "0.21.14".to_owned(),
        fitting: "0.21.".to_owned(),
        options,
        busy: &[],
    }
}

pub(super) fn geckodriver() -> CargoTool {
    CargoTool {
        package: "geckodriver",
        programs: &["geckodriver"],
        version: "0.37.1".to_owned(),
        fitting: "0.37.".to_owned(),
        options: &["--locked"],
        busy: &[],
    }
}

pub(super) fn mutants() -> CargoTool {
    CargoTool {
        package: "cargo-mutants",
        programs: &["cargo-mutants"],
        version: "27.1.0".to_owned(),
        fitting: "27.1.".to_owned(),
        options: &["--locked"],
        busy: &[],
    }
}

impl CargoTool {
    pub(super) fn title(&self) -> String {
        format!("{} {}", self.package, self.version)
    }

    pub(super) fn folder(&self, cache: &Cache) -> PathBuf {
        cache.entry(&self.entry())
    }

    /// Returns the folder on PATH that has all of its programs, in a version that will do.
    pub(super) fn on_path(&self) -> Option<PathBuf> {
        self.find_in(&env::var_os("PATH").unwrap_or_default())
    }

    fn find_in(&self, path: &OsStr) -> Option<PathBuf> {
        let first = self.programs.first()?;
        // Another folder's would be run only if this one weren't there.
        let mut folders = env::split_paths(path);
        let folder = folders.find(|folder| folder.join(first).is_file())?;
        let mut all = self.programs.iter();
        if !all.all(|program| folder.join(program).is_file()) {
            return None;
        }
        let told = stdout_of(Command::new(folder.join(first)).arg("--version")).ok()?;
        let version = told.split_whitespace().nth(1)?;
        let fits = match self.fitting.strip_suffix('.') {
            Some(_) => version.starts_with(&self.fitting),
            None => version == self.fitting,
        };
        fits.then_some(folder)
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
        for package in self.busy {
            let level = format!("profile.dev.package.{package}.opt-level=1");
            cargo.args(["--config", &level]);
        }
        let level = if self.busy.is_empty() { "1" } else { "0" };
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
            .env("CARGO_PROFILE_DEV_OPT_LEVEL", level)
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
    fn a_tool_on_path_is_taken_if_it_is_whole_and_of_a_version_that_fits() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = env::temp_dir().join(format!("twinwire-tools-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let put = |name: &str, told: &str| {
            let file = folder.join(name);
            fs::write(&file, format!("#!/bin/sh\necho '{told}'\n")).unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
        };
        let bindgen = wasm_bindgen("0.2.130".to_owned());
        let found = |tool: &CargoTool| tool.find_in(folder.as_os_str()).is_some();
        assert!(!found(&bindgen));
        put("wasm-bindgen", "wasm-bindgen 0.2.130");
        assert!(!found(&bindgen), "without its test runner");
        put(
            "wasm-bindgen-test-runner",
            "wasm-bindgen-test-runner 0.2.130",
        );
        assert!(found(&bindgen));
        assert!(
            !found(&wasm_bindgen("0.2.13".to_owned())),
            "of another version"
        );
        put("trunk", "trunk 0.22.0");
        assert!(!found(&trunk()));
        put("trunk", "trunk 0.21.9");
        assert!(found(&trunk()));
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn an_installation_under_way_is_not_there() {
        assert!(!records("", "trunk", "0.21.14"));
        assert!(!records("[v1]\n", "trunk", "0.21.14"));
    }
}
