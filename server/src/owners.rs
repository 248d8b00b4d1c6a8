//! Who may have a session back.

use actix_web::http::header::{AUTHORIZATION, COOKIE};

use crate::peer::Handshake;

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
}

impl<I> Owners<I> {
    /// Returns true while a client owns its session by what it shows, whoever that makes of it.
    pub(crate) fn go_by_credentials(&self) -> bool {
        self.identifies && self.user_key.is_none() && self.may_resume.is_none()
    }

    /// Returns true if the client of the `new` handshake is the owner that came with `kept`, where the
    /// application has no function that says so. Calls none of the application's.
    pub(crate) fn is_owner(&self, kept: &Handshake<I>, new: &Handshake<I>) -> bool {
        if self.go_by_credentials() {
            let is_same = |name| {
                let (kept, new) = (kept.headers.get_all(&name), new.headers.get_all(&name));
                kept.eq(new)
            };
            return kept.token == new.token && is_same(COOKIE) && is_same(AUTHORIZATION);
        }
        // Both are none without a key.
        kept.user == new.user
    }
}
