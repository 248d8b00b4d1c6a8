//! Frames of the link itself: unnumbered, each true on its own.

use std::time::Duration;

use super::sha256::Sha256;
use super::wire::{Reader, put_bytes, put_duration, put_integer};
use super::{Continuity, Malformed, Refusal, Resume};
use crate::goodbye::{Goodbye, GoodbyeCode, MAX_REASON, Retry};
use crate::limits::{MAX_KINDS, MAX_NAME, MAX_OUTLINE, MAX_OUTLINES, MAX_TOKEN};
use crate::{BootId, Class, Fingerprint, Kind, PeerId, Secret, SeqNo, SessionId};

/// A kind as a client's table has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KindEntry {
    /// The kind's name, 1 to 64 bytes.
    pub name: String,
    /// The use of the kind.
    pub class: Class,
    /// The structure that the client was compiled with.
    pub fingerprint: Fingerprint,
}

/// Names a table of kinds: the first 16 bytes of SHA-256 (FIPS 180-4) over its frame's body.
///
/// A server keeps one table for all clients that tell the same digest, so it must be hard to make
/// another table of the same digest: who could, would decide what the frames of others mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TableDigest([u8; Self::LEN]);

impl TableDigest {
    /// Length on the wire, in bytes.
    pub const LEN: usize = 16;

    /// Makes a digest of its bytes on the wire.
    pub const fn from_bytes(bytes: [u8; Self::LEN]) -> Self {
        Self(bytes)
    }
}

/// A table on its way to its digest.
pub(crate) struct TableHasher(Sha256);

impl TableHasher {
    /// Begins a table of so many entries.
    pub(crate) const fn new(entries: usize) -> Self {
        let mut table = Self(Sha256::new());
        table.integer(entries);
        table
    }

    /// As [`put_integer`] writes it.
    const fn integer(&mut self, mut value: usize) {
        while value >= 0x80 {
            self.0.byte(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.byte(value as u8);
    }

    /// Adds the next entry, as [`put_entries`] writes it.
    pub(crate) const fn entry(&mut self, name: &str, class: Class, fingerprint: Fingerprint) {
        self.integer(name.len());
        self.0.bytes(name.as_bytes());
        self.0.byte(class.number());
        self.0.bytes(&fingerprint.to_bytes());
    }

    pub(crate) const fn digest(self) -> TableDigest {
        let digest = self.0.digest();
        let mut first = [0; TableDigest::LEN];
        first.copy_from_slice(digest.split_at(TableDigest::LEN).0);
        TableDigest(first)
    }
}

/// A client's table of kinds: frames name kinds by their index in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KindTable {
    entries: Vec<KindEntry>,
    digest: TableDigest,
}

/// No kinds.
impl Default for KindTable {
    fn default() -> Self {
        Self::new(Vec::new())
    }
}

impl KindTable {
    /// Makes the table of these entries. More than [`MAX_KINDS`], or a name twice, and no server takes it;
    /// [`Kinds`](crate::Kinds) can't hold such.
    pub fn new(entries: Vec<KindEntry>) -> Self {
        let mut hasher = TableHasher::new(entries.len());
        for entry in &entries {
            hasher.entry(&entry.name, entry.class, entry.fingerprint);
        }
        let digest = hasher.digest();
        Self { entries, digest }
    }

    /// Returns the table of entries whose digest is known.
    pub(crate) const fn digested(entries: Vec<KindEntry>, digest: TableDigest) -> Self {
        Self { entries, digest }
    }

    /// Returns the entries, in order.
    pub fn entries(&self) -> &[KindEntry] {
        &self.entries
    }

    /// Returns the digest by which a hello names the table.
    pub fn digest(&self) -> TableDigest {
        self.digest
    }

    /// Returns the index of a kind, by which frames name it.
    ///
    /// # Errors
    /// [`Refusal::UnknownKind`] if no entry has its name, [`Refusal::KindDiffers`] if one has and means
    /// something else by it.
    pub fn index_of<K: Kind>(&self) -> Result<u32, Refusal> {
        let mut entries = (0..).zip(&self.entries);
        let found = entries.find(|(_, entry)| entry.name == K::NAME);
        let (index, entry) = found.ok_or(Refusal::UnknownKind)?;
        if entry.class == K::CLASS && entry.fingerprint == K::FINGERPRINT {
            Ok(index)
        } else {
            Err(Refusal::KindDiffers)
        }
    }

    pub(super) fn put(&self, out: &mut Vec<u8>) {
        put_entries(&self.entries, out);
    }

