//! The state of a session, with the data that is valid in it.

use super::{End, State};
use crate::frame::Hello;
use crate::goodbye::{Goodbye, GoodbyeCode};

/// A [`State`] with its data. The tags are those of the states, so that [`state`](Phase::state) costs a page nothing.
#[derive(Debug)]
#[repr(u8)]
pub(super) enum Phase {
    Idle,
    Greeting,
    Awaiting,
    /// With the hello whose table is awaited.
    Asking(Box<Hello>),
    Judging,
    Open,
    Detached(PendingClose),
    Draining(OwnGoodbye),
    Leaving {
        /// The reason for which the session ends, once what the peer sent before its goodbye is handled.
        end: End,
        /// This side's goodbye, if it was said before the peer's.
        said: Option<OwnGoodbye>,
    },
    Parting(LastWords),
    Closing(LastWords),
    Closed(PendingClose),
}

/// The close code of a transport that is still to be closed, after a connection that the session left.
pub(super) type PendingClose = Option<u16>;

/// The goodbye of this side.
#[derive(Clone, Debug)]
pub(super) struct OwnGoodbye {
    pub(super) goodbye: Goodbye,
    pub(super) progress: Progress,
}

impl OwnGoodbye {
    pub(super) fn is_due(&self) -> bool {
        self.progress == Progress::Due
    }
}

/// The way of a goodbye. Nothing follows one that isn't due any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    Due,
    Sent,
    /// The time for goodbyes is over: bytes that the transport still holds don't delay its close.
    GivenUp,
}

/// The rest of a session that has told its end to the application.
#[derive(Debug)]
pub(super) struct LastWords {
    /// The code with which the transport is to be closed.
    pub(super) code: GoodbyeCode,
    pub(super) said: OwnGoodbye,
}

impl Phase {
    pub(super) fn state(&self) -> State {
        match self {
            Self::Idle => State::Idle,
            Self::Greeting => State::Greeting,
            Self::Awaiting => State::Awaiting,
            Self::Asking(_) => State::Asking,
            Self::Judging => State::Judging,
            Self::Open => State::Open,
            Self::Detached(_) => State::Detached,
            Self::Draining(_) => State::Draining,
            Self::Leaving { .. } => State::Leaving,
            Self::Parting(_) => State::Parting,
            Self::Closing(_) => State::Closing,
            Self::Closed(_) => State::Closed,
        }
    }

    /// Returns this side's goodbye, once it has decided on one.
    pub(super) fn said(&self) -> Option<&OwnGoodbye> {
        match self {
            Self::Draining(said) => Some(said),
            Self::Leaving { said, .. } => said.as_ref(),
            Self::Parting(last) | Self::Closing(last) => Some(&last.said),
            Self::Idle
            | Self::Greeting
            | Self::Awaiting
            | Self::Asking(_)
            | Self::Judging
            | Self::Open
            | Self::Detached(_)
            | Self::Closed(_) => None,
        }
    }

    pub(super) fn said_mut(&mut self) -> Option<&mut OwnGoodbye> {
        match self {
            Self::Draining(said) => Some(said),
            Self::Leaving { said, .. } => said.as_mut(),
            Self::Parting(last) | Self::Closing(last) => Some(&mut last.said),
            Self::Idle
            | Self::Greeting
            | Self::Awaiting
            | Self::Asking(_)
            | Self::Judging
            | Self::Open
            | Self::Detached(_)
            | Self::Closed(_) => None,
        }
    }

    /// Returns the close code, once the application has heard of the end.
    pub(super) fn last_code(&self) -> Option<GoodbyeCode> {
        if let Self::Parting(last) | Self::Closing(last) = self {
            Some(last.code)
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
