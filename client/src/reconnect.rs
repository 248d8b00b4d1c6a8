//! How a client comes back: when, and after what.

use std::time::Duration;

use twinwire::{End, Retry, Time};

use crate::ReconnectCause;

/// The longest pause right after a loss; half of the absence so far comes on top.
const FIRST: Duration = Duration::from_millis(500);

/// The least time that a connection lasts whose server is well.
const STABLE_AFTER: Duration = Duration::from_secs(5);

/// Connections in a row that may be shorter than [`STABLE_AFTER`] before the pauses grow for that.
const TOLERATED: u32 = 3;

/// After how many attempts in a row that opened no connection its cause is looked for, again and again.
pub(crate) const DIAGNOSE_AFTER: u32 = 3;

/// Reconnect state, from the start or a loss to the next welcome. An attempt that opened a connection and brought
/// no welcome is one of many.
#[derive(Debug)]
pub(crate) struct Reconnect {
    /// True once the loop knows of the absence.
    pub(crate) begun: bool,
    /// Number of attempts since the last welcome, the next one included.
    pub(crate) attempt: u32,
    /// Number of attempts since a connection last opened.
    pub(crate) unopened: u32,
    /// True until the first attempt of all: it waits for nothing.
    is_first: bool,
    /// Start of the absence, or the newest hint during it.
    since: Option<Time>,
    /// Number of connections in a row that lasted less than [`STABLE_AFTER`].
    short_lived: u32,
    /// Time of the last welcome, while its connection lasts.
    welcomed: Option<Time>,
    /// True while a wake hint may shorten the pause: the server hasn't asked for it.
    pub(crate) honours_hints: bool,
    /// Time at which the server says that it may be tried.
    retry: Retry,
    /// The application's wish for a connection.
    wish: Wish,
    /// True while the page lies in the cache from which the back button shows it again.
    pub(crate) cached: bool,
    /// True while the application wants to know whether its connection is alive.
    probe: bool,
    /// True while the session is over and another is to begin.
    pub(crate) begins_anew: bool,
    /// The newest failure.
    failure: ReconnectCause,
    /// The answer that the address gave by other means, where a failed attempt tells nothing.
    diagnosis: Option<ReconnectCause>,
}

/// The application's wish for a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wish {
    /// After the pauses of the back-off.
    Usual,
    /// At once, without a pause.
    Now,
    /// None.
    Paused,
}

impl Default for Reconnect {
    fn default() -> Self {
        Self {
            begun: false,
            attempt: 0,
            unopened: 0,
            is_first: true,
            since: None,
            short_lived: 0,
            welcomed: None,
            honours_hints: true,
            retry: Retry::Now,
            wish: Wish::Usual,
            cached: false,
            probe: false,
            begins_anew: false,
            failure: ReconnectCause::Ended(End::Lost),
            diagnosis: None,
        }
    }
}

impl Reconnect {
    /// Begins an absence, or goes on with one whose attempt opened a connection in vain.
    pub(crate) fn begin(&mut self, now: Time, end: End) {
        if let Some(welcomed) = self.welcomed.take() {
            let is_stable = now.saturating_since(welcomed) >= STABLE_AFTER;
            self.short_lived = match is_stable {
                true => 0,
                false => self.short_lived.saturating_add(1),
            };
            self.since = Some(now);
        }
        // Of this end alone: what an earlier server asked for says nothing about the one that took its place.
        self.retry = end.retry();
        self.failed(ReconnectCause::Ended(end));
        self.begun = false;
    }

    /// Ends the absence.
    pub(crate) fn welcomed(&mut self, now: Time) {
        self.welcomed = Some(now);
        self.since = None;
        self.attempt = 0;
        self.retry = Retry::Now;
        self.begun = false;
        // Fulfilled: kept, it would skip the first pause of the next absence, which nobody asked for.
        if self.wish == Wish::Now {
            self.wish = Wish::Usual;
        }
    }

    /// Notes that an attempt opened a connection.
    pub(crate) fn opened(&mut self) {
        self.unopened = 0;
    }

    /// Notes why an attempt failed.
    pub(crate) fn failed(&mut self, failure: ReconnectCause) {
        // Such a failure tells its cause itself, and is newer than the diagnosis.
        if !matches!(failure, ReconnectCause::NotOpened(_)) {
            self.diagnosis = None;
        }
        self.failure = failure;
    }

    /// Notes what the address answers by other means; nothing where it doesn't.
    pub(crate) fn diagnosed(&mut self, cause: Option<ReconnectCause>) {
        self.diagnosis = cause;
    }

    /// Returns the cause of the absence. A failed attempt tells less than a diagnosis of it.
    pub(crate) fn cause(&self) -> ReconnectCause {
        self.diagnosis.as_ref().unwrap_or(&self.failure).clone()
    }

    /// Puts the next attempt off for as long as the server asks for.
    pub(crate) fn asked_for(&mut self, retry: Retry) {
        self.retry = retry;
    }

