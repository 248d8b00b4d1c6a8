//! The server's events, as streams.

use std::fmt;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use twinwire::frame::KindTable;
use twinwire::{DecodeError, Event, Format};
use twinwire_remote::channels::mpsc;

use crate::application::Registration;
use crate::listeners::ListenerId;

/// An event as it came; all listeners share its bytes.
#[derive(Clone)]
pub(crate) struct RawEvent {
    pub(crate) kind: u32,
    pub(crate) payload: Arc<[u8]>,
}

/// A listener's end: tells the driver what was taken, and when it goes.
pub(crate) struct EventReceiver {
    events: mpsc::Receiver<RawEvent>,
    id: ListenerId,
    registrations: mpsc::Sender<Registration>,
}

impl EventReceiver {
    pub(crate) fn new(
        events: mpsc::Receiver<RawEvent>,
        id: ListenerId,
        registrations: mpsc::Sender<Registration>,
    ) -> Self {
        Self {
            events,
            id,
            registrations,
        }
    }

    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<RawEvent>> {
        let event = ready!(self.events.poll_next(cx));
        if let Some(event) = &event {
            let (id, bytes) = (self.id, event.payload.len());
            let taken: Registration =
                Box::new(move |application| application.listeners.taken(id, bytes));
            // A driver that is gone gives no further events.
            let _ = self.registrations.send(taken);
        }
        Poll::Ready(event)
    }
}

impl Drop for EventReceiver {
    fn drop(&mut self) {
        let id = self.id;
        let gone: Registration = Box::new(move |application| application.listeners.gone(id));
        // A driver that is gone has dropped all listeners.
        let _ = self.registrations.send(gone);
    }
}

/// The server's events of one kind; see [`Client::events`](crate::Client::events). It ends with the
/// client, which it doesn't keep open. An error stands for an event that can't be read as its type, though the fingerprints
/// agree: a serde implementation written by hand is asymmetric.
#[must_use = "dropping it stops listening"]
pub struct Events<E> {
    heard: EventReceiver,
    format: Format,
    kind: PhantomData<fn() -> E>,
}

impl<E> Events<E> {
    pub(crate) fn new(heard: EventReceiver, format: Format) -> Self {
        Self {
            heard,
            format,
            kind: PhantomData,
        }
    }
}

impl<E: Event> Events<E> {
    /// Returns the next event; none once the client is closed.
    pub async fn next(&mut self) -> Option<Result<E, DecodeError>> {
        std::future::poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await
    }
}

impl<E: Event> Stream for Events<E> {
    type Item = Result<E, DecodeError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let event = ready!(self.heard.poll(cx));
        Poll::Ready(event.map(|event| self.format.decode(&event.payload)))
    }
}

impl<E> fmt::Debug for Events<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events").finish_non_exhaustive()
    }
}

/// The server's events of all kinds, in one order; see [`Client::inbox`](crate::Client::inbox). It
/// ends with the client, which it doesn't keep open.
#[must_use = "dropping it stops listening"]
pub struct Inbox {
    heard: EventReceiver,
    table: Arc<KindTable>,
    format: Format,
}

impl Inbox {
    pub(crate) fn new(heard: EventReceiver, table: Arc<KindTable>, format: Format) -> Self {
        Self {
            heard,
            table,
            format,
        }
    }

    /// Returns the next event; none once the client is closed.
    pub async fn next(&mut self) -> Option<AnyEvent> {
        std::future::poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await
    }
}

impl Stream for Inbox {
    type Item = AnyEvent;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<AnyEvent>> {
        let event = ready!(self.heard.poll(cx));
        Poll::Ready(event.map(|event| AnyEvent {
            event,
            table: Arc::clone(&self.table),
            format: self.format,
        }))
    }
}

impl fmt::Debug for Inbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inbox").finish_non_exhaustive()
    }
}

/// An event of whatever kind.
#[derive(Clone)]
pub struct AnyEvent {
    event: RawEvent,
    table: Arc<KindTable>,
    format: Format,
}

impl AnyEvent {
    /// Returns the kind's name.
    pub fn name(&self) -> &str {
        let place = usize::try_from(self.event.kind).ok();
        let line = place.and_then(|place| self.table.entries().get(place));
        // The session lets no other kinds through.
        line.map_or("", |line| &line.name)
    }

    /// The event, if it is of this kind.
    ///
    /// # Errors
    /// If it can't be read as its type, though the fingerprints agree.
    pub fn read<E: Event>(&self) -> Option<Result<E, DecodeError>> {
        let is_it = self.table.index_of::<E>() == Ok(self.event.kind);
        is_it.then(|| self.format.decode(&self.event.payload))
    }
}

impl fmt::Debug for AnyEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnyEvent")
            .field("name", &self.name())
            .finish_non_exhaustive()
    }
}
