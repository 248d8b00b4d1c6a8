//! Calls that the peer makes: waiting for their turn, running, answered.

use std::collections::{BTreeMap, VecDeque};

use super::outgoing::charge;
use crate::frame::Answer;
use crate::limits::Limits;
use crate::{Number, Time};

#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) number: Number,
    pub(super) kind: u32,
    pub(super) payload: Vec<u8>,
}

/// The peer sent past its window.
#[derive(Debug)]
pub(super) struct Overrun;

#[derive(Debug)]
pub(super) struct Incoming {
    /// Invariant: its charges are within the window.
    waiting: VecDeque<Waiting>,
    /// Handlers at work, each with its deadline.
    running: BTreeMap<Number, Time>,
    /// Answers that wait for the socket. With `running`, never more than `max_running`.
    answers: VecDeque<(Number, Answer<Vec<u8>>)>,
    charged: u64,
    started: u64,
    window: u64,
    max_running: usize,
}

impl Incoming {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            waiting: VecDeque::new(),
            running: BTreeMap::new(),
            answers: VecDeque::new(),
            charged: 0,
            started: 0,
            window: limits.requests,
            max_running: limits.calls,
        }
    }

    /// How far the peer may go. Credit returns when a call starts.
    pub(super) fn granted(&self) -> u64 {
        self.started + self.window
    }

    /// How much new credit is worth telling at once.
    pub(super) fn quarter(&self) -> u64 {
        self.window / 4
    }

    pub(super) fn push(&mut self, call: Waiting) -> Result<(), Overrun> {
        let charged = self.charged + charge(&call.payload);
        if charged > self.granted() {
            return Err(Overrun);
        }
        self.charged = charged;
        self.waiting.push_back(call);
        Ok(())
    }

    /// Starts the next call, if fewer than the limit are at work or unanswered.
    pub(super) fn start(&mut self, deadline: impl FnOnce() -> Time) -> Option<Waiting> {
        if self.running.len() + self.answers.len() >= self.max_running {
            return None;
        }
        let call = self.waiting.pop_front()?;
        self.started += charge(&call.payload);
        self.running.insert(call.number, deadline());
        Some(call)
    }

    /// Takes a handler's answer; false if the call isn't running (any more).
    pub(super) fn answer(&mut self, call: Number, answer: Answer<Vec<u8>>) -> bool {
        let running = self.running.remove(&call).is_some();
        if running {
            self.answers.push_back((call, answer));
        }
        running
    }

    pub(super) fn next_answer(&self) -> Option<&(Number, Answer<Vec<u8>>)> {
        self.answers.front()
    }

    pub(super) fn answer_sent(&mut self) {
        self.answers.pop_front();
    }

    /// The calls whose handler has run too long.
    pub(super) fn late(&self, now: Time) -> Vec<Number> {
        self.running
            .iter()
            .filter(|(_, deadline)| **deadline <= now)
            .map(|(call, _)| *call)
            .collect()
    }

    pub(super) fn next_deadline(&self) -> Option<Time> {
        self.running.values().min().copied()
    }

    /// Forgets all calls; what runs is of no use any more.
    pub(super) fn clear(&mut self) {
        self.waiting.clear();
        self.running.clear();
        self.answers.clear();
    }

    /// Forgets what hasn't started and what runs, and keeps the answers that wait for the socket.
    pub(super) fn stop(&mut self) {
        self.waiting.clear();
        self.running.clear();
    }
}
