//! The handle that applications hold.

use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Poll, ready};
use std::time::Duration;

use twinwire::frame::Start;
use twinwire::session::ClientSide;
use twinwire::{
    Call, End, Event, Goodbye, GoodbyeCode, Kind, Never, PeerId, SessionId, StreamCall, Topic,
};
use twinwire_remote::channels::{mpsc, watch};
use twinwire_remote::{
    CallError, EventError, Items, Published, Receipt, Remote, Subscription, Undeclared, WeakRemote,
};

use crate::application::{Register, Registration};
use crate::events::{Events, Inbox};
use crate::handlers::{self, MaybeSend};
use crate::invitations::Invitations;
use crate::listeners::Listen;
use crate::{ReconnectCause, States};

/// A client of a server. A cheap clone; when the last one is dropped, the client says goodbye once
/// what was asked for is sent.
///
/// When its connection is lost, it comes back by itself, and its session goes on: nothing is lost, nothing
/// comes twice, nothing changes places, and what is asked for meanwhile waits. A session that can't
/// go on (the server was restarted, or the client was away for too long) is replaced by another: what was
/// sent ends, an event that had arrived as `Ok`, all else as `NotReceived` or `Unknown`; [`Options::on_session_replaced`](crate::Options::on_session_replaced)
/// runs, topics are joined again from where they stood, and what was never sent goes out.
///
/// It comes back for as long as it takes, unless `close` was called, the server says goodbye for good (`denied`,
/// `done`, `superseded`), or the two ends don't understand each other: then it is `Closed`, and another has to be
/// connected. Without a deadline, events wait
/// as long as the server is away.
#[derive(Clone)]
#[must_use = "dropping the last handle closes the connection"]
pub struct Client {
    pub(crate) remote: Remote<ClientSide>,
    registrations: mpsc::Sender<Registration>,
    state: watch::Receiver<ClientState>,
    dropped_events: Arc<AtomicU64>,
}

/// The state of a client.
///
/// While it is away, `Resuming` says why. A client that has been welcomed tries for ever, also where HTTP answers 401, 403 or
/// 404: those are usual while a proxy or a server is replaced. An application for which 401 means "log in again"
/// looks at the cause, and calls [`close`](Client::close), or has
/// [`Options::token_from`](crate::Options::token_from) give the new token.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClientState {
    /// The socket is being opened, or the welcome is awaited.
    Connecting,
    /// Welcomed.
    Open {
        /// The session's id.
        session: SessionId,
        /// This client's id towards others.
        peer: PeerId,
    },
    /// The connection is lost; the client comes back.
    Resuming {
        /// The number of attempts since the last welcome, this one included.
        attempt: u32,
        /// The pause before the attempt; zero while it is made.
        wait: Duration,
        /// The cause of that. It goes on trying whatever that is: [`close`](Client::close) ends it.
        cause: ReconnectCause,
    },
    /// The connection was given up by [`pause`](Client::pause), and the client waits for
    /// [`reconnect_now`](Client::reconnect_now).
    Paused,
    /// Over.
    Closed(End),
}

impl Client {
    pub(crate) fn new(
        remote: Remote<ClientSide>,
        registrations: mpsc::Sender<Registration>,
        state: watch::Receiver<ClientState>,
        dropped_events: Arc<AtomicU64>,
    ) -> Self {
        Self {
            remote,
            registrations,
            state,
            dropped_events,
        }
    }

    /// Makes a call and waits for its answer.
    ///
    /// Calls start on the server in the order in which they were made and run beside each other.
    /// Dropping the future cancels the call: one that hasn't been sent never will be, the handler of
    /// one that has is dropped.
    ///
    /// # Errors
    /// The application's own error, or why there is no answer; see [`CallError`]. The error comes
    /// at the latest when the call's deadline has passed. That counts from the moment when the
    /// client has room for the call, which is at once unless as many bytes of requests wait as its
    /// limits allow.
    pub async fn call<C: Call>(&self, request: C) -> Result<C::Reply, CallError<C::Error>> {
        self.remote.call(request).await
    }

    /// Makes a call that is answered by a stream of items. Ready when the request is on its way; what
    /// becomes of it is told by the stream. Dropping the stream cancels it.
    ///
    /// # Errors
    /// If the request can't be made; see [`CallError`].
    pub async fn stream<C: StreamCall>(&self, request: C) -> Result<Items<C>, CallError<C::Error>> {
        self.remote.stream(request).await
    }

    /// Sends an event. Ready when it is on its way, which is at once unless as many bytes of requests
    /// wait as the limits allow. Await the [`Receipt`] to know that it has arrived; it need not be.
    ///
    /// # Errors
    /// If it can't be sent; see [`EventError`].
    pub async fn send<E: Event>(&self, event: E) -> Result<Receipt, EventError> {
        self.remote.send(event).await
    }

