//! What the application does: make requests, answer the peer's, begin and end.

use std::time::Duration;

use super::side::AnyEvent;
use super::state::Role;
use super::{Event, Full, ItemRefused, Outcome, RequestKey, SessionCore};
use crate::frame::{Answer, Refusal};
use crate::limits::MIN_RETAINED_LOW_MEMORY;
use crate::{Class, SeqNo, Time};

impl SessionCore {
    /// Makes a request: `kind` is its place in the client's table, `payload` its value; the table
    /// says whether it is a call, a stream or an event. The outcome comes as [`Event::Outcome`] with
    /// the key returned here, exactly once; a call's at the latest when
    /// [`Limits::call_deadline`](crate::Limits::call_deadline) has passed from now, an event's when
    /// the peer has acknowledged it. Requests reach the peer's application in the order in which
    /// they were made.
    ///
    /// A client may make requests before it is welcomed: they wait. What the peer wouldn't take is
    /// refused here, at once.
    ///
    /// # Errors
    /// [`Full`] when as many bytes wait as [`Limits::queued`](crate::Limits::queued) allows: try
    /// again when [`has_room`](Self::has_room) says so.
    pub fn request(&mut self, now: Time, kind: u32, payload: Vec<u8>) -> Result<RequestKey, Full> {
        self.now = self.now.max(now);
        match self.judge_request(kind, payload.len(), |class| class != Class::Topic) {
            Ok(class) => self.outgoing.push(self.now, class, kind, payload),
            Err(outcome) => Ok(self.refused(outcome)),
        }
    }

    /// Makes a request that is over before it began.
    pub(super) fn refused(&mut self, outcome: Outcome) -> RequestKey {
        let request = self.outgoing.new_key();
        // As an event, like all others: the caller looks for outcomes in one place.
        self.emit(Event::Outcome { request, outcome });
        request
    }

    /// Returns true if it isn't too early for requests, and not too late: any other has the outcome
    /// [`Closed`](Outcome::Closed).
    pub fn takes_requests(&self) -> bool {
        let may_wait = self.role == Role::Client;
        let is_open = self.is_welcomed() || may_wait && self.state().takes_requests();
        // Requests that come on and on would keep a session from finishing.
        is_open && self.closed_with.is_none()
    }

    /// Returns true if [`request`](Self::request) would take a payload of this many bytes now.
    pub fn has_room(&self, payload: usize) -> bool {
        self.outgoing.has_room(payload)
    }

    /// Gives a request that has not begun to go out another payload, in its place: for values of
    /// which only the newest matters. One that waits for [`requeue_unsent`](Self::requeue_unsent) goes out before the
    /// others, as what is asked of this session.
    ///
    /// # Errors
    /// The payload, if the request is on its way or over, or there is no room for a larger one: make
    /// another.
    pub fn replace(&mut self, request: RequestKey, payload: Vec<u8>) -> Result<(), Vec<u8>> {
        if payload.len() > self.limits.payload {
            return Err(payload);
        }
        self.outgoing.replace(request, payload)?;
        plant!("replaced_behind", return Ok(()));
        // A session that takes none is over, or ends: its successor has the request where it stood.
        if self.takes_requests() && !self.outgoing.holds_back() {
            self.outgoing.requeue_first(request);
        }
        Ok(())
    }

    pub(super) fn judge_request(
        &self,
        kind: u32,
        payload: usize,
        fits: fn(Class) -> bool,
    ) -> Result<Class, Outcome> {
        if !self.takes_requests() {
            return Err(Outcome::Closed);
        }
        if payload > self.limits.payload {
            return Err(Outcome::refused(Refusal::TooLarge));
        }
        let class = self.class(kind).filter(|class| fits(*class));
        let class = class.ok_or(Outcome::refused(Refusal::UnknownKind))?;
        match self.outgoing.refusal(kind, class, payload) {
            Some(why) => Err(Outcome::refused(why)),
            None => Ok(class),
        }
    }

    pub(super) fn class(&self, kind: u32) -> Option<Class> {
        let place = usize::try_from(kind).ok()?;
        self.table.entries().get(place).map(|entry| entry.class)
    }

    /// Cancels a request: its caller gets no outcome. A call that hasn't been sent never will be, the peer drops
    /// the handler of one that has. An event goes all the same.
    pub fn cancel(&mut self, now: Time, request: RequestKey) {
        self.now = self.now.max(now);
        self.outgoing.cancel(request);
        // What has come already is of a request that nobody asks for any longer.
        self.drop_events(request, |event| match event {
            AnyEvent::Both(Event::Item { call: of, .. } | Event::Outcome { request: of, .. }) => {
                Some(*of)
            }
            _ => None,
        });
    }

