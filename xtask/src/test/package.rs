//! `package`: the library crates as a registry would have them, and an application made of nothing else.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::counts::{self, Counts};
use super::report::Row;
use super::{Bench, LIMIT};
use crate::page;
use crate::setup::CHROMIUM;
use crate::workspace::{Workspace, stdout_of};

/// The application that a reader begins with.
const STARTER: &str = "examples/starter";

/// The line of its manifest from which on its crates come from this clone.
const PATCH: &str = "[patch.crates-io]";

/// The files of every package.
const FILES: [&str; 5] = [
    "Cargo.toml",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "src/lib.rs",
];

/// The keys of every package's manifest.
const KEYS: [&str; 5] = ["description", "license", "readme", "keywords", "categories"];

pub(super) fn run(bench: &Bench) -> Vec<Row> {
    let mut packages = Vec::new();
    let packaged = bench.row("package", || {
        let (counts, unpacked) = package(bench)?;
        packages = unpacked;
        Ok(counts)
    });
    let good = packaged.counts.failed == 0;
    let mut rows = vec![packaged];
    if good {
        rows.push(starter(bench, &packages));
    }
    rows
}

/// A package, unpacked.
struct Package {
    name: String,
    folder: PathBuf,
}

/// Packages all library crates in one command, and looks into each.
fn package(bench: &Bench) -> Result<(Counts, Vec<Package>)> {
    let workspace = bench.workspace;
    let names = published(workspace)?;
    let mut cargo = workspace.cargo();
    // What is packaged is compiled below: once, as an application compiles it.
    cargo.args(["package", "--allow-dirty", "--no-verify"]);
    for name in &names {
        cargo.args(["-p", name]);
    }
    let mut counts = bench.check(&mut cargo)?;
    let unpacked = fresh(workspace, "packages")?;
    let mut packages = Vec::new();
    for name in names {
        let version = crate::lockfile::version(workspace, &name)?;
        let title = format!("{name}-{version}");
        let archive = workspace
            .target_dir()
            .join(format!("package/{title}.crate"));
        let mut tar = Command::new("tar");
        // Archives have one date for all files, by which cargo would take changed ones for those that it has built.
        stdout_of(tar.arg("-xmzf").arg(archive).arg("-C").arg(&unpacked))?;
        let folder = unpacked.join(title);
        let lacks = lacking(&folder)?;
        counts += if lacks.is_empty() {
            Counts::PASSED
        } else {
            eprintln!("the package of {name} lacks {}", lacks.join(", "));
            Counts::FAILED
        };
        packages.push(Package { name, folder });
    }
    Ok((counts, packages))
}

/// Returns the names of the crates that may be published.
fn published(workspace: &Workspace) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for found in workspace.crates()? {
        let manifest = workspace.root().join(&found.folder).join("Cargo.toml");
        let text = fs::read_to_string(&manifest);
        let text = text.with_context(|| format!("can't read {}", manifest.display()))?;
        if !text.lines().any(|line| line == "publish = false") {
            names.push(found.name);
        }
    }
    Ok(names)
}

/// Returns the files and keys that a package lacks.
fn lacking(folder: &Path) -> Result<Vec<&'static str>> {
    let manifest = folder.join("Cargo.toml");
    let text = fs::read_to_string(&manifest);
    let text = text.with_context(|| format!("can't read {}", manifest.display()))?;
    let says = |key: &str| {
        text.lines()
            .any(|line| line.starts_with(&format!("{key} = ")))
    };
    let files = FILES
        .into_iter()
        .filter(|file| !folder.join(file).is_file());
    Ok(files
        .chain(KEYS.into_iter().filter(|key| !says(key)))
        .collect())
}

/// Builds the starter of the unpacked packages, runs its tests, and uses its page in Chromium.
fn starter(bench: &Bench, packages: &[Package]) -> Row {
    let mut note = None;
    let mut row = bench.row("starter", || {
        let folder = copy_starter(bench.workspace, packages)?;
        let mut cargo = bench.workspace.cargo();
        cargo
            .arg("test")
            .arg("--manifest-path")
            .arg(folder.join("Cargo.toml"));
        // Its dependencies are the workspace's, which are compiled already.
        cargo.env("CARGO_TARGET_DIR", bench.workspace.target_dir());
        let mut counts = bench.counted(&mut cargo, LIMIT, counts::of_libtest)?;
        let chromium = match bench.setup.program(&CHROMIUM) {
            Ok(chromium) => chromium,
            Err(missing) => {
                note = Some(format!("its page is skipped, {missing:#}"));
                counts += Counts::SKIPPED;
                return Ok(counts);
            }
        };
        counts += in_chromium(bench, &folder, &chromium)?;
        Ok(counts)
    });
    row.note = note;
    row
}

fn in_chromium(bench: &Bench, folder: &Path, chromium: &Path) -> Result<Counts> {
    let e2e = bench.workspace.root().join("e2e");
    bench.setup.npm_packages(&e2e)?;
    let tools = bench.setup.page_tools()?;
    page::starter(bench.workspace, &tools, folder)?;
    let mut node = Command::new("node");
    node.args(["--test", "--test-reporter=spec"])
        .arg(e2e.join("starter.test.mjs"))
        .current_dir(&e2e)
        .env("CHROMIUM", chromium)
        .env("TWINWIRE_STARTER_FOLDER", folder)
        .env(
            "TWINWIRE_STARTER",
            bench.workspace.target_dir().join("debug/server"),
        );
    bench.counted(&mut node, LIMIT, counts::of_node)
}

/// Copies the starter out of the clone, made of these packages.
fn copy_starter(workspace: &Workspace, packages: &[Package]) -> Result<PathBuf> {
    let folder = fresh(workspace, "starter")?;
    for file in workspace.files()? {
        let Ok(place) = file.strip_prefix(STARTER) else {
            continue;
        };
        let (from, to) = (workspace.root().join(&file), folder.join(place));
        let parent = to.parent().context("a file lies in a folder")?;
        fs::create_dir_all(parent)?;
        fs::copy(&from, &to).with_context(|| format!("can't copy {}", from.display()))?;
    }
    // The versions of all other crates are those that this clone is tested with.
    let lock = "Cargo.lock";
    fs::copy(workspace.root().join(lock), folder.join(lock)).context("can't copy Cargo.lock")?;
    let manifest = folder.join("Cargo.toml");
    let text = fs::read_to_string(&manifest)?;
    let (own, _) = text.split_once(PATCH).context("the starter has no patch")?;
    let paths = packages.iter().map(|Package { name, folder }| {
        format!("{name} = {{ path = {:?} }}\n", folder.display().to_string())
    });
    fs::write(
        &manifest,
        format!("{own}{PATCH}\n{}", paths.collect::<String>()),
    )?;
    Ok(folder)
}

/// Makes an empty folder below the target's.
fn fresh(workspace: &Workspace, name: &str) -> Result<PathBuf> {
    let folder = workspace.target_dir().join("xtask").join(name);
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("can't clear {}", folder.display()))?;
    }
    fs::create_dir_all(&folder).with_context(|| format!("can't make {}", folder.display()))?;
    Ok(folder)
}
