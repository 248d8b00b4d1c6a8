//! A client, as the application sees it.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use twinwire::frame::{KindEntry, KindTable};
use twinwire::session::ServerSide;
use twinwire::{Call, Event, Goodbye, Never, PeerId, SessionId, Topic};
use twinwire_remote::{CallError, EventError, Receipt, Refused, Remote};

use crate::app::handler::{KindRef, unpublished};
use crate::session::owners::ClientCredentials;
use crate::topic::invited::Invited;
use crate::topic::{PublishError, TopicName, Topics, canonical};

/// One client, for as long as its session lasts: who it is, and a way to speak to it. A cheap clone,
/// which may be used on any thread and kept: once the session is over, requests end as
/// `NotReceived`.
///
/// [`identity`](Self::identity), [`address`](Self::address) and [`headers`](Self::headers) are those of the
/// newest connection when this clone was made: a handler sees the same ones from its beginning to its end.
pub struct Peer<I = ()> {
    session: Arc<Inner>,
    handshake: Arc<Handshake<I>>,
}

/// The parts of a peer that stay the same for its session's life.
struct Inner {
    session: SessionId,
    peer: PeerId,
    remote: Remote<ServerSide>,
    topics: Arc<Topics>,
    invited: Invited,
}

/// The facts about a client that its newest handshake tells.
pub(crate) struct Handshake<I> {
    pub(crate) identity: I,
    /// The user's name, if the application has a key of that.
    pub(crate) user: Option<String>,
    pub(crate) credentials: ClientCredentials,
    pub(crate) address: Option<SocketAddr>,
    /// The headers that the application asked for.
    pub(crate) headers: HeaderMap,
}

impl<I> Handshake<I> {
    /// Returns about how many bytes this and the client's table hold, with their places in maps and lists.
    pub(crate) fn cost(&self, table: &KindTable) -> usize {
        let (token, credentials) = self.credentials.parts();
        let maps = [&self.headers, credentials];
        let headers = maps.into_iter().flatten();
        let headers = headers.map(|(name, value)| name.as_str().len() + value.len());
        let kinds = table.entries().iter().map(|kind| kind.name.len());
        let places = maps.map(|headers| headers.capacity() * HEADER);
        let places = places.iter().sum::<usize>() + table.entries().len() * KIND;
        let user = self.user.as_ref().map_or(0, String::len);
        headers.chain(kinds).sum::<usize>() + places + token + user
    }
}

/// Bytes of an allocation besides those that were asked for, rounded up.
const ALLOCATION: usize = 32;

/// Bytes of a header besides its texts: the map has room for four values of each name.
const HEADER: usize = size_of::<(HeaderName, [HeaderValue; 4])>() + 2 * ALLOCATION;

/// Bytes of a client's kind besides its name: its line in the table, and what it is known as here.
const KIND: usize = size_of::<KindEntry>() + size_of::<Option<KindRef>>() + ALLOCATION;

/// An invitation to a topic under way. One that is dropped has failed.
struct Invitation<'a> {
    session: &'a Inner,
    topic: TopicName,
    id: u64,
    has_succeeded: bool,
}

impl<'a> Invitation<'a> {
    fn begin(session: &'a Inner, topic: TopicName) -> Self {
        let id = session.invited.begin(&topic);
        Self {
            session,
            topic,
            id,
            has_succeeded: false,
        }
    }
}

impl Drop for Invitation<'_> {
    fn drop(&mut self) {
        let Inner {
            invited,
            topics,
            remote,
            ..
        } = self.session;
        if invited.settle(&self.topic, self.id, self.has_succeeded)
            && let Some(alias) = topics.alias_of(&self.topic)
        {
            remote.unsubscribe_peer(alias);
        }
    }
}

impl<I> Peer<I> {
    pub(crate) fn new(
        handshake: Handshake<I>,
        (session, peer): (SessionId, PeerId),
        remote: Remote<ServerSide>,
        topics: Arc<Topics>,
    ) -> Self {
        let session = Inner {
            session,
            peer,
            remote,
            topics,
            invited: Invited::default(),
        };
        Self {
            session: Arc::new(session),
            handshake: Arc::new(handshake),
        }
    }

    /// Returns the client as it has come back.
    pub(crate) fn with_handshake(&self, handshake: Handshake<I>) -> Self {
        Self {
            session: Arc::clone(&self.session),
            handshake: Arc::new(handshake),
        }
    }

