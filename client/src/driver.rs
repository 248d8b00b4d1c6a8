//! The one loop: link, timer and commands on one side, the session on the other.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use twinwire::frame::{Continuity, Table, Welcome};
use twinwire::limits::MAX_MESSAGE;
use twinwire::session::{Event, Fresh, Input, Output, Request, Session, State};
use twinwire::shape::Difference;
use twinwire::{Class, End, Goodbye, GoodbyeCode, Time, version};
use twinwire_remote::channels::{once, queue, watched};
use twinwire_remote::{Requests, Taken};

use crate::absence::{Absence, may_begin_anew};
use crate::client::WeakClient;
use crate::fresh::Renewal;
use crate::handlers::Handlers;
use crate::listeners::{Listeners, Registration};
use crate::{ClientState, ConnectError, Inbound, Link, LinkLost, Options, Transport};

/// The task behind a [`Client`](crate::Client): it alone owns the session. It ends when the
/// session does.
#[must_use = "a driver does nothing until it runs"]
pub struct Driver<T: Transport> {
    pub(crate) transport: T,
    pub(crate) client: WeakClient,
    pub(crate) options: Options,
    pub(crate) table: Arc<Table>,
    pub(crate) requests: Requests,
    pub(crate) registrations: queue::Receiver<Registration>,
    pub(crate) listeners: Listeners,
    pub(crate) state: watched::Teller<ClientState>,
    pub(crate) report: once::Sender<Result<(), ConnectError<T::Error>>>,
}

impl<T: Transport> Driver<T> {
    /// Connects, then carries calls and answers until the end.
    pub async fn run(self) {
        let Self {
            transport,
            client,
            options,
            table,
            mut requests,
            registrations,
            listeners,
            state,
            mut report,
        } = self;
        let started = transport.now();
        let opened = open(&transport, &options, &mut report).await;
        let link = match opened {
            First::Opened(Ok(link)) => link,
            First::Opened(Err(error)) => {
                requests.end();
                state.tell(ClientState::Closed(End::Lost));
                return refuse(report, ConnectError::Open(error));
            }
            First::TimedOut => {
                requests.end();
                state.tell(ClientState::Closed(End::TooSlow));
                return refuse(report, ConnectError::TimedOut);
            }
            First::Abandoned => return,
        };
        let spent = transport.now().saturating_since(started);
        let rest = options.connect_timeout.saturating_sub(spent);
        let mut limits = options.limits.clone().handshake_at_most(rest);
        if !options.reconnect {
            limits = limits.resume(Duration::ZERO);
        }
        let session = Session::client(limits, table, options.token.clone());
        let shell = Shell {
            transport: &transport,
            client,
            renewal: Renewal::default(),
            link: Some(link),
            session,
            out: Vec::new(),
            sleep: None,
            requests,
            registrations,
            listeners,
            handlers: Handlers::default(),
            welcomed: None,
            options,
            state,
            report: Some(report),
            absence: Absence::default(),
        };
        shell.run().await;
    }
}

/// The client and its session, with or without a link.
struct Shell<'a, T: Transport> {
    transport: &'a T,
    client: WeakClient,
    renewal: Renewal,
    link: Option<T::Link>,
    session: Session,
    out: Vec<u8>,
    /// The pause until the session's deadline.
    sleep: Option<(Time, Pin<Box<T::Sleep>>)>,
    requests: Requests,
    registrations: queue::Receiver<Registration>,
    listeners: Listeners,
    handlers: Handlers,
    /// What the server has said of itself, until the application is told.
    welcomed: Option<(ClientState, Taken)>,
    options: Options,
    state: watched::Teller<ClientState>,
    /// Who awaits the connection, until it is open.
    report: Option<once::Sender<Result<(), ConnectError<T::Error>>>>,
    absence: Absence,
}

/// Why the loop stops.
enum Over {
    /// For good: the link is to be closed with this code.
    Close(u16),
    /// For good, and so is the link.
    Lost,
    /// There is no link, and the session awaits another.
    Away,
}

