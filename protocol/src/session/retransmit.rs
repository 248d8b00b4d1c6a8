//! What this side has sent and the peer hasn't acknowledged.

use super::send::append;
use crate::SeqNo;
use crate::frame::{Frame, first_len};
use crate::limits::MAX_MESSAGE;

/// Room that an empty store may hold on to, in bytes.
const WORTH_KEEPING: usize = 16 * 1024;

/// Numbered frames as they stand on the wire, from their sending to their acknowledgement: over another
/// connection they are sent again, byte for byte.
#[derive(Debug)]
pub(super) struct RetransmitLog {
    /// The number of the first frame that is kept, or of the next if none is.
    first: SeqNo,
    /// The number of the next. Invariant: `first` and as many as are kept.
    next: SeqNo,
    bytes: Vec<u8>,
    /// Bytes at the front that are acknowledged. Invariant: fewer than those that aren't, or none.
    gone: usize,
    /// Bytes of those that are out over this connection.
    written: usize,
    most: usize,
}

impl RetransmitLog {
    pub(super) fn new(most: usize) -> Self {
        Self {
            first: SeqNo::FIRST,
            next: SeqNo::FIRST,
            bytes: Vec::new(),
            gone: 0,
            written: 0,
            most,
        }
    }

    /// Forgets all frames: another session begins, and numbers from the first.
    pub(super) fn begin_anew(&mut self, most: usize) {
        let next = SeqNo::FIRST;
        plant!("number_not_reset", let next = self.next);
        *self = Self {
            next,
            ..Self::new(most)
        };
    }

    /// Returns the number of the next numbered frame of this side.
    pub(super) fn next_seq(&self) -> SeqNo {
        self.next
    }

    /// Sets the bytes that may be kept from now on. What is kept already stays.
    pub(super) fn set_most(&mut self, most: usize) {
        self.most = most;
    }

    /// Returns true if as much is kept as may be: nothing new goes out.
    pub(super) fn is_full(&self) -> bool {
        self.len() >= self.most
    }

    pub(super) fn check_invariants(&self) {
        assert!(self.first <= self.next, "a number is lost");
        assert!(self.written <= self.len(), "more is out than is kept");
        assert!(
            self.gone == 0 || self.gone < self.len(),
            "what is acknowledged goes"
        );
        assert_eq!(
            self.first == self.next,
            self.len() == 0,
            "as many frames are kept as numbers"
        );
    }

    /// Returns the bytes that are kept.
    pub(super) fn len(&self) -> usize {
        self.bytes.len() - self.gone
    }

    /// Returns true if all that is kept is out over this connection.
    pub(super) fn is_written(&self) -> bool {
        self.written == self.len()
    }

    /// Appends a new numbered frame, the one of [`next_seq`](Self::next_seq), if the message has room for it, and keeps it.
    pub(super) fn append(&mut self, frame: &Frame<'_>, out: &mut Vec<u8>) -> bool {
        // The bytes are kept, and not what they were made of: that is gone with its request or its
        // handler.
        let start = out.len();
        if !append(frame, out) {
            return false;
        }
        self.bytes.extend_from_slice(&out[start..]);
        self.next = self.next.next();
        self.written += out.len() - start;
        true
    }

    /// Appends what the peer lacks, as far as the message has room.
    pub(super) fn replay(&mut self, out: &mut Vec<u8>) {
        let unwritten = &self.bytes[self.gone + self.written..];
        let mut length = 0;
        while let Some(next) = first_len(&unwritten[length..])
            && out.len() + length + next <= MAX_MESSAGE
        {
            length += next;
        }
        out.extend_from_slice(&unwritten[..length]);
        self.written += length;
    }

    /// Forgets everything up to this number, which has arrived.
    pub(super) fn acknowledge(&mut self, received: SeqNo) {
        plant!("ack_off_by_one", let received = received.next());
        while self.first <= received
            && let Some(length) = first_len(&self.bytes[self.gone..])
        {
            self.gone += length;
            self.first = self.first.next();
            // A hello or a welcome acknowledges frames that aren't out over its connection.
            self.written = self.written.saturating_sub(length);
        }
        self.make_room();
    }

    /// Lets go of what is acknowledged, once that is as much as has to be moved for it.
    fn make_room(&mut self) {
        if self.gone < self.len() {
            return;
        }
        // To move the rest at each acknowledgement would cost the square of what is under way.
        self.bytes.drain(..self.gone);
        self.gone = 0;
        // One burst would else take its room for as long as the session idles.
        if self.bytes.is_empty() && self.bytes.capacity() > WORTH_KEEPING {
            self.bytes = Vec::new();
        }
    }

    /// Returns true if a peer that has everything up to this number, and nothing more, can be sent the rest.
    pub(super) fn can_resume_after(&self, received: Option<SeqNo>) -> bool {
        let next = received.map_or(SeqNo::FIRST, SeqNo::next);
        self.first <= next && next <= self.next
    }

    /// Counts nothing as sent any longer: the connection is another.
    pub(super) fn rewind(&mut self) {
        plant!("not_rewound", return);
        self.written = 0;
    }
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::RetransmitLog;
    use crate::SeqNo;
    use crate::frame::{Cancel, Frame};

    #[test]
    fn what_is_acknowledged_goes_and_the_rest_is_sent_again() {
        let (mut retained, mut sent) = (RetransmitLog::new(1 << 20), Vec::new());
        let numbers = || std::iter::successors(Some(SeqNo::FIRST), |last| Some(last.next()));
        for number in numbers().take(100) {
            let frame = Frame::Cancel(Cancel {
                number,
                call: SeqNo::FIRST,
            });
            assert!(retained.append(&frame, &mut sent));
        }
        for received in numbers().take(100) {
            retained.acknowledge(received);
            assert!(retained.bytes.len() <= 2 * retained.len());
            retained.rewind();
            let mut again = Vec::new();
            retained.replay(&mut again);
            assert_eq!(again, sent[sent.len() - retained.len()..]);
        }
        assert_eq!(retained.len(), 0);
    }
}
