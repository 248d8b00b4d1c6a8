//! What was asked for or published, from its making on.

use std::collections::VecDeque;

use twinwire::frame::{Joined, Refusal};
use twinwire::limits::FRAME_COST;
use twinwire::{Class, Time};

use super::topics::LogId;
use super::{Check, ensure};

/// The outcome of a request, as its maker heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Answered,
    Refused,
    Accepted,
    Deadline,
    NotReceived,
    Unknown,
}

/// A request or a publication, from its making on.
#[derive(Debug)]
pub(super) struct Made {
    pub(super) class: Class,
    pub(super) hash: u64,
    /// It is larger than payloads may be.
    pub(super) is_large: bool,
    pub(super) answer_is_large: bool,
    pub(super) at: Time,
    pub(super) cancelled: bool,
    /// An earlier session never sent it.
    pub(super) carried_over: bool,
    /// A later one was handed over before it: it must be refused.
    pub(super) skipped: bool,
    /// Its handler has all the time that it needs.
    pub(super) held: bool,
    /// It is whole in the peer's session.
    pub(super) arrived: bool,
    /// The time at which it began to arrive there, by the world's clock.
    pub(super) arrived_at: Time,
    /// As much was in use as may be when it was made, or while it waited for its turn.
    pub(super) may_be_busy: bool,
    pub(super) handed: bool,
    pub(super) fate: Option<Fate>,
    /// The handler's answer.
    pub(super) answer: Option<u64>,
    /// The handler refused it, or was dropped.
    pub(super) refusal: Option<Refusal>,
    pub(super) items: Vec<u64>,
    /// The time of the last of them, by the world's clock.
    pub(super) last_item: Time,
    pub(super) heard: usize,
    pub(super) untaken: Untaken,
    pub(super) joined: Option<Joined>,
    /// The server has put its client out of the topic that this joined.
    pub(super) removed: bool,
    pub(super) is_invitation: bool,
    pub(super) appended: Option<(LogId, u64)>,
}

/// The charges of what was handed over and the application hasn't taken.
#[derive(Debug, Default)]
pub(super) struct Untaken(pub(super) VecDeque<u64>);

impl Untaken {
    /// One more: whether all but the largest, which may be larger than the window if it is alone, are within
    /// the window.
    pub(super) fn add(&mut self, payload: usize, window: u64) -> Check {
        self.0.push_back(payload as u64 + FRAME_COST);
        let largest = self.0.iter().max().copied().unwrap_or(0);
        let rest = self.0.iter().sum::<u64>() - largest;
        ensure!(
            rest <= window,
            "{rest} bytes wait for a slow consumer, besides {largest}"
        );
        Ok(())
    }
}
