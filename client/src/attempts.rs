//! How a client gets a connection: the first, or another in the place of one that is lost.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use twinwire::session::Input;
use twinwire::{Retry, Time, version};
use twinwire_remote::channels::oneshot;

use crate::driver::ClientDriver;
use crate::reconnect::DIAGNOSE_AFTER;
use crate::{
    ClientState, ConnectError, Departure, OpenFailure, Options, ReconnectCause, Transport,
};

/// The time after the first rejection by HTTP from which another one is final. A deploy gives such answers for some seconds; a
/// wrong URL gives them for ever, and its developer shouldn't have to wait for that long.
const FINAL_AFTER: Duration = Duration::from_secs(10);

/// The time that an attempt has left after a wake hint: it may be made over a network that is gone.
const AFTER_HINT: Duration = Duration::from_secs(1);

/// The caller that awaits the first connection, until it is welcomed.
pub(crate) struct ConnectWaiter<T: Transport> {
    report: oneshot::Sender<Result<(), ConnectError<T::Error>>>,
    /// Until when.
    late: Option<Pin<Box<T::Sleep>>>,
    /// The failure of the last attempt.
    failure: Option<ConnectError<T::Error>>,
    /// The cause for which none opens, as far as it was found out.
    cause: Option<T::Error>,
    /// Time of the first rejection by HTTP since a connection last opened.
    rejected: Option<Time>,
}

/// Nobody awaits a connection any more.
pub(crate) enum ConnectAborted {
    /// The caller has gone.
    Abandoned,
    /// The time is up.
    Late,
}

impl<T: Transport> ConnectWaiter<T> {
    pub(crate) fn new(report: oneshot::Sender<Result<(), ConnectError<T::Error>>>) -> Self {
        Self {
            report,
            late: None,
            failure: None,
            cause: None,
            rejected: None,
        }
    }

    /// Until when a connection is awaited.
    pub(crate) fn until(&mut self, late: T::Sleep) {
        self.late = Some(Box::pin(late));
    }

    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<ConnectAborted> {
        if self.report.poll_closed(cx).is_ready() {
            return Poll::Ready(ConnectAborted::Abandoned);
        }
        match &mut self.late {
            Some(late) => late.as_mut().poll(cx).map(|()| ConnectAborted::Late),
            None => Poll::Pending,
        }
    }

    /// Returns true if no attempt after this failure can help.
    fn is_final(&mut self, now: Time, failure: &ConnectError<T::Error>) -> bool {
        let ConnectError::Open(error) = failure else {
            return false;
        };
        // An answer by HTTP is final only if it stands: a proxy gives 404 and 403 while its server is replaced.
        if !error.is_rejection() {
            return error.is_final();
        }
        let first = *self.rejected.get_or_insert(now);
        now.saturating_since(first) >= FINAL_AFTER
    }

    /// An attempt was in vain, and another follows.
    pub(crate) fn fails(&mut self, failure: ConnectError<T::Error>) {
        self.failure = Some(failure);
    }

    /// The client is welcome.
    pub(crate) fn succeed(self) {
        // Who dropped the future has dropped the handle: the loop will see that.
        let _ = self.report.send(Ok(()));
    }

    /// There will be no connection, for the reason that the last attempt gave.
    pub(crate) fn give_up(self) {
        // A failed attempt tells less than what its cause was found to be.
        let opened_none = matches!(
            self.failure,
            Some(ConnectError::Open(_) | ConnectError::TimedOut)
        );
        let cause = self.cause.filter(|_| opened_none).map(ConnectError::Open);
        let error = cause.or(self.failure);
        let error = error.unwrap_or(ConnectError::TimedOut);
        // Who dropped the future wants no reason.
        let _ = self.report.send(Err(error));
    }
}

/// The result of an attempt.
enum Attempt<T: Transport> {
    Opened { token: Vec<u8>, link: T::Link },
    Failed(ConnectError<T::Error>),
}

