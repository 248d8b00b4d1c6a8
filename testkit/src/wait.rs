//! Waiting for what must happen, without sleeping.

use std::future::Future;
use std::io;
use std::time::Duration;

use suite::patient;
use tokio::sync::watch;
use twinwire_server::Limits;

/// The time after which waiting is given up: only a broken test takes so long.
const SAFETY_NET: Duration = Duration::from_secs(30);

/// Awaits a future that must be ready soon.
///
/// # Panics
///
/// After 30 seconds, naming what never came.
#[track_caller]
pub fn soon<F: Future>(what: &str, future: F) -> impl Future<Output = F::Output> {
    let caller = std::panic::Location::caller();
    async move {
        match tokio::time::timeout(SAFETY_NET, future).await {
            Ok(output) => output,
            Err(_) => panic!("{caller}: waited in vain for {what}"),
        }
    }
}

/// Returns limits by which what never ends is given up after a second.
#[must_use]
pub fn hasty() -> Limits {
    patient().call_deadline(Duration::from_secs(1))
}

/// What happened so far, in order: handlers on any thread append, tests wait for it.
#[derive(Clone, Debug)]
pub struct Log<T>(watch::Sender<Vec<T>>);

impl<T> Default for Log<T> {
    fn default() -> Self {
        Self(watch::Sender::new(Vec::new()))
    }
}

impl<T: Clone> Log<T> {
    /// Appends an event.
    pub fn push(&self, event: T) {
        self.0.send_modify(|events| events.push(event));
    }

    /// The events so far.
    #[must_use]
    pub fn events(&self) -> Vec<T> {
        self.0.borrow().clone()
    }

    /// Waits until the events satisfy `reached`, and gives them.
    ///
    /// # Panics
    ///
    /// After 30 seconds, naming what never came.
    pub async fn wait(&self, what: &str, reached: impl Fn(&[T]) -> bool) -> Vec<T> {
        let mut events = self.0.subscribe();
        let reached = events.wait_for(|events| reached(events));
        match soon(what, reached).await {
            Ok(events) => events.clone(),
            Err(_) => unreachable!("the sender lives in self"),
        }
    }

    /// Waits until there are `count` events or more, and gives them.
    ///
    /// # Panics
    ///
    /// After 30 seconds.
    pub async fn count(&self, count: usize) -> Vec<T> {
        self.wait(&format!("{count} events"), |events| events.len() >= count)
            .await
    }
}

/// The log of a program: tracing's subscribers write a line at a time.
impl io::Write for Log<String> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.push(String::from_utf8_lossy(line).into_owned());
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
