//! Requests: each is handled once at most, in order, and its maker learns the truth.

use tokio::time::Instant;
use twinwire::{PeerId, Refusal};
use twinwire_client::{CallError, EventError};

use super::calm::SOON;
use super::{Account, LATE};
use crate::kinds::Manner;

/// A maker of requests that keep their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Asker {
    /// A client's application.
    Client(usize),
    /// A client's `on_session_replaced`, whose requests go before the others.
    SessionReplaced(usize),
    /// A server, of a client.
    Server { process: u64, life: usize },
    /// The same, whose events the client hears beside its calls.
    Events { process: u64, life: usize },
}

impl Asker {
    pub(super) fn life(self) -> usize {
        match self {
            Self::Client(life)
            | Self::SessionReplaced(life)
            | Self::Server { life, .. }
            | Self::Events { life, .. } => life,
        }
    }

    pub(super) fn is_server(self) -> bool {
        matches!(self, Self::Server { .. } | Self::Events { .. })
    }
}

/// A receiver of events of which only the newest matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Reader {
    /// A client, of its server.
    Client(usize),
    /// The server, of a client.
    Server(usize),
}

/// The way of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    Call,
    Stream,
    Event,
    Publication,
    /// Of this room.
    Join(u8),
}

/// A request, as it is made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked {
    pub(crate) by: Asker,
    pub(crate) class: Class,
    pub(crate) manner: Manner,
}

/// The outcome of a request, as its maker learned.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Outcome {
    Replied(u64),
    Declined(u64),
    Refused(Refusal),
    Deadline,
    NotReceived,
    Closed,
    Unknown,
    /// An event has arrived.
    Accepted,
    Full,
    /// It can't be.
    Other(String),
}

impl Outcome {
    /// Returns the outcome of a call; `app` makes an id of the application's error.
    pub(crate) fn of_call<E: std::fmt::Debug>(error: CallError<E>, app: fn(E) -> u64) -> Self {
        match error {
            CallError::App(error) => Self::Declined(app(error)),
            CallError::Refused(refused) => Self::Refused(refused.why),
            CallError::Deadline => Self::Deadline,
            CallError::NotReceived => Self::NotReceived,
            CallError::Closed => Self::Closed,
            CallError::Unknown => Self::Unknown,
            other => Self::Other(format!("{other:?}")),
        }
    }
}

impl From<EventError> for Outcome {
    fn from(error: EventError) -> Self {
        match error {
            EventError::Refused(refused) => Self::Refused(refused.why),
            EventError::NotReceived => Self::NotReceived,
            EventError::Closed => Self::Closed,
            EventError::Unknown => Self::Unknown,
            EventError::Full => Self::Full,
            other => Self::Other(format!("{other:?}")),
        }
    }
}

#[derive(Debug)]
pub(super) struct Ask {
    asked: Asked,
    at: Instant,
    /// The number of sessions that its client had lost by then.
    freshes: u32,
    /// The time at which the join was asked for that is under way, if it may share in one.
    joins_since: Instant,
    /// The client's streams that were open then.
    open_streams: usize,
    began: bool,
    begun_at: Option<Instant>,
    /// The reply that its handler gave: an error, if it declined.
    answered: Option<Result<u64, u64>>,
    answered_at: Option<Instant>,
    outcome: Option<Outcome>,
    /// True once its maker wants no answer.
    is_given_up: bool,
    /// The newest request of all when that was so.
    given_up_after: u64,
    /// The number of items that its maker has had.
    items: u32,
}

impl Account {
    /// Notes a request in the moment in which it is made, and gives its id.
    pub(crate) fn asks(&mut self, asked: Asked) -> u64 {
        self.next_id += 1;
        let joins_since = self.joins_since(asked);
        let life = &mut self.lives[asked.by.life()];
        let ask = Ask {
            asked,
            at: Instant::now(),
            freshes: life.freshes,
            joins_since,
            open_streams: life.open_streams,
            began: false,
            begun_at: None,
            answered: None,
            answered_at: None,
            outcome: None,
            is_given_up: false,
            given_up_after: 0,
            items: 0,
        };
        if asked.class == Class::Stream && !asked.by.is_server() {
            life.open_streams += 1;
        }
        self.asks.insert(self.next_id, ask);
        self.tell(|| format!("{} is asked: {asked:?}", self.next_id));
        self.next_id
    }

