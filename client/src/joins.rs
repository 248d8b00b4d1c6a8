//! The topics into which the server puts its client.

use std::fmt;
use std::future::poll_fn;
use std::marker::PhantomData;

use twinwire::frame::{Invite, Start};
use twinwire::{Answer, Never, Refusal, Topic};
use twinwire_remote::channels::queue::{self, NotTaken};
use twinwire_remote::{CallError, Remote, Subscription};

use crate::handlers::{self, Handler};

/// How many invitations wait in a stream that isn't read, before more of them are refused as `busy`.
const KEPT: usize = 64;

/// The topics of one kind into which the server puts this client; see
/// [`Client::joined`](crate::Client::joined). It keeps the connection open, as a clone of the client would.
#[must_use = "dropping it refuses what the server wants"]
pub struct Joins<T> {
    remote: Remote,
    /// Each is an [`Invite`].
    invitations: queue::Receiver<Vec<u8>>,
    /// Taken, and not joined yet.
    next: Option<Vec<u8>>,
    topic: PhantomData<fn() -> T>,
}

impl<T: Topic> Joins<T> {
    /// The stream, and the handler of invitations that fills it.
    pub(crate) fn new(remote: Remote) -> (Handler, Self) {
        let (taker, invitations) = queue::queue();
        let handler = handlers::at_once(move |invitation| {
            let why = match taker.try_send(KEPT, invitation) {
                Ok(()) => return Answer::Value(Vec::new()),
                Err(NotTaken::Full) => Refusal::Busy,
                Err(NotTaken::Closed) => Refusal::NoHandler,
            };
            Answer::Refused(why.into())
        });
        let joins = Self {
            remote,
            invitations,
            next: None,
            topic: PhantomData,
        };
        (handler, joins)
    }

    /// The next topic, joined: its key, and what is published there from the moment on at which the server
    /// wanted it. None once the client is closed, or another such stream has taken this one's place. Dropping
    /// the future loses nothing.
    ///
    /// # Errors
    /// Of that topic alone; see [`CallError`]: `Refused` says `denied` if the server has changed its mind.
    pub async fn next(&mut self) -> Option<Result<(T, Subscription<T>), CallError<Never>>> {
        if self.next.is_none() {
            self.next = poll_fn(|cx| self.invitations.poll_next(cx)).await;
        }
        let joined = self.join(self.next.as_ref()?).await;
        self.next = None;
        Some(joined)
    }

    async fn join(&self, invitation: &[u8]) -> Result<(T, Subscription<T>), CallError<Never>> {
        // The session gives no others.
        let unreadable = |_| CallError::Refused(Refusal::Undecodable.into());
        let Invite { key, position, .. } = Invite::decode(invitation).map_err(unreadable)?;
        let read = || self.remote.format().decode(key).map_err(CallError::Decode);
        let subscription = self.remote.subscribe(read()?, Start::At(position)).await?;
        Ok((read()?, subscription))
    }
}

impl<T> fmt::Debug for Joins<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Joins").finish_non_exhaustive()
    }
}
