//! A session with all that belongs to it, whatever its connection.

use std::collections::HashMap;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::runtime::Handle;
use tokio::time::Instant;
use tracing::field::display;
use twinwire::frame::{Continuity, KindTable, Resume};
use twinwire::log::Slice;
use twinwire::session::{Admitted, Event, ReadLog, Request, ResumeRejected, ServerSide, Session};
use twinwire::{
    Alias, Answer, Class, End, Format, Goodbye, GoodbyeCode, PeerId, Refusal, Secret, SeqNo,
    SessionId, Time,
};
use twinwire_remote::{PeerCapabilities, Requests};

use crate::app::handler::{
    HandlerRequest, KindRef, MatchedKinds, explain, log_difference, match_kinds,
};
use crate::app::identity;
use crate::app::shared::Shared;
use crate::logged::Logged;
use crate::random::Credentials;
use crate::session::handler_tasks::{GrantedJoin, HandlerTasks, Joining};
use crate::session::lifetime::Lifetime;
use crate::session::peer::Handshake;
use crate::session::peers::{PeerGuard, RemovedPeers};
use crate::session::slot::RejectedClient;
use crate::shutdown::{OpenGuard, Stopping, stopping};
use crate::topic::{DirtyTopics, SubscriptionGuard};
use crate::{HandlerContext, Peer};

/// A session, its application's side, and the handlers at work for it. It may move from one worker to
/// another; its handlers run on where they began.
pub(crate) struct AppSession<S, I> {
    shared: Arc<Shared<S, I>>,
    format: Format,
    pub(crate) origin: Instant,
    pub(crate) session: Session<ServerSide>,
    /// The client's table: the kinds that agree with ours, by name.
    kinds: Vec<Option<KindRef>>,
    table: Arc<KindTable>,
    open: Option<Open<S, I>>,
    stopping: Option<Stopping>,
    /// By this the endpoint knows that the session lives.
    _open: OpenGuard,
    tasks: HandlerTasks,
    /// The news in the topics that the client has joined.
    dirty: Arc<DirtyTopics>,
    topics: HashMap<Alias, SubscriptionGuard>,
    attachment: Attachment,
    /// True once those who look for it learn that it is over.
    is_unregistered: bool,
    /// Bytes of what is known of the client, whatever the session carries.
    fixed: usize,
    /// The bytes that it holds in all, as its endpoint knows.
    weighed: usize,
}

/// The session's relation to connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Attachment {
    /// A client has it over a connection, or is about to be welcomed.
    Connected,
    /// Its connection is lost. The client may come back.
    Detached,
    /// It was given up, without a connection, for others that need its room.
    Evicted,
}

/// A session that has ended, with what of the application's is in it: dropped where no slot is locked.
pub(crate) struct EndedSession<S, I>(
    #[expect(dead_code, reason = "it is only dropped")] Option<Open<S, I>>,
);

/// The remains of a client that another takes the place of, to be dropped likewise.
pub(crate) type Replaced<S, I> = (
    HandlerContext<S, I>,
    Option<RemovedPeers<I>>,
    Option<Peer<I>>,
);

/// The part of a session that there is from its welcome on.
struct Open<S, I> {
    cx: HandlerContext<S, I>,
    /// The client is found through the endpoint.
    peer_guard: Option<PeerGuard<S, I>>,
    /// The application's requests of the client.
    requests: Requests,
    /// The beginning and the end of the session, as the application is told of them.
    lifetime: Lifetime<S, I>,
    /// Requests that wait until the application is ready for the session, which bounds how many.
    waiting: Vec<Request>,
}

/// By how many bytes what a session holds may differ from what its endpoint knows.
const USAGE_TOLERANCE: usize = 16 * 1024;

impl<S, I> AppSession<S, I> {
    /// Makes one that awaits its client's hello.
    pub(crate) fn new(shared: Arc<Shared<S, I>>, format: Format) -> Self {
        let shutdown = Arc::clone(&shared.shutdown);
        let (limits, known) = (shared.limits.clone(), shared.tables.known());
        Self {
            shared,
            format,
            origin: Instant::now(),
            session: Session::server(Time::default(), limits, known),
            kinds: Vec::new(),
            table: Arc::default(),
            open: None,
            _open: shutdown.open(),
            stopping: Some(stopping(shutdown)),
            tasks: HandlerTasks::new(),
            dirty: Arc::default(),
            topics: HashMap::new(),
            attachment: Attachment::Connected,
            is_unregistered: false,
            fixed: 0,
            weighed: 0,
        }
    }

