//! The one loop of a connection: socket and timer on one side, the session on the other.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use actix_web::HttpRequest;
use tokio::task::coop::{Unconstrained, unconstrained};
use tokio::time::Sleep;
use twinwire::frame::{Continuity, Frame, Resume, Table};
use twinwire::limits::MAX_MESSAGE;
use twinwire::session::{Event, Input, Output, State};
use twinwire::{Format, Goodbye, GoodbyeCode, Secret, Time};
use twinwire_remote::{Inbound, Link, LinkLost};

use crate::app_session::{AppSession, Replaced};
use crate::identity::{Authenticated, AuthenticationTask, authenticate};
use crate::shared::Shared;
use crate::slot::{ResumeRejected, SlotLease, TURN_PAUSE};
use crate::task::Task;

/// Carries one connection from its handshake to its end; and then the session, for as long as it is
/// kept and no other connection resumes it.
pub(crate) async fn run<S, I>(
    shared: Arc<Shared<S, I>>,
    request: HttpRequest,
    format: Format,
    link: impl Link + 'static,
) where
    S: Send + Sync + 'static,
    I: Send + Sync + 'static,
{
    let address = request.peer_addr();
    let app = AppSession::new(Arc::clone(&shared), format);
    let driver = ConnectionDriver {
        shared,
        request: Some(request),
        format,
        link: Some(link),
        sleep: None,
        waited: 0,
        lease: SlotLease::new(app),
        resumed: None,
        out: Vec::new(),
        authentication: None,
    };
    tracing::debug!(?address, ?format, "a socket opened");
    driver.run().await;
    tracing::debug!(?address, "a connection is over");
}

/// Tells a client of another version why there is no session, and closes.
pub(crate) async fn refuse(goodbye: Goodbye, mut link: impl Link) {
    let mut message = Vec::new();
    let code = goodbye.code.close_code();
    Frame::Goodbye(goodbye).encode(&mut message);
    // A link that is new has room, and a peer that is gone already needs no reason.
    link.send(message);
    link.close(code).await;
}

struct ConnectionDriver<S, I, L> {
    shared: Arc<Shared<S, I>>,
    /// The handshake, until `authenticate` takes it.
    request: Option<HttpRequest>,
    format: Format,
    /// Until it is lost or given up.
    link: Option<L>,
    /// The pause until the session's deadline.
    /// Beside tokio's budget, which a peer that sends without pause uses up.
    sleep: Option<(Time, Pin<Box<Unconstrained<Sleep>>>)>,
    /// The turns that a late deadline has waited for bytes.
    waited: u8,
    lease: SlotLease<S, I>,
    /// A session that the client has wanted back, to be held in the place of the one that greeted it; and what
    /// it had of its last connection.
    resumed: Option<(SlotLease<S, I>, Replaced<S, I>)>,
    out: Vec<u8>,
    authentication: Option<(AuthenticationTask<I>, AuthenticatingHello)>,
}

/// The part of a client's hello that is wanted once its token is authenticated.
struct AuthenticatingHello {
    table: Arc<Table>,
    resume: Option<Box<Resume>>,
}

/// Messages taken before anything else gets its turn: a peer that never pauses must not keep timers
/// and handlers waiting.
const MESSAGES_AT_ONCE: usize = 32;

/// The lateness from which on a deadline finds a worker that stood still, or has too much to do.
const LATE: Duration = Duration::from_millis(100);

/// The turns that a late deadline leaves to others: what has come may be on its way through actix's task.
const TURNS_BEFORE_TIME: u8 = 3;

/// The loop is over.
enum LoopExit {
    Close(u16),
    Lost,
    /// Another connection has the session.
    Fenced,
}

