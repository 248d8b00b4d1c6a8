//! The standard library for wasm32: from rustup's server, else built from Debian's source.
//!
//! Debian carries the source of each recent rustc release in one of its suites. Building it the way
//! a release of Rust is built gives a library that the very same rustc takes as its own.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{self, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use super::system::{self, Manager, Packages};
use super::{Did, INSTALL_LIMIT};
use crate::cache::Cache;
use crate::run::run;
use crate::workspace::stdout_of;

const TARGET: &str = "wasm32-unknown-unknown";

/// What other systems have in the place of rustup's.
const PACKAGES: Packages = Packages {
    apt: "",
    dnf: "rust-std-static-wasm32-unknown-unknown",
    pacman: "rust-wasm",
    brew: "rustup",
};

/// Suites that may hold the source of a rustc newer than the machine's Debian.
const SUITES: [&str; 3] = ["trixie-backports", "forky", "sid"];

const KEYS: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// A server out of reach may answer nothing at all; the library itself is some 30 MB.
const RUSTUP_LIMIT: Duration = Duration::from_secs(180);

/// Gives the active rustc its library unless it has one.
pub(super) fn ensure(cache: &Cache) -> Result<Did> {
    let libraries = libraries()?;
    if has_std(&libraries) {
        return Ok(Did::Nothing);
    }
    // The toolchain is shared by all clones, so the lock is too.
    let _lock = cache.lock("wasm32-std")?;
    if has_std(&libraries) {
        return Ok(Did::Nothing);
    }
    if !rustup_adds_it(&libraries) {
        from_debian(&libraries)?;
    }
    ensure!(
        has_std(&libraries),
        "{} still holds no libstd",
        libraries.display()
    );
    Ok(Did::Work)
}

/// Where rustc looks for the target's libraries, whether they are there or not.
fn libraries() -> Result<PathBuf> {
    let arguments = ["--print", "target-libdir", "--target", TARGET];
    Ok(PathBuf::from(stdout_of(rustc().args(arguments))?.trim()))
}

fn rustc() -> Command {
    Command::new(env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()))
}

fn has_std(libraries: &Path) -> bool {
    let Ok(files) = fs::read_dir(libraries) else {
        return false;
    };
    files
        .flatten()
        .any(|file| is_std(&file.file_name().to_string_lossy()))
}

/// `libstd-HASH.rlib` from rustup, `libstd.rlib` from our own build.
fn is_std(name: &str) -> bool {
    let rest = name.strip_prefix("libstd");
    rest.is_some_and(|rest| rest.starts_with(['-', '.']) && rest.ends_with(".rlib"))
}

fn rustup_adds_it(libraries: &Path) -> bool {
    let added = run(
        Command::new("rustup").args(["target", "add", TARGET]),
        RUSTUP_LIMIT,
    );
    added.is_ok_and(|finished| finished.succeeded()) && has_std(libraries)
}

fn from_debian(libraries: &Path) -> Result<()> {
    if Manager::here() != Some(Manager::Apt) {
        bail!(
            "rustup didn't add {TARGET}: see `rustup target add {TARGET}`; for a rustc that isn't rustup's, {}",
            system::advice(&PACKAGES)
        );
    }
    let rustc = Rustc::active()?;
    eprint!("(from Debian's source) ");
    let scratch = Scratch::make()?;
    let source = fetch_source(&scratch.0, &rustc.release)?;
    let built = build(&scratch.0, &source, &rustc)?;
    install(&built, libraries)
}

/// What is known of the compiler that the library is for.
struct Rustc {
    release: String,
    commit: String,
    sysroot: PathBuf,
}

impl Rustc {
    fn active() -> Result<Self> {
        let version = stdout_of(rustc().arg("-vV"))?;
        let line = |key: &str| {
            let value = version.lines().find_map(|line| line.strip_prefix(key));
            value
                .map(str::to_owned)
                .with_context(|| format!("rustc -vV names no {key}"))
        };
        let release = line("release: ")?;
        ensure!(
            !release.contains('-'),
            "Debian has no source of rustc {release}, only of releases"
        );
        let sysroot = stdout_of(rustc().args(["--print", "sysroot"]))?;
        Ok(Self {
            release,
            commit: line("commit-hash: ")?,
            sysroot: sysroot.trim().into(),
        })
    }
}

/// A folder that goes away with its guard.
struct Scratch(PathBuf);

