//! Giving up a peer that keeps its connection and takes no part in it.

use std::time::Duration;

use thiserror::Error;
use tokio::task::yield_now;
use tokio::time::{Instant, sleep_until};

use super::link::Link;

/// The lateness from which on this process is taken to have stood still.
const STOOD_STILL: Duration = Duration::from_secs(1);

/// The shortest time that counts, so that none makes the watchdog spin.
const SHORTEST: Duration = Duration::from_millis(1);

/// The times after which an open connection is given up. [`Duration::MAX`] turns one off.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timeouts {
    /// The silence in either direction after which a ping goes out, and the time for its answer.
    pub(crate) heartbeat: Duration,
    /// The time for a message to come in whole, from its first byte.
    pub(crate) message: Duration,
    /// The time for some of what waits to be written.
    pub(crate) write: Duration,
}

/// The reason why a connection is given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(super) enum TimedOut {
    /// A message began and didn't end.
    #[error("a message did not come in whole in time")]
    Message,
    /// Not a byte came after a ping.
    #[error("a ping was not answered in time")]
    Heartbeat,
    /// The peer stopped reading.
    #[error("nothing of what was sent could be written in time")]
    Write,
}

/// The times of one connection's latest events.
#[derive(Clone, Copy, Debug)]
pub(super) struct Activity {
    /// The time of the latest byte from the peer.
    pub(super) received: Instant,
    /// The time of the first byte of the message that isn't whole yet, if there is one.
    pub(super) unfinished: Option<Instant>,
    /// The time at which bytes were last handed to the connection.
    pub(super) written: Instant,
    /// The time since which something waits and nothing was written, if something waits.
    pub(super) waiting: Option<Instant>,
}

impl Activity {
    pub(super) fn begin(now: Instant) -> Self {
        Self {
            received: now,
            unfinished: None,
            written: now,
            waiting: None,
        }
    }
}

/// The next thing to do for a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum WatchVerdict {
    /// Judge again at this time; never, if there is none.
    Wait(Option<Instant>),
    Ping,
    GiveUp(TimedOut),
}

/// Judges one connection by its activity, without a clock of its own.
struct Watchdog {
    timeouts: Timeouts,
    /// The time before which nothing counts against the peer.
    floor: Instant,
    /// The time of the latest ping; the beginning, if there was none.
    pinged: Instant,
    /// True while the latest ping has no answer.
    asked: bool,
}

impl Watchdog {
    fn new(timeouts: Timeouts, now: Instant) -> Self {
        let Timeouts {
            heartbeat,
            message,
            write,
        } = timeouts;
        Self {
            timeouts: Timeouts {
                heartbeat: heartbeat.max(SHORTEST),
                message: message.max(SHORTEST),
                write: write.max(SHORTEST),
            },
            floor: now,
            pinged: now,
            asked: false,
        }
    }

    /// Takes note of how late this process woke.
    ///
    /// A process that stood still, or a machine that slept, has kept the peer waiting and not the
    /// other way round: all times count anew.
    fn woke(&mut self, planned: Instant, now: Instant) {
        if now.saturating_duration_since(planned) > STOOD_STILL {
            self.floor = now;
        }
    }

    fn judge(&mut self, now: Instant, activity: &Activity) -> WatchVerdict {
        let deadline = |since: Instant, time| since.max(self.floor).checked_add(time);
        let due = |deadline: Option<Instant>| deadline.is_some_and(|deadline| now >= deadline);
        let Timeouts {
            heartbeat,
            message,
            write,
        } = self.timeouts;
        let whole = activity
            .unfinished
            .and_then(|since| deadline(since, message));
        if due(whole) {
            return WatchVerdict::GiveUp(TimedOut::Message);
        }
        let written = activity.waiting.and_then(|since| deadline(since, write));
        if due(written) {
            return WatchVerdict::GiveUp(TimedOut::Write);
        }
        let answered = self.asked && activity.received >= self.pinged;
        self.asked &= !answered;
        // A proxy between may count either direction, so the quieter one decides.
        let quiet = match self.asked {
            true => self.pinged,
            false => activity.received.min(activity.written).max(self.pinged),
        };
        let beat = deadline(quiet, heartbeat);
        match (due(beat), self.asked) {
            (true, true) => return WatchVerdict::GiveUp(TimedOut::Heartbeat),
            (true, false) => {
                (self.pinged, self.asked) = (now, true);
                return WatchVerdict::Ping;
            }
            (false, _) => {}
        }
        // Whatever begins after this look has its time from then on, which is the least to wait for.
        let look = now.checked_add(message.min(write));
        WatchVerdict::Wait([whole, written, beat, look].into_iter().flatten().min())
    }
}

/// Watches an open connection and pings its peer; returns when and why to give it up.
pub(super) async fn watch(link: &Link, timeouts: Timeouts) -> TimedOut {
    let mut watchdog = Watchdog::new(timeouts, Instant::now());
    loop {
        match watchdog.judge(Instant::now(), &link.activity()) {
            WatchVerdict::Wait(Some(until)) => {
                sleep_until(until).await;
                watchdog.woke(until, Instant::now());
                // Bytes before time: what has come may be on its way through actix's task and the
                // receiving half's, in this order.
                for _ in 0..3 {
                    yield_now().await;
                }
            }
            WatchVerdict::Wait(None) => std::future::pending().await,
            WatchVerdict::Ping => link.send_ping(),
            WatchVerdict::GiveUp(timed_out) => return timed_out,
        }
    }
}

#[cfg(test)]
mod tests;
