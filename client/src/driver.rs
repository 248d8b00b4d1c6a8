//! The one loop: link, timer and commands on one side, the session on the other.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use twinwire::frame::{Continuity, KindTable, Welcome};
use twinwire::session::{
    ClientEvent, ClientSide, Event, Input, Output, Request, Session, SessionLost, State,
};
use twinwire::{Answer, Class, End, Goodbye, GoodbyeCode, Refusal, Retry, SeqNo, Time};
use twinwire_remote::channels::{mpsc, oneshot, watch};
use twinwire_remote::pump::{self, DeadlineTimer};
use twinwire_remote::{PeerCapabilities, Requests};

use crate::application::{Application, Registration};
use crate::attempts::{ConnectAborted, ConnectWaiter};
use crate::client::WeakClient;
use crate::handlers::ServerCall;
use crate::replacement::Replacement;
use crate::{ClientState, ConnectError, Departure, Link, Options, Transport};

/// The time that the server's calls wait for a handler once the application has its client.
const FIRST_TURN: Duration = Duration::from_secs(1);

/// Messages taken before anything else gets its turn: a server that never pauses must not keep timers,
/// answers and requests waiting.
const MESSAGES_AT_ONCE: usize = 64;

/// The task behind a [`Client`](crate::Client): it alone owns the session. It ends when the
/// session does.
#[must_use = "a driver does nothing until it runs"]
pub struct ClientDriver<T: Transport> {
    pub(crate) transport: Arc<T>,
    client: WeakClient,
    replacement: Replacement,
    pub(crate) link: Option<T::Link>,
    pub(crate) session: Session<ClientSide>,
    out: Vec<u8>,
    /// The pause until the session's deadline.
    timer: DeadlineTimer<T::Sleep>,
    requests: Requests,
    registrations: mpsc::Receiver<Registration>,
    pub(crate) application: Application,
    /// The pause in which the application registers what answers the server's first calls.
    first_turn: Option<Pin<Box<T::Sleep>>>,
    /// The server's welcome, until the application is told.
    welcomed: Option<(ClientState, PeerCapabilities)>,
    pub(crate) options: Options,
    table: Arc<KindTable>,
    pub(crate) state: watch::Sender<ClientState>,
    pub(crate) awaited: Option<ConnectWaiter<T>>,
}

/// The ends of the channels between a [`ClientDriver`] and its [`Client`](crate::Client).
pub(crate) struct DriverEnds<E: std::error::Error + 'static> {
    pub(crate) client: WeakClient,
    pub(crate) table: Arc<KindTable>,
    pub(crate) requests: Requests,
    pub(crate) registrations: mpsc::Receiver<Registration>,
    pub(crate) application: Application,
    pub(crate) state: watch::Sender<ClientState>,
    pub(crate) report: oneshot::Sender<Result<(), ConnectError<E>>>,
}

/// Makes the first session, which has no connection yet.
fn session(options: &Options, table: &Arc<KindTable>) -> Session<ClientSide> {
    let mut limits = options.limits.clone();
    if !options.reconnect {
        limits = limits.resume(Duration::ZERO);
    }
    let mut session = Session::client(limits, Arc::clone(table), Vec::new());
    session.keep_unsent(options.reconnect && options.carry_over);
    session
}

/// The reason for which the loop stops.
pub(crate) enum LoopExit {
    /// For good: the link is to be closed with this code.
    Close(u16),
    /// For good, and so is the link.
    Lost,
    /// There is no link, and the session awaits another.
    Away,
}

impl<T: Transport> ClientDriver<T> {
    pub(crate) fn new(transport: T, options: Options, shared: DriverEnds<T::Error>) -> Self {
        Self {
            transport: Arc::new(transport),
            client: shared.client,
            replacement: Replacement::default(),
            link: None,
            session: session(&options, &shared.table),
            out: Vec::new(),
            timer: DeadlineTimer::default(),
            requests: shared.requests,
            registrations: shared.registrations,
            application: shared.application,
            first_turn: None,
            welcomed: None,
            options,
            table: shared.table,
            state: shared.state,
            awaited: Some(ConnectWaiter::new(shared.report)),
        }
    }

