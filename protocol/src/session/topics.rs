//! Topics: a client's subscriptions.

use super::credit::{RecvWindow, charge};
use super::outgoing::Outgoing;
use super::queue::Fifo;
use super::send::append;
use super::side::AnyEvent;
use super::sorted::Sorted;
use super::state::Role;
use super::{
    ClientEvent, ClientSide, Event, Full, Outcome, PeerMisbehaved, Request, RequestKey, Session,
    SessionCore, State, TopicRequest,
};
use crate::frame::{
    Answer, Frame, INVITE, Invite, JOIN, Join, Joined, LEAVE, Leave, PUBLISH, Publication, Publish,
    Refusal, Resumed, Skipped, Start, TopicWindow,
};
use crate::limits::MAX_PART;
use crate::{Alias, Class, Offset, SeqNo, Time};

/// A client's subscriptions.
#[derive(Debug)]
pub(super) struct Subscriptions {
    /// The requests that haven't been answered.
    asked: Sorted<RequestKey, UnansweredRequest>,
    active: Sorted<RequestKey, ActiveSubscription>,
    by_alias: Sorted<Alias, RequestKey>,
    window: u64,
}

/// A request of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum UnansweredRequest {
    Join,
    /// A join whose subscriber has left.
    UnwantedJoin,
    /// To leave this topic: its publications may still come.
    Leave(Alias),
}

#[derive(Debug)]
struct ActiveSubscription {
    alias: Alias,
    /// The call that joined.
    join: SeqNo,
    next: Offset,
    grant: RecvWindow,
    /// The charges of the publications that the application hasn't consumed, in order.
    unconsumed: Fifo<u64>,
}

impl Subscriptions {
    pub(super) fn new(window: u64) -> Self {
        Self {
            asked: Sorted::default(),
            active: Sorted::default(),
            by_alias: Sorted::default(),
            window,
        }
    }

    /// Takes over the joins of another session that were never sent, but for those that nobody wants any more.
    pub(super) fn follow(&mut self, earlier: &mut Self, outgoing: &mut Outgoing) {
        for (join, asked) in earlier.asked.take_all() {
            // Nobody is left to join for. Of leaves nothing was carried over: their topics went
            // with the session.
            if asked != UnansweredRequest::Join {
                outgoing.drop_unsent_join(join);
            } else if outgoing.is_unsent(join) {
                self.asked.insert(join, asked);
            }
        }
    }

    pub(super) fn check_invariants(&self) {
        assert_eq!(
            self.active.len(),
            self.by_alias.len(),
            "each alias names one subscription"
        );
        for (key, subscription) in self.active.iter() {
            assert_eq!(self.by_alias.get(subscription.alias), Some(&key));
            subscription.grant.check_invariants();
        }
    }

    /// Settles a request. Returns true if the application hears nothing of its outcome.
    pub(super) fn settle(&mut self, request: RequestKey) -> bool {
        let asked = self.asked.remove(request);
        asked.is_some_and(|asked| asked != UnansweredRequest::Join)
    }

    pub(super) fn consumed(&mut self, subscription: RequestKey) -> bool {
        let Some(subscription) = self.active.get_mut(subscription) else {
            return false;
        };
        // One that takes more than it was given frees nothing.
        let charged = subscription.unconsumed.pop().unwrap_or(0);
        subscription.grant.release(charged);
        true
    }

    /// Returns the number of topics that are joined, of joins and leaves that aren't answered, and of publications that
    /// the application hasn't consumed.
    pub(super) fn count(&self) -> (usize, usize, usize) {
        let active = self.active.values();
        let unconsumed = active.map(|of| of.unconsumed.iter().count()).sum();
        (self.active.len(), self.asked.len(), unconsumed)
    }

    /// Marks a join as unwanted. Returns true if somebody wanted it until now.
    fn give_up(&mut self, joining: RequestKey) -> bool {
        let Some(asked) = self.asked.get_mut(joining) else {
            return false;
        };
        let is_wanted = *asked == UnansweredRequest::Join;
        if is_wanted {
            *asked = UnansweredRequest::UnwantedJoin;
        }
        is_wanted
    }