    /// Returns true if both are of one handshake.
    pub(crate) fn is_as_of(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.handshake, &other.handshake)
    }

    pub(crate) fn handshake(&self) -> &Handshake<I> {
        &self.handshake
    }

    /// Returns the topics into which the server has put the client.
    pub(crate) fn invited(&self) -> &Invited {
        &self.session.invited
    }

    /// Returns the client's public id: the same for its session's life.
    pub fn id(&self) -> PeerId {
        self.session.peer
    }

    /// Returns what `authenticate` made of the client's newest token.
    pub fn identity(&self) -> &I {
        &self.handshake.identity
    }

    /// Returns the session's id. A secret between its two ends: fit for a log, not for other clients.
    pub fn session(&self) -> SessionId {
        self.session.session
    }

    /// Returns the address that the socket comes from: the client's, or its nearest proxy's. None where
    /// the server listens on something that has none.
    pub fn address(&self) -> Option<SocketAddr> {
        self.handshake.address
    }

    /// Returns the headers of the handshake that [`Builder::keep_headers`](crate::Builder::keep_headers) names; none
    /// without it. `authenticate` sees all of them.
    pub fn headers(&self) -> &HeaderMap {
        &self.handshake.headers
    }

    /// Calls the client and waits for its answer; dropping the future cancels the call. A client that
    /// has no handler for it refuses it as `no_handler`.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn call<C: Call>(&self, request: C) -> Result<C::Reply, CallError<C::Error>> {
        self.session.remote.call(request).await
    }

    /// Sends the client an event. Ready when it is on its way: at once, unless as many bytes of requests
    /// wait for this client as the limits allow; then until the client reads. Who sends to many, one
    /// after the other, is held up by the slowest: publish to a topic instead, which waits for nobody, or
    /// use a task for each. The [`Receipt`] tells whether it has arrived.
    ///
    /// # Errors
    /// See [`EventError`].
    pub async fn send<E: Event>(&self, event: E) -> Result<Receipt, EventError> {
        self.session.remote.send(event).await
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
        self.session.remote.send_latest(key, event).await
    }

    /// Puts the client into a topic, whatever `access` would say of it: its application gets the
    /// subscription from the client's `invitations`. Ready when the client has it; it will hear what is published
    /// from this call on. It may then join this topic by itself, too, until it is [removed](Self::unsubscribe) or
    /// its session ends.
    ///
    /// A call that fails, or whose future is dropped before it is ready, leaves the client as it was: it takes back
    /// what it gave, and nothing that another call for the same topic gave. Who has joined by it meanwhile is
    /// removed again, unless `access` would let the client in: until the client has it, `access` is asked about joins as
    /// without an invitation, and only its no doesn't count.
    ///
    /// # Errors
    /// See [`CallError`]: `Refused` says `no_handler` if the client's application doesn't take such topics,
    /// `unknown_kind` if the server hasn't registered them, `kind_differs` if the client has an
    /// [older type](Topic) of them.
    pub async fn invite<T: Topic>(&self, topic: &T) -> Result<(), CallError<Never>> {
        let refused = |error| match error {
            PublishError::Encode(error) => CallError::Encode(error),
            error => CallError::Refused(Refused::new(T::NAME, unpublished(&error).into())),
        };
        let live = self.session.topics.of(topic).map_err(refused)?;
        let name = (T::NAME, canonical(topic).map_err(refused)?);
        let mut invitation = Invitation::begin(&self.session, name);
        let joined = self.session.remote.invite(topic, live.end()).await;
        invitation.has_succeeded = joined.is_ok();
        joined
    }

    /// Removes the client from a topic: nothing more of it goes out, and the client's subscriptions to it
    /// end. A join of the client's own that `access` is asked about or has granted, and that isn't answered yet, is refused
    /// as `denied`; one that it asks for later, `access` is asked about anew. An [`invite`](Self::invite) that is under way gives
    /// no right any more. Does nothing else if the client isn't in the topic.
    pub fn unsubscribe<T: Topic>(&self, topic: &T) {
        // A topic that has no such key has nobody in it.
        let Ok(key) = canonical(topic) else { return };
        let name = (T::NAME, key);
        // First: a join under way is refused from here on, and one let in before is found below.
        self.session.invited.revoke(&name);
        if let Some(alias) = self.session.topics.alias_of(&name) {
            self.session.remote.unsubscribe_peer(alias);
        }
    }

    /// Returns the time of a round trip to the client now; without a connection it waits for the next. None if the
    /// session ends before, if no answer comes within [`Limits::call_deadline`](twinwire::Limits::call_deadline), or
    /// at once if 64 pings wait already.
    pub async fn ping(&self) -> Option<Duration> {
        self.session.remote.ping().await
    }

    /// Says goodbye to the client once what was asked of it before is sent, or
    /// [`Limits::drain`](twinwire::Limits::drain) is over. Answers that are ready still go out.
    pub fn close(&self, goodbye: Goodbye) {
        self.session.remote.close(goodbye);
    }
}

impl<I> Clone for Peer<I> {
    fn clone(&self) -> Self {
        Self {
            session: Arc::clone(&self.session),
            handshake: Arc::clone(&self.handshake),
        }
    }
}

impl<I> fmt::Debug for Peer<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Peer")
            .field("id", &self.id())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use twinwire::{Class, Fingerprint};

    use super::*;

    /// A handshake with so many headers of three bytes, and a table with so many kinds of three.
    fn cost(headers: u32, kinds: u32) -> usize {
        let names = |count| (0..count).map(|i| format!("{i:03}"));
        let mut map = HeaderMap::new();
        for name in names(headers) {
            let name = HeaderName::try_from(name).expect("digits are a name");
            map.append(name, HeaderValue::from_static(""));
        }
        let kinds = names(kinds).map(|name| KindEntry {
            name,
            class: Class::Call,
            fingerprint: Fingerprint::from_bytes([0; 8]),
        });
        let handshake = Handshake {
            identity: (),
            user: None,
            credentials: ClientCredentials::default(),
            address: None,
            headers: map,
        };
        handshake.cost(&KindTable::new(kinds.collect()))
    }

    #[test]
    fn short_headers_and_short_names_cost_their_places_too() {
        let header = size_of::<(HeaderName, [HeaderValue; 4])>();
        assert!(cost(90, 0) > 90 * header, "{}", cost(90, 0));
        let kind = size_of::<KindEntry>() + size_of::<Option<KindRef>>();
        assert!(cost(0, 500) > 500 * kind, "{}", cost(0, 500));
    }
}
