//! The first connection, over a platform whose time is the test's.

use std::future::{pending, poll_fn, ready};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use thiserror::Error;
use twinwire::{Kinds, Time, kinds};
use twinwire_client::{
    ConnectError, Inbound, Link, LinkLost, OpenFailure, Options, Transport, start,
};

const KINDS: Kinds = kinds![];
const DEADLINE: Duration = Duration::from_secs(77);

/// The attempt of this number brought no connection.
#[derive(Debug, PartialEq, Error)]
#[error("attempt {0} failed")]
struct Failed(u32);

impl OpenFailure for Failed {
    fn is_final(&self) -> bool {
        false
    }
}

/// There never is one.
enum NoLink {}

impl Link for NoLink {
    type Message = Vec<u8>;

    fn poll_receive(&mut self, _: &mut Context<'_>) -> Poll<Result<Inbound<Vec<u8>>, LinkLost>> {
        match *self {}
    }

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), LinkLost>> {
        match *self {}
    }

    fn send(&mut self, _: Vec<u8>) {
        match *self {}
    }

    fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<Result<(), LinkLost>> {
        match *self {}
    }

    async fn close(self, _: u16) {
        match self {}
    }
}

/// No attempt of it opens, and it never finds out why. The time is up once it looks for that.
#[derive(Default)]
struct Shut {
    attempts: AtomicU32,
    looks: Arc<AtomicBool>,
}

impl Transport for Shut {
    type Link = NoLink;
    type Error = Failed;
    type Sleep = Pin<Box<dyn Future<Output = ()>>>;

    fn open(&self, _: &str, _: &'static str) -> impl Future<Output = Result<NoLink, Failed>> {
        let earlier = self.attempts.fetch_add(1, Ordering::Relaxed);
        ready(Err(Failed(earlier + 1)))
    }

    fn diagnose(&self, _: &str) -> impl Future<Output = Option<Failed>> {
        self.looks.store(true, Ordering::Relaxed);
        pending()
    }

    fn now(&self) -> Time {
        Time::default()
    }

    fn sleep(&self, time: Duration) -> Self::Sleep {
        let looks = Arc::clone(&self.looks);
        match time {
            DEADLINE => Box::pin(poll_fn(move |_| match looks.load(Ordering::Relaxed) {
                true => Poll::Ready(()),
                false => Poll::Pending,
            })),
            // No pause before an attempt, and nothing takes too long.
            Duration::ZERO => Box::pin(ready(())),
            _ => Box::pin(pending()),
        }
    }

    fn jitter(&self) -> f64 {
        0.0
    }
}

#[test]
fn the_last_attempt_tells_also_while_the_cause_is_looked_for() {
    let options = Options::new("ws://there", KINDS).connect_timeout(DEADLINE);
    let (connecting, driver) = start(Shut::default(), options);
    let (mut connecting, mut driver) = (pin!(connecting), pin!(driver.run()));
    let mut cx = Context::from_waker(Waker::noop());
    assert!(driver.as_mut().poll(&mut cx).is_pending());
    assert!(connecting.as_mut().poll(&mut cx).is_pending());
    assert!(driver.as_mut().poll(&mut cx).is_ready());
    match connecting.as_mut().poll(&mut cx) {
        Poll::Ready(Err(ConnectError::Open(failed))) => assert_eq!(failed, Failed(3)),
        other => panic!("{other:?}"),
    }
}
