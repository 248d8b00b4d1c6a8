//! A session of either end, as a world has them in one list.

use std::ops::{Deref, DerefMut};

use twinwire::Time;
use twinwire::session::{AnyEvent, ClientSide, Input, Output, ServerSide, Session, SessionCore};

pub(crate) enum AnySession {
    Client(Session<ClientSide>),
    Server(Session<ServerSide>),
}

impl AnySession {
    /// Returns a client's session. Panics if it is a server's.
    pub(crate) fn client_mut(&mut self) -> &mut Session<ClientSide> {
        match self {
            Self::Client(session) => session,
            Self::Server(_) => unreachable!("the end is a client"),
        }
    }

    /// Returns a server's session. Panics if it is a client's.
    pub(crate) fn server_mut(&mut self) -> &mut Session<ServerSide> {
        match self {
            Self::Client(_) => unreachable!("the end is a server"),
            Self::Server(session) => session,
        }
    }

    pub(crate) fn handle(&mut self, now: Time, input: Input<'_>) {
        match self {
            Self::Client(session) => session.handle(now, input),
            Self::Server(session) => session.handle(now, input),
        }
    }

    pub(crate) fn poll(&mut self, now: Time, out: &mut Vec<u8>, room: usize) -> Output<AnyEvent> {
        match self {
            Self::Client(session) => session.poll(now, out, room).map(AnyEvent::Client),
            Self::Server(session) => session.poll(now, out, room).map(AnyEvent::Server),
        }
    }
}

impl Deref for AnySession {
    type Target = SessionCore;

    fn deref(&self) -> &SessionCore {
        match self {
            Self::Client(session) => session,
            Self::Server(session) => session,
        }
    }
}

impl DerefMut for AnySession {
    fn deref_mut(&mut self) -> &mut SessionCore {
        match self {
            Self::Client(session) => session,
            Self::Server(session) => session,
        }
    }
}
