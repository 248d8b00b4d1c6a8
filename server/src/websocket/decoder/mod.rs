//! From a connection's bytes to its frames.

use std::mem;

use actix_http::ws::{OpCode, Parser};
use actix_web::web::{Bytes, BytesMut};

use super::close::Close;
use super::fault::Fault;
use super::frame::{Opcode, WsFrame};
use super::guard::{Guard, LONGEST_CONTROL};

/// From so many bytes on, a frame gets memory for all of it at once: growing on in steps costs more
/// than the bytes are worth. No message of the typed endpoint is larger than twice this.
const PREALLOCATE_FROM: usize = 32 * 1024;

/// Input of a peer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum IncomingFrame {
    Data(WsFrame),
    Ping(Bytes),
    Pong,
    /// `None` when without a code.
    Close(Option<Close>),
}

/// Cuts a client's bytes into frames, each with memory of its own.
///
/// Call [`next`](Self::next) until it gives nothing, then [`feed`](Self::feed). After a fault
/// neither may be called again: where the next frame begins is unknown.
pub(super) struct FrameDecoder {
    guard: Guard,
    /// The longest payload of a frame, in bytes. Control frames aren't bounded by the largest message.
    limit: usize,
    /// Bytes that came and weren't looked at yet.
    came: Bytes,
    /// The bytes of the frame that isn't whole yet; the guard has let all of them through.
    frame: Vec<u8>,
}

impl FrameDecoder {
    /// Begins with a connection whose messages have at most so many bytes.
    pub(super) fn new(limit: usize) -> Self {
        Self {
            guard: Guard::new(limit),
            limit: limit.max(LONGEST_CONTROL),
            came: Bytes::new(),
            frame: Vec::new(),
        }
    }

    /// Takes the bytes that follow.
    pub(super) fn feed(&mut self, bytes: Bytes) {
        debug_assert!(self.came.is_empty(), "bytes are fed in turn");
        self.came = bytes;
    }

    /// Returns the next frame of what was fed, if all of it came.
    pub(super) fn next(&mut self) -> Result<Option<IncomingFrame>, Fault> {
        if self.came.is_empty() {
            return Ok(None);
        }
        let watched = self.guard.watch(&self.came)?;
        let taken = self.came.split_to(watched.taken);
        self.reserve(taken.len());
        self.frame.extend_from_slice(&taken);
        // Asked for a frame that isn't whole, the parser would reserve what its header claims.
        watched.complete.then(|| self.decode()).transpose()
    }

    /// Returns true while a frame or a fragmented message has begun and isn't whole.
    pub(super) fn is_unfinished(&self) -> bool {
        self.guard.is_unfinished()
    }

    /// Makes room for what came of the frame and for as much again, later for all of it, but never
    /// for more than the frame needs. A header alone costs nothing.
    fn reserve(&mut self, more: usize) {
        let came = self.frame.len() + more;
        if came > self.frame.capacity() {
            let whole = came.saturating_add(self.guard.left());
            let room = if came < PREALLOCATE_FROM {
                whole.min(2 * came)
            } else {
                whole
            };
            self.frame.reserve_exact(room - self.frame.len());
        }
    }

    fn decode(&mut self) -> Result<IncomingFrame, Fault> {
        let mut frame = BytesMut::from(Bytes::from(mem::take(&mut self.frame)));
        // The guard has refused all that the parser knows to refuse.
        let (fin, opcode, data) = Parser::parse(&mut frame, true, self.limit)
            .map_err(|_| Fault::Undecodable)?
            .ok_or(Fault::Undecodable)?;
        debug_assert!(frame.is_empty(), "guard and parser agree on a frame's end");
        let data = data.map(BytesMut::freeze).unwrap_or_default();
        let data_frame = |opcode, data| IncomingFrame::Data(WsFrame { opcode, fin, data });
        match opcode {
            OpCode::Continue => Ok(data_frame(Opcode::Continuation, data)),
            OpCode::Text => Ok(data_frame(Opcode::Text, data)),
            OpCode::Binary => Ok(data_frame(Opcode::Binary, data)),
            OpCode::Ping => Ok(IncomingFrame::Ping(data)),
            OpCode::Pong => Ok(IncomingFrame::Pong),
            OpCode::Close => match Parser::try_parse_close_payload(&data) {
                Ok(reason) => Ok(IncomingFrame::Close(reason.map(Close::from))),
                Err(_) => Err(Fault::Close),
            },
            OpCode::Bad => Err(Fault::Undecodable),
        }
    }
}

#[cfg(test)]
mod tests;
