//! Numbered frames: requests, and what comes back.

use super::Malformed;
use super::answer::Answer;
use super::wire::{Reader, integer_len, put_bytes, put_integer};
use crate::SeqNo;
use crate::limits::MAX_PART;

/// The place of a frame in its message: a payload of more than [`MAX_PART`] bytes is cut into
/// several frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// The message began in an earlier frame.
    pub continues: bool,
    /// It goes on in a later one.
    pub more: bool,
}

impl Part {
    /// A message of one frame.
    pub const WHOLE: Self = Self {
        continues: false,
        more: false,
    };

    const MORE: u64 = 1;
    const CONTINUES: u64 = 2;

    const fn flags(self) -> u64 {
        (if self.more { Self::MORE } else { 0 })
            | (if self.continues { Self::CONTINUES } else { 0 })
    }

    fn read(body: &mut Reader<'_>) -> Result<Self, Malformed> {
        let flags = body.integer()?;
        if flags > Self::MORE | Self::CONTINUES {
            return Err(Malformed::Meaningless);
        }
        Ok(Self {
            continues: flags & Self::CONTINUES != 0,
            more: flags & Self::MORE != 0,
        })
    }
}

fn read_head(body: &mut Reader<'_>) -> Result<(SeqNo, Part), Malformed> {
    Ok((read_number(body)?, Part::read(body)?))
}

fn put_head(number: SeqNo, part: Part, out: &mut Vec<u8>) {
    put_integer(out, number.get());
    put_integer(out, part.flags());
}

fn head_len(number: SeqNo) -> usize {
    integer_len(number.get()) + 1
}

pub(super) fn read_number(body: &mut Reader<'_>) -> Result<SeqNo, Malformed> {
    SeqNo::new(body.integer()?).ok_or(Malformed::Meaningless)
}

pub(super) fn check_part(payload: &[u8]) -> Result<&[u8], Malformed> {
    if payload.len() > MAX_PART {
        Err(Malformed::OverLimit)
    } else {
        Ok(payload)
    }
}

/// A request that is answered: by one reply, for a stream after its items. Its id is the number of
/// its first frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call<'a> {
    /// The frame's number.
    pub number: SeqNo,
    /// The place of the frame in its message.
    pub part: Part,
    /// The kind, by its place in the client's table; only in the first part.
    pub kind: Option<u32>,
    /// The kind's value in the connection's payload format, or a part of it.
    pub payload: &'a [u8],
}

impl<'a> Call<'a> {
    pub(super) fn len(&self) -> usize {
        let payload = self.payload.len();
        head_len(self.number) + kind_len(self.kind) + integer_len(payload as u64) + payload
    }

    pub(super) fn put(&self, out: &mut Vec<u8>) {
        put_head(self.number, self.part, out);
        put_kind(self.kind, out);
        put_bytes(out, self.payload);
    }

    pub(crate) fn read(mut body: Reader<'a>) -> Result<Self, Malformed> {
        let (number, part) = read_head(&mut body)?;
        let kind = read_kind(&mut body, part)?;
        let payload = check_part(body.bytes()?)?;
        body.skip_tags()?;
        Ok(Self {
            number,
            part,
            kind,
            payload,
        })
    }
}

fn kind_len(kind: Option<u32>) -> usize {
    kind.map_or(0, |kind| integer_len(u64::from(kind)))
}

fn put_kind(kind: Option<u32>, out: &mut Vec<u8>) {
    if let Some(kind) = kind {
        put_integer(out, u64::from(kind));
    }
}

fn read_kind(body: &mut Reader<'_>, part: Part) -> Result<Option<u32>, Malformed> {
    if part.continues {
        Ok(None)
    } else {
        body.small().map(Some)
    }
}

/// A message that is acknowledged and not answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event<'a> {
    /// The frame's number.
    pub number: SeqNo,
    /// The place of the frame in its message.
    pub part: Part,
    /// The kind, by its place in the client's table; only in the first part.
    pub kind: Option<u32>,
    /// The kind's value in the connection's payload format, or a part of it.
    pub payload: &'a [u8],
}

impl<'a> Event<'a> {
    pub(super) fn len(&self) -> usize {
        head_len(self.number) + kind_len(self.kind) + self.payload.len()
    }

