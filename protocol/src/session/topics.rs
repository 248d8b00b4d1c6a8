//! Topics: a client's subscriptions, and a server's cursors into their logs.

use std::collections::VecDeque;

use super::credit::{Allowance, Grant, charge};
use super::send::append;
use super::sorted::Sorted;
use super::state::Role;
use super::{
    Event, Full, Outcome, Output, PeerMisbehaved, Pull, Request, RequestKey, Session, State,
    TopicRequest,
};
use crate::frame::{
    Answer, Frame, JOIN, Join, Joined, LEAVE, Leave, PUBLISH, Publication, Publish, Refusal,
    Resume, Resumed, Skipped, Start, TopicWindow,
};
use crate::limits::{MAX_MESSAGE, MAX_PART};
use crate::log::{Room, Slice};
use crate::{Alias, Class, Number, Offset, Time};

/// A client's subscriptions.
#[derive(Debug)]
pub(super) struct Subscriptions {
    /// Those that haven't been answered, and whether they are still wanted.
    joining: Sorted<RequestKey, bool>,
    active: Sorted<RequestKey, Subscription>,
    by_alias: Sorted<Alias, RequestKey>,
    /// What is being left, by the request that says so: its publications may still come.
    leaving: Sorted<RequestKey, Alias>,
    window: u64,
}

#[derive(Debug)]
struct Subscription {
    alias: Alias,
    /// The call that joined.
    join: Number,
    next: Offset,
    grant: Grant,
    /// What the publications that the application hasn't consumed were charged, in order.
    unconsumed: VecDeque<u64>,
}

impl Subscriptions {
    pub(super) fn new(window: u64) -> Self {
        Self {
            joining: Sorted::default(),
            active: Sorted::default(),
            by_alias: Sorted::default(),
            leaving: Sorted::default(),
            window,
        }
    }

    /// Whether the application hears nothing of this request's outcome.
    pub(super) fn settle(&mut self, request: RequestKey) -> bool {
        self.leaving.remove(request).is_some() || self.joining.remove(request) == Some(false)
    }

    pub(super) fn consumed(&mut self, subscription: RequestKey) -> bool {
        let Some(subscription) = self.active.get_mut(subscription) else {
            return false;
        };
        let charged = subscription.unconsumed.pop_front().unwrap_or(0);
        subscription.grant.release(charged);
        true
    }

    fn activate(&mut self, key: RequestKey, join: Number, joined: Joined) {
        let subscription = Subscription {
            alias: joined.alias,
            join,
            next: joined.position.offset,
            grant: Grant::new(self.window),
            unconsumed: VecDeque::new(),
        };
        if let Some(earlier) = self.by_alias.insert(joined.alias, key) {
            self.active.remove(earlier);
        }
        self.active.insert(key, subscription);
    }

    /// The subscription of an alias; none if it is being left.
    fn named(
        &mut self,
        alias: Alias,
    ) -> Result<Option<(RequestKey, &mut Subscription)>, PeerMisbehaved> {
        match self.by_alias.get(alias) {
            Some(key) => Ok(self.active.get_mut(*key).map(|found| (*key, found))),
            None if self.leaving.values().any(|leaving| *leaving == alias) => Ok(None),
            None => Err(PeerMisbehaved::NoSuchTopic),
        }
    }

    /// What the server has to know to go on over another connection.
    pub(super) fn told_again(&mut self) -> Vec<Resumed> {
        let told = self.active.values_mut().map(|subscription| Resumed {
            alias: subscription.alias,
            join: subscription.join,
            next: subscription.next,
            used: subscription.grant.arrived(),
            limit: subscription.grant.tell(),
        });
        told.collect()
    }

    pub(super) fn has_news(&self) -> bool {
        let mut active = self.active.values();
        active.any(|subscription| subscription.grant.is_worth_telling())
    }

    /// A subscription of which the server should hear how far it may go.
    fn news(&mut self) -> Option<&mut Subscription> {
        let mut active = self.active.values_mut();
        active.find(|subscription| subscription.grant.is_worth_telling())
    }
}

/// Where a server's client stands in the topics that it has joined.
#[derive(Debug, Default)]
pub(super) struct Cursors {
    all: Sorted<Alias, Cursor>,
    /// Who had its turn last.
    last: Option<Alias>,
}

