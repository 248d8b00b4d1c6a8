//! The shell's half.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use twinwire::session::{Event, Full, Outcome, RequestKey, Session, State};
use twinwire::{Goodbye, Time};

use crate::Taken;
use crate::channels::{lock, queue};
use crate::command::{Asked, Command, Control};
use crate::topics::Topics;

/// The requests of the application that drive a session, and who waits for them.
pub struct Requests {
    commands: queue::Receiver<Command>,
    /// Those that go first, while the others are held back.
    first: queue::Receiver<Command>,
    control: queue::Receiver<Control>,
    /// A session has begun anew, and the application isn't ready for it.
    is_held_back: bool,
    taken: Arc<Mutex<Option<Taken>>>,
    /// One that the session has no room for.
    held: Option<Command>,
    /// One of the application's that was held when its session was lost.
    held_back: Option<Command>,
    /// In the order of their keys, which is the one in which the session got them.
    pending: VecDeque<Pending>,
    pub(crate) topics: Topics,
    /// Who wants to know the time of a round trip.
    pings: Vec<Box<dyn FnOnce(Duration) + Send>>,
    /// What the application has said when it was done.
    pub(crate) goodbye: Option<Goodbye>,
    abandoned: bool,
}

struct Pending {
    key: RequestKey,
    /// Without its payload.
    asked: Asked,
}

impl Requests {
    pub(crate) fn new(
        commands: queue::Receiver<Command>,
        first: queue::Receiver<Command>,
        control: queue::Receiver<Control>,
        taken: Arc<Mutex<Option<Taken>>>,
    ) -> Self {
        Self {
            commands,
            first,
            control,
            is_held_back: false,
            taken,
            held: None,
            held_back: None,
            pending: VecDeque::new(),
            topics: Topics::default(),
            pings: Vec::new(),
            goodbye: None,
            abandoned: false,
        }
    }

    /// The other end has told what it takes: what it doesn't is refused at the handle from now on.
    pub fn told(&self, taken: Taken) {
        *lock(&self.taken) = Some(taken);
    }

    /// Another session has begun in the place of one that is lost, whose requests all have their outcomes.
    /// Requests are held back, but for those that [go first](crate::WeakRemote::upgrade_to_go_first), and
    /// nothing is joined again, until the application is [ready](Self::go_on).
    pub fn begin_anew(&mut self, session: &mut Session, now: Time) {
        if !self.pings.is_empty() {
            session.prompt(now);
        }
        self.topics.begin_anew();
        // What the application's work for the session before this one has left behind.
        let mut left = self.first.drain();
        if self.held_back.is_none() {
            self.held_back = self.held.take();
        }
        while let Some(command) = left.next().or_else(|| self.held.take()) {
            command.asked.settle(Outcome::NotReceived);
        }
        self.is_held_back = true;
    }

    /// The application is ready for the session: joins again what was joined, from where it stood, and
    /// takes requests.
    pub fn go_on(&mut self) {
        self.is_held_back = false;
    }

    /// Gives the session what the application wants, as far as there is room for it. Says whether
    /// there was anything.
    pub fn poll(&mut self, cx: &mut Context<'_>, session: &mut Session, now: Time) -> bool {
        let mut any = false;
        while let Poll::Ready(Some(control)) = self.control.poll_next(cx) {
            match control {
                Control::For(id, act) => act(self, id, session, now),
                Control::Do(act) => act(self, session, now),
            }
            any = true;
        }
        if !self.is_held_back {
            any |= self.topics.join_again(session, now);
        }
        // What is asked for while the other end goes waits: for another session, or for the end.
        let is_going = matches!(
            session.state(),
            State::Leaving | State::Parting | State::Closing | State::Closed
        );
        while !is_going && let Some(command) = self.next(cx) {
            if !session.has_room(command.asked.cost()) {
                self.held = Some(command);
                break;
            }
            (command.act)(self, command.asked, session, now);
            any = true;
        }
        // Without a connection nobody waits for what nobody can change any more.
        let waits = self.held.is_some() || self.held_back.is_some() || !self.commands.is_empty();
        let is_over = !waits || session.state() == State::Detached;
        self.abandoned = self.commands.poll_ended(cx).is_ready() && is_over;
        // What was asked for before goes before.
        if let Some(goodbye) = self.goodbye.take() {
            session.finish(now, goodbye);
        }
        any
    }

    /// Whether a request was held back for which there is room by now.
    pub fn can_go_on(&self, session: &Session) -> bool {
        let held = self.held.as_ref();
        session.state().takes_requests()
            && held.is_some_and(|command| session.has_room(command.asked.cost()))
    }

    /// Whether the last handle is gone.
    pub fn is_abandoned(&self) -> bool {
        self.abandoned
    }

