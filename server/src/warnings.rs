//! A bound on how often the log is told of what strangers do: they decide how often they come.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The lines that may be written at once.
const BURST: u32 = 8;

/// The time after which another line may be written.
const INTERVAL: Duration = Duration::from_secs(10);

/// The bound of one warning, shared by all workers.
///
/// Behind a mutex; it is held while a line is counted, never across an await.
#[derive(Debug)]
pub(crate) struct Warnings(Mutex<Bucket>);

impl Warnings {
    pub(crate) const fn new() -> Self {
        Self(Mutex::new(Bucket {
            spent: 0,
            since: None,
            suppressed: 0,
        }))
    }

    /// Returns the number of warnings that no line told of since the last one, if a line may be written now.
    pub(crate) fn admit(&self) -> Option<u64> {
        let mut bucket = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        bucket.admit(Instant::now())
    }
}

/// A token bucket of lines.
#[derive(Debug)]
struct Bucket {
    /// The lines written and not yet made up for by time.
    spent: u32,
    /// The time up to which `spent` was reduced; `None` while nothing is spent.
    since: Option<Instant>,
    /// The warnings since the last line.
    suppressed: u64,
}

impl Bucket {
    fn admit(&mut self, now: Instant) -> Option<u64> {
        let mut since = self.since.unwrap_or(now);
        while self.spent > 0 && now.saturating_duration_since(since) >= INTERVAL {
            self.spent -= 1;
            since += INTERVAL;
        }
        if self.spent == BURST {
            self.since = Some(since);
            self.suppressed += 1;
            return None;
        }
        // Time before the first line makes up for nothing.
        self.since = Some(if self.spent == 0 { now } else { since });
        self.spent += 1;
        Some(std::mem::take(&mut self.suppressed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bucket() -> Bucket {
        let Warnings(bucket) = Warnings::new();
        bucket.into_inner().expect("nobody has it")
    }

    #[test]
    fn a_flood_costs_eight_lines_and_then_one_each_ten_seconds() {
        let (mut bucket, begun) = (bucket(), Instant::now());
        let lines = (0..1000).filter_map(|_| bucket.admit(begun)).count();
        assert_eq!(lines, 8);
        let mut told = Vec::new();
        for second in 1..=60 {
            let now = begun + Duration::from_secs(second);
            told.extend((0..100).filter_map(|_| bucket.admit(now)));
        }
        assert_eq!(told.len(), 6);
        // Of the first second 992, of nine seconds 900, and of the tenth what came before its line: none.
        assert_eq!(told[0], 992 + 900);
        assert_eq!(told[1..], [999; 5]);
    }

    #[test]
    fn after_a_quiet_time_the_whole_burst_is_there_again() {
        let (mut bucket, begun) = (bucket(), Instant::now());
        for _ in 0..20 {
            bucket.admit(begun);
        }
        let later = begun + Duration::from_secs(3600);
        let lines: Vec<_> = (0..20).filter_map(|_| bucket.admit(later)).collect();
        assert_eq!(lines, [12, 0, 0, 0, 0, 0, 0, 0]);
    }
}
