//! How a session fails and ends.

use thiserror::Error;

use super::State;
use crate::SeqNo;
use crate::frame::{FrameType, Malformed};
use crate::goodbye::{Goodbye, GoodbyeCode, Retry};

/// As many bytes wait as [`Limits::queued`](crate::Limits::queued) allows. Send what is there, then
/// try again.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("the send queue is full: send what is there, then try again")]
pub struct Full;

/// An item wasn't taken.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum ItemRefused {
    /// As much waits as may: try again after [`Event::StreamWritable`](super::Event::StreamWritable).
    #[error("the stream's window is full: try again after Event::StreamWritable")]
    Full,
    /// The item is larger than this side or the peer allows: the stream can only be ended.
    #[error("the item is larger than allowed: end the stream")]
    TooLarge,
    /// The stream is over: cancelled, late, or lost with its session.
    #[error("the stream is over: send no more")]
    Over,
}

/// The peer broke the protocol. It was told with a goodbye of [`code`](Self::code).
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum PeerMisbehaved {
    /// Its frames can't be read.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// A frame came that has no place in this state.
    #[error("a {frame:?} frame has no place in state {state:?}")]
    WrongState {
        /// The frame's type.
        frame: FrameType,
        /// The state of this side.
        state: State,
    },
    /// A numbered frame isn't the next one.
    #[error("frame {got} came where {expected} was due")]
    NumberSkipped {
        /// The number that was due.
        expected: SeqNo,
        /// The number that came.
        got: SeqNo,
    },
    /// It acknowledged what was never sent.
    #[error("it acknowledged what was never sent")]
    AckAhead,
    /// It sent more than the window allows.
    #[error("it sent more than its window allows")]
    WindowOverrun,
    /// It answered a call that isn't open, or that it hasn't got as a whole.
    #[error("it answered a call that isn't open")]
    ReplyToNothing,
    /// It named a call that it never made.
    #[error("it named a call that it never made")]
    NoSuchCall,
    /// A part of a message came where it doesn't belong.
    #[error("a part of a message came where it doesn't belong")]
    PartOutOfPlace,
    /// A part of a message wasn't full, and more followed.
    #[error("a part of a message wasn't full, and more followed")]
    ShortPart,
    /// An item came after its stream's reply had begun.
    #[error("an item came after its stream's reply had begun")]
    ItemAfterReply,
    /// A message in parts grew larger than allowed.
    #[error("a message in parts grew larger than allowed")]
    PayloadTooLarge,
    /// It used a kind of another class than its frame.
    #[error("a frame used a kind of another class")]
    WrongClass,
    /// Its table isn't the one whose digest its hello told.
    #[error("its table of kinds isn't the one that it announced")]
    OtherTable,
    /// It told the outline of a kind that it wasn't asked for, or that doesn't differ, or twice.
    #[error("it told an outline that wasn't due")]
    OutlineUnasked,
    /// Its welcome says of the session what can't be.
    #[error("its welcome doesn't match the session that was asked for")]
    WrongContinuity,
    /// A publication isn't the next of its topic.
    #[error("a publication isn't the next of its topic")]
    OffsetSkipped,
    /// It published to a topic that wasn't joined.
    #[error("it published to a topic that wasn't joined")]
    NoSuchTopic,
    /// It named a kind that the client's table doesn't have.
    #[error("it named a kind beyond the table")]
    KindBeyondTable,
}

impl PeerMisbehaved {
    /// Returns the code of the goodbye that answers it.
    pub fn code(self) -> GoodbyeCode {
        match self {
            Self::Malformed(malformed) => malformed.code(),
            Self::WrongState { .. }
            | Self::AckAhead
            | Self::ReplyToNothing
            | Self::NoSuchCall
            | Self::PartOutOfPlace
            | Self::ShortPart
            | Self::ItemAfterReply
            | Self::WrongClass
            | Self::OtherTable
            | Self::NoSuchTopic
            | Self::WrongContinuity
            | Self::OutlineUnasked => GoodbyeCode::WrongState,
            Self::NumberSkipped { .. } | Self::OffsetSkipped => GoodbyeCode::Malformed,
            Self::WindowOverrun | Self::KindBeyondTable | Self::PayloadTooLarge => {
                GoodbyeCode::Limit
            }
        }
    }
}