    /// Returns the time of the first of the joins of a room that have no answer and share one.
    fn joins_since(&self, asked: Asked) -> Instant {
        let is_alike = |of: &Asked| (of.by, of.class) == (asked.by, asked.class);
        let is_join = matches!(asked.class, Class::Join(_));
        let mut waiting = self.asks.values().filter(|ask| ask.outcome.is_none());
        let shared = waiting.find(|ask| is_join && !ask.is_given_up && is_alike(&ask.asked));
        shared.map_or_else(Instant::now, |ask| ask.joins_since)
    }

    /// Notes that a client's handler was called.
    pub(crate) fn begins(&mut self, id: u64) {
        self.begins_in_order(id, None);
    }

    /// Notes that a handler of the server's was called, in one of its sessions.
    pub(crate) fn begins_in(&mut self, id: u64, session: PeerId) {
        self.begins_in_order(id, Some(session));
    }

    fn begins_in_order(&mut self, id: u64, session: Option<PeerId>) {
        self.steps += 1;
        let Some(ask) = self.asks.get_mut(&id) else {
            return self.wrong(|| format!("a handler is called for {id}, which nobody asked"));
        };
        let (by, outcome) = (ask.asked.by, ask.outcome.clone());
        self.tell(|| format!("{id} begins"));
        let Some(ask) = self.asks.get_mut(&id) else {
            return;
        };
        let twice = std::mem::replace(&mut ask.began, true);
        ask.begun_at = Some(Instant::now());
        self.ensure(!twice, || format!("the handler of {id} is called twice"));
        self.ensure(
            !matches!(
                outcome,
                Some(Outcome::NotReceived | Outcome::Closed | Outcome::Full)
            ),
            || format!("the handler of {id} is called, which ended as {outcome:?}"),
        );
        if let Some(later) = self.comes_after_its_cancel(id) {
            self.wrong(|| {
                format!("the handler of {id} is called, which was cancelled before {later} came")
            });
        }
        let in_all = !self.lives[by.life()].has_several;
        let begun = self.begun_of.entry(by).or_default();
        if let Err(what) = begun.add(id, session, in_all) {
            self.wrong(|| format!("the handler of {id} of {by:?} begins {what}"));
        }
    }

    /// Returns an event that came after the cancel of this call, in the same session.
    fn comes_after_its_cancel(&self, id: u64) -> Option<u64> {
        let ask = self.asks.get(&id)?;
        let life = &self.lives[ask.asked.by.life()];
        let later = self.asks.get(&life.arrived)?;
        let is_one = ask.freshes == life.freshes && later.freshes == life.freshes;
        // Whoever drops a receipt cancels nothing.
        let has_cancel = matches!(ask.asked.class, Class::Call | Class::Stream);
        let is_cancelled = ask.is_given_up && has_cancel && !ask.asked.by.is_server() && is_one;
        (is_cancelled && life.arrived > ask.given_up_after).then_some(life.arrived)
    }

    /// Checks that the session in which a client's handler began goes on, as the handler does.
    pub(crate) fn goes_on(&mut self, id: u64) {
        let Some(ask) = self.asks.get(&id) else {
            return;
        };
        // What comes with a welcome begins before the application learns of the session.
        let goes_on = ask.begun_at >= self.lives[ask.asked.by.life()].fresh_at;
        self.ensure(goes_on, || {
            format!("the handler of {id} goes on, and its session is lost")
        });
    }

    /// Notes the reply that a request's handler gives.
    pub(crate) fn answers(&mut self, id: u64, reply: Result<u64, u64>) {
        if let Some(ask) = self.asks.get_mut(&id) {
            ask.answered = Some(reply);
            ask.answered_at = Some(Instant::now());
        }
    }

    /// Notes an item of a stream, as its maker has it.
    pub(crate) fn item(&mut self, id: u64, of: u64, place: u32) {
        self.steps += 1;
        self.ensure(id == of, || {
            format!("the stream {id} is given an item of {of}")
        });
        let Some(ask) = self.asks.get_mut(&id) else {
            return;
        };
        let next = ask.items;
        ask.items += 1;
        self.ensure(place == next, || {
            format!("the stream {id} has item {place} in the place of {next}")
        });
    }

