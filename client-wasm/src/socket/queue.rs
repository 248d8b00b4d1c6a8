//! The receive queue: bounded in messages and bytes, and never silent about what it can't hold.

use std::collections::VecDeque;

use super::error::ReceiveError;
use super::message::Message;

/// The bounds of a [`ReceiveQueue`].
#[derive(Clone, Copy, Debug)]
pub(super) struct QueueBounds {
    pub(super) messages: usize,
    pub(super) bytes: usize,
}

/// Messages on their way from the browser to the stream, and how the stream ends.
pub(super) struct ReceiveQueue {
    bounds: QueueBounds,
    messages: VecDeque<Message>,
    /// Invariant: the sum of the lengths of `messages`, at most `bounds.bytes`.
    bytes: usize,
    end: StreamEnd,
}

/// The end after the last message.
enum StreamEnd {
    /// Not known yet: more messages may come.
    Open,
    /// This error, then nothing.
    Failed(ReceiveError),
    /// Nothing.
    Done,
}

/// The next thing out of a [`ReceiveQueue`].
#[derive(Debug, PartialEq)]
pub(super) enum Popped {
    Item(Result<Message, ReceiveError>),
    Nothing,
    End,
}

impl ReceiveQueue {
    pub(super) fn new(bounds: QueueBounds) -> Self {
        Self {
            bounds,
            messages: VecDeque::new(),
            bytes: 0,
            end: StreamEnd::Open,
        }
    }

    /// Returns true if a message of `bytes` would be taken: asked before it is copied into wasm's memory.
    /// After the end nothing is taken.
    pub(super) fn admits(&self, bytes: usize) -> bool {
        matches!(self.end, StreamEnd::Open)
            && self.messages.len() < self.bounds.messages
            // Subtracted from the bound: added to the sum, a length of the peer's choice could overflow 32 bits.
            && bytes <= self.bounds.bytes - self.bytes
    }

    /// Takes a message, or says `false` when it is over the bounds or comes after the end.
    pub(super) fn push(&mut self, message: Message) -> bool {
        if !self.admits(message.len()) {
            return false;
        }
        self.bytes += message.len();
        self.messages.push_back(message);
        true
    }

    /// No message comes after those held. The first end stands; later ones change nothing.
    pub(super) fn end(&mut self, error: Option<ReceiveError>) {
        if matches!(self.end, StreamEnd::Open) {
            self.end = error.map_or(StreamEnd::Done, StreamEnd::Failed);
        }
    }

    pub(super) fn pop(&mut self) -> Popped {
        if let Some(message) = self.messages.pop_front() {
            self.bytes -= message.len();
            return Popped::Item(Ok(message));
        }
        // An error is given once, after all messages that came before it.
        match std::mem::replace(&mut self.end, StreamEnd::Done) {
            StreamEnd::Open => {
                self.end = StreamEnd::Open;
                Popped::Nothing
            }
            StreamEnd::Failed(error) => Popped::Item(Err(error)),
            StreamEnd::Done => Popped::End,
        }
    }

    /// Returns true once [`pop`](Self::pop) gives [`Popped::End`].
    pub(super) fn is_done(&self) -> bool {
        self.messages.is_empty() && matches!(self.end, StreamEnd::Done)
    }
}

#[cfg(test)]
mod tests {
    use wasm_bindgen_test::wasm_bindgen_test;

    use super::*;
    use crate::socket::close::CloseEvent;

    fn queue(messages: usize, bytes: usize) -> ReceiveQueue {
        ReceiveQueue::new(QueueBounds { messages, bytes })
    }

    fn message(bytes: usize) -> Message {
        Message::Binary(vec![7; bytes])
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn messages_come_out_in_order_and_make_room() {
        let mut queue = queue(2, 10);
        assert!(queue.push(message(4)));
        assert!(queue.push(message(6)));
        assert!(!queue.push(message(0)), "a third message is over the bound");
        assert_eq!(queue.pop(), Popped::Item(Ok(message(4))));
        assert!(!queue.admits(5), "six of ten bytes are taken");
        assert!(queue.push(message(4)));
        assert_eq!(queue.pop(), Popped::Item(Ok(message(6))));
        assert_eq!(queue.pop(), Popped::Item(Ok(message(4))));
        assert_eq!(queue.pop(), Popped::Nothing);
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn message_larger_than_the_queue_is_refused_even_when_empty() {
        assert!(!queue(2, 10).push(message(11)));
        assert!(queue(2, 10).push(message(10)));
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn overflow_comes_once_after_what_is_held() {
        let mut queue = queue(1, 10);
        assert!(queue.push(message(1)));
        queue.end(Some(ReceiveError::Overflow));
        assert!(!queue.is_done());
        assert_eq!(queue.pop(), Popped::Item(Ok(message(1))));
        assert!(!queue.push(message(1)), "nothing is taken after the end");
        assert_eq!(queue.pop(), Popped::Item(Err(ReceiveError::Overflow)));
        assert!(queue.is_done());
        assert_eq!(queue.pop(), Popped::End);
        assert_eq!(queue.pop(), Popped::End);
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn first_end_stands() {
        let mut queue = queue(1, 10);
        queue.end(Some(ReceiveError::Overflow));
        queue.end(Some(ReceiveError::Lost(CloseEvent::unseen())));
        queue.end(None);
        assert_eq!(queue.pop(), Popped::Item(Err(ReceiveError::Overflow)));
        assert_eq!(queue.pop(), Popped::End);
    }
}
