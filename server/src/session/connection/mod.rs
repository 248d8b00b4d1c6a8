//! The one loop of a connection: socket and timer on one side, the session on the other.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use actix_web::HttpRequest;
use tokio::task::coop::{Unconstrained, unconstrained};
use tokio::time::Sleep;
use twinwire::frame::{Continuity, Frame, KindTable, Resume};
use twinwire::session::{Input, Output, ResumeRejected, ServerEvent, State};
use twinwire::{Format, Goodbye, GoodbyeCode, Secret, Time};
use twinwire_remote::Link;
use twinwire_remote::pump::{self, DeadlineTimer};

use crate::app::identity::{Authenticated, AuthenticationTask, authenticate};
use crate::app::shared::Shared;
use crate::session::app_session::{AppSession, Replaced};
use crate::session::slot::{Rejected, SlotLease, TURN_PAUSE};
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
        timer: DeadlineTimer::default(),
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
    timer: DeadlineTimer<Unconstrained<Sleep>>,
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
    table: Arc<KindTable>,
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
                    self.timer.stop();
                    // The identity of before, perhaps for the last time.
                    drop(replaced);
                }
                None => return turn,
            }
        }
    }

    /// Feeds the session with what came, bytes before time, and does what it says.
    fn turn(&mut self, app: &mut AppSession<S, I>, cx: &mut Context<'_>) -> Poll<LoopExit> {
        app.update_low_memory();
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

    fn receive(&mut self, app: &mut AppSession<S, I>, cx: &mut Context<'_>) -> bool {
        let (origin, session) = (app.origin, &mut app.session);
        let now = || Time::from_origin(origin.elapsed());
        pump::receive(&mut self.link, session, MESSAGES_AT_ONCE, now, cx)
    }

    /// Does what the session says until it waits.
    fn drive(&mut self, app: &mut AppSession<S, I>, cx: &mut Context<'_>) -> Option<LoopExit> {
        loop {
            let room = pump::room(&mut self.link, cx);
            match app.session.poll(app.now(), &mut self.out, room) {
                Output::Send => self.send(),
                Output::Event(event) => app.event(event),
                Output::SideEvent(event) => self.server_event(app, event),
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
        pump::flush(&mut self.link, cx);
        let is_over = app.session.state() == State::Closed;
        if is_over {
            // Its task is dropped with it: nobody is left to be told.
            self.authentication = None;
        }
        is_over.then_some(LoopExit::Lost)
    }

    fn server_event(&mut self, app: &mut AppSession<S, I>, event: ServerEvent) {
        match event {
            ServerEvent::Hello {
                token,
                table,
                resume,
            } => {
                // Always there: the session takes one hello on a connection, and refuses a second.
                if let Some(request) = self.request.take() {
                    let wanted = resume.as_ref().map(|wanted| wanted.session);
                    let task = authenticate(Arc::clone(&self.shared), token, request, wanted);
                    self.authentication =
                        Some((Task::spawn(task), AuthenticatingHello { table, resume }));
                }
            }
            ServerEvent::Left { alias } => app.left(alias),
            ServerEvent::ReadLog(read) => {
                let slice = app.read(read, &mut self.out);
                self.send();
                app.session.log_read(app.now(), read, slice);
            }
        }
    }

    fn send(&mut self) {
        // Nothing is lost without a link: then the session has no room to write.
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
            if self.timer.is_set() && deadline.is_some() {
                return;
            }
        );
        let sleep = |wait| unconstrained(tokio::time::sleep(wait));
        if self.timer.set(now, deadline, sleep) {
            self.waited = 0;
        }
    }

    fn poll_timer(&mut self, app: &mut AppSession<S, I>, cx: &mut Context<'_>) -> bool {
        let Poll::Ready(at) = self.timer.poll(cx) else {
            return false;
        };
        // A peer whose bytes are in the socket must not be found silent.
        if app.now().saturating_since(at) > LATE && self.waited < TURNS_BEFORE_TIME {
            self.waited += 1;
            cx.waker().wake_by_ref();
            return false;
        }
        self.waited = 0;
        self.timer.stop();
        app.session.handle(app.now(), Input::Tick);
        true
    }

    fn poll_authentication(&mut self, app: &mut AppSession<S, I>, cx: &mut Context<'_>) -> bool {
        if app.session.state() != State::Authenticating {
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
            let now = app.now();
            app.session.close(now, goodbye);
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
                Rejected::Resume(ResumeRejected::Another(continuity)) => continuity,
                Rejected::Resume(ResumeRejected::Over(goodbye)) => return Err(goodbye),
                Rejected::InTurn => {
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
        // Before the welcome goes out, later in this turn: who comes back at once finds the session.
        self.shared.sessions.insert(session, self.lease.slot());
        Ok(())
    }
}

#[cfg(test)]
mod tests;
