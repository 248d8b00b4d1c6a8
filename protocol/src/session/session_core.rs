//! The part of a session that is the same at both ends.

use std::sync::Arc;

use super::acks::ReceivedSeq;
use super::conn::{Conn, Progress};
use super::cursors::Cursors;
use super::incoming::Incoming;
use super::liveness::Pings;
use super::outgoing::{Outgoing, Settled};
use super::outlines::Outlines;
use super::phase::Phase;
use super::queue::Fifo;
use super::retransmit::RetransmitLog;
use super::schedule::Schedule;
use super::side::AnyEvent;
use super::state::Role;
use super::timers::{Timer, Timers};
use super::topics::Subscriptions;
use super::{End, Event, State};
use crate::Time;
use crate::frame::{KindTable, PeerLimits, Refusal};
use crate::goodbye::{Goodbye, GoodbyeCode};
use crate::limits::Limits;

/// The part of a [`Session`](super::Session) that is the same at both ends: requests, their answers, streams, topics, and
/// the way to the end.
#[derive(Debug)]
pub struct SessionCore {
    pub(super) role: Role,
    pub(super) phase: Phase,
    pub(super) limits: Arc<Limits>,
    /// The newest moment that the shell told.
    pub(super) now: Time,
    pub(super) timers: Timers,
    /// None while there is no connection.
    pub(super) conn: Option<Conn>,
    pub(super) events: Fifo<AnyEvent>,
    pub(super) outgoing: Outgoing,
    pub(super) incoming: Incoming,
    pub(super) pings: Pings,
    pub(super) topics: Topics,
    /// The goodbye with which the application has ended the session, if ever so late. Before the session is over, it
    /// waits for what was asked for.
    pub(super) closed_with: Option<Goodbye>,
    pub(super) outlines: Outlines,
    pub(super) schedule: Schedule,
    /// The client's table of kinds.
    pub(super) table: Arc<KindTable>,
    /// The bounds of what the peer takes.
    pub(super) peer: PeerLimits,
    pub(super) received: ReceivedSeq,
    pub(super) retransmit: RetransmitLog,
}

/// The topics that a client has joined.
#[derive(Debug)]
pub(super) struct Topics {
    /// A client's subscriptions, and what either side leaves.
    pub(super) subscriptions: Subscriptions,
    /// A server's cursors into their logs.
    pub(super) cursors: Cursors,
}

impl SessionCore {
    pub(super) fn new(
        role: Role,
        phase: Phase,
        limits: Arc<Limits>,
        table: Arc<KindTable>,
    ) -> Self {
        Self {
            role,
            phase,
            now: Time::default(),
            timers: Timers::default(),
            conn: None,
            events: Fifo::default(),
            outgoing: Outgoing::new(&limits),
            incoming: Incoming::new(&limits),
            pings: Pings::default(),
            topics: Topics {
                subscriptions: Subscriptions::new(limits.subscription_window),
                cursors: Cursors::default(),
            },
            closed_with: None,
            outlines: Outlines::default(),
            schedule: Schedule::default(),
            table,
            peer: PeerLimits::default(),
            received: ReceivedSeq::default(),
            retransmit: RetransmitLog::new(limits.retained),
            limits,
        }
    }

    /// Returns the session's state.
    pub fn state(&self) -> State {
        self.phase.state()
    }

    /// Gives this to the application.
    pub(super) fn emit(&mut self, event: impl Into<AnyEvent>) {
        self.events.push(event.into());
    }

    /// Returns the bounds that this side tells with its hello or welcome.
    pub(super) fn bounds(&self, window: u64) -> PeerLimits {
        PeerLimits {
            window,
            stream: self.limits.stream_window,
            topic: self.limits.subscription_window,
            payload: self.limits.payload as u64,
        }
    }

    /// Returns true if the time for goodbyes is over.
    pub(super) fn is_given_up(&self) -> bool {
        let conn = self.conn.as_ref();
        conn.is_some_and(|conn| conn.progress == Progress::GivenUp)
    }

    pub(super) fn next_deadline(&self) -> Option<Time> {
        let mut next = self.timers.next();
        self.outgoing.add_deadlines(&mut next);
        self.incoming.add_deadlines(&mut next);
        next.earliest()
    }

    pub(super) fn open(&mut self, is_kept: bool) {
        self.phase = Phase::Open { is_kept };
        self.timers.stop(Timer::Handshake);
        self.on_receive();
    }

    pub(super) fn tick(&mut self) {
        while let Some((timer, due)) = self.timers.expire(self.now) {
            match timer {
                Timer::Handshake => {
                    let code = GoodbyeCode::TooSlow;
                    // A client that wants its session back tries again over another connection:
                    // only this one was late.
                    if !self.give_up_connection(End::TooSlow) {
                        self.fail(End::TooSlow, Goodbye::new(code, ""));
                    }
                }
                // Nobody is there to hear a goodbye.
                Timer::Resume => self.terminate(End::Lost),
                Timer::Silence => self.on_silence_timer(due),
                Timer::Stall => self.on_stall_timer(due),
                Timer::Ack => self.stop_waiting_with_ack(),
                Timer::Drain => self.on_drain_timer(),
                Timer::Finish => self.on_finish_timer(),
            }
        }
        self.outgoing.expire(self.now);
        self.report();
        while let Some(request) = self.incoming.cut_late(self.now) {
            self.emit(Event::Dropped {
                request,
                why: Refusal::Deadline,
            });
        }
    }

    /// Tells what became of the requests that are over.
    pub(super) fn report(&mut self) {
        for verdict in std::mem::take(&mut self.outgoing.ended) {
            self.settled(verdict);
        }
    }

    pub(super) fn settled(&mut self, (request, outcome): Settled) {
        // The session asks to leave topics by itself: no application knows those requests.
        if !self.topics.subscriptions.settle(request) {
            self.emit(Event::Outcome { request, outcome });
        }
    }
}