impl<T: Transport> Shell<'_, T> {
    async fn run(mut self) {
        let transport = self.transport;
        self.session.handle(transport.now(), Input::Opened);
        loop {
            let mut leaving = pin!(transport.leaving());
            let over = poll_fn(|cx| {
                if leaving.as_mut().poll(cx).is_ready() {
                    self.close();
                    leaving.set(transport.leaving());
                }
                self.poll(cx)
            });
            let code = match over.await {
                Over::Close(code) => Some(code),
                Over::Lost => None,
                Over::Away => {
                    self.come_back().await;
                    continue;
                }
            };
            if std::mem::take(&mut self.absence.begins_anew) {
                self.begin_anew();
                continue;
            }
            self.requests.end();
            if let (Some(link), Some(code)) = (self.link, code) {
                link.close(code).await;
            }
            return;
        }
    }

    /// The session after the one that is over.
    fn begin_anew(&mut self) {
        self.link = None;
        self.session = self.session.again();
        self.fresh(Fresh::Ended);
    }

    /// Waits, tries, and waits longer, until there is a link or the session is over.
    async fn come_back(&mut self) {
        let transport = self.transport;
        while self.link.is_none() && self.session.state() == State::Detached {
            let wait = self.absence.next_wait(transport.jitter());
            self.tell_absence(wait);
            {
                let (mut pause, mut nudge) =
                    (pin!(transport.sleep(wait)), pin!(transport.nudged()));
                poll_fn(|cx| {
                    if self.poll(cx).is_ready() || self.absence.takes_hurry() {
                        return Poll::Ready(());
                    }
                    if self.absence.paused {
                        return Poll::Pending;
                    }
                    if !self.absence.takes_nudges {
                        return pause.as_mut().poll(cx);
                    }
                    match nudge.as_mut().poll(cx) {
                        Poll::Ready(()) => Poll::Ready(()),
                        Poll::Pending => pause.as_mut().poll(cx),
                    }
                })
                .await;
            }
            if self.session.state() != State::Detached {
                return;
            }
            self.tell_absence(Duration::ZERO);
            let url = self.options.url.clone();
            let subprotocol = version::subprotocol(self.options.format);
            let mut open = pin!(transport.open(&url, subprotocol));
            let mut late = pin!(transport.sleep(self.options.limits.handshake_time()));
            let opened = poll_fn(|cx| {
                if self.poll(cx).is_ready() || self.absence.paused {
                    return Poll::Ready(None);
                }
                if let Poll::Ready(opened) = open.as_mut().poll(cx) {
                    return Poll::Ready(opened.ok());
                }
                late.as_mut().poll(cx).map(|()| None)
            })
            .await;
            if let Some(link) = opened {
                self.link = Some(link);
                self.session.handle(transport.now(), Input::Opened);
            }
        }
    }

    fn tell_absence(&self, wait: Duration) {
        let attempt = self.absence.attempt;
        self.state.tell(ClientState::Resuming { attempt, wait });
    }

    /// Feeds the session with what came, bytes before time, and does what it says.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Over> {
        loop {
            let received = self.receive(cx);
            // What the session has to tell comes first: what the application asks for may depend on it.
            if received && let Some(over) = self.drive(cx) {
                return Poll::Ready(over);
            }
            let commanded = self.poll_application(cx);
            if let Some(over) = self.drive(cx) {
                return Poll::Ready(over);
            }
            if self.link.is_none() && !self.absence.begun {
                self.absence.begun = true;
                return Poll::Ready(Over::Away);
            }
            let woken = self.poll_timer(cx);
            let begun = self.handlers.take_begun();
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

    /// Takes what the link has, a bounded number of messages at a time.
    fn receive(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(link) = &mut self.link else {
            return false;
        };
        for taken in 0..64 {
            let now = self.transport.now();
            match link.poll_receive(cx) {
                Poll::Ready(Ok(Inbound::Binary(message))) => {
                    self.session.handle(now, Input::Message(&message));
                }
                Poll::Ready(Ok(Inbound::Text)) => self.session.handle(now, Input::Text),
                Poll::Ready(Err(LinkLost)) => {
                    self.link = None;
                    self.session.handle(now, Input::Lost);
                    return true;
                }
                Poll::Pending => return taken > 0,
            }
        }
        true
    }

    /// Takes what the application wants and what its handlers answer.
    fn poll_application(&mut self, cx: &mut Context<'_>) -> bool {
        let now = self.transport.now();
        let mut any = false;
        while let Poll::Ready(Some(registration)) = self.registrations.poll_next(cx) {
            match registration {
                Registration::Listen(listen) => self.listeners.add(listen),
                Registration::Taken(listener, bytes) => self.listeners.taken(listener, bytes),
                Registration::Gone(listener) => self.listeners.gone(listener),
                Registration::Handle(kind, handler) => self.handlers.insert(kind, handler),
                Registration::ReconnectNow => self.absence.hurry(),
                Registration::Pause => {
                    self.absence.pause();
                    self.link = None;
                    self.session.handle(now, Input::Lost);
                }
            }
            any = true;
        }
        let last = self.session.state() == State::Leaving;
        if let Some(event) = self.listeners.released(last) {
            self.session.done(now, event);
            any = true;
        }
        while let Poll::Ready((call, answer)) = self.handlers.poll(cx) {
            self.session.answer(now, call, answer);
            any = true;
        }
        if self.renewal.poll(cx) {
            self.requests.go_on();
            any = true;
        }
        any |= self.requests.poll(cx, &mut self.session, now);
        let is_unwanted = self
            .report
            .as_mut()
            .is_some_and(|report| report.poll_closed(cx).is_ready());
        if is_unwanted {
            self.close();
        } else if self.requests.is_abandoned() {
            let goodbye = Goodbye::new(GoodbyeCode::Done, "");
            self.session.finish(now, goodbye);
        }
        any
    }

    fn close(&mut self) {
        self.session
            .close(self.transport.now(), Goodbye::new(GoodbyeCode::Done, ""));
    }

    /// Does what the session says until it waits.
    fn drive(&mut self, cx: &mut Context<'_>) -> Option<Over> {
        loop {
            let room = match self.link.as_mut().map(|link| link.poll_ready(cx)) {
                Some(Poll::Ready(Ok(()))) => MAX_MESSAGE,
                Some(Poll::Ready(Err(LinkLost)) | Poll::Pending) | None => 0,
            };
            match self.session.poll(self.transport.now(), &mut self.out, room) {
                Output::Send => {
                    if let Some(link) = &mut self.link {
                        link.send(std::mem::take(&mut self.out));
                    }
                }
                Output::Event(event) => self.event(event),
                Output::Pull(_) => debug_assert!(false, "a client has no logs"),
                // Nobody is there to answer a close: dropping the link is enough.
                Output::Close { .. } if self.session.state() == State::Detached => {
                    self.link = None;
                }
                Output::Close { code } => return Some(Over::Close(code)),
                Output::Wait(deadline) => {
                    self.welcome();
                    self.wake_at(deadline);
                    break;
                }
            }
        }
        if let Some(link) = &mut self.link {
            // A lost link shows in `receive`.
            let _ = link.poll_flush(cx);
        }
        (self.session.state() == State::Closed).then_some(Over::Lost)
    }

    /// Lets the application begin, once what came with the welcome has been taken too.
    fn welcome(&mut self) {
        let Some((open, taken)) = self.welcomed.take() else {
            return;
        };
        self.requests.told(taken);
        self.state.tell(open);
        if let Some(report) = self.report.take() {
            // Who dropped the future has dropped the handle: the loop will see that.
            let _ = report.send(Ok(()));
        }
        let on_fresh = self.options.on_fresh.as_ref();
        if self.renewal.welcomed(on_fresh, &self.client) {
            self.requests.go_on();
        }
    }

    fn event(&mut self, event: Event) {
        let Some(event) = self.requests.take(event) else {
            return;
        };
        match event {
            Event::Welcome(welcome) => self.welcomed(welcome),
            Event::Outline { kind, text } => {
                if let Some(ours) = self.options.kinds.outline(kind)
                    && let Some((_, taken)) = &mut self.welcomed
                {
                    let difference = Difference::between(&ours, &text);
                    taken.differences.push((kind, Arc::new(difference)));
                }
            }
            Event::Detached { retry } => self.absence.begin(self.transport.now(), retry),
            Event::Fresh { why } => self.fresh(why),
            Event::Ended(end) => self.ended(end),
            Event::Request(request) => self.request(request),
            Event::Dropped { request, .. } => self.handlers.drop_one(request),
            Event::NeedOutlines { kinds } => {
                for kind in kinds {
                    if let Some(text) = self.options.kinds.outline(kind) {
                        self.session.tell_outline(kind, text);
                    }
                }
            }
            Event::Hello { .. }
            | Event::Room { .. }
            | Event::Outcome { .. }
            | Event::Item { .. }
            | Event::Joined { .. }
            | Event::Publication { .. }
            | Event::Skipped { .. }
            | Event::Left { .. }
            | Event::PutOut { .. }
            | Event::Pong { .. } => {
                debug_assert!(
                    false,
                    "a client's session and its requests leave no such event"
                );
            }
        }
    }

    fn welcomed(&mut self, welcome: Welcome) {
        let (session, peer) = (welcome.session, welcome.peer);
        let open = ClientState::Open { session, peer };
        self.absence.welcomed(self.transport.now());
        // The first may have had less time.
        self.session
            .set_handshake(self.options.limits.handshake_time());
        if let Continuity::Resumed { .. } = welcome.continuity {
            // What was told stands.
            self.state.tell(open);
            return;
        }
        let taken = Taken {
            payload: welcome.bounds.payload,
            refused: welcome.refused,
            differences: Vec::new(),
        };
        self.welcomed = Some((open, taken));
    }

    /// The session is lost, and another has begun.
    fn fresh(&mut self, why: Fresh) {
        self.handlers.drop_all();
        self.listeners.begin_anew();
        let now = self.transport.now();
        self.requests.begin_anew(&mut self.session, now);
        self.renewal.lost(why);
    }

    fn ended(&mut self, end: End) {
        self.welcome();
        self.handlers.drop_all();
        let was_welcomed = self.report.is_none();
        if let Some(retry) = may_begin_anew(&end)
            && was_welcomed
            && self.options.reconnect
        {
            self.absence.begin(self.transport.now(), retry);
            self.absence.begins_anew = true;
            return;
        }
        if let Some(report) = self.report.take() {
            refuse(
                report,
                match &end {
                    End::TooSlow => ConnectError::TimedOut,
                    end => ConnectError::NotWelcomed(end.clone()),
                },
            );
        }
        self.state.tell(ClientState::Closed(end));
    }

    fn request(&mut self, request: Request) {
        let Request {
            number,
            class,
            kind,
            payload,
            topic: _,
        } = request;
        match class {
            Class::Event if self.listeners.give(number, kind, &payload) => {
                self.session.done(self.transport.now(), number);
            }
            Class::Event => self.session.hold(number),
            // A topic's is an invitation.
            Class::Call | Class::Topic => self.handlers.start(number, Some(kind), payload),
            Class::Stream => self.handlers.start(number, None, payload),
        }
    }

    fn wake_at(&mut self, deadline: Option<Time>) {
        match (deadline, &self.sleep) {
            (None, _) => self.sleep = None,
            (Some(at), Some((set, _))) if *set == at => {}
            (Some(at), _) => {
                let wait = at.saturating_since(self.transport.now());
                // A millisecond more: a timer that fires early would wake us for nothing.
                let sleep = self
                    .transport
                    .sleep(wait.saturating_add(Duration::from_millis(1)));
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
        self.session.handle(self.transport.now(), Input::Tick);
        true
    }
}

fn refuse<E: std::error::Error + 'static>(
    report: once::Sender<Result<(), ConnectError<E>>>,
    error: ConnectError<E>,
) {
    // Who dropped the future wants no reason.
    let _ = report.send(Err(error));
}

/// Opens the first link, as long as somebody waits for it.
async fn open<T: Transport>(
    transport: &T,
    options: &Options,
    report: &mut once::Sender<Result<(), ConnectError<T::Error>>>,
) -> First<Result<T::Link, T::Error>> {
    let subprotocol = version::subprotocol(options.format);
    let open = transport.open(&options.url, subprotocol);
    let timeout = transport.sleep(options.connect_timeout);
    first(open, poll_fn(|cx| report.poll_closed(cx)), timeout).await
}

enum First<O> {
    Opened(O),
    Abandoned,
    TimedOut,
}

async fn first<O>(
    open: impl Future<Output = O>,
    abandoned: impl Future<Output = ()>,
    timeout: impl Future<Output = ()>,
) -> First<O> {
    let (mut open, mut abandoned, mut timeout) = (pin!(open), pin!(abandoned), pin!(timeout));
    poll_fn(|cx| {
        if let Poll::Ready(opened) = open.as_mut().poll(cx) {
            return Poll::Ready(First::Opened(opened));
        }
        if abandoned.as_mut().poll(cx).is_ready() {
            return Poll::Ready(First::Abandoned);
        }
        timeout.as_mut().poll(cx).map(|()| First::TimedOut)
    })
    .await
}
