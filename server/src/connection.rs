//! The one loop of a connection: socket, timer and handlers on one side, the session on the other.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::web::Bytes;
use tokio::select;
use tokio::task::{AbortHandle, Id, JoinError, JoinSet};
use tokio::time::{Instant, sleep_until};
use twinwire::frame::Hello;
use twinwire::limits::MAX_MESSAGE;
use twinwire::{
    Answer, Event, Format, Goodbye, GoodbyeCode, Greeting, Input, Number, Output, PeerId, Refusal,
    Session, SessionId, Time,
};

use crate::Cx;
use crate::context::Caller;
use crate::handler::judge;
use crate::identity::{Denied, Judging};
use crate::shared::{Shared, random};
use crate::websocket::{Close, End, Frame, Inbound, Opcode, Outbound, Refused};

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
    let session = Session::server(Time::default(), shared.limits.clone());
    let shell = Shell {
        shared,
        request: Some(request),
        address,
        format,
        inbound,
        outbound,
        origin: Instant::now(),
        session,
        out: Vec::new(),
        message: Vec::new(),
        kinds: Vec::new(),
        cx: None,
        judging: None,
        handlers: JoinSet::new(),
        running: HashMap::new(),
        calls: HashMap::new(),
    };
    tracing::debug!(?address, ?format, "a socket opened");
    shell.run().await;
    tracing::debug!(?address, "a socket closed");
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

type Sending = Pin<Box<dyn Future<Output = Result<(), Refused>>>>;

struct Shell<S, I> {
    shared: Arc<Shared<S, I>>,
    /// The handshake, until `authenticate` takes it.
    request: Option<HttpRequest>,
    address: Option<SocketAddr>,
    format: Format,
    inbound: Inbound,
    outbound: Outbound,
    origin: Instant,
    session: Session,
    out: Vec<u8>,
    /// The frames of a message that isn't whole yet. The socket bounds it.
    message: Vec<u8>,
    /// The client's table: the kinds that agree with ours, by name.
    kinds: Vec<Option<&'static str>>,
    cx: Option<Cx<S, I>>,
    judging: Option<(Judging<I>, Hello)>,
    handlers: JoinSet<Answer<Vec<u8>>>,
    running: HashMap<Id, Number>,
    calls: HashMap<Number, AbortHandle>,
}

/// What woke the loop.
enum Woken<I> {
    Frame(Result<Frame, End>),
    Sent(Result<(), Refused>),
    Judged(Result<I, Denied>, Hello),
    Handled(Result<(Id, Answer<Vec<u8>>), JoinError>),
    Tick,
}

impl<S: Send + Sync + 'static, I: Send + Sync + 'static> Shell<S, I> {
    async fn run(mut self) {
        let mut sending: Option<Sending> = None;
        while let Some(deadline) = self.drive(&mut sending) {
            match self.wait(&mut sending, deadline).await {
                Woken::Frame(Ok(frame)) => self.frame(&frame),
                Woken::Frame(Err(_)) | Woken::Sent(Err(_)) => {
                    self.session.handle(self.now(), Input::Lost);
                }
                Woken::Sent(Ok(())) => {}
                Woken::Judged(verdict, hello) => self.judged(verdict, &hello),
                Woken::Handled(answer) => self.handled(answer),
                Woken::Tick => self.session.handle(self.now(), Input::Tick),
            }
        }
        self.handlers.abort_all();
        // Only a socket that is read notices the peer's close.
        while self.inbound.next().await.is_ok() {}
    }

    fn now(&self) -> Time {
        Time::from_origin(self.origin.elapsed())
    }

    /// Does what the session says until it waits; none when all is over.
    fn drive(&mut self, sending: &mut Option<Sending>) -> Option<Option<Time>> {
        loop {
            let room = if sending.is_none() { MAX_MESSAGE } else { 0 };
            match self.session.poll(&mut self.out, room) {
                Output::Send => *sending = self.send(),
                Output::Event(event) => self.event(event),
                Output::Close { code } => {
                    close(&self.outbound, code);
                    return None;
                }
                Output::Wait(_) if self.session.state() == twinwire::State::Closed => return None,
                Output::Wait(deadline) => return Some(deadline),
            }
        }
    }

