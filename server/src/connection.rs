//! The one loop of a connection: socket, timer and handlers on one side, the session on the other.

use std::collections::HashMap;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::web::Bytes;
use tokio::sync::watch;
use tokio::task::{AbortHandle, Id, JoinError, JoinSet};
use tokio::time::{Instant, Sleep};
use tracing::field::display;
use twinwire::frame::Table;
use twinwire::limits::MAX_MESSAGE;
use twinwire::session::{Admitted, Event, Input, Output, Request, Session, State};
use twinwire::{Answer, Format, Goodbye, GoodbyeCode, Number, PeerId, Refusal, SessionId, Time};

use crate::Cx;
use crate::context::Caller;
use crate::handler::judge;
use crate::identity::{Denied, Judging};
use crate::shared::{Shared, random};
use crate::websocket::{Close, Frame, Inbound, Opcode, Outbound, Refused};

/// Carries one connection from its handshake to its end.
pub(crate) async fn run<S, I>(
    shared: Arc<Shared<S, I>>,
    request: HttpRequest,
    format: Format,
    inbound: Inbound,
    outbound: Outbound,
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
        address,
        format,
        inbound,
        outbound,
        sending: None,
        origin: Instant::now(),
        sleep: None,
        session,
        out: Vec::new(),
        message: Vec::new(),
        kinds: Vec::new(),
        cx: None,
        judging: None,
        stopping: Some(stopping(stop.clone())),
        _open: stop,
        handlers: JoinSet::new(),
        running: HashMap::new(),
        calls: HashMap::new(),
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
pub(crate) async fn refuse(goodbye: Goodbye, mut inbound: Inbound, outbound: Outbound) {
    let mut message = Vec::new();
    let code = goodbye.code.close_code();
    twinwire::frame::Frame::Goodbye(goodbye).encode(&mut message);
    // A peer that is gone already needs no reason.
    let _ = outbound.try_send(message);
    close(&outbound, code);
    while inbound.next().await.is_ok() {}
}

fn close(outbound: &Outbound, code: u16) {
    match Close::new(code, "") {
        Ok(frame) => {
            outbound.close(frame);
        }
        Err(error) => {
            debug_assert!(false, "goodbye codes can be sent: {error}");
            outbound.abort();
        }
    }
}

/// Ready when the server stops.
type Stopping = Pin<Box<dyn Future<Output = Goodbye>>>;
type Sending = Pin<Box<dyn Future<Output = Result<(), Refused>>>>;

struct Shell<S, I> {
    shared: Arc<Shared<S, I>>,
    /// The handshake, until `authenticate` takes it.
    request: Option<HttpRequest>,
    address: Option<SocketAddr>,
    format: Format,
    inbound: Inbound,
    outbound: Outbound,
    /// A message that waits for room in the socket's queue.
    sending: Option<Sending>,
    origin: Instant,
    /// The pause until the session's deadline.
    sleep: Option<(Time, Pin<Box<Sleep>>)>,
    session: Session,
    out: Vec<u8>,
    /// The frames of a message that isn't whole yet. The socket bounds it.
    message: Vec<u8>,
    /// The client's table: the kinds that agree with ours, by name.
    kinds: Vec<Option<&'static str>>,
    cx: Option<Cx<S, I>>,
    judging: Option<(Judging<I>, Arc<Table>)>,
    stopping: Option<Stopping>,
    /// By this the endpoint knows that the connection lives.
    _open: watch::Receiver<Option<Goodbye>>,
    handlers: JoinSet<Answer<Vec<u8>>>,
    /// The calls at work, with their kinds.
    running: HashMap<Id, (Number, &'static str)>,
    calls: HashMap<Number, AbortHandle>,
}

/// Frames taken before anything else gets its turn: a peer that never pauses must not keep timers
/// and handlers waiting.
const FRAMES_AT_ONCE: usize = 32;

impl<S: Send + Sync + 'static, I: Send + Sync + 'static> Shell<S, I> {
    async fn run(mut self) {
        poll_fn(|cx| self.poll(cx)).await;
        self.handlers.abort_all();
        // Only a socket that is read notices the peer's close.
        while self.inbound.next().await.is_ok() {}
    }

    fn now(&self) -> Time {
        Time::from_origin(self.origin.elapsed())
    }

    /// Feeds the session with what came, bytes before time, and does what it says.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let received = self.receive(cx);
            let worked = self.poll_application(cx);
            let sent = self.poll_sending(cx);
            if self.drive() {
                return Poll::Ready(());
            }
            let woken = self.poll_timer(cx);
            if !received && !worked && !sent && !woken {
                return Poll::Pending;
            }
        }
    }

    /// Takes what the socket has, a bounded number of frames at a time.
    fn receive(&mut self, cx: &mut Context<'_>) -> bool {
        for taken in 0..FRAMES_AT_ONCE {
            match self.inbound.poll_next(cx) {
                Poll::Ready(Ok(frame)) => self.frame(&frame),
                Poll::Ready(Err(_)) => {
                    self.session.handle(self.now(), Input::Lost);
                    return false;
                }
                Poll::Pending => return taken > 0,
            }
        }
        true
    }

    /// Takes what the application has done: its judgement, its handlers' answers, its end.
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
        while let Poll::Ready(Some(answer)) = self.handlers.poll_join_next_with_id(cx) {
            self.handled(answer);
            any = true;
        }
        any
    }

    fn poll_sending(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(sending) = &mut self.sending else {
            return false;
        };
        // A socket that closed meanwhile shows in `inbound`.
        let done = sending.as_mut().poll(cx).is_ready();
        if done {
            self.sending = None;
        }
        done
    }

    /// Does what the session says until it waits; says whether all is over.
    fn drive(&mut self) -> bool {
        loop {
            let room = if self.sending.is_none() {
                MAX_MESSAGE
            } else {
                0
            };
            match self.session.poll(self.now(), &mut self.out, room) {
                Output::Send => self.send(),
                Output::Event(event) => self.event(event),
                Output::Close { code } => {
                    close(&self.outbound, code);
                    return true;
                }
                Output::Wait(deadline) => {
                    self.wake_at(deadline);
                    return self.session.state() == State::Closed;
                }
            }
        }
    }

    /// Queues the message at once where there is room, which is usual.
    fn send(&mut self) {
        let message = Bytes::from(std::mem::take(&mut self.out));
        match self.outbound.try_send(message.clone()) {
            Err(Refused::Full) => {
                let outbound = self.outbound.clone();
                self.sending = Some(Box::pin(async move { outbound.send(message).await }));
            }
            // A closed connection shows in `inbound`.
            Ok(()) | Err(Refused::Closed | Refused::TooLarge) => {}
        }
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

    fn frame(&mut self, frame: &Frame) {
        let now = self.now();
        match frame.opcode {
            Opcode::Text => self.session.handle(now, Input::Text),
            Opcode::Binary if frame.fin => self.session.handle(now, Input::Message(&frame.data)),
            Opcode::Binary | Opcode::Continuation => {
                self.message.extend_from_slice(&frame.data);
                if frame.fin {
                    let message = std::mem::take(&mut self.message);
                    self.session.handle(now, Input::Message(&message));
                }
            }
        }
    }

    fn event(&mut self, event: Event) {
        match event {
            Event::Hello { token, table } => {
                if let Some(request) = self.request.take() {
                    let judging = (self.shared.authenticate)(token, request);
                    self.judging = Some((judging, table));
                }
            }
            Event::Request(Request {
                number,
                kind,
                payload,
                ..
            }) => self.call(number, kind, payload),
            Event::Dropped { request, .. } => {
                if let Some(handler) = self.calls.remove(&request) {
                    handler.abort();
                }
            }
            Event::Ended(end) => {
                let peer = self.cx.as_ref().map(|cx| display(cx.peer()));
                tracing::info!(peer, %end, "a session ended");
                self.judging = None;
                self.handlers.abort_all();
            }
            Event::Welcome(_) | Event::Outcome { .. } | Event::Item { .. } | Event::Room { .. } => {
                debug_assert!(false, "a server's session has no such event");
            }
        }
    }

    fn judged(&mut self, verdict: Result<I, Denied>, table: &Arc<Table>) {
        let now = self.now();
        let welcomed = verdict.map_err(Denied::into_goodbye).and_then(|identity| {
            let internal = |_| Goodbye::new(GoodbyeCode::Internal, "no random bytes");
            let session = SessionId::from_bytes(random().map_err(internal)?);
            let peer = PeerId::from_bytes(random().map_err(internal)?);
            Ok((identity, session, peer))
        });
        let (identity, session, peer) = match welcomed {
            Ok(welcomed) => welcomed,
            Err(goodbye) => return self.session.close(now, goodbye),
        };
        self.shared.tables.learn(table);
        let (kinds, refused) = judge(&self.shared.registry, table.kinds());
        self.kinds = kinds;
        let caller = Caller {
            identity,
            session,
            peer,
            address: self.address,
        };
        self.cx = Some(Cx::new(Arc::clone(&self.shared.state), caller));
        tracing::info!(%peer, address = self.address.map(display), "a session opened");
        let boot = self.shared.boot;
        self.session.welcome(
            now,
            Admitted {
                session,
                peer,
                boot,
                refused,
                in_order: Vec::new(),
            },
        );
    }

    fn call(&mut self, call: Number, kind: u32, payload: Vec<u8>) {
        let shared = Arc::clone(&self.shared);
        let kind = usize::try_from(kind)
            .ok()
            .and_then(|kind| self.kinds.get(kind).copied());
        let registered = kind
            .flatten()
            .and_then(|name| shared.registry.get_key_value(name));
        let (Some((name, registered)), Some(cx)) = (registered, &self.cx) else {
            return self.answer(call, Answer::Refused(Refusal::UnknownKind.into()));
        };
        let handler =
            self.handlers
                .spawn_local(registered.handle(cx.clone(), self.format, payload));
        self.running.insert(handler.id(), (call, *name));
        self.calls.insert(call, handler);
    }

    fn handled(&mut self, answer: Result<(Id, Answer<Vec<u8>>), JoinError>) {
        let (id, answer, panicked) = match answer {
            Ok((id, answer)) => (id, answer, false),
            Err(error) => {
                let refused = Answer::Refused(Refusal::Panicked.into());
                (error.id(), refused, error.is_panic())
            }
        };
        if let Some((call, kind)) = self.running.remove(&id) {
            if panicked {
                tracing::error!(kind, %call, "a handler panicked");
            }
            // A handler that was dropped has been answered for: the session ignores this.
            self.calls.remove(&call);
            self.answer(call, answer);
        }
    }

    fn answer(&mut self, call: Number, answer: Answer<Vec<u8>>) {
        self.session.answer(self.now(), call, answer);
    }
}
