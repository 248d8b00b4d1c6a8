//! Who may have a session back.

use actix_web::http::header::{AUTHORIZATION, COOKIE, HeaderMap};

use twinwire::frame::Continuity;
use twinwire::session::ResumeRejected;
use twinwire::{Goodbye, GoodbyeCode};

use crate::Peer;
use crate::app::identity::{self, Authenticated};
use crate::session::peer::Handshake;
use crate::warnings::Warnings;

/// Names the user of an identity.
pub(crate) type UserKey<I> = Box<dyn Fn(&I) -> String + Send + Sync>;

/// Decides whether a new identity may have the session of the one that has it.
pub(crate) type MayResume<I> = Box<dyn Fn(&I, &I) -> bool + Send + Sync>;

/// The application's rules for who owns a session, besides knowing its secret.
pub(crate) struct Owners<I> {
    pub(crate) user_key: Option<UserKey<I>>,
    pub(crate) may_resume: Option<MayResume<I>>,
    /// True while identities tell clients apart.
    pub(crate) identifies: bool,
    /// Of clients that show no credentials.
    pub(crate) warnings: Warnings,
}

impl<I> Owners<I> {
    /// Makes the rules of an application that has none.
    pub(crate) fn new(identifies: bool) -> Self {
        Self {
            user_key: None,
            may_resume: None,
            identifies,
            warnings: Warnings::new(),
        }
    }

    /// Returns true while a client owns its session by what it shows, whoever that makes of it.
    pub(crate) fn go_by_credentials(&self) -> bool {
        self.identifies && self.user_key.is_none() && self.may_resume.is_none()
    }

    /// Checks that a client that knows the session's secret is the session's owner. Calls nothing of the
    /// application's.
    pub(crate) fn check(
        &self,
        owner: &Peer<I>,
        client: &Authenticated<I>,
    ) -> Result<(), ResumeRejected> {
        let is_owner = match &client.may_resume {
            Some((checked, _)) if !checked.is_as_of(owner) => {
                // Another connection came first: who has the session now wasn't checked.
                let goodbye =
                    Goodbye::new(GoodbyeCode::Internal, "the session's owner has changed");
                return Err(ResumeRejected::Over(goodbye));
            }
            Some((_, may_resume)) => *may_resume,
            None => {
                let is_owner = self.is_owner(owner.handshake(), &client.handshake);
                if !is_owner && self.go_by_credentials() {
                    self.log_refusal(owner, client);
                }
                is_owner
            }
        };
        if is_owner {
            Ok(())
        } else {
            // The answer for a session that isn't there: who doesn't own it needn't learn that it is.
            Err(ResumeRejected::Another(Continuity::Unknown))
        }
    }

    /// Says in the log why a client gets a new session. At WARN where each client of its kind does, which is the
    /// application's to decide.
    fn log_refusal(&self, owner: &Peer<I>, client: &Authenticated<I>) {
        let peer = owner.id();
        if owner.handshake().credentials.are_shown() || client.handshake.credentials.are_shown() {
            tracing::info!(
                %peer,
                "a client came back with other credentials, and gets a new session: see \
                 Builder::may_resume"
            );
        } else if let Some(suppressed) = self.warnings.admit() {
            tracing::warn!(
                %peer,
                suppressed,
                "a client without token, Cookie and Authorization came back, and gets a new session, as nothing \
                 tells it from others: say by Builder::may_resume or user_key who may have a session back"
            );
        }
    }

    /// Returns true if the client of the `new` handshake is the owner that came with `kept`, where the
    /// application has no function that says so. Calls none of the application's.
    fn is_owner(&self, kept: &Handshake<I>, new: &Handshake<I>) -> bool {
        if self.go_by_credentials() {
            // What the application goes by instead, such as another header, isn't known here.
            return kept.credentials.are_shown() && kept.credentials.are_same(&new.credentials);
        }
        // Both are none without a key.
        kept.user == new.user
    }
}

/// The token and the headers by which a client may be known again. Empty where an application says in another way who
/// may have a session back.
#[derive(Default)]
pub(crate) struct ClientCredentials {
    token: Vec<u8>,
    headers: HeaderMap,
}

impl ClientCredentials {
    pub(crate) fn new(token: &[u8], headers: &HeaderMap) -> Self {
        Self {
            token: token.to_vec(),
            headers: identity::copy(headers, &[COOKIE, AUTHORIZATION]),
        }
    }

    /// Returns the length of the token in bytes, and the headers, as they cost memory.
    pub(crate) fn parts(&self) -> (usize, &HeaderMap) {
        (self.token.len(), &self.headers)
    }

    fn are_shown(&self) -> bool {
        !self.token.is_empty() || self.headers.iter().any(|(_, value)| !value.is_empty())
    }

    fn are_same(&self, other: &Self) -> bool {
        let mut names = [COOKIE, AUTHORIZATION].into_iter();
        self.token == other.token
            && names.all(|name| self.headers.get_all(&name).eq(other.headers.get_all(&name)))
    }
}
