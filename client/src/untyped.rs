//! The client for programs that know their kinds only at run time: bindings for other languages, tools.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use thiserror::Error;
use twinwire::frame::{KindTable, Start};
use twinwire::limits::{MAX_KINDS, MAX_NAME};
use twinwire::{Answer, Class, Fingerprint, KindEntry, Never, Position};
use twinwire_remote::{
    CallError, EventError, Published, Receipt, UntypedItems, UntypedRemote, UntypedSubscription,
};

use crate::events::EventReceiver;
use crate::handlers::{self, MaybeSend};
use crate::invitations::{self, PendingInvitations};
use crate::options::KindOutlines;
use crate::{Client, Undeclared};

/// A kind that is known at run time: what [`Kind`](twinwire::Kind) is for a type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UntypedKind {
    /// The name, 1 to 64 bytes without control characters.
    pub name: String,
    /// The kind's use.
    pub class: Class,
    /// The structure, as the server's build knows it.
    pub fingerprint: Fingerprint,
    /// The structure in words ([`outline`](twinwire::shape::outline)), by which a server that explains mismatches
    /// tells how the two ends differ.
    pub outline: Option<String>,
}

/// The kinds that a client declares, known at run time: what [`Kinds`](twinwire::Kinds) is for types. A cheap clone.
#[derive(Clone, Debug)]
pub struct UntypedKinds(Arc<[UntypedKind]>);

/// The kinds can't be declared.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum KindsError {
    /// A hello carries 512 kinds at most.
    #[error("there are {0} kinds, more than {MAX_KINDS}: declare those that the client uses")]
    TooMany(usize),
    /// A kind's name has 1 to 64 bytes without control characters.
    #[error("{0:?} is no kind's name: it has 1 to {MAX_NAME} bytes without control characters")]
    Name(String),
    /// Names are unique.
    #[error("two kinds have the name {0:?}: rename one")]
    Twice(String),
}

impl UntypedKinds {
    /// Makes the table of these kinds, which are named by their places in it from then on.
    ///
    /// # Errors
    /// If the wire can't carry them; see [`KindsError`].
    pub fn new(kinds: Vec<UntypedKind>) -> Result<Self, KindsError> {
        if kinds.len() > MAX_KINDS {
            return Err(KindsError::TooMany(kinds.len()));
        }
        for (place, kind) in kinds.iter().enumerate() {
            let name = &kind.name;
            if name.is_empty() || name.len() > MAX_NAME || name.contains(char::is_control) {
                return Err(KindsError::Name(name.clone()));
            }
            if kinds[..place].iter().any(|earlier| earlier.name == *name) {
                return Err(KindsError::Twice(name.clone()));
            }
        }
        Ok(Self(kinds.into()))
    }

    pub(crate) fn table(&self) -> KindTable {
        let entry = |kind: &UntypedKind| KindEntry {
            name: kind.name.clone(),
            class: kind.class,
            fingerprint: kind.fingerprint,
        };
        KindTable::new(self.0.iter().map(entry).collect())
    }
}

impl KindOutlines for UntypedKinds {
    fn of(&self, kind: u32) -> Option<String> {
        self.0.get(usize::try_from(kind).ok()?)?.outline.clone()
    }
}

/// A [`Client`] whose payloads are bytes in its format, and whose kinds are places in the table that it was connected
/// with ([`Options::untyped`](crate::Options::untyped)). It does what the typed methods do, with the same errors, the
/// application's own among them as payloads; a kind of another class than the method's is `Undeclared`. A cheap clone.
#[derive(Clone)]
pub struct UntypedClient {
    remote: UntypedRemote,
    client: Client,
}

impl Client {
    /// Returns the same client, of payloads.
    pub fn untyped(&self) -> UntypedClient {
        UntypedClient {
            remote: self.remote.clone().into(),
            client: self.clone(),
        }
    }
}

impl UntypedClient {
    /// Returns the client itself: its state, its end.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Returns the same requests for who polls by hand: bindings without an executor.
    pub fn remote(&self) -> &UntypedRemote {
        &self.remote
    }

    /// Waits until a request may be made.
    async fn ready(&self) {
        let mut writable = self.remote.writable();
        poll_fn(|cx| writable.poll_ready(cx)).await;
    }

    /// See [`Client::call`].
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn call(&self, kind: u32, payload: Vec<u8>) -> Result<Vec<u8>, CallError<Vec<u8>>> {
        self.ready().await;
        self.remote.start_call(kind, payload)?.await
    }

    /// See [`Client::stream`].
    ///
    /// # Errors
    /// If the request can't be made; see [`CallError`].
    pub async fn stream(
        &self,
        kind: u32,
        payload: Vec<u8>,
    ) -> Result<UntypedItems, CallError<Vec<u8>>> {
        self.ready().await;
        self.remote.start_stream(kind, payload)
    }

    /// See [`Client::send`].
    ///
    /// # Errors
    /// If it can't be sent; see [`EventError`].
    pub async fn send(&self, kind: u32, payload: Vec<u8>) -> Result<Receipt, EventError> {
        self.ready().await;
        self.remote.start_send(kind, payload)
    }

