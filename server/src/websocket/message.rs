//! A whole message, and putting one together from its frames.

use actix_web::web::Bytes;
use bytestring::ByteString;

use super::frame::{Opcode, WsFrame};

/// One WebSocket message: text or binary (RFC 6455 §5.6).
///
/// Clones share the payload and copy no bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// A text message.
    Text(ByteString),
    /// A binary message.
    Binary(Bytes),
}

impl Message {
    /// Returns the text; `None` for a binary message.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Binary(_) => None,
        }
    }

    /// Returns the payload, a text's in UTF-8.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Binary(bytes) => bytes,
        }
    }
}

macro_rules! message_from {
    ($($source:ty => $variant:ident),* $(,)?) => {$(
        impl From<$source> for Message {
            fn from(source: $source) -> Self {
                Self::$variant(source.into())
            }
        }
    )*};
}

message_from! {
    &str => Text,
    String => Text,
    ByteString => Text,
    Vec<u8> => Binary,
    &'static [u8] => Binary,
    Bytes => Binary,
}

/// Puts the frames of a message together.
///
/// Feed it the frames of one connection in order, each exactly once.
pub(crate) struct Assembler {
    /// The largest message, in bytes.
    limit: usize,
    /// True while the open message is a text.
    text: bool,
    /// The payloads of the open message so far. The socket bounds their sum by the limit.
    fragments: Vec<u8>,
}

impl Assembler {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            limit,
            text: false,
            fragments: Vec::new(),
        }
    }

    /// Adds a frame; returns the message that it ends.
    pub(crate) fn push(&mut self, frame: WsFrame) -> Option<Message> {
        match frame.opcode {
            Opcode::Text => self.text = true,
            Opcode::Binary => self.text = false,
            Opcode::Continuation => {}
        }
        // A message in one frame isn't copied.
        if frame.fin && self.fragments.is_empty() {
            return Some(self.message(frame.data));
        }
        self.reserve(frame.data.len());
        self.fragments.extend_from_slice(&frame.data);
        let whole = frame.fin.then(|| std::mem::take(&mut self.fragments));
        whole.map(|bytes| self.message(Bytes::from(bytes)))
    }

    /// Makes room for `more` bytes and for as many again as there are, but for no more than a
    /// message may have.
    fn reserve(&mut self, more: usize) {
        let len = self.fragments.len() + more;
        if len > self.fragments.capacity() {
            let room = len.saturating_mul(2).min(self.limit).max(len);
            self.fragments.reserve_exact(room - self.fragments.len());
        }
    }

    fn message(&self, bytes: Bytes) -> Message {
        if !self.text {
            return Message::Binary(bytes);
        }
        match ByteString::try_from(bytes.clone()) {
            Ok(text) => Message::Text(text),
            Err(error) => {
                debug_assert!(false, "a text is checked as its frames come in: {error}");
                Message::Binary(bytes)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use actix_web::web::Bytes;

    use super::{Assembler, Message};
    use crate::websocket::{Opcode, WsFrame};

    fn frame(opcode: Opcode, fin: bool, data: &[u8]) -> WsFrame {
        let data = Bytes::copy_from_slice(data);
        WsFrame { opcode, fin, data }
    }

    #[test]
    fn a_whole_message_is_given_as_it_came() {
        let whole = frame(Opcode::Binary, true, b"whole");
        let at = whole.data.as_ptr();
        let message = Assembler::new(10).push(whole).expect("it is whole");
        assert_eq!(message.as_bytes().as_ptr(), at);
    }

    #[test]
    fn fragments_hold_no_more_memory_than_a_message_may() {
        let mut assembler = Assembler::new(1000);
        assert_eq!(assembler.push(frame(Opcode::Text, false, b"")), None);
        for _ in 0..100 {
            let part = frame(Opcode::Continuation, false, &[b'x'; 10]);
            assert_eq!(assembler.push(part), None);
            assert!(assembler.fragments.capacity() <= 1000);
        }
        let message = assembler.push(frame(Opcode::Continuation, true, b""));
        assert_eq!(message, Some(Message::from("x".repeat(1000))));
        assert_eq!(assembler.fragments.capacity(), 0);
    }
}
