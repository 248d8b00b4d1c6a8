//! Requests of kinds that the program doesn't know as types: their payloads are bytes in the client's format.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_core::Stream;
use twinwire::frame::Start;
use twinwire::limits::MAX_PAYLOAD;
use twinwire::session::{ClientSide, Outcome};
use twinwire::{Answer, Class, EncodeError, Format, Goodbye, GoodbyeCode, Never, Position};

use crate::cancel::CancelOnDrop;
use crate::channels::{lock, mpsc, oneshot};
use crate::command::{COMMAND_QUEUE, Command, OutboundRequest, RequestFn, TOPIC_REQUEST, Waiter};
use crate::error::RequestError;
use crate::items;
use crate::remote::{joined, not_answered, not_answered_by, outcome, publish};
use crate::subscription::LeaveOnDrop;
use crate::topics::TopicUpdate;
use crate::{
    CallError, EventError, Items, Published, Receipt, Remote, Requests, Subscription, Undeclared,
    Update, Verdict,
};

/// Makes requests of the other end whose payloads are bytes. Kinds are named by their places in the
/// client's table. A cheap clone.
#[derive(Clone)]
pub struct UntypedRemote {
    remote: Remote<ClientSide>,
    /// Those of the client's table, in its order.
    names: Arc<[&'static str]>,
}

impl From<Remote<ClientSide>> for UntypedRemote {
    fn from(remote: Remote<ClientSide>) -> Self {
        let kinds = remote.table().entries().iter();
        let names = kinds.map(|kind| kept(&kind.name)).collect();
        Self { remote, names }
    }
}

/// Returns the name, kept for the program's life as a type's is: errors carry it.
fn kept(name: &str) -> &'static str {
    static NAMES: Mutex<Vec<&str>> = Mutex::new(Vec::new());
    let mut names = lock(&NAMES);
    if let Some(kept) = names.iter().find(|kept| **kept == name) {
        return kept;
    }
    let kept = Box::leak(name.into());
    names.push(kept);
    kept
}

impl UntypedRemote {
    /// Returns a place in the line of those who wait to make a request. Make one when it is ready, as with a
    /// `Sink`: what starts without that is bounded by nothing but the caller.
    pub fn writable(&self) -> Writable {
        Writable(self.remote.commands().reserve(COMMAND_QUEUE))
    }

    /// Makes a call; dropping its reply cancels it.
    ///
    /// # Errors
    /// If the call can't be made; see [`CallError`].
    pub fn start_call(
        &self,
        kind: u32,
        payload: Vec<u8>,
    ) -> Result<UntypedReply, CallError<Vec<u8>>> {
        let (waiter, outcome) = outcome();
        let asked = self.asked(Class::Call, kind, payload, Some(waiter))?;
        let id = self.start(asked, Box::new(Requests::make_if_wanted))?;
        let cancel = CancelOnDrop::new(self.remote.control(), id);
        let kind = self.name(kind);
        Ok(UntypedReply {
            kind,
            outcome,
            cancel,
        })
    }

    /// Asks for a stream; its errors come as the stream's.
    ///
    /// # Errors
    /// If the request can't be made; see [`CallError`].
    pub fn start_stream(
        &self,
        kind: u32,
        payload: Vec<u8>,
    ) -> Result<UntypedItems, CallError<Vec<u8>>> {
        let (sender, messages) = mpsc::channel();
        let asked = self.asked(Class::Stream, kind, payload, Some(Waiter(sender.share())))?;
        // Only the waiter sends: when it goes, the stream has ended.
        drop(sender);
        let id = self.start(asked, Box::new(Requests::make_if_wanted))?;
        let cancel = CancelOnDrop::new(self.remote.control(), id);
        let kind = self.name(kind);
        let items = Items::new(messages, cancel, self.remote.format());
        Ok(UntypedItems { kind, items })
    }

    /// Sends an event; the receipt tells whether it has arrived.
    ///
    /// # Errors
    /// If it can't be sent; see [`EventError`].
    pub fn start_send(&self, kind: u32, payload: Vec<u8>) -> Result<Receipt, EventError> {
        let (waiter, outcome) = outcome();
        let asked = self.asked(Class::Event, kind, payload, Some(waiter))?;
        self.start(asked, Box::new(Requests::make))?;
        Ok(Receipt::new(
            self.name(kind),
            outcome,
            self.remote.control().clone(),
        ))
    }

