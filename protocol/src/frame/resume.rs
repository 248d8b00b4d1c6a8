//! What hello and welcome say of a session that goes on over another connection.

use super::Malformed;
use super::wire::{Reader, put_integer};
use crate::limits::MAX_SUBSCRIPTIONS;
use crate::{Alias, Offset, Secret, SeqNo, SessionId};

/// A client wants its session back: what it has of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resume {
    /// The session.
    pub session: SessionId,
    /// The secret of its last welcome.
    pub secret: Secret,
    /// The number of attempts of this client to resume it, this one included: an earlier attempt that comes
    /// late is refused.
    pub attempt: u64,
    /// The number of the last frame received in order; none before the first.
    pub received: Option<SeqNo>,
    /// The limit of the server's requests, in charged bytes from the session's start.
    pub window: u64,
    /// The topics whose joined was handed over and that weren't left.
    pub subscriptions: Vec<Resumed>,
}

/// The place of a client in a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resumed {
    /// The topic.
    pub alias: Alias,
    /// The call that joined it.
    pub join: SeqNo,
    /// The first publication that it doesn't have.
    pub next: Offset,
    /// Charged bytes that have come, from the join.
    pub used: u64,
    /// The limit of publications, in charged bytes from the join.
    pub limit: u64,
}

impl Resume {
    pub(super) fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.session.as_bytes());
        out.extend_from_slice(self.secret.as_bytes());
        put_integer(out, self.attempt);
        put_number(out, self.received);
        put_integer(out, self.window);
        put_integer(out, self.subscriptions.len() as u64);
        for subscription in &self.subscriptions {
            put_integer(out, subscription.alias.get());
            put_integer(out, subscription.join.get());
            put_integer(out, subscription.next.get());
            put_integer(out, subscription.used);
            put_integer(out, subscription.limit);
        }
    }

    pub(super) fn read(body: &mut Reader<'_>) -> Result<Self, Malformed> {
        let session = SessionId::from_bytes(body.array()?);
        let secret = Secret::from_bytes(body.array()?);
        let attempt = body.integer()?;
        let received = SeqNo::new(body.integer()?);
        let window = body.integer()?;
        let count = body.small::<usize>()?;
        if count > MAX_SUBSCRIPTIONS {
            return Err(Malformed::OverLimit);
        }
        let subscriptions = (0..count)
            .map(|_| Resumed::read(body))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            session,
            secret,
            attempt,
            received,
            window,
            subscriptions,
        })
    }
}

impl Resumed {
    fn read(body: &mut Reader<'_>) -> Result<Self, Malformed> {
        let resumed = Self {
            alias: Alias::new(body.integer()?),
            join: SeqNo::new(body.integer()?).ok_or(Malformed::Meaningless)?,
            next: Offset::new(body.integer()?).ok_or(Malformed::Meaningless)?,
            used: body.integer()?,
            limit: body.integer()?,
        };
        if resumed.used > resumed.limit {
            return Err(Malformed::Meaningless);
        }
        Ok(resumed)
    }
}

/// The relation of a welcomed session to what the client had before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Continuity {
    /// The client had none.
    New,
    /// It is the one that the client wanted back: nothing is lost.
    Resumed {
        /// The last of the client's frames that the server received in order.
        received: Option<SeqNo>,
    },
    /// It is another: the server knows none of that id, or not with that secret.
    Unknown,
    /// It is another: the one that the client wanted back was given up.
    Evicted {
        /// The last of the client's frames that the server received in order before that.
        received: Option<SeqNo>,
    },
}

impl Continuity {
    pub(super) fn put(self, out: &mut Vec<u8>) {
        match self {
            Self::New => out.push(0),
            Self::Resumed { received } => {
                out.push(1);
                put_number(out, received);
            }
            Self::Unknown => out.push(2),
            Self::Evicted { received } => {
                out.push(3);
                put_number(out, received);
            }
        }
    }

    pub(super) fn read(body: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(match body.byte()? {
            0 => Self::New,
            1 => Self::Resumed {
                received: SeqNo::new(body.integer()?),
            },
            2 => Self::Unknown,
            3 => Self::Evicted {
                received: SeqNo::new(body.integer()?),
            },
            _ => return Err(Malformed::Meaningless),
        })
    }
}

fn put_number(out: &mut Vec<u8>, number: Option<SeqNo>) {
    put_integer(out, number.map_or(0, SeqNo::get));
}
