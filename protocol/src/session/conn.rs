//! One connection of a session.

use super::acks::Acks;
use super::liveness::{Liveness, Pings};
use crate::frame::Ack;
use crate::goodbye::Goodbye;

/// The state of one connection, dropped with it: a session that goes on over another begins with a new one.
#[derive(Debug, Default)]
pub(super) struct Conn {
    /// The frame of the handshake that is due, as it stands on the wire: hello, table, need_table or welcome. Empty
    /// if none is.
    pub(super) handshake_out: Vec<u8>,
    /// True once a client has told its table.
    pub(super) table_told: bool,
    /// True once the server has asked for outlines.
    pub(super) outlines_asked: bool,
    pub(super) acks: Acks,
    pub(super) liveness: Liveness,
    pub(super) said: Option<OwnGoodbye>,
}

/// The goodbye of this side.
#[derive(Debug)]
pub(super) struct OwnGoodbye {
    pub(super) goodbye: Goodbye,
    pub(super) progress: Progress,
}

/// The way of a goodbye. Nothing follows one that isn't due any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    Due,
    Sent,
    /// The time for goodbyes is over: bytes that the transport still holds don't delay its close.
    GivenUp,
}

impl Conn {
    /// Begins with a hello, as it stands on the wire, and the acknowledgement that this tells. A ping that was
    /// decided before is due.
    pub(super) fn new(hello: Vec<u8>, told: Ack, pings: &Pings) -> Self {
        Self {
            handshake_out: hello,
            acks: Acks::new(told),
            liveness: Liveness::new(pings),
            ..Self::default()
        }
    }

    /// Has this goodbye go out, unless another was said before.
    pub(super) fn say(&mut self, goodbye: Goodbye) {
        let progress = Progress::Due;
        self.said.get_or_insert(OwnGoodbye { goodbye, progress });
    }

    /// Gives up whatever hasn't gone out.
    pub(super) fn give_up(&mut self) {
        self.handshake_out.clear();
        if let Some(said) = &mut self.said {
            said.progress = Progress::GivenUp;
        }
    }

    /// Returns true if no frame of the handshake is due.
    pub(super) fn handshake_is_sent(&self) -> bool {
        self.handshake_out.is_empty()
    }

    /// Returns true if nothing goes out any more.
    pub(super) fn is_done(&self) -> bool {
        let said = self.said.as_ref();
        said.is_some_and(|said| said.progress != Progress::Due)
    }

    /// Returns true if the transport's own bytes don't delay its close.
    pub(super) fn is_given_up(&self) -> bool {
        let said = self.said.as_ref();
        said.is_some_and(|said| said.progress == Progress::GivenUp)
    }

    /// Begins another session on a connection whose hello told this window.
    pub(super) fn begin_anew(&mut self, window: u64) {
        self.acks = Acks::new(Ack {
            received: None,
            window,
        });
        self.liveness = Liveness::default();
    }
}
