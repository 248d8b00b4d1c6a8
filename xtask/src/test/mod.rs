//! `test`: the suites one after another, and one table at the end.

mod cargo_suites;
mod clients;
mod counts;
mod npm;
mod npm_package;
mod package;
mod report;
mod stories;
mod wasm;

use std::ffi::OsStr;
use std::io::{self, Write};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};
use std::{env, iter};

use anyhow::Result;

use crate::conformance;
use crate::run::run;
use crate::setup::{CHROMIUM, FIREFOX, Missing, Program, Setup};
use crate::tidy;
use crate::workspace::Workspace;
pub(crate) use counts::Counts;
use report::{Report, Row};
pub(crate) use wasm::Chromium;

/// No command of a suite may take longer, so that nothing hangs for good.
const LIMIT: Duration = Duration::from_secs(15 * 60);

/// A part of the tests that can be run alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Suite {
    Fmt,
    Lint,
    Doc,
    Unit,
    Vectors,
    Sim,
    Server,
    Conformance,
    Clients,
    Wasm,
    Stories,
    Package,
    Npm,
    NpmPackage,
    Tidy,
}

impl Suite {
    /// In the order of a full run: quick ones that fail often come first.
    pub(crate) const ALL: [Self; 15] = [
        Self::Fmt,
        Self::Lint,
        Self::Doc,
        Self::Unit,
        Self::Vectors,
        Self::Sim,
        Self::Server,
        Self::Conformance,
        Self::Clients,
        Self::Wasm,
        Self::Stories,
        Self::Package,
        Self::Npm,
        Self::NpmPackage,
        Self::Tidy,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Fmt => "fmt",
            Self::Lint => "lint",
            Self::Doc => "doc",
            Self::Unit => "unit",
            Self::Vectors => "vectors",
            Self::Sim => "sim",
            Self::Server => "server",
            Self::Conformance => "conformance",
            Self::Clients => "clients",
            Self::Wasm => "wasm",
            Self::Stories => "stories",
            Self::Package => "package",
            Self::Npm => "npm",
            Self::NpmPackage => "npm-package",
            Self::Tidy => "tidy",
        }
    }

    fn run(self, bench: &Bench) -> Vec<Row> {
        match self {
            Self::Fmt => vec![bench.row(self.name(), || cargo_suites::fmt(bench))],
            Self::Lint => vec![bench.row(self.name(), || cargo_suites::lint(bench))],
            Self::Doc => vec![bench.row(self.name(), || cargo_suites::doc(bench))],
            Self::Unit => vec![bench.row(self.name(), || cargo_suites::unit(bench))],
            Self::Vectors => vec![bench.row(self.name(), || cargo_suites::vectors(bench))],
            Self::Sim => vec![bench.row(self.name(), || cargo_suites::sim(bench))],
            Self::Server => vec![bench.row(self.name(), || cargo_suites::server(bench))],
            Self::Conformance => vec![conformance_row(bench)],
            Self::Clients => vec![clients::run(bench)],
            Self::Wasm => wasm::run(bench),
            Self::Stories => vec![stories::run(bench)],
            Self::Package => package::run(bench),
            Self::Npm => vec![npm::run(bench)],
            Self::NpmPackage => vec![npm_package::run(bench)],
            Self::Tidy => vec![bench.row(self.name(), || tidy::tidy(bench.workspace))],
        }
    }

    /// The system's programs that the suite can't do without.
    fn programs(self) -> Vec<&'static Program> {
        match self {
            Self::Clients => clients::programs(),
            Self::Wasm => wasm::programs(),
            Self::Stories | Self::Package | Self::Npm => vec![&CHROMIUM],
            Self::NpmPackage => vec![&CHROMIUM, &FIREFOX],
            Self::Fmt
            | Self::Lint
            | Self::Doc
            | Self::Unit
            | Self::Vectors
            | Self::Sim
            | Self::Server
            | Self::Conformance
            | Self::Tidy => Vec::new(),
        }
    }
}

/// Runs `suites` and says whether all went well.
pub(crate) fn test(workspace: &Workspace, setup: &Setup, suites: &[Suite]) -> Result<bool> {
    let bench = Bench { workspace, setup };
    tell_missing_programs(suites);
    let mut report = Report::default();
    for suite in suites {
        report.rows.extend(suite.run(&bench));
    }
    println!("\n{}\n{}", report.table(), report.summary());
    let ci = env::var_os("CI").is_some_and(|value| !value.is_empty());
    Ok(report.is_good(ci))
}