impl Scratch {
    fn make() -> Result<Self> {
        let folder = env::temp_dir().join(format!("twinwire-wasm-std-{}", process::id()));
        fs::create_dir_all(&folder).with_context(|| format!("can't make {}", folder.display()))?;
        Ok(Self(folder))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // It lies among temporary files: what can't be removed now is removed by the system.
        drop(fs::remove_dir_all(&self.0));
    }
}

/// Apt with an index of its own in `folder`, which needs no root and leaves the system's as it is.
struct Apt<'a> {
    folder: &'a Path,
    sources: Option<PathBuf>,
}

impl Apt<'_> {
    fn run(&self, program: &str, arguments: &[&str]) -> Result<String> {
        let mut apt = Command::new(program);
        apt.current_dir(self.folder).arg("-qq");
        let option = |name: &str, path: &Path| format!("{name}={}", path.display());
        apt.args([
            "-o",
            &option("Dir::State::Lists", &self.folder.join("lists")),
        ]);
        apt.args(["-o", &option("Dir::Cache", &self.folder.join("cache"))]);
        if let Some(sources) = &self.sources {
            apt.args(["-o", &option("Dir::Etc::SourceList", sources)]);
            for unused in ["SourceParts", "Preferences", "PreferencesParts"] {
                apt.args(["-o", &format!("Dir::Etc::{unused}=/dev/null")]);
            }
        }
        apt.args(["-o", "APT::Sandbox::User=root"]).args(arguments);
        stdout_of(&mut apt)
    }
}

/// Fetches and unpacks Debian's rust-src of exactly this release; gives the folder of its library.
fn fetch_source(folder: &Path, release: &str) -> Result<PathBuf> {
    for part in ["lists", "cache"] {
        fs::create_dir_all(folder.join(part)).context("no room for apt's index")?;
    }
    let mirror = mirror(folder)?;
    let sources = folder.join("sources.list");
    let line = |suite: &str| format!("deb [signed-by={KEYS}] {mirror} {suite} main\n");
    fs::write(&sources, SUITES.map(line).concat()).context("can't write apt's sources")?;
    let apt = Apt {
        folder,
        sources: Some(sources),
    };
    // A suite may have left the mirror; whether one holds the source shows in the next line.
    drop(apt.run("apt-get", &["update"]));
    let known = apt.run("apt-cache", &["madison", "rust-src"])?;
    let Some(version) = version_of(&known, release) else {
        bail!("rustup's server can't be reached, and Debian has no rust-src {release}");
    };
    apt.run("apt-get", &["download", &format!("rust-src={version}")])?;
    unpack(folder)
}

/// The mirror that the machine's own apt uses.
fn mirror(folder: &Path) -> Result<String> {
    let system =
        fs::read_to_string("/etc/os-release").context("this system doesn't say which it is")?;
    let codename = system
        .lines()
        .find_map(|line| line.strip_prefix("VERSION_CODENAME="))
        .context("/etc/os-release names no VERSION_CODENAME")?
        .trim_matches('"');
    let targets = [
        "indextargets",
        "--format",
        "$(RELEASE) $(REPO_URI)",
        "Created-By: Packages",
    ];
    let listed = stdout_of(Command::new("apt-get").args(targets))?;
    if let Some(mirror) = mirror_of(&listed, codename) {
        return Ok(mirror.to_owned());
    }
    // A new machine has no index yet, and only root may make the system's: so make one here.
    let apt = Apt {
        folder,
        sources: None,
    };
    apt.run("apt-get", &["update"])?;
    let listed = apt.run("apt-get", &targets)?;
    let mirror = mirror_of(&listed, codename);
    mirror
        .map(str::to_owned)
        .with_context(|| format!("apt knows no mirror for {codename}"))
}

/// The address of `codename` in lines of `release address`.
fn mirror_of<'a>(targets: &'a str, codename: &str) -> Option<&'a str> {
    let mut pairs = targets.lines().filter_map(|line| line.split_once(' '));
    pairs
        .find(|(release, _)| *release == codename)
        .map(|(_, address)| address.trim())
}

/// Debian's version of rustc's `release` in what `apt-cache madison` prints.
fn version_of<'a>(madison: &'a str, release: &str) -> Option<&'a str> {
    let versions = madison
        .lines()
        .filter_map(|line| line.split('|').nth(1))
        .map(str::trim);
    versions.into_iter().find(|version| {
        version
            .strip_prefix(release)
            .is_some_and(|rest| rest.starts_with('+'))
    })
}

