//! The envelope: what stands between the WebSocket's message and the session.
//!
//! A WebSocket message is binary and holds one or more whole frames. A frame is its length (of type
//! and body), its type in one byte, and its body. PROTOCOL.md has the layout of each.

mod answer;
mod link;
mod request;
mod resume;
mod sha256;
mod topic;
mod wire;

use thiserror::Error;

pub use answer::{Answer, Refusal, Refused};
pub use link::{
    Ack, Hello, KindEntry, KindTable, NeedOutlines, Outline, PeerLimits, Ping, StreamWindow,
    TableDigest, Welcome,
};
pub(crate) use link::{TableHasher, read_goodbye};
pub use request::{Call, Cancel, Event, Item, Part, Reply, ReplyPart};
pub use resume::{Continuity, Resume, Resumed};
pub use topic::{
    INVITE, Invite, JOIN, Join, Joined, LEAVE, Leave, PUBLISH, Publication, Publish, RESERVED,
    SkipReason, Skipped, Start, TopicWindow, Verdict, decode_offset, encode_offset,
};

use crate::SeqNo;
use crate::goodbye::{Goodbye, GoodbyeCode};
use crate::limits::MAX_MESSAGE;
#[doc(hidden)]
pub use wire::Reader;
use wire::put_integer;

/// The ends that may send a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameSender {
    /// Only the client.
    Client,
    /// Only the server.
    Server,
    /// Either end.
    Both,
}

