//! `tidy`: the house rules that neither rustfmt nor clippy knows. Each rule counts as one test.

mod architecture;
mod commands;
mod dependencies;
mod errors;
mod guarantees;
mod lines;
mod links;
mod markdown;
mod plants;
mod protocol;
mod sources;

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::test::Counts;
use crate::workspace::{Crate, Workspace};

/// A place that breaks a rule, and what to do about it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) file: PathBuf,
    /// Counted from 1; 0 for the file as a whole.
    pub(crate) line: usize,
    pub(crate) advice: String,
}

impl Finding {
    pub(crate) fn new(file: &Path, line: usize, advice: impl Into<String>) -> Self {
        Self {
            file: file.to_owned(),
            line,
            advice: advice.into(),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}:{}: {}",
            self.file.display(),
            self.line.max(1),
            self.advice
        )
    }
}

/// All text files of the clone, and its crates.
pub(crate) struct Tree {
    pub(crate) files: Vec<TextFile>,
    /// Everything that is there, texts or not; links may lead to any of it.
    pub(crate) paths: Vec<PathBuf>,
    pub(crate) crates: Vec<Crate>,
}

/// One file, by its path from the root.
#[derive(Debug)]
pub(crate) struct TextFile {
    pub(crate) path: PathBuf,
    pub(crate) text: String,
}

impl TextFile {
    pub(crate) fn has_extension(&self, extensions: &[&str]) -> bool {
        let extension = self
            .path
            .extension()
            .and_then(|extension| extension.to_str());
        extension.is_some_and(|extension| extensions.contains(&extension))
    }
}

impl Tree {
    fn read(workspace: &Workspace) -> Result<Self> {
        let paths = workspace.files()?;
        let mut files = Vec::new();
        for path in &paths {
            // What isn't UTF-8 is no text, and no rule is about it.
            if let Ok(text) = String::from_utf8(fs::read(workspace.root().join(path))?) {
                files.push(TextFile {
                    path: path.clone(),
                    text,
                });
            }
        }
        Ok(Self {
            files,
            paths,
            crates: workspace.crates()?,
        })
    }

    pub(crate) fn documents(&self) -> impl Iterator<Item = &TextFile> {
        self.files.iter().filter(|file| file.has_extension(&["md"]))
    }

    pub(crate) fn rust(&self) -> impl Iterator<Item = &TextFile> {
        self.files.iter().filter(|file| file.has_extension(&["rs"]))
    }

    pub(crate) fn file(&self, path: &str) -> Option<&TextFile> {
        self.files.iter().find(|file| file.path == Path::new(path))
    }
}

type Rule = fn(&Workspace, &Tree) -> Result<Vec<Finding>>;

/// The rules, by what holds when nothing is found.
const RULES: [(&str, Rule); 16] = [
    ("source files have at most 600 lines", |_, tree| {
        Ok(lines::too_many(tree))
    }),
    ("no lint is silenced by `allow`", |_, tree| {
        Ok(sources::allowed_lints(tree))
    }),
    ("no timer of an end comes while a test waits", |_, tree| {
        Ok(sources::impatient_tests(tree))
    }),
    ("every crate forbids unsafe code", |_, tree| {
        Ok(sources::crates_without_forbid(tree))
    }),
    ("no file names a path of one machine", |_, tree| {
        Ok(sources::machine_paths(tree))
    }),
    ("the lints for long functions are on", |_, tree| {
        Ok(sources::function_lints(tree))
    }),
    (
        "no doc of the libraries begins like a question",
        |_, tree| Ok(sources::asking_docs(tree)),
    ),
    (
        "the protocol depends on nothing native",
        dependencies::native_in_protocol,
    ),
    ("every xtask command in the documents exists", |_, tree| {
        Ok(commands::unknown(tree))
    }),
    ("relative links lead somewhere", |_, tree| {
        Ok(links::broken(tree))
    }),
    ("every test that GUARANTEES.md names exists", |_, tree| {
        Ok(guarantees::unproven(tree))
    }),
    (
        "every error of the libraries is in errors.txt",
        |_, tree| Ok(errors::unlisted(tree)),
    ),
    ("ARCHITECTURE.md names every crate", |_, tree| {
        Ok(architecture::unnamed_crates(tree))
    }),
    (
        "ARCHITECTURE.md's places of changes are there",
        |_, tree| Ok(architecture::missing_paths(tree)),
    ),
    ("every planted bug has its row in a table", |_, tree| {
        Ok(plants::unlisted(tree))
    }),
    (
        "PROTOCOL.md's tables and npm's names of codes equal the code's",
        protocol::differing_tables,
    ),
];

/// Checks every rule.
pub(crate) fn tidy(workspace: &Workspace) -> Result<Counts> {
    let tree = Tree::read(workspace)?;
    let mut counts = Counts::default();
    for (name, rule) in RULES {
        let findings = rule(workspace, &tree)?;
        eprintln!(
            "{} {name}",
            if findings.is_empty() {
                "ok    "
            } else {
                "FAILED"
            }
        );
        for finding in &findings {
            eprintln!("       {finding}");
        }
        counts += if findings.is_empty() {
            Counts::PASSED
        } else {
            Counts::FAILED
        };
    }
    Ok(counts)
}

#[cfg(test)]
pub(crate) fn tree(files: &[(&str, &str)]) -> Tree {
    let file = |&(path, text): &(&str, &str)| TextFile {
        path: path.into(),
        text: text.to_owned(),
    };
    let files: Vec<TextFile> = files.iter().map(file).collect();
    let paths = files.iter().map(|file| file.path.clone()).collect();
    Tree {
        files,
        paths,
        crates: Vec::new(),
    }
}

/// Findings as `file:line`, for comparing.
#[cfg(test)]
pub(crate) fn places(findings: &[Finding]) -> Vec<String> {
    findings
        .iter()
        .map(|found| format!("{}:{}", found.file.display(), found.line))
        .collect()
}
