//! The answer to a request of the peer, on its way out.

use crate::frame::Answer;
use crate::limits::MAX_PART;
use crate::{Alias, SeqNo};

/// An answer on its way out.
#[derive(Debug)]
pub(super) struct OutgoingReply {
    pub(super) call: SeqNo,
    pub(super) answer: Answer<Vec<u8>>,
    /// Bytes of its payload that are sent.
    pub(super) sent: usize,
    pub(super) begun: bool,
    /// The topic whose publications follow it.
    pub(super) joins: Option<Alias>,
}

impl OutgoingReply {
    pub(super) fn new(call: SeqNo, answer: Answer<Vec<u8>>) -> Self {
        Self {
            call,
            answer,
            sent: 0,
            begun: false,
            joins: None,
        }
    }

    pub(super) fn has_begun(&self) -> bool {
        self.begun
    }

    /// Returns the part that goes next, and whether more follow.
    pub(super) fn next_part(&self) -> (Answer<&[u8]>, bool) {
        let cut = |payload: &Vec<u8>| {
            let end = payload.len().min(self.sent + MAX_PART);
            (self.sent..end, end < payload.len())
        };
        match &self.answer {
            Answer::Value(payload) => {
                let (part, more) = cut(payload);
                (Answer::Value(&payload[part]), more)
            }
            Answer::Error(payload) => {
                let (part, more) = cut(payload);
                (Answer::Error(&payload[part]), more)
            }
            Answer::Refused(refused) => (Answer::Refused(*refused), false),
        }
    }
}