#[derive(Debug)]
struct Cursor {
    /// The call that joined.
    join: Number,
    /// The number of its reply, once that is out.
    reply: Option<Number>,
    /// Where it began.
    start: Offset,
    /// The first that the client doesn't have.
    next: Offset,
    /// The first that the log doesn't have.
    head: Offset,
    window: Allowance,
    /// The client awaits publications.
    active: bool,
    /// The window has no room for the next entry.
    blocked: bool,
}

impl Cursor {
    fn is_ready(&self) -> bool {
        self.active && !self.blocked && self.next < self.head
    }
}

impl Cursors {
    /// The reply to this join is out.
    pub(super) fn activate(&mut self, alias: Alias, join: Number, reply: Number) {
        let cursor = self.all.get_mut(alias);
        if let Some(cursor) = cursor.filter(|cursor| cursor.join == join) {
            cursor.active = true;
            cursor.reply = Some(reply);
        }
    }

    /// The client stands where it says, whatever was sent to it. Of what it doesn't name, it either hears
    /// the reply to its join again, and begins there, or it has left it, and its leave comes again.
    pub(super) fn resume(&mut self, wanted: &Resume, window: u64) {
        for (alias, cursor) in self.all.iter_mut() {
            let mut told = wanted.subscriptions.iter();
            cursor.blocked = false;
            match told.find(|told| told.alias == alias && told.join == cursor.join) {
                Some(told) => {
                    let end = cursor.head.max(cursor.next);
                    let next = mutant!("cursor_trusted", cursor.next, told.next);
                    cursor.next = next.clamp(cursor.start, end);
                    let used = mutant!("used_forgotten", 0, told.used);
                    cursor.window = Allowance::used(told.limit, used);
                    cursor.active = true;
                }
                None => {
                    cursor.next = cursor.start;
                    cursor.window = Allowance::new(window);
                    cursor.active &= cursor.reply > wanted.received;
                }
            }
        }
    }

    pub(super) fn clear(&mut self) {
        self.all.clear();
    }

    fn ready(&self) -> Option<(Alias, &Cursor)> {
        let mut cursors = self.all.iter_after(self.last);
        cursors.find(|(_, cursor)| cursor.is_ready())
    }
}

/// What a client does.
impl Session {
    /// Joins a topic: `kind` is its place in the table, `key` its value. [`Event::Joined`] tells that it
    /// was joined, then each publication comes as [`Event::Publication`] with the key returned here; or
    /// the join's outcome comes as that of any request. A topic is joined once at a time.
    ///
    /// # Errors
    /// As of [`request`](Self::request).
    pub fn subscribe(
        &mut self,
        now: Time,
        kind: u32,
        key: &[u8],
        start: Start,
    ) -> Result<RequestKey, Full> {
        let payload = Join { kind, key, start }.encode();
        let request = self.topic_request(now, kind, JOIN, payload)?;
        self.subscriptions.joining.insert(request, true);
        Ok(request)
    }

    /// Leaves a topic, also one that is still being joined: nothing more comes of it.
    pub fn unsubscribe(&mut self, now: Time, subscription: RequestKey) {
        self.now = self.now.max(now);
        if let Some(wanted) = self.subscriptions.joining.get_mut(subscription) {
            *wanted = false;
        } else if let Some(left) = self.subscriptions.active.remove(subscription) {
            self.subscriptions.by_alias.remove(left.alias);
            self.leave(left.alias, left.join);
        }
        self.events.retain(|event| match event {
            Event::Joined {
                subscription: of, ..
            }
            | Event::Publication {
                subscription: of, ..
            }
            | Event::Skipped {
                subscription: of, ..
            } => *of != subscription,
            _ => true,
        });
    }

    /// Publishes to a topic. The outcome is that of a call whose reply is the offset; see
    /// [`decode_offset`](crate::frame::decode_offset).
    ///
    /// # Errors
    /// As of [`request`](Self::request).
    pub fn publish(
        &mut self,
        now: Time,
        kind: u32,
        key: &[u8],
        item: &[u8],
    ) -> Result<RequestKey, Full> {
        if item.len() > MAX_PART {
            self.now = self.now.max(now);
            return Ok(self.refused(Outcome::refused(Refusal::TooLarge)));
        }
        let payload = Publish { kind, key, item }.encode();
        self.topic_request(now, kind, PUBLISH, payload)
    }

