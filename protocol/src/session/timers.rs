//! The session's timers, in one table.

use crate::Time;

/// The purpose of a moment that is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Timer {
    /// The welcome has to be there.
    Handshake,
    /// Something should have come from the peer.
    Silence,
    /// The transport should have taken something.
    Stall,
    /// The time by which what arrived has to be acknowledged.
    Ack,
    /// The time by which what was asked for has to be sent before this side says goodbye.
    Finish,
    /// The peer's goodbye, or its close, has to be there.
    Drain,
    /// The client has to have come back.
    Resume,
}

impl Timer {
    const ALL: [Self; 7] = [
        Self::Handshake,
        Self::Silence,
        Self::Stall,
        Self::Ack,
        Self::Finish,
        Self::Drain,
        Self::Resume,
    ];
}

/// The first of some moments.
pub(super) struct NextDeadline(Option<Time>);

impl NextDeadline {
    pub(super) fn add(&mut self, at: Option<Time>) {
        if let Some(at) = at
            && self.0.is_none_or(|earliest| at < earliest)
        {
            self.0 = Some(at);
        }
    }

    pub(super) fn earliest(self) -> Option<Time> {
        self.0
    }
}

#[derive(Clone, Debug, Default)]
pub(super) struct Timers([Option<Time>; Timer::ALL.len()]);

impl Timers {
    pub(super) fn set(&mut self, timer: Timer, at: Time) {
        self.0[timer as usize] = Some(at);
    }

    /// Sets a timer that isn't running; a running one keeps its moment.
    pub(super) fn start(&mut self, timer: Timer, at: Time) {
        self.0[timer as usize].get_or_insert(at);
    }

    /// Sets a timer that isn't running, or would expire later.
    pub(super) fn set_earlier(&mut self, timer: Timer, at: Time) {
        let earlier = self.0[timer as usize].filter(|set| *set <= at);
        self.0[timer as usize] = earlier.or(Some(at));
    }

    pub(super) fn stop(&mut self, timer: Timer) {
        self.0[timer as usize] = None;
    }

    pub(super) fn stop_all(&mut self) {
        *self = Self::default();
    }

    pub(super) fn is_running(&self, timer: Timer) -> bool {
        self.0[timer as usize].is_some()
    }

    /// Stops and gives a timer that is due, the first of [`Timer::ALL`], and when it was.
    pub(super) fn expire(&mut self, now: Time) -> Option<(Timer, Time)> {
        let due = |timer: Timer| Some((timer, self.0[timer as usize].filter(|at| *at <= now)?));
        let (timer, at) = Timer::ALL.into_iter().find_map(due)?;
        // Stopped first: whoever acts on it may set it anew.
        self.stop(timer);
        Some((timer, at))
    }

    pub(super) fn next(&self) -> NextDeadline {
        let mut next = NextDeadline(None);
        for at in self.0 {
            next.add(at);
        }
        next
    }
}
