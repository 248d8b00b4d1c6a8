//! Running a command to its end: output captured, time bounded, nothing of it left behind.

use std::io::Read;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};
use std::{fs, io, process};

use anyhow::{Context, Result, bail};

/// Marks every process that a command starts, so that those it leaves behind can be found.
/// A process group would not do: Ctrl-C must still reach them all, and browsers leave groups.
const MARK: &str = "TWINWIRE_XTASK_RUN";

/// Waits for the end of its input, then ends each process whose mark begins with its argument.
const GUARD: &str = r#"
trap '' INT HUP
read -r line
signal=TERM
while found=$(grep -lzs "^$1" /proc/[0-9]*/environ); [ -n "$found" ]; do
    for environ in $found; do
        id=${environ%/environ}
        kill "-$signal" "${id#/proc/}"
    done
    sleep 1
    signal=KILL
done
"#;

/// Output beyond this many bytes is dropped from its front.
const OUTPUT_KEPT: usize = 16 << 20;

/// How long the output may stay open after the command itself has ended, before whoever holds it
/// is ended too; and how long a process gets to follow a polite request.
const GRACE: Duration = Duration::from_secs(3);

/// A command that came to its end.
#[derive(Debug)]
pub(crate) struct Finished {
    /// Both streams as they came.
    pub(crate) output: String,
    pub(crate) ending: Ending,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    Success,
    Failure(ExitStatus),
    TimedOut(Duration),
    /// Its output was enough.
    Stopped,
}

impl Finished {
    pub(crate) fn succeeded(&self) -> bool {
        self.ending == Ending::Success
    }

    /// Nothing when the command succeeded; else an error that holds its whole output.
    pub(crate) fn require(&self, what: &str) -> Result<()> {
        match &self.ending {
            Ending::Success => Ok(()),
            Ending::Stopped => bail!("{what} was stopped:\n{}", self.output),
            Ending::Failure(status) => bail!("{what} failed ({status}):\n{}", self.output),
            Ending::TimedOut(limit) => {
                bail!(
                    "{what} took more than {} s and was ended:\n{}",
                    limit.as_secs(),
                    self.output
                )
            }
        }
    }
}

/// Runs `command` without input, for `limit` at most.
pub(crate) fn run(command: &mut Command, limit: Duration) -> Result<Finished> {
    run_until(command, limit, |_| false)
}

/// [`run`], and ends the command as soon as `enough` says so of what it has printed.
pub(crate) fn run_until(
    command: &mut Command,
    limit: Duration,
    enough: impl Fn(&[u8]) -> bool,
) -> Result<Finished> {
    static GUARD: OnceLock<io::Result<ChildStdin>> = OnceLock::new();
    let name = command.get_program().to_string_lossy().into_owned();
    // Its input ends with this process, also when that is killed.
    if let Err(error) = GUARD.get_or_init(|| guard(&format!("{}-", process::id()))) {
        bail!("can't run sh, which ends what outlives xtask: {error}");
    }
    let mark = new_mark();
    let (reader, writer) = io::pipe().context("no pipe")?;
    let errors = writer.try_clone().context("no pipe")?;
    command
        .env(MARK, &mark)
        .stdin(Stdio::null())
        .stdout(writer)
        .stderr(errors);
    let mut child = command
        .spawn()
        .with_context(|| format!("can't run {name}"))?;
    // The command holds the pipe's writing end; as long as it lives, the reader sees no end.
    command.stdout(Stdio::null()).stderr(Stdio::null());

    let mut output = Output::of(reader);
    let ending = wait(&mut child, &mut output, limit, enough, &mark);
    let ending = ending.with_context(|| format!("lost sight of {name}"))?;
    let output = output.finish(&mark);
    Ok(Finished {
        output: String::from_utf8_lossy(&output).into_owned(),
        ending,
    })
}

/// Starts a program that ends the processes whose marks begin so, once its input has ended.
fn guard(marks: &str) -> io::Result<ChildStdin> {
    let mut guard = Command::new("sh");
    guard
        .args(["-c", GUARD, "sh", &format!("{MARK}={marks}")])
        .env_remove(MARK)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let input = guard.spawn()?.stdin.take();
    input.ok_or_else(|| io::ErrorKind::BrokenPipe.into())
}