    fn activate(&mut self, key: RequestKey, join: SeqNo, joined: Joined) {
        let subscription = ActiveSubscription {
            alias: joined.alias,
            join,
            next: joined.position.offset,
            grant: RecvWindow::new(self.window),
            unconsumed: Fifo::default(),
        };
        // The server has one cursor for each topic: the later join has taken the place of the
        // earlier.
        if let Some(earlier) = self.by_alias.remove(joined.alias) {
            self.active.remove(earlier);
        }
        self.by_alias.insert(joined.alias, key);
        self.active.insert(key, subscription);
    }

    fn of_alias(&mut self, alias: Alias) -> Option<(RequestKey, &mut ActiveSubscription)> {
        let key = *self.by_alias.get(alias)?;
        self.active.get_mut(key).map(|found| (key, found))
    }

    /// Returns the subscription of an alias; none if it is being left.
    fn named(
        &mut self,
        alias: Alias,
    ) -> Result<Option<(RequestKey, &mut ActiveSubscription)>, PeerMisbehaved> {
        let leave = UnansweredRequest::Leave(alias);
        // What is published until the server hears of a leave still comes, and is dropped.
        if !self.by_alias.contains_key(alias) && !self.asked.values().any(|asked| *asked == leave) {
            return Err(PeerMisbehaved::NoSuchTopic);
        }
        Ok(self.of_alias(alias))
    }

    /// Returns what the server has to know to go on over another connection.
    pub(super) fn told_again(&mut self) -> Vec<Resumed> {
        let told = self.active.values_mut().map(|subscription| Resumed {
            alias: subscription.alias,
            join: subscription.join,
            next: subscription.next,
            used: subscription.grant.arrived(),
            // A hello tells the windows: no frame need tell them again.
            limit: subscription.grant.tell(),
        });
        told.collect()
    }

    pub(super) fn has_news(&self) -> bool {
        let mut active = self.active.values();
        active.any(|subscription| subscription.grant.is_worth_telling())
    }

    /// Returns a subscription of which the server should hear how far it may go.
    fn news(&mut self) -> Option<&mut ActiveSubscription> {
        let mut active = self.active.values_mut();
        active.find(|subscription| subscription.grant.is_worth_telling())
    }
}

/// The client's topics.
impl Session<ClientSide> {
    /// Joins a topic: `kind` is its place in the table, `key` its value. [`ClientEvent::Joined`] tells that it
    /// was joined, then each publication comes as [`ClientEvent::Publication`] with the key returned here; or
    /// the join's outcome comes as that of any request. A topic is joined once at a time.
    ///
    /// # Errors
    /// As of [`request`](SessionCore::request).
    pub fn subscribe(
        &mut self,
        now: Time,
        kind: u32,
        key: &[u8],
        start: Start,
    ) -> Result<RequestKey, Full> {
        ClientSide::subscribe(self, now, kind, key, start)
    }

    /// Leaves a topic, also one that is still being joined: nothing more comes of it.
    pub fn unsubscribe(&mut self, now: Time, subscription: RequestKey) {
        ClientSide::unsubscribe(self, now, subscription);
    }

    /// Publishes to a topic. The outcome is that of a call whose reply is the offset; see
    /// [`decode_offset`](crate::frame::decode_offset).
    ///
    /// # Errors
    /// As of [`request`](SessionCore::request).
    pub fn publish(
        &mut self,
        now: Time,
        kind: u32,
        key: &[u8],
        item: &[u8],
    ) -> Result<RequestKey, Full> {
        ClientSide::publish(self, now, kind, key, item)
    }
}

/// The same for those who hold only the half that both ends have: `remote`'s requests.
impl ClientSide {
    /// As [`Session::subscribe`].
    ///
    /// # Errors
    /// As of [`request`](SessionCore::request).
    pub fn subscribe(
        core: &mut SessionCore,
        now: Time,
        kind: u32,
        key: &[u8],
        start: Start,
    ) -> Result<RequestKey, Full> {
        let payload = Join { kind, key, start }.encode();
        Ok(match core.make_topic_request(now, kind, JOIN, payload)? {
            Ok(request) => {
                core.topics
                    .subscriptions
                    .asked
                    .insert(request, UnansweredRequest::Join);
                request
            }
            Err(outcome) => core.refused(outcome),
        })
    }