    pub(super) fn put(&self, out: &mut Vec<u8>) {
        put_head(self.number, self.part, out);
        put_kind(self.kind, out);
        out.extend_from_slice(self.payload);
    }

    pub(crate) fn read(mut body: Reader<'a>) -> Result<Self, Malformed> {
        let (number, part) = read_head(&mut body)?;
        let kind = read_kind(&mut body, part)?;
        let payload = check_part(body.take_rest())?;
        Ok(Self {
            number,
            part,
            kind,
            payload,
        })
    }
}

/// The caller wants no answer any more. The call is answered all the same, by then perhaps with its
/// value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cancel {
    /// The frame's number.
    pub number: SeqNo,
    /// The call's id.
    pub call: SeqNo,
}

impl Cancel {
    pub(super) fn put(self, out: &mut Vec<u8>) {
        put_integer(out, self.number.get());
        put_integer(out, self.call.get());
    }

    pub(crate) fn read(mut body: Reader<'_>) -> Result<Self, Malformed> {
        let cancel = Self {
            number: read_number(&mut body)?,
            call: read_number(&mut body)?,
        };
        body.end()?;
        Ok(cancel)
    }
}

/// One item of a stream, or a part of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item<'a> {
    /// The frame's number.
    pub number: SeqNo,
    /// The place of the frame in its item.
    pub part: Part,
    /// The id of the call that it belongs to.
    pub call: SeqNo,
    /// The item in the connection's payload format, or a part of it.
    pub payload: &'a [u8],
}

impl<'a> Item<'a> {
    pub(super) fn len(&self) -> usize {
        head_len(self.number) + integer_len(self.call.get()) + self.payload.len()
    }

    pub(super) fn put(&self, out: &mut Vec<u8>) {
        put_head(self.number, self.part, out);
        put_integer(out, self.call.get());
        out.extend_from_slice(self.payload);
    }

    pub(crate) fn read(mut body: Reader<'a>) -> Result<Self, Malformed> {
        let (number, part) = read_head(&mut body)?;
        Ok(Self {
            number,
            part,
            call: read_number(&mut body)?,
            payload: check_part(body.take_rest())?,
        })
    }
}

/// The answer to a call, or a part of it: each call gets exactly one, and with it its id is closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply<'a> {
    /// The frame's own number.
    pub number: SeqNo,
    /// The id of the call that it answers.
    pub call: SeqNo,
    /// The content of the frame.
    pub content: ReplyPart<'a>,
}

/// The content of a reply's frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReplyPart<'a> {
    /// An answer, or its beginning if `more` follows. A refusal is always whole.
    First {
        /// The outcome of the call.
        answer: Answer<&'a [u8]>,
        /// The payload goes on in a later frame.
        more: bool,
    },
    /// The payload goes on.
    Further {
        /// These bytes of it.
        payload: &'a [u8],
        /// And more in a later frame.
        more: bool,
    },
}

impl<'a> Reply<'a> {
    fn part(&self) -> Part {
        match &self.content {
            ReplyPart::First { more, .. } => Part {
                continues: false,
                more: *more,
            },
            ReplyPart::Further { more, .. } => Part {
                continues: true,
                more: *more,
            },
        }
    }

    pub(super) fn len(&self) -> usize {
        let content = match &self.content {
            ReplyPart::First { answer, .. } => answer.len(),
            ReplyPart::Further { payload, .. } => payload.len(),
        };
        head_len(self.number) + integer_len(self.call.get()) + content
    }

    pub(super) fn put(&self, out: &mut Vec<u8>) {
        put_head(self.number, self.part(), out);
        put_integer(out, self.call.get());
        match &self.content {
            ReplyPart::First { answer, .. } => answer.put(out),
            ReplyPart::Further { payload, .. } => out.extend_from_slice(payload),
        }
    }

    pub(crate) fn read(mut body: Reader<'a>) -> Result<Self, Malformed> {
        let (number, part) = read_head(&mut body)?;
        let call = read_number(&mut body)?;
        let content = if part.continues {
            ReplyPart::Further {
                payload: check_part(body.take_rest())?,
                more: part.more,
            }
        } else {
            ReplyPart::First {
                answer: Answer::read(body, part.more)?,
                more: part.more,
            }
        };
        Ok(Self {
            number,
            call,
            content,
        })
    }
}
