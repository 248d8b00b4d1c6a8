//! Setting up tools: each one once per user, never globally where that can be avoided.

mod apt;
mod cargo_tool;
mod deb_tool;
mod install;
mod npm_tool;
mod python_tool;
mod system;
mod wasm_std;

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::env;
use std::ffi::OsString;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

pub(crate) use system::{
    CHROMEDRIVER, CHROMIUM, CURL, FIREFOX, JAVAC, Missing, OPENSSL, Program, WEBKIT_DRIVER, XAUTH,
    XVFB_RUN,
};

use crate::cache::Cache;
use crate::lockfile;
use crate::workspace::Workspace;
use cargo_tool::CargoTool;
use deb_tool::DebTool;
use npm_tool::NpmTool;
use python_tool::PythonTool;

/// No single installation may take longer; compiling trunk on a busy small machine takes a while.
const INSTALL_LIMIT: Duration = Duration::from_secs(45 * 60);

const NODE: [&Program; 2] = [&system::NODE, &system::NPM];

/// What a step had to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Did {
    /// Something.
    Work,
    /// Nothing: all was there.
    Nothing,
}

/// The set-up of one run of xtask: what is ready, and the time it took.
pub(crate) struct Setup<'a> {
    workspace: &'a Workspace,
    cache: Cache,
    ready: RefCell<BTreeSet<String>>,
    spent: Cell<Duration>,
}

impl<'a> Setup<'a> {
    pub(crate) fn new(workspace: &'a Workspace) -> Result<Self> {
        let cache = Cache::open()?;
        Ok(Self {
            workspace,
            cache,
            ready: RefCell::default(),
            spent: Cell::default(),
        })
    }

    /// The time spent on tools so far.
    pub(crate) fn spent(&self) -> Duration {
        self.spent.get()
    }

    /// The standard library for wasm32-unknown-unknown.
    pub(crate) fn wasm_std(&self) -> Result<()> {
        self.once("standard library for wasm32", || {
            wasm_std::ensure(&self.cache)
        })
    }

    /// The folder of wasm-bindgen and its test runner, of the version in Cargo.lock: PATH's, if it is that.
    pub(crate) fn wasm_bindgen(&self) -> Result<PathBuf> {
        let version = lockfile::version(self.workspace, "wasm-bindgen")?;
        self.cargo_tool(&cargo_tool::wasm_bindgen(version))
    }

    /// The folder of geckodriver, which Debian's Firefox comes without.
    pub(crate) fn geckodriver(&self) -> Result<PathBuf> {
        match system::GECKODRIVER.find() {
            Some(driver) => Ok(folder_of(&driver)),
            None => self.cargo_tool(&cargo_tool::geckodriver()),
        }
    }

    /// The folders of all programs that building the page needs, those of this user's cache first: on PATH
    /// there may be others of their names.
    pub(crate) fn page_tools(&self) -> Result<Vec<PathBuf>> {
        self.wasm_std()?;
        self.node()?;
        let wasm_opt = self.npm_tool(&npm_tool::WASM_OPT)?;
        let terser = self.npm_tool(&npm_tool::TERSER)?;
        Ok(vec![wasm_opt, terser, self.wasm_bindgen()?])
    }

    /// The folder of trunk, for those who work on the page.
    pub(crate) fn trunk(&self) -> Result<PathBuf> {
        self.cargo_tool(&cargo_tool::trunk())
    }

    /// The folder of cargo-mutants.
    pub(crate) fn cargo_mutants(&self) -> Result<PathBuf> {
        self.cargo_tool(&cargo_tool::mutants())
    }

    /// Node and npm; any installation of them will do.
    pub(crate) fn node(&self) -> Result<()> {
        match Missing::of(&NODE) {
            None => Ok(()),
            Some(_) => self.programs(&NODE),
        }
    }

    /// The Python that has kosoku, which drives Autobahn's cases.
    pub(crate) fn kosoku(&self) -> Result<PathBuf> {
        self.python_tool(&python_tool::KOSOKU)
    }

    fn python_tool(&self, tool: &PythonTool) -> Result<PathBuf> {
        if !python_tool::has_python() {
            self.packages(&python_tool::PACKAGES)?;
        }
        self.once(tool.title, || tool.ensure(&self.cache))?;
        Ok(tool.python(&self.cache))
    }

    /// Packages of Debian's that have no program to look for on PATH.
    fn packages(&self, packages: &[&str]) -> Result<()> {
        self.once(&packages.join(" "), || system::ensure_packages(packages))
    }

