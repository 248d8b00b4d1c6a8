//! The topics into which the server puts its client.

use std::fmt;
use std::future::poll_fn;
use std::marker::PhantomData;

use twinwire::frame::Start;
use twinwire::{Answer, Never, Position, Refusal, Topic};
use twinwire_remote::channels::queue::{self, NotTaken};
use twinwire_remote::{CallError, Remote, Subscription};

/// How many invitations wait in a stream that isn't read, before more of them are refused as `busy`.
const KEPT: usize = 64;

/// The server wants this client in a topic.
#[derive(Clone)]
pub(crate) struct Invitation {
    /// In the connection's payload format.
    pub(crate) key: Vec<u8>,
    pub(crate) position: Position,
}

/// Who takes invitations, by the kind of topic.
#[derive(Default)]
pub(crate) struct Invited(Vec<(u32, queue::Sender<Invitation>)>);

impl Invited {
    pub(crate) fn insert(&mut self, kind: u32, taker: queue::Sender<Invitation>) {
        self.0.retain(|(of, _)| *of != kind);
        self.0.push((kind, taker));
    }

    /// Gives an invitation to whoever takes those of its kind; tells the answer to it.
    pub(crate) fn give(&self, kind: u32, invitation: Invitation) -> Answer<Vec<u8>> {
        let taker = self.0.iter().find(|(of, _)| *of == kind);
        let given = taker.map(|(_, taker)| taker.try_send(KEPT, invitation));
        let why = match given {
            Some(Ok(())) => return Answer::Value(Vec::new()),
            Some(Err(NotTaken::Full)) => Refusal::Busy,
            Some(Err(NotTaken::Closed)) | None => Refusal::NoHandler,
        };
        Answer::Refused(why.into())
    }
}

/// The topics of one kind into which the server puts this client; see
/// [`Client::joined`](crate::Client::joined). It keeps the connection open, as a clone of the client would.
#[must_use = "dropping it refuses what the server wants"]
pub struct Joins<T> {
    remote: Remote,
    invitations: queue::Receiver<Invitation>,
    /// Taken, and not joined yet.
    next: Option<Invitation>,
    topic: PhantomData<fn() -> T>,
}

impl<T: Topic> Joins<T> {
    /// The stream, and what is given to the driver.
    pub(crate) fn new(remote: Remote) -> (queue::Sender<Invitation>, Self) {
        let (taker, invitations) = queue::queue();
        let joins = Self {
            remote,
            invitations,
            next: None,
            topic: PhantomData,
        };
        (taker, joins)
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
        let Invitation { key, position } = self.next.clone()?;
        let joined = self.join(&key, position).await;
        self.next = None;
        Some(joined)
    }

    async fn join(
        &self,
        key: &[u8],
        position: Position,
    ) -> Result<(T, Subscription<T>), CallError<Never>> {
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
