//! What a run tells.

use std::ops::AddAssign;
use std::time::Duration;

use crate::Coverage;

/// What happened in a world in which nothing went wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Requests, items and publications that were handed over.
    pub messages: u64,
    /// Cuts, freezes, jumps of a clock, stalls, spikes, evictions and restarts.
    pub faults: u64,
    /// Connections that broke.
    pub cuts: u64,
    /// Sessions that went on over another connection.
    pub resumes: u64,
    /// Sessions that were lost, and ended as another.
    pub lost: u64,
    /// Sessions that ended for want of room, while they had no connection.
    pub crowded: u64,
    /// Events of lost ones that were handed over all the same.
    pub leftovers: u64,
    /// Requests that a lost session never sent, and the next one took over.
    pub carried_over: u64,
    /// Clients that said goodbye for now, and began another session later.
    pub away: u64,
    /// Clients that were removed from a topic, and heard of it.
    pub removals: u64,
    /// Invitations to a topic that a client's application heard.
    pub invitations: u64,
    /// Pongs that somebody waited for while nothing went wrong.
    pub pongs: u64,
    /// Publications that a client read in another encoding than that in which they were published.
    pub encodings: u64,
    /// Pauses that clients wanted, or went offline for.
    pub pauses: u64,
    /// Streams that were given up before they arrived.
    pub given_up: u64,
    /// Items that found no room in their stream's window.
    pub waits: u64,
    /// Times that the server began anew.
    pub restarts: u64,
    /// How often sessions were polled.
    pub polls: u64,
    /// How long it took in the world's time.
    pub time: Duration,
    /// The cells of states and frames that were visited.
    pub coverage: Coverage,
    /// A hash over all that was sent and when: the same for the same seed, everywhere. Of several runs,
    /// over all of them in any order.
    pub trace: u64,
}

impl Report {
    /// Returns what never happened of all that many worlds have to reach.
    pub fn missed(&self) -> Vec<&'static str> {
        let counts = [
            ("cuts", self.cuts),
            ("resumes", self.resumes),
            ("sessions lost", self.lost),
            ("sessions lost for want of room", self.crowded),
            ("events left of lost sessions", self.leftovers),
            ("requests carried over", self.carried_over),
            ("goodbyes for now", self.away),
            ("removals", self.removals),
            ("invitations", self.invitations),
            ("pongs", self.pongs),
            ("encodings", self.encodings),
            ("pauses", self.pauses),
            ("streams given up before they arrived", self.given_up),
            ("waits for room", self.waits),
            ("restarts", self.restarts),
        ];
        let missed = counts.into_iter().filter(|(_, count)| *count == 0);
        missed.map(|(what, _)| what).collect()
    }
}

impl AddAssign<&Self> for Report {
    fn add_assign(&mut self, other: &Self) {
        self.messages += other.messages;
        self.faults += other.faults;
        self.cuts += other.cuts;
        self.resumes += other.resumes;
        self.lost += other.lost;
        self.crowded += other.crowded;
        self.leftovers += other.leftovers;
        self.carried_over += other.carried_over;
        self.away += other.away;
        self.removals += other.removals;
        self.invitations += other.invitations;
        self.pongs += other.pongs;
        self.encodings += other.encodings;
        self.pauses += other.pauses;
        self.given_up += other.given_up;
        self.waits += other.waits;
        self.restarts += other.restarts;
        self.polls += other.polls;
        self.time += other.time;
        self.coverage.add(&other.coverage);
        self.trace ^= other.trace;
    }
}
