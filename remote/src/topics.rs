//! The topics that a client is subscribed to: one subscription each, whatever the number of handles.

use std::sync::Arc;

use twinwire::frame::{Joined, Skipped, Start, Verdict};
use twinwire::session::{ClientSide, Outcome, RequestKey, SessionCore};
use twinwire::{Answer, Offset, Position, Refusal, Time};

use crate::channels::mpsc;
use crate::command::{Completion, ControlFn, OutboundRequest, TOPIC_REQUEST};
use crate::rejoin::{Rejoin, may_rejoin};
use crate::subscription::Credit;

/// A update of news for the handles of a topic, which share it.
pub(crate) struct TopicUpdate {
    pub(crate) kind: UpdateKind,
    /// Makes room for another publication when the last handle has dropped this one.
    _credit: Option<Credit>,
}

impl TopicUpdate {
    fn new(kind: UpdateKind, credit: Option<Credit>) -> Arc<Self> {
        let _credit = credit;
        Arc::new(Self { kind, _credit })
    }
}

pub(crate) enum UpdateKind {
    Publication(Offset, Vec<u8>),
    Skipped(Skipped),
    /// The topic is joined, or in another session joined again.
    Joined(Joined),
    /// The topic was joined already, or is being joined from another start: this handle begins at a position that it
    /// didn't ask for.
    Shared(Position),
    /// The topic can't be joined again.
    NotRejoined(Refusal),
    /// The topic isn't joined.
    NotJoined(Outcome),
}

impl Completion for mpsc::QueueShared<Arc<TopicUpdate>> {
    fn is_gone(&self) -> bool {
        self.is_closed()
    }

    fn settle(&self, outcome: Outcome) {
        let _ = self.send(TopicUpdate::new(UpdateKind::NotJoined(outcome), None));
    }

    fn end(&self) {
        self.end();
    }
}

/// A handle's place in the shell.
struct Subscriber {
    id: u64,
    updates: mpsc::Sender<Arc<TopicUpdate>>,
    /// True until the topic is joined, if it is then to begin elsewhere than this handle wanted.
    shares: bool,
}

impl Subscriber {
    fn give(&self, update: Arc<TopicUpdate>) {
        // One that left will be taken off the list.
        let _ = self.updates.send(update);
    }
}

/// A topic's kind and key.
type TopicKey = (u32, Vec<u8>);

struct SharedTopic {
    request: RequestKey,
    name: TopicKey,
    credit_id: u64,
    control: mpsc::WeakSender<ControlFn>,
    /// The start that its first handle wanted.
    start: Start,
    /// Once it is joined: where the next handle begins.
    joined: Option<Joined>,
    rejoin: Rejoin,
    subscribers: Vec<Subscriber>,
}

impl SharedTopic {
    fn give(&self, kind: UpdateKind, credit: Option<Credit>) {
        let update = TopicUpdate::new(kind, credit);
        for subscriber in &self.subscribers {
            subscriber.give(Arc::clone(&update));
        }
    }

    /// Gives what counts as a publication, after which `next` comes.
    fn deliver(&mut self, kind: UpdateKind, next: Offset) {
        let (control, id) = (self.control.clone(), self.credit_id);
        self.give(kind, Some(Credit { control, id }));
        self.passed(next);
    }

    /// The next publication is the one after.
    fn passed(&mut self, next: Offset) {
        if let Some(joined) = &mut self.joined {
            let epoch = joined.position.epoch;
            joined.position = Position {
                epoch,
                offset: next,
            };
        }
    }
}

#[derive(Default)]
pub(crate) struct SubscribedTopics {
    /// In the order of their requests' keys, which is the one in which they were joined.
    shared: Vec<SharedTopic>,
    /// The topics that were joined in a session that is lost, and haven't been asked for in this one.
    lost: Vec<SharedTopic>,
    /// The number of credits that are of later sessions.
    credits: u64,
}

/// Ids of credit that no handle has.
const CREDITS: u64 = 1 << 63;