    /// As [`send`](Self::send), but errs where that would wait.
    ///
    /// # Errors
    /// [`EventError::Full`] when as much waits as may; else as of `send`.
    pub fn try_send<E: Event>(&self, event: E) -> Result<Receipt, EventError> {
        self.remote.try_send(event)
    }

    /// Sends an event of which only the newest matters, such as the place of a cursor: if an earlier
    /// one of the same kind and `key` hasn't gone out yet, this takes its place. In
    /// [`Options::on_session_replaced`](crate::Options::on_session_replaced) it goes out first, as all that is asked for there.
    ///
    /// # Errors
    /// If it can't be sent; see [`EventError`].
    pub async fn send_latest<E: Event>(
        &self,
        key: impl Into<String>,
        event: E,
    ) -> Result<(), EventError> {
        self.remote.send_latest(key, event).await
    }

    /// Returns the server's events of one kind, in order. Each of several such streams gets them all.
    ///
    /// The first gets those that have come so far, as far as they were kept: of each kind the first
    /// 64, and 256 KiB of all. When 64 or 256 KiB wait in a stream that isn't read, the next one holds
    /// up whatever the server sends after it, its calls too, until it is read or dropped.
    ///
    /// # Errors
    /// If the kind isn't in the table that the client was connected with.
    pub fn events<E: Event>(&self) -> Result<Events<E>, Undeclared> {
        let kind = self.index_of::<E>()?;
        Ok(Events::new(self.listen(Some(kind)), self.remote.format()))
    }

    /// Returns the server's events of all kinds, in one order. What [`events`](Self::events) says of streams
    /// that aren't read holds here, too.
    pub fn inbox(&self) -> Inbox {
        let table = Arc::clone(self.remote.table());
        Inbox::new(self.listen(None), table, self.remote.format())
    }

    /// Subscribes to a topic, from now on; see [`subscribe_from`](Self::subscribe_from).
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn subscribe<T: Topic>(&self, topic: T) -> Result<Subscription<T>, CallError<Never>> {
        self.remote.subscribe(topic, Start::Now).await
    }

    /// Subscribes to a topic. Ready when the server has let the client in: from then on, what is
    /// published comes in one order, the same for all subscribers.
    ///
    /// A topic that this client is subscribed to already is shared by all handles: a further one begins
    /// with what comes from now on, whatever `start` says, and its verdict is [`Verdict::Shared`](crate::Verdict::Shared)
    /// unless it asked for that.
    /// Handles that ask for the same start before the topic is joined begin there together.
    ///
    /// # Errors
    /// See [`CallError`]: `Refused` says `denied` if the application doesn't let the client in.
    pub async fn subscribe_from<T: Topic>(
        &self,
        topic: T,
        start: Start,
    ) -> Result<Subscription<T>, CallError<Never>> {
        self.remote.subscribe(topic, start).await
    }

