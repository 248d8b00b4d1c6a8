//! Numbered frames: calls and their replies.

use std::fmt;

use super::Malformed;
use super::link::{put_retry, read_retry};
use super::wire::{Reader, integer_len, put_bytes, put_integer};
use crate::Number;
use crate::goodbye::Retry;
use crate::limits::MAX_PAYLOAD;

/// Numbered frames carry flags for the parts of a message larger than a frame; none is cut yet.
const NO_FLAGS: u64 = 0;

/// A request that is answered by one reply. Its number is its id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call<'a> {
    /// The frame's number.
    pub number: Number,
    /// The kind, by its place in the client's table.
    pub kind: u32,
    /// The kind's value in the connection's payload format.
    pub payload: &'a [u8],
}

impl<'a> Call<'a> {
    pub(super) fn len(&self) -> usize {
        let payload = self.payload.len();
        integer_len(self.number.get())
            + integer_len(NO_FLAGS)
            + integer_len(u64::from(self.kind))
            + integer_len(payload as u64)
            + payload
    }

    pub(super) fn put(&self, out: &mut Vec<u8>) {
        put_integer(out, self.number.get());
        put_integer(out, NO_FLAGS);
        put_integer(out, u64::from(self.kind));
        put_bytes(out, self.payload);
    }

    pub(super) fn read(mut body: Reader<'a>) -> Result<Self, Malformed> {
        let number = read_number(&mut body)?;
        let kind = body.small()?;
        let payload = check_payload(body.bytes()?)?;
        body.skip_tags()?;
        Ok(Self {
            number,
            kind,
            payload,
        })
    }
}

/// The answer to a call: each call gets exactly one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply<'a> {
    /// The frame's own number.
    pub number: Number,
    /// The number of the call that it answers.
    pub call: Number,
    /// What became of the call.
    pub answer: Answer<&'a [u8]>,
}

/// What became of a call. `P` is the payload: borrowed on the wire, owned in the session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer<P> {
    /// The handler's value.
    Value(P),
    /// The handler's typed error.
    Error(P),
    /// The call didn't reach its handler, or the handler didn't get to an answer.
    Refused(Refused),
}

impl<P: AsRef<[u8]>> Answer<P> {
    /// The same answer with its payload borrowed.
    pub(crate) fn borrowed(&self) -> Answer<&[u8]> {
        match self {
            Self::Value(payload) => Answer::Value(payload.as_ref()),
            Self::Error(payload) => Answer::Error(payload.as_ref()),
            Self::Refused(refused) => Answer::Refused(*refused),
        }
    }
}

impl Answer<&[u8]> {
    /// The same answer with its payload copied.
    pub(crate) fn to_owned(&self) -> Answer<Vec<u8>> {
        match self {
            Self::Value(payload) => Answer::Value(payload.to_vec()),
            Self::Error(payload) => Answer::Error(payload.to_vec()),
            Self::Refused(refused) => Answer::Refused(*refused),
        }
    }
}

const VALUE: u16 = 0;
const ERROR: u16 = 1;

impl<'a> Reply<'a> {
    pub(super) fn len(&self) -> usize {
        let answer = match &self.answer {
            Answer::Value(payload) | Answer::Error(payload) => 1 + payload.len(),
            Answer::Refused(refused) => refused.len(),
        };
        integer_len(self.number.get())
            + integer_len(NO_FLAGS)
            + integer_len(self.call.get())
            + answer
    }

    pub(super) fn put(&self, out: &mut Vec<u8>) {
        put_integer(out, self.number.get());
        put_integer(out, NO_FLAGS);
        put_integer(out, self.call.get());
        let (status, payload) = match &self.answer {
            Answer::Value(payload) => (VALUE, payload),
            Answer::Error(payload) => (ERROR, payload),
            Answer::Refused(refused) => return refused.put(out),
        };
        put_integer(out, u64::from(status));
        out.extend_from_slice(payload);
    }

