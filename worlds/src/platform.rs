//! A client's platform: the world's time, its chance, and its links.

use std::rc::Rc;
use std::time::Duration;

use thiserror::Error;
use tokio::time::Sleep;
use twinwire::{Time, version};
use twinwire_client::{OpenFailure, Transport};

use crate::network::{Connection, Half};
use crate::server::Incoming;
use crate::world::World;

/// A client's way into the world.
pub(crate) struct Platform {
    pub(crate) world: Rc<World>,
    pub(crate) number: usize,
    pub(crate) life: usize,
}

/// No link opens.
#[derive(Clone, Copy, Debug, Error)]
pub(crate) enum NotOpened {
    #[error("nobody listens")]
    Refused,
    #[error("the proxy answers 503")]
    Unavailable,
}

impl OpenFailure for NotOpened {
    fn is_final(&self) -> bool {
        false
    }

    fn status(&self) -> Option<u16> {
        match self {
            Self::Refused => None,
            Self::Unavailable => Some(503),
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused => None,
            Self::Unavailable => Some(Duration::from_millis(300)),
        }
    }
}

impl Transport for Platform {
    type Link = Half;
    type Error = NotOpened;
    type Sleep = Sleep;

    async fn open(&self, _: &str, subprotocol: &'static str) -> Result<Half, NotOpened> {
        self.world.oracle.account().goes_online(self.life);
        let pause = {
            let mut dice = self.world.dice.borrow_mut();
            match dice.one_in(4) {
                true => dice.wait(100, 3_000),
                false => dice.wait(1, 120),
            }
        };
        tokio::time::sleep(pause).await;
        let format = version::format(subprotocol).expect("both ends are of one build");
        self.world.oracle.account().goes_online(self.life);
        let number = self.world.next_connection();
        let (connection, mut client, server) =
            Connection::open(number, &self.world.dice, &self.world.trace);
        let (oracle, life) = (self.world.oracle.clone(), self.life);
        client.on_send = Some(Box::new(move || oracle.account().goes_online(life)));
        client.pauses = Rc::clone(&self.world.seats[self.number].pauses);
        self.world.server.borrow().accept(
            Incoming {
                format,
                half: server,
            },
            &mut self.world.dice.borrow_mut(),
        )?;
        let seat = &self.world.seats[self.number];
        *seat.connection.borrow_mut() = Rc::downgrade(&connection);
        Ok(client)
    }

    fn now(&self) -> Time {
        Time::from_origin(self.world.begun.elapsed())
    }

    fn sleep(&self, time: Duration) -> Sleep {
        tokio::time::sleep(time)
    }

    fn jitter(&self) -> f64 {
        self.world.dice.borrow_mut().roll(1_000) as f64 / 1_000.0
    }

    fn wake_hint(&self) -> impl Future<Output = ()> {
        self.world.seats[self.number].hints.notified()
    }

    fn has_slept(&self) -> bool {
        self.world.seats[self.number].has_slept.take()
    }
}
