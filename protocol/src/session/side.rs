//! The two ends of a session.

use std::fmt::Debug;

use super::{
    ClientEvent, ClientSide, Event, PeerMisbehaved, Request, Role, ServerEvent, ServerSide,
    Session, SessionCore,
};
use crate::frame::Reader;

/// Nobody else's type is an end of a session.
pub trait Sealed {}

impl Sealed for ClientSide {}

impl Sealed for ServerSide {}

/// One of the two ends of a session: [`ClientSide`] or [`ServerSide`].
// A page, where nobody begins a server's session, carries nothing of a server's.
pub trait Side: Sealed + Debug + Sized {
    /// The events that only this end has.
    type Event: Clone + Debug + PartialEq;

    #[doc(hidden)]
    const ROLE: Role;

    /// Returns an event that only this end has. Those of the other end never wait here.
    #[doc(hidden)]
    fn event(event: AnyEvent) -> Option<Self::Event>;

    /// Begins the handshake over a transport that has opened.
    #[doc(hidden)]
    fn opened(session: &mut Session<Self>);

    /// Reads a frame that only a client sends, and takes it if it has its place here.
    #[doc(hidden)]
    fn client_frame(
        session: &mut Session<Self>,
        frame: ClientFrame,
        takes: bool,
        fields: Reader<'_>,
    ) -> Result<(), PeerMisbehaved>;

    /// Reads a frame that only a server sends, and takes it if it has its place here.
    #[doc(hidden)]
    fn server_frame(
        session: &mut Session<Self>,
        frame: ServerFrame,
        takes: bool,
        fields: Reader<'_>,
    ) -> Result<(), PeerMisbehaved>;

    /// Starts a request of a reserved kind.
    #[doc(hidden)]
    fn reserved_request(core: &mut SessionCore, request: Request) -> Result<(), PeerMisbehaved>;

    /// Takes note that a whole message was taken.
    #[doc(hidden)]
    fn message_taken(session: &mut Session<Self>);

    /// Asks for the log that is to be read next, if there is one.
    #[doc(hidden)]
    fn next_log(core: &SessionCore) -> Option<Self::Event>;
}

/// An event of either end, for those who drive both.
#[derive(Clone, Debug, PartialEq)]
pub enum AnyEvent {
    /// One that both ends have.
    Both(Event),
    /// One that only a client has.
    Client(ClientEvent),
    /// One that only a server has.
    Server(ServerEvent),
}

impl From<Event> for AnyEvent {
    fn from(event: Event) -> Self {
        Self::Both(event)
    }
}

impl From<ClientEvent> for AnyEvent {
    fn from(event: ClientEvent) -> Self {
        Self::Client(event)
    }
}

impl From<ServerEvent> for AnyEvent {
    fn from(event: ServerEvent) -> Self {
        Self::Server(event)
    }
}

/// The frames that only a client sends.
#[derive(Clone, Copy, Debug)]
pub enum ClientFrame {
    Hello,
    Table,
    TopicWindow,
}

/// The frames that only a server sends.
#[derive(Clone, Copy, Debug)]
pub enum ServerFrame {
    NeedTable,
    Welcome,
    Publication,
    Skipped,
    NeedOutlines,
}
