//! The one loop: link, timer and commands on one side, the session on the other.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use twinwire::frame::Table;
use twinwire::limits::MAX_MESSAGE;
use twinwire::session::{Event, Input, Output, Request, Session, State};
use twinwire::shape::Difference;
use twinwire::{Class, End, Goodbye, GoodbyeCode, Kinds, Time, version};
use twinwire_remote::{Requests, Taken};

use crate::handlers::Handlers;
use crate::listeners::{Listeners, Registration};
use crate::{ClientState, ConnectError, Inbound, Link, LinkLost, Options, Transport};

/// The task behind a [`Client`](crate::Client): it alone owns the session. It ends when the
/// session does.
#[must_use = "a driver does nothing until it runs"]
pub struct Driver<T: Transport> {
    pub(crate) transport: T,
    pub(crate) options: Options,
    pub(crate) table: Arc<Table>,
    pub(crate) requests: Requests,
    pub(crate) registrations: mpsc::UnboundedReceiver<Registration>,
    pub(crate) listeners: Listeners,
    pub(crate) state: watch::Sender<ClientState>,
    pub(crate) report: oneshot::Sender<Result<(), ConnectError<T::Error>>>,
}

impl<T: Transport> Driver<T> {
    /// Connects, then carries calls and answers until the end.
    pub async fn run(self) {
        let Self {
            transport,
            options,
            table,
            mut requests,
            registrations,
            listeners,
            state,
            mut report,
        } = self;
        let started = transport.now();
        let opened = {
            let subprotocol = version::subprotocol(options.format);
            let open = transport.open(&options.url, subprotocol);
            first(
                open,
                report.closed(),
                transport.sleep(options.connect_timeout),
            )
            .await
        };
        let link = match opened {
            First::Opened(Ok(link)) => link,
            First::Opened(Err(error)) => {
                requests.end();
                state.send_replace(ClientState::Closed(End::Lost));
                return refuse(report, ConnectError::Open(error));
            }
            First::TimedOut => {
                requests.end();
                state.send_replace(ClientState::Closed(End::TooSlow));
                return refuse(report, ConnectError::TimedOut);
            }
            First::Abandoned => return,
        };
        let spent = transport.now().saturating_since(started);
        let rest = options.connect_timeout.saturating_sub(spent);
        let limits = options.limits.clone().handshake_at_most(rest);
        let session = Session::client(limits, table, options.token);
        let shell = Shell {
            transport: &transport,
            link,
            session,
            out: Vec::new(),
            sleep: None,
            requests,
            registrations,
            listeners,
            handlers: Handlers::default(),
            kinds: options.kinds,
            welcomed: None,
            state,
            report: Some(report),
        };
        shell.run().await;
    }
}

/// Everything of an open link.
struct Shell<'a, T: Transport> {
    transport: &'a T,
    link: T::Link,
    session: Session,
    out: Vec<u8>,
    /// The pause until the session's deadline.
    sleep: Option<(Time, Pin<Box<T::Sleep>>)>,
    requests: Requests,
    registrations: mpsc::UnboundedReceiver<Registration>,
    listeners: Listeners,
    handlers: Handlers,
    kinds: Kinds,
    /// What the server has said of itself, until the application is told.
    welcomed: Option<(ClientState, Taken)>,
    state: watch::Sender<ClientState>,
    /// Who awaits the connection, until it is open.
    report: Option<oneshot::Sender<Result<(), ConnectError<T::Error>>>>,
}

/// The loop is over.
enum Over {
    Close(u16),
    Lost,
}

impl<T: Transport> Shell<'_, T> {
    async fn run(mut self) {
        self.session.handle(self.transport.now(), Input::Opened);
        let over = poll_fn(|cx| self.poll(cx)).await;
        self.requests.end();
        if let Over::Close(code) = over {
            self.link.close(code).await;
        }
    }

    /// Feeds the session with what came, bytes before time, and does what it says.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Over> {
        loop {
            let received = self.receive(cx);
            let commanded = self.poll_application(cx);
            if let Some(over) = self.drive(cx) {
                return Poll::Ready(over);
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
        for taken in 0..64 {
            let now = self.transport.now();
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

    /// Takes what the application wants and what its handlers answer.
    fn poll_application(&mut self, cx: &mut Context<'_>) -> bool {
        let now = self.transport.now();
        let mut any = false;
        while let Poll::Ready(Some(registration)) = self.registrations.poll_recv(cx) {
            match registration {
                Registration::Listen(listen) => self.listeners.add(listen),
                Registration::Taken(listener, bytes) => self.listeners.taken(listener, bytes),
                Registration::Gone(listener) => self.listeners.gone(listener),
                Registration::Handle(kind, handler) => self.handlers.insert(kind, handler),
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
            let room = match self.link.poll_ready(cx) {
                Poll::Ready(Ok(())) => MAX_MESSAGE,
                Poll::Ready(Err(LinkLost)) | Poll::Pending => 0,
            };
            match self.session.poll(self.transport.now(), &mut self.out, room) {
                Output::Send => self.link.send(std::mem::take(&mut self.out)),
                Output::Event(event) => self.event(event),
                Output::Pull(_) => debug_assert!(false, "a client has no logs"),
                Output::Close { code } => return Some(Over::Close(code)),
                Output::Wait(deadline) => {
                    self.welcome();
                    self.wake_at(deadline);
                    break;
                }
            }
        }
        // A lost link shows in `receive`.
        let _ = self.link.poll_flush(cx);
        (self.session.state() == State::Closed).then_some(Over::Lost)
    }

    /// Lets the application begin, once what came with the welcome has been taken too.
    fn welcome(&mut self) {
        let Some((open, taken)) = self.welcomed.take() else {
            return;
        };
        self.requests.told(taken);
        self.state.send_replace(open);
        if let Some(report) = self.report.take() {
            // Who dropped the future has dropped the handle: the loop will see that.
            let _ = report.send(Ok(()));
        }
    }

    fn event(&mut self, event: Event) {
        let Some(event) = self.requests.take(event) else {
            return;
        };
        match event {
            Event::Welcome(welcome) => {
                let (session, peer) = (welcome.session, welcome.peer);
                let taken = Taken {
                    payload: welcome.bounds.payload,
                    refused: welcome.refused,
                    differences: Vec::new(),
                };
                self.welcomed = Some((ClientState::Open { session, peer }, taken));
            }
            Event::Outline { kind, text } => {
                if let Some(ours) = self.kinds.outline(kind)
                    && let Some((_, taken)) = &mut self.welcomed
                {
                    let difference = Difference::between(&ours, &text);
                    taken.differences.push((kind, Arc::new(difference)));
                }
            }
            Event::Ended(end) => {
                self.welcome();
                if let Some(report) = self.report.take() {
                    refuse(
                        report,
                        match &end {
                            End::TooSlow => ConnectError::TimedOut,
                            end => ConnectError::NotWelcomed(end.clone()),
                        },
                    );
                }
                self.handlers.drop_all();
                self.state.send_replace(ClientState::Closed(end));
            }
            Event::Request(request) => self.request(request),
            Event::Dropped { request, .. } => self.handlers.drop_one(request),
            Event::NeedOutlines { kinds } => {
                for kind in kinds {
                    if let Some(text) = self.kinds.outline(kind) {
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
    report: oneshot::Sender<Result<(), ConnectError<E>>>,
    error: ConnectError<E>,
) {
    // Who dropped the future wants no reason.
    let _ = report.send(Err(error));
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