macro_rules! frame_types {
    ($($(#[$doc:meta])* $name:ident = $number:literal, $wire:literal, $sender:ident, $numbered:literal;)*) => {
        /// The type of a frame.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum FrameType {
            $($(#[$doc])* $name,)*
        }

        impl FrameType {
            /// Every type with its name, who sends it, and whether it is numbered: the table of
            /// PROTOCOL.md.
            pub const ALL: &[(Self, &'static str, FrameSender, bool)] =
                &[$((Self::$name, $wire, FrameSender::$sender, $numbered),)*];

            /// Returns the byte on the wire.
            pub const fn number(self) -> u8 {
                match self { $(Self::$name => $number,)* }
            }

            const fn from_number(number: u8) -> Option<Self> {
                match number { $($number => Some(Self::$name),)* _ => None }
            }

            /// Returns the ends that may send it.
            pub const fn sender(self) -> FrameSender {
                match self { $(Self::$name => FrameSender::$sender,)* }
            }
        }
    };
}

frame_types! {
    /// The last word on a connection; frozen for all versions.
    Goodbye = 0x00, "goodbye", Both, false;
    /// The client's first frame.
    Hello = 0x01, "hello", Client, false;
    /// The server's answer to a hello.
    Welcome = 0x02, "welcome", Server, false;
    /// Acknowledges what has arrived, and tells the peer's limit.
    Ack = 0x03, "ack", Both, false;
    /// Asks for a sign of life.
    Ping = 0x04, "ping", Both, false;
    /// The sign of life.
    Pong = 0x05, "pong", Both, false;
    /// The server asks for the client's table of kinds.
    NeedTable = 0x06, "need_table", Server, false;
    /// The client's table of kinds.
    Table = 0x07, "table", Client, false;
    /// Tells the limit of a stream's items.
    StreamWindow = 0x08, "stream_window", Both, false;
    /// Tells the limit of a subscription's publications.
    TopicWindow = 0x09, "topic_window", Client, false;
    /// A request that is answered by one reply, after the items if it is a stream.
    Call = 0x10, "call", Both, true;
    /// A message that is acknowledged and not answered.
    Event = 0x11, "event", Both, true;
    /// The caller wants no answer any more.
    Cancel = 0x12, "cancel", Both, true;
    /// The answer to a call.
    Reply = 0x20, "reply", Both, true;
    /// One item of a stream.
    Item = 0x30, "item", Both, true;
    /// One entry of a topic's log.
    Publication = 0x40, "publication", Server, false;
    /// Entries of a topic's log that don't come.
    Skipped = 0x41, "skipped", Server, false;
    /// Asks how kinds differ.
    NeedOutlines = 0x80, "need_outlines", Server, false;
    /// Tells how a kind differs.
    Outline = 0x81, "outline", Both, false;
}

/// Types from here on are optional: who doesn't know one skips it.
const OPTIONAL: u8 = 0x80;

/// One frame, as it was read; payloads borrow from the message.
#[derive(Clone, Debug, PartialEq)]
pub enum Frame<'a> {
    /// See [`Goodbye`].
    Goodbye(Goodbye),
    /// See [`Hello`].
    Hello(Hello),
    /// See [`Welcome`].
    Welcome(Welcome),
    /// See [`Ack`].
    Ack(Ack),
    /// See [`Ping`].
    Ping(Ping),
    /// Answers the ping of the same id.
    Pong(Ping),
    /// The server doesn't know the hello's digest: it needs the table.
    NeedTable,
    /// See [`KindTable`].
    Table(KindTable),
    /// See [`StreamWindow`].
    StreamWindow(StreamWindow),
    /// See [`TopicWindow`].
    TopicWindow(TopicWindow),
    /// See [`Call`].
    Call(Call<'a>),
    /// See [`Event`].
    Event(Event<'a>),
    /// See [`Cancel`].
    Cancel(Cancel),
    /// See [`Reply`].
    Reply(Reply<'a>),
    /// See [`Item`].
    Item(Item<'a>),
    /// See [`Publication`].
    Publication(Publication<'a>),
    /// See [`Skipped`].
    Skipped(Skipped),
    /// See [`NeedOutlines`].
    NeedOutlines(NeedOutlines),
    /// See [`Outline`].
    Outline(Outline),
}

impl Frame<'_> {
    /// Returns the frame's type.
    pub fn frame_type(&self) -> FrameType {
        match self {
            Self::Goodbye(_) => FrameType::Goodbye,
            Self::Hello(_) => FrameType::Hello,
            Self::Welcome(_) => FrameType::Welcome,
            Self::Ack(_) => FrameType::Ack,
            Self::Ping(_) => FrameType::Ping,
            Self::Pong(_) => FrameType::Pong,
            Self::NeedTable => FrameType::NeedTable,
            Self::Table(_) => FrameType::Table,
            Self::StreamWindow(_) => FrameType::StreamWindow,
            Self::TopicWindow(_) => FrameType::TopicWindow,
            Self::Call(_) => FrameType::Call,
            Self::Event(_) => FrameType::Event,
            Self::Cancel(_) => FrameType::Cancel,
            Self::Reply(_) => FrameType::Reply,
            Self::Item(_) => FrameType::Item,
            Self::Publication(_) => FrameType::Publication,
            Self::Skipped(_) => FrameType::Skipped,
            Self::NeedOutlines(_) => FrameType::NeedOutlines,
            Self::Outline(_) => FrameType::Outline,
        }
    }

    /// The frame's number, if its type is numbered.
    pub fn number(&self) -> Option<SeqNo> {
        match self {
            Self::Call(call) => Some(call.number),
            Self::Event(event) => Some(event.number),
            Self::Cancel(cancel) => Some(cancel.number),
            Self::Reply(reply) => Some(reply.number),
            Self::Item(item) => Some(item.number),
            Self::Goodbye(_)
            | Self::Hello(_)
            | Self::Welcome(_)
            | Self::Ack(_)
            | Self::Ping(_)
            | Self::Pong(_)
            | Self::NeedTable
            | Self::Table(_)
            | Self::StreamWindow(_)
            | Self::TopicWindow(_)
            | Self::Publication(_)
            | Self::Skipped(_)
            | Self::NeedOutlines(_)
            | Self::Outline(_) => None,
        }
    }

    /// Appends the frame, with its length and type.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let (frame_type, body_len) = (self.frame_type(), self.body_len());
        put_integer(out, body_len as u64 + 1);
        out.push(frame_type.number());
        let start = out.len();
        self.put_body(out);
        debug_assert_eq!(
            out.len() - start,
            body_len,
            "{frame_type:?} has the length foretold"
        );
    }

    /// Returns the frame alone, as it stands on the wire.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.encode(&mut out);
        out
    }

    /// Returns the bytes that [`encode`](Self::encode) appends.
    pub fn encoded_len(&self) -> usize {
        let rest = self.body_len() + 1;
        wire::integer_len(rest as u64) + rest
    }

    fn body_len(&self) -> usize {
        match self {
            Self::Call(call) => call.len(),
            Self::Event(event) => event.len(),
            Self::Reply(reply) => reply.len(),
            Self::Item(item) => item.len(),
            Self::Goodbye(_)
            | Self::Hello(_)
            | Self::Welcome(_)
            | Self::Ack(_)
            | Self::Ping(_)
            | Self::Pong(_)
            | Self::NeedTable
            | Self::Table(_)
            | Self::StreamWindow(_)
            | Self::TopicWindow(_)
            | Self::Cancel(_)
            | Self::Publication(_)
            | Self::Skipped(_)
            | Self::NeedOutlines(_)
            | Self::Outline(_) => {
                let mut body = Vec::new();
                self.put_body(&mut body);
                body.len()
            }
        }
    }

    fn put_body(&self, out: &mut Vec<u8>) {
        match self {
            Self::Goodbye(goodbye) => link::put_goodbye(goodbye, out),
            Self::Hello(hello) => hello.put(out),
            Self::Welcome(welcome) => welcome.put(out),
            Self::Ack(ack) => ack.put(out),
            Self::Ping(ping) | Self::Pong(ping) => ping.put(out),
            Self::NeedTable => {}
            Self::Table(table) => table.put(out),
            Self::StreamWindow(window) => window.put(out),
            Self::TopicWindow(window) => window.put(out),
            Self::Call(call) => call.put(out),
            Self::Event(event) => event.put(out),
            Self::Cancel(cancel) => cancel.put(out),
            Self::Reply(reply) => reply.put(out),
            Self::Item(item) => item.put(out),
            Self::Publication(publication) => publication.put(out),
            Self::Skipped(skipped) => skipped.put(out),
            Self::NeedOutlines(need) => need.put(out),
            Self::Outline(outline) => outline.put(out),
        }
    }
}

impl KindTable {
    /// Returns the frame alone, as it stands on the wire.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let (mut body, mut out) = (Vec::new(), Vec::new());
        self.put(&mut body);
        put_integer(&mut out, body.len() as u64 + 1);
        out.push(FrameType::Table.number());
        out.append(&mut body);
        out
    }
}

/// Returns the length of the first of these frames, with its own length; none if there is none.
pub(crate) fn first_len(frames: &[u8]) -> Option<usize> {
    let mut rest = Reader::new(frames);
    rest.bytes().ok()?;
    Some(frames.len() - rest.take_rest().len())
}

/// The frames of one WebSocket message, in order. After an error nothing follows.
#[derive(Debug)]
pub struct Frames<'a>(RawFrames<'a>);

impl<'a> Frames<'a> {
    /// Reads `message`, which is one binary WebSocket message.
    pub fn new(message: &'a [u8]) -> Self {
        Self(RawFrames::new(message))
    }
}

impl<'a> Iterator for Frames<'a> {
    type Item = Result<Frame<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        let read = self.0.next()?.and_then(RawFrame::read);
        if read.is_err() {
            self.0.state = Reading::Over;
        }
        Some(read)
    }
}

/// The frames of one WebSocket message, of which only the types are read. After an error nothing follows.
#[derive(Debug)]
pub(crate) struct RawFrames<'a> {
    rest: Reader<'a>,
    state: Reading,
}

#[derive(Debug, PartialEq, Eq)]
enum Reading {
    First,
    Further,
    Over,
}

impl<'a> RawFrames<'a> {
    pub(crate) fn new(message: &'a [u8]) -> Self {
        Self {
            rest: Reader::new(message),
            state: Reading::First,
        }
    }

    fn read(&mut self) -> Result<Option<RawFrame<'a>>, Malformed> {
        loop {
            // The first turn reads even where nothing is: an empty message is malformed.
            if self.rest.is_empty() && self.state == Reading::Further {
                return Ok(None);
            }
            self.state = Reading::Further;
            let mut rest = Reader::new(self.rest.bytes()?);
            let number = rest.byte()?;
            match FrameType::from_number(number) {
                Some(frame_type) => return Ok(Some(RawFrame { frame_type, rest })),
                // A newer peer sends it, and needs no answer.
                None if number >= OPTIONAL => {}
                None => return Err(Malformed::UnknownType(number)),
            }
        }
    }
}

impl<'a> Iterator for RawFrames<'a> {
    type Item = Result<RawFrame<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.state == Reading::Over {
            return None;
        }
        let read = self.read();
        if !matches!(read, Ok(Some(_))) {
            self.state = Reading::Over;
        }
        read.transpose()
    }
}

