//! Pings: whoever asks hears a pong, soon once nothing is in its way.

use std::time::Duration;

use super::{Check, Hearing, Oracle, Who, ensure};

/// Longer than a ping and its pong take over a line in working order; shorter than a heartbeat, after which another
/// ping would make up for a lost one.
const ROUND_TRIP: Duration = Duration::from_millis(400);

impl Oracle {
    /// An application wants to hear a pong.
    pub(crate) fn prompted(&mut self, who: Who) {
        self.pings.entry(who).or_insert(self.now);
    }

    /// Another connection is there: what was asked over the last one is asked again.
    pub(crate) fn asks_again(&mut self, who: Who) {
        let now = self.now;
        self.pings.entry(who).and_modify(|since| *since = now);
    }

    /// A session is over, and with it what was asked in it.
    pub(crate) fn asks_no_more(&mut self, who: Who) {
        self.pings.remove(&who);
    }

    pub(super) fn pong_came(&mut self, hearing: Hearing) -> Check {
        let since = self.pings.remove(&hearing.who);
        let Some((since, quiet)) = since.zip(hearing.quiet_since) else {
            return Ok(());
        };
        self.report.pongs += 1;
        let took = self.now.saturating_since(since.max(quiet));
        ensure!(
            took <= ROUND_TRIP,
            "a pong came after {took:?}, and nothing held it up"
        );
        Ok(())
    }
}
