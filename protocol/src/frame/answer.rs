//! What becomes of a call.

use std::fmt;

use serde::Serialize;

use super::Malformed;
use super::link::{put_retry, read_retry};
use super::request::check_part;
use super::wire::{Reader, put_integer};
use crate::goodbye::Retry;
use crate::limits::MAX_PAYLOAD;
use crate::{EncodeError, Format};

/// The outcome of a call. `P` is the payload: borrowed on the wire, owned in the session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer<P> {
    /// The handler's value.
    Value(P),
    /// The handler's typed error.
    Error(P),
    /// The call didn't reach its handler, or the handler didn't get to an answer.
    Refused(Refused),
}

const VALUE: u16 = 0;
const ERROR: u16 = 1;

impl<'a> Answer<&'a [u8]> {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Value(payload) | Self::Error(payload) => 1 + payload.len(),
            Self::Refused(refused) => refused.len(),
        }
    }

    pub(super) fn put(&self, out: &mut Vec<u8>) {
        let (status, payload) = match self {
            Self::Value(payload) => (VALUE, payload),
            Self::Error(payload) => (ERROR, payload),
            Self::Refused(refused) => return refused.put(out),
        };
        put_integer(out, u64::from(status));
        out.extend_from_slice(payload);
    }

    pub(super) fn read(mut body: Reader<'a>, more: bool) -> Result<Self, Malformed> {
        match body.small::<u16>()? {
            VALUE => Ok(Self::Value(check_part(body.take_rest())?)),
            ERROR => Ok(Self::Error(check_part(body.take_rest())?)),
            // A refusal carries no payload that could go on.
            _ if more => Err(Malformed::Meaningless),
            status => {
                let refused = Refused {
                    why: Refusal::read(status)?,
                    retry: read_retry(&mut body)?,
                };
                body.end()?;
                Ok(Self::Refused(refused))
            }
        }
    }
}

impl Answer<Vec<u8>> {
    /// Encodes a handler's result.
    ///
    /// # Errors
    /// The value or the error can't be written, or is larger than any payload may be.
    pub fn encode<V: Serialize, E: Serialize>(
        format: Format,
        outcome: &Result<V, E>,
    ) -> Result<Self, EncodeError> {
        match outcome {
            Ok(value) => format.encode(value, MAX_PAYLOAD).map(Self::Value),
            Err(error) => format.encode(error, MAX_PAYLOAD).map(Self::Error),
        }
    }
}

/// The refusal that a caller is told when the handler's answer, or item, can't be written.
impl From<&EncodeError> for Refusal {
    fn from(error: &EncodeError) -> Self {
        match error {
            EncodeError::TooLarge { .. } => Self::TooLarge,
            EncodeError::TooDeep
            | EncodeError::NotFinite
            | EncodeError::Postcard(_)
            | EncodeError::Json(_) => Self::Unwritable,
        }
    }
}

/// A call that wasn't answered by its handler, and whether to try again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Refused {
    /// The reason.
    pub why: Refusal,
    /// The time after which the same call may fare better, if it may.
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
        self.why.fmt(f)
    }
}

macro_rules! refusals {
    ($($(#[$doc:meta])* $name:ident = $number:literal, $wire:literal, $retry:expr, $text:literal;)*) => {
        /// The reason for which a call wasn't answered by its handler: the reply statuses from 2 up.
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

            /// Returns the number on the wire.
            pub const fn number(self) -> u16 {
                match self { $(Self::$name => $number,)* Self::Other(number) => number }
            }

            /// Returns whether the same call may fare better later, as far as the refusal alone tells.
            pub const fn retry(self) -> Retry {
                match self { $(Self::$name => $retry,)* Self::Other(_) => Retry::Never }
            }

            /// Returns the refusal of a number on the wire; 0 and 1 are no refusals.
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
                let text = match self {
                    $(Self::$name => $text,)*
                    Self::Other(number) => {
                        return write!(f, "status {number} is of a newer version: update this end");
                    }
                };
                f.write_str(text)
            }
        }
    };
}

refusals! {
    /// The other end takes no kind of this name: it doesn't have it, or only sends it.
    UnknownKind = 2, "unknown_kind", Retry::Never, "the other side takes no kind of this name: add a handler to the server's builder";
    /// The other end has the kind with another structure: one of the two ends is older.
    KindDiffers = 3, "kind_differs", Retry::Never, "the other side has this kind with another structure: update the older of the two";
    /// The payload isn't a value of the kind.
    Undecodable = 4, "undecodable", Retry::Never, "the payload isn't a value of its kind: its Serialize and Deserialize differ";
    /// The application doesn't let this peer.
    Denied = 5, "denied", Retry::Never, "the application doesn't allow it: ask as another user";
    /// The other end knows the kind, but nothing there takes it.
    NoHandler = 6, "no_handler", Retry::Never, "nothing on the other side takes this kind: add a handler there";
    /// The handler panicked; the server has logged it.
    Panicked = 7, "panicked", Retry::Never, "the handler panicked: see the other side's log";
    /// As many streams, subscriptions or topics are in use as the limit allows.
    Busy = 8, "busy", Retry::Now, "as many streams, subscriptions or topics are in use as the limit allows: end one, or try later";
    /// The request or its answer is larger than the limit of the end that would receive it.
    TooLarge = 9, "too_large", Retry::Never, "the request, the answer or an item is larger than allowed: send it in parts";
    /// The handler ran longer than the other side allows, and was dropped half-way: ask what it has done
    /// before calling again.
    Deadline = 10, "deadline", Retry::Never, "the handler ran longer than allowed: ask what it has done";
    /// Cancelled by who made the call.
    Cancelled = 11, "cancelled", Retry::Never, "the caller cancelled it";
    /// The peer that was called isn't there any more.
    Gone = 12, "gone", Retry::Never, "the peer that was called is gone: call another";
    /// The handler's answer is a value that the payload format doesn't have; the server has logged
    /// it.
    Unwritable = 13, "unwritable", Retry::Never, "the answer can't be written in this format: see the other side's log";
}