    /// Notes that a request's maker wants no answer.
    pub(crate) fn gives_up(&mut self, id: u64) {
        let Some(ask) = self.asks.get_mut(&id) else {
            return;
        };
        ask.is_given_up = true;
        ask.given_up_after = self.next_id;
        let asked = ask.asked;
        self.ends(asked);
    }

    fn ends(&mut self, asked: Asked) {
        if asked.class == Class::Stream && !asked.by.is_server() {
            self.lives[asked.by.life()].open_streams -= 1;
        }
    }

    /// Notes what a request's maker is told.
    pub(crate) fn told(&mut self, id: u64, outcome: Outcome) {
        self.steps += 1;
        let Some(ask) = self.asks.get(&id) else {
            return;
        };
        let asked = ask.asked;
        self.tell(|| format!("{id} ends: {outcome:?}"));
        if let Some(what) = self.untrue(id, &outcome) {
            self.wrong(|| format!("{id}, {asked:?}, {outcome:?}: {what}"));
        }
        self.ends(asked);
        if outcome == Outcome::Accepted && matches!(asked.by, Asker::Client(_)) {
            let arrived = &mut self.lives[asked.by.life()].arrived;
            *arrived = id.max(*arrived);
        }
        if let Some(ask) = self.asks.get_mut(&id) {
            let twice = ask.outcome.replace(outcome).is_some();
            self.ensure(!twice, || format!("{id} is answered twice"));
        }
    }

    /// Returns true if a client's answer must have come within its time.
    fn has_come(&self, ask: &Ask) -> bool {
        let by = ask.asked.by;
        // Where much waits for room, or a silence ends the connection, the answer may be on its way.
        let is_there = self.bounds.is_roomy && self.slept_since(by, ask.at) < self.bounds.heartbeat;
        let in_time = |answered: Instant| {
            answered + SOON <= ask.at + self.bounds.deadline && self.is_calm(by.life(), answered)
        };
        let is_of_client = ask.asked.class == Class::Call && !by.is_server();
        is_of_client && is_there && ask.answered_at.is_some_and(in_time)
    }

    /// Returns true if somebody was removed from the topic of a join that was under way.
    fn is_removed(&self, ask: &Ask) -> bool {
        let removed = match ask.asked.class {
            Class::Join(room) => self.removed.get(&room),
            Class::Call | Class::Stream | Class::Event | Class::Publication => None,
        };
        removed.is_some_and(|at| *at >= ask.joins_since)
    }

