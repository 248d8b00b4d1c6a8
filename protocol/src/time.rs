//! Time as the shells hand it in.

use std::ops::Add;
use std::time::Duration;

/// A moment, measured from an origin that the shell chooses once and keeps.
///
/// Nothing in this crate reads a clock: the shell passes the moment into every call that needs one.
/// (`std::time::Instant` would panic on wasm32.) Moments of different shells don't compare.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(
    /// In nanoseconds, which reach for 584 years.
    u64,
);

impl Time {
    /// Makes the moment `elapsed` after the shell's origin; a later one than can be told is the latest.
    pub const fn from_origin(elapsed: Duration) -> Self {
        Self(nanos(elapsed))
    }

    /// Returns the time from the shell's origin to this moment.
    pub const fn since_origin(self) -> Duration {
        Duration::from_nanos(self.0)
    }

    /// Returns the time from `earlier` to this moment; zero if `earlier` is in fact later.
    pub fn saturating_since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Time {
    type Output = Self;

    /// Saturates at the latest moment that can be told.
    fn add(self, wait: Duration) -> Self {
        Self(self.0.saturating_add(nanos(wait)))
    }
}

/// Saturates, like the moments.
const fn nanos(time: Duration) -> u64 {
    const SECOND: u64 = 1_000_000_000;
    // Multiplied so that it surely fits: to see whether it did takes 128 bits, for which pages carry a function.
    if time.as_secs() > u64::MAX / SECOND {
        return u64::MAX;
    }
    (time.as_secs() * SECOND).saturating_add(time.subsec_nanos() as u64)
}
