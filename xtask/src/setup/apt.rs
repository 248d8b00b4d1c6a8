//! Debian's packages: installed as root only.

use std::fs;
use std::process::Command;

use anyhow::{Result, bail};

use super::INSTALL_LIMIT;
use crate::run::run;
use crate::workspace::stdout_of;

/// Installs packages, with a fresh index where there is none or an old one.
pub(super) fn install(packages: &[&str]) -> Result<()> {
    if !has_index() {
        apt_get(&["update"])?;
    }
    let install = [&["install", "-y"], packages].concat();
    if apt_get(&install).is_err() {
        // An earlier one that was interrupted, as by Ctrl-C, has to be finished first.
        let mut dpkg = Command::new("dpkg");
        dpkg.args(["--configure", "-a"]);
        run(dpkg.env("DEBIAN_FRONTEND", "noninteractive"), INSTALL_LIMIT)?;
        // An old index names files that the mirror has replaced.
        apt_get(&["update"])?;
        apt_get(&install)?;
    }
    Ok(())
}

/// Fetches the index anew; without root an error that holds the line to run.
pub(super) fn update() -> Result<()> {
    if is_root()? {
        apt_get(&["update"])
    } else {
        bail!("apt has no index, or an old one; run: sudo apt-get update")
    }
}

/// The line that a person has to run.
pub(super) fn install_line(packages: &str) -> String {
    let update = if has_index() {
        ""
    } else {
        "sudo apt-get update && "
    };
    format!("{update}sudo apt-get install -y {packages}")
}

pub(super) fn is_root() -> Result<bool> {
    Ok(stdout_of(Command::new("id").arg("-u"))?.trim() == "0")
}

/// A fresh machine or container has no index at all.
fn has_index() -> bool {
    let Ok(lists) = fs::read_dir("/var/lib/apt/lists") else {
        return false;
    };
    lists
        .flatten()
        .any(|list| list.file_name().to_string_lossy().contains("_Packages"))
}

fn apt_get(arguments: &[&str]) -> Result<()> {
    let mut apt_get = Command::new("apt-get");
    // Another apt may be at work, for a clone beside this one or for the system.
    apt_get
        .args(["-qq", "-o", "DPkg::Lock::Timeout=600"])
        .args(arguments);
    let finished = run(
        apt_get.env("DEBIAN_FRONTEND", "noninteractive"),
        INSTALL_LIMIT,
    )?;
    finished.require(&format!("apt-get {}", arguments.join(" ")))
}