    /// Connects, then carries calls and answers until the end.
    pub async fn run(mut self) {
        let transport = Arc::clone(&self.transport);
        if let Some(awaited) = &mut self.awaited {
            awaited.until(transport.sleep(self.options.connect_timeout));
        }
        loop {
            let mut leaving = pin!(transport.leaving());
            let mut hint = pin!(transport.wake_hint());
            let over = poll_fn(|cx| {
                // First: a page that goes may get no turn after this one.
                if let Poll::Ready(departure) = leaving.as_mut().poll(cx) {
                    leaving.set(transport.leaving());
                    cx.waker().wake_by_ref();
                    if let Some(over) = self.leave(cx, departure) {
                        return Poll::Ready(over);
                    }
                }
                if hint.as_mut().poll(cx).is_ready() {
                    let now = transport.now();
                    self.application.reconnect.restart(now);
                    self.session.probe(now);
                    hint.set(transport.wake_hint());
                    cx.waker().wake_by_ref();
                }
                self.poll(cx)
            });
            let code = match over.await {
                LoopExit::Close(code) => Some(code),
                LoopExit::Lost => None,
                LoopExit::Away => {
                    self.reconnect().await;
                    continue;
                }
            };
            if std::mem::take(&mut self.application.reconnect.begins_anew) {
                // The application closed the client while it was between two sessions: it wants no other.
                let Some(said) = self.session.closed_with() else {
                    self.replace_session();
                    continue;
                };
                let end = End::Closed(said.clone());
                self.end_for_good();
                self.state.send(ClientState::Closed(end));
            }
            self.requests.end();
            if let (Some(link), Some(code)) = (self.link, code) {
                link.close(code).await;
            }
            return;
        }
    }

    /// Tells those who wait that no session follows, though one was to.
    fn end_for_good(&mut self) {
        self.session.drop_unsent();
        let now = self.transport.now();
        while let Output::Event(event) = self.session.poll(now, &mut self.out, 0) {
            // Nothing else is left of a session that is over.
            if let Event::Outcome { request, outcome } = event {
                self.requests.outcome(request, outcome, now);
            }
        }
        self.give_up();
    }

    /// The session after the one that is over.
    fn replace_session(&mut self) {
        self.link = None;
        if self.awaited.is_some() {
            let mut next = session(&self.options, &self.table);
            // Nobody was welcomed yet, so there is no session that could be lost: the application isn't told of this one's end.
            next.take_unsent(&mut self.session);
            next.requeue_unsent(self.transport.now());
            self.session = next;
            return;
        }
        self.session = self
            .session
            .replacement(self.application.listeners.untaken());
        self.on_session_replaced(SessionLost::Ended);
    }

