//! The one loop: link, timer and commands on one side, the session on the other.

use std::collections::HashMap;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use twinwire::frame::Table;
use twinwire::limits::MAX_MESSAGE;
use twinwire::session::{Event, Input, Outcome, Output, RequestKey, Session, State};
use twinwire::{Answer, End, Goodbye, GoodbyeCode, Refusal, Time, version};

use crate::client::{CallCommand, Control};
use crate::{ClientState, ConnectError, Inbound, Link, LinkLost, Options, Transport};

/// The task behind a [`Client`](crate::Client): it alone owns the session. It ends when the
/// session does.
#[must_use = "a driver does nothing until it runs"]
pub struct Driver<T: Transport> {
    pub(crate) transport: T,
    pub(crate) options: Options,
    pub(crate) calls: mpsc::Receiver<CallCommand>,
    pub(crate) control: mpsc::UnboundedReceiver<Control>,
    pub(crate) state: watch::Sender<ClientState>,
    pub(crate) report: oneshot::Sender<Result<(), ConnectError<T::Error>>>,
}

impl<T: Transport> Driver<T> {
    /// Connects, then carries calls and answers until the end.
    pub async fn run(self) {
        let Self {
            transport,
            options,
            calls,
            control,
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
                state.send_replace(ClientState::Closed(End::Lost));
                return refuse(report, ConnectError::Open(error));
            }
            First::TimedOut => {
                state.send_replace(ClientState::Closed(End::TooSlow));
                return refuse(report, ConnectError::TimedOut);
            }
            First::Abandoned => return,
        };
        let spent = transport.now().saturating_since(started);
        let rest = options.connect_timeout.saturating_sub(spent);
        let limits = options.limits.clone().handshake_at_most(rest);
        let table = Arc::new(Table::new(options.kinds.entries()));
        let session = Session::client(limits, table, options.token);
        let shell = Shell {
            transport: &transport,
            link,
            session,
            out: Vec::new(),
            sleep: None,
            calls,
            control,
            held: None,
            waiting: HashMap::new(),
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
    calls: mpsc::Receiver<CallCommand>,
    control: mpsc::UnboundedReceiver<Control>,
    /// A call that the session has no room for.
    held: Option<CallCommand>,
    waiting: HashMap<RequestKey, (u64, oneshot::Sender<Outcome>)>,
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
        // What is still in the channels learns that nobody listens.
        self.calls.close();
        while let Some(call) = self.calls.recv().await {
            let _ = call.outcome.send(Outcome::NotReceived);
        }
        if let Over::Close(code) = over {
            self.link.close(code).await;
        }
    }

    /// Feeds the session with what came, bytes before time, and does what it says.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Over> {
        loop {
            let received = self.receive(cx);
            let commanded = self.take_commands(cx);
            if let Some(over) = self.drive(cx) {
                return Poll::Ready(over);
            }
            let woken = self.poll_timer(cx);
            if !received && !commanded && !woken && !self.may_take_held() {
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

    fn take_commands(&mut self, cx: &mut Context<'_>) -> bool {
        let mut any = false;
        while let Poll::Ready(command) = self.control.poll_recv(cx) {
            match command {
                Some(Control::Abandon(id)) => self.abandon(id),
                Some(Control::Close(goodbye)) => self.session.close(self.transport.now(), goodbye),
                None => {
                    // The last handle is gone.
                    self.close();
                    break;
                }
            }
            any = true;
        }
        if self
            .report
            .as_mut()
            .is_some_and(|report| report.poll_closed(cx).is_ready())
        {
            self.close();
        }
        while let Some(call) = self.next_call(cx) {
            if call.outcome.is_closed() {
                continue;
            }
            if !self.session.has_room(call.payload.len()) {
                self.held = Some(call);
                break;
            }
            any = true;
            self.call(call);
        }
        any
    }

    /// A call was held back, and what has been sent since made room for it.
    fn may_take_held(&self) -> bool {
        self.held
            .as_ref()
            .is_some_and(|call| self.session.has_room(call.payload.len()))
    }

    fn next_call(&mut self, cx: &mut Context<'_>) -> Option<CallCommand> {
        if let Some(held) = self.held.take() {
            return Some(held);
        }
        match self.calls.poll_recv(cx) {
            Poll::Ready(call) => call,
            Poll::Pending => None,
        }
    }

    fn call(&mut self, call: CallCommand) {
        let CallCommand {
            id,
            kind,
            payload,
            outcome,
        } = call;
        match self.session.request(self.transport.now(), kind, payload) {
            Ok(key) => {
                self.waiting.insert(key, (id, outcome));
            }
            Err(full) => debug_assert!(false, "there was room, yet: {full}"),
        }
    }

    fn abandon(&mut self, id: u64) {
        let key = self
            .waiting
            .iter()
            .find(|(_, (of, _))| *of == id)
            .map(|(key, _)| *key);
        if let Some(key) = key {
            self.waiting.remove(&key);
            self.session.cancel(self.transport.now(), key);
        }
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
                Output::Send => self.link.send(&self.out),
                Output::Event(event) => self.event(event),
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

    fn event(&mut self, event: Event) {
        match event {
            Event::Welcome(welcome) => {
                let (session, peer) = (welcome.session, welcome.peer);
                self.state.send_replace(ClientState::Open { session, peer });
                if let Some(report) = self.report.take() {
                    // Who dropped the future has dropped the handle: the loop will see that.
                    let _ = report.send(Ok(()));
                }
            }
            Event::Outcome { request, outcome } => {
                if let Some((_, caller)) = self.waiting.remove(&request) {
                    // A caller that left meanwhile wants nothing.
                    let _ = caller.send(outcome);
                }
            }
            Event::Ended(end) => {
                if let Some(report) = self.report.take() {
                    refuse(
                        report,
                        match &end {
                            End::TooSlow => ConnectError::TimedOut,
                            end => ConnectError::NotWelcomed(end.clone()),
                        },
                    );
                }
                self.state.send_replace(ClientState::Closed(end));
            }
            Event::Request(request) => {
                let refused = Answer::Refused(Refusal::NoHandler.into());
                self.session
                    .answer(self.transport.now(), request.number, refused);
            }
            Event::Hello { .. }
            | Event::Dropped { .. }
            | Event::Item { .. }
            | Event::Room { .. } => {}
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
