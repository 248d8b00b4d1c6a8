//! What runs against a mutant, in the copy.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::Result;
use serde_json::Value;

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

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Suite {
    Protocol,
    Simulator,
    Worlds,
    /// Worlds in which the sockets are those that ship.
    WorldsOfBytes,
    Remote,
    Client,
    ServerUnit,
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
    /// The time of each program.
    Passed(Vec<Duration>),
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
        let released = |name, arguments: &[&'static str]| Program {
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
            Self::Chromium => Vec::new(),
            _ => {
                let lines = built.output.lines();
                let mut programs: Vec<Program> = lines.filter_map(Program::of_test).collect();
                // What is fresh, cargo tells in an order of its own.
                programs.sort();
                programs
            }
        }))
    }

    /// Runs the suite's programs until something fails; `baseline` is what each takes without a mutant, where that is known.
    pub(super) fn run(
        self,
        on: &Bench,
        programs: &[Program],
        mutant: Option<usize>,
        baseline: &[Duration],
    ) -> Result<Ran> {
        let mut commands: Vec<Command> = programs.iter().map(Program::command).collect();
        if self == Self::Chromium {
            commands.push(on.chromium()?.tests(&on.copy.workspace, on.setup)?);
        }
        let mut times = Vec::new();
        for (place, command) in commands.iter_mut().enumerate() {
            if let Some(mutant) = mutant {
                command.env(schema::VARIABLE, mutant.to_string());
            }
            let known = baseline.get(place);
            let limit = known.map_or(BUILD_LIMIT, |time| self.spare() + *time * LIMIT_TIMES);
            let begun = Instant::now();
            // A broken test may wait for half a minute, and so may all that follow it.
            let finished = run_until(command, limit, has_failure)?;
            match &finished.ending {
                Ending::Success => times.push(begun.elapsed()),
                Ending::TimedOut(_) => return Ok(Ran::TimedOut),
                Ending::Failure(_) | Ending::Stopped => return Ok(Ran::Failed(cause(&finished))),
            }
        }
        Ok(Ran::Passed(times))
    }

    /// Returns the time that a program may take besides: little where nothing waits for a socket.
    fn spare(self) -> Duration {
        Duration::from_secs(match self {
            Self::ServerCore | Self::WebsocketCore | Self::Server | Self::Chromium => 30,
            _ => 10,
        })
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

const CORE: [&str; 12] = [
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
pub(super) struct Program {
    file: PathBuf,
    arguments: Vec<&'static str>,
    folder: PathBuf,
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
        Some(Self {
            file: line["executable"].as_str()?.into(),
            arguments: Vec::new(),
            folder: folder.to_owned(),
        })
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.file);
        command.args(&self.arguments).current_dir(&self.folder);
        command
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
        assert_eq!(program.folder, Path::new("/copy/server"));
        assert_eq!(Program::of_test(&line.replace("true", "false")), None);
        assert_eq!(Program::of_test("   Compiling twinwire"), None);
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
