//! A session's beginning and end, as the application is told of them.

use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::sync::oneshot;
use tokio::time::timeout;
use twinwire::End;

use crate::HandlerContext;
use crate::app::shared::Shared;
use crate::shutdown::OpenGuard;
use crate::task::Task;

/// A session that the application knows of, until it is over.
///
/// A task of its own runs `on_open`, and waits for the end with `on_close`: so that it comes exactly once,
/// however the session's connection goes, a panic or a stop of the server included.
pub(crate) struct Lifetime<S, I> {
    opened: Option<oneshot::Receiver<Opened>>,
    /// True once `on_open` has failed.
    has_failed: bool,
    end: Option<oneshot::Sender<(HandlerContext<S, I>, End)>>,
}

/// The outcome of `on_open`.
type Opened = Result<(), &'static str>;

impl<S, I> Lifetime<S, I> {
    /// Tells the application that a session is open.
    pub(crate) fn begin(shared: &Arc<Shared<S, I>>, cx: HandlerContext<S, I>) -> Self
    where
        S: Send + Sync + 'static,
        I: Send + Sync + 'static,
    {
        if shared.on_open.is_none() && shared.on_close.is_none() {
            return Self {
                opened: None,
                has_failed: false,
                end: None,
            };
        }
        let (tell_opened, opened) = oneshot::channel();
        let (end, ended) = oneshot::channel();
        let opened = shared.on_open.is_some().then_some(opened);
        let running = run(Arc::clone(shared), cx, tell_opened, ended);
        // Nothing stops it: it ends by itself.
        actix_web::rt::spawn(running);
        Self {
            opened,
            has_failed: false,
            end: Some(end),
        }
    }

    /// Returns true while `on_open` runs.
    pub(crate) fn is_opening(&self) -> bool {
        self.opened.is_some()
    }

    /// Returns true once `on_open` has failed: the session ends, and what has come is not to be handled without what the
    /// application prepares there.
    pub(crate) fn has_failed(&self) -> bool {
        self.has_failed
    }

    /// Ready once, when `on_open` is over; an error says why the session can't be left open.
    pub(crate) fn poll_opened(&mut self, cx: &mut Context<'_>) -> Poll<Opened> {
        let Some(opened) = &mut self.opened else {
            return Poll::Pending;
        };
        let opened = std::pin::Pin::new(opened).poll(cx);
        opened.map(|opened| {
            self.opened = None;
            let opened = opened.unwrap_or(Err("on_open's worker has stopped"));
            self.has_failed = opened.is_err();
            opened
        })
    }

    /// Tells the application that the session is over, once.
    pub(crate) fn end(&mut self, cx: &HandlerContext<S, I>, end: End) {
        // What `on_open` comes to now is nobody's concern: its session is over.
        self.opened = None;
        if let Some(told) = self.end.take() {
            // A worker that has stopped runs nothing any more.
            let _ = told.send((cx.clone(), end));
        }
    }
}

async fn run<S, I>(
    shared: Arc<Shared<S, I>>,
    cx: HandlerContext<S, I>,
    opened: oneshot::Sender<Opened>,
    mut ended: oneshot::Receiver<(HandlerContext<S, I>, End)>,
) where
    S: Send + Sync + 'static,
    I: Send + Sync + 'static,
{
    // The endpoint isn't shut down before `on_close` is done, as long as that has time.
    let open = shared.shutdown.open();
    let early = run_on_open(&shared, cx, opened, &mut ended).await;
    if shared.on_close.is_none() {
        return;
    }
    let end = match early {
        Some(end) => end,
        None => ended.await,
    };
    // A session says so before it is dropped.
    if let Ok((cx, end)) = end {
        run_on_close(&shared, cx, end, open).await;
    }
}

/// Runs `on_open` until it is over, its time has passed, or the session ends, which it then returns.
async fn run_on_open<S, I>(
    shared: &Arc<Shared<S, I>>,
    cx: HandlerContext<S, I>,
    opened: oneshot::Sender<Opened>,
    ended: &mut oneshot::Receiver<(HandlerContext<S, I>, End)>,
) -> Option<Result<(HandlerContext<S, I>, End), oneshot::error::RecvError>>
where
    S: Send + Sync + 'static,
    I: Send + Sync + 'static,
{
    shared.on_open.as_ref()?;
    let (called, peer) = (Arc::clone(shared), cx.id());
    let mut on_open = Task::spawn(async move {
        if let Some(on_open) = &called.on_open {
            on_open(cx).await;
        }
    });
    let (early, is_over) = tokio::select! {
        biased;
        // The end first: else a session that is over could be told to have opened.
        end = ended => (Some(end), false),
        done = timeout(shared.limits.call_time(), &mut on_open) => {
            let is_over = done.is_ok();
            let why = match done {
                Ok(Ok(())) => Ok(()),
                Ok(Err(_)) => Err("on_open panicked"),
                Err(_) => Err("on_open ran too long"),
            };
            if let Err(why) = why {
                tracing::error!(%peer, "{why}: the session ends");
            }
            // A session that has ended meanwhile doesn't wait for it.
            let _ = opened.send(why);
            (None, is_over)
        }
    };
    // Waits until it is dropped: `on_close` must not run beside what is left of `on_open`.
    if !is_over {
        on_open.stop().await;
    }
    early
}

async fn run_on_close<S, I>(
    shared: &Arc<Shared<S, I>>,
    cx: HandlerContext<S, I>,
    end: End,
    open: OpenGuard,
) where
    S: Send + Sync + 'static,
    I: Send + Sync + 'static,
{
    let (called, peer) = (Arc::clone(shared), cx.id());
    let mut on_close = Task::spawn(async move {
        if let Some(on_close) = &called.on_close {
            on_close(cx, end).await;
        }
    });
    let done = match timeout(shared.limits.drain_time(), &mut on_close).await {
        Ok(done) => done,
        Err(_) => {
            // The server's stop waits no longer. It may still end by itself, and its panic be told.
            drop(open);
            on_close.await
        }
    };
    if done.is_err_and(|error| error.is_panic()) {
        tracing::error!(%peer, "on_close panicked");
    }
}
