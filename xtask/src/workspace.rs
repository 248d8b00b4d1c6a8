//! This clone: its root, its files, its crates, and cargo run inside it.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

/// The clone that `cargo xtask` was called in.
pub(crate) struct Workspace {
    root: PathBuf,
    /// The target folder of a copy, whatever the environment says.
    own_target: Option<PathBuf>,
}

/// A crate of the workspace.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Crate {
    /// The package's name.
    pub(crate) name: String,
    /// Its folder, relative to the root.
    pub(crate) folder: PathBuf,
}

impl Workspace {
    /// Finds the root from what cargo tells a program it runs, else from the current folder.
    ///
    /// Not from a compile-time path: with a target folder shared by several clones, the binary may
    /// have been built in another one.
    pub(crate) fn find() -> Result<Self> {
        let from_cargo = env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
        let start = match from_cargo {
            Some(folder) => folder,
            None => env::current_dir().context("the current folder is gone")?,
        };
        let root = start.ancestors().find(|folder| is_root(folder));
        match root {
            Some(root) => Ok(Self {
                root: root.to_owned(),
                own_target: None,
            }),
            None => bail!("{} is not inside the workspace", start.display()),
        }
    }

    /// Returns a copy of this workspace in another folder, which has a target folder of its own.
    pub(crate) fn copied(&self, folder: &Path) -> Self {
        Self {
            root: folder.to_owned(),
            own_target: Some(folder.join("target")),
        }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Where cargo puts what it builds.
    pub(crate) fn target_dir(&self) -> PathBuf {
        match (&self.own_target, env::var_os("CARGO_TARGET_DIR")) {
            (Some(folder), _) => folder.clone(),
            (None, Some(folder)) => self.root.join(folder),
            (None, None) => self.root.join("target"),
        }
    }

    /// Cargo in the root, free of the variables that describe xtask's own package: build scripts
    /// watch some of them, and would run again under `cargo xtask` after each plain cargo call.
    pub(crate) fn cargo(&self) -> Command {
        let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        for (name, _) in env::vars_os() {
            let text = name.to_string_lossy();
            if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
                cargo.env_remove(&name);
            }
        }
        cargo
            .current_dir(&self.root)
            .env("CARGO_TERM_COLOR", "never");
        if let Some(folder) = &self.own_target {
            cargo.env("CARGO_TARGET_DIR", folder);
            // It is built again and again with small changes: the profiles decide, whatever the environment says.
            cargo.env_remove("CARGO_INCREMENTAL");
        }
        cargo
    }

    /// Every file that git tracks or would track, relative to the root, in order.
    pub(crate) fn files(&self) -> Result<Vec<PathBuf>> {
        let mut git = Command::new("git");
        git.args([
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ]);
        let listed = stdout_of(git.current_dir(&self.root))?;
        let mut files: Vec<PathBuf> = listed
            .split('\0')
            .filter(|name| !name.is_empty())
            .map(PathBuf::from)
            // Deleted but not yet committed, or a link to nowhere.
            .filter(|file| self.root.join(file).is_file())
            .collect();
        files.sort();
        files.dedup();
        Ok(files)
    }

    /// The crates of the workspace.
    pub(crate) fn crates(&self) -> Result<Vec<Crate>> {
        self.tree(&["--workspace", "--depth", "0"])
    }

    /// The crates of this workspace among those that `arguments` of `cargo tree` select.
    pub(crate) fn tree(&self, arguments: &[&str]) -> Result<Vec<Crate>> {
        let mut tree = self.cargo();
        tree.args(["tree", "--quiet", "--prefix", "none"])
            .args(arguments);
        Ok(local_crates(&stdout_of(&mut tree)?, &self.root))
    }
}

fn is_root(folder: &Path) -> bool {
    let manifest = std::fs::read_to_string(folder.join("Cargo.toml"));
    manifest.is_ok_and(|text| text.lines().any(|line| line.trim() == "[workspace]"))
}

/// Gives `to` the folder and the variables of `from`, for a program that wraps another.
pub(crate) fn copy_surroundings(from: &Command, to: &mut Command) {
    for (name, value) in from.get_envs() {
        match value {
            Some(value) => to.env(name, value),
            None => to.env_remove(name),
        };
    }
    if let Some(folder) = from.get_current_dir() {
        to.current_dir(folder);
    }
}

/// Runs a short command that must succeed, and gives what it printed.
pub(crate) fn stdout_of(command: &mut Command) -> Result<String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command
        .output()
        .with_context(|| format!("can't run {name}"))?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success(),
        "{name} failed ({}): {}",
        output.status,
        errors.trim()
    );
    String::from_utf8(output.stdout).with_context(|| format!("{name} printed no UTF-8"))
}

/// The crates below `root` in what `cargo tree --prefix none` prints:
/// `name v1.0.0 (/folder)`, perhaps with `(proc-macro)` before it or `(*)` after it.
fn local_crates(tree: &str, root: &Path) -> Vec<Crate> {
    let mut crates: Vec<Crate> = Vec::new();
    for line in tree.lines() {
        let Some((name, rest)) = line.split_once(' ') else {
            continue;
        };
        let folder = rest
            .split(['(', ')'])
            .find_map(|part| Path::new(part).strip_prefix(root).ok());
        let Some(folder) = folder else { continue };
        let found = Crate {
            name: name.to_owned(),
            folder: folder.to_owned(),
        };
        if !crates.contains(&found) {
            crates.push(found);
        }
    }
    crates
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_crates_below_the_root_are_taken_from_a_tree() {
        let tree = "www v0.1.0 (/clone/www)\n\
                    serde v1.0.0\n\
                    twinwire-derive v0.1.0 (proc-macro) (/clone/protocol/derive)\n\
                    www v0.1.0 (/clone/www) (*)\n\
                    other v0.1.0 (/elsewhere/other)\n";
        let found = local_crates(tree, Path::new("/clone"));
        let expect = [("www", "www"), ("twinwire-derive", "protocol/derive")];
        let expect = expect.map(|(name, folder)| Crate {
            name: name.into(),
            folder: folder.into(),
        });
        assert_eq!(found, expect);
    }

    #[test]
    fn this_clone_knows_itself() {
        let workspace = Workspace::find().unwrap();
        let crates = workspace.crates().unwrap();
        assert!(
            crates
                .iter()
                .any(|c| c.name == "xtask" && c.folder == Path::new("xtask"))
        );
        assert!(
            workspace
                .files()
                .unwrap()
                .contains(&PathBuf::from("xtask/Cargo.toml"))
        );
    }

    #[test]
    fn a_failing_command_says_its_name_and_its_words() {
        let mut shell = Command::new("sh");
        let error = stdout_of(shell.args(["-c", "echo lost >&2; exit 3"])).unwrap_err();
        let text = error.to_string();
        assert!(
            text.starts_with("sh failed") && text.ends_with(": lost"),
            "{text}"
        );
    }
}