impl<S: Send + Sync + 'static, I: Send + Sync + 'static, L: Link + 'static>
    ConnectionDriver<S, I, L>
{
    async fn run(mut self) {
        let over = poll_fn(|cx| self.poll(cx)).await;
        // The endpoint isn't shut down before the link is closed.
        let _open = self.shared.shutdown.open();
        // Ends the session, if it is still this connection's, before the close frame goes out: who sees the frame and comes
        // back finds the tombstone.
        drop(self.lease);
        let code = match over {
            LoopExit::Close(code) => Some(code),
            LoopExit::Fenced => Some(GoodbyeCode::Superseded.close_code()),
            LoopExit::Lost => None,
        };
        if let (Some(link), Some(code)) = (self.link, code) {
            link.close(code).await;
        }
    }

    /// Takes its turns with the session for as long as it holds it.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<LoopExit> {
        loop {
            let slot = self.lease.slot();
            let Some(mut state) = self.lease.turn(&slot, cx) else {
                return Poll::Ready(LoopExit::Fenced);
            };
            let turn = self.turn(&mut state.app, cx);
            drop(state);
            match self.resumed.take() {
                Some((resumed, replaced)) => {
                    // Between turns: the lease that goes locks its slot as it is dropped, and would wait for itself.
                    self.lease = resumed;
                    // Set by the clock and the deadlines of the session before.
                    self.sleep = None;
                    // The identity of before, perhaps for the last time.
                    drop(replaced);
                }
                None => return turn,
            }
        }
    }

    /// Feeds the session with what came, bytes before time, and does what it says.
    fn turn(&mut self, app: &mut AppSession<S, I>, cx: &mut Context<'_>) -> Poll<LoopExit> {
        app.be_frugal_if_needed();
        loop {
            let received = self.receive(app, cx);
            let authenticated = self.poll_authentication(app, cx);
            // The session that greeted the client is left as it is: nothing of it may go out any more, since the client takes
            // what comes for frames of the session that it has back.
            if self.resumed.is_some() {
                return Poll::Pending;
            }
            let worked = app.poll_application(cx);
            if let Some(over) = self.drive(app, cx) {
                return Poll::Ready(over);
            }
            let woken = self.poll_timer(app, cx);
            let can_go_on = app.can_go_on();
            if !received && !authenticated && !worked && !woken && !can_go_on {
                app.weigh();
                return Poll::Pending;
            }
        }
    }

    /// Takes what the link has, a bounded number of messages at a time.
    fn receive(&mut self, app: &mut AppSession<S, I>, cx: &mut Context<'_>) -> bool {
        let Some(link) = &mut self.link else {
            return false;
        };
        for taken in 0..MESSAGES_AT_ONCE {
            let now = app.now();
            match link.poll_receive(cx) {
                Poll::Ready(Ok(Inbound::Binary(message))) => {
                    app.session.handle(now, Input::Message(message.as_ref()));
                }
                Poll::Ready(Ok(Inbound::Text)) => app.session.handle(now, Input::Text),
                Poll::Ready(Err(LinkLost)) => {
                    // A link that is lost says so at each poll: dropped here, it is told once.
                    self.link = None;
                    app.session.handle(now, Input::Lost);
                    return true;
                }
                Poll::Pending => return taken > 0,
            }
        }
        true
    }

    /// Does what the session says until it waits.
    fn drive(&mut self, app: &mut AppSession<S, I>, cx: &mut Context<'_>) -> Option<LoopExit> {
        loop {
            let room = match self.link.as_mut().map(|link| link.poll_ready(cx)) {
                Some(Poll::Ready(Ok(()))) => MAX_MESSAGE,
                Some(Poll::Ready(Err(LinkLost)) | Poll::Pending) | None => 0,
            };
            match app.session.poll(app.now(), &mut self.out, room) {
                Output::Send => self.send(),
                Output::Event(event) => {
                    if let Some(Event::Hello {
                        token,
                        table,
                        resume,
                    }) = app.event(event)
                        && let Some(request) = self.request.take()
                    {
                        let wanted = resume.as_ref().map(|wanted| wanted.session);
                        let task = authenticate(Arc::clone(&self.shared), token, request, wanted);
                        self.authentication =
                            Some((Task::spawn(task), AuthenticatingHello { table, resume }));
                    }
                }
                Output::Pull(pull) => {
                    let slice = app.read(pull, &mut self.out);
                    self.send();
                    app.session.pulled(app.now(), pull, slice);
                }
                Output::Close { code } if app.session.state() == State::Detached => {
                    self.give_link_up(code);
                }
                Output::Close { code } => return Some(LoopExit::Close(code)),
                Output::Wait(deadline) => {
                    let deadlines = deadline.into_iter().chain(app.deadline());
                    self.wake_at(app.now(), deadlines.min());
                    break;
                }
            }
        }
        if let Some(link) = &mut self.link {
            // A lost link shows in `receive`.
            let _ = link.poll_flush(cx);
        }
        let is_over = app.session.state() == State::Closed;
        if is_over {
            // Its task is dropped with it: nobody is left to be told.
            self.authentication = None;
        }
        is_over.then_some(LoopExit::Lost)
    }

    fn send(&mut self) {
        if let Some(link) = self.link.as_mut().filter(|_| !self.out.is_empty()) {
            link.send(std::mem::take(&mut self.out));
        }
    }

    /// Closes the link beside the session, which stays.
    fn give_link_up(&mut self, code: u16) {
        if let Some(link) = self.link.take() {
            // The endpoint isn't shut down before it is closed.
            let open = self.shared.shutdown.open();
            actix_web::rt::spawn(async move {
                link.close(code).await;
                drop(open);
            });
        }
    }

    fn wake_at(&mut self, now: Time, deadline: Option<Time>) {
        twinwire::plant!(
            "server_keeps_later_timer",
            if self.sleep.is_some() && deadline.is_some() {
                return;
            }
        );
        match (deadline, &self.sleep) {
            (None, _) => self.sleep = None,
            // The same deadline comes back after each turn: a timer set anew each time would cost more than the turn.
            (Some(at), Some((set, _))) if *set == at => {}
            (Some(at), _) => {
                let wait = at.saturating_since(now);
                // A millisecond more: a timer that fires early would wake us for nothing.
                let sleep = tokio::time::sleep(wait.saturating_add(Duration::from_millis(1)));
                self.waited = 0;
                self.sleep = Some((at, Box::pin(unconstrained(sleep))));
            }
        }
    }

    fn poll_timer(&mut self, app: &mut AppSession<S, I>, cx: &mut Context<'_>) -> bool {
        let Some((at, sleep)) = &mut self.sleep else {
            return false;
        };
        if sleep.as_mut().poll(cx).is_pending() {
            return false;
        }
        // A peer whose bytes are in the socket must not be found silent.
        if app.now().saturating_since(*at) > LATE && self.waited < TURNS_BEFORE_TIME {
            self.waited += 1;
            cx.waker().wake_by_ref();
            return false;
        }
        self.waited = 0;
        self.sleep = None;
        app.session.handle(app.now(), Input::Tick);
        true
    }

    fn poll_authentication(&mut self, app: &mut AppSession<S, I>, cx: &mut Context<'_>) -> bool {
        if app.session.state() != State::Judging {
            // Nobody waits for it any more.
            self.authentication = None;
        }
        let Some((task, _)) = &mut self.authentication else {
            return false;
        };
        let Poll::Ready(verdict) = Pin::new(task).poll(cx) else {
            return false;
        };
        let verdict = verdict.unwrap_or_else(|error| {
            // Without a panic, its worker is stopping.
            if error.is_panic() {
                tracing::error!(
                    "authenticate panicked, or user_key, or may_resume: a client is refused"
                );
            }
            Err(Goodbye::new(GoodbyeCode::Internal, "authenticate panicked"))
        });
        if let Some((_, hello)) = self.authentication.take()
            && let Err(goodbye) = self.authenticated(app, verdict, hello)
        {
            app.session.close(app.now(), goodbye);
        }
        true
    }

    /// Gives the client the session that it wants back, or welcomes it to the one that greeted it.
    fn authenticated(
        &mut self,
        app: &mut AppSession<S, I>,
        verdict: Result<Box<Authenticated<I>>, Goodbye>,
        hello: AuthenticatingHello,
    ) -> Result<(), Goodbye> {
        let mut client = verdict?;
        let internal = |_| Goodbye::new(GoodbyeCode::Internal, "no random bytes");
        let mut continuity = Continuity::New;
        if let Some(wanted) = &hello.resume {
            let next = Secret::from_bytes(self.shared.random.bytes().map_err(internal)?);
            let resumed = self
                .shared
                .sessions
                .resume(wanted, next, client, |app, client, next| {
                    app.resume(client, self.format, wanted, &hello.table, next)
                });
            let (why, given_back) = match resumed {
                Ok(resumed) => {
                    self.resumed = Some(resumed);
                    return Ok(());
                }
                Err(rejected) => rejected,
            };
            client = given_back;
            continuity = match why {
                ResumeRejected::Another(continuity) => continuity,
                ResumeRejected::Over(goodbye) => return Err(goodbye),
                ResumeRejected::InTurn => {
                    // The handshake's time bounds how often.
                    let again = Task::spawn(async move {
                        tokio::time::sleep(TURN_PAUSE).await;
                        Ok(client)
                    });
                    self.authentication = Some((again, hello));
                    return Ok(());
                }
            };
        }
        let credentials = self.shared.random.credentials().map_err(internal)?;
        let session = credentials.session;
        app.welcome(client.handshake, credentials, continuity, &hello.table);
        self.shared.sessions.insert(session, self.lease.slot());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use actix_web::test::TestRequest;
    use testkit::{Log, soon};
    use tokio::sync::{mpsc, oneshot};
    use tokio::task::yield_now;
    use tokio::time::{Instant, advance};
    use twinwire::frame::{Hello, PeerLimits, Ping};
    use twinwire::{End, Limits};

    use super::*;
    use crate::{HandlerContext, Twinwire};

    fn message(frames: &[Frame<'_>]) -> Vec<u8> {
        let mut message = Vec::new();
        frames.iter().for_each(|frame| frame.encode(&mut message));
        message
    }

    /// The link of a client that says hello; then, when it is told to, it panics.
    struct Faulty {
        messages: mpsc::UnboundedReceiver<Vec<u8>>,
        panic: oneshot::Receiver<()>,
        /// The codes that it was closed with.
        closed: Log<u16>,
        /// Counts how often it was asked for a message.
        polls: Arc<AtomicUsize>,
    }

    impl Faulty {
        fn new(panic: oneshot::Receiver<()>) -> Self {
            let (_, messages) = Self::receiving(panic);
            messages
        }

        /// The same, and what sends further messages of the client.
        fn receiving(panic: oneshot::Receiver<()>) -> (mpsc::UnboundedSender<Vec<u8>>, Self) {
            let hello = Frame::Hello(Hello {
                bounds: PeerLimits {
                    window: 1 << 20,
                    stream: 1 << 16,
                    topic: 1 << 18,
                    payload: 1 << 18,
                },
                token: Vec::new(),
                digest: Table::default().digest(),
                resume: None,
            });
            let (sender, messages) = mpsc::unbounded_channel();
            for frame in [hello, Frame::Table(Table::default())] {
                sender.send(message(&[frame])).expect("it is there");
            }
            let faulty = Self {
                messages,
                panic,
                closed: Log::default(),
                polls: Arc::default(),
            };
            (sender, faulty)
        }
    }

    impl Link for Faulty {
        type Message = Vec<u8>;

        fn poll_receive(
            &mut self,
            cx: &mut Context<'_>,
        ) -> Poll<Result<Inbound<Vec<u8>>, LinkLost>> {
            self.polls.fetch_add(1, Ordering::Relaxed);
            if let Poll::Ready(Some(message)) = self.messages.poll_recv(cx) {
                return Poll::Ready(Ok(Inbound::Binary(message)));
            }
            assert!(
                Pin::new(&mut self.panic).poll(cx).is_pending(),
                "as the test asked"
            );
            Poll::Pending
        }

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), LinkLost>> {
            Poll::Ready(Ok(()))
        }

        fn send(&mut self, _: Vec<u8>) {}

        fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<Result<(), LinkLost>> {
            Poll::Ready(Ok(()))
        }

        async fn close(self, code: u16) {
            self.closed.push(code);
        }
    }

    #[actix_web::test]
    async fn on_close_runs_once_when_the_connections_task_panics() {
        let (opened, closed) = (Log::default(), Log::default());
        let (tell_opened, tell_closed) = (opened.clone(), closed.clone());
        let builder = Twinwire::builder(()).on_open(move |_: HandlerContext| {
            tell_opened.push(());
            async {}
        });
        let builder = builder.on_close(move |_: HandlerContext, end| {
            tell_closed.push(end);
            async {}
        });
        let wire = builder.build().expect("there are no kinds");
        let (tell_panic, panic) = oneshot::channel();
        let request = TestRequest::default().to_http_request();
        wire.serve(request, Format::Postcard, Faulty::new(panic));
        opened.count(1).await;
        assert_eq!(wire.peers().len(), 1);
        assert!(tell_panic.send(()).is_ok());
        closed.count(1).await;
        assert!(wire.peers().is_empty());
        soon("the end", wire.shut_down()).await;
        match &closed.events()[..] {
            [End::Closed(goodbye)] => assert_eq!(goodbye.code, GoodbyeCode::Internal),
            other => panic!("{other:?}"),
        }
    }

    #[actix_web::test]
    async fn a_client_that_falls_silent_loses_its_link_and_keeps_its_session() {
        let opened = Log::default();
        let told = opened.clone();
        let builder = Twinwire::builder(()).on_open(move |_: HandlerContext| {
            told.push(());
            async {}
        });
        let wire = builder.build().expect("there are no kinds");
        let (_alive, panic) = oneshot::channel();
        let link = Faulty::new(panic);
        let closed = link.closed.clone();
        let request = TestRequest::default().to_http_request();
        wire.serve(request, Format::Postcard, link);
        opened.count(1).await;
        tokio::time::pause();
        // Of virtual time, more than two heartbeats.
        tokio::time::sleep(Duration::from_secs(40)).await;
        assert_eq!(closed.events(), [GoodbyeCode::Silent.close_code()]);
        assert_eq!(wire.peers().len(), 1);
    }

    #[actix_web::test]
    async fn a_deadline_before_the_next_heartbeat_is_kept() {
        let opened = Log::default();
        let told = opened.clone();
        let second = Duration::from_secs(1);
        let builder = Twinwire::builder(()).on_open(move |_: HandlerContext| {
            told.push(());
            async {}
        });
        let builder = builder.limits(Limits::default().call_deadline(second));
        let wire = builder.build().expect("there are no kinds");
        let (_alive, panic) = oneshot::channel();
        let request = TestRequest::default().to_http_request();
        wire.serve(request, Format::Postcard, Faulty::new(panic));
        opened.count(1).await;
        let peer = wire.peers().pop().expect("it is welcome");
        tokio::time::pause();
        let asked = tokio::time::Instant::now();
        assert_eq!(peer.ping().await, None, "this client is silent");
        assert!(asked.elapsed() < 2 * second, "{:?}", asked.elapsed());
    }

    #[actix_web::test]
    async fn a_peer_whose_bytes_are_on_their_way_is_not_silent_to_a_worker_that_stood_still() {
        let opened = Log::default();
        let told = opened.clone();
        let heartbeat = Duration::from_secs(2);
        let builder = Twinwire::builder(()).on_open(move |_: HandlerContext| {
            told.push(());
            async {}
        });
        let builder = builder.limits(Limits::default().heartbeat(heartbeat));
        let wire = builder.build().expect("there are no kinds");
        let (_alive, panic) = oneshot::channel();
        let (to_link, link) = Faulty::receiving(panic);
        tokio::time::pause();
        wire.serve(
            TestRequest::default().to_http_request(),
            Format::Postcard,
            link,
        );
        opened.count(1).await;
        // The server asks for a sign of life, and the answer comes while its worker stands still.
        advance(heartbeat + Duration::from_millis(10)).await;
        let (answer, mut answers) = mpsc::unbounded_channel();
        let (relayed, closing) = (to_link.clone(), to_link);
        actix_web::rt::spawn(async move {
            while let Some(message) = answers.recv().await {
                // As bytes go through actix's task before they are with the driver.
                yield_now().await;
                let _ = relayed.send(message);
            }
        });
        yield_now().await;
        let sign = message(&[Frame::Pong(Ping { id: 0 })]);
        answer.send(sign).expect("it is there");
        advance(heartbeat + Duration::from_secs(1)).await;
        for _ in 0..8 {
            yield_now().await;
        }
        assert!(!closing.is_closed(), "its connection was given up");
    }

    /// Counts the turns of a connection until it finds its client silent, woken this late.
    async fn turns_until_silence_is_found(late: Duration) -> usize {
        let opened = Log::default();
        let told = opened.clone();
        let heartbeat = Duration::from_secs(2);
        let builder = Twinwire::builder(()).on_open(move |_: HandlerContext| {
            told.push(());
            async {}
        });
        let builder = builder.limits(Limits::default().heartbeat(heartbeat));
        let wire = builder.build().expect("there are no kinds");
        let (_alive, panic) = oneshot::channel();
        let link = Faulty::new(panic);
        let (closed, polls) = (link.closed.clone(), Arc::clone(&link.polls));
        let request = TestRequest::default().to_http_request();
        wire.serve(request, Format::Postcard, link);
        opened.count(1).await;
        let opened = Instant::now();
        // The server has asked for a sign of life, and gives up in time or late.
        let asked = heartbeat + Duration::from_millis(500);
        tokio::time::sleep_until(opened + asked).await;
        let before = polls.load(Ordering::Relaxed);
        advance(2 * heartbeat + late - asked).await;
        closed.count(1).await;
        polls.load(Ordering::Relaxed) - before
    }

    #[actix_web::test]
    async fn a_worker_that_stood_still_leaves_three_turns_to_what_is_on_its_way() {
        tokio::time::pause();
        let in_time = turns_until_silence_is_found(Duration::from_millis(50)).await;
        let just_in_time = turns_until_silence_is_found(LATE).await;
        let late = turns_until_silence_is_found(2 * LATE).await;
        assert_eq!((just_in_time, late), (in_time, in_time + 3));
    }
}
