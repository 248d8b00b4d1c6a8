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
    /// The goodbye of this side, once it is decided.
    pub(super) goodbye: Option<Goodbye>,
    pub(super) progress: Progress,
}

/// The way of this side's goodbye. Nothing follows one that isn't due any more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Progress {
    #[default]
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

    /// Gives up whatever hasn't gone out.
    pub(super) fn give_up(&mut self) {
        self.handshake_out.clear();
        self.progress = Progress::GivenUp;
    }

    /// Returns true if no frame of the handshake is due.
    pub(super) fn handshake_is_sent(&self) -> bool {
        self.handshake_out.is_empty()
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