fn unpack(folder: &Path) -> Result<PathBuf> {
    let packages = fs::read_dir(folder)?.flatten().map(|file| file.path());
    let package = packages
        .into_iter()
        .find(|file| file.extension().is_some_and(|e| e == "deb"));
    let package = package.context("apt-get downloaded no package")?;
    let mut archive = Command::new("dpkg-deb")
        .arg("--fsys-tarfile")
        .arg(package)
        .stdout(Stdio::piped())
        .spawn()
        .context("can't run dpkg-deb")?;
    let stream = archive.stdout.take().context("dpkg-deb has no output")?;
    let mut tar = Command::new("tar");
    // The package holds the compiler's source too; the library is a small part of it.
    tar.args([
        "-x",
        "--strip-components=4",
        "--wildcards",
        "./usr/src/rustc-*/library",
    ]);
    stdout_of(tar.current_dir(folder).stdin(stream))?;
    ensure!(
        archive.wait()?.success(),
        "dpkg-deb could not read the package"
    );
    Ok(folder.join("library"))
}

/// Builds as a release of Rust is built: package `sysroot` with profile `dist`, paths as in the
/// library that rustup would have brought.
fn build(folder: &Path, source: &Path, rustc: &Rustc) -> Result<PathBuf> {
    let target = folder.join("target");
    let home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".cargo")));
    let registry = home.context("there is no HOME")?.join("registry/src");
    let flags = format!(
        "-Zforce-unstable-if-unmarked --remap-path-prefix={}=/rustc/{}/library \
         --remap-path-prefix={}=/rust/deps",
        source.display(),
        rustc.commit,
        registry.display(),
    );
    let mut cargo = Command::new(rustc.sysroot.join("bin/cargo"));
    for inherited in [
        "CARGO_ENCODED_RUSTFLAGS",
        "CARGO_BUILD_TARGET",
        "RUSTC_WRAPPER",
        "RUSTC",
    ] {
        cargo.env_remove(inherited);
    }
    cargo
        .current_dir(source)
        .args([
            "build",
            "--quiet",
            "--locked",
            "--profile",
            "dist",
            "--target",
            TARGET,
        ])
        .args([
            "--manifest-path",
            "sysroot/Cargo.toml",
            "--features",
            "panic-unwind,backtrace",
        ])
        .env("PATH", super::path_with(&[rustc.sysroot.join("bin")])?)
        .env("RUSTC_BOOTSTRAP", "1")
        .env("RUSTFLAGS", flags)
        .env("CARGO_INCREMENTAL", "0")
        .env("CARGO_TARGET_DIR", &target);
    run(&mut cargo, INSTALL_LIMIT)?.require("building the standard library")?;
    Ok(target.join(TARGET).join("dist/deps"))
}

/// Puts the libraries in place by one rename, so that no rustc ever sees half of them.
fn install(built: &Path, libraries: &Path) -> Result<()> {
    let copy = || -> std::io::Result<()> {
        let new = libraries.with_extension("new");
        if new.exists() {
            fs::remove_dir_all(&new)?;
        }
        fs::create_dir_all(&new)?;
        for file in fs::read_dir(built)?.flatten().map(|file| file.path()) {
            if let (Some(name), true) = (
                file.file_name(),
                file.extension().is_some_and(|e| e == "rlib"),
            ) {
                fs::copy(&file, new.join(name))?;
            }
        }
        if libraries.exists() {
            fs::remove_dir_all(libraries)?;
        }
        fs::rename(&new, libraries)
    };
    copy().with_context(|| format!("can't put the library into {}", libraries.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_library_is_known_by_both_its_names() {
        for name in ["libstd-1f2e3d.rlib", "libstd.rlib"] {
            assert!(is_std(name), "{name}");
        }
        for name in ["libstd_detect-1f.rlib", "libstd-1f.so", "libcore-1f.rlib"] {
            assert!(!is_std(name), "{name}");
        }
    }

    #[test]
    fn the_mirror_is_that_of_the_main_suite() {
        let targets = "bookworm-security http://security.example\n\
                       bookworm http://mirror.example/debian/\n\
                       bookworm http://other.example/\n";
        assert_eq!(
            mirror_of(targets, "bookworm"),
            Some("http://mirror.example/debian/")
        );
        assert_eq!(mirror_of("", "bookworm"), None);
    }

    #[test]
    fn the_source_is_of_exactly_the_compilers_release() {
        let madison = " rust-src | 1.95.10+dfsg1-1 | http://m sid/main amd64 Packages\n \
                        rust-src | 1.95.0+dfsg1-2 | http://m forky/main amd64 Packages\n";
        assert_eq!(version_of(madison, "1.95.0"), Some("1.95.0+dfsg1-2"));
        assert_eq!(version_of(madison, "1.95.1"), None);
        assert_eq!(version_of("", "1.95.0"), None);
    }
}