    fn topic_request(
        &mut self,
        now: Time,
        kind: u32,
        act: u32,
        payload: Vec<u8>,
    ) -> Result<RequestKey, Full> {
        self.now = self.now.max(now);
        match self.judge_request(kind, payload.len(), |class| class == Class::Topic) {
            Ok(class) => self.outgoing.push(self.now, class, act, payload),
            Err(outcome) => Ok(self.refused(outcome)),
        }
    }

    /// Takes back one join, and none that came after it.
    fn leave(&mut self, alias: Alias, join: Number) {
        if self.is_welcomed() {
            let request = self.outgoing.push_leave(Leave { alias, join }.encode());
            self.subscriptions.leaving.insert(request, alias);
        }
    }

    /// The server has answered a join. Who made it may have left.
    pub(super) fn join_answered(
        &mut self,
        join: Number,
        request: Option<RequestKey>,
        answer: Answer<Vec<u8>>,
    ) -> Result<(), PeerMisbehaved> {
        let Answer::Value(payload) = answer else {
            let verdict = request.map(|request| (request, Outcome::Answered(answer)));
            self.report(verdict.into_iter().collect());
            return Ok(());
        };
        let joined = Joined::decode(&payload)?;
        let wanted = request.filter(|request| {
            let wanted = self.subscriptions.joining.remove(*request);
            wanted == Some(true)
        });
        match wanted {
            Some(subscription) => {
                self.subscriptions.activate(subscription, join, joined);
                self.events.push_back(Event::Joined {
                    subscription,
                    joined,
                });
            }
            None => self.leave(joined.alias, join),
        }
        Ok(())
    }

    pub(super) fn publication(
        &mut self,
        publication: &Publication<'_>,
    ) -> Result<(), PeerMisbehaved> {
        let Publication {
            alias,
            offset,
            payload,
        } = *publication;
        let Some((key, subscription)) = self.subscriptions.named(alias)? else {
            return Ok(());
        };
        if offset != subscription.next || offset >= Offset::LAST {
            return Err(PeerMisbehaved::OffsetSkipped);
        }
        let charged = charge(payload.len());
        let arrived = subscription.grant.arrive(charged);
        arrived.map_err(|_| PeerMisbehaved::WindowOverrun)?;
        subscription.next = offset.next();
        subscription.unconsumed.push_back(charged);
        self.events.push_back(Event::Publication {
            subscription: key,
            offset,
            payload: payload.to_vec(),
        });
        Ok(())
    }

    pub(super) fn skipped(&mut self, skipped: Skipped) -> Result<(), PeerMisbehaved> {
        let Some((key, subscription)) = self.subscriptions.named(skipped.alias)? else {
            return Ok(());
        };
        if skipped.from != subscription.next {
            return Err(PeerMisbehaved::OffsetSkipped);
        }
        let charged = charge(0);
        let arrived = subscription.grant.arrive(charged);
        arrived.map_err(|_| PeerMisbehaved::WindowOverrun)?;
        subscription.next = skipped.to;
        subscription.unconsumed.push_back(charged);
        self.events.push_back(Event::Skipped {
            subscription: key,
            skipped,
        });
        Ok(())
    }
}

/// What a server does.
impl Session {
    /// A request of a reserved kind starts.
    pub(super) fn start_topic_request(&mut self, request: Request) -> Result<(), PeerMisbehaved> {
        let Request {
            number,
            kind,
            payload,
            ..
        } = request;
        let (kind, payload, topic) = match kind {
            JOIN if self.cursors.all.len() >= self.limits.subscriptions => {
                self.incoming.cut(number, Refusal::Busy);
                return Ok(());
            }
            JOIN => {
                let Join { kind, key, start } = Join::decode(&payload)?;
                (kind, key.to_vec(), TopicRequest::Join { start })
            }
            PUBLISH => {
                let Publish { kind, key, item } = Publish::decode(&payload)?;
                let key = key.to_vec();
                (kind, item.to_vec(), TopicRequest::Publish { key })
            }
            LEAVE => {
                let Leave { alias, join } = Leave::decode(&payload)?;
                let cursor = self.cursors.all.get(alias);
                let is_join = |of: Number| of == join || mutant!("leave_of_any_join");
                if cursor.is_some_and(|cursor| is_join(cursor.join)) {
                    self.cursors.all.remove(alias);
                    self.events.push_back(Event::Left { alias });
                }
                self.incoming.answer(number, Answer::Value(Vec::new()));
                return Ok(());
            }
            _ => return Err(PeerMisbehaved::KindBeyondTable),
        };
        match self.class(kind) {
            Some(Class::Topic) => {}
            Some(Class::Call | Class::Stream | Class::Event) => {
                return Err(PeerMisbehaved::WrongClass);
            }
            None => return Err(PeerMisbehaved::KindBeyondTable),
        }
        self.events.push_back(Event::Request(Request {
            number,
            class: Class::Topic,
            kind,
            payload,
            topic: Some(topic),
        }));
        Ok(())
    }