    /// Returns the pause before the next attempt. There is none before the first of all. Later ones take the time
    /// that the server asked for, and a random part of half a second and half of the absence so far, but at most
    /// `longest`: clients that were lost together come back apart, and nobody is away for much longer than its
    /// server. Connections that break at once, again and again, double the half second.
    pub(crate) fn next_wait(&mut self, now: Time, jitter: f64, longest: Duration) -> Duration {
        self.attempt = self.attempt.saturating_add(1);
        let since = *self.since.get_or_insert(now);
        // Nothing was lost yet, so there is no crowd of clients to spread out.
        if std::mem::take(&mut self.is_first) {
            return Duration::ZERO;
        }
        let doublings = self.short_lived.saturating_sub(TOLERATED).min(10);
        let bound = (FIRST * (1 << doublings)).saturating_add(now.saturating_since(since) / 2);
        let bound = bound.min(longest).as_millis() as u64 as f64;
        let wait = Duration::from_millis((bound * jitter.clamp(0.0, 1.0)) as u64);
        // A hint says that the network is back, not that the server has the time that it asked for.
        self.honours_hints = !matches!(self.retry, Retry::After(_));
        // Asked for once: an attempt after it that fails in silence is followed by the usual pauses.
        match std::mem::replace(&mut self.retry, Retry::Now) {
            Retry::After(least) => least.saturating_add(wait),
            Retry::Now | Retry::Never => wait,
        }
    }

    /// Begins the back-off anew: there is reason to believe that the server can be reached again.
    pub(crate) fn restart(&mut self, now: Time) {
        self.cached = false;
        // The pauses grow with the absence, most of which this client may have slept through.
        if self.since.is_some() {
            self.since = Some(now);
        }
    }

    /// Ends a pause, and asks for a connection at once: for another, or for a sign of life over the one that there
    /// is.
    pub(crate) fn reconnect_now(&mut self, has_link: bool) {
        // A client that has a link would give a good connection up, and the server its session's place, for nothing: it asks for a
        // sign of life first.
        match (has_link, self.wish) {
            (false, _) => self.wish = Wish::Now,
            (true, Wish::Paused) => self.wish = Wish::Usual,
            (true, Wish::Usual | Wish::Now) => {}
        }
        self.probe |= has_link;
    }

    /// Gives the connection up until [`reconnect_now`](Self::reconnect_now).
    pub(crate) fn pause(&mut self) {
        self.wish = Wish::Paused;
    }

    /// Returns true while the application wants no connection.
    pub(crate) fn is_paused(&self) -> bool {
        self.wish == Wish::Paused
    }

    /// Returns true once if the application wants a connection at once.
    pub(crate) fn take_retry_now(&mut self) -> bool {
        let is_wanted = self.wish == Wish::Now;
        if is_wanted {
            self.wish = Wish::Usual;
        }
        is_wanted
    }

    /// Returns true once if the application wants a sign of life.
    pub(crate) fn take_probe(&mut self) -> bool {
        std::mem::take(&mut self.probe)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use twinwire::{End, Goodbye, GoodbyeCode, Retry, Time};

    use super::{FIRST, Reconnect, TOLERATED};

    const LONGEST: Duration = Duration::from_secs(5);

    /// Returns one whose first attempt was in vain.
    fn tried() -> Reconnect {
        let mut reconnect = Reconnect::default();
        let first = reconnect.next_wait(Time::default(), 1.0, LONGEST);
        assert_eq!(first, Duration::ZERO);
        reconnect
    }

    #[test]
    fn a_connection_is_asked_for_at_once_or_the_one_that_there_is_for_a_sign_of_life() {
        for has_link in [false, true] {
            let mut reconnect = tried();
            reconnect.reconnect_now(has_link);
            let taken = (reconnect.take_retry_now(), reconnect.take_probe());
            assert_eq!(taken, (!has_link, has_link));
            assert!(!reconnect.take_retry_now() && !reconnect.take_probe());
        }
    }

    #[test]
    fn the_pauses_grow_with_the_absence_up_to_the_longest() {
        let mut reconnect = tried();
        let mut now = Time::default();
        for _ in 0..100 {
            let away = now.saturating_since(Time::default());
            let wait = reconnect.next_wait(now, 1.0, LONGEST);
            let bound = (FIRST + away / 2).min(LONGEST);
            assert!(wait <= bound && wait + Duration::from_millis(1) > bound);
            assert_eq!(reconnect.next_wait(now, 0.0, LONGEST), Duration::ZERO);
            now = now + wait;
        }
        reconnect.restart(now);
        assert_eq!(reconnect.next_wait(now, 1.0, LONGEST), FIRST);
    }

    #[test]
    fn the_server_may_ask_for_more_once() {
        let mut reconnect = tried();
        let going = Goodbye {
            retry: Retry::After(Duration::from_secs(7)),
            ..Goodbye::new(GoodbyeCode::GoingAway, "")
        };
        reconnect.begin(Time::default(), End::Goodbye(going));
        let mut next = || {
            let wait = reconnect.next_wait(Time::default(), 0.0, LONGEST);
            (wait, reconnect.honours_hints)
        };
        assert_eq!(next(), (Duration::from_secs(7), false));
        assert_eq!(next(), (Duration::ZERO, true));
    }

    #[test]
    fn connections_that_break_at_once_are_made_ever_more_seldom_until_one_lasts() {
        let mut reconnect = tried();
        let mut now = Time::default();
        let mut lose_after = |reconnect: &mut Reconnect, time: Duration| {
            reconnect.welcomed(now);
            now = now + time;
            reconnect.begin(now, End::Lost);
            reconnect.next_wait(now, 1.0, LONGEST)
        };
        for _ in 0..TOLERATED {
            assert_eq!(lose_after(&mut reconnect, Duration::ZERO), FIRST);
        }
        for doublings in 1..4 {
            let wait = lose_after(&mut reconnect, Duration::ZERO);
            assert_eq!(wait, FIRST * (1 << doublings));
        }
        assert_eq!(lose_after(&mut reconnect, Duration::ZERO), LONGEST);
        assert_eq!(lose_after(&mut reconnect, Duration::from_secs(5)), FIRST);
    }
}
