//! The shell's half.

use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use twinwire::frame::{Joined, Skipped};
use twinwire::session::{Full, Outcome, RequestKey, SessionCore, State};
use twinwire::{Goodbye, Offset, Time};

use crate::PeerCapabilities;
use crate::channels::{lock, mpsc, oneshot};
use crate::command::{Command, ControlFn, OutboundRequest};
use crate::pending::{InFlight, InFlightRequests};
use crate::topics::SubscribedTopics;

/// The gate before the session, which requests with priority pass in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Gate {
    Open,
    /// A session replaces another, and the application isn't ready for it.
    Shut,
    /// The application is ready. What it asked for first may still be on its way here.
    Opening,
}

/// The application is done.
struct Closing {
    since: Time,
    /// The time at which what it has asked for waits no longer for room.
    until: Time,
    goodbye: Goodbye,
}

/// The requests of the application that drive a session, and who waits for them.
pub struct Requests {
    commands: mpsc::Receiver<Command>,
    /// Those with priority, while the others are held back.
    priority: mpsc::Receiver<Command>,
    control: mpsc::Receiver<ControlFn>,
    gate: Gate,
    capabilities: Arc<Mutex<Option<PeerCapabilities>>>,
    /// One that the session has no room for.
    parked: Option<Command>,
    /// One of the application's that was parked when its session was lost.
    parked_at_gate: Option<Command>,
    /// None before the first.
    pending: Option<Box<dyn InFlightRequests>>,
    pub(crate) topics: SubscribedTopics,
    /// Until the session has it.
    closing: Option<Closing>,
}

impl Requests {
    pub(crate) fn new(
        commands: mpsc::Receiver<Command>,
        priority: mpsc::Receiver<Command>,
        control: mpsc::Receiver<ControlFn>,
        capabilities: Arc<Mutex<Option<PeerCapabilities>>>,
    ) -> Self {
        Self {
            commands,
            priority,
            control,
            gate: Gate::Open,
            capabilities,
            parked: None,
            parked_at_gate: None,
            pending: None,
            topics: SubscribedTopics::default(),
            closing: None,
        }
    }

    /// The other end has told what it takes: what it doesn't is refused at the handle from now on.
    pub fn set_peer_capabilities(&self, capabilities: PeerCapabilities) {
        *lock(&self.capabilities) = Some(capabilities);
    }

    /// Another session has begun in the place of one that is lost, whose requests have their outcomes, but for those
    /// that it never sent and [keeps](twinwire::session::Session::keep_unsent).
    /// Requests are held back, but for those with [priority](crate::WeakRemote::upgrade_priority), and
    /// nothing is joined again, until the application is [ready](Self::open_gate).
    pub fn replace_session(&mut self, session: &mut SessionCore, now: Time) {
        if let Some(pending) = &mut self.pending {
            pending.replace_session(session, now);
        }
        self.topics.replace_session(session, now);
        // What the application's work for the session before this one has left behind.
        let mut left = self.priority.drain();
        // While the gate isn't open, what is parked is of that work too.
        if self.gate == Gate::Open && self.parked_at_gate.is_none() {
            self.parked_at_gate = self.parked.take();
        }
        // The application's work for this session asks for it again: kept, it would go out twice.
        while let Some(command) = left.next().or_else(|| self.parked.take()) {
            command.asked.settle(Outcome::NotReceived);
        }
        self.gate = Gate::Shut;
    }

    /// The application is ready for the session: what earlier sessions never sent goes out, topics are joined again
    /// from where they stood, and requests are taken.
    pub fn open_gate(&mut self) {
        self.gate = Gate::Opening;
    }

    /// Asks for a sign of life if somebody waits for one: the session is welcomed for the first time.
    pub fn welcomed(&mut self, session: &mut SessionCore, now: Time) {
        if let Some(pending) = &mut self.pending {
            pending.replace_session(session, now);
        }
    }