    /// Sends an event of which only the newest matters: if an earlier one of the same kind and `key`
    /// hasn't gone out yet, this takes its place.
    ///
    /// # Errors
    /// If it can't be sent; see [`EventError`].
    pub fn start_send_latest(
        &self,
        key: String,
        kind: u32,
        payload: Vec<u8>,
    ) -> Result<(), EventError> {
        let mut asked = self.asked(Class::Event, kind, payload, None)?;
        asked.latest = Some(key);
        self.start(asked, Box::new(Requests::make_latest))?;
        Ok(())
    }

    /// Joins the topic of this kind and key.
    ///
    /// # Errors
    /// If the request can't be made; see [`CallError`].
    pub fn start_subscribe(
        &self,
        kind: u32,
        key: Vec<u8>,
        start: Start,
    ) -> Result<Subscribing, CallError<Never>> {
        let kind = self.place(Class::Topic, kind, 0)?;
        let (command, updates) = self.remote.joining(kind, fitting(key)?, start);
        let id = self.start(command.asked, command.act)?;
        let leave = LeaveOnDrop::new(self.remote.control().clone(), id);
        let format = self.remote.format();
        let kind = self.name(kind);
        Ok(Subscribing {
            kind,
            joining: Some((updates, leave)),
            format,
        })
    }

    /// Publishes to the topic of this kind and key; what it gives tells its place in the topic's log.
    ///
    /// # Errors
    /// If the request can't be made; see [`CallError`].
    pub fn start_publish(
        &self,
        kind: u32,
        key: Vec<u8>,
        item: Vec<u8>,
    ) -> Result<Published, CallError<Never>> {
        let (waiter, outcome) = outcome();
        let mut asked = self.asked(Class::Topic, kind, item, Some(waiter))?;
        let key = fitting(key)?;
        asked.overhead = key.len() + TOPIC_REQUEST;
        let Command { asked, act } = publish(asked, key);
        self.start(asked, act)?;
        Ok(Published::new(
            self.name(kind),
            outcome,
            self.remote.format(),
        ))
    }

    /// Asks for a sign of life; gives the time of the round trip, or none as [`Remote::ping`] does.
    pub fn start_ping(&self) -> oneshot::Receiver<Duration> {
        self.remote.start_ping()
    }

    /// Says goodbye once what was asked for before is sent. The client's state tells when it is over.
    pub fn start_close(&self) {
        self.remote.close(Goodbye::new(GoodbyeCode::Done, ""));
    }

    /// Returns true if the client has declared a kind of this class at this place.
    pub fn declares(&self, kind: u32, class: Class) -> bool {
        let place = usize::try_from(kind).ok();
        let line = place.and_then(|place| self.remote.table().entries().get(place));
        line.is_some_and(|line| line.class == class)
    }

    /// Returns the name of the kind at this place, as errors have it.
    pub fn name(&self, kind: u32) -> &'static str {
        let place = usize::try_from(kind).ok();
        let name = place.and_then(|place| self.names.get(place));
        name.copied().unwrap_or("a kind beyond the table")
    }

    fn start(&self, asked: OutboundRequest, act: RequestFn) -> Result<u64, RequestError> {
        let id = asked.id;
        let sent = self.remote.commands().send(Command { asked, act });
        sent.map_err(|_| RequestError::Closed)?;
        Ok(id)
    }

    fn asked(
        &self,
        class: Class,
        kind: u32,
        payload: Vec<u8>,
        waiter: Option<Waiter>,
    ) -> Result<OutboundRequest, RequestError> {
        let payload = fitting(payload)?;
        let kind = self.place(class, kind, payload.len())?;
        Ok(self.remote.asked_of(kind, payload, waiter))
    }

    fn place(&self, class: Class, kind: u32, payload: usize) -> Result<u32, RequestError> {
        if !self.declares(kind, class) {
            let kind = self.name(kind);
            return Err(RequestError::Undeclared(Undeclared { kind }));
        }
        self.remote.check(self.name(kind), kind, payload)
    }
}

/// Returns a payload that the wire can carry.
fn fitting(payload: Vec<u8>) -> Result<Vec<u8>, RequestError> {
    if payload.len() > MAX_PAYLOAD {
        return Err(RequestError::Encode(EncodeError::TooLarge {
            limit: MAX_PAYLOAD,
        }));
    }
    Ok(payload)
}

impl fmt::Debug for UntypedRemote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UntypedRemote").finish_non_exhaustive()
    }
}

/// A place in the line of those who wait to make a request.
#[derive(Debug)]
pub struct Writable(mpsc::Reserve<Command>);

impl Writable {
    /// Ready when a request may be made.
    pub fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.0.poll_ready(cx)
    }
}

