//! Frames of the link itself: unnumbered, each true on its own.

use std::collections::HashSet;
use std::time::Duration;

use super::wire::{Reader, put_bytes, put_integer};
use super::{Malformed, Refusal};
use crate::goodbye::{Goodbye, GoodbyeCode, MAX_REASON, Retry};
use crate::limits::{MAX_KINDS, MAX_NAME, MAX_TOKEN};
use crate::{BootId, Class, Fingerprint, Number, PeerId, SessionId};

/// One line of a client's table of kinds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KindEntry {
    /// The kind's name, 1 to 64 bytes.
    pub name: String,
    /// What it is used for.
    pub class: Class,
    /// The structure that the client was compiled with.
    pub fingerprint: Fingerprint,
}

/// The client's first frame: who it is and what it speaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hello {
    /// How far the server's requests may go, in charged bytes from the session's start.
    pub window: u64,
    /// What the application gave for [`authenticate`]: a ticket, a cookie's value, or nothing.
    ///
    /// [`authenticate`]: https://docs.rs/twinwire-server
    pub token: Vec<u8>,
    /// The client's kinds; calls name them by their place in this list.
    pub kinds: Vec<KindEntry>,
}

impl Hello {
    pub(super) fn put(&self, out: &mut Vec<u8>) {
        put_integer(out, self.window);
        put_bytes(out, &self.token);
        put_integer(out, self.kinds.len() as u64);
        for kind in &self.kinds {
            put_bytes(out, kind.name.as_bytes());
            out.push(kind.class.number());
            out.extend_from_slice(&kind.fingerprint.to_bytes());
        }
    }

    pub(super) fn read(mut body: Reader<'_>) -> Result<Self, Malformed> {
        let window = body.integer()?;
        let token = body.bytes()?;
        let count = body.small::<usize>()?;
        if token.len() > MAX_TOKEN || count > MAX_KINDS {
            return Err(Malformed::OverLimit);
        }
        let kinds: Vec<KindEntry> = (0..count)
            .map(|_| read_kind(&mut body))
            .collect::<Result<_, _>>()?;
        let mut names = HashSet::new();
        if !kinds.iter().all(|kind| names.insert(kind.name.as_str())) {
            return Err(Malformed::Meaningless);
        }
        body.skip_tags()?;
        Ok(Self {
            window,
            token: token.to_vec(),
            kinds,
        })
    }
}

fn read_kind(body: &mut Reader<'_>) -> Result<KindEntry, Malformed> {
    let name = body.text()?;
    match name.len() {
        0 => return Err(Malformed::Meaningless),
        len if len > MAX_NAME => return Err(Malformed::OverLimit),
        _ => {}
    }
    Ok(KindEntry {
        name: name.to_owned(),
        class: Class::from_number(body.byte()?).ok_or(Malformed::Meaningless)?,
        fingerprint: Fingerprint::from_bytes(body.array()?),
    })
}

/// The server's answer to a hello: the session is open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Welcome {
    /// The session's id.
    pub session: SessionId,
    /// The client's id towards others.
    pub peer: PeerId,
    /// The run of the server's process.
    pub boot: BootId,
    /// How far the client's requests may go, in charged bytes from the session's start.
    pub window: u64,
    /// Those of the client's kinds, by their place in its table, that the server doesn't have or
    /// has otherwise. The others agree.
    pub refused: Vec<(u32, Refusal)>,
}

impl Welcome {
    pub(super) fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.session.as_bytes());
        out.extend_from_slice(self.peer.as_bytes());
        out.extend_from_slice(self.boot.as_bytes());
        put_integer(out, self.window);
        put_integer(out, self.refused.len() as u64);
        for (kind, refusal) in &self.refused {
            put_integer(out, u64::from(*kind));
            put_integer(out, u64::from(refusal.number()));
        }
    }

    pub(super) fn read(mut body: Reader<'_>) -> Result<Self, Malformed> {
        let session = SessionId::from_bytes(body.array()?);
        let peer = PeerId::from_bytes(body.array()?);
        let boot = BootId::from_bytes(body.array()?);
        let window = body.integer()?;
        let count = body.small::<usize>()?;
        if count > MAX_KINDS {
            return Err(Malformed::OverLimit);
        }
        let refused = (0..count)
            .map(|_| Ok((body.small()?, Refusal::read(body.small()?)?)))
            .collect::<Result<_, Malformed>>()?;
        body.skip_tags()?;
        Ok(Self {
            session,
            peer,
            boot,
            window,
            refused,
        })
    }
}

/// What has arrived in order, and how far the peer's requests may go. The newest counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ack {
    /// The number of the last frame received in order; none before the first.
    pub received: Option<Number>,
    /// How far the peer's requests may go, in charged bytes from the session's start.
    pub window: u64,
}

impl Ack {
    pub(super) fn put(&self, out: &mut Vec<u8>) {
        put_integer(out, self.received.map_or(0, Number::get));
        put_integer(out, self.window);
    }

    pub(super) fn read(mut body: Reader<'_>) -> Result<Self, Malformed> {
        let ack = Self {
            received: Number::new(body.integer()?),
            window: body.integer()?,
        };
        body.end()?;
        Ok(ack)
    }
}

/// Asks for a sign of life, or gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ping {
    /// Chosen by who asks, repeated by who answers.
    pub id: u64,
}

impl Ping {
    pub(super) fn put(self, out: &mut Vec<u8>) {
        put_integer(out, self.id);
    }

    pub(super) fn read(mut body: Reader<'_>) -> Result<Self, Malformed> {
        let ping = Self {
            id: body.integer()?,
        };
        body.end()?;
        Ok(ping)
    }
}

pub(super) fn put_goodbye(goodbye: &Goodbye, out: &mut Vec<u8>) {
    put_integer(out, u64::from(goodbye.code.number()));
    put_retry(goodbye.retry, out);
    put_integer(out, goodbye.received.map_or(0, Number::get));
    put_bytes(out, goodbye.reason.as_bytes());
}

pub(super) fn read_goodbye(mut body: Reader<'_>) -> Result<Goodbye, Malformed> {
    let code = GoodbyeCode::from_number(body.small()?);
    let retry = read_retry(&mut body)?;
    let received = Number::new(body.integer()?);
    let reason = body.text()?;
    if reason.len() > MAX_REASON {
        return Err(Malformed::OverLimit);
    }
    body.skip_tags()?;
    Ok(Goodbye {
        code,
        retry,
        received,
        reason: reason.to_owned(),
    })
}

pub(super) fn put_retry(retry: Retry, out: &mut Vec<u8>) {
    match retry {
        Retry::Never => put_integer(out, 0),
        Retry::Now => put_integer(out, 1),
        Retry::After(wait) => {
            put_integer(out, 2);
            put_integer(out, u64::from(milliseconds(wait)));
        }
    }
}

pub(super) fn read_retry(body: &mut Reader<'_>) -> Result<Retry, Malformed> {
    match body.integer()? {
        0 => Ok(Retry::Never),
        1 => Ok(Retry::Now),
        2 => Ok(Retry::After(Duration::from_millis(u64::from(
            body.small::<u32>()?,
        )))),
        _ => Err(Malformed::Meaningless),
    }
}

fn milliseconds(wait: Duration) -> u32 {
    u32::try_from(wait.as_millis()).unwrap_or(u32::MAX)
}
