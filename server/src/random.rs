//! The source of ids and secrets.

use std::fmt;
use std::sync::Arc;

use twinwire::{PeerId, Secret, SessionId};

/// Fills bytes that nobody can guess.
type Fill = dyn Fn(&mut [u8]) -> Result<(), NoRandomness> + Send + Sync;

/// A source of random bytes, which an endpoint has one of. A cheap clone.
#[derive(Clone)]
pub(crate) struct Random(Arc<Fill>);

/// The source gives no bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NoRandomness;

impl Random {
    /// Draws from the system's cryptographic source.
    pub(crate) fn system() -> Self {
        Self::new(|bytes| getrandom::fill(bytes).map_err(|_| NoRandomness))
    }

    pub(crate) fn new(
        fill: impl Fn(&mut [u8]) -> Result<(), NoRandomness> + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(fill))
    }

    /// Draws so many bytes.
    pub(crate) fn bytes<const N: usize>(&self) -> Result<[u8; N], NoRandomness> {
        let mut bytes = [0; N];
        (self.0)(&mut bytes)?;
        Ok(bytes)
    }

    /// Draws the names of a new session, and its first secret.
    pub(crate) fn credentials(&self) -> Result<Credentials, NoRandomness> {
        Ok(Credentials {
            session: SessionId::from_bytes(self.bytes()?),
            peer: PeerId::from_bytes(self.bytes()?),
            secret: Secret::from_bytes(self.bytes()?),
        })
    }
}

impl fmt::Debug for Random {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Random")
    }
}

/// The names of a new session, and the secret to come back to it.
pub(crate) struct Credentials {
    pub(crate) session: SessionId,
    pub(crate) peer: PeerId,
    pub(crate) secret: Secret,
}
