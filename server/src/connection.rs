//! The one loop of a connection: socket, timer and handlers on one side, the session on the other.

use std::collections::HashMap;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use actix_web::HttpRequest;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, Sleep};
use tracing::field::display;
use twinwire::frame::Table;
use twinwire::limits::MAX_MESSAGE;
use twinwire::log::Slice;
use twinwire::session::{Admitted, Event, Input, Output, Pull, Request, Session, State};
use twinwire::{
    Alias, Answer, Class, End, Format, Goodbye, GoodbyeCode, Number, PeerId, Refusal, SessionId,
    Time,
};
use twinwire_remote::{Inbound, Link, LinkLost, Requests, Taken};

use crate::handler::{Arrived, Judged, Known, explain, judge, log_difference};
use crate::identity::{Denied, Judging};
use crate::peer::Introduction;
use crate::peers::Listed;
use crate::shared::{Shared, random};
use crate::topic::{Membership, News};
use crate::working::{Join, Working};
use crate::{Cx, Peer};

/// Carries one connection from its handshake to its end.
pub(crate) async fn run<S, I>(
    shared: Arc<Shared<S, I>>,
    request: HttpRequest,
    format: Format,
    link: impl Link,
) where
    S: Send + Sync + 'static,
    I: Send + Sync + 'static,
{
    let address = request.peer_addr();
    let stop = shared.stop.subscribe();
    let session = Session::server(
        Time::default(),
        shared.limits.clone(),
        shared.tables.known(),
    );
    let shell = Shell {
        shared,
        request: Some(request),
        format,
        link,
        origin: Instant::now(),
        sleep: None,
        session,
        out: Vec::new(),
        kinds: Vec::new(),
        table: Arc::default(),
        open: None,
        judging: None,
        stopping: Some(stopping(stop.clone())),
        _open: stop,
        working: Working::new(),
        news: Arc::default(),
        topics: HashMap::new(),
    };
    tracing::debug!(?address, ?format, "a socket opened");
    shell.run().await;
    tracing::debug!(?address, "a socket closed");
}

fn stopping(mut stop: watch::Receiver<Option<Goodbye>>) -> Stopping {
    Box::pin(async move {
        match stop
            .wait_for(Option::is_some)
            .await
            .map(|goodbye| goodbye.clone())
        {
            Ok(Some(goodbye)) => goodbye,
            // The connection holds what the sender lives in.
            Ok(None) | Err(_) => std::future::pending().await,
        }
    })
}

/// Tells a client of another version why there is no session, and closes.
pub(crate) async fn refuse(goodbye: Goodbye, mut link: impl Link) {
    let mut message = Vec::new();
    let code = goodbye.code.close_code();
    twinwire::frame::Frame::Goodbye(goodbye).encode(&mut message);
    // A link that is new has room, and a peer that is gone already needs no reason.
    link.send(message);
    link.close(code).await;
}

/// Ready when the server stops.
type Stopping = Pin<Box<dyn Future<Output = Goodbye>>>;

struct Shell<S, I, L> {
    shared: Arc<Shared<S, I>>,
    /// The handshake, until `authenticate` takes it.
    request: Option<HttpRequest>,
    format: Format,
    link: L,
    origin: Instant,
    /// The pause until the session's deadline.
    sleep: Option<(Time, Pin<Box<Sleep>>)>,
    session: Session,
    out: Vec<u8>,
    /// The client's table: the kinds that agree with ours, by name.
    kinds: Vec<Option<Known>>,
    table: Arc<Table>,
    open: Option<Open<S, I>>,
    judging: Option<(Judging<I>, Arc<Table>)>,
    stopping: Option<Stopping>,
    /// By this the endpoint knows that the connection lives.
    _open: watch::Receiver<Option<Goodbye>>,
    working: Working,
    /// What is new in the topics that the client has joined.
    news: Arc<News>,
    topics: HashMap<Alias, Membership>,
}

