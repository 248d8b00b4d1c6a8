//! Calls that this side makes: waiting for the window, in flight, answered.

use std::collections::{BTreeMap, VecDeque};

use super::{CallKey, Full, Outcome};
use crate::frame::Refusal;
use crate::limits::{Limits, REQUEST_COST};
use crate::{Number, Time};

/// What a call is charged against the window.
pub(super) fn charge(payload: &[u8]) -> u64 {
    payload.len() as u64 + REQUEST_COST
}

#[derive(Debug)]
pub(super) struct Queued {
    key: CallKey,
    deadline: Time,
    pub(super) kind: u32,
    pub(super) payload: Vec<u8>,
}

#[derive(Debug)]
struct InFlight {
    /// Gone once the caller has its outcome: the number stays taken until the peer answers it.
    key: Option<CallKey>,
    deadline: Time,
}

#[derive(Debug)]
pub(super) struct Outgoing {
    next_key: u64,
    /// In the order of their deadlines, which all lie equally far ahead.
    queue: VecDeque<Queued>,
    /// Invariant: the sum of the charges in `queue`.
    queued: usize,
    in_flight: BTreeMap<Number, InFlight>,
    /// Charged so far; never past `window`.
    used: u64,
    window: u64,
    refused: BTreeMap<u32, Refusal>,
    max_queued: usize,
    max_in_flight: usize,
}

impl Outgoing {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            next_key: 0,
            queue: VecDeque::new(),
            queued: 0,
            in_flight: BTreeMap::new(),
            used: 0,
            window: 0,
            refused: BTreeMap::new(),
            max_queued: limits.queued,
            max_in_flight: limits.calls,
        }
    }

    pub(super) fn new_key(&mut self) -> CallKey {
        self.next_key += 1;
        CallKey(self.next_key)
    }

    pub(super) fn refusal(&self, kind: u32) -> Option<Refusal> {
        self.refused.get(&kind).copied()
    }

    pub(super) fn has_room(&self, payload: &[u8]) -> bool {
        self.queued + charge(payload) as usize <= self.max_queued
    }

    pub(super) fn push(
        &mut self,
        kind: u32,
        payload: Vec<u8>,
        deadline: Time,
    ) -> Result<CallKey, Full> {
        if !self.has_room(&payload) {
            return Err(Full);
        }
        let key = self.new_key();
        self.queued += charge(&payload) as usize;
        self.queue.push_back(Queued {
            key,
            deadline,
            kind,
            payload,
        });
        Ok(key)
    }

    /// Takes the server's verdict on the table, and what of the queue it refuses.
    pub(super) fn refuse_kinds(&mut self, refused: &[(u32, Refusal)]) -> Vec<(CallKey, Refusal)> {
        self.refused = refused.iter().copied().collect();
        let verdicts = &self.refused;
        let ended: Vec<_> = self
            .queue
            .iter()
            .filter_map(|call| verdicts.get(&call.kind).map(|why| (call.key, *why)))
            .collect();
        self.retain(|call| !verdicts_contains(&ended, call.key));
        ended
    }

    /// The newest limit counts, and it never falls.
    pub(super) fn grant(&mut self, window: u64) {
        self.window = self.window.max(window);
    }

    /// The call that may go out now, if there is one.
    pub(super) fn ready(&self) -> Option<&Queued> {
        let call = self.queue.front()?;
        let fits = self.used + charge(&call.payload) <= self.window
            && self.in_flight.len() < self.max_in_flight;
        fits.then_some(call)
    }

    /// Takes the [`ready`](Self::ready) call out of the queue; it is in flight under `number`.
    pub(super) fn depart(&mut self, number: Number) -> Option<Queued> {
        self.ready()?;
        let call = self.queue.pop_front()?;
        self.queued -= charge(&call.payload) as usize;
        self.used += charge(&call.payload);
        self.in_flight.insert(
            number,
            InFlight {
                key: Some(call.key),
                deadline: call.deadline,
            },
        );
        Some(call)
    }

    /// The caller of an answered call, if it still waits; an error if nothing was asked.
    pub(super) fn answered(&mut self, call: Number) -> Result<Option<CallKey>, NotAsked> {
        self.in_flight
            .remove(&call)
            .map(|call| call.key)
            .ok_or(NotAsked)
    }

    /// The caller wants no outcome any more.
    pub(super) fn abandon(&mut self, key: CallKey) {
        self.retain(|call| call.key != key);
        for call in self
            .in_flight
            .values_mut()
            .filter(|call| call.key == Some(key))
        {
            call.key = None;
        }
    }

    /// Ends the calls whose deadline has passed.
    pub(super) fn expire(&mut self, now: Time) -> Vec<CallKey> {
        let mut late: Vec<CallKey> = self
            .in_flight
            .values_mut()
            .filter(|call| call.deadline <= now)
            .filter_map(|call| call.key.take())
            .collect();
        late.extend(
            self.queue
                .iter()
                .filter(|call| call.deadline <= now)
                .map(|call| call.key),
        );
        self.retain(|call| call.deadline > now);
        late
    }

    pub(super) fn next_deadline(&self) -> Option<Time> {
        let waiting = self.in_flight.values().find(|call| call.key.is_some());
        let in_flight = waiting.map(|call| call.deadline);
        let queued = self.queue.front().map(|call| call.deadline);
        in_flight.into_iter().chain(queued).min()
    }

    /// Ends what was never handed to a socket.
    pub(super) fn end_queued(&mut self) -> Vec<(CallKey, Outcome)> {
        self.queued = 0;
        self.queue
            .drain(..)
            .map(|call| (call.key, Outcome::NotReceived))
            .collect()
    }

    /// Ends everything: `received` is what the peer says it has, if it said anything.
    pub(super) fn end_all(&mut self, received: Received) -> Vec<(CallKey, Outcome)> {
        let verdict = |number: Number| match received {
            Received::UpTo(last) if last.is_none_or(|last| number > last) => Outcome::NotReceived,
            Received::UpTo(_) | Received::Untold => Outcome::Unknown,
        };
        let in_flight = std::mem::take(&mut self.in_flight);
        let mut ended: Vec<_> = in_flight
            .into_iter()
            .filter_map(|(number, call)| Some((call.key?, verdict(number))))
            .collect();
        ended.extend(self.end_queued());
        ended
    }

    fn retain(&mut self, keep: impl Fn(&Queued) -> bool) {
        self.queue.retain(keep);
        self.queued = self
            .queue
            .iter()
            .map(|call| charge(&call.payload) as usize)
            .sum();
    }
}

fn verdicts_contains(ended: &[(CallKey, Refusal)], key: CallKey) -> bool {
    ended.iter().any(|(refused, _)| *refused == key)
}

/// A reply to a call that isn't in flight.
#[derive(Debug)]
pub(super) struct NotAsked;

/// What a peer said it had received when the connection ended.
#[derive(Clone, Copy, Debug)]
pub(super) enum Received {
    /// Everything up to this number, and nothing after.
    UpTo(Option<Number>),
    /// It said nothing.
    Untold,
}
