//! `npm`: the package for JavaScript, from its Rust and TypeScript to the archive that a registry takes.

mod archive;
mod script;
mod sizes;
mod version;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::cache::Lock;
use crate::page::{clear, node, smallest};
use crate::panics;
use crate::run::run;
use crate::setup::{Did, Setup, step};
use crate::wasm_module::{self, Recipe};
use crate::workspace::Workspace;

const LIMIT: Duration = Duration::from_secs(5 * 60);

/// The package's folder in the clone.
pub(crate) const FOLDER: &str = "npm";

/// The module and its script, by the name that the TypeScript imports.
const CORE: &str = "core";

/// The module, in the package's folder `dist`.
pub(crate) const MODULE: &str = "core_bg.wasm";

/// Writes the module in Base64 (RFC 4648 §4), for pages that load nothing beside their scripts.
const TO_BASE64: &str = "const { readFileSync, writeFileSync } = require('fs'); \
    const [from, to] = process.argv.slice(1); \
    const text = readFileSync(from).toString('base64'); \
    writeFileSync(to, `export const base64 = \"${text}\";\\n`);";

/// What bundlers make of an import of the module that are told to copy it.
const WASM_TYPES: &str = "declare const url: string;\nexport default url;\n";

/// Builds and packs the package, and prints what a page loads of it; an error if that is above the budget. Gives the
/// archive.
pub(crate) fn npm(workspace: &Workspace, setup: &Setup) -> Result<PathBuf> {
    let archive = build(workspace, setup)?;
    sizes::check(&workspace.root().join(FOLDER))?;
    Ok(archive)
}

/// Removes what cargo has compiled of the module's own crate.
pub(crate) fn forget(workspace: &Workspace) -> Result<()> {
    let (profile, _) = smallest(workspace)?;
    let mut cargo = workspace.cargo();
    cargo.args(["clean", "-p", FOLDER, "--profile", &profile]);
    cargo.args(["--target", wasm_module::TARGET]);
    run(&mut cargo, LIMIT)?.require("cargo clean of the npm package")
}

/// Builds and packs the package; gives the archive.
pub(crate) fn build(workspace: &Workspace, setup: &Setup) -> Result<PathBuf> {
    let tools = setup.page_tools()?;
    let folder = workspace.root().join(FOLDER);
    setup.npm_packages(&folder)?;
    let _lock = lock(workspace)?;
    step("npm package", || {
        make(workspace, &tools)?;
        Ok(Did::Work)
    })?;
    archive::pack(&folder, &workspace.target_dir().join("xtask/npm"))
}

/// Builds the package, whose own npm packages are there, and doesn't pack it; gives the folder that is imported.
pub(crate) fn assemble(workspace: &Workspace, tools: &[PathBuf]) -> Result<PathBuf> {
    let _lock = lock(workspace)?;
    make(workspace, tools)?;
    Ok(workspace.root().join(FOLDER).join("dist"))
}

/// Compiles the module's crate and does nothing else.
pub(crate) fn compile(workspace: &Workspace) -> Result<()> {
    let (profile, wasm_opt) = smallest(workspace)?;
    recipe(workspace, &[], &profile, &wasm_opt).compile()?;
    Ok(())
}

fn lock(workspace: &Workspace) -> Result<Lock> {
    let scratch = workspace.target_dir().join("xtask");
    fs::create_dir_all(&scratch).with_context(|| format!("can't make {}", scratch.display()))?;
    Lock::take(&scratch.join("npm.lock"))
}

fn make(workspace: &Workspace, tools: &[PathBuf]) -> Result<()> {
    let folder = workspace.root().join(FOLDER);
    let version = version::of(workspace, &folder)?;
    module(workspace, tools, &folder, &version)?;
    facade(&folder)
}

fn recipe<'a>(
    workspace: &'a Workspace,
    tools: &'a [PathBuf],
    profile: &'a str,
    wasm_opt: &'a [String],
) -> Recipe<'a> {
    Recipe {
        workspace,
        tools,
        manifest: workspace.root().join(FOLDER).join("wasm/Cargo.toml"),
        target: &["--lib"],
        name: FOLDER,
        profile,
        wasm_opt,
    }
}

/// Makes the module, its script and their types, where the compiler of TypeScript finds them.
fn module(workspace: &Workspace, tools: &[PathBuf], folder: &Path, version: &str) -> Result<()> {
    let (profile, wasm_opt) = smallest(workspace)?;
    let recipe = recipe(workspace, tools, &profile, &wasm_opt);
    let core = folder.join("build").join(CORE);
    let files = recipe.bind(&core, CORE, &[])?;
    let version = version::of_build(&files.wasm, version)?;
    // Nobody sets a hook: JavaScript learns of a panic by a RuntimeError without its text.
    panics::silence(&files.wasm)?;
    script::adapt(&files.script, &version)?;
    recipe.shorten(&files)?;
    version::write_in_wasm(&files.wasm, &version)?;
    // In the place of types of what the script alone calls.
    write(core.join(format!("{CORE}_bg.wasm.d.ts")), WASM_TYPES)?;
    let base64 = core.join(format!("{CORE}_base64.js"));
    node::node(TO_BASE64, &[files.wasm, base64.clone()])?;
    let types = base64.with_extension("d.ts");
    write(types, "export declare const base64: string;\n")
}

fn write(file: PathBuf, text: &str) -> Result<()> {
    fs::write(&file, text).with_context(|| format!("can't write {}", file.display()))
}

/// Compiles the TypeScript, and puts the module beside it.
fn facade(folder: &Path) -> Result<()> {
    let dist = folder.join("dist");
    clear(&dist)?;
    let mut compiler = Command::new(folder.join("node_modules/.bin/tsc"));
    run(compiler.current_dir(folder), LIMIT)?.require("tsc")?;
    let core = folder.join("build").join(CORE);
    for entry in fs::read_dir(&core).with_context(|| format!("can't read {}", core.display()))? {
        let file = entry?.path();
        let name = file.file_name().context("an entry has a name")?;
        let to = dist.join(name);
        fs::copy(&file, &to).with_context(|| format!("can't write {}", to.display()))?;
    }
    Ok(())
}
