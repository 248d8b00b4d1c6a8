//! Programs that tests run as users do.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;

use crate::Log;

/// Returns the command of an example of the server's, built now: cargo builds examples beside tests only when no test
/// is named.
///
/// # Panics
///
/// If it can't be built.
#[must_use]
pub fn example(name: &str) -> Command {
    let test = std::env::current_exe().expect("the test's own path");
    let profile: PathBuf = test.ancestors().nth(2).expect("a target folder").into();
    let release = profile.ends_with("release").then_some("--release");
    let built = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--package", "twinwire-server"])
        .args(["--example", name])
        .args(release)
        .status();
    assert!(built.expect("cargo runs").success());
    Command::new(profile.join("examples").join(name))
}

/// A running program, and the lines that it prints; dropping it kills it.
#[derive(Debug)]
pub struct Running {
    child: Child,
    lines: Log<String>,
}

/// Stands after the last line.
const ENDED: &str = "(the end)";

impl Running {
    /// Starts a program.
    ///
    /// # Panics
    ///
    /// If it can't start.
    #[must_use]
    pub fn start(mut program: Command) -> Self {
        let started = program.stdout(Stdio::piped()).spawn();
        let mut child = started.expect("the program starts");
        let stdout = BufReader::new(child.stdout.take().expect("stdout is piped"));
        let lines = Log::default();
        let printed = lines.clone();
        thread::spawn(move || {
            let read = stdout.lines().map_while(Result::ok);
            read.for_each(|line| printed.push(line));
            printed.push(ENDED.to_owned());
        });
        Self { child, lines }
    }

    /// Waits for the first line that contains `part`.
    pub async fn line(&self, part: &str) -> String {
        let has = |line: &&String| line.contains(part);
        let is_there = |lines: &[String]| lines.iter().any(|line| has(&line));
        let lines = self.lines.wait(part, is_there).await;
        lines.iter().find(has).cloned().unwrap_or_default()
    }

    /// Sends a signal, by its name without `SIG`.
    ///
    /// # Panics
    ///
    /// If the system has no `kill`, or the process has ended.
    pub fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &id]).status();
        assert!(sent.expect("kill runs").success());
    }

    /// Waits until the process has ended. Returns its status and all that it printed.
    ///
    /// # Panics
    ///
    /// After 30 seconds.
    pub async fn ended(mut self) -> (ExitStatus, Vec<String>) {
        let has_ended = |lines: &[String]| lines.iter().any(|line| line == ENDED);
        let lines = self.lines.wait("the end", has_ended).await;
        (self.child.wait().expect("it has ended"), lines)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // One that has ended can't be killed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