    pub(crate) fn now(&self) -> Time {
        Time::from_origin(self.origin.elapsed())
    }

    /// The session is given up for others that need its room.
    pub(crate) fn evict(&mut self) {
        // The client may have come back since the endpoint chose this session: with a connection it isn't in the way.
        if self.attachment == Attachment::Detached {
            self.attachment = Attachment::Evicted;
            let goodbye = Goodbye::new(GoodbyeCode::GoingAway, "no room");
            let now = self.now();
            self.session.close(now, goodbye);
        }
    }

    /// Ends a session that nobody looks after any more. One that wasn't over lost its connection's task: to a
    /// panic, or as its worker stops.
    pub(crate) fn end(&mut self) -> EndedSession<S, I> {
        if let Some(open) = &mut self.open {
            let gone = Goodbye::new(GoodbyeCode::Internal, "the session was dropped");
            open.lifetime.end(&open.cx, End::Closed(gone));
        }
        self.tasks.stop_all();
        self.topics.clear();
        // Its client may come back, and is to learn what it had received.
        self.attachment = Attachment::Detached;
        self.unregister(None);
        let mut open = self.open.take();
        if let Some(open) = &mut open {
            open.requests.end();
        }
        EndedSession(open)
    }

    /// Returns the client, once it is welcomed.
    pub(crate) fn peer(&self) -> Option<Peer<I>> {
        self.open.as_ref().map(|open| open.cx.peer().clone())
    }

    /// Adds what this session holds.
    #[cfg(feature = "test")]
    pub(crate) fn count(&self, counters: &mut crate::test::Counters) {
        counters.handlers += self.tasks.count();
        counters.waiting += self.open.as_ref().map_or(0, |open| open.waiting.len());
        counters.memberships += self.topics.len();
        counters.kept += self.session.kept();
    }

    /// Takes the session, which is over, off the list: from now on, who wants it back learns that. `said` is the goodbye
    /// with which the application ended it.
    fn unregister(&mut self, said: Option<Goodbye>) {
        let Some(open) = self.open.as_ref().filter(|_| !self.is_unregistered) else {
            return;
        };
        self.is_unregistered = true;
        // A goodbye of the application's may not have arrived.
        let may_come_back = self.attachment != Attachment::Connected || said.is_some();
        let tombstone = self.session.tombstone().filter(|_| may_come_back);
        // Its last words go into the tombstone: they are for the client that comes back for them.
        let tombstone = match (tombstone, said) {
            (Some(tombstone), Some(said)) => Some(tombstone.with_goodbye(said)),
            (tombstone, _) => tombstone,
        };
        let id = open.cx.peer().session();
        self.shared.sessions.remove(id, tombstone);
    }

    /// Gives the session to the client, if it is its own. Calls nothing of the application's, as the session's
    /// slot is locked.
    pub(crate) fn resume(
        &mut self,
        client: Box<identity::Authenticated<I>>,
        format: Format,
        wanted: &Resume,
        table: &KindTable,
        secret: Secret,
    ) -> Result<Replaced<S, I>, RejectedClient<I>> {
        let (checked, now) = (self.check_owner(&client, format), self.now());
        let resumed = checked.and_then(|()| self.session.resume(now, wanted, table, secret));
        if let Err(rejected) = resumed {
            return Err((rejected.into(), client));
        }
        let Some(open) = &mut self.open else {
            let unknown = ResumeRejected::Another(Continuity::Unknown);
            return Err((unknown.into(), client));
        };
        let identity::Authenticated {
            handshake,
            may_resume,
        } = *client;
        self.attachment = Attachment::Connected;
        // It is weighed anew.
        self.weighed = 0;
        self.fixed = handshake.cost(&self.table);
        let peer = open.cx.peer().with_handshake(handshake);
        let cx = open.cx.with_peer(peer.clone());
        let peer_guard = open.peer_guard.as_mut();
        let removed = peer_guard.map(|guard| guard.replace(peer));
        let cx = std::mem::replace(&mut open.cx, cx);
        tracing::debug!(peer = %cx.id(), attempt = wanted.attempt, "a session goes on");
        let earlier = may_resume.map(|(owner, _)| owner);
        Ok((cx, removed, earlier))
    }