/// What there is of a session from its welcome on.
struct Open<S, I> {
    cx: Cx<S, I>,
    /// The client is found through the endpoint.
    listed: Option<Listed<S, I>>,
    /// The application's requests of the client.
    requests: Requests,
    /// The application is told that the session is open; requests of the client wait for that. The
    /// session bounds how many.
    opening: Option<(JoinHandle<()>, Vec<Request>)>,
}

/// Messages taken before anything else gets its turn: a peer that never pauses must not keep timers
/// and handlers waiting.
const MESSAGES_AT_ONCE: usize = 32;

/// The loop is over.
enum Over {
    Close(u16),
    Lost,
}

impl<S: Send + Sync + 'static, I: Send + Sync + 'static, L: Link> Shell<S, I, L> {
    async fn run(mut self) {
        let over = poll_fn(|cx| self.poll(cx)).await;
        self.working.stop_all();
        if let Some(open) = &mut self.open {
            open.requests.end();
        }
        if let Over::Close(code) = over {
            self.link.close(code).await;
        }
    }

    fn now(&self) -> Time {
        Time::from_origin(self.origin.elapsed())
    }

    /// Feeds the session with what came, bytes before time, and does what it says.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Over> {
        loop {
            let received = self.receive(cx);
            let worked = self.poll_application(cx);
            if let Some(over) = self.drive(cx) {
                return Poll::Ready(over);
            }
            let woken = self.poll_timer(cx);
            let can_go_on = self
                .open
                .as_ref()
                .is_some_and(|open| open.requests.can_go_on(&self.session));
            let begun = self.working.take_begun();
            if !received && !worked && !woken && !begun && !can_go_on {
                return Poll::Pending;
            }
        }
    }

    /// Takes what the link has, a bounded number of messages at a time.
    fn receive(&mut self, cx: &mut Context<'_>) -> bool {
        for taken in 0..MESSAGES_AT_ONCE {
            let now = self.now();
            match self.link.poll_receive(cx) {
                Poll::Ready(Ok(Inbound::Binary(message))) => {
                    self.session.handle(now, Input::Message(&message));
                }
                Poll::Ready(Ok(Inbound::Text)) => self.session.handle(now, Input::Text),
                Poll::Ready(Err(LinkLost)) => {
                    self.session.handle(now, Input::Lost);
                    return false;
                }
                Poll::Pending => return taken > 0,
            }
        }
        true
    }

    /// Takes what the application has done: its judgement, its handlers' answers, its requests, its
    /// end.
    fn poll_application(&mut self, cx: &mut Context<'_>) -> bool {
        let mut any = false;
        if let Some((mut judging, table)) = self.judging.take() {
            match judging.as_mut().poll(cx) {
                Poll::Ready(verdict) => {
                    self.judged(verdict, &table);
                    any = true;
                }
                Poll::Pending => self.judging = Some((judging, table)),
            }
        }
        if let Some(stopping) = &mut self.stopping
            && let Poll::Ready(goodbye) = stopping.as_mut().poll(cx)
        {
            self.stopping = None;
            self.session.close(self.now(), goodbye);
            any = true;
        }
        let now = self.now();
        any |= self.working.poll(cx, &mut self.session, now);
        while let Some(join) = self.working.next_join() {
            self.join(join);
        }
        if let Poll::Ready(news) = self.news.poll(cx) {
            for (alias, head) in news {
                self.session.news(alias, head);
            }
            any = true;
        }
        if let Some(open) = &mut self.open {
            any |= open.requests.poll(cx, &mut self.session, now);
            if let Some((opening, _)) = &mut open.opening
                && let Poll::Ready(opened) = Pin::new(opening).poll(cx)
            {
                if opened.is_err() {
                    tracing::error!(peer = %open.cx.id(), "on_open panicked");
                }
                let waiting = open
                    .opening
                    .take()
                    .map_or(Vec::new(), |(_, waiting)| waiting);
                waiting.into_iter().for_each(|request| self.handle(request));
                any = true;
            }
        }
        any
    }

    /// Does what the session says until it waits.
    fn drive(&mut self, cx: &mut Context<'_>) -> Option<Over> {
        loop {
            let room = match self.link.poll_ready(cx) {
                Poll::Ready(Ok(())) => MAX_MESSAGE,
                Poll::Ready(Err(LinkLost)) | Poll::Pending => 0,
            };
            match self.session.poll(self.now(), &mut self.out, room) {
                Output::Send => self.link.send(std::mem::take(&mut self.out)),
                Output::Event(event) => self.event(event),
                Output::Pull(pull) => self.pull(pull),
                Output::Close { code } => return Some(Over::Close(code)),
                Output::Wait(deadline) => {
                    self.wake_at(deadline);
                    break;
                }
            }
        }
        // A lost link shows in `receive`.
        let _ = self.link.poll_flush(cx);
        (self.session.state() == State::Closed).then_some(Over::Lost)
    }

    fn wake_at(&mut self, deadline: Option<Time>) {
        match (deadline, &self.sleep) {
            (None, _) => self.sleep = None,
            (Some(at), Some((set, _))) if *set == at => {}
            (Some(at), _) => {
                let wait = at.saturating_since(self.now());
                // A millisecond more: a timer that fires early would wake us for nothing.
                let sleep = tokio::time::sleep(wait.saturating_add(Duration::from_millis(1)));
                self.sleep = Some((at, Box::pin(sleep)));
            }
        }
    }

    fn poll_timer(&mut self, cx: &mut Context<'_>) -> bool {
        let Some((_, sleep)) = &mut self.sleep else {
            return false;
        };
        if sleep.as_mut().poll(cx).is_pending() {
            return false;
        }
        self.sleep = None;
        self.session.handle(self.now(), Input::Tick);
        true
    }

    fn event(&mut self, event: Event) {
        let event = match &mut self.open {
            Some(open) => open.requests.take(event),
            None => Some(event),
        };
        match event {
            Some(Event::Hello { token, table }) => {
                if let Some(request) = &self.request {
                    let judging = (self.shared.authenticate)(token, request.clone());
                    self.judging = Some((judging, table));
                }
            }
            Some(Event::Request(request)) => {
                let opening = self.open.as_mut().and_then(|open| open.opening.as_mut());
                match opening {
                    Some((_, waiting)) => waiting.push(request),
                    None => self.handle(request),
                }
            }
            Some(Event::Dropped { request, why }) => self.dropped(request, why),
            Some(Event::Room { call }) => {
                let now = self.now();
                self.working.room(call, &mut self.session, now);
            }
            Some(Event::Left { alias }) => {
                self.topics.remove(&alias);
            }
            Some(Event::Outline { kind, text }) => {
                let place = usize::try_from(kind).ok();
                let line = place.and_then(|place| self.table.kinds().get(place));
                if let Some(line) = line {
                    log_difference(&self.shared.registry, &line.name, &text);
                }
            }
            Some(Event::Ended(end)) => self.ended(end),
            Some(
                Event::Welcome(_)
                | Event::NeedOutlines { .. }
                | Event::Joined { .. }
                | Event::PutOut { .. }
                | Event::Publication { .. }
                | Event::Skipped { .. }
                | Event::Outcome { .. }
                | Event::Item { .. }
                | Event::Pong { .. },
            ) => {
                debug_assert!(
                    false,
                    "a server's session and its requests leave no such event"
                );
            }
            None => {}
        }
    }

    fn dropped(&mut self, request: Number, why: Refusal) {
        let opening = self.open.as_mut().and_then(|open| open.opening.as_mut());
        if let Some((_, waiting)) = opening {
            waiting.retain(|waiting| waiting.number != request);
        }
        if why == Refusal::Deadline {
            tracing::warn!(kind = self.working.kind(request), %request, "a handler ran too long");
        }
        self.working.stop(request);
    }

    fn ended(&mut self, end: End) {
        self.judging = None;
        self.working.stop_all();
        self.topics.clear();
        let peer = self.open.as_ref().map(|open| display(open.cx.id()));
        tracing::info!(peer, %end, "a session ended");
        if let Some(open) = &mut self.open {
            if let Some((opening, _)) = open.opening.take() {
                opening.abort();
            }
            open.listed = None;
            if let Some(on_close) = &self.shared.on_close {
                actix_web::rt::spawn(on_close(open.cx.clone(), end));
            }
        }
    }

    fn judged(&mut self, verdict: Result<I, Denied>, table: &Arc<Table>) {
        let now = self.now();
        let Some(request) = self.request.take() else {
            return;
        };
        let introduced = verdict.map_err(Denied::into_goodbye).and_then(|identity| {
            let internal = |_| Goodbye::new(GoodbyeCode::Internal, "no random bytes");
            Ok(Introduction {
                identity,
                session: SessionId::from_bytes(random().map_err(internal)?),
                peer: PeerId::from_bytes(random().map_err(internal)?),
                address: request.peer_addr(),
                headers: request.headers().clone(),
            })
        });
        let introduction = match introduced {
            Ok(introduction) => introduction,
            Err(goodbye) => return self.session.close(now, goodbye),
        };
        self.shared.tables.learn(table);
        let judged = judge(&self.shared.registry, table.kinds());
        let Judged {
            known,
            refused,
            in_order,
            differing,
        } = judged;
        self.kinds = known;
        self.table = Arc::clone(table);
        let admitted = Admitted {
            session: introduction.session,
            peer: introduction.peer,
            boot: self.shared.boot,
            refused,
            in_order,
        };
        tracing::info!(
            peer = %introduction.peer,
            address = introduction.address.map(display),
            "a session opened"
        );
        self.session.welcome(now, admitted);
        for (kind, outline) in explain(&self.shared, table.kinds(), &differing) {
            self.session.tell_outline(kind, outline);
        }
        self.session.need_outlines(differing);
        self.open = Some(self.open(introduction, table));
    }

    fn open(&self, introduction: Introduction<I>, table: &Arc<Table>) -> Open<S, I> {
        let (remote, requests) = twinwire_remote::channel(Arc::clone(table), self.format);
        requests.told(Taken {
            payload: self.session.largest_to_peer() as u64,
            refused: Vec::new(),
            differences: Vec::new(),
        });
        let peer = Peer::new(introduction, remote, Arc::clone(&self.shared.topics));
        let listed = Some(Listed::new(Arc::clone(&self.shared), &peer));
        let cx = Cx::new(Arc::clone(&self.shared), peer);
        let opening = self.shared.on_open.as_ref();
        let opening = opening.map(|on_open| {
            let opening = actix_web::rt::spawn(on_open(cx.clone()));
            (opening, Vec::new())
        });
        Open {
            cx,
            listed,
            requests,
            opening,
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
            return self.refuse(number, class);
        };
        let arrived = Arrived {
            cx: open.cx.clone(),
            format: self.format,
            payload,
            topic,
            outlet: self.working.outlet(number),
        };
        let handling = registered.handle(name, &shared.around, arrived);
        self.working.start(number, class, name, handling);
    }

    /// A client has been let into a topic.
    fn join(&mut self, join: Join) {
        if !self.session.awaits_answer(join.call) {
            return;
        }
        // A client may join again without having left.
        self.topics.remove(&join.view.alias());
        let (membership, joined, head) = Membership::begin(join.view, &self.news, join.start);
        self.session.joined(self.now(), join.call, joined, head);
        self.topics.insert(joined.alias, membership);
    }

    /// Reads a log for the client.
    fn pull(&mut self, pull: Pull) {
        let Some((membership, open)) = self.topics.get(&pull.alias).zip(self.open.as_ref()) else {
            debug_assert!(false, "a session reads what was joined");
            let nothing = Slice {
                next: pull.from,
                charged: 0,
                more: true,
            };
            return self.session.pulled(self.now(), pull, nothing);
        };
        let slice = membership.read(open.cx.id(), pull.from, pull.room, &mut self.out);
        if !self.out.is_empty() {
            self.link.send(std::mem::take(&mut self.out));
        }
        self.session.pulled(self.now(), pull, slice);
    }

    /// The client sends what it was told not to.
    fn refuse(&mut self, request: Number, class: Class) {
        let now = self.now();
        if class == Class::Event {
            self.session.done(now, request);
        } else {
            let refused = Answer::Refused(Refusal::UnknownKind.into());
            self.session.answer(now, request, refused);
        }
    }
}
