//! Programs of the system: those on PATH are used, and what is missing is named with the command that
//! installs it here.

use std::env;
use std::ffi::OsStr;
use std::fmt;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use super::{Did, apt};

/// A program that comes with the system, or from its package manager.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Program {
    /// The program's names on different systems; the first that is found is taken.
    names: &'static [&'static str],
    packages: Packages,
}

/// The package that has a program, for each package manager; empty where none is known.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Packages {
    pub(super) apt: &'static str,
    pub(super) dnf: &'static str,
    pub(super) pacman: &'static str,
    pub(super) brew: &'static str,
}

const fn program(
    names: &'static [&'static str],
    [apt, dnf, pacman, brew]: [&'static str; 4],
) -> Program {
    Program {
        names,
        packages: Packages {
            apt,
            dnf,
            pacman,
            brew,
        },
    }
}

pub(super) const NODE: Program = program(&["node"], ["nodejs", "nodejs", "nodejs", "node"]);
pub(super) const NPM: Program = program(&["npm"], ["npm", "nodejs-npm", "npm", "node"]);
pub(crate) const CHROMIUM: Program = program(
    &[
        "chromium",
        "chromium-browser",
        "google-chrome",
        "google-chrome-stable",
    ],
    ["chromium", "chromium", "chromium", "chromium"],
);
pub(crate) const CHROMEDRIVER: Program = program(
    &["chromedriver"],
    [
        "chromium-driver",
        "chromedriver",
        "chromium",
        "chromedriver",
    ],
);
pub(crate) const FIREFOX: Program = program(
    &["firefox", "firefox-esr"],
    ["firefox-esr", "firefox", "firefox", "firefox"],
);
/// A driver of Firefox, which Debian's comes without.
pub(super) const GECKODRIVER: Program =
    program(&["geckodriver"], ["", "", "geckodriver", "geckodriver"]);
pub(crate) const WEBKIT_DRIVER: Program =
    program(&["WebKitWebDriver"], ["webkit2gtk-driver", "", "", ""]);
pub(crate) const XVFB_RUN: Program = program(
    &["xvfb-run"],
    ["xvfb", "xorg-x11-server-Xvfb", "xorg-server-xvfb", ""],
);
pub(crate) const XAUTH: Program = program(
    &["xauth"],
    ["xauth", "xorg-x11-xauth", "xorg-xauth", "xauth"],
);

pub(crate) const JAVAC: Program = program(&["javac"], JDK);
pub(super) const JAVA: Program = program(&["java"], JDK);
const JDK: [&str; 4] = [
    "openjdk-17-jdk-headless",
    "java-17-openjdk-devel",
    "jdk17-openjdk",
    "openjdk@17",
];
pub(crate) const CURL: Program = program(&["curl"], ["curl", "curl", "curl", "curl"]);
pub(crate) const OPENSSL: Program =
    program(&["openssl"], ["openssl", "openssl", "openssl", "openssl"]);

impl Program {
    /// Returns the name by which people know the program.
    pub(super) fn name(&self) -> &'static str {
        self.names[0]
    }

    /// Returns the program's place on the PATH of this process.
    pub(super) fn find(&self) -> Option<PathBuf> {
        self.find_in(&path())
    }

    fn find_in(&self, path: &OsStr) -> Option<PathBuf> {
        let folders: Vec<PathBuf> = env::split_paths(path).collect();
        let places = self
            .names
            .iter()
            .flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
        places.into_iter().find(|place| place.is_file())
    }
}

/// A package manager.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Manager {
    Apt,
    Dnf,
    Pacman,
    Brew,
}

impl Manager {
    const ALL: [(Self, &'static str); 4] = [
        (Self::Apt, "apt-get"),
        (Self::Dnf, "dnf"),
        (Self::Pacman, "pacman"),
        (Self::Brew, "brew"),
    ];

    /// Returns the package manager on the PATH of this process.
    pub(super) fn here() -> Option<Self> {
        Self::find_in(&path())
    }

    fn find_in(path: &OsStr) -> Option<Self> {
        let has = |name: &str| env::split_paths(path).any(|folder| folder.join(name).is_file());
        let mut all = Self::ALL.into_iter();
        all.find(|(_, name)| has(name)).map(|(manager, _)| manager)
    }

    fn package(self, packages: &Packages) -> &'static str {
        match self {
            Self::Apt => packages.apt,
            Self::Dnf => packages.dnf,
            Self::Pacman => packages.pacman,
            Self::Brew => packages.brew,
        }
    }