    /// See [`Client::send_latest`].
    ///
    /// # Errors
    /// If it can't be sent; see [`EventError`].
    pub async fn send_latest(
        &self,
        key: impl Into<String>,
        kind: u32,
        payload: Vec<u8>,
    ) -> Result<(), EventError> {
        self.ready().await;
        self.remote.start_send_latest(key.into(), kind, payload)
    }

    /// See [`Client::events`].
    ///
    /// # Errors
    /// If there is no such kind of event.
    pub fn events(&self, kind: u32) -> Result<UntypedEvents, Undeclared> {
        self.declared(kind, Class::Event)?;
        Ok(UntypedEvents(self.client.listen(Some(kind))))
    }

    /// See [`Client::subscribe_from`]. Equal keys must be equal bytes.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn subscribe_from(
        &self,
        kind: u32,
        key: Vec<u8>,
        start: Start,
    ) -> Result<UntypedSubscription, CallError<Never>> {
        self.ready().await;
        self.remote.start_subscribe(kind, key, start)?.await
    }

    /// See [`Client::publish`].
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn publish(
        &self,
        kind: u32,
        key: Vec<u8>,
        item: Vec<u8>,
    ) -> Result<Published, CallError<Never>> {
        self.ready().await;
        self.remote.start_publish(kind, key, item)
    }

    /// See [`Client::handle`]. The handler's answer is a payload, an error's payload, or a refusal.
    ///
    /// # Errors
    /// If there is no such kind of call.
    pub fn handle<F, R>(&self, kind: u32, handler: F) -> Result<(), Undeclared>
    where
        F: FnMut(Vec<u8>) -> R + MaybeSend + 'static,
        R: Future<Output = Answer<Vec<u8>>> + MaybeSend + 'static,
    {
        self.declared(kind, Class::Call)?;
        let handler = handlers::untyped(handler);
        // A driver that is gone has nothing to answer.
        self.client
            .register(move |application| application.handlers.insert(kind, handler));
        Ok(())
    }

    /// See [`Client::invitations`].
    ///
    /// # Errors
    /// If there is no such kind of topic.
    pub fn invitations(&self, kind: u32) -> Result<UntypedInvitations, Undeclared> {
        self.declared(kind, Class::Topic)?;
        let (handler, invitations) = PendingInvitations::new();
        // A driver that is gone invites nobody: the stream ends.
        self.client
            .register(move |application| application.handlers.insert(kind, handler));
        Ok(UntypedInvitations {
            client: self.clone(),
            kind,
            invitations,
        })
    }

    fn declared(&self, kind: u32, class: Class) -> Result<(), Undeclared> {
        let is_it = self.remote.declares(kind, class);
        let undeclared = Undeclared {
            kind: self.remote.name(kind),
        };
        is_it.then_some(()).ok_or(undeclared)
    }
}

impl fmt::Debug for UntypedClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("UntypedClient").field(&self.client).finish()
    }
}

/// As [`Events`](crate::Events), of payloads.
#[must_use = "dropping it stops listening"]
pub struct UntypedEvents(EventReceiver);

impl UntypedEvents {
    /// Returns the next event; none once the client is closed.
    pub async fn next(&mut self) -> Option<Arc<[u8]>> {
        poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await
    }
}

impl Stream for UntypedEvents {
    type Item = Arc<[u8]>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0
            .poll(cx)
            .map(|event| event.map(|event| event.payload))
    }
}

impl fmt::Debug for UntypedEvents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UntypedEvents").finish_non_exhaustive()
    }
}

/// As [`Invitations`](crate::Invitations), of payloads.
#[must_use = "dropping it refuses what the server wants"]
pub struct UntypedInvitations {
    client: UntypedClient,
    kind: u32,
    invitations: PendingInvitations,
}

impl UntypedInvitations {
    /// The next topic, joined: its key, and what is published there. None once the client is closed, or another
    /// such stream has taken this one's place. Dropping the future loses nothing.
    ///
    /// # Errors
    /// Of that topic alone; see [`CallError`].
    pub async fn next(
        &mut self,
    ) -> Option<Result<(Vec<u8>, UntypedSubscription), CallError<Never>>> {
        let invitation = self.invitations.next().await?;
        let joined = join(&self.client, self.kind, invitation).await;
        self.invitations.joined();
        Some(joined)
    }

    /// The next topic, for who joins it by hand: its key, and the position to begin at.
    pub fn poll_invitation(&mut self, cx: &mut Context<'_>) -> Poll<Option<(Vec<u8>, Position)>> {
        let name = self.client.remote.name(self.kind);
        let invitation = ready!(self.invitations.poll_next(cx));
        Poll::Ready(invitation.and_then(|invitation| {
            let (key, position) = invitations::read(name, &invitation).ok()?;
            Some((key.to_vec(), position))
        }))
    }
}

async fn join(
    client: &UntypedClient,
    kind: u32,
    invitation: &[u8],
) -> Result<(Vec<u8>, UntypedSubscription), CallError<Never>> {
    let (key, position) = invitations::read(client.remote.name(kind), invitation)?;
    let key = key.to_vec();
    let start = Start::At(position);
    let subscription = client.subscribe_from(kind, key.clone(), start).await?;
    Ok((key, subscription))
}

impl fmt::Debug for UntypedInvitations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UntypedInvitations").finish_non_exhaustive()
    }
}