    /// As [`Session::unsubscribe`].
    pub fn unsubscribe(core: &mut SessionCore, now: Time, subscription: RequestKey) {
        core.now = core.now.max(now);
        if let Some(left) = core.topics.subscriptions.active.remove(subscription) {
            core.topics.subscriptions.by_alias.remove(left.alias);
            core.leave(left.alias, left.join);
        } else if core.outgoing.drop_unsent_join(subscription) {
            // Sent after all, it would follow a join of the same topic that was made since.
            core.topics.subscriptions.asked.remove(subscription);
        } else {
            // The join is on its way, or goes next: the topic is left when the reply comes.
            core.topics.subscriptions.give_up(subscription);
        }
        // What has come and wouldn't be heard until later is of a topic that was left, too.
        core.drop_events(subscription, |event| match event {
            AnyEvent::Client(
                ClientEvent::Joined {
                    subscription: of, ..
                }
                | ClientEvent::Publication {
                    subscription: of, ..
                }
                | ClientEvent::Skipped {
                    subscription: of, ..
                }
                | ClientEvent::Removed { subscription: of },
            ) => Some(*of),
            _ => None,
        });
    }

    /// As [`Session::publish`].
    ///
    /// # Errors
    /// As of [`request`](SessionCore::request).
    pub fn publish(
        core: &mut SessionCore,
        now: Time,
        kind: u32,
        key: &[u8],
        item: &[u8],
    ) -> Result<RequestKey, Full> {
        // Subscribers get an item in one frame: publications have no parts.
        if item.len() > MAX_PART {
            core.now = core.now.max(now);
            return Ok(core.refused(Outcome::refused(Refusal::TooLarge)));
        }
        let payload = Publish { kind, key, item }.encode();
        core.topic_request(now, kind, PUBLISH, payload)
    }
}

impl SessionCore {
    pub(super) fn topic_request(
        &mut self,
        now: Time,
        kind: u32,
        act: u32,
        payload: Vec<u8>,
    ) -> Result<RequestKey, Full> {
        let asked = self.make_topic_request(now, kind, act, payload)?;
        Ok(asked.unwrap_or_else(|outcome| self.refused(outcome)))
    }

    fn make_topic_request(
        &mut self,
        now: Time,
        kind: u32,
        act: u32,
        payload: Vec<u8>,
    ) -> Result<Result<RequestKey, Outcome>, Full> {
        self.now = self.now.max(now);
        match self.judge_request(kind, payload.len(), |class| class == Class::Topic) {
            Ok(class) => self.outgoing.push(self.now, class, act, payload).map(Ok),
            Err(outcome) => Ok(Err(outcome)),
        }
    }

    /// Takes back one join, and none that came after it. Nobody hears what became of that.
    pub(super) fn leave(&mut self, alias: Alias, join: SeqNo) {
        // A session that is over has left its topics.
        if self.is_welcomed() {
            let request = self.outgoing.push_leave(Leave { alias, join }.encode());
            let asked = UnansweredRequest::Leave(alias);
            self.topics.subscriptions.asked.insert(request, asked);
        }
    }

    /// Takes the server's answer to a join. Who made it may have left.
    pub(super) fn join_answered(
        &mut self,
        join: SeqNo,
        request: Option<RequestKey>,
        answer: Answer<Vec<u8>>,
    ) -> Result<(), PeerMisbehaved> {
        let Answer::Value(payload) = answer else {
            // None if the join has ended before, by its deadline: the subscriber has that outcome already.
            if let Some(request) = request {
                self.settled((request, Outcome::Answered(answer)));
            }
            return Ok(());
        };
        let joined = Joined::decode(&payload)?;
        let wanted = request.filter(|request| {
            let asked = self.topics.subscriptions.asked.remove(*request);
            asked == Some(UnansweredRequest::Join)
        });
        match wanted {
            Some(subscription) => {
                self.topics
                    .subscriptions
                    .activate(subscription, join, joined);
                self.emit(ClientEvent::Joined {
                    subscription,
                    joined,
                });
            }
            // Who joined has left meanwhile: without this the server would publish to nobody.
            None => self.leave(joined.alias, join),
        }
        Ok(())
    }