    fn install_line(self, packages: &[&str]) -> String {
        let packages = packages.join(" ");
        match self {
            Self::Apt => apt::install_line(&packages),
            Self::Dnf => format!("sudo dnf install -y {packages}"),
            Self::Pacman => format!("sudo pacman -S --needed {packages}"),
            Self::Brew => format!("brew install {packages}"),
        }
    }
}

fn path() -> std::ffi::OsString {
    env::var_os("PATH").unwrap_or_default()
}

/// Programs that aren't on PATH.
#[derive(Debug)]
pub(crate) struct Missing {
    programs: Vec<&'static Program>,
    manager: Option<Manager>,
}

impl Missing {
    /// Returns those of `programs` that aren't on PATH, if any.
    pub(crate) fn of(programs: &[&'static Program]) -> Option<Self> {
        Self::of_path(programs, &path())
    }

    fn of_path(programs: &[&'static Program], path: &OsStr) -> Option<Self> {
        let mut missing: Vec<&'static Program> = Vec::new();
        for program in programs {
            if program.find_in(path).is_none() && !missing.contains(program) {
                missing.push(program);
            }
        }
        (!missing.is_empty()).then(|| Self {
            programs: missing,
            manager: Manager::find_in(path),
        })
    }

    /// Returns true if this process may install all of them.
    pub(crate) fn can_install(&self) -> bool {
        self.manager == Some(Manager::Apt)
            && self.unknown(Manager::Apt).is_empty()
            && apt::is_root().unwrap_or(false)
    }

    fn packages(&self, manager: Manager) -> Vec<&'static str> {
        let packages = self
            .programs
            .iter()
            .map(|program| manager.package(&program.packages));
        let mut packages: Vec<&str> = packages.filter(|package| !package.is_empty()).collect();
        packages.sort_unstable();
        packages.dedup();
        packages
    }

    /// Returns the programs that the manager has no package of.
    fn unknown(&self, manager: Manager) -> Vec<&'static str> {
        let unknown = self.programs.iter();
        let unknown = unknown.filter(|program| manager.package(&program.packages).is_empty());
        unknown.map(|program| program.name()).collect()
    }
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.programs.iter().map(|program| program.name()).collect();
        write!(f, "not on PATH: {}; ", names.join(", "))?;
        let Some(manager) = self.manager else {
            return write!(f, "install them, no package manager is known here");
        };
        let (packages, unknown) = (self.packages(manager), self.unknown(manager));
        if !packages.is_empty() {
            write!(f, "run: {}", manager.install_line(&packages))?;
        }
        if !unknown.is_empty() {
            let after = if packages.is_empty() { "" } else { "; " };
            write!(
                f,
                "{after}no package of {} is known here",
                unknown.join(", ")
            )?;
        }
        Ok(())
    }
}

impl std::error::Error for Missing {}

