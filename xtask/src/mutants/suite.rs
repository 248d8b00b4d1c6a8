//! What runs against a mutant, in the copy.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::Result;
use serde_json::Value;

use super::baseline::{self, Baseline};
use super::copy::Copy;
use super::schema;
use crate::binaries::{SERVER_CRATES, program};
use crate::run::{Ending, Finished, run, run_until};
use crate::setup::Setup;
use crate::test::Chromium;

/// Worlds of the simulator, and of the shells.
const SIMULATOR_SEEDS: &str = "1500";
const WORLDS_SEEDS: &str = "300";
const BYTES_SEEDS: &str = "200";
const PLAIN_SEEDS: &str = "1000";

/// No build takes longer, not even the first.
const BUILD_LIMIT: Duration = Duration::from_secs(45 * 60);

/// The time that a program of a suite may take, as a multiple of what it takes without a mutant: the machine may be busy.
const LIMIT_TIMES: u32 = 4;

/// The cheapest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Suite {
    Protocol,
    Remote,
    Client,
    ServerUnit,
    Simulator,
    Worlds,
    /// Worlds in which the sockets are those that ship.
    WorldsOfBytes,
    /// The server's tests that reach most of it.
    ServerCore,
    /// Those that reach most of the socket.
    WebsocketCore,
    /// All tests over real sockets.
    Server,
    Chromium,
}

/// The end of a suite.
#[derive(Debug)]
pub(super) enum Ran {
    Passed,
    /// Something failed, in the words of the suite.
    Failed(String),
    TimedOut,
}