    pub(crate) fn read(mut body: Reader<'_>) -> Result<Self, Malformed> {
        let count = body.small::<usize>()?;
        if count > MAX_KINDS {
            return Err(Malformed::OverLimit);
        }
        let entries: Vec<KindEntry> = (0..count)
            .map(|_| read_entry(&mut body))
            .collect::<Result<_, _>>()?;
        let mut names: Vec<&str> = Vec::new();
        for entry in &entries {
            match names.binary_search(&entry.name.as_str()) {
                Ok(_) => return Err(Malformed::Meaningless),
                Err(place) => names.insert(place, &entry.name),
            }
        }
        body.end()?;
        // Hashed here: the digest that the peer has told may be another's.
        Ok(Self::new(entries))
    }
}

/// The bounds of what a side takes, told once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PeerLimits {
    /// The limit of the peer's requests, in charged bytes from the session's start.
    pub window: u64,
    /// The first limit of each stream's items, in charged bytes from its start.
    pub stream: u64,
    /// The first limit of each subscription's publications, in charged bytes from its join.
    pub topic: u64,
    /// The largest payload of one request, answer or item.
    pub payload: u64,
}

impl PeerLimits {
    fn put(self, out: &mut Vec<u8>) {
        put_integer(out, self.window);
        put_integer(out, self.stream);
        put_integer(out, self.topic);
        put_integer(out, self.payload);
    }

    fn read(body: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            window: body.integer()?,
            stream: body.integer()?,
            topic: body.integer()?,
            payload: body.integer()?,
        })
    }
}

/// The client's first frame: who it is and what it speaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hello {
    /// The bounds of what the client takes.
    pub bounds: PeerLimits,
    /// The application's token for [`authenticate`], told with each connection: a cookie's value, or nothing.
    ///
    /// [`authenticate`]: https://docs.rs/twinwire-server
    pub token: Vec<u8>,
    /// Names the client's table of kinds: a server that doesn't know it asks for it.
    pub digest: TableDigest,
    /// The session that the client wants back, if it has one.
    pub resume: Option<Resume>,
}

impl Hello {
    pub(super) fn put(&self, out: &mut Vec<u8>) {
        self.bounds.put(out);
        put_bytes(out, &self.token);
        out.extend_from_slice(&self.digest.0);
        out.push(u8::from(self.resume.is_some()));
        if let Some(resume) = &self.resume {
            resume.put(out);
        }
    }

    pub(crate) fn read(mut body: Reader<'_>) -> Result<Self, Malformed> {
        let bounds = PeerLimits::read(&mut body)?;
        let token = body.bytes()?;
        if token.len() > MAX_TOKEN {
            return Err(Malformed::OverLimit);
        }
        let digest = TableDigest::from_bytes(body.array()?);
        let resume = match body.byte()? {
            0 => None,
            1 => Some(Resume::read(&mut body)?),
            _ => return Err(Malformed::Meaningless),
        };
        body.skip_tags()?;
        Ok(Self {
            bounds,
            token: token.to_vec(),
            digest,
            resume,
        })
    }
}

fn put_entries(entries: &[KindEntry], out: &mut Vec<u8>) {
    put_integer(out, entries.len() as u64);
    for entry in entries {
        put_bytes(out, entry.name.as_bytes());
        out.push(entry.class.number());
        out.extend_from_slice(&entry.fingerprint.to_bytes());
    }
}

fn read_entry(body: &mut Reader<'_>) -> Result<KindEntry, Malformed> {
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
    /// With this the client may have the session back.
    pub secret: Secret,
    /// The time for which the server keeps the session without a connection.
    pub keeps: Duration,
    /// Its relation to what the client had before.
    pub continuity: Continuity,
    /// The bounds of what the server takes.
    pub bounds: PeerLimits,
    /// Those of the client's kinds, by their place in its table, that the server doesn't take: it has
    /// none of that name or only sends it ([`Refusal::UnknownKind`]), or has it otherwise
    /// ([`Refusal::KindDiffers`]). It takes the others. None in a session that goes on: what was told
    /// stands.
    pub refused: Vec<(u32, Refusal)>,
}

