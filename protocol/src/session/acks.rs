//! The peer's frames that have come, and their acknowledgement.

use super::PeerMisbehaved;
use crate::SeqNo;
use crate::frame::Ack;
use crate::limits::MIN_RETAINED;

/// The numbers of the peer's frames that have come in a session.
#[derive(Debug, Default)]
pub(super) struct ReceivedSeq {
    /// The last numbered frame that came.
    last_seq: Option<SeqNo>,
    /// The last that was accepted: those that come after this side's goodbye aren't. Invariant: at most `last_seq`.
    last_accepted: Option<SeqNo>,
}

impl ReceivedSeq {
    pub(super) fn last_seq(&self) -> Option<SeqNo> {
        self.last_seq
    }

    pub(super) fn last_accepted(&self) -> Option<SeqNo> {
        self.last_accepted
    }

    /// Returns true if a frame of this number has come.
    pub(super) fn has_come(&self, number: SeqNo) -> bool {
        self.last_seq.is_some_and(|last| number <= last)
    }

    pub(super) fn check_invariants(&self) {
        assert!(
            self.last_accepted <= self.last_seq,
            "what was accepted has come: {self:?}"
        );
    }

    /// Counts a numbered frame. Anything but the next number means that the two ends count differently: whatever they
    /// then said of losses would be wrong.
    pub(super) fn count(&mut self, number: SeqNo, accept: bool) -> Result<(), PeerMisbehaved> {
        let expected = self.last_seq.map_or(SeqNo::FIRST, SeqNo::next);
        if number != expected {
            return Err(PeerMisbehaved::NumberSkipped {
                expected,
                got: number,
            });
        }
        self.last_seq = Some(number);
        // The two differ once this side has said goodbye: frames are counted then, and not taken.
        if accept {
            self.last_accepted = self.last_seq;
        }
        Ok(())
    }
}

/// The acknowledgements of one connection.
#[derive(Debug)]
pub(super) struct Acks {
    /// The newest that the peer was sent, also within a hello or a welcome.
    last_ack: Ack,
    /// True once an acknowledgement has waited long enough for company.
    ack_due: bool,
    /// Bytes of messages with numbered frames that came since.
    bytes_since_ack: usize,
}

impl Acks {
    /// Begins with the acknowledgement that a hello or a welcome has told.
    pub(super) fn new(last_ack: Ack) -> Self {
        Self {
            last_ack,
            ack_due: false,
            bytes_since_ack: 0,
        }
    }

    pub(super) fn last_ack(&self) -> Ack {
        self.last_ack
    }

    pub(super) fn is_due(&self) -> bool {
        self.ack_due
    }

    /// Has the next acknowledgement wait no longer.
    pub(super) fn set_due(&mut self) {
        self.ack_due = true;
    }

    /// Counts a message with numbered frames.
    pub(super) fn on_receive(&mut self, bytes: usize) {
        self.bytes_since_ack += bytes;
        // The peer keeps what isn't acknowledged, and stops when that is much. A quarter of the
        // least that it keeps leaves it time to hear of it.
        self.ack_due |= self.bytes_since_ack >= MIN_RETAINED / 4;
    }

    /// Notes that an acknowledgement goes out.
    pub(super) fn on_sent(&mut self, ack: Ack) {
        // The delay and the count begin anew: whatever came before is covered.
        *self = Self::new(ack);
    }
}

impl Default for Acks {
    fn default() -> Self {
        Self::new(Ack {
            received: None,
            window: 0,
        })
    }
}