impl SubscribedTopics {
    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.shared.is_empty() && self.lost.is_empty()
    }

    /// Returns the number of topics, of those that are lost, and of the subscribers of both.
    #[cfg(feature = "test")]
    pub(crate) fn count(&self) -> (usize, usize, usize) {
        let all = self.shared.iter().chain(&self.lost);
        let subscribers = all.map(|of| of.subscribers.len()).sum();
        (self.shared.len(), self.lost.len(), subscribers)
    }

    /// Lets a subscriber share what is there already, or joins the topic.
    pub(crate) fn join(
        &mut self,
        asked: OutboundRequest,
        start: Start,
        updates: mpsc::Sender<Arc<TopicUpdate>>,
        control: mpsc::WeakSender<ControlFn>,
        session: &mut SessionCore,
        now: Time,
    ) {
        // The caller has dropped its future: a join would keep a subscription that nobody can leave.
        if updates.is_closed() {
            return;
        }
        let id = asked.id;
        let mut subscriber = Subscriber {
            id,
            updates,
            shares: false,
        };
        let name = (asked.kind, asked.payload);
        let lost = &mut self.lost[..];
        twinwire::plant!("lost_topic_not_shared", let lost = &mut [][..]);
        let mut known = self.shared.iter_mut().chain(lost);
        if let Some(shared) = known.find(|of| of.name == name) {
            if let Some(joined) = shared.joined {
                let kind = match start {
                    Start::Now => UpdateKind::Joined(Joined {
                        verdict: Verdict::Begun,
                        ..joined
                    }),
                    Start::Last(_) | Start::At(_) => UpdateKind::Shared(joined.position),
                };
                subscriber.give(TopicUpdate::new(kind, None));
            } else {
                // The session asks for a topic once. This handle has what the first asked for, and is told so.
                subscriber.shares = shared.start != start;
                // The application's work for the session may wait for a join that waits for the end of that work.
                session.requeue_first(now, shared.request);
            }
            shared.subscribers.push(subscriber);
            return;
        }
        match ClientSide::subscribe(session, now, name.0, &name.1, start) {
            Ok(request) => self.shared.push(SharedTopic {
                request,
                name,
                credit_id: id,
                control,
                start,
                joined: None,
                rejoin: Rejoin::default(),
                subscribers: vec![subscriber],
            }),
            Err(full) => debug_assert!(false, "there was room, yet: {full}"),
        }
    }

    /// A topic is joined.
    pub(crate) fn joined(&mut self, subscription: RequestKey, joined: Joined) {
        if let Some(shared) = self.get_mut(subscription) {
            shared.joined = Some(joined);
            // The next refusal, perhaps days later, begins with the shortest pause again.
            shared.rejoin = Rejoin::default();
            let update = TopicUpdate::new(UpdateKind::Joined(joined), None);
            for subscriber in &mut shared.subscribers {
                let update = match std::mem::take(&mut subscriber.shares) {
                    true => TopicUpdate::new(UpdateKind::Shared(joined.position), None),
                    false => Arc::clone(&update),
                };
                subscriber.give(update);
            }
        }
    }

    /// Something was published.
    pub(crate) fn published(&mut self, subscription: RequestKey, offset: Offset, payload: Vec<u8>) {
        if let Some(shared) = self.get_mut(subscription) {
            shared.deliver(UpdateKind::Publication(offset, payload), offset.following());
        }
    }

    /// Some publications don't come.
    pub(crate) fn skipped(&mut self, subscription: RequestKey, skipped: Skipped) {
        if let Some(shared) = self.get_mut(subscription) {
            shared.deliver(UpdateKind::Skipped(skipped), skipped.to);
        }
    }

    /// The server has removed this end.
    pub(crate) fn removed(&mut self, subscription: RequestKey) {
        // Who still waits to be let in isn't.
        // Who was in hears the end of its updates: their senders go with the topic.
        if let Some(shared) = self.forget(subscription)
            && shared.joined.is_none()
        {
            let denied = Outcome::Answered(Answer::Refused(Refusal::Denied.into()));
            shared.give(UpdateKind::NotJoined(denied), None);
        }
    }

    /// A subscription ends, or never was. Says whether it is one.
    pub(crate) fn over(&mut self, request: RequestKey, outcome: &Outcome, now: Time) -> bool {
        let Some(mut shared) = self.forget(request) else {
            return false;
        };
        if shared.joined.is_none() {
            shared.give(UpdateKind::NotJoined(outcome.clone()), None);
            return true;
        }
        match outcome {
            Outcome::Answered(Answer::Refused(refused)) if may_rejoin(*refused) => {
                shared.rejoin.retry(now, refused.retry);
                self.lost.push(shared);
            }
            Outcome::Answered(Answer::Refused(refused)) => {
                shared.give(UpdateKind::NotRejoined(refused.why), None);
            }
            // It was being joined again, and the connection or the session was lost once more.
            _ => self.lost.push(shared),
        }
        true
    }

    /// Returns the time at which a topic is to be asked for again.
    pub(crate) fn deadline(&self) -> Option<Time> {
        self.lost.iter().filter_map(|lost| lost.rejoin.at).min()
    }

    fn forget(&mut self, request: RequestKey) -> Option<SharedTopic> {
        let place = self.place(request)?;
        Some(self.shared.remove(place))
    }

    fn get_mut(&mut self, request: RequestKey) -> Option<&mut SharedTopic> {
        let place = self.place(request)?;
        self.shared.get_mut(place)
    }

    fn place(&self, request: RequestKey) -> Option<usize> {
        let place = self.shared.binary_search_by_key(&request, |of| of.request);
        place.ok()
    }

    /// All handles have taken a publication, for which this credit was.
    pub(crate) fn consumed(&mut self, credit: u64, session: &mut SessionCore, now: Time) {
        // Credit of a lost session finds nothing here: given to the next one, it would open a window by bytes that this
        // session never sent.
        if let Some(shared) = self.shared.iter().find(|of| of.credit_id == credit) {
            session.consumed(now, shared.request);
        }
    }

    /// A handle is gone; with the last of a topic, it is left.
    pub(crate) fn leave(&mut self, id: u64, session: &mut SessionCore, now: Time) {
        twinwire::plant!(
            "left_topic_joined_again",
            if self
                .lost
                .iter()
                .any(|of| of.subscribers.iter().any(|of| of.id == id))
            {
                return;
            }
        );
        // A topic that waits to be joined again has no subscription that the server could end.
        take_off(&mut self.lost, id);
        if let Some(left) = take_off(&mut self.shared, id) {
            ClientSide::unsubscribe(session, now, left.request);
        }
    }

    /// Another session has begun: nothing is joined in it.
    pub(crate) fn replace_session(&mut self, session: &mut SessionCore, now: Time) {
        // The first join of a topic, if it was never sent, is of the next session.
        for lost in self.shared.extract_if(.., |of| of.joined.is_some()) {
            // One that was to join again may wait there too: sent beside the next, it would take its place.
            ClientSide::unsubscribe(session, now, lost.request);
            self.lost.push(lost);
        }
        // Another session may let in whom the last one didn't.
        for lost in &mut self.lost {
            lost.rejoin = Rejoin::default();
        }
    }

    /// Joins what was lost, from where it stood, as far as the session has room. Says whether there was
    /// anything.
    pub(crate) fn join_again(&mut self, session: &mut SessionCore, now: Time) -> bool {
        let (mut any, mut place) = (false, 0);
        while let Some(lost) = self.lost.get_mut(place) {
            // Looked at first: for room there is no deadline.
            if !lost.rejoin.is_due(now) {
                place += 1;
                continue;
            }
            // Not `continue`: a topic with a shorter key would overtake this one each time, and this one might never be joined.
            if !session.has_room(lost.name.1.len() + TOPIC_REQUEST) {
                break;
            }
            let mut lost = self.lost.remove(place);
            any = true;
            let (kind, key) = &lost.name;
            // From where it stood, not from now: what was published meanwhile is told, or told to be a gap.
            let position = lost.joined.map(|joined| joined.position);
            let start = position.map_or(Start::Now, Start::At);
            let Ok(request) = ClientSide::subscribe(session, now, *kind, key, start) else {
                debug_assert!(false, "there was room");
                continue;
            };
            self.credits += 1;
            // What of the lost session is still in the application's hands gives this one no credit.
            lost.credit_id = CREDITS | self.credits;
            lost.request = request;
            self.shared.push(lost);
        }
        any
    }

    /// The session is over.
    pub(crate) fn end(&mut self) {
        // Nothing is said: a handle's updates end as its sender goes with the topic.
        self.shared.clear();
        self.lost.clear();
    }
}