/// A frame whose body isn't read yet.
#[derive(Debug)]
pub(crate) struct RawFrame<'a> {
    frame_type: FrameType,
    rest: Reader<'a>,
}

impl<'a> RawFrame<'a> {
    pub(crate) fn frame_type(&self) -> FrameType {
        self.frame_type
    }

    /// Returns the rest, which the frame's type reads as it knows.
    pub(crate) fn fields(self) -> Reader<'a> {
        self.rest
    }

    /// Reads a frame of any type. A session reads each type where it takes it, so that a page carries only
    /// what it takes.
    fn read(self) -> Result<Frame<'a>, Malformed> {
        let body = self.rest;
        match self.frame_type {
            FrameType::Hello => Hello::read(body).map(Frame::Hello),
            FrameType::Table => KindTable::read(body).map(Frame::Table),
            FrameType::TopicWindow => TopicWindow::read(body).map(Frame::TopicWindow),
            FrameType::Goodbye => read_goodbye(body).map(Frame::Goodbye),
            FrameType::Welcome => Welcome::read(body).map(Frame::Welcome),
            FrameType::Ack => Ack::read(body).map(Frame::Ack),
            FrameType::Ping => Ping::read(body).map(Frame::Ping),
            FrameType::Pong => Ping::read(body).map(Frame::Pong),
            FrameType::NeedTable => body.end().map(|()| Frame::NeedTable),
            FrameType::StreamWindow => StreamWindow::read(body).map(Frame::StreamWindow),
            FrameType::Call => Call::read(body).map(Frame::Call),
            FrameType::Event => Event::read(body).map(Frame::Event),
            FrameType::Cancel => Cancel::read(body).map(Frame::Cancel),
            FrameType::Reply => Reply::read(body).map(Frame::Reply),
            FrameType::Item => Item::read(body).map(Frame::Item),
            FrameType::Publication => Publication::read(body).map(Frame::Publication),
            FrameType::Skipped => Skipped::read(body).map(Frame::Skipped),
            FrameType::NeedOutlines => NeedOutlines::read(body).map(Frame::NeedOutlines),
            FrameType::Outline => Outline::read(body).map(Frame::Outline),
        }
    }
}