    /// Returns the time at which the application's requests are due though nothing happens.
    pub(crate) fn deadline(&self) -> Option<Time> {
        self.open.as_ref()?.requests.deadline()
    }

    /// Checks that the client is the session's owner, and reads the session's payload format.
    fn check_owner(
        &self,
        client: &identity::Authenticated<I>,
        format: Format,
    ) -> Result<(), ResumeRejected> {
        twinwire::plant!("resumed_in_another_format", let format = self.format);
        let owner = self.open.as_ref().filter(|_| format == self.format);
        let unknown = ResumeRejected::Another(Continuity::Unknown);
        let owner = owner.ok_or(unknown)?.cx.peer();
        self.shared.owners.check(owner, client)
    }
}

impl<S: Send + Sync + 'static, I: Send + Sync + 'static> AppSession<S, I> {
    /// Returns true if there is something that the session took no room for, and would now, or a handler that
    /// hasn't been polled yet.
    pub(crate) fn can_go_on(&mut self) -> bool {
        let open = self.open.as_ref();
        let can_go_on = open.is_some_and(|open| open.requests.can_go_on(&self.session));
        self.tasks.take_begun() || can_go_on
    }

    /// Takes what the application has done: its handlers' answers, its requests, its end.
    pub(crate) fn poll_application(&mut self, cx: &mut Context<'_>) -> bool {
        let mut any = false;
        let now = self.now();
        if let Some(stopping) = &mut self.stopping
            && let Poll::Ready(goodbye) = stopping.as_mut().poll(cx)
        {
            self.stopping = None;
            self.session.close(now, goodbye);
            any = true;
        }
        any |= self.tasks.poll(cx, &mut self.session, now);
        while let Some(join) = self.tasks.next_join() {
            self.join(join);
        }
        if let Poll::Ready(heads) = self.dirty.poll(cx) {
            for (alias, head) in heads {
                self.session.log_advanced(alias, head);
            }
            any = true;
        }
        if let Some(open) = &mut self.open {
            any |= open.requests.poll(cx, &mut self.session, now);
            if let Poll::Ready(opened) = open.lifetime.poll_opened(cx) {
                let waiting = std::mem::take(&mut open.waiting);
                self.opened(opened, waiting);
                any = true;
            }
        }
        any
    }

    /// Starts what waited for the application to be ready, or ends the session that it wasn't ready for.
    fn opened(&mut self, opened: Result<(), &'static str>, waiting: Vec<Request>) {
        let Err(why) = opened else {
            return waiting.into_iter().for_each(|request| self.handle(request));
        };
        // They came while it was opening, and the session isn't what the application meant them for.
        for Request { number, class, .. } in waiting {
            self.refuse(number, class, Refusal::Panicked);
        }
        let goodbye = Goodbye::new(GoodbyeCode::Internal, why);
        let now = self.now();
        self.session.close(now, goodbye);
    }

    /// Takes what the session tells.
    pub(crate) fn event(&mut self, event: Event) {
        let now = self.now();
        match event {
            Event::Request(request) => self.request(request),
            Event::Dropped { request, why } => self.dropped(request, why),
            Event::StreamWritable { call } => self.tasks.room(call, &mut self.session, now),
            Event::Outcome { request, outcome } => {
                if let Some(open) = &mut self.open {
                    open.requests.outcome(request, outcome, now);
                }
            }
            Event::Item { call, payload } => {
                if let Some(open) = &mut self.open {
                    open.requests.item(call, payload);
                }
            }
            Event::Pong { round_trip } => {
                if let Some(open) = &mut self.open {
                    open.requests.pong(round_trip);
                }
            }
            Event::Outline { kind, text } => {
                let place = usize::try_from(kind).ok();
                let line = place.and_then(|place| self.table.entries().get(place));
                if let Some(line) = line {
                    log_difference(&self.shared, &line.name, &text);
                }
            }
            Event::Detached { .. } => self.detached(),
            Event::Ended(end) => self.ended(end),
        }
    }