/// Takes a subscriber off the list; gives the topic if that was its last.
fn take_off(all: &mut Vec<SharedTopic>, id: u64) -> Option<SharedTopic> {
    let of_id = |of: &Subscriber| of.id == id;
    let place = all.iter().position(|of| of.subscribers.iter().any(of_id))?;
    let subscribers = &mut all.get_mut(place)?.subscribers;
    subscribers.retain(|of| !of_id(of));
    subscribers.is_empty().then(|| all.remove(place))
}

#[cfg(test)]
mod tests {
    use std::task::{Context, Poll, Waker};
    use std::time::Duration;

    use twinwire::frame::{KindTable, Verdict};
    use twinwire::session::{Event, Input, Output, Session};
    use twinwire::{
        Alias, Class, Epoch, Fingerprint, Format, Goodbye, GoodbyeCode, KindEntry, Limits, Retry,
    };

    use super::*;

    /// A topic that was joined, without anybody who hears it.
    fn lost(request: RequestKey) -> SharedTopic {
        SharedTopic {
            request,
            name: (0, Vec::new()),
            credit_id: 0,
            control: mpsc::channel().0.downgrade(),
            start: Start::Now,
            rejoin: Rejoin::default(),
            joined: Some(Joined {
                alias: Alias::new(1),
                position: Position {
                    epoch: Epoch::from_bytes([7; Epoch::LEN]),
                    offset: Offset::FIRST,
                },
                verdict: Verdict::Begun,
            }),
            subscribers: Vec::new(),
        }
    }

