//! Programs from Python's registry, each version in an environment of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use super::{Did, INSTALL_LIMIT};
use crate::cache::Cache;
use crate::run::run;

/// A package of Python's that the cache keeps.
pub(super) struct PythonTool {
    pub(super) title: &'static str,
    /// Its folder in the cache, named by its version.
    entry: &'static str,
    /// The package with its version, as pip takes it.
    package: &'static str,
    module: &'static str,
}

/// The cases of the Autobahn test suite, driven without Python 2.
pub(super) const KOSOKU: PythonTool = PythonTool {
    title: "kosoku 0.1.0",
    entry: "kosoku-0.1.0",
    package: "kosoku==0.1.0",
    module: "kosoku",
};

/// A client of another maker, for the clients' suite.
pub(super) const WEBSOCKETS: PythonTool = PythonTool {
    title: "websockets 15.0.1 for Python",
    entry: "python-websockets-15.0.1",
    package: "websockets==15.0.1",
    module: "websockets",
};

/// Debian's packages of Python and of its environments.
pub(super) const PACKAGES: [&str; 2] = ["python3", "python3-venv"];

/// Returns true if the Python on PATH can make environments.
pub(super) fn has_python() -> bool {
    imports(Path::new("python3"), "venv, ensurepip")
}

impl PythonTool {
    /// Returns the environment's own Python, which finds the package.
    pub(super) fn python(&self, cache: &Cache) -> PathBuf {
        cache.entry(self.entry).join("bin/python3")
    }

    /// Installs it unless the cache has it.
    pub(super) fn ensure(&self, cache: &Cache) -> Result<Did> {
        let python = self.python(cache);
        if imports(&python, self.module) {
            return Ok(Did::Nothing);
        }
        let _lock = cache.lock(self.entry)?;
        if imports(&python, self.module) {
            return Ok(Did::Nothing);
        }
        // Half an installation can't be imported, so it is made anew in its place: an environment
        // holds its own path and can't be renamed.
        let folder = cache.entry(self.entry);
        if folder.exists() {
            fs::remove_dir_all(&folder)
                .with_context(|| format!("can't clear {}", folder.display()))?;
        }
        let mut venv = Command::new("python3");
        venv.args(["-m", "venv"]).arg(&folder);
        run(&mut venv, INSTALL_LIMIT)?.require("python3 -m venv")?;
        let mut pip = Command::new(&python);
        pip.args(["-m", "pip", "install", "--disable-pip-version-check"])
            .arg(self.package);
        let finished = run(&mut pip, INSTALL_LIMIT)?;
        finished.require(&format!("pip install {}", self.package))?;
        Ok(Did::Work)
    }
}

fn imports(python: &Path, modules: &str) -> bool {
    let mut import = Command::new(python);
    import.args(["-c", &format!("import {modules}")]);
    let status = import.stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}