    /// Publishes to a topic. Ready when the item is on its way, which is at once unless as many bytes of
    /// requests wait as the limits allow; await what it gives to know that the server has it, and where.
    /// What one client publishes keeps its order. An item has at most 32 KiB.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn publish<T: Topic>(
        &self,
        topic: &T,
        item: T::Item,
    ) -> Result<Published, CallError<Never>> {
        self.remote.publish(topic, item).await
    }

    /// Returns the topics of one kind into which the server puts this client from now on, as the application
    /// would with [`subscribe`](Self::subscribe). Each is joined when it is taken; up to 64 wait. An earlier
    /// such stream of the kind ends. What the server wants of kinds that have none waits or is refused as its calls
    /// are: see [`handle`](Self::handle).
    ///
    /// # Errors
    /// If the kind isn't in the table that the client was connected with.
    pub fn invitations<T: Topic>(&self) -> Result<Invitations<T>, Undeclared> {
        let kind = self.index_of::<T>()?;
        let (handler, invitations) = Invitations::new(self.remote.clone());
        // A driver that is gone invites nobody: the stream ends.
        self.register(move |application| application.handlers.insert(kind, handler));
        Ok(invitations)
    }

    /// Returns the kind's place in the client's table.
    fn index_of<K: Kind>(&self) -> Result<u32, Undeclared> {
        let place = self.remote.table().index_of::<K>();
        place.map_err(|_| Undeclared::of::<K>())
    }

    pub(crate) fn listen(&self, kind: Option<u32>) -> crate::events::EventReceiver {
        let (listen, heard) = Listen::new(kind, self.registrations.clone());
        // A driver that is gone has no events: the stream ends.
        self.register(move |application| application.listeners.add(listen));
        heard
    }

    /// Asks something of the driver, which may be gone.
    pub(crate) fn register(&self, registration: impl Register + 'static) {
        let _ = self.registrations.send(Box::new(registration));
    }

    /// Tells the driver that the application has its client: from now on it may register handlers.
    pub(crate) fn begin(&self) {
        self.register(|application| application.has_begun = true);
    }

    /// Events that were dropped since nobody listened to their kind.
    pub fn dropped_events(&self) -> u64 {
        self.dropped_events.load(Ordering::Relaxed)
    }

    /// Answers the server's calls of one kind from now on. The handler's future runs beside others
    /// in the task that drives the client, so it must not block; a panic in it ends its own call, in
    /// a browser the page's program. An earlier handler of the kind is replaced. A handler that holds a clone of this
    /// client keeps it open.
    ///
    /// Calls of a kind that has no handler wait for one until a second after `connect` has given the client, then they
    /// are refused as `no_handler`, and so is each that comes later. Where the first statements after `connect` take longer,
    /// register handlers before the hello goes out: [`Options::register`](crate::Options::register).
    ///
    /// # Errors
    /// If the kind isn't in the table that the client was connected with.
    pub fn handle<C, F, R>(&self, handler: F) -> Result<(), Undeclared>
    where
        C: Call,
        F: FnMut(C) -> R + MaybeSend + 'static,
        R: Future<Output = Result<C::Reply, C::Error>> + MaybeSend + 'static,
    {
        let kind = self.index_of::<C>()?;
        let handler = handlers::erase::<C, F, R>(handler, self.remote.format());
        // A driver that is gone has nothing to answer.
        self.register(move |application| application.handlers.insert(kind, handler));
        Ok(())
    }

    /// Returns the time of a round trip to the server; without a connection it waits for the next. None if the client
    /// is over before, if no answer comes within [`Limits::call_deadline`](twinwire::Limits::call_deadline), or at
    /// once if 64 pings wait already.
    pub async fn ping(&self) -> Option<Duration> {
        self.remote.ping().await
    }

    /// Returns the client's state now.
    pub fn state(&self) -> ClientState {
        self.state.get()
    }

    /// Returns the client's states, from now on.
    pub fn states(&self) -> States {
        States::new(self.state.clone())
    }

    /// Tries to come back now, if the client waits to, or was [paused](Self::pause), and begins the back-off anew.
    /// A client with a connection sends a ping at once, and opens another unless something comes within 5 s.
    ///
    /// Browsers tell a page when the network is back or the page is shown again, and the client does this by
    /// itself then. Elsewhere an application that knows of such a change calls it.
    pub fn reconnect_now(&self) {
        // A driver that is gone comes back no more.
        self.register(|application| application.reconnect.reconnect_now(application.has_link));
    }

    /// Gives the connection up until [`reconnect_now`](Self::reconnect_now). What is asked for meanwhile
    /// waits, and the server keeps the session for as long as it keeps any. With
    /// [`Options::reconnect`](crate::Options::reconnect) off it ends the client.
    pub fn pause(&self) {
        // A driver that is gone has no connection.
        self.register(|application| application.reconnect.pause());
    }

    /// Waits for the end, and says why it came. Any number may wait.
    pub async fn closed(&self) -> End {
        let mut state = self.state.clone();
        poll_fn(|cx| {
            loop {
                match ready!(state.poll_changed(cx)) {
                    Some(ClientState::Closed(end)) => return Poll::Ready(end),
                    Some(
                        ClientState::Connecting
                        | ClientState::Open { .. }
                        | ClientState::Resuming { .. }
                        | ClientState::Paused,
                    ) => {}
                    // The driver was dropped with its runtime.
                    None => return Poll::Ready(End::Lost),
                }
            }
        })
        .await
    }

    /// Says goodbye once what was asked for before is sent, and waits until the server has answered it
    /// or its time is up. What isn't sent within [`Limits::drain`](twinwire::Limits::drain) ends as `NotReceived`, or as
    /// `Closed` if it still waits for room in the session. Who waits in `send` for a turn to ask is refused as `Closed` at once.
    /// Without a connection this waits for one as long; if none comes,
    /// what was sent ends as `Unknown`, and the server keeps the session for its time: others still see the client.
    pub async fn close(&self) -> End {
        twinwire::plant!("closed_client_kept", std::mem::forget(self.clone()));
        self.remote.close(Goodbye::new(GoodbyeCode::Done, ""));
        self.closed().await
    }
}

/// The way to a client for as long as the application has one.
pub(crate) struct WeakClient {
    remote: WeakRemote<ClientSide>,
    registrations: mpsc::Sender<Registration>,
    state: watch::Receiver<ClientState>,
    dropped_events: Arc<AtomicU64>,
}

impl WeakClient {
    pub(crate) fn of(client: &Client) -> Self {
        Self {
            remote: client.remote.downgrade(),
            registrations: client.registrations.clone(),
            state: client.state.clone(),
            dropped_events: Arc::clone(&client.dropped_events),
        }
    }

    /// Returns one whose requests go before those that are held back.
    pub(crate) fn upgrade_priority(&self) -> Option<Client> {
        Some(Client {
            remote: self.remote.upgrade_priority()?,
            registrations: self.registrations.clone(),
            state: self.state.clone(),
            dropped_events: Arc::clone(&self.dropped_events),
        })
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("state", &self.state())
            .finish_non_exhaustive()
    }
}