    /// Drops the events of a request that the application doesn't want any more: those that `key` has a key of.
    pub(super) fn drop_events(
        &mut self,
        request: RequestKey,
        key: fn(&AnyEvent) -> Option<RequestKey>,
    ) {
        self.events.retain(|event| key(event) != Some(request));
    }

    /// Takes note that the application has taken the oldest of a stream's items, or of a subscription's publications,
    /// that it hadn't taken yet: more may come, and a stream's producer has its time again.
    pub fn consumed(&mut self, now: Time, call: RequestKey) {
        self.now = self.now.max(now);
        if self.topics.subscriptions.consumed(call) {
            return;
        }
        if let Some((number, call)) = self.outgoing.in_flight_of(call) {
            if let Some(items) = &mut call.items {
                items.consumed();
            }
            // The consumer took its time, and not the producer.
            self.outgoing.renew(self.now, number);
        }
    }

    /// Answers a call or ends a stream. An answer larger than the peer takes is sent as
    /// [`Refusal::TooLarge`]. An answer to a call that is over (its deadline passed, it was
    /// cancelled, the session ended) is ignored.
    pub fn answer(&mut self, now: Time, call: SeqNo, answer: Answer<Vec<u8>>) {
        self.now = self.now.max(now);
        // Sent as it is, it would cost the session: the peer would take it for a fault of this
        // side.
        let answer = match answer {
            Answer::Value(payload) | Answer::Error(payload)
                if payload.len() > self.largest_to_peer() =>
            {
                Answer::Refused(Refusal::TooLarge.into())
            }
            fits => fits,
        };
        self.incoming.answer(call, answer);
    }

    /// Gives an item of a stream that the peer asked for.
    ///
    /// # Errors
    /// [`ItemRefused`], with the item: there is no room now, it is too large, or the stream is over.
    pub fn item(
        &mut self,
        now: Time,
        call: SeqNo,
        item: Vec<u8>,
    ) -> Result<(), (ItemRefused, Vec<u8>)> {
        self.now = self.now.max(now);
        let largest = self.largest_to_peer();
        match self.incoming.feed(call).filter(|feed| feed.end.is_none()) {
            None => Err((ItemRefused::Over, item)),
            Some(_) if item.len() > largest => Err((ItemRefused::TooLarge, item)),
            Some(feed) if !feed.has_room(item.len()) => {
                feed.wanted = true;
                Err((ItemRefused::Full, item))
            }
            Some(feed) => {
                feed.push(item);
                // The handler is at work: its time is for each item, and not for all.
                self.incoming.renew(self.now, call);
                Ok(())
            }
        }
    }

    /// Lets an event wait in the application's hands for whoever takes it: from now on it has no deadline,
    /// and the next request waits with it until [`done`](Self::done).
    pub fn hold(&mut self, event: SeqNo) {
        self.incoming.hold(event);
    }

    /// Ends an event, whose handler is done: the next request may start.
    pub fn done(&mut self, now: Time, event: SeqNo) {
        self.now = self.now.max(now);
        self.incoming.done(event);
    }

    /// Sets whether this side is short of memory: then it keeps at most half of what
    /// [`Limits::retained`](crate::Limits::retained) allows, and at least
    /// [`MIN_RETAINED_LOW_MEMORY`]. What it has sent stays until it is acknowledged; nothing new goes out before
    /// less is left.
    pub fn set_low_memory(&mut self, yes: bool) {
        let most = self.limits.retained;
        let half = (most / 2).max(MIN_RETAINED_LOW_MEMORY);
        self.retransmit.set_most(if yes { half } else { most });
    }

    /// Returns the largest payload that the peer takes and this side sends. Zero before the peer has told.
    pub fn largest_to_peer(&self) -> usize {
        let peer = usize::try_from(self.peer.payload).unwrap_or(usize::MAX);
        peer.min(self.limits.payload)
    }

    /// Returns the time that a call has, [`Limits::call_deadline`](crate::Limits::call_deadline).
    pub fn call_deadline(&self) -> Duration {
        self.limits.call_deadline
    }

    /// Returns the time for last words, [`Limits::drain`](crate::Limits::drain).
    pub fn drain_time(&self) -> Duration {
        self.limits.drain
    }

    /// Asks the peer for a sign of life now, and with it for its acknowledgement: somebody waits for
    /// that, or for an [`Event::Pong`]. Nothing happens while an earlier question is open.
    pub fn prompt(&mut self, now: Time) {
        self.now = self.now.max(now);
        // The pong of an open question answers this one, too. Pings for each caller would be a
        // flood.
        if self.is_welcomed() && !self.pings.is_open() {
            self.send_ping();
        }
    }
}