impl<T: Transport> ClientDriver<T> {
    /// Waits, tries, and waits longer, until there is a link or the session is over.
    pub(crate) async fn reconnect(&mut self) {
        let transport = Arc::clone(&self.transport);
        while self.link.is_none() && self.session.state().awaits_connection() {
            let (now, jitter) = (transport.now(), transport.jitter());
            let longest = self.options.max_backoff;
            let wait = self.application.reconnect.next_wait(now, jitter, longest);
            self.tell_reconnect(wait);
            self.wait(wait).await;
            // The application may have closed it during the pause.
            if !self.session.state().awaits_connection() {
                return;
            }
            self.tell_reconnect(Duration::ZERO);
            let attempt = attempt(&*transport, &self.options);
            match self.drive_while(attempt).await {
                None => {}
                Some(Attempt::Opened { token, link }) => {
                    self.application.reconnect.opened();
                    // The address works: what was found out before, or answered by HTTP, is over.
                    if let Some(awaited) = &mut self.awaited {
                        (awaited.cause, awaited.rejected) = (None, None);
                    }
                    self.link = Some(link);
                    // Before `Opened`, at which the session writes its hello.
                    self.session.set_token(token);
                    self.session.handle(self.transport.now(), Input::Opened);
                    return;
                }
                Some(Attempt::Failed(failure)) => {
                    // Without a token nothing was tried, so there is nothing to look for at the address.
                    let is_shut = !matches!(failure, ConnectError::NoToken);
                    self.application.reconnect.unopened += u32::from(is_shut);
                    self.on_attempt_failed(failure);
                    let unopened = self.application.reconnect.unopened;
                    if is_shut && unopened.is_multiple_of(DIAGNOSE_AFTER) {
                        let cause = diagnosis(&*transport, &self.options);
                        if let Some(cause) = self.drive_while(cause).await {
                            self.found(cause);
                        }
                    }
                }
            }
        }
    }

    /// Takes what was found out about why none opens, if anything was.
    fn found(&mut self, cause: Option<T::Error>) {
        let reconnect = &mut self.application.reconnect;
        reconnect.diagnosed(cause.as_ref().map(cause_of));
        let Some(cause) = cause else {
            return;
        };
        self.apply_retry_after(&cause);
        let now = self.transport.now();
        let Some(awaited) = &mut self.awaited else {
            return;
        };
        let failure = ConnectError::Open(cause);
        if awaited.is_final(now, &failure) {
            awaited.cause = None;
            awaited.fails(failure);
            self.give_up();
            self.close();
        } else if let ConnectError::Open(cause) = failure {
            awaited.cause = Some(cause);
        }
    }

    /// A server may ask for time.
    fn apply_retry_after(&mut self, error: &T::Error) {
        if let Some(wait) = error.retry_after() {
            self.application.reconnect.asked_for(Retry::After(wait));
        }
    }

    pub(crate) fn tell_reconnect(&self, wait: Duration) {
        let attempt = self.application.reconnect.attempt;
        let absent = match self.application.reconnect.is_paused() {
            true => ClientState::Paused,
            false => ClientState::Resuming {
                attempt,
                wait,
                cause: self.application.reconnect.cause(),
            },
        };
        if self.awaited.is_none() {
            self.state.send(absent);
        }
    }

    /// Waits before an attempt, unless there is a reason for it to be made at once or not at all.
    async fn wait(&mut self, wait: Duration) {
        let transport = Arc::clone(&self.transport);
        let (mut sleep, mut hint) = (pin!(transport.sleep(wait)), pin!(transport.wake_hint()));
        poll_fn(|cx| {
            if self.poll(cx).is_ready() {
                return Poll::Ready(());
            }
            let reconnect = &mut self.application.reconnect;
            // Before `paused` is looked at: `reconnect_now` is what ends a pause.
            if reconnect.take_retry_now() {
                reconnect.restart(transport.now());
                return Poll::Ready(());
            }
            if reconnect.is_paused() {
                return Poll::Pending;
            }
            if (reconnect.honours_hints || reconnect.cached) && hint.as_mut().poll(cx).is_ready() {
                reconnect.restart(transport.now());
                return Poll::Ready(());
            }
            // A page that lies in a cache has left: whoever else is there mustn't see it again.
            if reconnect.cached {
                return Poll::Pending;
            }
            sleep.as_mut().poll(cx)
        })
        .await;
    }

