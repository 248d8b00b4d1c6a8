//! What a server's session does and a client's doesn't.

use super::{Output, PeerMisbehaved, Request, Session};
use crate::frame::{Body, Frame, Hello, Malformed, Table, TopicWindow};

/// A server's session reaches its half by this, and a client's has none: so a page, where nobody begins a
/// server's session, carries none of it.
#[derive(Debug)]
pub(super) struct Serving {
    /// Reads whatever a peer may send.
    pub(super) read: for<'a> fn(Body<'a>) -> Result<Frame<'a>, Malformed>,
    pub(super) hello: fn(&mut Session, Hello),
    pub(super) table: fn(&mut Session, Table) -> Result<(), PeerMisbehaved>,
    pub(super) topic_window: fn(&mut Session, TopicWindow),
    /// Starts a request of a reserved kind.
    pub(super) start: fn(&mut Session, Request) -> Result<(), PeerMisbehaved>,
    /// The log to be read next.
    pub(super) pull: fn(&Session) -> Option<Output>,
}

pub(super) static SERVING: Serving = Serving {
    read: |body| body.read(),
    hello: Session::hello,
    table: Session::table,
    topic_window: Session::topic_window,
    start: Session::start_clients_request,
    pull: Session::pull,
};
