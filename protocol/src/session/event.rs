//! The session's vocabulary: what goes in and what comes out.

use std::sync::Arc;
use std::time::Duration;

#[cfg(doc)]
use super::SessionCore;
use super::{End, SessionLost};
use crate::frame::{
    Answer, Continuity, Joined, KindTable, Refusal, Resume, Skipped, Start, Welcome,
};
use crate::log::ReadBudget;
use crate::{Alias, BootId, Class, Offset, PeerId, Secret, SeqNo, SessionId, Time};

/// An input from outside the session.
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

/// The next task of the shell. `E` is what only one of the two ends is told.
#[derive(Debug, PartialEq)]
pub enum Output<E> {
    /// Send the buffer as one binary message.
    Send,
    /// Give this to the application.
    Event(Event),
    /// Do what this says: a [`ClientEvent`] or a [`ServerEvent`].
    SideEvent(E),
    /// Close the transport with this WebSocket close code. Nothing follows.
    Close {
        /// The close code, RFC 6455 §7.4.
        code: u16,
    },
    /// Nothing until something happens or, if given, this moment comes: then
    /// [`Input::Tick`] is due.
    Wait(Option<Time>),
}

impl<E> Output<E> {
    /// Makes another of what only one of the two ends is told.
    pub fn map<F>(self, map: impl FnOnce(E) -> F) -> Output<F> {
        match self {
            Self::Send => Output::Send,
            Self::Event(event) => Output::Event(event),
            Self::SideEvent(event) => Output::SideEvent(map(event)),
            Self::Close { code } => Output::Close { code },
            Self::Wait(until) => Output::Wait(until),
        }
    }
}

/// A log to be read for the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadLog {
    /// The topic.
    pub alias: Alias,
    /// From where.
    pub from: Offset,
    /// The bounds of the read.
    pub room: ReadBudget,
}

/// News of the session for the application, at either end.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The connection is gone, and the session stays: the client should open another, not before
    /// the time that a goodbye asks for.
    Detached {
        /// The way in which the connection ended.
        end: End,
    },
    /// A request of the peer starts. It was given in the order in which the peer made it; the next
    /// one may come before this one is over, unless it is an event or of a kind that is handled in
    /// order ([`Admitted::in_order`]).
    Request(Request),
    /// The handler of this request is to be dropped: its deadline has passed, or its caller
    /// cancelled it. The peer has been told.
    Dropped {
        /// The request's id.
        request: SeqNo,
        /// The reason.
        why: Refusal,
    },
    /// A stream has room for items again, after [`SessionCore::item`] found none.
    StreamWritable {
        /// The id of the call that the stream answers.
        call: SeqNo,
    },
    /// An item of a stream that this side asked for. Say [`SessionCore::consumed`] when the application
    /// has taken it.
    Item {
        /// The key that `request` gave.
        call: RequestKey,
        /// The item, in the connection's payload format.
        payload: Vec<u8>,
    },
    /// The peer's outline of a kind that differs, in its own words. One that comes with a welcome follows it.
    Outline {
        /// Its place in the table: always within it.
        kind: u32,
        /// See [`outline`](crate::shape::outline).
        text: String,
    },
    /// The peer answered the newest ping of this side.
    Pong {
        /// The time since the ping was decided.
        round_trip: Duration,
    },
    /// The outcome of a request of this side. Once for each that wasn't cancelled.
    Outcome {
        /// The key that `request` gave.
        request: RequestKey,
        /// The outcome.
        outcome: Outcome,
    },
    /// The session is over; drop the handlers that still run. The last event.
    Ended(End),
}

/// News of the session that only a client has.
#[derive(Clone, Debug, PartialEq)]
pub enum ClientEvent {
    /// The session is open, for the first time or again. Its
    /// [`continuity`](Welcome::continuity) says which; if the one that the client had is lost, that came before
    /// as [`SessionReplaced`](Self::SessionReplaced).
    Welcome(Welcome),
    /// The session that the client had is lost. All that was pending has its outcome, and events that
    /// waited have come as [`Leftover`](Self::Leftover); drop the handlers that run. Nothing is joined in the one that
    /// begins with the [`Welcome`](Self::Welcome) that follows.
    SessionReplaced {
        /// The reason.
        why: SessionLost,
    },
    /// An event of the server's that came in a session which is lost or over, and hadn't
    /// started: it may have been told to be accepted. They come in order, before the
    /// [`SessionReplaced`](Self::SessionReplaced) or the [`Event::Ended`]. Nothing is said of each: see
    /// [`Session::leftovers_taken`].
    ///
    /// [`Session::leftovers_taken`]: super::Session::leftovers_taken
    Leftover {
        /// Its kind, by the place in the client's table.
        kind: u32,
        /// The kind's value, in the connection's payload format.
        payload: Vec<u8>,
    },
    /// A topic is joined.
    Joined {
        /// The key that `subscribe` gave.
        subscription: RequestKey,
        /// The place where it begins.
        joined: Joined,
    },
    /// Something was published. Say [`SessionCore::consumed`] when the application has taken
    /// it.
    Publication {
        /// The key that `subscribe` gave.
        subscription: RequestKey,
        /// Its place in the topic's log.
        offset: Offset,
        /// The item, in the connection's payload format.
        payload: Vec<u8>,
    },
    /// Publications don't come.
    Skipped {
        /// The key that `subscribe` gave.
        subscription: RequestKey,
        /// The offsets, and the reason.
        skipped: Skipped,
    },
    /// The server has removed the client from a topic. Nothing more comes of it.
    Removed {
        /// The key that `subscribe` gave.
        subscription: RequestKey,
    },
    /// The server wants to know, for its log, how these kinds of the client's differ. Answer
    /// with [`SessionCore::send_outline`], or not.
    NeedOutlines {
        /// Their places in the table.
        kinds: Vec<u32>,
    },
}