    pub(super) fn publication(
        &mut self,
        publication: Publication<'_>,
    ) -> Result<(), PeerMisbehaved> {
        let Publication {
            alias,
            offset,
            payload,
        } = publication;
        let Some((key, subscription)) = self.topics.subscriptions.named(alias)? else {
            return Ok(());
        };
        // A gap is told by a frame of its own: one that isn't is a publication lost.
        if offset != subscription.next || offset >= Offset::LAST {
            return Err(PeerMisbehaved::OffsetSkipped);
        }
        let charged = charge(payload.len());
        let arrived = subscription.grant.arrive(charged);
        arrived.map_err(|_| PeerMisbehaved::WindowOverrun)?;
        subscription.next = offset.next();
        subscription.unconsumed.push(charged);
        self.emit(ClientEvent::Publication {
            subscription: key,
            offset,
            payload: payload.to_vec(),
        });
        Ok(())
    }

    /// Starts a request of a reserved kind, from the server.
    pub(super) fn start_servers_request(&mut self, request: Request) -> Result<(), PeerMisbehaved> {
        let number = request.number;
        match request.kind {
            INVITE => {
                let kind = Invite::decode(&request.payload)?.kind;
                self.ask_of_topic(number, kind, request.payload, TopicRequest::Invite)
            }
            LEAVE => {
                self.was_put_out(Leave::decode(&request.payload)?);
                // Answered here: the application has nothing to decide.
                self.incoming.answer(number, Answer::Value(Vec::new()));
                Ok(())
            }
            _ => Err(PeerMisbehaved::KindBeyondTable),
        }
    }

    /// Ends a subscription from which the server has put this client out. The reply to the join may come later than
    /// that.
    fn was_put_out(&mut self, leave: Leave) {
        let Leave { alias, join } = leave;
        let subscriptions = &mut self.topics.subscriptions;
        let named = subscriptions.of_alias(alias);
        plant!("put_out_of_any_join", let join = named.as_ref().map_or(join, |(_, active)| active.join));
        // The client may have joined the topic again since: a later join stays.
        let put_out = match named.filter(|(_, active)| active.join == join) {
            Some((key, _)) => {
                subscriptions.active.remove(key);
                subscriptions.by_alias.remove(alias);
                Some(key)
            }
            None => {
                // The reply to the join is still under way. It counts for nothing but a leave of
                // the client's.
                let joining = self.outgoing.call(join).and_then(|call| call.key);
                joining.filter(|key| subscriptions.give_up(*key))
            }
        };
        if let Some(subscription) = put_out {
            self.emit(ClientEvent::Removed { subscription });
        }
    }

    pub(super) fn skipped(&mut self, skipped: Skipped) -> Result<(), PeerMisbehaved> {
        let Some((key, subscription)) = self.topics.subscriptions.named(skipped.alias)? else {
            return Ok(());
        };
        if skipped.from != subscription.next {
            return Err(PeerMisbehaved::OffsetSkipped);
        }
        // Without a charge a peer could have any number of them wait here.
        let charged = charge(0);
        let arrived = subscription.grant.arrive(charged);
        arrived.map_err(|_| PeerMisbehaved::WindowOverrun)?;
        subscription.next = skipped.to;
        plant!("gap_costs_credit", let charged = 0);
        subscription.unconsumed.push(charged);
        self.emit(ClientEvent::Skipped {
            subscription: key,
            skipped,
        });
        Ok(())
    }
}

impl SessionCore {
    /// Tells the application what is wanted of a topic.
    pub(super) fn ask_of_topic(
        &mut self,
        number: SeqNo,
        kind: u32,
        payload: Vec<u8>,
        topic: TopicRequest,
    ) -> Result<(), PeerMisbehaved> {
        match self.class(kind) {
            Some(Class::Topic) => {}
            Some(Class::Call | Class::Stream | Class::Event) => {
                return Err(PeerMisbehaved::WrongClass);
            }
            None => return Err(PeerMisbehaved::KindBeyondTable),
        }
        self.emit(Event::Request(Request {
            number,
            class: Class::Topic,
            kind,
            payload,
            topic: Some(topic),
        }));
        Ok(())
    }

    pub(super) fn write_topic_windows(&mut self, out: &mut Vec<u8>) {
        // A server reads no log behind a goodbye: the credit would be for nothing.
        if self.state() != State::Open || self.role == Role::Server {
            return;
        }
        while let Some(subscription) = self.topics.subscriptions.news() {
            let window = TopicWindow {
                alias: subscription.alias,
                limit: subscription.grant.granted(),
            };
            if !append(&Frame::TopicWindow(window), out) {
                return;
            }
            // Only now: what the message had no room for is told with the next.
            subscription.grant.tell();
        }
    }
}
