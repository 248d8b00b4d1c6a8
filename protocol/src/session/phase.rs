//! The state of a session, with the data that is valid in it.

use super::{End, State};
use crate::frame::Hello;
use crate::goodbye::GoodbyeCode;

/// A [`State`] with its data. The tags are those of the states, so that [`state`](Phase::state) costs a page nothing.
#[derive(Debug)]
#[repr(u8)]
pub(super) enum Phase {
    Idle,
    AwaitingWelcome {
        /// True while the session stays if its connection is lost.
        is_kept: bool,
    },
    AwaitingHello,
    /// With the hello whose table is awaited.
    AwaitingTable(Box<Hello>),
    Authenticating,
    Open {
        /// True while the session stays if its connection is lost.
        is_kept: bool,
    },
    Detached(PendingClose),
    Draining,
    /// With the reason for which the session ends, once what the peer sent before its goodbye is handled.
    PeerDraining(Box<End>),
    /// With the code of the end, of which the application has heard.
    AwaitingClose(GoodbyeCode),
    /// With the code with which the transport is to be closed.
    Closing(GoodbyeCode),
    Closed(PendingClose),
}

/// The close code of a transport that is still to be closed, after a connection that the session left.
pub(super) type PendingClose = Option<u16>;

impl Phase {
    pub(super) fn state(&self) -> State {
        match self {
            Self::Idle => State::Idle,
            Self::AwaitingWelcome { .. } => State::AwaitingWelcome,
            Self::AwaitingHello => State::AwaitingHello,
            Self::AwaitingTable(_) => State::AwaitingTable,
            Self::Authenticating => State::Authenticating,
            Self::Open { .. } => State::Open,
            Self::Detached(_) => State::Detached,
            Self::Draining => State::Draining,
            Self::PeerDraining(_) => State::PeerDraining,
            Self::AwaitingClose(_) => State::AwaitingClose,
            Self::Closing(_) => State::Closing,
            Self::Closed(_) => State::Closed,
        }
    }

    /// Returns true if the session stays when its connection is lost.
    pub(super) fn outlives_connection(&self) -> bool {
        match self {
            Self::AwaitingWelcome { is_kept } | Self::Open { is_kept } => *is_kept,
            Self::Detached(_) => true,
            // What ends already needs no other connection, and there is nothing yet to come back to
            // before a welcome.
            Self::Idle
            | Self::AwaitingHello
            | Self::AwaitingTable(_)
            | Self::Authenticating
            | Self::Draining
            | Self::PeerDraining(_)
            | Self::AwaitingClose(_)
            | Self::Closing(_)
            | Self::Closed(_) => false,
        }
    }

    /// Takes the reason for which the session ends, if it ends by the peer's goodbye.
    pub(super) fn take_reason(&mut self) -> Option<End> {
        if let Self::PeerDraining(end) = self {
            // Only for the moment: whoever takes the reason ends the session with it.
            Some(std::mem::replace(end, End::Lost))
        } else {
            None
        }
    }

    /// Returns the code of the end, once the application has heard of it.
    pub(super) fn last_code(&self) -> Option<GoodbyeCode> {
        if let Self::AwaitingClose(code) | Self::Closing(code) = self {
            Some(*code)
        } else {
            None
        }
    }

    /// Takes the close code of a transport that is still to be closed.
    pub(super) fn take_pending_close(&mut self) -> PendingClose {
        if let Self::Detached(pending) | Self::Closed(pending) = self {
            pending.take()
        } else {
            None
        }
    }
}
