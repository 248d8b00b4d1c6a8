//! A program of ours that serves until its input closes, and says on which ports.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// How long the first port may take.
const READY: Duration = Duration::from_secs(20);

/// Further ports follow the first at once; after this silence there are none.
const SILENCE: Duration = Duration::from_millis(500);

/// How long the program may take to end by itself.
const ENDING: Duration = Duration::from_secs(5);

/// A running server for tests. Dropping it ends the program.
pub(crate) struct PortServer {
    child: Child,
    input: Option<ChildStdin>,
    /// Names and ports, as printed: `port 40123`.
    pub(crate) ports: Vec<(String, u16)>,
}

impl PortServer {
    /// Starts `command` and waits for its ports.
    pub(crate) fn start(command: &mut Command) -> Result<Self> {
        let name = command.get_program().to_string_lossy().into_owned();
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("can't run {name}"))?;
        let input = child.stdin.take();
        let output = child.stdout.take().context("no output")?;
        let mut server = Self {
            child,
            input,
            ports: Vec::new(),
        };
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                // Nobody listens once the ports are known; reading on keeps the pipe from filling.
                drop(sender.send(line));
            }
        });
        server.ports = read_ports(&lines);
        if server.ports.is_empty() {
            bail!("{name} named no port within {} s", READY.as_secs());
        }
        Ok(server)
    }
}

impl PortServer {
    /// Returns the first port.
    pub(crate) fn port(&self) -> Result<u16> {
        let first = self.ports.first().map(|(_, port)| *port);
        first.context("no port")
    }

    /// Ends a program that doesn't look at its input.
    pub(crate) fn kill(mut self) {
        // One that is gone already can't be killed.
        drop(self.child.kill());
    }
}

/// Returns the variable by which tests are told a port. `port` is the first and plain one: TWINWIRE_TEST_PORT. Others
/// carry their name.
pub(crate) fn variable(name: &str) -> String {
    match name {
        "port" => "TWINWIRE_TEST_PORT".to_owned(),
        _ => format!("TWINWIRE_TEST_{}_PORT", name.to_uppercase()),
    }
}

fn read_ports(lines: &Receiver<String>) -> Vec<(String, u16)> {
    let mut ports = Vec::new();
    let mut deadline = Instant::now() + READY;
    while let Ok(line) = lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
        if let Some(port) = parse(&line) {
            ports.push(port);
            deadline = Instant::now() + SILENCE;
        }
    }
    ports
}

/// Reads a line `name 4001`, or one of a log that ends in an address, whose name is `port`.
fn parse(line: &str) -> Option<(String, u16)> {
    if let Some((_, address)) = line.split_once("listening on ws://") {
        let port = address.rsplit(':').next()?;
        return Some(("port".to_owned(), port.parse().ok()?));
    }
    let (name, port) = line.split_once(' ')?;
    let plain = !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    plain.then_some((name.to_owned(), port.parse().ok()?))
}

impl Drop for PortServer {
    fn drop(&mut self) {
        drop(self.input.take());
        let deadline = Instant::now() + ENDING;
        while Instant::now() < deadline {
            match self.child.try_wait() {
                Ok(None) => thread::sleep(Duration::from_millis(20)),
                Ok(Some(_)) | Err(_) => return,
            }
        }
        // It ignores the end of its input; a process that is gone already can't be killed.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut shell = Command::new("sh");
        shell.args(["-c", script]);
        shell
    }

    #[test]
    fn every_named_port_is_known() {
        let server = PortServer::start(&mut shell("echo port 4001; echo wire 4002; cat")).unwrap();
        assert_eq!(
            server.ports,
            [("port".to_owned(), 4001), ("wire".to_owned(), 4002)]
        );
    }

    #[test]
    fn ports_are_told_by_variables_named_after_them() {
        assert_eq!(variable("port"), "TWINWIRE_TEST_PORT");
        assert_eq!(variable("wire"), "TWINWIRE_TEST_WIRE_PORT");
    }

    #[test]
    fn lines_that_name_no_port_are_passed_over() {
        for line in [
            "",
            "port",
            "port x",
            "port 70000",
            "Port 1",
            "listening on 4000",
            " 5",
        ] {
            assert_eq!(parse(line), None, "{line}");
        }
        assert_eq!(parse("port 1"), Some(("port".to_owned(), 1)));
        let logged = "2026-11-30 INFO echo: listening on ws://localhost:4001";
        assert_eq!(parse(logged), Some(("port".to_owned(), 4001)));
    }

    #[test]
    fn a_program_that_ends_without_a_port_is_an_error() {
        assert!(PortServer::start(&mut shell("exit 1")).is_err());
    }

    #[test]
    fn dropping_it_ends_the_program() {
        let server = PortServer::start(&mut shell("echo port 1; cat")).unwrap();
        let id = server.child.id();
        drop(server);
        assert!(!std::path::Path::new(&format!("/proc/{id}")).exists());
    }
}
