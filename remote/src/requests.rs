//! The shell's half.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use twinwire::Time;
use twinwire::frame::Start;
use twinwire::session::{Event, Outcome, RequestKey, Session, State};

use crate::Taken;
use crate::channels::{lock, once, queue};
use crate::command::{Act, Command, Control, Piece, Waiter};
use crate::topics::{Subscriber, Topics};

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
    topics: Topics,
    pings: Vec<once::Sender<Duration>>,
    own_control: queue::WeakSender<Control>,
    abandoned: bool,
}

struct Pending {
    key: RequestKey,
    id: u64,
    kind: u32,
    waiter: Waiter,
}

impl Requests {
    pub(crate) fn new(
        commands: queue::Receiver<Command>,
        first: queue::Receiver<Command>,
        control: queue::Receiver<Control>,
        own_control: queue::WeakSender<Control>,
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
            own_control,
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
        if let Some(held) = self.held.take() {
            if self.held_back.is_none() {
                self.held_back = Some(held);
            } else {
                left.push(held);
            }
        }
        for command in left {
            tell(command.waiter, Outcome::NotReceived);
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
        let mut goodbye = None;
        while let Poll::Ready(Some(control)) = self.control.poll_next(cx) {
            match control {
                Control::Close(said) => goodbye = Some(said),
                control => self.obey(control, session, now),
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
            if !session.has_room(command.cost()) {
                self.held = Some(command);
                break;
            }
            self.request(command, session, now);
            any = true;
        }
        // Without a connection nobody waits for what nobody can change any more.
        let waits = self.held.is_some() || self.held_back.is_some() || !self.commands.is_empty();
        let is_over = !waits || session.state() == State::Detached;
        self.abandoned = self.commands.poll_ended(cx).is_ready() && is_over;
        // What was asked for before goes before.
        if let Some(goodbye) = goodbye {
            session.finish(now, goodbye);
        }
        any
    }

    /// Whether a request was held back for which there is room by now.
    pub fn can_go_on(&self, session: &Session) -> bool {
        let held = self.held.as_ref();
        session.state().takes_requests()
            && held.is_some_and(|command| session.has_room(command.cost()))
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
                if let Some(Waiter::Stream(pieces)) = self.waiter(call) {
                    // A consumer that left has had its stream cancelled, or soon will.
                    let _ = pieces.send(Piece::Item(payload));
                }
            }
            Event::Pong { round_trip } => {
                for ping in self.pings.drain(..) {
                    // Who left meanwhile wants nothing.
                    let _ = ping.send(round_trip);
                }
            }
            other => return Some(other),
        }
        None
    }

    /// The session is over: what hasn't reached it never will.
    pub fn end(&mut self) {
        let (under_way, first) = (self.commands.close(), self.first.close());
        self.pings.clear();
        self.topics.end();
        let held = self.held.take().into_iter().chain(self.held_back.take());
        for command in held.chain(first).chain(under_way) {
            tell(command.waiter, Outcome::NotReceived);
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

    fn obey(&mut self, control: Control, session: &mut Session, now: Time) {
        match control {
            Control::Cancel(id) => {
                self.held.take_if(|held| held.id == id);
                self.held_back.take_if(|held| held.id == id);
                let place = self.pending.iter().position(|pending| pending.id == id);
                if let Some(Pending { key, .. }) =
                    place.and_then(|place| self.pending.remove(place))
                {
                    session.cancel(now, key);
                }
            }
            Control::Consumed(id) => {
                let pending = self.pending.iter().find(|pending| pending.id == id);
                let key = pending.map(|pending| pending.key);
                if let Some(key) = key.or_else(|| self.topics.of_credit(id)) {
                    session.consumed(now, key);
                }
            }
            Control::Leave(id) => self.topics.leave(id, session, now),
            Control::PutOut(alias) => session.put_out(now, alias),
            Control::Prompt => session.prompt(now),
            Control::Ping(waiter) => {
                self.pings.push(waiter);
                session.prompt(now);
            }
            Control::Close(goodbye) => session.finish(now, goodbye),
        }
    }

    fn request(&mut self, command: Command, session: &mut Session, now: Time) {
        let Command {
            id,
            kind,
            payload,
            act,
            waiter,
        } = command;
        let is_unwanted = match &waiter {
            Waiter::Call(waiter) => waiter.is_closed(),
            Waiter::Stream(pieces) => pieces.is_closed(),
            Waiter::Subscriber(subscriber) => subscriber.is_gone(),
            Waiter::Receipt(_) | Waiter::Latest(_) => false,
        };
        if is_unwanted {
            return;
        }
        let made = match act {
            Act::Request => match &waiter {
                Waiter::Latest(name) => match self.replace(kind, name, payload, session) {
                    Some(payload) => session.request(now, kind, payload),
                    None => return,
                },
                _ => session.request(now, kind, payload),
            },
            Act::Invite { position } => session.invite(now, kind, &payload, position),
            Act::Publish { key } => session.publish(now, kind, &key, &payload),
            Act::Join { start } => match waiter {
                Waiter::Subscriber(subscriber) => {
                    return self.join(kind, payload, start, subscriber, session, now);
                }
                _ => return,
            },
        };
        match made {
            Ok(key) => {
                self.pending.push_back(Pending {
                    key,
                    id,
                    kind,
                    waiter,
                });
            }
            Err(full) => debug_assert!(false, "there was room, yet: {full}"),
        }
    }

    /// Puts the payload in the place of an earlier one that waits; gives it back if none does.
    fn replace(
        &self,
        kind: u32,
        name: &str,
        payload: Vec<u8>,
        session: &mut Session,
    ) -> Option<Vec<u8>> {
        let is_it = |pending: &&Pending| {
            pending.kind == kind && matches!(&pending.waiter, Waiter::Latest(of) if of == name)
        };
        match self.pending.iter().rev().find(is_it) {
            Some(earlier) => session.replace(earlier.key, payload).err(),
            None => Some(payload),
        }
    }

    fn join(
        &mut self,
        kind: u32,
        key: Vec<u8>,
        start: Start,
        subscriber: Subscriber,
        session: &mut Session,
        now: Time,
    ) {
        let Err((key, subscriber)) = self.topics.share(kind, key, subscriber) else {
            return;
        };
        match session.subscribe(now, kind, &key, start) {
            Ok(request) => {
                let control = self.own_control.clone();
                self.topics.joining(request, kind, key, subscriber, control);
            }
            Err(full) => debug_assert!(false, "there was room, yet: {full}"),
        }
    }

    fn waiter(&self, request: RequestKey) -> Option<&Waiter> {
        let pending = self.pending.get(self.place(request)?);
        pending.map(|pending| &pending.waiter)
    }

    fn settle(&mut self, request: RequestKey, outcome: Outcome) {
        let place = self.place(request);
        if let Some(pending) = place.and_then(|place| self.pending.remove(place)) {
            tell(pending.waiter, outcome);
        }
    }

    fn place(&self, request: RequestKey) -> Option<usize> {
        let place = self.pending.binary_search_by_key(&request, |of| of.key);
        place.ok()
    }
}

/// Who left meanwhile wants nothing.
fn tell(waiter: Waiter, outcome: Outcome) {
    match waiter {
        Waiter::Call(waiter) | Waiter::Receipt(waiter) => {
            let _ = waiter.send(outcome);
        }
        Waiter::Stream(pieces) => {
            let _ = pieces.send(Piece::End(outcome));
        }
        Waiter::Latest(_) => {}
        Waiter::Subscriber(mut subscriber) => subscriber.tell(Err(outcome)),
    }
}