    /// Gives the session what the application wants, as far as there is room for it. Says whether
    /// there was anything.
    pub fn poll(&mut self, cx: &mut Context<'_>, session: &mut SessionCore, now: Time) -> bool {
        let mut any = false;
        if let Some(pending) = &mut self.pending {
            pending.expire(now);
        }
        // Before the requests: a cancel, or credit that a consumer gives back, may make the room that they need.
        while let Poll::Ready(Some(control)) = self.control.poll_next(cx) {
            control(self, session, now);
            any = true;
        }
        // A session that takes no more would give back at once what is joined again.
        if self.gate == Gate::Open && session.takes_requests() {
            any |= self.topics.join_again(session, now);
        }
        // What is asked for while the other end goes waits: for another session, or for the end.
        let is_going = matches!(
            session.state(),
            State::PeerDraining | State::AwaitingClose | State::Closing | State::Closed
        );
        while !is_going && let Some((command, is_gated)) = self.next(cx, session, now) {
            session.hold_back(is_gated);
            // Parked, and nothing after it is taken: a smaller request that overtook this one would break the order in which
            // the application asked.
            if !session.has_room(command.asked.cost()) {
                // While the gate isn't open, what is parked is of the application's work for the session.
                let parked = match is_gated {
                    true => &mut self.parked_at_gate,
                    false => &mut self.parked,
                };
                *parked = Some(command);
                break;
            }
            (command.act)(self, command.asked, session, now);
            any = true;
        }
        session.hold_back(false);
        // What was asked for before goes before, while the session takes it.
        let is_asking = self.parked.is_some()
            || self.parked_at_gate.is_some()
            || self.gate != Gate::Open
            || !self.commands.is_empty();
        twinwire::plant!("held_request_not_awaited", let is_asking = !self.commands.is_empty());
        if let Some(closing) = &self.closing
            && (!is_asking || now >= closing.until || !session.takes_requests())
        {
            self.say_goodbye(session);
        }
        any
    }

    /// Returns the time at which [`poll`](Self::poll) is due though nothing happens, besides the session's.
    pub fn deadline(&self) -> Option<Time> {
        let pending = self.pending.as_ref();
        let pending = pending.and_then(|pending| pending.deadline());
        let closing = self.closing.as_ref().map(|closing| closing.until);
        let topics = self.topics.deadline();
        pending.into_iter().chain(topics).chain(closing).min()
    }

    /// Counts what this end holds.
    #[cfg(feature = "test")]
    pub(crate) fn counters(&self, session: &SessionCore) -> crate::test::Counters {
        let pending = self.pending.as_ref();
        let (waiters, pings) = pending.map_or((0, 0), |pending| pending.count());
        let (topics, lost_topics, subscribers) = self.topics.count();
        crate::test::Counters {
            session: session.counters(),
            parked: self.parked.iter().chain(&self.parked_at_gate).count(),
            waiters,
            pings,
            topics,
            lost_topics,
            subscribers,
        }
    }

    /// Returns true if a request was held back for which there is room by now.
    pub fn can_go_on(&self, session: &SessionCore) -> bool {
        let parked = self.parked.as_ref();
        session.state().takes_requests()
            && parked.is_some_and(|command| session.has_room(command.asked.cost()))
    }

    /// Takes no more requests, and says goodbye once the session has those that were made before, or the time of
    /// [`Limits::drain`](twinwire::Limits::drain) is over.
    pub fn close(&mut self, goodbye: Goodbye, session: &SessionCore, now: Time) {
        // Shut at once, drained later: whoever asks after the close is told so, and what was asked for before still goes out.
        self.commands.shut();
        self.priority.shut();
        // The first goodbye stands, and with it its time.
        self.closing.get_or_insert_with(|| Closing {
            since: now,
            until: now + session.drain_time(),
            goodbye,
        });
    }

    /// Gives the session the goodbye that waits for room, if one does: no other session is wanted after this one.
    pub fn say_goodbye(&mut self, session: &mut SessionCore) {
        if let Some(closing) = self.closing.take() {
            // Counted from the close: the wait for room has used up some of the time.
            session.finish(closing.since, closing.goodbye);
        }
    }

