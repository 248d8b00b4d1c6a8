//! A task that nobody needs without its owner.

use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::task::{JoinError, JoinHandle};

/// A task on this worker, which is dropped at its next await when this is. A panic ends the task alone,
/// and is the future's error.
#[derive(Debug)]
pub(crate) struct Task<T>(JoinHandle<T>);

impl<T: 'static> Task<T> {
    /// Starts the task.
    pub(crate) fn spawn(future: impl Future<Output = T> + 'static) -> Self {
        Self(actix_web::rt::spawn(future))
    }

    /// Drops the task's future, and waits until that is gone.
    pub(crate) async fn stop(self) {
        self.0.abort();
        // An error says that there was something to stop.
        let _ = self.await;
    }
}

impl<T> Future for Task<T> {
    type Output = Result<T, JoinError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx)
    }
}

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