    /// Takes an event that says what became of a request; gives back any other.
    pub fn take(&mut self, event: Event) -> Option<Event> {
        match self.topics.take(event)? {
            Event::Outcome { request, outcome } => self.settle(request, outcome),
            Event::Item { call, payload } => {
                let pending = self.place(call).and_then(|place| self.pending.get(place));
                if let Some(waiter) = pending.and_then(|pending| pending.asked.waiter.as_ref()) {
                    waiter.0.item(payload);
                }
            }
            Event::Pong { round_trip } => {
                for ping in std::mem::take(&mut self.pings) {
                    ping(round_trip);
                }
            }
            other => return Some(other),
        }
        None
    }

    /// The session is over: what hasn't reached it never will.
    pub fn end(&mut self) {
        let (mut under_way, mut first) = (self.commands.close(), self.first.close());
        self.pings.clear();
        self.topics.end();
        let mut next = || {
            let held = self.held.take().or_else(|| self.held_back.take());
            held.or_else(|| first.next()).or_else(|| under_way.next())
        };
        while let Some(command) = next() {
            command.asked.settle(Outcome::NotReceived);
        }
    }

    fn next(&mut self, cx: &mut Context<'_>) -> Option<Command> {
        if let Some(held) = self.held.take() {
            return Some(held);
        }
        if let Poll::Ready(Some(command)) = self.first.poll_next(cx) {
            return Some(command);
        }
        if self.is_held_back {
            return None;
        }
        if let Some(held) = self.held_back.take() {
            return Some(held);
        }
        match self.commands.poll_next(cx) {
            Poll::Ready(command) => command,
            Poll::Pending => None,
        }
    }

    /// Nobody waits for this request any more.
    pub(crate) fn cancel(&mut self, id: u64, session: &mut Session, now: Time) {
        self.held.take_if(|held| held.asked.id == id);
        self.held_back.take_if(|held| held.asked.id == id);
        let place = self.pending.iter().position(|of| of.asked.id == id);
        if let Some(pending) = place.and_then(|place| self.pending.remove(place)) {
            session.cancel(now, pending.key);
        }
    }

    /// A stream's consumer has taken an item.
    pub(crate) fn consumed(&mut self, id: u64, session: &mut Session, now: Time) {
        if let Some(pending) = self.pending.iter().find(|of| of.asked.id == id) {
            session.consumed(now, pending.key);
        }
    }

    /// All of a topic's subscribers have taken a publication.
    pub(crate) fn publication_consumed(&mut self, id: u64, session: &mut Session, now: Time) {
        if let Some(key) = self.topics.of_credit(id) {
            session.consumed(now, key);
        }
    }

    /// A topic's subscriber is gone.
    pub(crate) fn leave(&mut self, id: u64, session: &mut Session, now: Time) {
        self.topics.leave(id, session, now);
    }

    /// Somebody wants to know the time of a round trip.
    pub(crate) fn ping(
        &mut self,
        pong: Box<dyn FnOnce(Duration) + Send>,
        session: &mut Session,
        now: Time,
    ) {
        self.pings.push(pong);
        session.prompt(now);
    }

    /// Makes a request of its kind.
    pub(crate) fn make(&mut self, mut asked: Asked, session: &mut Session, now: Time) {
        let payload = std::mem::take(&mut asked.payload);
        let made = session.request(now, asked.kind, payload);
        self.made(asked, made);
    }

    /// Makes a request of its kind, unless whoever waited for its outcome has left.
    pub(crate) fn make_if_wanted(&mut self, asked: Asked, session: &mut Session, now: Time) {
        if !asked.is_unwanted() {
            self.make(asked, session, now);
        }
    }

    /// Puts the payload in the place of an earlier one that waits, or makes a request if none does.
    pub(crate) fn make_latest(&mut self, mut asked: Asked, session: &mut Session, now: Time) {
        let is_it = |of: &&Pending| of.asked.kind == asked.kind && of.asked.latest == asked.latest;
        if let Some(earlier) = self.pending.iter().rev().find(is_it) {
            let payload = std::mem::take(&mut asked.payload);
            match session.replace(earlier.key, payload) {
                Ok(()) => return,
                Err(payload) => asked.payload = payload,
            }
        }
        self.make(asked, session, now);
    }

    /// The session has been asked: what becomes of it is to be told.
    pub(crate) fn made(&mut self, asked: Asked, made: Result<RequestKey, Full>) {
        match made {
            Ok(key) => self.pending.push_back(Pending { key, asked }),
            Err(full) => debug_assert!(false, "there was room, yet: {full}"),
        }
    }

    fn settle(&mut self, request: RequestKey, outcome: Outcome) {
        let place = self.place(request);
        if let Some(pending) = place.and_then(|place| self.pending.remove(place)) {
            pending.asked.settle(outcome);
        }
    }

    fn place(&self, request: RequestKey) -> Option<usize> {
        let place = self.pending.binary_search_by_key(&request, |of| of.key);
        place.ok()
    }
}