/// News of the session that only a server has.
#[derive(Clone, Debug, PartialEq)]
pub enum ServerEvent {
    /// A client has said hello. Answer with [`Session::welcome`], or refuse it
    /// with [`SessionCore::close`]; or, if it wants a session back, ask that one, with
    /// [`Session::resume`], to go on over this connection in this session's place.
    ///
    /// [`Session::welcome`]: super::Session::welcome
    /// [`Session::resume`]: super::Session::resume
    Hello {
        /// The token of the client's application, for the server's to judge.
        token: Vec<u8>,
        /// The client's kinds.
        table: Arc<KindTable>,
        /// The session that it wants back.
        resume: Option<Box<Resume>>,
    },
    /// The client has left a topic, or was removed. Its end is told by [`Event::Ended`] alone.
    Left {
        /// The topic.
        alias: Alias,
    },
    /// Read a log, send what comes of it as one binary message if there is anything, and say
    /// [`Session::log_read`].
    ///
    /// [`Session::log_read`]: super::Session::log_read
    ReadLog(ReadLog),
}

/// A request of the peer, for the application to handle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Its id: answer a call with [`SessionCore::answer`], a stream with [`SessionCore::item`] and then
    /// `answer`; of an event say [`SessionCore::done`].
    pub number: SeqNo,
    /// The use of its kind.
    pub class: Class,
    /// Its kind, by the place in the client's table: always within it.
    pub kind: u32,
    /// The kind's value, in the connection's payload format; of a publication the item.
    pub payload: Vec<u8>,
    /// The wish about a topic. Answer a join with [`Session::joined`], a publication with its
    /// offset, an invitation with nothing, or any with a refusal.
    ///
    /// [`Session::joined`]: super::Session::joined
    pub topic: Option<TopicRequest>,
}

/// A wish of a client about a topic, or of a server about its client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TopicRequest {
    /// To get what is published. The request's payload is the topic's key.
    Join {
        /// The place to begin.
        start: Start,
    },
    /// To publish the request's payload.
    Publish {
        /// The topic's key, in the connection's payload format.
        key: Vec<u8>,
    },
    /// To a client: to join. The request's payload is an [`Invite`](crate::frame::Invite).
    Invite,
}

/// Names a request of this side towards who made it. (Its number on the wire comes later, when it
/// is sent.)
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestKey(pub(super) u64);

/// The outcome of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The peer answered the call. For a stream this is the end: its items came before.
    Answered(Answer<Vec<u8>>),
    /// The event is in the peer's session, in order.
    Accepted,
    /// Its deadline passed. The handler may have run, or run still.
    Deadline,
    /// The peer never received it: its handler has not run and won't.
    NotReceived,
    /// The session ended before the answer or the acknowledgement: the handler may have run.
    Unknown,
    /// The session is over, or ends: it wasn't taken, and will not be.
    Closed,
}

impl Outcome {
    pub(super) fn refused(why: Refusal) -> Self {
        Self::Answered(Answer::Refused(why.into()))
    }
}

/// The parts of a server's welcome.
#[derive(Clone, Debug)]
pub struct Admitted {
    /// The session's id, from a cryptographic source.
    pub session: SessionId,
    /// The client's id towards others.
    pub peer: PeerId,
    /// The run of this process.
    pub boot: BootId,
    /// With this the client may have the session back; from a cryptographic source.
    pub secret: Secret,
    /// The relation of the session to one that the client wanted back: never
    /// [`Resumed`](Continuity::Resumed), see [`Session::resume`](super::Session::resume).
    pub continuity: Continuity,
    /// The client's kinds that the server doesn't take, by their place in its table: unknown here or
    /// only sent from here ([`Refusal::UnknownKind`]), or of another structure
    /// ([`Refusal::KindDiffers`]).
    pub refused: Vec<(u32, Refusal)>,
    /// The kinds of calls whose handler must end before the next request starts, as an event's must.
    pub in_order: Vec<u32>,
}