impl Suite {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Protocol => "protocol",
            Self::Simulator => "simulator",
            Self::Worlds => "worlds",
            Self::WorldsOfBytes => "worlds-of-bytes",
            Self::Remote => "remote",
            Self::Client => "client",
            Self::ServerUnit => "server-unit",
            Self::ServerCore => "server-core",
            Self::WebsocketCore => "websocket-core",
            Self::Server => "server",
            Self::Chromium => "chromium",
        }
    }

    /// Builds the suite's programs. Gives the compiler's words if they don't compile.
    pub(super) fn build(self, on: &Bench) -> Result<Result<Vec<Program>, String>> {
        let built = run(&mut self.cargo(on)?, BUILD_LIMIT)?;
        if !built.succeeded() {
            return Ok(Err(built.output));
        }
        let released = |name, arguments: &[&'static str]| Program::File {
            file: program(&on.copy.workspace, "release", name),
            arguments: arguments.to_vec(),
            folder: on.copy.workspace.root().to_owned(),
        };
        Ok(Ok(match self {
            Self::Simulator => vec![released("twinwire-sim", &["--seeds", SIMULATOR_SEEDS])],
            Self::Worlds => vec![released("twinwire-worlds", &["--seeds", WORLDS_SEEDS])],
            Self::WorldsOfBytes => vec![
                released("twinwire-worlds", &["--bytes", "--seeds", BYTES_SEEDS]),
                released("twinwire-worlds", &["--plain", "--seeds", PLAIN_SEEDS]),
            ],
            Self::Chromium => vec![Program::Pages],
            _ => {
                let lines = built.output.lines();
                let mut programs: Vec<Program> = lines.filter_map(Program::of_test).collect();
                // What is fresh, cargo tells in an order of its own.
                programs.sort();
                programs
            }
        }))
    }

    /// Runs the suite's programs without a mutant. Returns the account of each, or how they failed.
    pub(super) fn measure(
        self,
        on: &Bench,
        programs: &[Program],
    ) -> Result<Result<Vec<Baseline>, Ran>> {
        let reached = on.copy.workspace.target_dir().join("reached");
        let mut baseline = Vec::new();
        for program in programs {
            fs::write(&reached, "")?;
            let mut command = program.command(on)?;
            command.env(schema::REACHED, &reached);
            let mut begun = Instant::now();
            let mut failed = run_to_end(&mut command, BUILD_LIMIT)?;
            if failed.is_some() && self.has_sockets() {
                begun = Instant::now();
                failed = run_to_end(&mut command, BUILD_LIMIT)?;
            }
            match failed {
                // The machine has too much to do for it: better none of its verdicts than wrong ones.
                Some(failed) if self == Self::Server => {
                    println!("without a mutant, {program:?} fails, and is left out: {failed:?}");
                    baseline.push(Baseline::failed());
                    continue;
                }
                Some(failed) => return Ok(Err(failed)),
                None => {}
            }
            baseline.push(Baseline::new(
                begun.elapsed(),
                &fs::read_to_string(&reached)?,
            ));
        }
        Ok(Ok(baseline))
    }

    /// Returns the programs that run against a mutant, each with its limit, the quickest first. One that doesn't reach the mutant
    /// isn't among them.
    pub(super) fn commands(
        self,
        on: &Bench,
        programs: &[Program],
        mutant: Option<usize>,
        baseline: &[Baseline],
    ) -> Result<Vec<(Command, Duration)>> {
        let command = |(program, baseline): (&Program, &Baseline)| {
            let mut command = program.command(on)?;
            if let Some(mutant) = mutant {
                command.env(schema::VARIABLE, mutant.to_string());
            }
            Ok((command, self.spare() + baseline.time * LIMIT_TIMES))
        };
        let programs = baseline::in_order(programs, baseline, mutant).into_iter();
        programs.map(command).collect()
    }

    /// Runs programs until something fails.
    pub(super) fn run(self, commands: Vec<(Command, Duration)>) -> Result<Ran> {
        for (mut command, limit) in commands {
            let Some(failed) = run_to_end(&mut command, limit)? else {
                continue;
            };
            // A busy machine may be to blame, but hardly twice, and not if all is well right after without the mutant.
            let is_busy = self.has_sockets()
                && (run_to_end(&mut command, limit)?.is_none()
                    || without_mutant(&mut command) && run_to_end(&mut command, limit)?.is_some());
            if !is_busy {
                return Ok(failed);
            }
        }
        Ok(Ran::Passed)
    }

    /// Returns the time that a program may take besides: little where nothing waits for a socket.
    fn spare(self) -> Duration {
        Duration::from_secs(if self.has_sockets() { 30 } else { 10 })
    }

    /// Returns how many mutants meet the suite at a time: more where programs mostly wait.
    pub(super) fn at_once(self) -> usize {
        if self.has_sockets() { 4 } else { 1 }
    }

    fn has_sockets(self) -> bool {
        matches!(
            self,
            Self::ServerCore | Self::WebsocketCore | Self::Server | Self::Chromium
        )
    }

    fn cargo(self, on: &Bench) -> Result<Command> {
        let test = |arguments: &[&str]| {
            let mut cargo = on.copy.workspace.cargo();
            cargo.arg("test").args(arguments);
            cargo.args(["--no-run", "--message-format=json-render-diagnostics"]);
            cargo
        };
        // One choice of crates for all: with another, cargo would compile what they depend on once more.
        let server = |arguments: &[&str]| test(&[&SERVER_CRATES[..], arguments].concat());
        Ok(match self {
            Self::Protocol => test(&["-p", "twinwire", "--lib"]),
            Self::Simulator | Self::Worlds | Self::WorldsOfBytes => {
                let mut cargo = on.copy.workspace.cargo();
                cargo.args([
                    "build",
                    "--release",
                    "-p",
                    "twinwire-sim",
                    "-p",
                    "twinwire-worlds",
                ]);
                cargo
            }
            Self::Remote => test(&["-p", "twinwire-remote", "--lib"]),
            Self::Client => test(&["-p", "twinwire-client", "--lib", "--tests"]),
            Self::ServerUnit => server(&["--lib"]),
            Self::ServerCore => server(&CORE),
            Self::WebsocketCore => server(&WEBSOCKET_CORE),
            Self::Server => server(&["--tests"]),
            Self::Chromium => {
                let mut tests = on.chromium()?.tests(&on.copy.workspace, on.setup)?;
                tests.arg("--no-run");
                tests
            }
        })
    }
}

const CORE: [&str; 16] = [
    "--test",
    "counters",
    "--test",
    "untyped",
    "--test",
    "pair",
    "--test",
    "typed_calls",
    "--test",
    "typed_requests",
    "--test",
    "coming_back",
    "--test",
    "rooms",
    "--test",
    "plain_messages",
];

const WEBSOCKET_CORE: [&str; 8] = [
    "--test",
    "plain_messages",
    "--test",
    "plain_handshake",
    "--test",
    "plain_endings",
    "--test",
    "handshakes",
];

/// A built program of a suite.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Program {
    File {
        file: PathBuf,
        arguments: Vec<&'static str>,
        folder: PathBuf,
    },
    /// All that runs in pages.
    Pages,
}