    #[test]
    fn nothing_is_joined_again_in_a_session_that_takes_no_more() {
        let (now, table) = (Time::default(), Arc::new(KindTable::new(Vec::new())));
        let (_remote, mut requests) =
            crate::channel::<ClientSide>(Arc::clone(&table), Format::Postcard);
        let mut session = Session::client(Limits::default(), table, Vec::new());
        let request = session.publish(now, 0, &[], &[]).unwrap();
        let mut session = session.replacement(0);
        session.handle(now, Input::Opened);
        session.finish(now, Goodbye::new(GoodbyeCode::Done, ""));
        requests.topics.lost.push(lost(request));
        let mut turns = 0;
        while requests.poll(&mut Context::from_waker(Waker::noop()), &mut session, now) {
            while let Output::Event(event) = session.poll(now, &mut Vec::new(), 0) {
                if let Event::Outcome { request, outcome } = event {
                    requests.outcome(request, outcome, now);
                }
            }
            turns += 1;
            assert!(turns < 10, "it goes on for ever");
        }
    }

    #[test]
    fn a_join_that_is_never_made_tells_its_handle() {
        let (sender, mut receiver) = mpsc::channel::<Arc<TopicUpdate>>();
        sender.share().settle(Outcome::Closed);
        let mut nobody = Context::from_waker(Waker::noop());
        let Poll::Ready(Some(told)) = receiver.poll_next(&mut nobody) else {
            panic!("nothing is told");
        };
        assert!(matches!(&told.kind, UpdateKind::NotJoined(Outcome::Closed)));
    }

    #[test]
    fn the_end_of_a_client_ends_its_subscriptions_also_those_that_wait_to_be_joined_again() {
        let (now, table) = (Time::default(), Arc::new(KindTable::new(Vec::new())));
        let mut session = Session::client(Limits::default(), table, Vec::new());
        let request = session.publish(now, 0, &[], &[]).unwrap();
        let subscribed = || {
            let mut topic = lost(request);
            let (updates, handle) = mpsc::channel();
            topic.subscribers.push(Subscriber {
                id: 0,
                updates,
                shares: false,
            });
            (topic, handle)
        };
        let mut topics = SubscribedTopics::default();
        let (topic, joined) = subscribed();
        topics.shared.push(topic);
        let (topic, waiting) = subscribed();
        topics.lost.push(topic);
        let mut cx = Context::from_waker(Waker::noop());
        let mut handles = [joined, waiting];
        for handle in &mut handles {
            assert!(handle.poll_next(&mut cx).is_pending());
        }
        topics.end();
        for handle in &mut handles {
            assert!(matches!(handle.poll_next(&mut cx), Poll::Ready(None)));
        }
    }