    pub(super) fn read(mut body: Reader<'a>) -> Result<Self, Malformed> {
        let number = read_number(&mut body)?;
        let call = Number::new(body.integer()?).ok_or(Malformed::Meaningless)?;
        let answer = match body.small::<u16>()? {
            VALUE => Answer::Value(check_payload(body.take_rest())?),
            ERROR => Answer::Error(check_payload(body.take_rest())?),
            status => {
                let refused = Refused {
                    why: Refusal::read(status)?,
                    retry: read_retry(&mut body)?,
                };
                body.end()?;
                Answer::Refused(refused)
            }
        };
        Ok(Self {
            number,
            call,
            answer,
        })
    }
}

fn read_number(body: &mut Reader<'_>) -> Result<Number, Malformed> {
    let number = Number::new(body.integer()?).ok_or(Malformed::Meaningless)?;
    if body.integer()? == NO_FLAGS {
        Ok(number)
    } else {
        Err(Malformed::Meaningless)
    }
}

fn check_payload(payload: &[u8]) -> Result<&[u8], Malformed> {
    if payload.len() > MAX_PAYLOAD {
        Err(Malformed::OverLimit)
    } else {
        Ok(payload)
    }
}

/// A call that wasn't answered by its handler, and whether to try again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Refused {
    /// Why.
    pub why: Refusal,
    /// Whether the same call may fare better later.
    pub retry: Retry,
}

impl Refused {
    fn len(self) -> usize {
        let mut out = Vec::new();
        self.put(&mut out);
        out.len()
    }

    fn put(self, out: &mut Vec<u8>) {
        put_integer(out, u64::from(self.why.number()));
        put_retry(self.retry, out);
    }
}

impl From<Refusal> for Refused {
    /// With the refusal's usual `retry`.
    fn from(why: Refusal) -> Self {
        Self {
            why,
            retry: why.retry(),
        }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.why)
    }
}

macro_rules! refusals {
    ($($(#[$doc:meta])* $name:ident = $number:literal, $wire:literal, $retry:expr, $text:literal;)*) => {
        /// Why a call wasn't answered by its handler: the reply statuses from 2 up.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Refusal {
            $($(#[$doc])* $name,)*
            /// A status that this version doesn't know: a newer peer's.
            Other(u16),
        }

        impl Refusal {
            /// Every refusal of this version with its name and meaning: the table of PROTOCOL.md.
            pub const ALL: &[(Self, &'static str, &'static str)] =
                &[$((Self::$name, $wire, $text),)*];

            /// The number on the wire.
            pub const fn number(self) -> u16 {
                match self { $(Self::$name => $number,)* Self::Other(number) => number }
            }

            /// Whether the same call may fare better later, as far as the refusal alone tells.
            pub const fn retry(self) -> Retry {
                match self { $(Self::$name => $retry,)* Self::Other(_) => Retry::Never }
            }

            /// The refusal of a number on the wire; 0 and 1 are no refusals.
            pub(super) fn read(number: u16) -> Result<Self, Malformed> {
                match number {
                    VALUE | ERROR => Err(Malformed::Meaningless),
                    $($number => Ok(Self::$name),)*
                    other => Ok(Self::Other(other)),
                }
            }
        }

        impl fmt::Display for Refusal {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self {
                    $(Self::$name => f.write_str($text),)*
                    Self::Other(number) => write!(f, "the peer refused it with status {number}"),
                }
            }
        }
    };
}

refusals! {
    /// The server has no kind of this name.
    UnknownKind = 2, "unknown_kind", Retry::Never, "the server has no kind of this name";
    /// The server has the kind with another structure: one of the two ends is older.
    KindDiffers = 3, "kind_differs", Retry::Never, "the server has this kind with another structure";
    /// The payload isn't a value of the kind.
    Undecodable = 4, "undecodable", Retry::Never, "the payload isn't a value of its kind";
    /// The handler panicked; the server has logged it.
    Panicked = 7, "panicked", Retry::Never, "the handler panicked";
    /// The answer is larger than the wire allows.
    TooLarge = 9, "too_large", Retry::Never, "the answer is larger than the wire allows";
    /// The handler ran longer than the server allows, and was dropped half-way: ask what it has done
    /// before calling again.
    Deadline = 10, "deadline", Retry::Never, "the handler ran longer than the server allows";
    /// The handler's answer is a value that the payload format doesn't have; the server has logged
    /// it.
    Unwritable = 13, "unwritable", Retry::Never, "the answer can't be written in this format";
}
