//! The end of an endpoint: who is told of it, and whom it waits for.

use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use tokio::sync::Notify;
use tokio::task::coop::unconstrained;
use twinwire::Goodbye;

use crate::drain::Drain;

/// Tells all connections that the server stops, and waits for them. Wakes them in the order in which they
/// began to wait, as tokio's `watch` doesn't.
#[derive(Debug, Default)]
pub(crate) struct Shutdown {
    drain: OnceLock<Drain>,
    begun: Notify,
    open: AtomicUsize,
    closed: Notify,
}

/// Ready when the server stops.
pub(crate) type Stopping = Pin<Box<dyn Future<Output = Goodbye> + Send>>;

/// Waits until the server stops, as a future of one session.
pub(crate) fn stopping(shutdown: Arc<Shutdown>) -> Stopping {
    // A peer that sends without pause uses tokio's budget up.
    Box::pin(unconstrained(async move { shutdown.begun().await }))
}

/// Keeps the endpoint from being shut down before it is dropped.
#[must_use = "dropping it lets the endpoint end"]
pub(crate) struct OpenGuard(Arc<Shutdown>);

impl Shutdown {
    /// Has all who wait for it say goodbye. A second one changes nothing.
    pub(crate) fn begin(&self, drain: Drain) {
        // The first draw goes on.
        let _ = self.drain.set(drain);
        self.begun.notify_waiters();
    }

    /// Returns the goodbye of one more client, once the server stops.
    pub(crate) fn goodbye(&self) -> Option<Goodbye> {
        self.drain.get().map(Drain::goodbye)
    }

    /// Waits until the server stops.
    pub(crate) async fn begun(&self) -> Goodbye {
        loop {
            // Made before the look, so that what begins after it wakes this.
            let begun = self.begun.notified();
            if let Some(goodbye) = self.goodbye() {
                return goodbye;
            }
            begun.await;
        }
    }

    /// Has the endpoint wait for what this is given to.
    pub(crate) fn open(self: &Arc<Self>) -> OpenGuard {
        self.open.fetch_add(1, Ordering::Relaxed);
        OpenGuard(Arc::clone(self))
    }

    /// Waits until nothing is open.
    pub(crate) async fn closed(&self) {
        loop {
            let closed = self.closed.notified();
            if self.open.load(Ordering::Acquire) == 0 {
                return;
            }
            closed.await;
        }
    }
}

impl Drop for OpenGuard {
    fn drop(&mut self) {
        if self.0.open.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.closed.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Waker};
    use std::time::Duration;

    use super::*;

    #[test]
    fn who_waits_is_told_and_waited_for() {
        let cx = &mut Context::from_waker(Waker::noop());
        let shutdown = Arc::new(Shutdown::default());
        let (first, second) = (shutdown.open(), shutdown.open());
        let (mut begun, mut closed) = (pin!(shutdown.begun()), pin!(shutdown.closed()));
        assert!(begun.as_mut().poll(cx).is_pending() && closed.as_mut().poll(cx).is_pending());
        shutdown.begin(Drain::new(2, Duration::ZERO));
        assert!(begun.as_mut().poll(cx).is_ready());
        assert!(pin!(shutdown.begun()).poll(cx).is_ready(), "it has begun");
        drop(first);
        assert!(closed.as_mut().poll(cx).is_pending());
        drop(second);
        assert!(closed.as_mut().poll(cx).is_ready());
    }
}
