//! A client's platform: the world's time, its chance, and its links.

use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use thiserror::Error;
use tokio::time::Sleep;
use twinwire::{Time, version};
use twinwire_client::{Departure, OpenFailure, Transport};
use twinwire_remote::{Inbound, Link, LinkLost};

use crate::bytes::{self, Account, Wire};
use crate::network::{Connection, Half};
use crate::plan::Tier;
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
    #[error("the connection is lost in its handshake")]
    Lost,
}

impl OpenFailure for NotOpened {
    fn is_final(&self) -> bool {
        false
    }

    fn status(&self) -> Option<u16> {
        match self {
            Self::Refused | Self::Lost => None,
            Self::Unavailable => Some(503),
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused | Self::Lost => None,
            Self::Unavailable => Some(Duration::from_millis(300)),
        }
    }
}

impl Platform {
    fn open_link(&self, subprotocol: &str) -> Result<Half, NotOpened> {
        let format = version::format(subprotocol).expect("both ends are of one build");
        let number = self.world.next_connection();
        let (connection, mut client, server) =
            Connection::open(number, &self.world.dice, &self.world.trace);
        let (oracle, life) = (self.world.oracle.clone(), self.life);
        client.on_send = Some(Box::new(move || oracle.account().goes_online(life)));
        let seat = &self.world.seats[self.number];
        client.pauses = Rc::clone(&seat.pauses);
        self.accept(Incoming::Link {
            format,
            half: server,
        })?;
        *seat.connection.borrow_mut() = Some(Rc::downgrade(&connection) as _);
        Ok(client)
    }

    async fn open_stream(&self, subprotocol: &'static str) -> Result<bytes::Socket, NotOpened> {
        let (wire, client, server) =
            Wire::open(Account::begin(&self.world, self.life), &self.world.dice);
        self.accept(Incoming::Stream(server))?;
        let seat = &self.world.seats[self.number];
        *seat.connection.borrow_mut() = Some(Rc::downgrade(&wire) as _);
        bytes::open(client, subprotocol, &self.world).await
    }

    fn accept(&self, incoming: Incoming) -> Result<(), NotOpened> {
        let mut dice = self.world.dice.borrow_mut();
        self.world.server.borrow().accept(incoming, &mut dice)
    }
}

/// A client's link, of either tier.
pub(crate) enum ClientLink {
    Memory(Half),
    Socket(Box<bytes::Socket>),
}

macro_rules! of_either {
    ($link:expr, $inner:ident => $does:expr) => {
        match $link {
            ClientLink::Memory($inner) => $does,
            ClientLink::Socket($inner) => $does,
        }
    };
}

impl Link for ClientLink {
    type Message = Vec<u8>;

    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<Result<Inbound<Vec<u8>>, LinkLost>> {
        of_either!(self, link => link.poll_receive(cx))
    }

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), LinkLost>> {
        of_either!(self, link => link.poll_ready(cx))
    }

    fn send(&mut self, message: Vec<u8>) {
        of_either!(self, link => link.send(message));
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), LinkLost>> {
        of_either!(self, link => link.poll_flush(cx))
    }

    async fn close(self, code: u16) {
        of_either!(self, link => link.close(code).await);
    }
}

impl Transport for Platform {
    type Link = ClientLink;
    type Error = NotOpened;
    type Sleep = Sleep;

    async fn open(&self, _: &str, subprotocol: &'static str) -> Result<ClientLink, NotOpened> {
        self.world.oracle.account().goes_online(self.life);
        let pause = {
            let mut dice = self.world.dice.borrow_mut();
            match dice.one_in(4) {
                true => dice.wait(100, 3_000),
                false => dice.wait(1, 120),
            }
        };
        tokio::time::sleep(pause).await;
        self.world.oracle.account().goes_online(self.life);
        self.world.oracle.account().links(self.life);
        match self.world.plan.tier {
            Tier::Messages | Tier::Plain => self.open_link(subprotocol).map(ClientLink::Memory),
            Tier::Bytes => {
                let opened = self.open_stream(subprotocol).await;
                opened.map(|socket| ClientLink::Socket(Box::new(socket)))
            }
        }
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

    fn leaving(&self) -> impl Future<Output = Departure> {
        let seat = &self.world.seats[self.number];
        // They hear of what happens from now on, before they are polled.
        let (hides, goes) = (seat.hides.notified(), seat.goes.notified());
        async move {
            let (mut hides, mut goes) = (pin!(hides), pin!(goes));
            poll_fn(|cx| match hides.as_mut().poll(cx) {
                Poll::Ready(()) => Poll::Ready(Departure::Cached),
                Poll::Pending => goes.as_mut().poll(cx).map(|()| Departure::Final),
            })
            .await
        }
    }

    fn has_slept(&self) -> bool {
        self.world.seats[self.number].has_slept.take()
    }
}
