//! The secrets by which a client has its session back, and what is kept of a session that is over.

use crate::frame::Continuity;
use crate::goodbye::{Goodbye, Retry};
use crate::{BootId, PeerId, Secret, SeqNo, SessionId};

/// A server's knowledge of its client, and what proves that it is the client.
#[derive(Debug)]
pub(super) struct ResumeCredentials {
    pub(super) session: SessionId,
    pub(super) peer: PeerId,
    pub(super) boot: BootId,
    pub(super) secrets: SecretPair,
    /// The highest that a client counted.
    pub(super) attempt: u64,
}

/// The secrets by which a client proves that a session is its own: either of the two.
#[derive(Clone, Debug)]
pub(super) struct SecretPair {
    /// The secret that the client surely has.
    confirmed: Option<Secret>,
    /// The newest, until something comes over the connection whose welcome told it.
    pending: Option<Secret>,
}

impl ResumeCredentials {
    pub(super) fn new(session: SessionId, peer: PeerId, boot: BootId, secret: Secret) -> Self {
        Self {
            session,
            peer,
            boot,
            secrets: SecretPair {
                confirmed: None,
                pending: Some(secret),
            },
            attempt: 0,
        }
    }
}

impl SecretPair {
    /// Returns true if it is one of the two. Takes the same time whatever differs.
    pub(super) fn have(&self, secret: &Secret) -> bool {
        let confirmed = self.confirmed.as_ref().is_some_and(|right| right == secret);
        let pending = self.pending.as_ref().is_some_and(|right| right == secret);
        // Not `||`: how long it takes mustn't tell which of them is like the guess.
        confirmed | pending
    }

    /// Drops the older secret: the client has heard its welcome.
    pub(super) fn confirm(&mut self) {
        if let Some(pending) = self.pending.take() {
            self.confirmed = Some(pending);
        }
    }

    /// Confirms the secret with which the client has come back, and makes `next` its successor.
    pub(super) fn renew(&mut self, with: &Secret, next: Secret) {
        // Who comes with the older one never heard the newer: its welcome was lost with its
        // connection.
        if self.pending.as_ref() == Some(with) {
            self.confirm();
        }
        self.pending = Some(next);
        plant!("secret_confirmed_early", self.confirm());
    }
}

/// The rest of a server's session that is over.
#[derive(Clone, Debug)]
pub struct Tombstone {
    pub(super) secrets: SecretPair,
    pub(super) received: Option<SeqNo>,
    pub(super) goodbye: Option<Goodbye>,
}

impl Tombstone {
    /// Sets the goodbye with which the application has ended the session while the client was away: if it may not try again, it
    /// is told so when it comes back; else it begins another session.
    pub fn with_goodbye(mut self, goodbye: Goodbye) -> Self {
        self.goodbye = Some(goodbye);
        self
    }

    /// Returns the goodbye for a client that wants the session back, if it is its own and the application has
    /// ended it.
    pub fn goodbye(&self, secret: &Secret) -> Option<&Goodbye> {
        let is_right = self.secrets.have(secret);
        // One that may come back would be told to try again: it begins another session at once instead.
        let is_final = |said: &&Goodbye| said.retry == Retry::Never;
        self.goodbye.as_ref().filter(is_final).filter(|_| is_right)
    }

    /// Returns the answer to a client that wants the session back: [`Continuity::Evicted`] if it is its own, else
    /// [`Continuity::Unknown`].
    pub fn answer(&self, secret: &Secret) -> Continuity {
        if self.secrets.have(secret) {
            Continuity::Evicted {
                received: self.received,
            }
        } else {
            Continuity::Unknown
        }
    }
}
