//! What a server's session does and a client's doesn't.

use super::{Output, PeerMisbehaved, Request, Session};
use crate::frame::{FrameType, Hello, RawFrame, Table, TopicWindow};

/// A server's session reaches its half by this, and a client's has none: so a page, where nobody begins a
/// server's session, carries none of it.
#[derive(Debug)]
pub(super) struct Serving {
    /// Takes a frame that only a client sends.
    pub(super) take: fn(&mut Session, RawFrame<'_>) -> Result<(), PeerMisbehaved>,
    /// Starts a request of a reserved kind.
    pub(super) start: fn(&mut Session, Request) -> Result<(), PeerMisbehaved>,
    /// The log to be read next.
    pub(super) pull: fn(&Session) -> Option<Output>,
}

pub(super) static SERVING: Serving = Serving {
    take: Session::clients_frame,
    start: Session::start_clients_request,
    pull: Session::pull,
};

impl Session {
    fn clients_frame(&mut self, body: RawFrame<'_>) -> Result<(), PeerMisbehaved> {
        let frame_type = body.frame_type();
        match frame_type {
            FrameType::Hello => self.hello(Hello::read(body.fields())?),
            FrameType::Table => self.table(Table::read(body.fields())?)?,
            FrameType::TopicWindow => self.topic_window(TopicWindow::read(body.fields())?),
            _ => debug_assert!(false, "{frame_type:?} is no client's alone"),
        }
        Ok(())
    }
}
