//! The session's vocabulary: what goes in and what comes out.

use super::End;
use crate::frame::{Answer, Hello, Refusal, Welcome};
use crate::{BootId, Number, PeerId, SessionId, Time};

/// What happened outside the session.
#[derive(Clone, Copy, Debug)]
pub enum Input<'a> {
    /// The client's transport opened, with one of this version's subprotocols.
    Opened,
    /// One binary WebSocket message came.
    Message(&'a [u8]),
    /// A text message came, where only binary ones belong.
    Text,
    /// The transport is gone.
    Lost,
    /// Time has passed: some deadline may be due.
    Tick,
}

/// What the shell has to do next.
#[derive(Debug, PartialEq)]
pub enum Output {
    /// Send the buffer as one binary message.
    Send,
    /// Give this to the application.
    Event(Event),
    /// Close the transport with this WebSocket close code. Nothing follows.
    Close {
        /// The close code, RFC 6455 §7.4.
        code: u16,
    },
    /// Nothing until something happens or, if given, this moment comes: then
    /// [`Input::Tick`] is due.
    Wait(Option<Time>),
}

/// What the session tells the application.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// To the server: a client has said hello. Answer with [`Session::welcome`], or refuse it
    /// with [`Session::close`].
    ///
    /// [`Session::welcome`]: super::Session::welcome
    /// [`Session::close`]: super::Session::close
    Hello(Hello),
    /// To the client: the session is open.
    Welcome(Welcome),
    /// A call wants its handler. Answer with [`Session::answer`](super::Session::answer).
    Call {
        /// The call's id.
        call: Number,
        /// Its kind, by the place in the client's table: always within it.
        kind: u32,
        /// The kind's value, in the connection's payload format.
        payload: Vec<u8>,
    },
    /// The handler of this call ran past its deadline: drop it. The peer has been told.
    CallDropped {
        /// The call's id.
        call: Number,
    },
    /// What became of a call of this side. Once for each.
    Outcome {
        /// The key that `call` gave.
        call: CallKey,
        /// What became of it.
        outcome: Outcome,
    },
    /// The session is over; drop the handlers that still run. The last event.
    Ended(End),
}

/// Names a call of this side towards its caller. (Its number on the wire comes later, when it is
/// sent.)
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallKey(pub(super) u64);

/// What became of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The peer answered.
    Answered(Answer<Vec<u8>>),
    /// Its deadline passed. The handler may have run, or run still.
    Deadline,
    /// The peer never received it: its handler has not run and won't.
    NotReceived,
    /// The connection ended before the answer: the handler may have run.
    Unknown,
}

impl Outcome {
    pub(super) fn refused(why: Refusal) -> Self {
        Self::Answered(Answer::Refused(why.into()))
    }
}

/// What a server gives a client with its welcome.
#[derive(Clone, Debug)]
pub struct Admitted {
    /// The session's id, from a cryptographic source.
    pub session: SessionId,
    /// The client's id towards others.
    pub peer: PeerId,
    /// The run of this process.
    pub boot: BootId,
    /// The client's kinds that the server doesn't have, or has otherwise.
    pub refused: Vec<(u32, Refusal)>,
}
