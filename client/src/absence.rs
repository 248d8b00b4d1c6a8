//! How a client comes back: when, and after what.

use std::time::Duration;

use twinwire::{End, Retry, Time};

/// The longest pause before the first attempt; each further one allows twice as much.
const FIRST: Duration = Duration::from_millis(500);

/// The longest pause before any attempt.
const LONGEST: Duration = Duration::from_secs(30);

/// After how many attempts in a row that brought no connection the cause is looked for.
pub(crate) const UNOPENED: u32 = 3;

/// How long a connection lasts at least that shows that all is well again.
const LASTING: Duration = Duration::from_secs(5);

/// A client without a connection, from the beginning or a loss to the next welcome: an attempt that brought a
/// connection and no welcome is one of many.
#[derive(Debug)]
pub(crate) struct Absence {
    /// The loop knows.
    pub(crate) begun: bool,
    /// How often it was tried since the last welcome, the next time included.
    pub(crate) attempt: u32,
    /// How often it was tried in vain since a connection last opened.
    pub(crate) unopened: u32,
    /// It wasn't tried yet: there is nothing to wait for.
    is_first: bool,
    /// How often the bound of the pauses has doubled: a server that welcomes and breaks off at once is
    /// tried ever more seldom, too.
    doubled: u32,
    /// When it was welcomed last.
    welcomed: Option<Time>,
    /// Whether a nudge may shorten the pause: the server hasn't asked for it.
    pub(crate) takes_nudges: bool,
    /// When the server says that it may be tried.
    retry: Retry,
    /// The application wants no connection.
    pub(crate) paused: bool,
    /// The application wants it now.
    hurry: bool,
    /// The session is over, and another is to begin.
    pub(crate) begins_anew: bool,
}

impl Default for Absence {
    fn default() -> Self {
        Self {
            begun: false,
            attempt: 0,
            unopened: 0,
            is_first: true,
            doubled: 0,
            welcomed: None,
            takes_nudges: true,
            retry: Retry::Now,
            paused: false,
            hurry: false,
            begins_anew: false,
        }
    }
}

impl Absence {
    /// A connection is lost, or was in vain.
    pub(crate) fn begin(&mut self, now: Time, retry: Retry) {
        let welcomed = self.welcomed.take();
        if welcomed.is_some_and(|at| now.saturating_since(at) >= LASTING) {
            self.doubled = 0;
        }
        self.retry = retry;
        self.begun = false;
    }

    /// The absence is over.
    pub(crate) fn welcomed(&mut self, now: Time) {
        self.welcomed = Some(now);
        self.attempt = 0;
        self.retry = Retry::Now;
        self.begun = false;
        self.hurry = false;
    }

    /// The server asks for patience.
    pub(crate) fn asked_for(&mut self, retry: Retry) {
        self.retry = retry;
    }

    /// How long to wait before the next attempt: not at all before the first of all, then what the
    /// server said, and at random up to a bound that doubles each time ("full jitter"), so that clients that were lost together come back apart.
    pub(crate) fn next_wait(&mut self, jitter: f64) -> Duration {
        self.attempt = self.attempt.saturating_add(1);
        if std::mem::take(&mut self.is_first) {
            return Duration::ZERO;
        }
        let (first, longest) = (FIRST.as_millis() as u64, LONGEST.as_millis() as u64);
        let bound = (first << self.doubled.min(10)).min(longest);
        let wait = bound as f64 * jitter.clamp(0.0, 1.0);
        let wait = Duration::from_millis(wait as u64);
        self.doubled = self.doubled.saturating_add(1);
        self.takes_nudges = !matches!(self.retry, Retry::After(_));
        match std::mem::replace(&mut self.retry, Retry::Now) {
            Retry::After(least) => least.saturating_add(wait),
            Retry::Now | Retry::Never => wait,
        }
    }

    /// The application wants a connection; at once, if it `waits` for one.
    pub(crate) fn go_on(&mut self, waits: bool) {
        self.paused = false;
        self.hurry |= waits;
    }

    pub(crate) fn pause(&mut self) {
        self.paused = true;
        self.hurry = false;
    }

    /// Whether the application wanted the connection at once.
    pub(crate) fn takes_hurry(&mut self) -> bool {
        std::mem::take(&mut self.hurry)
    }
}

/// Whether, and when, a client may begin anew whose session has ended so.
pub(crate) fn may_begin_anew(end: &End) -> Option<Retry> {
    match end {
        End::Goodbye(goodbye) if goodbye.retry != Retry::Never => Some(goodbye.retry),
        End::Lost | End::Silent | End::TooSlow => Some(Retry::Now),
        // This side's wish, a refusal for good, or two ends that don't understand each other.
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use twinwire::{End, Goodbye, GoodbyeCode, Retry, Time};

    use super::{Absence, FIRST, LONGEST, may_begin_anew};

    /// One whose first attempt was in vain.
    fn tried() -> Absence {
        let mut absence = Absence::default();
        assert_eq!(absence.next_wait(1.0), Duration::ZERO);
        absence
    }

    #[test]
    fn the_bound_doubles_from_half_a_second_to_half_a_minute() {
        let mut absence = tried();
        let waits: Vec<Duration> = (0..9).map(|_| absence.next_wait(1.0)).collect();
        assert_eq!(waits[0], FIRST);
        assert!(
            waits
                .iter()
                .zip(&waits[1..])
                .all(|(a, b)| *b == (*a * 2).min(LONGEST))
        );
        assert_eq!(waits[8], LONGEST);
        for _ in 0..1000 {
            assert!(absence.next_wait(0.999) <= LONGEST);
        }
        assert_eq!(absence.next_wait(0.0), Duration::ZERO);
    }

    #[test]
    fn the_server_may_ask_for_more_once() {
        let mut absence = tried();
        absence.begin(Time::default(), Retry::After(Duration::from_secs(7)));
        assert_eq!(absence.next_wait(0.0), Duration::from_secs(7));
        assert!(!absence.takes_nudges);
        assert_eq!(absence.next_wait(0.0), Duration::ZERO);
        assert!(absence.takes_nudges);
    }

    #[test]
    fn a_welcome_that_lasts_ends_the_back_off_and_one_that_does_not_leaves_it() {
        let mut absence = tried();
        let mut now = Time::default();
        for round in 0..3 {
            absence.begin(now, Retry::Now);
            assert_eq!(absence.next_wait(1.0), FIRST * (1 << round));
            absence.welcomed(now);
            assert_eq!(absence.attempt, 0);
            now = now + Duration::from_secs(1);
        }
        now = now + Duration::from_secs(10);
        absence.begin(now, Retry::Now);
        assert_eq!(absence.next_wait(1.0), FIRST);
    }

    #[test]
    fn only_what_may_be_tried_again_is() {
        let going = Goodbye::new(GoodbyeCode::GoingAway, "");
        let denied = Goodbye::new(GoodbyeCode::Denied, "");
        assert_eq!(may_begin_anew(&End::Lost), Some(Retry::Now));
        assert_eq!(
            may_begin_anew(&End::Goodbye(going.clone())),
            Some(Retry::Now)
        );
        assert_eq!(may_begin_anew(&End::Goodbye(denied)), None);
        assert_eq!(may_begin_anew(&End::Closed(going)), None);
    }
}
