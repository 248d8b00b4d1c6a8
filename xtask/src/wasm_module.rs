//! A crate as a module for JavaScript: compiled, bound by wasm-bindgen, and made as small as it can be.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::function_order::name_by_likeness;
use crate::run::run;
use crate::setup::path_with;
use crate::short_names::shorten_names;
use crate::workspace::Workspace;

const LIMIT: Duration = Duration::from_secs(15 * 60);

pub(crate) const TARGET: &str = "wasm32-unknown-unknown";

/// Leaves out the section that lists the features of WebAssembly in use.
const STRIP_FEATURES: &str = "--strip-target-features";

/// How a module is made of a crate.
pub(crate) struct Recipe<'a> {
    pub(crate) workspace: &'a Workspace,
    pub(crate) tools: &'a [PathBuf],
    pub(crate) manifest: PathBuf,
    /// Cargo's choice among the crate's targets, such as `--lib`.
    pub(crate) target: &'a [&'a str],
    /// The name of that target.
    pub(crate) name: &'a str,
    pub(crate) profile: &'a str,
    /// Options of wasm-opt.
    pub(crate) wasm_opt: &'a [String],
}

/// A module's two files.
pub(crate) struct Files {
    pub(crate) script: PathBuf,
    pub(crate) wasm: PathBuf,
}

impl Recipe<'_> {
    /// Compiles the crate; gives the module as rustc leaves it.
    pub(crate) fn compile(&self) -> Result<PathBuf> {
        let mut cargo = self.workspace.cargo();
        cargo
            .args(["build", "--target", TARGET, "--profile", self.profile])
            .arg("--manifest-path")
            .arg(&self.manifest)
            .args(self.target)
            .env("CARGO_TARGET_DIR", self.workspace.target_dir());
        self.run(cargo, &format!("cargo build of {}", self.name))?;
        let built = self.workspace.target_dir().join(TARGET).join(self.profile);
        Ok(built.join(format!("{}.wasm", self.name)))
    }

    /// Compiles the crate, and writes script and module into `folder`, which is cleared before. `options` are more
    /// of wasm-bindgen's.
    pub(crate) fn bind(&self, folder: &Path, out_name: &str, options: &[&str]) -> Result<Files> {
        if folder.exists() {
            fs::remove_dir_all(folder)
                .with_context(|| format!("can't clear {}", folder.display()))?;
        }
        let compiled = self.compile()?;
        let mut bindgen = Command::new("wasm-bindgen");
        bindgen
            .args(["--target", "web"])
            // Who loads the module names it, and only where its place is known.
            .arg("--omit-default-module-path")
            .args(options)
            .args(["--out-name", out_name, "--out-dir"])
            .args([folder, &compiled]);
        self.run(bindgen, "wasm-bindgen")?;
        ensure!(
            !folder.join("snippets").exists(),
            "a dependency of {} brings scripts of its own, which this build doesn't carry along",
            self.name
        );
        Ok(Files {
            script: folder.join(format!("{out_name}.js")),
            wasm: folder.join(format!("{out_name}_bg.wasm")),
        })
    }

    /// Makes both files as small as they can be.
    pub(crate) fn shorten(&self, files: &Files) -> Result<()> {
        let mut wasm_opt = Command::new("wasm-opt");
        // The section tells the second run what it may use.
        let options = self.wasm_opt.iter();
        wasm_opt.args(options.filter(|option| *option != STRIP_FEATURES));
        self.replace(wasm_opt, &files.wasm)?;
        name_by_likeness(&files.wasm)?;
        let mut wasm_opt = Command::new("wasm-opt");
        wasm_opt.args(["--reorder-functions-by-name", STRIP_FEATURES]);
        self.replace(wasm_opt, &files.wasm)?;
        let mut terser = Command::new("terser");
        terser.args(["--module", "--compress", "passes=2", "--mangle"]);
        self.replace(terser, &files.script)?;
        shorten_names(&files.script, &files.wasm)
    }

    /// Replaces a file by what a tool makes of it.
    fn replace(&self, mut tool: Command, file: &Path) -> Result<()> {
        tool.arg("--output").args([file, file]);
        self.run(tool, &format!("shortening {}", file.display()))
    }

    fn run(&self, mut command: Command, what: &str) -> Result<()> {
        command.env("PATH", path_with(self.tools)?);
        run(&mut command, LIMIT)?.require(what)
    }
}