    /// Does one step towards a connection beside the loop. Returns none if the loop wants no connection any more, if the
    /// program goes, or if the step lasts for long after a wake hint.
    async fn drive_while<O>(&mut self, step: impl Future<Output = O>) -> Option<O> {
        let transport = Arc::clone(&self.transport);
        let (mut step, mut hint) = (pin!(step), pin!(transport.wake_hint()));
        let mut leaving = pin!(transport.leaving());
        let mut late = None;
        poll_fn(|cx| {
            let is_over = self.poll(cx).is_ready();
            let is_paused = self.application.reconnect.is_paused();
            twinwire::plant!("attempt_outlives_pause", let is_paused = false);
            if is_over || is_paused {
                return Poll::Ready(None);
            }
            // Browsers keep no page that is opening a socket.
            if let Poll::Ready(departure) = leaving.as_mut().poll(cx) {
                self.application.reconnect.cached |= departure == Departure::Cached;
                return Poll::Ready(None);
            }
            if let Poll::Ready(output) = step.as_mut().poll(cx) {
                return Poll::Ready(Some(output));
            }
            // One hint is enough: each further one would give the attempt another second, and a page that is shown and hidden
            // might never see its end.
            if late.is_none() && hint.as_mut().poll(cx).is_ready() {
                self.application.reconnect.restart(transport.now());
                late = Some(Box::pin(transport.sleep(AFTER_HINT)));
            }
            match &mut late {
                Some(late) => late.as_mut().poll(cx).map(|()| None),
                None => Poll::Pending,
            }
        })
        .await
    }

    /// Takes the failure of an attempt that opened nothing.
    fn on_attempt_failed(&mut self, failure: ConnectError<T::Error>) {
        self.application.reconnect.failed(match &failure {
            ConnectError::Open(error) => cause_of(error),
            ConnectError::NotWelcomed(end) => ReconnectCause::Ended(end.clone()),
            ConnectError::NoToken => ReconnectCause::NoToken,
            // The last two are no failures of attempts.
            ConnectError::TimedOut | ConnectError::Abandoned | ConnectError::Undeclared(_) => {
                ReconnectCause::TimedOut
            }
        });
        if let ConnectError::Open(error) = &failure {
            self.apply_retry_after(error);
        }
        let now = self.transport.now();
        let Some(awaited) = &mut self.awaited else {
            return;
        };
        let is_final = awaited.is_final(now, &failure);
        if is_final {
            awaited.cause = None;
        }
        awaited.fails(failure);
        if is_final || !self.options.reconnect {
            self.give_up();
            self.close();
        }
    }

    /// Tells who awaits the first connection that there will be none.
    pub(crate) fn give_up(&mut self) {
        if let Some(awaited) = self.awaited.take() {
            awaited.give_up();
        }
    }
}

/// Returns what a client tells of a failure to open a connection.
fn cause_of<E: OpenFailure>(error: &E) -> ReconnectCause {
    match error.status() {
        Some(status) => ReconnectCause::Status(status),
        None => ReconnectCause::NotOpened(error.to_string()),
    }
}

/// Asks for a token, and opens a link.
fn attempt<'a, T: Transport>(
    transport: &'a T,
    options: &Options,
) -> impl Future<Output = Attempt<T>> + use<'a, T> {
    let (url, token) = (options.url.clone(), options.token.clone());
    let subprotocol = version::subprotocol(options.format);
    let time = options.limits.handshake_time();
    async move {
        // Asked for before the link is opened: a token that takes long would let the server's handshake time run out.
        let token = in_time(transport, time, token.get()).await.flatten();
        let Some(token) = token else {
            return Attempt::Failed(ConnectError::NoToken);
        };
        let open = transport.open(&url, subprotocol);
        match in_time(transport, time, open).await {
            Some(Ok(link)) => Attempt::Opened { token, link },
            Some(Err(error)) => Attempt::Failed(ConnectError::Open(error)),
            None => Attempt::Failed(ConnectError::TimedOut),
        }
    }
}

/// Looks for the cause of attempts in vain.
fn diagnosis<'a, T: Transport>(
    transport: &'a T,
    options: &Options,
) -> impl Future<Output = Option<T::Error>> + use<'a, T> {
    let (url, time) = (options.url.clone(), options.limits.handshake_time());
    async move {
        let cause = in_time(transport, time, transport.diagnose(&url)).await;
        cause.flatten()
    }
}

async fn in_time<T: Transport, O>(
    transport: &T,
    time: Duration,
    step: impl Future<Output = O>,
) -> Option<O> {
    let mut step = pin!(step);
    let mut late = None;
    poll_fn(|cx| match step.as_mut().poll(cx) {
        Poll::Ready(done) => Poll::Ready(Some(done)),
        Poll::Pending => {
            let late = late.get_or_insert_with(|| Box::pin(transport.sleep(time)));
            late.as_mut().poll(cx).map(|()| None)
        }
    })
    .await
}