    /// Returns true once the last handle is gone.
    pub fn is_abandoned(&mut self, cx: &mut Context<'_>) -> bool {
        self.commands.poll_ended(cx).is_ready()
    }

    /// Tells who waits for a request of its outcome.
    pub fn outcome(&mut self, request: RequestKey, outcome: Outcome, now: Time) {
        // Joins are requests, too, of which only the topics know.
        if !self.topics.over(request, &outcome, now)
            && let Some(pending) = &mut self.pending
        {
            pending.settle(request, outcome);
        }
    }

    /// Gives a stream's consumer an item.
    pub fn item(&mut self, call: RequestKey, payload: Vec<u8>) {
        if let Some(pending) = &mut self.pending {
            pending.item(call, payload);
        }
    }

    /// Tells those who wait for a pong of it.
    pub fn pong(&mut self, round_trip: Duration) {
        if let Some(pending) = &mut self.pending {
            pending.pong(round_trip);
        }
    }

    /// Tells a client's subscribers where the topic that they have joined begins.
    pub fn joined(&mut self, subscription: RequestKey, joined: Joined) {
        self.topics.joined(subscription, joined);
    }

    /// Gives a client's subscribers a publication.
    pub fn publication(&mut self, subscription: RequestKey, offset: Offset, payload: Vec<u8>) {
        self.topics.published(subscription, offset, payload);
    }

    /// Tells a client's subscribers which publications don't come.
    pub fn skipped(&mut self, subscription: RequestKey, skipped: Skipped) {
        self.topics.skipped(subscription, skipped);
    }

    /// Ends a client's subscription: the server has removed it.
    pub fn removed(&mut self, subscription: RequestKey) {
        self.topics.removed(subscription);
    }

    /// The session is over: what hasn't reached it never will.
    pub fn end(&mut self) {
        // Closed first: what is asked for from here on ends at once, at the handle.
        let (mut under_way, mut priority) = (self.commands.close(), self.priority.close());
        if let Some(pending) = &mut self.pending {
            pending.end();
        }
        self.topics.end();
        let mut next = || {
            // In the order in which they were asked: what is parked was taken out of a queue
            // before.
            let parked = self.parked.take().or_else(|| self.parked_at_gate.take());
            parked
                .or_else(|| priority.next())
                .or_else(|| under_way.next())
        };
        while let Some(command) = next() {
            command.asked.settle(Outcome::Closed);
        }
    }

    /// Takes the next request, which is held back in the session while the gate is shut: its deadline runs there.
    fn next(
        &mut self,
        cx: &mut Context<'_>,
        session: &mut SessionCore,
        now: Time,
    ) -> Option<(Command, bool)> {
        // It was taken before all that is in the queues.
        if let Some(parked) = self.parked.take() {
            return Some((parked, false));
        }
        if let Poll::Ready(Some(command)) = self.priority.poll_next(cx) {
            return Some((command, false));
        }
        // Only once the queue with priority was empty: what the application asked for in `on_session_replaced` is sent
        // there before its end is told here, and goes out before what the last session left.
        if self.gate == Gate::Opening {
            self.gate = Gate::Open;
            self.topics.join_again(session, now);
            session.requeue_unsent(now);
        }
        // The oldest of the application's requests: it was taken in the session before, and had no room there.
        let next = match self.parked_at_gate.take() {
            Some(parked) => Some(parked),
            None => match self.commands.poll_next(cx) {
                Poll::Ready(command) => command,
                Poll::Pending => None,
            },
        };
        Some((next?, self.gate == Gate::Shut))
    }

    /// Nobody waits for this request any more.
    pub(crate) fn cancel(&mut self, id: u64, session: &mut SessionCore, now: Time) {
        // It may be parked here, or be in the session. One that is still in the queue is found unwanted in its turn.
        self.parked.take_if(|parked| parked.asked.id == id);
        self.parked_at_gate.take_if(|parked| parked.asked.id == id);
        let pending = self.pending.as_mut();
        if let Some(key) = pending.and_then(|pending| pending.forget(id)) {
            session.cancel(now, key);
        }
    }

