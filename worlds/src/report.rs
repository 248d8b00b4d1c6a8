//! What a run tells.

use std::collections::BTreeMap;
use std::ops::AddAssign;
use std::time::Duration;

use twinwire::Time;
use twinwire_sim::Failure;

use crate::bytes::CONDUCTS;
use crate::plan::Tier;
use crate::world::World;

/// The counts of a world in which nothing was wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Requests that were made.
    pub requests: u64,
    /// Those whose handler was called.
    pub handled: u64,
    /// Messages that went over links.
    pub messages: u64,
    /// Things that went wrong.
    pub faults: u64,
    /// The number of times that each public call and each kind of fault was reached.
    pub coverage: BTreeMap<&'static str, u64>,
    /// The world's time.
    pub time: Duration,
    /// A hash over all messages and times: the same for the same seed. Of several runs, over all of them in any
    /// order.
    pub trace: u64,
}

/// The things that each run of many worlds has to reach: the public calls, the kinds of faults, and what subscribers hear.
const TO_REACH: [&str; 54] = [
    "Client::call",
    "Client::close",
    "Client::events",
    "Client::handle",
    "Client::inbox",
    "Client::invitations",
    "Client::pause",
    "Client::ping",
    "Client::publish",
    "Client::reconnect_now",
    "Client::send",
    "Client::send_latest",
    "Client::stream",
    "Client::subscribe",
    "Client::subscribe_from",
    "Client::try_send",
    "Invitations::next",
    "JSON",
    "Peer::call",
    "Peer::invite",
    "Peer::unsubscribe",
    "Peer::ping",
    "Peer::send",
    "Peer::send_latest",
    "Twinwire::publish",
    "Twinwire::publish_except",
    "Twinwire::user",
    "SessionLost::Ended",
    "SessionLost::Evicted",
    "SessionLost::Restarted",
    "SessionLost::Unknown",
    "access fails",
    "authenticate fails",
    "drop(Client)",
    "drop(Events)",
    "drop(Items)",
    "drop(Invitations)",
    "drop(Receipt)",
    "drop(Subscription)",
    "drop(call)",
    "fault: cut",
    "fault: drain",
    "fault: freeze",
    "fault: kill",
    "fault: sleep",
    "gap",
    "may_resume declines",
    "new epoch",
    "older kinds",
    "on_session_replaced fails",
    "on_open fails",
    "page cached",
    "page goes",
    "token fails",
];

/// The things that only [`Tier::Bytes`] has.
const TO_REACH_WITH_BYTES: [&str; 2] = ["pong of the client", "pong of the server"];

impl Report {
    /// Returns what has to be reached, and wasn't.
    pub fn missed(&self, tier: Tier) -> Vec<&'static str> {
        let all = match tier {
            Tier::Messages => TO_REACH.to_vec(),
            Tier::Bytes => [&TO_REACH[..], &TO_REACH_WITH_BYTES].concat(),
            Tier::Plain => CONDUCTS.to_vec(),
        };
        let all = all.into_iter();
        all.filter(|what| !self.coverage.contains_key(what))
            .collect()
    }

    pub(crate) fn of(seed: u64, world: &World) -> Result<Self, Failure> {
        let mut account = world.oracle.account();
        if let Some((at, what)) = account.take_wrong() {
            let at = Time::from_origin(at);
            return Err(Failure { seed, at, what });
        }
        let (requests, handled) = account.requests();
        Ok(Self {
            requests,
            handled,
            messages: world.trace.messages(),
            faults: world.plan.faults.len() as u64,
            coverage: account.coverage(),
            time: world.begun.elapsed(),
            trace: world.trace.hash(),
        })
    }
}

impl AddAssign<&Self> for Report {
    fn add_assign(&mut self, other: &Self) {
        self.requests += other.requests;
        self.handled += other.handled;
        self.messages += other.messages;
        self.faults += other.faults;
        self.time += other.time;
        self.trace ^= other.trace;
        for (what, times) in &other.coverage {
            *self.coverage.entry(what).or_default() += times;
        }
    }
}
