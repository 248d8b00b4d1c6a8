//! From a connection's bytes to its frames.

use std::mem;

use actix_http::ws::{OpCode, Parser};
use actix_web::web::{Bytes, BytesMut};

use super::close::Close;
use super::fault::Fault;
use super::frame::{Frame, Opcode};
use super::guard::Guard;

/// What a peer sent.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Incoming {
    Data(Frame),
    Ping(Bytes),
    Pong,
    /// `None` when without a code.
    Close(Option<Close>),
}

/// Cuts a client's bytes into frames, each with memory of its own.
///
/// Call [`next`](Self::next) until it gives nothing, then [`feed`](Self::feed). After a fault
/// neither may be called again: where the next frame begins is unknown.
pub(super) struct Decoder {
    guard: Guard,
    /// The longest payload of a frame, in bytes.
    limit: usize,
    /// Bytes that came and weren't looked at yet.
    came: Bytes,
    /// What came of the frame that isn't whole yet; the guard has let all of it through. It grows
    /// with what comes and not by what a header claims.
    frame: BytesMut,
}

impl Decoder {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            guard: Guard::new(limit),
            limit,
            came: Bytes::new(),
            frame: BytesMut::new(),
        }
    }

    /// Takes the bytes that follow.
    pub(super) fn feed(&mut self, bytes: Bytes) {
        debug_assert!(self.came.is_empty(), "bytes are fed in turn");
        self.came = bytes;
    }

    /// The next frame of what was fed, if all of it came.
    pub(super) fn next(&mut self) -> Result<Option<Incoming>, Fault> {
        if self.came.is_empty() {
            return Ok(None);
        }
        let watched = self.guard.watch(&self.came)?;
        let taken = self.came.split_to(watched.taken);
        self.frame.extend_from_slice(&taken);
        // Asked for a frame that isn't whole, the parser would reserve what its header claims.
        watched.complete.then(|| self.decode()).transpose()
    }

    fn decode(&mut self) -> Result<Incoming, Fault> {
        let mut frame = mem::take(&mut self.frame);
        // The guard has refused all that the parser knows to refuse.
        let (fin, opcode, data) = Parser::parse(&mut frame, true, self.limit)
            .map_err(|_| Fault::Undecodable)?
            .ok_or(Fault::Undecodable)?;
        debug_assert!(frame.is_empty(), "guard and parser agree on a frame's end");
        let data = data.map(BytesMut::freeze).unwrap_or_default();
        let data_frame = |opcode, data| Incoming::Data(Frame { opcode, fin, data });
        match opcode {
            OpCode::Continue => Ok(data_frame(Opcode::Continuation, data)),
            OpCode::Text => Ok(data_frame(Opcode::Text, data)),
            OpCode::Binary => Ok(data_frame(Opcode::Binary, data)),
            OpCode::Ping => Ok(Incoming::Ping(data)),
            OpCode::Pong => Ok(Incoming::Pong),
            OpCode::Close => match Parser::try_parse_close_payload(&data) {
                Ok(reason) => Ok(Incoming::Close(reason.map(Close::from))),
                Err(_) => Err(Fault::Close),
            },
            OpCode::Bad => Err(Fault::Undecodable),
        }
    }
}

#[cfg(test)]
mod tests;
