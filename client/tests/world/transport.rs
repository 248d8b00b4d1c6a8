//! The platform: connections, timers and what a page hears of its own life.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use twinwire::Time;
use twinwire::session::Input;
use twinwire_client::{Departure, Inbound, Link, LinkLost, Transport};

use super::{Answer, Failure, Inner, World};

pub(crate) struct WorldLink {
    world: World,
    number: u64,
}

impl WorldLink {
    fn is_cut(&self, inner: &Inner) -> bool {
        inner
            .link
            .as_ref()
            .is_none_or(|(number, _)| *number != self.number)
    }
}

impl Link for WorldLink {
    type Message = Vec<u8>;

    fn poll_receive(&mut self, _: &mut Context<'_>) -> Poll<Result<Inbound<Vec<u8>>, LinkLost>> {
        let mut inner = self.world.inner();
        if self.is_cut(&inner) {
            return Poll::Ready(Err(LinkLost));
        }
        let breaks = inner.answer == Answer::WelcomeAndBreak && inner.greeter.is_none();
        let message = inner.link.as_mut().and_then(|(_, link)| link.pop_front());
        match message {
            Some(message) => Poll::Ready(Ok(Inbound::Binary(message))),
            None if breaks => {
                inner.cut();
                Poll::Ready(Err(LinkLost))
            }
            None => Poll::Pending,
        }
    }

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), LinkLost>> {
        match self.world.inner().is_stuck {
            true => Poll::Pending,
            false => Poll::Ready(Ok(())),
        }
    }

    fn send(&mut self, message: Vec<u8>) {
        let mut inner = self.world.inner();
        if !self.is_cut(&inner) && !inner.swallows {
            inner.feed(Input::Message(&message));
        }
    }

    fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<Result<(), LinkLost>> {
        Poll::Ready(Ok(()))
    }

    async fn close(self, _: u16) {}
}

impl Drop for WorldLink {
    fn drop(&mut self) {
        let mut inner = self.world.inner();
        if !self.is_cut(&inner) {
            inner.cut();
        }
    }
}

pub(crate) struct Sleep {
    world: World,
    number: u64,
    at: Duration,
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        match self.world.inner().now >= self.at {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        self.world.inner().timers.remove(&self.number);
    }
}

impl Transport for World {
    type Link = WorldLink;
    type Error = Failure;
    type Sleep = Sleep;

    async fn open(&self, _: &str, _: &'static str) -> Result<WorldLink, Failure> {
        let answer = {
            let mut inner = self.inner();
            let now = inner.now;
            inner.attempts.push(now);
            inner.answer
        };
        if answer == Answer::Later {
            poll_fn(|_| match self.inner().answer {
                Answer::Later => Poll::Pending,
                _ => Poll::Ready(()),
            })
            .await;
        }
        match answer {
            Answer::Later
            | Answer::Welcome
            | Answer::WelcomeAndBreak
            | Answer::Goodbye
            | Answer::Swallow => {}
            Answer::Refused => return Err(Failure::Refused),
            Answer::Nothing => std::future::pending().await,
            Answer::Status(status) => return Err(Failure::Status(status)),
            Answer::Hidden(_) => return Err(Failure::Hidden),
            Answer::Never => return Err(Failure::Never),
        }
        let number = self.inner().open();
        Ok(WorldLink {
            world: self.clone(),
            number,
        })
    }

    async fn diagnose(&self, _: &str) -> Option<Failure> {
        match self.inner().answer {
            Answer::Hidden(status) => Some(Failure::Status(status)),
            _ => None,
        }
    }

    fn now(&self) -> Time {
        self.inner().now()
    }

    fn sleep(&self, time: Duration) -> Sleep {
        let mut inner = self.inner();
        inner.timer += 1;
        let (number, at) = (inner.timer, inner.now + time);
        inner.timers.insert(number, at);
        Sleep {
            world: self.clone(),
            number,
            at,
        }
    }

    fn jitter(&self) -> f64 {
        self.inner().dice.fraction()
    }

    fn wake_hint(&self) -> impl Future<Output = ()> {
        let heard = self.inner().hints;
        poll_fn(move |_| match self.inner().hints > heard {
            true => Poll::Ready(()),
            false => Poll::Pending,
        })
    }

    fn has_slept(&self) -> bool {
        std::mem::take(&mut self.inner().slept)
    }

    fn leaving(&self) -> impl Future<Output = Departure> {
        poll_fn(|_| match self.inner().departures.pop_front() {
            Some(departure) => Poll::Ready(departure),
            None => Poll::Pending,
        })
    }
}
