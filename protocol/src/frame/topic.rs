//! Topics: what stands in the calls that join, leave and publish, and the frames of publications.

use super::Malformed;
use super::request::{check_part, read_number};
use super::wire::{Reader, put_bytes, put_integer};
use crate::limits::MAX_TOPIC_KEY;
use crate::{Alias, Epoch, Offset, Position, SeqNo};

/// The places in the table of kinds from here on are reserved: the calls of these kinds are the
/// session's own.
pub const RESERVED: u32 = 1024;
/// Joins a topic: see [`Join`]. Its reply is a [`Joined`].
pub const JOIN: u32 = RESERVED;
/// Leaves a topic, or from the server puts its client out: see [`Leave`]. Its reply is empty.
pub const LEAVE: u32 = RESERVED + 1;
/// Publishes to a topic: see [`Publish`]. Its reply is the offset.
pub const PUBLISH: u32 = RESERVED + 2;
/// From the server, has its client join a topic: see [`Invite`]. Its reply is empty.
pub const INVITE: u32 = RESERVED + 3;

/// The place to begin in a topic's log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// With what is published from now on.
    Now,
    /// With the last so many that are there.
    Last(u32),
    /// With this position, which was told by an earlier join or by a publication.
    At(Position),
}

/// A request to join a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Join<'a> {
    /// The topic's kind, by its place in the client's table.
    pub kind: u32,
    /// The topic's key, in the connection's payload format.
    pub key: &'a [u8],
    /// The place to begin.
    pub start: Start,
}

impl<'a> Join<'a> {
    /// Returns the payload of the call.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        put_integer(&mut out, u64::from(self.kind));
        put_bytes(&mut out, self.key);
        match self.start {
            Start::Now => out.push(0),
            Start::Last(count) => {
                out.push(1);
                put_integer(&mut out, u64::from(count));
            }
            Start::At(position) => {
                out.push(2);
                put_position(&mut out, position);
            }
        }
        out
    }

    pub(crate) fn decode(payload: &'a [u8]) -> Result<Self, Malformed> {
        let mut body = Reader::new(payload);
        let (kind, key) = (body.small()?, read_key(&mut body)?);
        let start = match body.byte()? {
            0 => Start::Now,
            1 => Start::Last(body.small()?),
            2 => Start::At(read_position(&mut body)?),
            _ => return Err(Malformed::Meaningless),
        };
        body.skip_tags()?;
        Ok(Self { kind, key, start })
    }
}

fn read_key<'a>(body: &mut Reader<'a>) -> Result<&'a [u8], Malformed> {
    let key = body.bytes()?;
    // JSON is longer than the canonical form that the bound is for.
    if key.len() > 8 * MAX_TOPIC_KEY {
        return Err(Malformed::OverLimit);
    }
    Ok(key)
}

fn put_position(out: &mut Vec<u8>, position: Position) {
    out.extend_from_slice(position.epoch.as_bytes());
    put_integer(out, position.offset.get());
}

fn read_position(body: &mut Reader<'_>) -> Result<Position, Malformed> {
    Ok(Position {
        epoch: Epoch::from_bytes(body.array()?),
        offset: read_offset(body)?,
    })
}

fn read_offset(body: &mut Reader<'_>) -> Result<Offset, Malformed> {
    Offset::new(body.integer()?).ok_or(Malformed::Meaningless)
}

/// The relation of what a subscriber will get to where it wanted to begin, at the moment of the join.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It named no position.
    Begun,
    /// Everything from its position on will come.
    Recovered,
    /// Its log is the same, but what it wanted first is there no more: the difference to
    /// [`Joined::position`] is lost.
    Gap,
    /// Its position was in a log that is no more: what it missed can't be told.
    NewEpoch,
}

/// The reply to a [`Join`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Joined {
    /// By this the publications name the topic.
    pub alias: Alias,
    /// Of the first publication that will come.
    pub position: Position,
    /// The verdict on the wish.
    pub verdict: Verdict,
}

impl Joined {
    /// Returns the payload of the reply.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        put_integer(&mut out, self.alias.get());
        put_position(&mut out, self.position);
        out.push(match self.verdict {
            Verdict::Begun => 0,
            Verdict::Recovered => 1,
            Verdict::Gap => 2,
            Verdict::NewEpoch => 3,
        });
        out
    }

    pub(crate) fn decode(payload: &[u8]) -> Result<Self, Malformed> {
        let mut body = Reader::new(payload);
        let joined = Self {
            alias: Alias::new(body.integer()?),
            position: read_position(&mut body)?,
            verdict: match body.byte()? {
                0 => Verdict::Begun,
                1 => Verdict::Recovered,
                2 => Verdict::Gap,
                3 => Verdict::NewEpoch,
                _ => return Err(Malformed::Meaningless),
            },
        };
        body.skip_tags()?;
        Ok(joined)
    }
}

/// A request to take a join back. One that came after it stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leave {
    /// The topic.
    pub alias: Alias,
    /// The id of the call that joined it.
    pub join: SeqNo,
}

impl Leave {
    /// Returns the payload of the call.
    pub fn encode(self) -> Vec<u8> {
        let mut out = Vec::new();
        put_integer(&mut out, self.alias.get());
        put_integer(&mut out, self.join.get());
        out
    }

