//! `conformance`: the cases of the Autobahn test suite against the plain endpoint.

use std::process::Command;
use std::time::Duration;

use anyhow::{Result, ensure};

use crate::binaries;
use crate::port_server::PortServer;
use crate::run::run;
use crate::setup::{Setup, step};
use crate::test::Counts;
use crate::workspace::Workspace;

const RUN_CASES: &str = include_str!("run_cases.py");

/// The number of cases in the whole suite.
const ALL_CASES: usize = 517;

/// Cases at once: most of their time is waiting.
const PARALLELISM: &str = "8";

/// The time for all cases.
const LIMIT: Duration = Duration::from_secs(10 * 60);

/// The sections that take no more than seconds: framing, control frames, fragments and closing.
const SMOKE: [&str; 6] = ["1.*", "2.*", "3.*", "4.*", "5.*", "7.*"];

/// Cases that ask for a text to be refused before its frame is whole, which is no duty (RFC 6455
/// §8.1) and which actix's frame parser can't do.
const LATE_REFUSALS: [&str; 2] = ["6.4.3", "6.4.4"];

/// The sections of compression, which the server doesn't offer.
const COMPRESSION: [&str; 2] = ["12.", "13."];

/// Runs the whole suite and says whether all is as it should be.
pub(crate) fn conformance(workspace: &Workspace, setup: &Setup) -> Result<bool> {
    step("plain_echo", || binaries::release_plain_echo(workspace))?;
    let (counts, cases) = run_cases(workspace, setup, "release", &[])?;
    ensure!(
        cases == ALL_CASES,
        "{cases} cases were run instead of {ALL_CASES}"
    );
    let Counts {
        passed,
        failed,
        skipped,
    } = counts;
    println!("{passed} cases passed, {failed} failed, {skipped} unimplemented (compression)");
    Ok(failed == 0)
}

/// Runs the quick sections against a debug build, which the other suites share.
pub(crate) fn smoke(workspace: &Workspace, setup: &Setup) -> Result<Counts> {
    step("programs for the tests", || {
        binaries::test_programs(workspace)
    })?;
    let (counts, _) = run_cases(workspace, setup, "debug", &SMOKE)?;
    Ok(counts)
}

/// Runs the cases that match, or all if there is no pattern; returns the outcomes and how many
/// cases there were.
fn run_cases(
    workspace: &Workspace,
    setup: &Setup,
    profile: &str,
    patterns: &[&str],
) -> Result<(Counts, usize)> {
    let python = setup.kosoku()?;
    let program = binaries::program(workspace, profile, "examples/plain_echo");
    let mut echo = Command::new(program);
    echo.args(["--port", "0", "--echo"]).env("RUST_LOG", "info");
    let server = PortServer::start(&mut echo)?;
    let url = format!("ws://127.0.0.1:{}", server.port()?);
    let mut cases = Command::new(python);
    cases
        .args(["-c", RUN_CASES, &url, PARALLELISM])
        .args(patterns);
    let finished = run(&mut cases, LIMIT);
    server.kill();
    let finished = finished?;
    finished.require("kosoku")?;
    judge(&finished.output)
}

/// Counts the outcomes, and names each that isn't as it should be.
fn judge(output: &str) -> Result<(Counts, usize)> {
    let (mut counts, mut cases) = (Counts::default(), 0);
    for line in output.lines() {
        let fields: Vec<&str> = line.split('\t').collect();
        let ["case", id, behavior, close] = fields[..] else {
            continue;
        };
        cases += 1;
        counts += match verdict(id, behavior, close) {
            Some(counts) => counts,
            None => {
                eprintln!("case {id}: {behavior}, its close {close}");
                Counts::FAILED
            }
        };
    }
    ensure!(cases > 0, "kosoku ran no case:\n{output}");
    Ok((counts, cases))
}

/// Returns the count of an outcome that is as it should be.
fn verdict(id: &str, behavior: &str, close: &str) -> Option<Counts> {
    if COMPRESSION.iter().any(|section| id.starts_with(section)) {
        return (behavior == "UNIMPLEMENTED").then_some(Counts::SKIPPED);
    }
    let behaves = match behavior {
        "OK" | "INFORMATIONAL" => true,
        "NON-STRICT" => LATE_REFUSALS.contains(&id),
        _ => false,
    };
    (behaves && matches!(close, "OK" | "INFORMATIONAL")).then_some(Counts::PASSED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_known_may_be_missing() {
        let check = |id, behavior, close, expect| {
            assert_eq!(verdict(id, behavior, close), expect, "{id}");
        };
        check("1.1.1", "OK", "OK", Some(Counts::PASSED));
        check(
            "7.1.6",
            "INFORMATIONAL",
            "INFORMATIONAL",
            Some(Counts::PASSED),
        );
        check("6.4.3", "NON-STRICT", "OK", Some(Counts::PASSED));
        check("12.1.1", "UNIMPLEMENTED", "OK", Some(Counts::SKIPPED));
        check("12.1.1", "FAILED", "OK", None);
        check("6.4.2", "NON-STRICT", "OK", None);
        check("2.11", "FAILED", "OK", None);
        check("7.7.1", "OK", "WRONG CODE", None);
        check("1.2.1", "UNIMPLEMENTED", "OK", None);
    }

    #[test]
    fn outcomes_are_read_from_among_other_lines() {
        let output = "a warning\ncase\t1.1.1\tOK\tOK\ncase\t2.11\tFAILED\tOK\n\
                      case\t12.1.1\tUNIMPLEMENTED\tOK\n";
        let mut expect = Counts::PASSED;
        expect += Counts::FAILED;
        expect += Counts::SKIPPED;
        assert_eq!(judge(output).unwrap(), (expect, 3));
        assert!(judge("Traceback\n").is_err());
    }
}
