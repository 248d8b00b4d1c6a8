//! The topics into which the server puts its client.

use std::fmt;
use std::future::poll_fn;
use std::marker::PhantomData;
use std::task::{Context, Poll};

use twinwire::frame::{Invite, Start};
use twinwire::session::ClientSide;
use twinwire::{Answer, Never, Position, Refusal, Topic};
use twinwire_remote::channels::mpsc::{self, TrySendError};
use twinwire_remote::{CallError, Refused, Remote, Subscription};

use crate::handlers::{self, Handler};

/// The most invitations that wait in a stream that isn't read. More of them are refused as `busy`.
const KEPT: usize = 64;

/// The topics of one kind into which the server puts this client; see
/// [`Client::invitations`](crate::Client::invitations). It keeps the connection open, as a clone of the client would.
#[must_use = "dropping it refuses what the server wants"]
pub struct Invitations<T> {
    remote: Remote<ClientSide>,
    invitations: PendingInvitations,
    topic: PhantomData<fn() -> T>,
}

/// PendingInvitations that aren't joined yet. Each is an [`Invite`].
pub(crate) struct PendingInvitations {
    waiting: mpsc::Receiver<Vec<u8>>,
    /// Taken from those that wait, and not joined yet.
    next: Option<Vec<u8>>,
}

impl PendingInvitations {
    /// Those that come, and the handler that takes them.
    pub(crate) fn new() -> (Handler, Self) {
        let (taker, waiting) = mpsc::channel();
        let handler = handlers::at_once(move |invitation| {
            let why = match taker.try_send(KEPT, invitation) {
                Ok(()) => return Answer::Value(Vec::new()),
                // Refused at once: kept waiting, the server's call would end at its deadline and tell it nothing.
                Err(TrySendError::Full) => Refusal::Busy,
                Err(TrySendError::Closed) => Refusal::NoHandler,
            };
            Answer::Refused(why.into())
        });
        let next = None;
        (handler, Self { waiting, next })
    }

    /// Returns the next one, which stays that until it is [joined](Self::joined).
    pub(crate) async fn next(&mut self) -> Option<&[u8]> {
        if self.next.is_none() {
            self.next = poll_fn(|cx| self.waiting.poll_next(cx)).await;
        }
        self.next.as_deref()
    }

    /// Takes the next one.
    pub(crate) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Vec<u8>>> {
        match self.next.take() {
            Some(next) => Poll::Ready(Some(next)),
            None => self.waiting.poll_next(cx),
        }
    }

    /// The next one is joined, or can't be.
    pub(crate) fn joined(&mut self) {
        self.next = None;
    }
}

/// Reads an invitation. The session gives none that can't be read.
pub(crate) fn read<'a>(
    kind: &'static str,
    invitation: &'a [u8],
) -> Result<(&'a [u8], Position), CallError<Never>> {
    let refused = Refused::new(kind, Refusal::Undecodable.into());
    let unreadable = |_| CallError::Refused(refused);
    let Invite { key, position, .. } = Invite::decode(invitation).map_err(unreadable)?;
    Ok((key, position))
}

impl<T: Topic> Invitations<T> {
    /// Makes the stream, and the handler of invitations that fills it.
    pub(crate) fn new(remote: Remote<ClientSide>) -> (Handler, Self) {
        let (handler, invitations) = PendingInvitations::new();
        let invitations = Self {
            remote,
            invitations,
            topic: PhantomData,
        };
        (handler, invitations)
    }

    /// The next topic, joined: its key, and what is published there from the moment on at which the server
    /// wanted it. None once the client is closed, or another such stream has taken this one's place. Dropping
    /// the future loses nothing.
    ///
    /// # Errors
    /// Of that topic alone; see [`CallError`]: `Refused` says `denied` if the server has changed its mind.
    pub async fn next(&mut self) -> Option<Result<(T, Subscription<T>), CallError<Never>>> {
        let joined = join(&self.remote, self.invitations.next().await?).await;
        self.invitations.joined();
        Some(joined)
    }
}

async fn join<T: Topic>(
    remote: &Remote<ClientSide>,
    invitation: &[u8],
) -> Result<(T, Subscription<T>), CallError<Never>> {
    let (key, position) = read(T::NAME, invitation)?;
    let decode = || remote.format().decode(key).map_err(CallError::Decode);
    let subscription = remote.subscribe(decode()?, Start::At(position)).await?;
    Ok((decode()?, subscription))
}

impl<T> fmt::Debug for Invitations<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Invitations").finish_non_exhaustive()
    }
}