    /// Programs of the system; if they can't be installed here, an error that names them and says how.
    pub(crate) fn programs(&self, programs: &[&'static Program]) -> Result<()> {
        let names: Vec<&str> = programs.iter().map(|program| program.name()).collect();
        self.once(&names.join(" "), || system::ensure(programs))
    }

    /// The place of a program of the system, which is installed if need be.
    pub(crate) fn program(&self, program: &'static Program) -> Result<PathBuf> {
        self.programs(&[program])?;
        let place = program.find();
        place.with_context(|| format!("{} is gone from PATH", program.name()))
    }

    /// Java's launcher, with the compiler for sources of one file.
    pub(crate) fn java(&self) -> Result<PathBuf> {
        self.program(&JAVAC)?;
        self.program(&system::JAVA)
    }

    /// The Python that has websockets.
    pub(crate) fn python_websockets(&self) -> Result<PathBuf> {
        self.python_tool(&python_tool::WEBSOCKETS)
    }

    pub(crate) fn bun(&self) -> Result<PathBuf> {
        Ok(self.npm_tool(&npm_tool::BUN)?.join("bun"))
    }

    pub(crate) fn deno(&self) -> Result<PathBuf> {
        Ok(self.npm_tool(&npm_tool::DENO)?.join("deno"))
    }

    /// Node 22, beside the Node on PATH.
    pub(crate) fn node_22(&self) -> Result<PathBuf> {
        Ok(self.npm_tool(&npm_tool::NODE_22)?.join("node"))
    }

    /// Go's command, and the folder in which it and its libraries are unpacked.
    pub(crate) fn go(&self) -> Result<(PathBuf, PathBuf)> {
        self.deb_tool(&deb_tool::GO)
    }

    /// The folder where Go keeps what it has compiled.
    pub(crate) fn go_cache(&self) -> PathBuf {
        self.cache.entry("go-build")
    }

    pub(crate) fn nginx(&self) -> Result<PathBuf> {
        self.deb_tool(&deb_tool::NGINX).map(|(program, _)| program)
    }

    /// HAProxy, and the folder in which it and its libraries are unpacked.
    pub(crate) fn haproxy(&self) -> Result<(PathBuf, PathBuf)> {
        self.deb_tool(&deb_tool::HAPROXY)
    }

    /// The npm packages of a folder of this clone, as its lockfile names them.
    pub(crate) fn npm_packages(&self, folder: &Path) -> Result<()> {
        self.node()?;
        // By its path: folders may have one name, and what is named is done once.
        let name = folder.strip_prefix(self.workspace.root());
        let name = name.unwrap_or(folder).display();
        self.once(&format!("npm packages of {name}"), || {
            npm_tool::ensure_packages(folder)
        })
    }

    fn deb_tool(&self, tool: &DebTool) -> Result<(PathBuf, PathBuf)> {
        self.once(tool.title, || tool.ensure(&self.cache))?;
        Ok((tool.program(&self.cache), tool.folder(&self.cache)))
    }

    fn npm_tool(&self, tool: &NpmTool) -> Result<PathBuf> {
        self.once(tool.title, || tool.ensure(&self.cache))?;
        Ok(tool.folder(&self.cache))
    }

    fn cargo_tool(&self, tool: &CargoTool) -> Result<PathBuf> {
        if let Some(folder) = tool.on_path() {
            return Ok(folder);
        }
        self.once(&tool.title(), || tool.ensure(&self.cache))?;
        Ok(tool.folder(&self.cache).join("bin"))
    }

    /// A step of set-up; the second time in one run it goes without saying.
    fn once(&self, name: &str, work: impl FnOnce() -> Result<Did>) -> Result<()> {
        if self.ready.borrow().contains(name) {
            return Ok(());
        }
        let begun = Instant::now();
        let done = step(name, work);
        self.spent.set(self.spent.get() + begun.elapsed());
        done?;
        self.ready.borrow_mut().insert(name.to_owned());
        Ok(())
    }
}

/// Does a step of work and writes one line about it: its name, and its time or "cached".
pub(crate) fn step(name: &str, work: impl FnOnce() -> Result<Did>) -> Result<()> {
    eprint!("{name:<40} ");
    // Without this a step of minutes would show nothing until it ends.
    drop(io::stderr().flush());
    let begun = Instant::now();
    match work() {
        Ok(Did::Work) => eprintln!("{:7.1} s", begun.elapsed().as_secs_f64()),
        Ok(Did::Nothing) => eprintln!("   cached"),
        Err(error) => {
            eprintln!("   failed");
            return Err(error.context(format!("{name}: set-up failed")));
        }
    }
    Ok(())
}

/// The PATH with `folders` before all others.
pub(crate) fn path_with(folders: &[PathBuf]) -> Result<OsString> {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = folders.iter().cloned().chain(env::split_paths(&path));
    env::join_paths(folders).context("a folder's name holds a colon")
}

fn folder_of(program: &Path) -> PathBuf {
    program.parent().map(Path::to_owned).unwrap_or_default()
}