    /// Feeds the session with what came, bytes before time, and does what it says.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<LoopExit> {
        loop {
            twinwire::plant!("client_looks_at_time_first", self.poll_timer(cx));
            let received = self.receive(cx);
            // What the session has to tell comes first: what the application asks for may depend on it.
            if received && let Some(over) = self.drive(cx) {
                return Poll::Ready(over);
            }
            let commanded = self.poll_application(cx);
            if let Some(over) = self.drive(cx) {
                return Poll::Ready(over);
            }
            // Once for each absence: `reconnect` calls this loop itself while it waits, and must not be begun again by it.
            if self.link.is_none() && !self.application.reconnect.begun {
                self.application.reconnect.begun = true;
                return Poll::Ready(LoopExit::Away);
            }
            let woken = self.poll_timer(cx);
            let begun = self.application.handlers.take_begun();
            if !received
                && !commanded
                && !woken
                && !begun
                && !self.requests.can_go_on(&self.session)
            {
                return Poll::Pending;
            }
        }
    }

    fn receive(&mut self, cx: &mut Context<'_>) -> bool {
        let transport = &self.transport;
        let now = || transport.now();
        pump::receive(&mut self.link, &mut self.session, MESSAGES_AT_ONCE, now, cx)
    }

    /// Takes what the application wants and what its handlers answer.
    fn poll_application(&mut self, cx: &mut Context<'_>) -> bool {
        let now = self.transport.now();
        let mut any = false;
        let mut waits = false;
        while let Poll::Ready(Some(registration)) = self.registrations.poll_next(cx) {
            let was_paused = self.application.reconnect.is_paused();
            self.application.has_link = self.link.is_some();
            registration(&mut self.application);
            // Done here, not in the registration: only the loop knows the link and the session.
            if self.application.reconnect.is_paused() && !was_paused {
                // Who had a link tells of the pause as it looks for another. Without one, that look is under
                // way already.
                waits |= self.link.is_none();
                self.link = None;
                self.session.handle(now, Input::Lost);
            }
            any = true;
        }
        if waits
            && self.application.reconnect.is_paused()
            && self.session.state() == State::Detached
        {
            self.tell_reconnect(Duration::ZERO);
        }
        any |= self.poll_first_turn(cx, now);
        if self.application.reconnect.take_probe() {
            self.session.probe(now);
        }
        // The peer sends no further events then, and waits for these to be acknowledged: a listener that is never read
        // would hold the goodbye up until its time is over.
        let last = self.session.state() == State::PeerDraining;
        if let Some(event) = self.application.listeners.released(last) {
            self.session.done(now, event);
            any = true;
        }
        if self.application.listeners.has_caught_up() {
            self.session.leftovers_taken(now);
            any = true;
        }
        while let Poll::Ready((call, answer)) = self.application.handlers.poll(cx) {
            self.session.answer(now, call, answer);
            any = true;
        }
        if self.replacement.poll(cx) {
            self.requests.open_gate();
            any = true;
        }
        if self.requests.is_abandoned(cx) {
            let goodbye = Goodbye::new(GoodbyeCode::Done, "");
            self.requests.close(goodbye, &self.session, now);
        }
        any |= self.requests.poll(cx, &mut self.session, now);
        match self.awaited.as_mut().map(|awaited| awaited.poll(cx)) {
            Some(Poll::Ready(ConnectAborted::Abandoned)) => self.close(),
            Some(Poll::Ready(ConnectAborted::Late)) => {
                // Here, not at the end that follows: told of that, the caller wouldn't learn of the last
                // attempt's failure.
                self.give_up();
                let goodbye = Goodbye::new(GoodbyeCode::TooSlow, "");
                self.session.close(now, goodbye);
            }
            Some(Poll::Pending) | None => {}
        }
        any
    }

    /// Refuses calls that have no handler once the application has had time to register one.
    fn poll_first_turn(&mut self, cx: &mut Context<'_>, now: Time) -> bool {
        if std::mem::take(&mut self.application.has_begun) {
            self.first_turn = Some(Box::pin(self.transport.sleep(FIRST_TURN)));
        }
        let Some(first_turn) = &mut self.first_turn else {
            return false;
        };
        if first_turn.as_mut().poll(cx).is_pending() {
            return false;
        }
        self.first_turn = None;
        while let Some(call) = self.application.handlers.complete() {
            self.refuse(now, call);
        }
        true
    }

    fn refuse(&mut self, now: Time, call: SeqNo) {
        let refused = Answer::Refused(Refusal::NoHandler.into());
        self.session.answer(now, call, refused);
    }

    /// Says goodbye before the program goes: nobody else is to see a client that may never be back. A page in a cache
    /// has another session when the user returns to it, with what this one hasn't sent; or this one, if there is no
    /// welcome yet that a goodbye could follow.
    fn leave(&mut self, cx: &mut Context<'_>, departure: Departure) -> Option<LoopExit> {
        // A close that waits for what was asked for before it has no more time.
        self.requests.say_goodbye(&mut self.session);
        if departure == Departure::Final || self.session.closed_with().is_some() {
            self.close();
            // The turn goes on with `poll`, which sends the goodbye: there may be no other turn.
            return None;
        }
        self.application.reconnect.cached = true;
        let now = self.transport.now();
        let goodbye = Goodbye::new(GoodbyeCode::Done, "");
        self.session.close_for_now(now, goodbye);
        let over = self.drive(cx);
        // Browsers keep no page that has an open socket, and what it was given goes out before the close.
        if over.is_none() && self.link.take().is_some() {
            self.session.handle(now, Input::Lost);
        }
        over
    }

    pub(crate) fn close(&mut self) {
        self.session
            .close(self.transport.now(), Goodbye::new(GoodbyeCode::Done, ""));
    }

    /// Does what the session says until it waits.
    fn drive(&mut self, cx: &mut Context<'_>) -> Option<LoopExit> {
        loop {
            let room = pump::room(&mut self.link, cx);
            match self.session.poll(self.transport.now(), &mut self.out, room) {
                Output::Send => {
                    // Nothing is lost without a link: then the session has no room to write.
                    if let Some(link) = &mut self.link {
                        link.send(std::mem::take(&mut self.out));
                    }
                }
                Output::Event(event) => self.event(event),
                Output::SideEvent(event) => self.client_event(event),
                // Nobody is there to answer a close: dropping the link is enough.
                Output::Close { .. } if self.session.state() == State::Detached => {
                    self.link = None;
                }
                Output::Close { code } => return Some(LoopExit::Close(code)),
                Output::Wait(deadline) => {
                    self.welcome();
                    let deadlines = deadline.into_iter().chain(self.requests.deadline());
                    self.wake_at(deadlines.min());
                    break;
                }
            }
        }
        pump::flush(&mut self.link, cx);
        (self.session.state() == State::Closed).then_some(LoopExit::Lost)
    }

    /// Lets the application begin, once what came with the welcome has been taken too.
    fn welcome(&mut self) {
        let Some((open, capabilities)) = self.welcomed.take() else {
            return;
        };
        // First: whoever is told that the client is open may ask at once, and is judged by these.
        self.requests.set_peer_capabilities(capabilities);
        self.requests
            .welcomed(&mut self.session, self.transport.now());
        self.state.send(open);
        if let Some(awaited) = self.awaited.take() {
            awaited.succeed();
        }
        let on_session_replaced = self.options.on_session_replaced.as_ref();
        if self.replacement.welcomed(on_session_replaced, &self.client) {
            self.requests.open_gate();
        }
    }

    fn event(&mut self, event: Event) {
        match event {
            Event::Outcome { request, outcome } => {
                let now = self.transport.now();
                self.requests.outcome(request, outcome, now);
            }
            Event::Item { call, payload } => self.requests.item(call, payload),
            Event::Pong { round_trip } => self.requests.pong(round_trip),
            Event::Request(request) => self.request(request),
            Event::Dropped { request, .. } => self.application.handlers.drop_one(request),
            Event::Outline { kind, text } => {
                // One that comes after the welcome's message is dropped: it is for people, and no error waits
                // for it.
                if let Some(outlines) = &self.options.outlines
                    && let Some((_, capabilities)) = &mut self.welcomed
                    && let Some(difference) = outlines.difference(kind, &text)
                {
                    capabilities.differences.push((kind, Arc::new(difference)));
                }
            }
            Event::Detached { end } => self.application.reconnect.begin(self.transport.now(), end),
            Event::Ended(end) => self.ended(end),
            // A client's handlers give no items: nobody waits for room.
            Event::StreamWritable { .. } => {}
        }
    }

    fn client_event(&mut self, event: ClientEvent) {
        match event {
            ClientEvent::Welcome(welcome) => self.welcomed(welcome),
            ClientEvent::SessionReplaced { why } => self.on_session_replaced(why),
            ClientEvent::Leftover { kind, payload } => {
                self.application.listeners.give_leftover(kind, &payload)
            }
            ClientEvent::Joined {
                subscription,
                joined,
            } => self.requests.joined(subscription, joined),
            ClientEvent::Publication {
                subscription,
                offset,
                payload,
            } => self.requests.publication(subscription, offset, payload),
            ClientEvent::Skipped {
                subscription,
                skipped,
            } => self.requests.skipped(subscription, skipped),
            ClientEvent::Removed { subscription } => self.requests.removed(subscription),
            ClientEvent::NeedOutlines { kinds } => {
                if let Some(outlines) = &self.options.outlines {
                    outlines.tell(kinds, &mut self.session);
                }
            }
        }
    }

    fn welcomed(&mut self, welcome: Welcome) {
        let (session, peer) = (welcome.session, welcome.peer);
        let open = ClientState::Open { session, peer };
        self.application.reconnect.welcomed(self.transport.now());
        if let Continuity::Resumed { .. } = welcome.continuity {
            // What was told stands.
            self.state.send(open);
            return;
        }
        let capabilities = PeerCapabilities {
            payload: welcome.bounds.payload,
            refused: welcome.refused,
            differences: Vec::new(),
        };
        // Told in `welcome`, when the rest of the message is read: the structures of refused kinds follow the welcome, and
        // the first error should say the difference already.
        self.welcomed = Some((open, capabilities));
    }

    /// The session is lost, and another has begun.
    fn on_session_replaced(&mut self, why: SessionLost) {
        // They answer calls of the session that is lost. The next one would take their answers for those to calls of its own
        // that have the same numbers.
        self.application.handlers.drop_all();
        self.application.listeners.replace_session();
        let now = self.transport.now();
        self.requests.replace_session(&mut self.session, now);
        self.replacement.lost(why);
    }

    fn ended(&mut self, end: End) {
        // A goodbye in the welcome's own message: the application learns that it was welcomed before it learns of the end.
        self.welcome();
        // A close that still waits counts as wanted, too: no session follows then.
        self.requests.say_goodbye(&mut self.session);
        self.application.handlers.drop_all();
        if let Some(awaited) = &mut self.awaited {
            awaited.fails(match &end {
                End::TooSlow => ConnectError::TimedOut,
                end => ConnectError::NotWelcomed(end.clone()),
            });
        }
        if end.retry() != Retry::Never && self.options.reconnect {
            self.application.reconnect.begin(self.transport.now(), end);
            self.application.reconnect.begins_anew = true;
            return;
        }
        // No session follows.
        self.session.drop_unsent();
        self.give_up();
        self.state.send(ClientState::Closed(end));
    }

    fn request(&mut self, request: Request) {
        let Request {
            number,
            class,
            kind,
            payload,
            topic: _,
        } = request;
        let now = self.transport.now();
        let begun = match class {
            Class::Event => {
                if self.application.listeners.give(number, kind, &payload) {
                    self.session.done(now, number);
                } else {
                    self.session.hold(number);
                }
                return;
            }
            // A topic's is an invitation.
            Class::Call | Class::Topic => {
                let call = ServerCall {
                    number,
                    kind,
                    payload,
                };
                self.application.handlers.start_or_keep(call)
            }
            // A client has no handlers that give items.
            Class::Stream => false,
        };
        if !begun {
            self.refuse(now, number);
        }
    }

    fn wake_at(&mut self, deadline: Option<Time>) {
        twinwire::plant!(
            "client_keeps_later_timer",
            if self.timer.is_set() && deadline.is_some() {
                return;
            }
        );
        let (now, transport) = (self.transport.now(), &self.transport);
        self.timer.set(now, deadline, |wait| transport.sleep(wait));
    }

    fn poll_timer(&mut self, cx: &mut Context<'_>) -> bool {
        if self.timer.poll(cx).is_pending() {
            return false;
        }
        self.timer.stop();
        let now = self.transport.now();
        self.session.handle(now, Input::Tick);
        // The clock may stand while the machine sleeps: then the session can't know.
        if self.transport.has_slept() {
            self.session.probe(now);
        }
        true
    }
}