    #[test]
    fn a_join_that_waits_for_the_next_session_is_made_once_there() {
        let now = Time::default();
        let kind = KindEntry {
            name: "Room".to_owned(),
            class: Class::Topic,
            fingerprint: Fingerprint::from_bytes([1; 8]),
        };
        let table = Arc::new(KindTable::new(vec![kind]));
        let (_remote, mut requests) =
            crate::channel::<ClientSide>(Arc::clone(&table), Format::Postcard);
        let mut session = Session::client(Limits::default(), table, Vec::new());
        session.keep_unsent(true);
        // It was joined, and waits to be joined again.
        let request = session.subscribe(now, 0, &[], Start::Now).unwrap();
        requests.topics.shared.push(lost(request));
        let mut session = session.replacement(0);
        requests.replace_session(&mut session, now);
        requests.poll(&mut Context::from_waker(Waker::noop()), &mut session, now);
        assert_eq!(requests.topics.lost.len(), 1, "nobody is ready for it");
        assert_eq!(joined_again(&mut requests, &mut session, now), 1);
    }

    #[test]
    fn topics_are_due_to_be_asked_for_when_the_first_may_be_had_and_have_credits_of_their_own() {
        let kind = KindEntry {
            name: "Room".to_owned(),
            class: Class::Topic,
            fingerprint: Fingerprint::from_bytes([1; 8]),
        };
        let table = Arc::new(KindTable::new(vec![kind]));
        let mut session = Session::client(Limits::default(), table, Vec::new());
        let now = Time::default();
        let request = session.subscribe(now, 0, &[], Start::Now).unwrap();
        let mut topics = SubscribedTopics::default();
        assert_eq!(topics.deadline(), None);
        for seconds in [9, 5] {
            let mut topic = lost(request);
            topic
                .rejoin
                .retry(now, Retry::After(Duration::from_secs(seconds)));
            topics.lost.push(topic);
        }
        let due = now + Duration::from_secs(5);
        assert_eq!(topics.deadline(), Some(due));
        assert!(!topics.join_again(&mut session, now), "it is too early");
        assert!(topics.join_again(&mut session, due));
        let due = now + Duration::from_secs(9);
        assert_eq!(topics.deadline(), Some(due));
        assert!(topics.join_again(&mut session, due));
        let credits = topics.shared.iter().map(|topic| topic.credit_id);
        assert_eq!(credits.collect::<Vec<_>>(), [CREDITS | 1, CREDITS | 2]);
    }

    /// Returns the number of joins that the next session is asked for.
    fn joined_again(
        requests: &mut crate::Requests,
        session: &mut Session<ClientSide>,
        now: Time,
    ) -> usize {
        requests.open_gate();
        requests.poll(&mut Context::from_waker(Waker::noop()), session, now);
        session.close(now, Goodbye::new(GoodbyeCode::Done, ""));
        let mut joins = 0;
        while let Output::Event(event) = session.poll(now, &mut Vec::new(), 0) {
            joins += usize::from(matches!(event, Event::Outcome { .. }));
        }
        joins
    }

    #[test]
    fn a_lost_topic_is_joined_again_once_for_all_of_its_handles_and_not_at_all_without() {
        let now = Time::default();
        let kind = KindEntry {
            name: "Room".to_owned(),
            class: Class::Topic,
            fingerprint: Fingerprint::from_bytes([1; 8]),
        };
        for (left, joins) in [(0, 1), (1, 1), (2, 0)] {
            let table = Arc::new(KindTable::new(vec![kind.clone()]));
            let (_remote, mut requests) =
                crate::channel::<ClientSide>(Arc::clone(&table), Format::Postcard);
            let mut session = Session::client(Limits::default(), table, Vec::new());
            let request = session.subscribe(now, 0, &[], Start::Now).unwrap();
            let mut session = session.replacement(0);
            let mut topic = lost(request);
            let (updates, _first) = mpsc::channel();
            topic.subscribers.push(Subscriber {
                id: 0,
                updates,
                shares: false,
            });
            requests.topics.lost.push(topic);
            let another = OutboundRequest {
                id: 1,
                kind: 0,
                payload: Vec::new(),
                overhead: 0,
                latest: None,
                waiter: None,
            };
            let (updates, mut second) = mpsc::channel();
            let control = mpsc::channel().0.downgrade();
            let topics = &mut requests.topics;
            topics.join(another, Start::Now, updates, control, &mut session, now);
            let told = second.poll_next(&mut Context::from_waker(Waker::noop()));
            assert!(told.is_ready(), "it begins where the first stands");
            for id in 0..left {
                requests.topics.leave(id, &mut session, now);
            }
            assert_eq!(joined_again(&mut requests, &mut session, now), joins);
        }
    }
}
