//! How a client gets a connection: the first, or another in the place of one that is lost.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use twinwire::session::Input;
use twinwire::{Retry, version};
use twinwire_remote::channels::once;

use crate::absence::UNOPENED;
use crate::driver::Driver;
use crate::{ClientState, ConnectError, OpenFailure, Options, Transport};

/// Who awaits the first connection, until it is welcomed.
pub(crate) struct Awaited<T: Transport> {
    report: once::Sender<Result<(), ConnectError<T::Error>>>,
    /// Until when.
    late: Option<Pin<Box<T::Sleep>>>,
    /// Why the last attempt was in vain.
    failure: Option<ConnectError<T::Error>>,
    /// Why none opens, as far as it was found out.
    cause: Option<T::Error>,
}

/// Nobody awaits a connection any more.
pub(crate) enum Unawaited {
    /// Who did has gone.
    Abandoned,
    /// The time is up.
    Late,
}

impl<T: Transport> Awaited<T> {
    pub(crate) fn new(report: once::Sender<Result<(), ConnectError<T::Error>>>) -> Self {
        Self {
            report,
            late: None,
            failure: None,
            cause: None,
        }
    }

    /// Until when a connection is awaited.
    pub(crate) fn until(&mut self, late: T::Sleep) {
        self.late = Some(Box::pin(late));
    }

    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Unawaited> {
        if self.report.poll_closed(cx).is_ready() {
            return Poll::Ready(Unawaited::Abandoned);
        }
        match &mut self.late {
            Some(late) => late.as_mut().poll(cx).map(|()| Unawaited::Late),
            None => Poll::Pending,
        }
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

/// What an attempt brought.
enum Attempt<T: Transport> {
    Opened { token: Vec<u8>, link: T::Link },
    Failed(ConnectError<T::Error>),
}

impl<T: Transport> Driver<T> {
    /// Waits, tries, and waits longer, until there is a link or the session is over.
    pub(crate) async fn come_back(&mut self) {
        let transport = Arc::clone(&self.transport);
        while self.link.is_none() && self.session.state().awaits_connection() {
            let wait = self.application.absence.next_wait(self.transport.jitter());
            self.tell_absence(wait);
            self.wait(wait).await;
            if !self.session.state().awaits_connection() {
                return;
            }
            self.tell_absence(Duration::ZERO);
            let attempt = attempt(&*transport, &self.options);
            match self.meanwhile(attempt).await {
                None => {}
                Some(Attempt::Opened { token, link }) => {
                    self.application.absence.unopened = 0;
                    if let Some(awaited) = &mut self.awaited {
                        awaited.cause = None;
                    }
                    self.link = Some(link);
                    self.session.set_token(token);
                    self.session.handle(self.transport.now(), Input::Opened);
                    return;
                }
                Some(Attempt::Failed(failure)) => {
                    let is_shut = !matches!(failure, ConnectError::NoToken);
                    self.application.absence.unopened += u32::from(is_shut);
                    self.in_vain(failure);
                    if is_shut && self.application.absence.unopened == UNOPENED {
                        let cause = diagnosis(&*transport, &self.options);
                        if let Some(Some(cause)) = self.meanwhile(cause).await {
                            self.found(cause);
                        }
                    }
                }
            }
        }
    }

    /// It was found out why none opens.
    fn found(&mut self, cause: T::Error) {
        if cause.is_final() {
            self.in_vain(ConnectError::Open(cause));
            return;
        }
        self.listen_to(&cause);
        if let Some(awaited) = &mut self.awaited {
            awaited.cause = Some(cause);
        }
    }

    /// A server may ask for time.
    fn listen_to(&mut self, error: &T::Error) {
        if let Some(wait) = error.retry_after() {
            self.application.absence.asked_for(Retry::After(wait));
        }
    }

    pub(crate) fn tell_absence(&self, wait: Duration) {
        let attempt = self.application.absence.attempt;
        let absent = match self.application.absence.paused {
            true => ClientState::Paused,
            false => ClientState::Resuming { attempt, wait },
        };
        if self.awaited.is_none() {
            self.state.tell(absent);
        }
    }

    /// Waits before an attempt, unless there is a reason for it to be made at once or not at all.
    async fn wait(&mut self, wait: Duration) {
        let transport = Arc::clone(&self.transport);
        let (mut sleep, mut nudge) = (pin!(transport.sleep(wait)), pin!(transport.nudged()));
        poll_fn(|cx| {
            if self.poll(cx).is_ready() || self.application.absence.takes_hurry() {
                return Poll::Ready(());
            }
            if self.application.absence.paused {
                return Poll::Pending;
            }
            if self.application.absence.takes_nudges && nudge.as_mut().poll(cx).is_ready() {
                return Poll::Ready(());
            }
            sleep.as_mut().poll(cx)
        })
        .await;
    }

    /// Does one step towards a connection beside the loop; none if the loop wants no connection any more.
    async fn meanwhile<O>(&mut self, step: impl Future<Output = O>) -> Option<O> {
        let mut step = pin!(step);
        poll_fn(|cx| {
            if self.poll(cx).is_ready() || self.application.absence.paused {
                return Poll::Ready(None);
            }
            step.as_mut().poll(cx).map(Some)
        })
        .await
    }

    /// No link came of an attempt.
    fn in_vain(&mut self, failure: ConnectError<T::Error>) {
        if let ConnectError::Open(error) = &failure {
            self.listen_to(error);
        }
        let Some(awaited) = &mut self.awaited else {
            return;
        };
        let is_final = is_final(&failure);
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

fn is_final<E: OpenFailure>(failure: &ConnectError<E>) -> bool {
    matches!(failure, ConnectError::Open(error) if error.is_final())
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