fn new_mark() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    format!("{}-{}", process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

fn wait(
    child: &mut Child,
    output: &mut Output,
    limit: Duration,
    enough: impl Fn(&[u8]) -> bool,
    mark: &str,
) -> io::Result<Ending> {
    let deadline = Instant::now() + limit;
    let mut ending = Ending::TimedOut(limit);
    while Instant::now() < deadline {
        match child.try_wait()? {
            Some(status) if status.success() => return Ok(Ending::Success),
            Some(status) => return Ok(Ending::Failure(status)),
            None if output.take_for(Duration::from_millis(20)) && enough(&output.kept) => {
                ending = Ending::Stopped;
                break;
            }
            None => {}
        }
    }
    end_marked(mark);
    // Where there is no /proc to find the marked ones by, the command itself still ends here.
    child.kill()?;
    child.wait()?;
    Ok(ending)
}

/// What a command prints, read by a thread that ends with the pipe, or when nobody listens.
struct Output {
    chunks: Receiver<Vec<u8>>,
    kept: Vec<u8>,
}

impl Output {
    fn of(mut reader: io::PipeReader) -> Self {
        let (sender, chunks) = mpsc::sync_channel(64);
        thread::spawn(move || {
            let mut chunk = [0; 16 << 10];
            while let Ok(length @ 1..) = reader.read(&mut chunk) {
                if sender.send(chunk[..length].to_vec()).is_err() {
                    return;
                }
            }
        });
        Self {
            chunks,
            kept: Vec::new(),
        }
    }

    /// Takes one chunk, or lets the time pass. Returns true if there was one.
    fn take_for(&mut self, time: Duration) -> bool {
        match self.chunks.recv_timeout(time) {
            Ok(chunk) => {
                self.keep(&chunk);
                return true;
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => thread::sleep(time),
        }
        false
    }

    /// All of it. A process that outlives the command and holds its output is a left-over.
    fn finish(mut self, mark: &str) -> Vec<u8> {
        let mut ended = false;
        loop {
            match self.chunks.recv_timeout(GRACE) {
                Ok(chunk) => self.keep(&chunk),
                Err(RecvTimeoutError::Timeout) if !ended => {
                    end_marked(mark);
                    ended = true;
                }
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => break,
            }
        }
        self.kept
    }

    fn keep(&mut self, chunk: &[u8]) {
        self.kept.extend(chunk);
        if self.kept.len() > OUTPUT_KEPT {
            self.kept.drain(..OUTPUT_KEPT / 2);
        }
    }
}

/// Asks every marked process to end, and makes those end that don't.
fn end_marked(mark: &str) {
    let asked = Instant::now();
    signal("-TERM", &marked(mark));
    while !marked(mark).is_empty() && asked.elapsed() < GRACE {
        thread::sleep(Duration::from_millis(50));
    }
    signal("-KILL", &marked(mark));
}

fn signal(signal: &str, ids: &[String]) {
    if !ids.is_empty() {
        // One of them may have ended meanwhile; then kill complains, and all is well.
        let kill = Command::new("kill")
            .arg(signal)
            .args(ids)
            .stderr(Stdio::null())
            .status();
        drop(kill);
    }
}

/// The ids of living processes that carry the mark.
fn marked(mark: &str) -> Vec<String> {
    let wanted = format!("{MARK}={mark}");
    let Ok(processes) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    let ids = processes
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned());
    ids.filter(|id| {
        let environment = fs::read(format!("/proc/{id}/environ")).unwrap_or_default();
        environment
            .split(|&byte| byte == 0)
            .any(|variable| variable == wanted.as_bytes())
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    fn shell(script: &str) -> Command {
        let mut shell = Command::new("sh");
        shell.args(["-c", script]);
        shell
    }

    #[test]
    fn both_streams_come_in_their_order() {
        let finished = run(&mut shell("echo one; echo two >&2; echo three"), LONG).unwrap();
        assert!(finished.succeeded());
        assert_eq!(finished.output, "one\ntwo\nthree\n");
    }

    #[test]
    fn a_failure_shows_the_whole_output() {
        let finished = run(&mut shell("echo why; exit 4"), LONG).unwrap();
        let error = finished.require("the thing").unwrap_err().to_string();
        assert!(
            error.contains("the thing failed") && error.contains("why"),
            "{error}"
        );
    }

    #[test]
    fn a_command_over_its_limit_is_ended_with_all_it_started() {
        let mut hang = shell("echo begun; sleep 600 & sleep 600; true");
        let finished = run(&mut hang, Duration::from_millis(200)).unwrap();
        assert_eq!(
            finished.ending,
            Ending::TimedOut(Duration::from_millis(200))
        );
        assert_eq!(finished.output, "begun\n");
    }

    #[test]
    fn a_command_that_has_said_enough_is_ended() {
        let mut hang = shell("echo begun; sleep 600");
        let enough = |output: &[u8]| output.ends_with(b"begun\n");
        let finished = run_until(&mut hang, LONG, enough).unwrap();
        assert_eq!(finished.ending, Ending::Stopped);
    }

    #[test]
    fn a_left_over_that_holds_the_output_is_ended() {
        let finished = run(&mut shell("sleep 600 & echo $!"), LONG).unwrap();
        assert!(finished.succeeded());
        let id = finished.output.trim();
        let state = || fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
        let is_there = |state: &str| !(state.is_empty() || state.contains(") Z "));
        // A process that was told to end has lost its memory, and with it the mark, before it is gone.
        let asked = Instant::now();
        while is_there(&state()) {
            assert!(asked.elapsed() < GRACE, "still there: {}", state());
            thread::yield_now();
        }
    }

    #[test]
    fn what_outlives_its_xtask_is_ended() {
        let mut left = Command::new("sleep");
        let mut left = left.arg("60").env(MARK, "guarded-1").spawn().unwrap();
        drop(guard("guarded-").unwrap());
        let status = left.wait().unwrap();
        assert_eq!(status.code(), None, "it came to its end: {status}");
    }

    #[test]
    fn an_unknown_program_is_named() {
        let error = run(&mut Command::new("no-such-program"), LONG).unwrap_err();
        assert_eq!(error.to_string(), "can't run no-such-program");
    }
}
