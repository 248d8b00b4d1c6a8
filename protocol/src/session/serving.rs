//! What a server's session does and a client's doesn't.

use super::{Output, PeerMisbehaved, Request, Session};
use crate::frame::{Hello, Reader, Table, TopicWindow};

/// Reads the fields of a frame, and takes it.
pub(super) type TakeFrame = fn(&mut Session, Reader<'_>) -> Result<(), PeerMisbehaved>;

/// A server's session reaches its half by this, and a client's has none: so a page, where nobody begins a
/// server's session, carries none of it.
#[derive(Debug)]
pub(super) struct Serving {
    /// The frames that only a client sends.
    pub(super) hello: TakeFrame,
    pub(super) table: TakeFrame,
    pub(super) topic_window: TakeFrame,
    /// Starts a request of a reserved kind.
    pub(super) start: fn(&mut Session, Request) -> Result<(), PeerMisbehaved>,
    /// The log to be read next.
    pub(super) pull: fn(&Session) -> Option<Output>,
}

pub(super) static SERVING: Serving = Serving {
    hello: |session, fields| {
        session.hello(Hello::read(fields)?);
        Ok(())
    },
    table: |session, fields| session.table(Table::read(fields)?),
    topic_window: |session, fields| {
        session.topic_window(TopicWindow::read(fields)?);
        Ok(())
    },
    start: Session::start_clients_request,
    pull: Session::pull,
};