/// The future of a call's reply. Dropping it cancels the call.
#[must_use = "dropping it cancels the call"]
#[derive(Debug)]
pub struct UntypedReply {
    kind: &'static str,
    outcome: oneshot::Receiver<Outcome>,
    cancel: CancelOnDrop,
}

impl Future for UntypedReply {
    type Output = Result<Vec<u8>, CallError<Vec<u8>>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let outcome = ready!(Pin::new(&mut self.outcome).poll(cx));
        self.cancel.disarm();
        // A shell ends every request before it ends itself, unless its runtime drops it.
        Poll::Ready(match outcome.unwrap_or(Outcome::Unknown) {
            Outcome::Answered(Answer::Value(payload)) => Ok(payload),
            other => Err(not_answered_by(self.kind, other, CallError::App)),
        })
    }
}

/// The future of a subscription. Dropping it leaves the topic.
#[must_use = "dropping it leaves the topic"]
pub struct Subscribing {
    kind: &'static str,
    /// Dropped in this order: a join that the shell hasn't made when it hears of the end is unwanted.
    joining: Option<(mpsc::Receiver<Arc<TopicUpdate>>, LeaveOnDrop)>,
    format: Format,
}

impl Future for Subscribing {
    type Output = Result<UntypedSubscription, CallError<Never>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let update = match &mut self.joining {
            Some((updates, _)) => ready!(updates.poll_next(cx)),
            None => None,
        };
        Poll::Ready(match (joined(update), self.joining.take()) {
            (Ok(at), Some((updates, leave))) => {
                let inner = Subscription::new(at, updates, leave, self.format);
                Ok(UntypedSubscription(inner))
            }
            (Err(outcome), _) => Err(not_answered(self.kind, outcome, self.format)),
            (Ok(_), None) => Err(CallError::Unknown),
        })
    }
}

impl fmt::Debug for Subscribing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscribing").finish_non_exhaustive()
    }
}

/// As [`Items`](crate::Items), of payloads.
#[must_use = "dropping it cancels the stream"]
#[derive(Debug)]
pub struct UntypedItems {
    kind: &'static str,
    items: Items<()>,
}

impl UntypedItems {
    /// Returns the next item; none after the end.
    pub async fn next(&mut self) -> Option<Result<Vec<u8>, CallError<Vec<u8>>>> {
        poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await
    }
}

impl Stream for UntypedItems {
    type Item = Result<Vec<u8>, CallError<Vec<u8>>>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let kind = self.kind;
        self.items.poll_message(cx).map(|message| match message? {
            items::StreamMessage::Item(payload) => Some(Ok(payload)),
            items::StreamMessage::End(Outcome::Answered(Answer::Value(_))) => None,
            items::StreamMessage::End(other) => {
                Some(Err(not_answered_by(kind, other, CallError::App)))
            }
        })
    }
}

/// As [`Subscription`](crate::Subscription), of payloads.
#[must_use = "dropping it ends the subscription"]
#[derive(Debug)]
pub struct UntypedSubscription(Subscription<()>);

impl UntypedSubscription {
    /// Returns the answer to the wish to begin at some position.
    pub fn verdict(&self) -> Verdict {
        self.0.verdict()
    }

    /// The place of the next publication that isn't read yet: to begin there another time.
    pub fn position(&self) -> Position {
        self.0.position()
    }

    /// Returns the next update; none at the end, as of a [`Subscription`](crate::Subscription::next).
    pub async fn next(&mut self) -> Option<Update<Vec<u8>>> {
        poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await
    }
}

impl Stream for UntypedSubscription {
    type Item = Update<Vec<u8>>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        // Nothing is read here that could be unreadable.
        let update = self.0.poll_update(cx, |payload| Ok(payload.to_vec()));
        update.map(|update| update.and_then(Result::ok))
    }
}

#[cfg(test)]
mod tests {
    use twinwire::frame::KindTable;
    use twinwire::{Fingerprint, KindEntry};

    use super::*;

    #[test]
    fn errors_have_the_names_of_the_table() {
        let kind = |name: &str| KindEntry {
            name: name.to_owned(),
            class: Class::Event,
            fingerprint: Fingerprint::from_bytes([1; 8]),
        };
        let table = KindTable::new(vec![kind("Typing"), kind("Away")]);
        let (remote, _requests) = crate::channel(Arc::new(table), Format::Postcard);
        let remote = UntypedRemote::from(remote);
        let names = [0, 1, 2].map(|kind| remote.name(kind));
        assert_eq!(names, ["Typing", "Away", "a kind beyond the table"]);
    }
}