    /// Queues the message at once where there is room, which is usual.
    fn send(&mut self) -> Option<Sending> {
        let message = Bytes::from(std::mem::take(&mut self.out));
        match self.outbound.try_send(message.clone()) {
            Err(Refused::Full) => {
                let outbound = self.outbound.clone();
                Some(Box::pin(async move { outbound.send(message).await }))
            }
            // A closed connection shows in `inbound`.
            Ok(()) | Err(Refused::Closed | Refused::TooLarge) => None,
        }
    }

    /// Waits for what happens first; bytes before time.
    async fn wait(&mut self, sending: &mut Option<Sending>, deadline: Option<Time>) -> Woken<I> {
        let Self {
            inbound,
            judging,
            handlers,
            origin,
            ..
        } = self;
        let wake = deadline.map(|at| *origin + at.since_origin());
        select! {
            biased;
            frame = inbound.next() => Woken::Frame(frame),
            sent = ready(sending.as_mut()) => {
                *sending = None;
                Woken::Sent(sent)
            }
            verdict = ready(judging.as_mut().map(|(judging, _)| judging)) => {
                let hello = judging.take().map(|(_, hello)| hello);
                match hello {
                    Some(hello) => Woken::Judged(verdict, hello),
                    None => Woken::Tick,
                }
            }
            Some(answer) = handlers.join_next_with_id() => Woken::Handled(answer),
            () = tick(wake) => Woken::Tick,
        }
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
            Event::Hello(mut hello) => {
                if let Some(request) = self.request.take() {
                    let token = std::mem::take(&mut hello.token);
                    let judging = (self.shared.authenticate)(token, request);
                    self.judging = Some((judging, hello));
                }
            }
            Event::Call {
                call,
                kind,
                payload,
            } => self.call(call, kind, payload),
            Event::CallDropped { call } => {
                if let Some(handler) = self.calls.remove(&call) {
                    handler.abort();
                }
            }
            Event::Ended(end) => {
                let peer = self.cx.as_ref().map(Cx::peer);
                tracing::info!(?peer, %end, "a session ended");
                self.judging = None;
                self.handlers.abort_all();
            }
            Event::Welcome(_) | Event::Outcome { .. } => {
                debug_assert!(false, "a server's session has no such event");
            }
        }
    }

    fn judged(&mut self, verdict: Result<I, Denied>, hello: &Hello) {
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
        let (kinds, refused) = judge(&self.shared.registry, &hello.kinds);
        self.kinds = kinds;
        let caller = Caller {
            identity,
            session,
            peer,
            address: self.address,
        };
        self.cx = Some(Cx::new(Arc::clone(&self.shared.state), caller));
        tracing::info!(%peer, address = ?self.address, "a session opened");
        let boot = self.shared.boot;
        self.session.welcome(
            now,
            Greeting {
                session,
                peer,
                boot,
                refused,
            },
        );
    }

    fn call(&mut self, call: Number, kind: u32, payload: Vec<u8>) {
        let shared = Arc::clone(&self.shared);
        let kind = usize::try_from(kind)
            .ok()
            .and_then(|kind| self.kinds.get(kind).copied());
        let registered = kind.flatten().and_then(|name| shared.registry.get(name));
        let (Some(registered), Some(cx)) = (registered, &self.cx) else {
            return self.answer(call, Answer::Refused(Refusal::UnknownKind.into()));
        };
        let handler =
            self.handlers
                .spawn_local(registered.handle(cx.clone(), self.format, payload));
        self.running.insert(handler.id(), call);
        self.calls.insert(call, handler);
    }

    fn handled(&mut self, answer: Result<(Id, Answer<Vec<u8>>), JoinError>) {
        let (id, answer) = match answer {
            Ok((id, answer)) => (id, answer),
            Err(error) => (error.id(), Answer::Refused(Refusal::Panicked.into())),
        };
        if let Some(call) = self.running.remove(&id) {
            // A handler that was dropped has been answered for: the session ignores this.
            self.calls.remove(&call);
            self.answer(call, answer);
        }
    }

    fn answer(&mut self, call: Number, answer: Answer<Vec<u8>>) {
        self.session.answer(self.now(), call, answer);
    }
}

/// The future's outcome, or never where there is none.
async fn ready<F: Future + Unpin + ?Sized>(future: Option<&mut F>) -> F::Output {
    match future {
        Some(future) => future.await,
        None => std::future::pending().await,
    }
}

async fn tick(at: Option<Instant>) {
    match at {
        // A timer's resolution is a millisecond; one that fired early would wake us for nothing.
        Some(at) => sleep_until(at + Duration::from_millis(1)).await,
        None => std::future::pending().await,
    }
}