impl Welcome {
    pub(super) fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.session.as_bytes());
        out.extend_from_slice(self.peer.as_bytes());
        out.extend_from_slice(self.boot.as_bytes());
        out.extend_from_slice(self.secret.as_bytes());
        put_duration(out, self.keeps);
        self.continuity.put(out);
        self.bounds.put(out);
        put_integer(out, self.refused.len() as u64);
        for (kind, refusal) in &self.refused {
            put_integer(out, u64::from(*kind));
            put_integer(out, u64::from(refusal.number()));
        }
    }

    pub(crate) fn read(mut body: Reader<'_>) -> Result<Self, Malformed> {
        let session = SessionId::from_bytes(body.array()?);
        let peer = PeerId::from_bytes(body.array()?);
        let boot = BootId::from_bytes(body.array()?);
        let secret = Secret::from_bytes(body.array()?);
        let keeps = body.duration()?;
        let continuity = Continuity::read(&mut body)?;
        let bounds = PeerLimits::read(&mut body)?;
        let count = body.small::<usize>()?;
        if count > MAX_KINDS {
            return Err(Malformed::OverLimit);
        }
        let mut refused = Vec::new();
        for _ in 0..count {
            refused.push((body.small()?, Refusal::read(body.small()?)?));
        }
        body.skip_tags()?;
        Ok(Self {
            session,
            peer,
            boot,
            secret,
            keeps,
            continuity,
            bounds,
            refused,
        })
    }
}

/// Acknowledges what has arrived in order, and tells the limit of the peer's requests. The newest counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ack {
    /// The number of the last frame received in order; none before the first.
    pub received: Option<SeqNo>,
    /// The limit of the peer's requests, in charged bytes from the session's start.
    pub window: u64,
}

impl Ack {
    pub(super) fn put(&self, out: &mut Vec<u8>) {
        put_integer(out, self.received.map_or(0, SeqNo::get));
        put_integer(out, self.window);
    }

    pub(crate) fn read(mut body: Reader<'_>) -> Result<Self, Malformed> {
        let ack = Self {
            received: SeqNo::new(body.integer()?),
            window: body.integer()?,
        };
        body.end()?;
        Ok(ack)
    }
}

/// Tells the limit of a stream's items. The highest counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamWindow {
    /// The id of the call that the stream answers.
    pub call: SeqNo,
    /// The limit, in charged bytes from the stream's start.
    pub limit: u64,
}

impl StreamWindow {
    pub(super) fn put(self, out: &mut Vec<u8>) {
        put_integer(out, self.call.get());
        put_integer(out, self.limit);
    }

    pub(crate) fn read(mut body: Reader<'_>) -> Result<Self, Malformed> {
        let window = Self {
            call: SeqNo::new(body.integer()?).ok_or(Malformed::Meaningless)?,
            limit: body.integer()?,
        };
        body.end()?;
        Ok(window)
    }
}

/// The server asks in which way these kinds of the client's differ from its own, for its log. A client
/// need not answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NeedOutlines {
    /// Their places in the client's table.
    pub kinds: Vec<u32>,
}

impl NeedOutlines {
    pub(super) fn put(&self, out: &mut Vec<u8>) {
        put_integer(out, self.kinds.len() as u64);
        for kind in &self.kinds {
            put_integer(out, u64::from(*kind));
        }
    }

    pub(crate) fn read(mut body: Reader<'_>) -> Result<Self, Malformed> {
        let count = body.small::<usize>()?;
        if count > MAX_OUTLINES {
            return Err(Malformed::OverLimit);
        }
        let mut kinds = Vec::new();
        for _ in 0..count {
            kinds.push(body.small()?);
        }
        body.end()?;
        Ok(Self { kinds })
    }
}

/// The structure of a kind that differs, in words: as the client has it, or the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outline {
    /// Its place in the client's table.
    pub kind: u32,
    /// See [`outline`](crate::shape::outline).
    pub text: String,
}

impl Outline {
    pub(super) fn put(&self, out: &mut Vec<u8>) {
        put_integer(out, u64::from(self.kind));
        put_bytes(out, self.text.as_bytes());
    }

    pub(crate) fn read(mut body: Reader<'_>) -> Result<Self, Malformed> {
        let (kind, text) = (body.small()?, body.text()?.to_owned());
        body.end()?;
        if text.len() > MAX_OUTLINE {
            return Err(Malformed::OverLimit);
        }
        Ok(Self { kind, text })
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

    pub(crate) fn read(mut body: Reader<'_>) -> Result<Self, Malformed> {
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
    put_integer(out, goodbye.received.map_or(0, SeqNo::get));
    put_bytes(out, goodbye.reason.as_bytes());
}

pub(crate) fn read_goodbye(mut body: Reader<'_>) -> Result<Goodbye, Malformed> {
    // An unknown code is read, too: the goodbye of any version is understood by all.
    let code = GoodbyeCode::from_number(body.small()?);
    let retry = read_retry(&mut body)?;
    let received = SeqNo::new(body.integer()?);
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
            put_duration(out, wait);
        }
    }
}

pub(super) fn read_retry(body: &mut Reader<'_>) -> Result<Retry, Malformed> {
    match body.integer()? {
        0 => Ok(Retry::Never),
        1 => Ok(Retry::Now),
        2 => Ok(Retry::After(body.duration()?)),
        _ => Err(Malformed::Meaningless),
    }
}