    pub(crate) fn decode(payload: &[u8]) -> Result<Self, Malformed> {
        let mut body = Reader::new(payload);
        let leave = Self {
            alias: Alias::new(body.integer()?),
            join: read_number(&mut body)?,
        };
        body.skip_tags()?;
        Ok(leave)
    }
}

/// A server's request that its client join a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invite<'a> {
    /// The topic's kind, by its place in the client's table.
    pub kind: u32,
    /// The topic's key, in the connection's payload format.
    pub key: &'a [u8],
    /// The place where the client is to begin.
    pub position: Position,
}

impl<'a> Invite<'a> {
    /// Returns the payload of the call.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        put_integer(&mut out, u64::from(self.kind));
        put_bytes(&mut out, self.key);
        put_position(&mut out, self.position);
        out
    }

    /// Reads what [`encode`](Self::encode) wrote.
    ///
    /// # Errors
    /// If it isn't one.
    pub fn decode(payload: &'a [u8]) -> Result<Self, Malformed> {
        let mut body = Reader::new(payload);
        let invite = Self {
            kind: body.small()?,
            key: read_key(&mut body)?,
            position: read_position(&mut body)?,
        };
        body.skip_tags()?;
        Ok(invite)
    }
}

/// A request to publish to a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publish<'a> {
    /// The topic's kind, by its place in the client's table.
    pub kind: u32,
    /// The topic's key, in the connection's payload format.
    pub key: &'a [u8],
    /// The item, in the connection's payload format.
    pub item: &'a [u8],
}

impl<'a> Publish<'a> {
    /// Returns the payload of the call.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        put_integer(&mut out, u64::from(self.kind));
        put_bytes(&mut out, self.key);
        put_bytes(&mut out, self.item);
        out
    }

    pub(crate) fn decode(payload: &'a [u8]) -> Result<Self, Malformed> {
        let mut body = Reader::new(payload);
        let publish = Self {
            kind: body.small()?,
            key: read_key(&mut body)?,
            item: check_part(body.bytes()?)?,
        };
        body.skip_tags()?;
        Ok(publish)
    }
}

/// Returns the payload of the reply to a [`Publish`].
pub fn encode_offset(offset: Offset) -> Vec<u8> {
    let mut out = Vec::new();
    put_integer(&mut out, offset.get());
    out
}

/// Reads what [`encode_offset`] wrote.
///
/// # Errors
/// If it isn't one.
pub fn decode_offset(payload: &[u8]) -> Result<Offset, Malformed> {
    let mut body = Reader::new(payload);
    let offset = read_offset(&mut body)?;
    body.skip_tags()?;
    Ok(offset)
}

/// An entry of a topic's log on its way to a subscriber. Nothing in it depends on who reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publication<'a> {
    /// The topic.
    pub alias: Alias,
    /// Its place in the log.
    pub offset: Offset,
    /// The item, in the connection's payload format.
    pub payload: &'a [u8],
}

impl<'a> Publication<'a> {
    pub(super) fn put(&self, out: &mut Vec<u8>) {
        put_integer(out, self.alias.get());
        put_integer(out, self.offset.get());
        out.extend_from_slice(self.payload);
    }

    pub(crate) fn read(mut body: Reader<'a>) -> Result<Self, Malformed> {
        Ok(Self {
            alias: Alias::new(body.integer()?),
            offset: read_offset(&mut body)?,
            payload: check_part(body.take_rest())?,
        })
    }
}

/// The reason for which publications don't come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SkipReason {
    /// The log has them no more: the subscriber was too slow, or they can't be written in its format.
    Gone,
    /// They aren't for this subscriber.
    LeftOut,
}

/// Publications that don't come: those from `from` up to, and without, `to`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// The topic.
    pub alias: Alias,
    /// The first that doesn't come.
    pub from: Offset,
    /// The next that does.
    pub to: Offset,
    /// The reason.
    pub why: SkipReason,
}

impl Skipped {
    pub(super) fn put(&self, out: &mut Vec<u8>) {
        put_integer(out, self.alias.get());
        put_integer(out, self.from.get());
        put_integer(out, self.to.get());
        out.push(match self.why {
            SkipReason::Gone => 0,
            SkipReason::LeftOut => 1,
        });
    }

    pub(crate) fn read(mut body: Reader<'_>) -> Result<Self, Malformed> {
        let skipped = Self {
            alias: Alias::new(body.integer()?),
            from: read_offset(&mut body)?,
            to: read_offset(&mut body)?,
            why: match body.byte()? {
                0 => SkipReason::Gone,
                1 => SkipReason::LeftOut,
                _ => return Err(Malformed::Meaningless),
            },
        };
        body.end()?;
        // A gap of nothing, or one that leads back, would have publications come twice.
        if skipped.from >= skipped.to {
            return Err(Malformed::Meaningless);
        }
        Ok(skipped)
    }
}

/// Tells the limit of a subscription's publications. The highest counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TopicWindow {
    /// The topic.
    pub alias: Alias,
    /// The limit, in charged bytes since the join.
    pub limit: u64,
}

impl TopicWindow {
    pub(super) fn put(self, out: &mut Vec<u8>) {
        put_integer(out, self.alias.get());
        put_integer(out, self.limit);
    }

    pub(crate) fn read(mut body: Reader<'_>) -> Result<Self, Malformed> {
        let window = Self {
            alias: Alias::new(body.integer()?),
            limit: body.integer()?,
        };
        body.end()?;
        Ok(window)
    }
}