    /// A stream's consumer has taken an item.
    pub(crate) fn consumed(&mut self, id: u64, session: &mut SessionCore, now: Time) {
        // A stream that has ended has no window which this could open.
        let pending = self.pending.as_ref();
        if let Some(key) = pending.and_then(|pending| pending.key(id)) {
            session.consumed(now, key);
        }
    }

    /// Pings the other end for one who wants to know the time of a round trip.
    pub(crate) fn ping(
        &mut self,
        pong: oneshot::Sender<Duration>,
        session: &mut SessionCore,
        now: Time,
    ) {
        let deadline = now + session.call_deadline();
        self.pending().ping(pong, deadline);
        session.prompt(now);
    }

    /// Makes a request of its kind.
    pub(crate) fn make(
        &mut self,
        mut asked: OutboundRequest,
        session: &mut SessionCore,
        now: Time,
    ) {
        let payload = std::mem::take(&mut asked.payload);
        let made = session.request(now, asked.kind, payload);
        self.made(asked, made);
    }

    /// Makes a request of its kind, unless whoever waited for its outcome has left.
    pub(crate) fn make_if_wanted(
        &mut self,
        asked: OutboundRequest,
        session: &mut SessionCore,
        now: Time,
    ) {
        if !asked.is_unwanted() {
            self.make(asked, session, now);
        }
    }

    /// Puts the payload in the place of an earlier one that waits, or makes a request if none does.
    pub(crate) fn make_latest(
        &mut self,
        mut asked: OutboundRequest,
        session: &mut SessionCore,
        now: Time,
    ) {
        if let Some(earlier) = self.pending().latest(&asked) {
            let payload = std::mem::take(&mut asked.payload);
            match session.replace(earlier, payload) {
                Ok(()) => return,
                // It is on its way already: the newer value follows it.
                Err(payload) => asked.payload = payload,
            }
        }
        self.make(asked, session, now);
    }

    /// The session has been asked: what becomes of it is to be told.
    pub(crate) fn made(&mut self, asked: OutboundRequest, made: Result<RequestKey, Full>) {
        match made {
            Ok(key) => self.pending().add(key, asked),
            Err(full) => debug_assert!(false, "there was room, yet: {full}"),
        }
    }

    fn pending(&mut self) -> &mut dyn InFlightRequests {
        let pending = &mut self.pending;
        &mut **pending.get_or_insert_with(|| Box::<InFlight>::default())
    }
}

#[cfg(test)]
mod tests {
    mod parking;

    use std::pin::Pin;
    use std::task::Waker;

    use twinwire::frame::KindTable;
    use twinwire::session::{ClientSide, Session};
    use twinwire::{Class, Fingerprint, Format, KindEntry, Limits};

    use super::*;
    use crate::Remote;

    /// The shell of a client without a connection, by hand.
    fn shell() -> (Remote<ClientSide>, Requests, Session<ClientSide>) {
        let event = KindEntry {
            name: "Typing".to_owned(),
            class: Class::Event,
            fingerprint: Fingerprint::from_bytes([1; 8]),
        };
        let table = Arc::new(KindTable::new(vec![event]));
        let (remote, requests) = crate::channel(Arc::clone(&table), Format::Postcard);
        let session = Session::client(Limits::default(), table, Vec::new());
        (remote, requests, session)
    }

    /// Pings that nobody answers.
    type Pings<'a> = Vec<Ping<'a>>;
    type Ping<'a> = Pin<Box<dyn Future<Output = Option<Duration>> + 'a>>;