/// The end of a session.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum End {
    /// This side said goodbye.
    #[error("this side said goodbye ({0}): connect again")]
    Closed(Goodbye),
    /// The peer said goodbye.
    #[error("the other side said goodbye ({0}), try again: {retry}", retry = .0.retry)]
    Goodbye(Goodbye),
    /// The peer broke the protocol.
    #[error("the other side broke the protocol: {0}. Update the older end")]
    Misbehaved(PeerMisbehaved),
    /// The handshake took longer than [`Limits::handshake`](crate::Limits::handshake).
    #[error("the handshake took longer than Limits::handshake: look at the server's load")]
    TooSlow,
    /// Nothing came from the peer for two of [`Limits::heartbeat`](crate::Limits::heartbeat): it, or
    /// the network between, is gone.
    #[error("the other side fell silent: look at the network")]
    Silent,
    /// The connection ended without a goodbye, and the session wasn't resumed in time.
    #[error("the connection was lost: look at the network and the server")]
    Lost,
}

impl End {
    /// Returns the text with which the peer said goodbye, such as the reason of its `authenticate`; none if it gave
    /// none. It may hold any characters: escape it before it goes to a log.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Goodbye(goodbye) => Some(goodbye.reason.as_str()).filter(|text| !text.is_empty()),
            Self::Closed(_) | Self::Misbehaved(_) | Self::TooSlow | Self::Silent | Self::Lost => {
                None
            }
        }
    }

    /// Returns true if the server's `authenticate` refused this client. [`retry`](Self::retry) tells whether it did for good.
    pub fn is_denied(&self) -> bool {
        matches!(self, Self::Goodbye(goodbye) if goodbye.code == GoodbyeCode::Denied)
    }

    /// Returns whether another session may be begun, and when: as the peer's goodbye says, and at once after a loss.
    /// Never after a goodbye of this side, and not if the two ends don't understand each other.
    pub fn retry(&self) -> Retry {
        match self {
            Self::Goodbye(goodbye) => goodbye.retry,
            Self::Lost | Self::Silent | Self::TooSlow => Retry::Now,
            Self::Closed(_) | Self::Misbehaved(_) => Retry::Never,
        }
    }

    /// Returns the code of the goodbye that this side says at this end.
    pub(super) fn code(&self) -> GoodbyeCode {
        match self {
            Self::Closed(goodbye) => goodbye.code,
            Self::Goodbye(_) | Self::Lost => GoodbyeCode::Done,
            Self::Misbehaved(fault) => fault.code(),
            Self::TooSlow => GoodbyeCode::TooSlow,
            Self::Silent => GoodbyeCode::Silent,
        }
    }
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use std::time::Duration;

    use super::*;

    #[test]
    fn an_end_tells_why_and_whether_to_begin_anew() {
        let wait = Retry::After(Duration::from_secs(3));
        let denied = Goodbye::new(GoodbyeCode::Denied, "not you");
        let not_now = Goodbye {
            retry: wait,
            ..denied.clone()
        };
        let going = Goodbye::new(GoodbyeCode::GoingAway, "");
        for (end, is_denied, reason, retry) in [
            (
                End::Goodbye(denied.clone()),
                true,
                Some("not you"),
                Retry::Never,
            ),
            (End::Goodbye(not_now), true, Some("not you"), wait),
            (End::Goodbye(going.clone()), false, None, Retry::Now),
            (End::Closed(denied), false, None, Retry::Never),
            (End::Closed(going), false, None, Retry::Never),
            (
                End::Misbehaved(PeerMisbehaved::AckAhead),
                false,
                None,
                Retry::Never,
            ),
            (End::TooSlow, false, None, Retry::Now),
            (End::Silent, false, None, Retry::Now),
            (End::Lost, false, None, Retry::Now),
        ] {
            assert_eq!(end.is_denied(), is_denied, "{end:?}");
            assert_eq!(end.reason(), reason, "{end:?}");
            assert_eq!(end.retry(), retry, "{end:?}");
        }
    }
}
