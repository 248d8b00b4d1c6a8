//! What a server's session does and a client's doesn't.

use super::{Output, PeerMisbehaved, Request, Session};
use crate::frame::{Hello, Reader, Table, TopicWindow};
use crate::{Alias, Number};

/// A frame that only a client sends.
#[derive(Clone, Copy, Debug)]
pub(super) enum ClientFrame {
    Hello,
    Table,
    TopicWindow,
}

/// A server's session reaches its half by this, and a client's has none: so a page, where nobody begins a
/// server's session, carries none of it.
#[derive(Debug)]
pub(super) struct Serving {
    /// Reads the fields of a frame, and takes it.
    pub(super) take: fn(&mut Session, ClientFrame, Reader<'_>) -> Result<(), PeerMisbehaved>,
    /// Starts a request of a reserved kind.
    pub(super) start: fn(&mut Session, Request) -> Result<(), PeerMisbehaved>,
    /// Begins the publications of a topic, whose join was answered under this number.
    pub(super) join_answered: fn(&mut Session, Alias, Number, Number),
    /// Notes that the client has heard its welcome.
    pub(super) confirm_secret: fn(&mut Session),
    /// The log to be read next.
    pub(super) pull: fn(&Session) -> Option<Output>,
}

pub(super) static SERVING: Serving = Serving {
    take: Session::clients_frame,
    start: Session::start_clients_request,
    join_answered: |session, alias, join, reply| {
        if let Some(server) = session.side.server_mut() {
            server.cursors.activate(alias, join, reply);
        }
    },
    confirm_secret: Session::confirm_secret,
    pull: Session::pull,
};

impl Session {
    fn clients_frame(
        &mut self,
        frame: ClientFrame,
        fields: Reader<'_>,
    ) -> Result<(), PeerMisbehaved> {
        match frame {
            ClientFrame::Hello => self.hello(Hello::read(fields)?),
            ClientFrame::Table => self.table(Table::read(fields)?)?,
            ClientFrame::TopicWindow => self.topic_window(TopicWindow::read(fields)?),
        }
        Ok(())
    }
}
