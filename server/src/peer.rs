//! A client, as the application sees it.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use actix_web::http::header::HeaderMap;
use twinwire::{Call, Event, Goodbye, Never, PeerId, SessionId, Topic};
use twinwire_remote::{CallError, EventError, Receipt, Remote};

use crate::handler::unpublished;
use crate::invited::Invited;
use crate::topic::{Name, PublishError, Topics, canonical};

/// One client, for as long as its session lasts: who it is, and a way to speak to it. A cheap clone,
/// which may be used on any thread and kept: once the session is over, requests end as
/// `NotReceived`.
pub struct Peer<I = ()>(Arc<Inner<I>>);

struct Inner<I> {
    hello: Introduction<I>,
    remote: Remote,
    topics: Arc<Topics>,
    invited: Invited,
}

/// What is known of a client once it is welcomed.
pub(crate) struct Introduction<I> {
    pub(crate) identity: I,
    pub(crate) session: SessionId,
    pub(crate) peer: PeerId,
    pub(crate) address: Option<SocketAddr>,
    pub(crate) headers: HeaderMap,
}

/// An invitation to a topic under way. One that is dropped has failed.
struct Invitation<'a, I> {
    peer: &'a Inner<I>,
    topic: Name,
    id: u64,
    has_succeeded: bool,
}

impl<'a, I> Invitation<'a, I> {
    fn begin(peer: &'a Inner<I>, topic: Name) -> Self {
        let id = peer.invited.begin(&topic);
        Self {
            peer,
            topic,
            id,
            has_succeeded: false,
        }
    }
}

impl<I> Drop for Invitation<'_, I> {
    fn drop(&mut self) {
        let Inner {
            invited,
            topics,
            remote,
            ..
        } = self.peer;
        if invited.settle(&self.topic, self.id, self.has_succeeded)
            && let Some(alias) = topics.alias_of(&self.topic)
        {
            remote.put_out(alias);
        }
    }
}

impl<I> Peer<I> {
    pub(crate) fn new(hello: Introduction<I>, remote: Remote, topics: Arc<Topics>) -> Self {
        Self(Arc::new(Inner {
            hello,
            remote,
            topics,
            invited: Invited::default(),
        }))
    }

    /// The topics into which the server has put the client.
    pub(crate) fn invited(&self) -> &Invited {
        &self.0.invited
    }

    /// The client's public id: the same for its session's life.
    pub fn id(&self) -> PeerId {
        self.0.hello.peer
    }

    /// What `authenticate` made of the client's token.
    pub fn identity(&self) -> &I {
        &self.0.hello.identity
    }

    /// The session's id. A secret between its two ends: fit for a log, not for other clients.
    pub fn session(&self) -> SessionId {
        self.0.hello.session
    }

    /// The address that the socket comes from: the client's, or its nearest proxy's. None where
    /// the server listens on something that has none.
    pub fn address(&self) -> Option<SocketAddr> {
        self.0.hello.address
    }

    /// The headers of the handshake.
    pub fn headers(&self) -> &HeaderMap {
        &self.0.hello.headers
    }

    /// Calls the client and waits for its answer; dropping the future cancels the call. A client that
    /// has no handler for it refuses it as `no_handler`.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn call<C: Call>(&self, request: C) -> Result<C::Reply, CallError<C::Error>> {
        self.0.remote.call(request).await
    }

    /// Sends the client an event. Ready when it is on its way: at once, unless as many bytes of requests
    /// wait for this client as the limits allow; then until the client reads. Who sends to many, one
    /// after the other, is held up by the slowest: publish to a topic instead, which waits for nobody, or
    /// use a task for each. The [`Receipt`] tells whether it has arrived.
    ///
    /// # Errors
    /// See [`EventError`].
    pub async fn send<E: Event>(&self, event: E) -> Result<Receipt, EventError> {
        self.0.remote.send(event).await
    }

    /// Sends an event of which only the newest matters: if an earlier one of the same kind and `key`
    /// hasn't gone out yet, this takes its place.
    ///
    /// # Errors
    /// See [`EventError`].
    pub async fn send_latest<E: Event>(
        &self,
        key: impl Into<String>,
        event: E,
    ) -> Result<(), EventError> {
        self.0.remote.send_latest(key, event).await
    }

    /// Puts the client into a topic, whatever `access` would say of it: its application gets the
    /// subscription from the client's `joined`. Ready when the client has it; it will hear what is published
    /// from this call on. It may then join this topic by itself, too, until it is put [out](Self::leave) or
    /// its session ends.
    ///
    /// A call that fails, or whose future is dropped before it is ready, leaves the client as it was: it takes back
    /// what it gave, and nothing that another call for the same topic gave. Who has joined by it meanwhile is put
    /// out again.
    ///
    /// # Errors
    /// See [`CallError`]: `Refused` says `no_handler` if the client's application doesn't take such topics,
    /// `unknown_kind` if the server hasn't registered them, `kind_differs` if the client has an
    /// [older type](Topic) of them.
    pub async fn join<T: Topic>(&self, topic: &T) -> Result<(), CallError<Never>> {
        let refused = |error| match error {
            PublishError::Encode(error) => CallError::Encode(error),
            error => CallError::Refused(unpublished(&error).into()),
        };
        let live = self.0.topics.of(topic).map_err(refused)?;
        let name = (T::NAME, canonical(topic).map_err(refused)?);
        let mut invitation = Invitation::begin(&self.0, name);
        let joined = self.0.remote.invite(topic, live.end()).await;
        invitation.has_succeeded = joined.is_ok();
        joined
    }

    /// Puts the client out of a topic: nothing more of it goes out, and the client's subscriptions to it
    /// end. When it asks to join again, `access` judges that anew; a join that is being judged already counts
    /// as later. Does nothing if the client isn't in the topic. A [`join`](Self::join) that is under way gives no
    /// right any more.
    pub fn leave<T: Topic>(&self, topic: &T) {
        // A topic that has no such key has nobody in it.
        let Ok(key) = canonical(topic) else { return };
        let name = (T::NAME, key);
        self.0.invited.revoke(&name);
        if let Some(alias) = self.0.topics.alias_of(&name) {
            self.0.remote.put_out(alias);
        }
    }

    /// The time of a round trip to the client now; none if its session ends before.
    pub async fn ping(&self) -> Option<Duration> {
        self.0.remote.ping().await
    }

    /// Says goodbye to the client. Answers that are ready still go out.
    pub fn close(&self, goodbye: Goodbye) {
        self.0.remote.close(goodbye);
    }
}

impl<I> Clone for Peer<I> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<I> fmt::Debug for Peer<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Peer")
            .field("id", &self.id())
            .finish_non_exhaustive()
    }
}