    /// Whether a request of the client's still waits for its answer.
    pub fn awaits_answer(&self, request: Number) -> bool {
        self.incoming.is_running(request)
    }

    /// Answers a request to join: the log will be read from the position that `joined` tells, and has
    /// entries up to `head` and without it. Nothing happens if it
    /// [isn't awaited](Self::awaits_answer) any more. An earlier join of the topic is over with this.
    pub fn joined(&mut self, now: Time, call: Number, joined: Joined, head: Offset) {
        self.now = self.now.max(now);
        let alias = joined.alias;
        if !self.incoming.is_running(call) {
            return;
        }
        self.incoming.answer_join(call, joined.encode(), alias);
        let cursor = Cursor {
            join: call,
            reply: None,
            start: joined.position.offset,
            next: joined.position.offset,
            head,
            window: Allowance::new(self.peer.topic),
            active: false,
            blocked: false,
        };
        self.cursors.all.insert(alias, cursor);
    }

    /// A log has entries up to `head`, and without it.
    pub fn news(&mut self, alias: Alias, head: Offset) {
        if let Some(cursor) = self.cursors.all.get_mut(alias) {
            cursor.head = cursor.head.max(head);
        }
    }

    pub(super) fn topic_window(&mut self, window: TopicWindow) {
        // One that was left meanwhile may still be named.
        if let Some(cursor) = self.cursors.all.get_mut(window.alias) {
            cursor.window.raise(window.limit);
            cursor.blocked = false;
        }
    }

    pub(super) fn has_pull(&self) -> bool {
        self.may_pull() && self.cursors.ready().is_some()
    }

    /// Publications follow the welcome, and the replies to their joins, also where those are sent again.
    fn may_pull(&self) -> bool {
        let replayed = self.opening.is_none() && self.retained.is_written();
        self.state == State::Open && (replayed || mutant!("replay_races_live"))
    }

    /// The log to be read next.
    pub(super) fn pull(&self) -> Option<Output> {
        if !self.may_pull() {
            return None;
        }
        let (alias, cursor) = self.cursors.ready()?;
        let room = Room {
            bytes: MAX_MESSAGE,
            credit: cursor.window.left(),
        };
        let from = cursor.next;
        Some(Output::Pull(Pull { alias, from, room }))
    }

    /// Says what came of an [`Output::Pull`]; its frames have been sent as a message, if there were any. A
    /// slice of nothing, with `more`, puts the topic off until its client gives it more room.
    pub fn pulled(&mut self, now: Time, pull: Pull, slice: Slice) {
        self.now = self.now.max(now);
        self.cursors.last = Some(pull.alias);
        if let Some(cursor) = self.cursors.all.get_mut(pull.alias) {
            cursor.next = slice.next;
            cursor.window.spend(slice.charged);
            cursor.blocked = slice.more && slice.next == pull.from;
            if !slice.more {
                cursor.head = slice.next;
            }
        }
    }
}

impl Session {
    pub(super) fn write_topic_windows(&mut self, out: &mut Vec<u8>) {
        if self.state != State::Open || self.role == Role::Server {
            return;
        }
        while let Some(subscription) = self.subscriptions.news() {
            let window = TopicWindow {
                alias: subscription.alias,
                limit: subscription.grant.granted(),
            };
            if !append(&Frame::TopicWindow(window), out) {
                return;
            }
            subscription.grant.tell();
        }
    }
}
