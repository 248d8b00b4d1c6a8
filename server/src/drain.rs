//! The way in which clients leave a server that stops: one after the other they may come back.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use twinwire::{Goodbye, GoodbyeCode, Retry};

/// The time that each session adds to the spread, up to the whole of it: a hundred clients a second.
const PER_SESSION: Duration = Duration::from_millis(10);

/// The golden ratio's fraction, of 2^32. Its multiples, modulo one, lie evenly however many there are (Knuth, The Art
/// of Computer Programming 3, §6.4).
const GOLDEN: u32 = 0x9e37_79b9;

/// Draws the pause of each client that is told to go.
#[derive(Debug)]
pub(crate) struct Drain {
    spread: Duration,
    drawn: AtomicU32,
}

impl Drain {
    /// Spreads so many sessions over a time that is at most `longest`: a client that is alone hardly waits.
    pub(crate) fn new(sessions: usize, longest: Duration) -> Self {
        let sessions = u32::try_from(sessions).unwrap_or(u32::MAX);
        Self {
            spread: PER_SESSION.saturating_mul(sessions).min(longest),
            drawn: AtomicU32::new(0),
        }
    }

    /// Returns the goodbye of one more client, with a pause of its own.
    pub(crate) fn goodbye(&self) -> Goodbye {
        // Numbers only have to differ: no other memory is ordered by them.
        let drawn = self.drawn.fetch_add(1, Ordering::Relaxed);
        let fraction = f64::from(drawn.wrapping_mul(GOLDEN)) / 2_f64.powi(32);
        Goodbye {
            retry: Retry::After(self.spread.mul_f64(fraction)),
            ..Goodbye::new(GoodbyeCode::GoingAway, "")
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use twinwire::Retry;

    use super::Drain;

    /// Returns the pauses of so many clients, in milliseconds.
    fn pauses(clients: usize, longest: Duration) -> Vec<u128> {
        let drain = Drain::new(clients, longest);
        let pause = |_| match drain.goodbye().retry {
            Retry::After(pause) => pause.as_millis(),
            other => panic!("a pause, not {other:?}"),
        };
        let mut pauses: Vec<_> = (0..clients).map(pause).collect();
        pauses.sort_unstable();
        pauses
    }

    /// Returns the most pauses that end within any time of so many milliseconds.
    fn most_within(pauses: &[u128], millis: u128) -> usize {
        let within = |(at, from): (usize, &u128)| {
            let later = &pauses[at..];
            later.partition_point(|pause| pause - from < millis)
        };
        pauses.iter().enumerate().map(within).max().unwrap_or(0)
    }

    #[test]
    fn no_tenth_of_a_second_has_more_than_a_twentieth_of_many_clients() {
        for clients in [500, 501, 777, 2_000, 10_000] {
            let pauses = pauses(clients, Duration::from_secs(5));
            let most = most_within(&pauses, 100);
            assert!(most * 20 <= clients, "{most} of {clients}");
            assert!(pauses.iter().all(|pause| *pause < 5_000));
        }
    }

    #[test]
    fn few_clients_hardly_wait() {
        assert_eq!(pauses(1, Duration::from_secs(5)), [0]);
        assert!(
            pauses(10, Duration::from_secs(5))
                .into_iter()
                .all(|pause| pause < 100)
        );
        assert_eq!(pauses(3, Duration::ZERO), [0; 3]);
    }
}
