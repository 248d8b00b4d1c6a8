//! Programs of Debian's packages, unpacked into the cache: nobody has to be root, no service is started, and the
//! system stays as it is.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::install::ensure_entry;
use super::{Did, INSTALL_LIMIT, apt};
use crate::cache::Cache;
use crate::run::run;

/// A program and the packages that it needs beside those of every Debian 12 with build-essential and Node.js.
pub(super) struct DebTool {
    pub(super) title: &'static str,
    /// Its folder in the cache.
    entry: &'static str,
    packages: &'static [&'static str],
    /// Its path in the packages.
    program: &'static str,
}

pub(super) const NGINX: DebTool = DebTool {
    title: "nginx of Debian",
    entry: "nginx-debian",
    packages: &["nginx"],
    program: "usr/sbin/nginx",
};

pub(super) const HAPROXY: DebTool = DebTool {
    title: "haproxy of Debian",
    entry: "haproxy-debian",
    packages: &[
        "haproxy",
        "liblua5.3-0",
        "libopentracing-c-wrapper0",
        "libopentracing1",
    ],
    program: "usr/sbin/haproxy",
};

/// Go with the two libraries that the clients' suite compiles against.
pub(super) const GO: DebTool = DebTool {
    title: "go 1.19 of Debian",
    entry: "go-1.19-debian",
    packages: &[
        "golang-1.19-go",
        "golang-1.19-src",
        "golang-github-gorilla-websocket-dev",
        "golang-github-klauspost-compress-dev",
        "golang-nhooyr-websocket-dev",
    ],
    program: "usr/lib/go-1.19/bin/go",
};

impl DebTool {
    pub(super) fn folder(&self, cache: &Cache) -> PathBuf {
        cache.entry(self.entry)
    }

    pub(super) fn program(&self, cache: &Cache) -> PathBuf {
        self.folder(cache).join(self.program)
    }

    /// Unpacks it unless the cache has it.
    pub(super) fn ensure(&self, cache: &Cache) -> Result<Did> {
        ensure_entry(cache, self.entry, Path::new(self.program), |folder| {
            self.unpack(folder)
        })
    }

    fn unpack(&self, folder: &Path) -> Result<()> {
        let packages = folder.join("packages");
        fs::create_dir(&packages).with_context(|| format!("can't make {}", packages.display()))?;
        if self.download(&packages).is_err() {
            // Without an index, or with an old one that names files which the mirror has replaced.
            apt::update()?;
            self.download(&packages)?;
        }
        let files = fs::read_dir(&packages)
            .with_context(|| format!("can't read {}", packages.display()))?;
        for file in files.flatten() {
            let mut dpkg = Command::new("dpkg");
            dpkg.arg("--extract").arg(file.path()).arg(folder);
            run(&mut dpkg, INSTALL_LIMIT)?.require("dpkg --extract")?;
        }
        fs::remove_dir_all(&packages).with_context(|| format!("can't clear {}", packages.display()))
    }

    fn download(&self, folder: &Path) -> Result<()> {
        let mut apt_get = Command::new("apt-get");
        apt_get.args(["-qq", "download"]).args(self.packages);
        // Else apt complains that its own user can't write here.
        apt_get.args(["-o", "APT::Sandbox::User=root"]);
        let finished = run(apt_get.current_dir(folder), INSTALL_LIMIT)?;
        finished.require(&format!("apt-get download {}", self.packages.join(" ")))
    }
}