    /// Takes note that the client has left a topic, or was removed from it.
    pub(crate) fn left(&mut self, alias: Alias) {
        self.topics.remove(&alias);
    }

    /// Starts the handler of a request, once the application is ready for the session.
    fn request(&mut self, request: Request) {
        if request.class == Class::Event {
            // Its sender has been told that it arrived: it isn't dropped before its handler began, which has a time of
            // its own.
            self.session.hold(request.number);
        }
        match &mut self.open {
            Some(open) if open.lifetime.is_opening() => open.waiting.push(request),
            Some(open) if open.lifetime.has_failed() => {
                self.refuse(request.number, request.class, Refusal::Panicked);
            }
            Some(_) | None => self.handle(request),
        }
    }

    fn detached(&mut self) {
        self.attachment = Attachment::Detached;
        if let Some(open) = &self.open {
            let id = open.cx.peer().session();
            tracing::debug!(peer = %open.cx.id(), "a session lost its connection");
            self.weighed = self.fixed + self.session.kept();
            self.shared.sessions.set_usage(id, self.weighed, true);
        }
    }

    /// Counts what is kept: what the client hasn't acknowledged, what handlers answer and what the application sends. Tells
    /// the endpoint when that is much more, or less, than it knows.
    pub(crate) fn weigh(&mut self) {
        let Some(open) = &self.open else { return };
        // Not at each change: its lock is shared by all workers, and most changes are a few bytes.
        let kept = self.fixed + self.session.kept();
        if kept.abs_diff(self.weighed) >= USAGE_TOLERANCE {
            self.weighed = kept;
            let id = open.cx.peer().session();
            let is_detached = self.attachment != Attachment::Connected;
            self.shared.sessions.set_usage(id, kept, is_detached);
        }
    }

    /// Has the session keep less while all hold much together. Nobody is woken for it: a session that keeps too
    /// much to go on awaits an acknowledgement, which gives it a turn.
    pub(crate) fn update_low_memory(&mut self) {
        let is_under_pressure = self.shared.sessions.is_under_pressure();
        self.session.set_low_memory(is_under_pressure);
    }

    fn dropped(&mut self, request: SeqNo, why: Refusal) {
        twinwire::plant!(
            "cancelled_before_open_runs",
            return self.tasks.stop(request)
        );
        if let Some(open) = &mut self.open {
            // Cancelled before `on_open` was over: handled afterwards, it would run although its caller was told that it doesn't.
            open.waiting.retain(|waiting| waiting.number != request);
        }
        if why == Refusal::Deadline {
            tracing::warn!(kind = self.tasks.kind(request), %request, "a handler ran too long");
        }
        self.tasks.stop(request);
    }

    fn ended(&mut self, end: End) {
        let said = match &end {
            // An evicted one the endpoint ended, and not the application.
            End::Closed(goodbye) if self.attachment != Attachment::Evicted => Some(goodbye.clone()),
            _ => None,
        };
        self.unregister(said);
        self.tasks.stop_all();
        self.topics.clear();
        let peer = self.open.as_ref().map(|open| display(open.cx.id()));
        // It may hold the peer's words.
        let shown = end.to_string();
        tracing::info!(peer, end = %Logged(shown.as_bytes()), "a session ended");
        if let Some(open) = &mut self.open {
            open.waiting.clear();
            // Before `on_close` runs, which may count who is there: the client isn't any more.
            open.peer_guard = None;
            open.lifetime.end(&open.cx, end);
        }
    }

