//! The pauses before a topic that was refused is joined again.

use std::time::Duration;

use twinwire::{Refusal, Refused, Retry, Time};

/// The number of times that the pause before a topic is asked for again doubles: from a second to half a minute.
const REJOIN_DOUBLINGS: u32 = 5;

/// The pauses of a topic that was refused when it was to be joined again, and may be had later.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Rejoin {
    /// Number of refusals in a row.
    refused: u32,
    /// The time before which it isn't asked for again.
    pub(crate) at: Option<Time>,
}

impl Rejoin {
    /// Waits twice as long after each refusal, and at least as long as the server asks for.
    pub(crate) fn retry(&mut self, now: Time, retry: Retry) {
        let pause = Duration::from_secs(1 << self.refused.min(REJOIN_DOUBLINGS));
        let asked = match retry {
            Retry::After(wait) => wait,
            Retry::Now | Retry::Never => Duration::ZERO,
        };
        self.refused = self.refused.saturating_add(1);
        self.at = Some(now + pause.max(asked));
    }

    /// Returns true when the pause is over.
    pub(crate) fn is_due(&mut self, now: Time) -> bool {
        self.at.take_if(|at| *at <= now);
        self.at.is_none()
    }
}

/// Returns true if a join that was refused so may be allowed later. A join that the application failed to judge, or judged too
/// late, has changed nothing: it can be made again.
pub(crate) fn may_rejoin(refused: Refused) -> bool {
    refused.retry != Retry::Never || matches!(refused.why, Refusal::Panicked | Refusal::Deadline)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_before_a_topic_is_asked_for_again_doubles_and_is_at_least_what_the_server_asks_for()
     {
        let after = |seconds| Time::default() + Duration::from_secs(seconds);
        let mut rejoin = Rejoin::default();
        assert!(rejoin.is_due(after(0)));
        for pause in [1, 2, 4, 8, 16, 32, 32] {
            rejoin.retry(after(0), Retry::Now);
            assert!(!rejoin.is_due(after(pause - 1)), "{pause}");
            assert!(rejoin.is_due(after(pause)), "{pause}");
        }
        rejoin.retry(after(0), Retry::After(Duration::from_secs(60)));
        assert!(!rejoin.is_due(after(59)));
        assert!(rejoin.is_due(after(60)));
    }

    #[test]
    fn a_join_that_was_refused_is_made_again_unless_the_application_said_never() {
        let may = |why, retry| may_rejoin(Refused { why, retry });
        assert!(may(Refusal::Busy, Retry::Now));
        assert!(may(Refusal::Denied, Retry::After(Duration::ZERO)));
        assert!(may(Refusal::Panicked, Retry::Never));
        assert!(may(Refusal::Deadline, Retry::Never));
        assert!(!may(Refusal::Denied, Retry::Never));
    }
}
