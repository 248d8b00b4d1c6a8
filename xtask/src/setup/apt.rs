//! Debian's packages: only what is missing, and only as root.

use std::fmt;
use std::fs;
use std::process::Command;

use anyhow::{Context, Result};

use super::{Did, INSTALL_LIMIT};
use crate::run::run;
use crate::workspace::stdout_of;

/// Packages are missing, and only root may install them.
#[derive(Debug)]
pub(crate) struct NeedsRoot {
    packages: Vec<String>,
}

impl NeedsRoot {
    /// Nothing to say when nothing is missing, or when we are root and may install it.
    pub(crate) fn to_install(missing: &[&str]) -> Option<Self> {
        let can_install = missing.is_empty() || is_root().unwrap_or(false);
        (!can_install).then(|| Self::of(missing))
    }

    fn of(packages: &[&str]) -> Self {
        Self {
            packages: packages.iter().map(|&package| package.to_owned()).collect(),
        }
    }
}

impl fmt::Display for NeedsRoot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "packages are missing; run: {}",
            install_line(&self.packages)
        )
    }
}

impl std::error::Error for NeedsRoot {}

/// Installs those of `packages` that are missing.
pub(super) fn ensure(packages: &[&str]) -> Result<Did> {
    let missing = missing_packages(packages)?;
    if missing.is_empty() {
        return Ok(Did::Nothing);
    }
    if let Some(needs) = NeedsRoot::to_install(&missing) {
        return Err(needs.into());
    }
    if !has_index() {
        apt_get(&["update"])?;
    }
    let install = [&["install", "-y"], missing.as_slice()].concat();
    if apt_get(&install).is_err() {
        // An old index names files that the mirror has replaced.
        apt_get(&["update"])?;
        apt_get(&install)?;
    }
    Ok(Did::Work)
}

/// Those of `packages` that aren't installed.
pub(crate) fn missing_packages<'p>(packages: &[&'p str]) -> Result<Vec<&'p str>> {
    let output = Command::new("dpkg-query")
        .args(["--show", "--showformat=${Package} ${db:Status-Status}\n"])
        .args(packages)
        .output()
        .context("can't ask dpkg-query what is installed; this set-up is for Debian")?;
    // It fails when it doesn't know one of the packages, and still tells of the others.
    let listed = String::from_utf8_lossy(&output.stdout);
    Ok(not_installed(packages, &listed))
}

fn not_installed<'p>(packages: &[&'p str], listed: &str) -> Vec<&'p str> {
    let installed = |package: &str| {
        listed
            .lines()
            .any(|line| line.split_once(' ') == Some((package, "installed")))
    };
    packages
        .iter()
        .copied()
        .filter(|package| !installed(package))
        .collect()
}

fn install_line(packages: &[String]) -> String {
    let update = if has_index() {
        ""
    } else {
        "sudo apt-get update && "
    };
    format!("{update}sudo apt-get install -y {}", packages.join(" "))
}

fn is_root() -> Result<bool> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_and_removed_packages_are_missing() {
        let listed = "chromium installed\nxvfb config-files\nxauth installed\n";
        let missing = not_installed(&["chromium", "xvfb", "xauth", "firefox-esr"], listed);
        assert_eq!(missing, ["xvfb", "firefox-esr"]);
    }

    #[test]
    fn a_name_that_begins_like_an_installed_one_is_missing() {
        assert_eq!(not_installed(&["chrom"], "chromium installed\n"), ["chrom"]);
    }

    #[test]
    fn without_root_the_line_to_run_is_told() {
        let error = NeedsRoot::of(&["chromium", "xvfb"]).to_string();
        assert!(
            error.ends_with("sudo apt-get install -y chromium xvfb"),
            "{error}"
        );
    }
}