    /// Welcomes a client. `continuity` tells it of a session that it wanted back.
    pub(crate) fn welcome(
        &mut self,
        handshake: Handshake<I>,
        credentials: Credentials,
        continuity: Continuity,
        table: &Arc<KindTable>,
    ) {
        let Credentials {
            session,
            peer,
            secret,
        } = credentials;
        self.shared.tables.learn(table);
        let matched = match_kinds(&self.shared, table.entries());
        let MatchedKinds {
            known,
            refused,
            in_order,
            differing,
        } = matched;
        self.kinds = known;
        self.table = Arc::clone(table);
        let admitted = Admitted {
            session,
            peer,
            boot: self.shared.boot,
            secret,
            continuity,
            refused,
            in_order,
        };
        tracing::info!(
            %peer,
            address = handshake.address.map(display),
            "a session opened"
        );
        self.session.welcome(self.now(), admitted);
        for (kind, outline) in explain(&self.shared, table.entries(), &differing) {
            self.session.send_outline(kind, outline);
        }
        self.session.request_outlines(differing);
        self.fixed = handshake.cost(table);
        self.open = Some(self.open(handshake, (session, peer), table));
    }

    fn open(
        &self,
        handshake: Handshake<I>,
        ids: (SessionId, PeerId),
        table: &Arc<KindTable>,
    ) -> Open<S, I> {
        let (remote, requests) = twinwire_remote::channel(Arc::clone(table), self.format);
        requests.set_peer_capabilities(PeerCapabilities {
            payload: self.session.largest_to_peer() as u64,
            refused: Vec::new(),
            differences: Vec::new(),
        });
        let peer = Peer::new(handshake, ids, remote, Arc::clone(&self.shared.topics));
        let peer_guard = Some(PeerGuard::new(Arc::clone(&self.shared), peer.clone()));
        let cx = HandlerContext::new(Arc::clone(&self.shared), peer, Handle::current());
        let lifetime = Lifetime::begin(&self.shared, cx.clone());
        Open {
            cx,
            peer_guard,
            requests,
            lifetime,
            waiting: Vec::new(),
        }
    }

    /// Starts the handler of a request.
    fn handle(&mut self, request: Request) {
        let Request {
            number,
            class,
            kind,
            payload,
            topic,
        } = request;
        let shared = Arc::clone(&self.shared);
        let place = usize::try_from(kind).ok();
        let known = place.and_then(|place| self.kinds.get(place).copied().flatten());
        let registered = known.and_then(|(name, which)| {
            let types = shared.registry.get(name)?;
            Some((name, types.get(which)?))
        });
        let (Some((name, registered)), Some(open)) = (registered, &self.open) else {
            return self.refuse(number, class, Refusal::UnknownKind);
        };
        let request = HandlerRequest {
            cx: open.cx.clone(),
            format: self.format,
            payload,
            topic,
            output: self.tasks.output(number),
        };
        let future = registered.handle(name, &shared.middleware, request);
        let time = shared.limits.call_time();
        self.tasks.start(number, class, name, future, time);
    }

    /// A client has been let into a topic.
    fn join(&mut self, join: GrantedJoin) {
        let GrantedJoin { call, joining } = join;
        let Joining {
            reader,
            start,
            topic,
            generation,
        } = joining;
        let Some(open) = self
            .open
            .as_ref()
            .filter(|_| self.session.awaits_answer(call))
        else {
            return;
        };
        if !open
            .cx
            .peer()
            .invited()
            .take_up(&topic, generation.as_ref())
        {
            // The server has changed its mind since the handler looked. From here on `unsubscribe` finds the client.
            return self.refuse(call, Class::Topic, Refusal::Denied);
        }
        // A client may join again without having left.
        self.topics.remove(&reader.alias());
        let (guard, joined, head) = SubscriptionGuard::begin(reader, &self.dirty, start);
        self.session.joined(self.now(), call, joined, head);
        self.topics.insert(joined.alias, guard);
    }

    /// Reads a log for the client.
    pub(crate) fn read(&self, read: ReadLog, out: &mut Vec<u8>) -> Slice {
        let Some((guard, open)) = self.topics.get(&read.alias).zip(self.open.as_ref()) else {
            debug_assert!(false, "a session reads what was joined");
            return Slice {
                next: read.from,
                charged: 0,
                more: true,
            };
        };
        guard.read(open.cx.id(), read.from, read.room, out)
    }

    /// Answers a request without a handler: one that the client was told not to send, or that can't be had now.
    fn refuse(&mut self, request: SeqNo, class: Class, why: Refusal) {
        let now = self.now();
        if class == Class::Event {
            self.session.done(now, request);
        } else {
            let refused = Answer::Refused(why.into());
            self.session.answer(now, request, refused);
        }
    }
}