/// Runs the quick sections of the Autobahn test suite, if the program that drives them can be had.
fn conformance_row(bench: &Bench) -> Row {
    let mut note = None;
    let mut row = bench.row(Suite::Conformance.name(), || {
        if let Err(missing) = bench.setup.kosoku() {
            note = Some(format!("skipped, {missing:#}"));
            return Ok(Counts::SKIPPED);
        }
        conformance::smoke(bench.workspace, bench.setup)
    });
    row.note = note;
    row
}

/// Runs the browsers' bench and says whether it ran everywhere.
pub(crate) fn bench(workspace: &Workspace, setup: &Setup) -> Result<bool> {
    wasm::bench(&Bench { workspace, setup })
}

/// Tells the one line to run, for all suites at once; each suite would only name its own programs.
fn tell_missing_programs(suites: &[Suite]) {
    let programs: Vec<_> = suites.iter().flat_map(|suite| suite.programs()).collect();
    if let Some(missing) = Missing::of(&programs)
        && !missing.can_install()
    {
        eprintln!("{missing}");
    }
}

/// The means on which the suites run.
struct Bench<'a> {
    workspace: &'a Workspace,
    setup: &'a Setup<'a>,
}

/// How a command's tests are counted.
type Count = fn(&str) -> Counts;

impl Bench<'_> {
    /// Runs one suite, or one browser of it; an error counts as one failure.
    fn row(&self, name: &str, work: impl FnOnce() -> Result<Counts>) -> Row {
        eprintln!("\n== {name}");
        let (begun, setup_before) = (Instant::now(), self.setup.spent());
        let counts = work().unwrap_or_else(|error| {
            eprintln!("{error:#}");
            Counts::FAILED
        });
        let setup = self.setup.spent() - setup_before;
        let time = begun.elapsed().saturating_sub(setup);
        Row {
            name: name.to_owned(),
            counts,
            time,
            setup,
            note: None,
        }
    }

    /// Runs a command that is one test: it succeeds or it fails.
    fn check(&self, command: &mut Command) -> Result<Counts> {
        self.counted(command, LIMIT, |_| Counts::default())
            .map(|counts| match counts.failed {
                0 => Counts::PASSED,
                1.. => Counts::FAILED,
            })
    }

    /// Runs a command and counts its tests: a line when it succeeds, all it printed when it fails.
    fn counted(&self, command: &mut Command, limit: Duration, count: Count) -> Result<Counts> {
        self.told(command, limit, count).map(|(counts, _)| counts)
    }

    /// [`counted`](Self::counted), with what the command printed.
    fn told(
        &self,
        command: &mut Command,
        limit: Duration,
        count: Count,
    ) -> Result<(Counts, String)> {
        let shown = shown(command);
        eprint!("{shown} ");
        drop(io::stderr().flush());
        let begun = Instant::now();
        let finished = run(command, limit)?;
        let mut counts = count(&finished.output);
        match finished.require("it") {
            Ok(()) => {
                eprintln!(" {:.1} s", begun.elapsed().as_secs_f64());
                figures(&finished.output).for_each(|line| eprintln!("{line}"));
            }
            Err(failure) => {
                eprintln!("\n{failure}");
                // A program that didn't compile, crashed or hung has counted nothing.
                counts.failed = counts.failed.max(1);
            }
        }
        Ok((counts, finished.output))
    }
}

/// The lines in which tests tell how much they did.
fn figures(output: &str) -> impl Iterator<Item = &str> {
    let lines = output.lines().map(str::trim);
    lines.filter(|line| line.starts_with("figures: "))
}

/// The command as it would be typed.
fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program())
        .file_name()
        .unwrap_or_default();
    let words = iter::once(program).chain(command.get_args());
    let words: Vec<_> = words.map(OsStr::to_string_lossy).collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_shown_as_typed() {
        assert_eq!(
            shown(Command::new("/bin/cargo").args(["fmt", "--all"])),
            "cargo fmt --all"
        );
    }

    #[test]
    fn suites_have_names_of_their_own() {
        let mut names = Suite::ALL.map(Suite::name).to_vec();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Suite::ALL.len());
    }
}