    fn pings(remote: &Remote<ClientSide>, count: usize) -> Pings<'_> {
        let ping = |_| -> Ping<'_> { Box::pin(remote.ping()) };
        let mut pings: Pings<'_> = (0..count).map(ping).collect();
        assert_eq!(given_up(&mut pings), 0);
        pings
    }

    /// Drops those that have given up, and counts them.
    fn given_up(pings: &mut Pings<'_>) -> usize {
        let mut nobody = Context::from_waker(Waker::noop());
        let before = pings.len();
        pings.retain_mut(|ping| match ping.as_mut().poll(&mut nobody) {
            Poll::Ready(answer) => answer.is_some(),
            Poll::Pending => true,
        });
        before - pings.len()
    }

    #[test]
    fn pings_of_a_session_that_is_over_are_given_up() {
        let (remote, mut requests, mut session) = shell();
        let mut nobody = Context::from_waker(Waker::noop());
        let mut waiting = pings(&remote, 2);
        requests.poll(&mut nobody, &mut session, Time::default());
        requests.end();
        assert_eq!(given_up(&mut waiting), 2);
    }

    #[test]
    fn a_request_that_is_given_up_leaves_the_one_that_is_parked() {
        let (remote, mut requests, mut session) = shell();
        let now = Time::default();
        let remote = crate::UntypedRemote::from(remote);
        let _receipt = remote.start_send(0, Vec::new()).unwrap();
        let mut nobody = Context::from_waker(Waker::noop());
        let Poll::Ready(Some(parked)) = requests.commands.poll_next(&mut nobody) else {
            panic!("nothing was sent");
        };
        let id = parked.asked.id;
        requests.parked_at_gate = Some(parked);
        requests.cancel(id + 1, &mut session, now);
        assert!(requests.parked_at_gate.is_some());
        requests.cancel(id, &mut session, now);
        assert!(requests.parked_at_gate.is_none());
    }

    #[test]
    fn a_ping_that_nobody_answers_ends_at_its_deadline() {
        let (remote, mut requests, mut session) = shell();
        let mut nobody = Context::from_waker(Waker::noop());
        let after = |seconds| Time::default() + Duration::from_secs(seconds);
        let mut first = pings(&remote, 1);
        requests.poll(&mut nobody, &mut session, after(0));
        let mut second = pings(&remote, 1);
        requests.poll(&mut nobody, &mut session, after(20));
        assert_eq!(requests.deadline(), Some(after(30)));
        assert_eq!(given_up(&mut first), 0);
        requests.poll(&mut nobody, &mut session, after(30));
        assert_eq!((given_up(&mut first), given_up(&mut second)), (1, 0));
        assert_eq!(requests.deadline(), Some(after(50)));
        requests.poll(&mut nobody, &mut session, after(50));
        assert_eq!(given_up(&mut second), 1);
        assert_eq!(requests.deadline(), None);
    }

    #[test]
    fn no_more_pings_wait_than_may_and_those_that_are_dropped_make_room() {
        let (remote, mut requests, mut session) = shell();
        let mut nobody = Context::from_waker(Waker::noop());
        let now = Time::default();
        let mut many = pings(&remote, 1000);
        requests.poll(&mut nobody, &mut session, now);
        assert_eq!(given_up(&mut many), 1000 - 64);
        many.truncate(60);
        let mut more = pings(&remote, 5);
        requests.poll(&mut nobody, &mut session, now);
        assert_eq!((given_up(&mut more), given_up(&mut many)), (1, 0));
    }

    #[test]
    fn what_is_published_takes_room_for_its_key() {
        let room = KindEntry {
            name: "Room".to_owned(),
            class: Class::Topic,
            fingerprint: Fingerprint::from_bytes([1; 8]),
        };
        let table = Arc::new(KindTable::new(vec![room]));
        let (remote, mut requests) = crate::channel(table, Format::Postcard);
        let remote = crate::UntypedRemote::from(remote);
        let published = remote.start_publish(0, vec![7; 5], vec![8; 100]);
        let _published = published.unwrap();
        let mut nobody = Context::from_waker(Waker::noop());
        let Poll::Ready(Some(command)) = requests.commands.poll_next(&mut nobody) else {
            panic!("nothing was published");
        };
        assert_eq!(command.asked.cost(), 100 + 5 + 32);
    }
}