impl Program {
    /// Reads a line of cargo's messages, which names what it has built.
    fn of_test(line: &str) -> Option<Self> {
        let line: Value = serde_json::from_str(line).ok()?;
        if line["profile"]["test"] != true {
            return None;
        }
        // Where cargo would run it.
        let folder = Path::new(line["manifest_path"].as_str()?).parent()?;
        Some(Self::File {
            file: line["executable"].as_str()?.into(),
            arguments: Vec::new(),
            folder: folder.to_owned(),
        })
    }

    fn command(&self, on: &Bench) -> Result<Command> {
        match self {
            Self::File {
                file,
                arguments,
                folder,
            } => {
                let mut command = Command::new(file);
                command.args(arguments).current_dir(folder);
                Ok(command)
            }
            Self::Pages => on.chromium()?.tests(&on.copy.workspace, on.setup),
        }
    }
}

/// The means on which the suites run.
pub(super) struct Bench<'a> {
    pub(super) setup: &'a Setup<'a>,
    pub(super) copy: &'a Copy,
    /// The servers that pages of the tests talk to, built without a mutant.
    pub(super) chromium: Option<Chromium>,
}

impl Bench<'_> {
    fn chromium(&self) -> Result<&Chromium> {
        let chromium = self.chromium.as_ref();
        chromium.ok_or_else(|| anyhow::anyhow!("no browser was set up for this stratum"))
    }
}

/// Has a command activate no mutant. Returns false if it activates none anyway: what is built alone has its mutant for good.
fn without_mutant(command: &mut Command) -> bool {
    let has_mutant = command.get_envs().any(|(name, _)| name == schema::VARIABLE);
    command.env_remove(schema::VARIABLE);
    has_mutant
}

/// Runs a program until something fails. Returns how it failed.
fn run_to_end(command: &mut Command, limit: Duration) -> Result<Option<Ran>> {
    // A broken test may wait for half a minute, and so may all that follow it.
    let finished = run_until(command, limit, has_failure)?;
    Ok(match &finished.ending {
        Ending::Success => None,
        Ending::TimedOut(_) => Some(Ran::TimedOut),
        Ending::Failure(_) | Ending::Stopped => Some(Ran::Failed(cause(&finished))),
    })
}

/// libtest tells a failure as it happens, and so does the runner in a browser.
fn has_failure(output: &[u8]) -> bool {
    String::from_utf8_lossy(output).lines().any(is_failure)
}

fn is_failure(line: &str) -> bool {
    let told = line.trim_end();
    told.starts_with("test ") && (told.ends_with(" FAILED") || told.ends_with(" FAIL"))
}

/// The first line that tells of a failure, else the last one of all.
fn cause(finished: &Finished) -> String {
    let mut lines = finished
        .output
        .lines()
        .filter(|line| !line.trim().is_empty());
    let failure = lines.clone().find(|line| is_failure(line));
    let cause = failure.or_else(|| lines.next_back());
    cause.unwrap_or_default().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_seen_while_tests_still_run() {
        assert!(has_failure(b"running 2 tests\ntest a::b ... FAILED\n"));
        assert!(has_failure(b"test a ... FAIL\n"));
        assert!(!has_failure(b"test a_test_of_FAILED ... ok\n"));
        assert!(!has_failure(b"test result: ok. 3 passed; 0 failed\n"));
    }

    #[test]
    fn tests_run_in_the_folders_of_their_crates() {
        let line = r#"{"manifest_path":"/copy/server/Cargo.toml","profile":{"test":true},"executable":"/t/pair-1"}"#;
        let program = Program::of_test(line).unwrap();
        let folder = Path::new("/copy/server");
        assert!(matches!(program, Program::File { folder: found, .. } if found == folder));
        assert_eq!(Program::of_test(&line.replace("true", "false")), None);
        assert_eq!(Program::of_test("   Compiling twinwire"), None);
    }

    #[test]
    fn what_is_built_with_a_mutant_for_good_has_no_run_without() {
        let mut command = Command::new("test");
        assert!(!without_mutant(&mut command));
        command.env(schema::VARIABLE, "7");
        assert!(without_mutant(&mut command));
        let variables = command.get_envs().collect::<Vec<_>>();
        assert!(variables.iter().all(|(_, value)| value.is_none()));
    }

    #[test]
    fn the_cause_is_the_test_that_failed() {
        let finished = |output: &str| Finished {
            output: output.to_owned(),
            ending: Ending::Stopped,
        };
        let tests = finished("test a ... ok\ntest b ... FAILED\ntest c ... ok\n");
        assert_eq!(cause(&tests), "test b ... FAILED");
        assert_eq!(cause(&finished("seed 7: lost\n\n")), "seed 7: lost");
    }
}