/// Installs those of `programs` that are missing, where that needs nothing but apt and root.
pub(super) fn ensure(programs: &[&'static Program]) -> Result<Did> {
    let Some(missing) = Missing::of(programs) else {
        return Ok(Did::Nothing);
    };
    if !missing.can_install() {
        return Err(missing.into());
    }
    apt::install(&missing.packages(Manager::Apt))?;
    match Missing::of(programs) {
        None => Ok(Did::Work),
        Some(missing) => Err(missing).context("apt-get has installed it, and it isn't there"),
    }
}

/// Installs packages of Debian's that have no program to look for on PATH.
pub(super) fn ensure_packages(packages: &[&str]) -> Result<Did> {
    if Manager::here() != Some(Manager::Apt) {
        bail!("not installed: {}", packages.join(", "));
    }
    if !apt::is_root()? {
        bail!(
            "not installed; run: {}",
            apt::install_line(&packages.join(" "))
        );
    }
    apt::install(packages)?;
    Ok(Did::Work)
}

/// Returns the command that installs what these packages hold, for the package manager of this system.
pub(super) fn advice(packages: &Packages) -> String {
    match Manager::here().map(|manager| (manager, manager.package(packages))) {
        Some((manager, package)) if !package.is_empty() => {
            format!("run: {}", manager.install_line(&[package]))
        }
        Some(_) | None => "this system has no package of it that is known".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;
    use std::fs;

    use super::*;

    /// A PATH of one folder, in which these programs are.
    struct Path(PathBuf);

    impl Path {
        fn with(programs: &[&str]) -> Self {
            static NEXT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
            let number = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            let name = format!("twinwire-path-{}-{number}", std::process::id());
            let folder = env::temp_dir().join(name);
            fs::create_dir_all(&folder).unwrap();
            for program in programs {
                fs::write(folder.join(program), "").unwrap();
            }
            Self(folder)
        }

        fn value(&self) -> OsString {
            self.0.clone().into()
        }
    }

    impl Drop for Path {
        fn drop(&mut self) {
            drop(fs::remove_dir_all(&self.0));
        }
    }

    fn check(on_path: &[&str], programs: &[&'static Program], expect: Option<&str>) {
        let path = Path::with(on_path);
        let missing = Missing::of_path(programs, &path.value());
        let told = missing.map(|missing| missing.to_string());
        assert_eq!(told.as_deref(), expect, "{on_path:?}");
    }

    #[test]
    fn what_is_on_path_is_used_whatever_its_name_and_system() {
        let path = Path::with(&["google-chrome"]);
        let found = CHROMIUM.find_in(&path.value());
        assert_eq!(found, Some(path.0.join("google-chrome")));
        check(
            &["google-chrome", "chromedriver"],
            &[&CHROMIUM, &CHROMEDRIVER],
            None,
        );
        check(&["node", "npm"], &[&NODE, &NPM], None);
    }

    #[test]
    fn what_is_missing_is_named_with_the_command_of_the_system() {
        let both = [&CHROMIUM, &CHROMEDRIVER];
        let cases = [
            ("dnf", "sudo dnf install -y chromedriver chromium"),
            ("pacman", "sudo pacman -S --needed chromium"),
            ("brew", "brew install chromedriver chromium"),
        ];
        for (manager, line) in cases {
            let told = format!("not on PATH: chromium, chromedriver; run: {line}");
            check(&[manager], &both, Some(&told));
        }
        let told = "not on PATH: node, npm; run: brew install node";
        check(&["brew"], &[&NODE, &NPM, &NODE], Some(told));
        let path = Path::with(&["apt-get"]);
        let missing = Missing::of_path(&both, &path.value()).unwrap().to_string();
        assert!(
            missing.ends_with("sudo apt-get install -y chromium chromium-driver"),
            "{missing}"
        );
    }

    #[test]
    fn what_has_no_package_is_named_too() {
        let webkit = [&WEBKIT_DRIVER, &XVFB_RUN];
        let told = "not on PATH: WebKitWebDriver, xvfb-run; no package of WebKitWebDriver, xvfb-run is known here";
        check(&["brew"], &webkit, Some(told));
        let told = "not on PATH: WebKitWebDriver, xvfb-run; run: sudo dnf install -y xorg-x11-server-Xvfb; \
            no package of WebKitWebDriver is known here";
        check(&["dnf"], &webkit, Some(told));
        let told = "not on PATH: node; install them, no package manager is known here";
        check(&[], &[&NODE], Some(told));
    }

    #[test]
    fn only_apt_is_called_by_this_program() {
        for manager in ["dnf", "pacman", "brew"] {
            let path = Path::with(&[manager]);
            let missing = Missing::of_path(&[&NODE], &path.value()).unwrap();
            assert!(!missing.can_install(), "{manager}");
        }
    }
}
