//! What runs against a mutant, in the copy.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::copy::Copy;
use crate::binaries::SERVER_CRATES;
use crate::run::{Ending, Finished, run, run_until};
use crate::setup::Setup;
use crate::test::Chromium;

/// Worlds of the simulator.
const SEEDS: &str = "3000";

/// No build takes longer, not even the first.
const BUILD_LIMIT: Duration = Duration::from_secs(45 * 60);

/// The time that a suite may take besides a multiple of what it takes without a mutant: the machine may be busy.
const LIMIT_BESIDES: Duration = Duration::from_secs(60);
const LIMIT_TIMES: u32 = 4;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Suite {
    Protocol,
    Simulator,
    Remote,
    Client,
    ServerUnit,
    /// The server's tests that reach most of it.
    ServerCore,
    /// All tests over real sockets.
    Server,
    Chromium,
}

/// The end of a suite.
#[derive(Debug)]
pub(super) enum Ran {
    Passed {
        seconds: f64,
    },
    /// Something failed, in the words of the suite.
    Failed(String),
    TimedOut,
    NotCompiled(String),
}

impl Suite {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Protocol => "protocol",
            Self::Simulator => "simulator",
            Self::Remote => "remote",
            Self::Client => "client",
            Self::ServerUnit => "server-unit",
            Self::ServerCore => "server-core",
            Self::Server => "server",
            Self::Chromium => "chromium",
        }
    }

    /// Builds the suite and runs it; `baseline` is what it takes without a mutant, where that is known.
    pub(super) fn run(self, on: &Bench, baseline: Option<Duration>) -> Result<Ran> {
        let built = run(&mut self.build(on)?, BUILD_LIMIT)?;
        if !built.succeeded() {
            return Ok(Ran::NotCompiled(built.output));
        }
        let limit = baseline.map_or(BUILD_LIMIT, |time| LIMIT_BESIDES + time * LIMIT_TIMES);
        let begun = Instant::now();
        // A broken test may wait for half a minute, and so may all that follow it.
        let finished = run_until(&mut self.command(on)?, limit, has_failure)?;
        Ok(match &finished.ending {
            Ending::Success => Ran::Passed {
                seconds: begun.elapsed().as_secs_f64(),
            },
            Ending::TimedOut(_) => Ran::TimedOut,
            Ending::Failure(_) | Ending::Stopped => Ran::Failed(cause(&finished)),
        })
    }

    fn build(self, on: &Bench) -> Result<Command> {
        Ok(match self {
            Self::Simulator => {
                let mut cargo = on.cargo();
                cargo.args(["build", "--release", "-p", "twinwire-sim"]);
                cargo
            }
            Self::Chromium => {
                let mut tests = on.chromium()?.tests(&on.copy.workspace, on.setup)?;
                tests.arg("--no-run");
                tests
            }
            _ => {
                let mut tests = self.command(on)?;
                tests.arg("--no-run");
                tests
            }
        })
    }

    fn command(self, on: &Bench) -> Result<Command> {
        let test = |arguments: &[&str]| {
            let mut cargo = on.cargo();
            cargo.arg("test").args(arguments);
            cargo
        };
        // One choice of crates for all three: with another, cargo would compile what they depend on once more.
        let server = |arguments: &[&str]| test(&[&SERVER_CRATES[..], arguments].concat());
        Ok(match self {
            Self::Protocol => test(&["-p", "twinwire", "--lib"]),
            Self::Simulator => {
                let mut cargo = on.cargo();
                cargo.args(["run", "--quiet", "--release", "-p", "twinwire-sim"]);
                cargo.args(["--", "--seeds", SEEDS]);
                cargo
            }
            Self::Remote => test(&["-p", "twinwire-remote", "--lib"]),
            Self::Client => test(&["-p", "twinwire-client", "--lib", "--tests"]),
            Self::ServerUnit => server(&["--lib"]),
            Self::ServerCore => server(&CORE),
            Self::Server => server(&["--tests"]),
            Self::Chromium => on.chromium()?.tests(&on.copy.workspace, on.setup)?,
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

    fn cargo(&self) -> Command {
        self.copy.workspace.cargo()
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