    /// Returns what is wrong with an outcome.
    fn untrue(&self, id: u64, outcome: &Outcome) -> Option<String> {
        let ask = self.asks.get(&id)?;
        let took = ask.at.elapsed();
        let awake = took
            .saturating_sub(self.slept_since(ask.asked.by, ask.at))
            .saturating_sub(self.parted_since(ask.asked.by, ask.at));
        let Asked { class, manner, by } = ask.asked;
        let time = self.bounds.deadline;
        let is_timed = class == Class::Call && self.bounds.is_roomy;
        if is_timed && awake > time + LATE {
            return Some(format!(
                "it came after {awake:?}, and its deadline is {time:?}"
            ));
        }
        let has_answered = |wanted: &Result<u64, u64>| match &ask.answered {
            Some(answered) if answered == wanted => None,
            answered => Some(format!("its handler gave {answered:?}")),
        };
        let never = |holds: bool, what: &str| (!holds).then(|| what.to_owned());
        match outcome {
            Outcome::Replied(_) if class == Class::Publication => None,
            Outcome::Replied(reply) => has_answered(&Ok(*reply))
                .or_else(|| never(*reply == id, "it is the answer of another")),
            Outcome::Declined(reply) => has_answered(&Err(*reply))
                .or_else(|| never(*reply == id, "it is the error of another")),
            Outcome::Deadline | Outcome::Refused(Refusal::Deadline) => {
                // A stream's time begins anew with each item, and who joins a topic shares in a join that is under way.
                let is_true =
                    matches!(class, Class::Stream | Class::Join(_)) || took + LATE >= time;
                let early = never(is_true, &format!("that is early: after {took:?}"));
                let has_come = *outcome == Outcome::Deadline && self.has_come(ask);
                early.or_else(|| never(!has_come, "its answer came in time"))
            }
            Outcome::NotReceived | Outcome::Closed | Outcome::Full => {
                let is_closed = *outcome != Outcome::Closed
                    || self.lives[by.life()].is_closed
                    || by.is_server();
                never(!ask.began, "its handler was called")
                    .or_else(|| never(is_closed, "nobody has closed it"))
            }
            Outcome::Unknown => None,
            Outcome::Accepted => never(class == Class::Event, "it is no event"),
            Outcome::Refused(Refusal::Panicked) => {
                let panics = matches!(manner, Manner::PanicsAtOnce | Manner::PanicsLater);
                never(panics || self.bounds.functions_fail, "nothing panicked")
            }
            Outcome::Refused(Refusal::Busy) => never(
                class == Class::Stream && ask.open_streams >= self.bounds.streams,
                &format!("{} streams are open", ask.open_streams),
            ),
            Outcome::Refused(Refusal::Denied) => never(self.is_removed(ask), "nobody was removed"),
            Outcome::Refused(Refusal::NoHandler) => never(by.is_server(), "it has a handler"),
            // Of a server's requests nobody makes older ones.
            Outcome::Refused(Refusal::KindDiffers) => never(
                by.is_server() && class == Class::Event && self.lives[by.life()].is_older,
                "both have the kind alike",
            ),
            Outcome::Refused(why) => Some(format!("nothing is the reason of {why:?}")),
            Outcome::Other(_) => Some("it can't be".to_owned()),
        }
    }

    /// Checks that all who wait have been answered, and that what was accepted in a session that goes on was handled.
    pub(crate) fn at_rest(&mut self) {
        let mut found = None;
        for (id, ask) in &self.asks {
            let life = &self.lives[ask.asked.by.life()];
            let waits = ask.outcome.is_none() && !ask.is_given_up;
            let goes_on = ask.freshes == life.freshes && !life.is_closed;
            let is_lost = ask.outcome == Some(Outcome::Accepted)
                && !ask.began
                && goes_on
                && !ask.asked.by.is_server();
            let is_unknown =
                ask.outcome == Some(Outcome::Unknown) && goes_on && !ask.asked.by.is_server();
            let what = match (waits, is_lost, is_unknown) {
                (true, ..) => "waits for ever",
                (_, true, _) => "was accepted and is never handled",
                (.., true) => "ended as unknown in a session that goes on",
                _ => continue,
            };
            let at = (ask.at - self.begun).as_secs_f64();
            found = Some(format!("{id}, {:?} of {at:.3} s, {what}", ask.asked));
            break;
        }
        let waits = self.waiting.iter().find(|(_, number)| **number > 0);
        let found = found.or_else(|| waits.map(|(what, _)| format!("{what} waits for ever")));
        if let Some(found) = found {
            self.wrong(|| found);
        }
    }

    /// Returns how many requests were made, and how many were handled.
    pub(crate) fn requests(&self) -> (u64, u64) {
        let begun = self.asks.values().filter(|ask| ask.began).count();
        (self.next_id, begun as u64)
    }

    /// Notes an event of which only the newest matters, as it arrives; at a server in one of its sessions.
    pub(crate) fn newest(&mut self, of: Reader, id: u64, session: Option<PeerId>) {
        self.steps += 1;
        let (Reader::Client(life) | Reader::Server(life)) = of;
        let in_all = !self.lives[life].has_several;
        let newest = self.newest.entry(of).or_default();
        if let Err(what) = newest.add(id, session, in_all) {
            self.wrong(|| format!("the newest that {of:?} has is {id}, {what}"));
        }
    }

    /// Notes the version of a client's handler that is called.
    pub(crate) fn handled_by(&mut self, life: usize, version: u32) {
        let (newest, since) = self.lives[life].handler;
        let is_newest = version == newest || since == Instant::now();
        self.ensure(is_newest, || {
            format!("client {life}: handler {version} is called, and {newest} has replaced it")
        });
    }
}