/// Bytes of the peer can't be read as frames.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum Malformed {
    /// The message, or a length in it, ends before what it announces; or the message is empty.
    #[error("a message ends before what it announces")]
    Truncated,
    /// A frame has bytes behind its last field.
    #[error("bytes follow a frame's last field")]
    Trailing,
    /// An integer has more bytes than it needs.
    #[error("an integer has more bytes than it needs")]
    NotMinimal,
    /// An integer is 2^53 or more, or larger than its field allows.
    #[error("an integer is larger than its field allows")]
    TooLarge,
    /// Text that isn't UTF-8.
    #[error("a text isn't UTF-8")]
    NotUtf8,
    /// A field has a value that means nothing: a number zero, flags or a retry that don't exist.
    #[error("a field has a value that means nothing")]
    Meaningless,
    /// A message, token, name, table or payload is larger than the wire allows.
    #[error("a message is larger than the wire allows")]
    OverLimit,
    /// A frame type that this version doesn't know and must not skip.
    #[error("frame type {0:#04x} is unknown")]
    UnknownType(u8),
    /// Text came where only binary messages belong.
    #[error("a text message came, where only binary ones belong")]
    Text,
}

impl Malformed {
    /// Returns the code of the goodbye that answers it.
    pub fn code(self) -> GoodbyeCode {
        match self {
            Self::OverLimit => GoodbyeCode::Limit,
            Self::UnknownType(_) => GoodbyeCode::Unsupported,
            Self::Truncated
            | Self::Trailing
            | Self::NotMinimal
            | Self::TooLarge
            | Self::NotUtf8
            | Self::Meaningless
            | Self::Text => GoodbyeCode::Malformed,
        }
    }
}

/// A message's size against the wire's limit, before anything of it is read.
pub(crate) fn check_size(message: &[u8]) -> Result<(), Malformed> {
    if message.len() > MAX_MESSAGE {
        Err(Malformed::OverLimit)
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
