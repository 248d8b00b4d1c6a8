//! The archive that a registry takes, packed of a folder that holds what it publishes and nothing else.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::LIMIT;
use crate::page::clear;
use crate::run::run;

/// The files beside the folders. Licences are links to the workspace's, and `npm pack` leaves links out.
const FILES: [&str; 4] = ["package.json", "README.md", "LICENSE-APACHE", "LICENSE-MIT"];

/// The folders: what is imported, and the sources that its maps name.
const FOLDERS: [&str; 2] = ["dist", "src"];

/// Packs the package in `folder`, in a folder of its own; gives the archive.
pub(super) fn pack(folder: &Path, stage: &Path) -> Result<PathBuf> {
    clear(stage)?;
    for from in FOLDERS {
        let to = stage.join(from);
        fs::create_dir_all(&to).with_context(|| format!("can't make {}", to.display()))?;
        let from = folder.join(from);
        for entry in
            fs::read_dir(&from).with_context(|| format!("can't read {}", from.display()))?
        {
            let entry = entry?;
            copy(&entry.path(), &to.join(entry.file_name()))?;
        }
    }
    for name in FILES {
        copy(&folder.join(name), &stage.join(name))?;
    }
    let mut npm = Command::new("npm");
    npm.args(["pack", "--ignore-scripts", "--silent"]);
    let packed = run(npm.current_dir(stage), LIMIT)?;
    packed.require("npm pack")?;
    let name = packed.output.lines().last();
    Ok(stage.join(name.context("npm pack named no archive")?.trim()))
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::copy(from, to).with_context(|| format!("can't copy {}", from.display()))?;
    Ok(())
}
