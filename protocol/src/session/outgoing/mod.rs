//! Requests that this side makes: waiting for the window, in flight, answered or acknowledged.

mod invariants;
mod unsent;

use std::sync::Arc;

use super::credit::{SendWindow, charge, charge_all};
use super::sorted::Sorted;
use super::stream::RecvStream;
use super::timers::NextDeadline;
use super::waiting::{Queued, Span, Waiting};
use super::{Full, Outcome, RequestKey};
use crate::frame::{Answer, LEAVE, Refusal};
use crate::limits::Limits;
use crate::{Class, SeqNo, Time};

/// The most events that wait for the peer's acknowledgement: one that gives credit and acknowledges
/// nothing doesn't make this side's memory grow.
const MAX_UNACKNOWLEDGED: usize = 4096;

/// A call that the peer has, at least in part.
#[derive(Debug)]
pub(super) struct InFlight {
    /// Gone once the caller has its outcome: the id stays taken until the peer answers it.
    pub(super) key: Option<RequestKey>,
    kind: u32,
    /// None for what nobody waits for.
    deadline: Option<Time>,
    /// All of it is sent.
    pub(super) whole: bool,
    /// The beginning of a reply that isn't whole yet.
    answer: Option<Answer<Vec<u8>>>,
    /// The items, if it is a stream.
    pub(super) items: Option<RecvStream>,
}

impl InFlight {
    /// Returns true once a part of the reply has come: no item follows.
    pub(super) fn answer_has_begun(&self) -> bool {
        self.answer.is_some()
    }
}

#[derive(Debug)]
pub(super) struct Outgoing {
    next_key: u64,
    waiting: Waiting,
    /// Requests that an earlier session never sent, until the application is ready for the session.
    unsent: Waiting,
    /// True while requests that were never sent outlive their session.
    keeps_unsent: bool,
    /// True while `unsent` waits for the application. What is asked for meanwhile is asked for again in a further
    /// session, so it ends with this one.
    is_replacing: bool,
    /// True while what is asked for waits behind `unsent`.
    holds_back: bool,
    in_flight: Sorted<SeqNo, InFlight>,
    /// Events that aren't acknowledged, by the number of their last frame.
    unacknowledged: Sorted<SeqNo, RequestKey>,
    /// Calls to be cancelled. Each is in flight, so it is bounded as those are.
    cancels: Vec<SeqNo>,
    window: SendWindow,
    /// The kinds that the peer doesn't take.
    refused: Vec<(u32, Refusal)>,
    /// The largest payload that the peer takes, once it has told.
    largest: Option<usize>,
    streams: usize,
    limits: Arc<Limits>,
    /// The outcomes of requests that are over, until the session reports them.
    pub(super) ended: Vec<Settled>,
}

/// The fate of a request that waits.
enum Fate {
    Stays,
    /// Nobody waits for its outcome.
    Goes,
    Ends(Outcome),
}

/// The outcome of a request.
pub(super) type Settled = (RequestKey, Outcome);

impl Outgoing {
    pub(super) fn new(limits: &Arc<Limits>) -> Self {
        Self {
            next_key: 0,
            waiting: Waiting::default(),
            unsent: Waiting::default(),
            keeps_unsent: false,
            is_replacing: false,
            holds_back: false,
            in_flight: Sorted::default(),
            unacknowledged: Sorted::default(),
            cancels: Vec::new(),
            window: SendWindow::default(),
            refused: Vec::new(),
            largest: None,
            streams: 0,
            limits: Arc::clone(limits),
            ended: Vec::new(),
        }
    }

    pub(super) fn new_key(&mut self) -> RequestKey {
        self.next_key += 1;
        RequestKey(self.next_key)
    }

    /// Returns the refusal with which the peer would meet such a request, as far as it has told.
    pub(super) fn refusal(&self, kind: u32, class: Class, payload: usize) -> Option<Refusal> {
        if self.largest.is_some_and(|largest| payload > largest) {
            Some(Refusal::TooLarge)
        } else if class == Class::Stream && self.streams >= self.limits.streams {
            Some(Refusal::Busy)
        } else {
            why_refused(&self.refused, kind)
        }
    }

    /// Returns true if a payload of this length may wait here.
    pub(super) fn has_room(&self, payload: usize) -> bool {
        let waiting = match self.holds_back {
            true => &self.unsent,
            false => &self.waiting,
        };
        // What is larger than the queue goes alone, or it never could.
        waiting.is_empty() || waiting.bytes() + charge_all(payload) <= self.limits.queued
    }

    pub(super) fn push(
        &mut self,
        now: Time,
        class: Class,
        kind: u32,
        payload: Vec<u8>,
    ) -> Result<RequestKey, Full> {
        if !self.has_room(payload.len()) {
            return Err(Full);
        }
        // An event's outcome is its acknowledgement, however long that takes.
        let deadline = (class != Class::Event).then(|| now + self.limits.call_deadline);
        self.streams += usize::from(class == Class::Stream);
        Ok(self.enqueue(deadline, class, kind, payload))
    }

    /// Queues what leaves a topic, whatever waits: the peer's subscriptions bound it.
    pub(super) fn push_leave(&mut self, payload: Vec<u8>) -> RequestKey {
        // Without a deadline: once a leave is given up, a publication of its topic counts as a fault.
        self.enqueue(None, Class::Topic, LEAVE, payload)
    }

    fn enqueue(
        &mut self,
        deadline: Option<Time>,
        class: Class,
        kind: u32,
        payload: Vec<u8>,
    ) -> RequestKey {
        let key = self.new_key();
        let (span, waiting) = match (self.holds_back, self.keeps_unsent && !self.is_replacing) {
            // As what was carried over, it may come to stand behind later ones.
            (true, _) => (Span::CarriedOver, &mut self.unsent),
            (false, true) => (Span::Client, &mut self.waiting),
            (false, false) => (Span::Session, &mut self.waiting),
        };
        waiting.push(Queued {
            key,
            deadline,
            class,
            kind,
            payload,
            sent: 0,
            first: None,
            span,
        });
        key
    }

    /// Returns the bytes that wait to be sent, as charged, and those of the beginnings of answers.
    pub(super) fn held_bytes(&self) -> usize {
        let begun = self.in_flight.values().map(|call| match &call.answer {
            Some(Answer::Value(payload) | Answer::Error(payload)) => payload.len(),
            Some(Answer::Refused(_)) | None => 0,
        });
        begun.fold(
            self.waiting.bytes() + self.unsent.bytes(),
            usize::saturating_add,
        )
    }

    /// Returns the number of requests that aren't over, and of outcomes that aren't told.
    pub(super) fn count(&self) -> usize {
        let waiting = self.waiting.iter().chain(self.unsent.iter()).count();
        let sent = self.in_flight.len() + self.unacknowledged.len() + self.cancels.len();
        waiting + sent + self.ended.len()
    }

    /// Returns true if nothing waits to be sent.
    pub(super) fn is_sent(&self) -> bool {
        self.waiting.is_empty() && self.unsent.is_empty()
    }

    /// Takes another payload for a request that hasn't begun to go out.
    pub(super) fn replace(&mut self, key: RequestKey, payload: Vec<u8>) -> Result<(), Vec<u8>> {
        if self.largest.is_some_and(|largest| payload.len() > largest) {
            return Err(payload);
        }
        let most = self.limits.queued;
        let replaced = self.waiting.replace(key, payload, most);
        replaced.or_else(|payload| self.unsent.replace(key, payload, most))
    }

    /// Takes what the peer says of itself, and ends what of the queue it wouldn't take.
    pub(super) fn judge(&mut self, largest: u64, window: u64, refused: &[(u32, Refusal)]) {
        self.largest = Some(usize::try_from(largest).unwrap_or(usize::MAX));
        self.refused = refused.to_vec();
        self.window.raise(window);
        self.sift(&mut |queued| match why_refused(refused, queued.kind) {
            Some(why) => Fate::Ends(Outcome::refused(why)),
            // Sent, it would cost the session: a payload beyond the peer's bound ends it with `limit`.
            None if queued.payload.len() as u64 > largest => {
                Fate::Ends(Outcome::refused(Refusal::TooLarge))
            }
            None => Fate::Stays,
        });
    }

    /// Has the windows of streams told again, which may not have arrived.
    pub(super) fn tell_streams_again(&mut self) {
        plant!("streams_not_retold", return);
        for call in self.in_flight.values_mut() {
            plant!("part_lost_at_cut", call.answer = None);
            if let Some(items) = &mut call.items {
                items.grant.tell_again();
            }
        }
    }

    pub(super) fn grant(&mut self, window: u64) {
        self.window.raise(window);
    }

    /// Returns the request whose next part may go out now, if there is one.
    pub(super) fn ready(&self) -> Option<&Queued> {
        // The head alone: a request that passed one without room would break the order in which they were
        // made.
        let head = self.waiting.first()?;
        let fits = self.window.fits(charge(head.next_part().0.len()));
        let may_go = match head.class {
            // No answer makes room after an event, so what isn't acknowledged bounds them.
            Class::Event => self.unacknowledged.len() < MAX_UNACKNOWLEDGED,
            // One that has begun has its place in flight already: to wait for another would be to wait for itself.
            _ => head.has_begun() || self.in_flight.len() < self.limits.calls,
        };
        plant!("long_call_waits", let may_go = may_go && self.in_flight.len() < self.limits.calls);
        (fits && may_go).then_some(head)
    }

    /// Takes note that the next part of the [`ready`](Self::ready) request went out under `number`.
    pub(super) fn departed(&mut self, number: SeqNo) {
        let Some(head) = self.waiting.first_mut() else {
            return;
        };
        let (part, more) = head.next_part();
        let len = part.len();
        head.sent += len;
        self.window.spend(charge(len));
        let first = *head.first.get_or_insert(number);
        match head.class {
            Class::Call | Class::Stream | Class::Topic => {
                if first == number {
                    let is_stream = head.class == Class::Stream;
                    let call = InFlight {
                        key: Some(head.key),
                        kind: head.kind,
                        deadline: head.deadline,
                        whole: !more,
                        answer: None,
                        items: is_stream.then(|| RecvStream::new(self.limits.stream_window)),
                    };
                    self.in_flight.insert(first, call);
                } else if let Some(call) = self.in_flight.get_mut(first) {
                    call.whole = !more;
                }
            }
            Class::Event if !more => {
                self.unacknowledged.insert(number, head.key);
            }
            // The ack of its last frame settles an event, and none before.
            Class::Event => {}
        }
        if !more {
            self.waiting.pop();
        }
    }

    pub(super) fn next_cancel(&self) -> Option<SeqNo> {
        self.cancels.first().copied()
    }

    pub(super) fn cancel_sent(&mut self) {
        if !self.cancels.is_empty() {
            self.cancels.remove(0);
        }
    }

    /// Returns the call with this id, if it is open.
    pub(super) fn call(&mut self, call: SeqNo) -> Option<&mut InFlight> {
        self.in_flight.get_mut(call)
    }

    /// Returns the call of this key, if it is in flight, and its id.
    pub(super) fn in_flight_of(&mut self, key: RequestKey) -> Option<(SeqNo, &mut InFlight)> {
        self.in_flight
            .iter_mut()
            .find(|(_, call)| call.key == Some(key))
    }

    /// Gives a stream its time for the next item: one has come as a whole, or was taken.
    pub(super) fn renew(&mut self, now: Time, call: SeqNo) {
        let deadline = now + self.limits.call_deadline;
        if let Some(call) = self.in_flight.get_mut(call) {
            call.deadline = Some(deadline);
        }
    }

    /// Returns a stream of which the peer should hear how far it may go.
    pub(super) fn stream_news(&mut self) -> Option<(SeqNo, &mut RecvStream)> {
        self.in_flight.iter_mut().find_map(|(call, state)| {
            let items = state.items.as_mut()?;
            items.grant.is_worth_telling().then_some((call, items))
        })
    }

    pub(super) fn has_stream_news(&self) -> bool {
        let worth = |items: &RecvStream| items.grant.is_worth_telling();
        let mut streams = self
            .in_flight
            .values()
            .filter_map(|call| call.items.as_ref());
        streams.any(worth)
    }

    /// Keeps the beginning of an answer.
    pub(super) fn answer_begins(
        &mut self,
        call: SeqNo,
        answer: Answer<Vec<u8>>,
    ) -> Result<(), OutOfPlace> {
        let call = self.in_flight.get_mut(call).ok_or(OutOfPlace)?;
        match call.answer.replace(answer) {
            None => Ok(()),
            Some(_) => Err(OutOfPlace),
        }
    }

    /// Adds to an answer that has begun, and gives its new length.
    pub(super) fn answer_goes_on(&mut self, call: SeqNo, part: &[u8]) -> Result<usize, OutOfPlace> {
        let call = self.in_flight.get_mut(call).ok_or(OutOfPlace)?;
        match call.answer.as_mut() {
            Some(Answer::Value(payload) | Answer::Error(payload)) => {
                payload.extend_from_slice(part);
                Ok(payload.len())
            }
            Some(Answer::Refused(_)) | None => Err(OutOfPlace),
        }
    }

    /// Closes a call whose answer is whole.
    pub(super) fn answered(&mut self, call: SeqNo) -> Result<AnsweredCall, OutOfPlace> {
        let state = self.in_flight.remove(call).ok_or(OutOfPlace)?;
        let cancel = self.cancels.iter().position(|cancelled| *cancelled == call);
        // While a part of the call is still here, only a cancel that the peer has heard can have ended it.
        if !state.whole && (state.key.is_some() || cancel.is_some()) {
            return Err(OutOfPlace);
        }
        // One that nobody waits for doesn't count any more.
        self.streams -= usize::from(state.items.is_some() && state.key.is_some());
        // The answer has crossed the cancel, which has nothing to end now.
        if let Some(place) = cancel {
            self.cancels.remove(place);
        }
        Ok(AnsweredCall {
            key: state.key,
            kind: state.kind,
            answer: state.answer.ok_or(OutOfPlace)?,
        })
    }

    /// Settles the events up to this number, which have arrived.
    pub(super) fn acknowledge(&mut self, received: SeqNo) {
        let settled = self.unacknowledged.take_up_to(received);
        self.ended
            .extend(settled.map(|key| (key, Outcome::Accepted)));
    }

    /// Cancels a request whose caller wants no outcome. Events go all the same.
    pub(super) fn cancel(&mut self, key: RequestKey) {
        // The rest of a call that is half out goes, too: its cancel takes the place of that.
        self.sift(&mut |queued| {
            if queued.class != Class::Event && queued.key == key {
                Fate::Goes
            } else {
                Fate::Stays
            }
        });
        let in_flight = self.in_flight_of(key);
        if let Some((number, call)) = in_flight {
            // It stays in flight until it is answered: an answer under way has to find it.
            call.key = None;
            let is_stream = call.items.is_some();
            self.streams -= usize::from(is_stream);
            self.cancels.push(number);
        }
    }

    /// Ends the calls whose deadline has passed.
    pub(super) fn expire(&mut self, now: Time) {
        for (number, call) in self.in_flight.iter_mut() {
            if call.deadline.is_none_or(|deadline| now < deadline) {
                continue;
            }
            // Items are there: the consumer is slow, and not the other end.
            if call.items.as_ref().is_some_and(RecvStream::has_unconsumed) {
                call.deadline = Some(now + self.limits.call_deadline);
            // Without a cancel the handler would go on for nobody.
            } else if let Some(key) = call.key.take() {
                self.streams -= usize::from(call.items.is_some());
                self.cancels.push(number);
                self.ended.push((key, Outcome::Deadline));
            }
        }
        // After the calls in flight: one that is half out is among them, and may have ended just now.
        let under_way = self.under_way().and_then(|first| self.in_flight.get(first));
        let is_over = under_way.is_some_and(|call| call.key.is_none());
        plant!("late_call_goes_on", let is_over = false);
        self.sift(&mut |queued| {
            if queued.has_begun() {
                // Its cancel goes in place of the rest.
                if is_over {
                    return Fate::Goes;
                }
            } else if queued.deadline.is_some_and(|deadline| deadline <= now) {
                return Fate::Ends(Outcome::Deadline);
            }
            Fate::Stays
        });
    }

    pub(super) fn add_deadlines(&self, next: &mut NextDeadline) {
        for call in self.in_flight.values() {
            // Without a key it has its outcome, and only waits for the peer's answer.
            if call.key.is_some() {
                next.add(call.deadline);
            }
        }
        self.waiting.add_deadline(next);
        self.unsent.add_deadline(next);
    }

    /// Ends what was never handed to a socket as a whole.
    pub(super) fn end_queued(&mut self) {
        // Its last part never went out, so the peer can't have run it.
        if let Some(first) = self.under_way() {
            self.in_flight.remove(first);
        }
        self.sift(&mut |_| Fate::Ends(Outcome::NotReceived));
    }

    /// Ends what hasn't begun to go out. Topics are left all the same: what is still published there is
    /// dropped as long as the leave is under way.
    pub(super) fn end_unbegun(&mut self) {
        self.sift(&mut |queued| {
            let leaves = queued.class == Class::Topic && queued.kind == LEAVE;
            if queued.has_begun() || leaves {
                Fate::Stays
            } else {
                Fate::Ends(Outcome::NotReceived)
            }
        });
    }

    /// Keeps what was never handed to a socket as a whole for the session that may follow.
    fn keep_queued(&mut self) {
        // The queue decides about it: left in flight, it would have a second outcome.
        if let Some(first) = self.under_way() {
            self.in_flight.remove(first);
        }
        while let Some(mut queued) = self.waiting.pop() {
            let leaves = queued.class == Class::Topic && queued.kind == LEAVE;
            if queued.span == Span::Session {
                self.ended.push((queued.key, Outcome::NotReceived));
            } else if !leaves {
                // A topic of a lost session needs no leaving.
                (queued.sent, queued.first) = (0, None);
                queued.span = Span::CarriedOver;
                self.unsent.push(queued);
            }
        }
    }

    /// Ends everything but what the session that may follow takes over: `received` is what the peer says it has, if it
    /// said anything.
    pub(super) fn end_all(&mut self, received: Received, may_follow: bool) {
        // Before those in flight: what is half out is among both, and was never received.
        if self.keeps_unsent && may_follow {
            self.keep_queued();
        } else {
            self.end_queued();
        }
        let has = |number: SeqNo| match received {
            Received::UpTo(last) => Some(last.is_some_and(|last| number <= last)),
            Received::Untold => None,
        };
        for (number, call) in self.in_flight.take_all() {
            let outcome = match has(number) {
                Some(false) => Outcome::NotReceived,
                // A call that arrived may have run, and its answer is lost.
                Some(true) | None => Outcome::Unknown,
            };
            self.ended.extend(call.key.map(|key| (key, outcome)));
        }
        for (number, key) in self.unacknowledged.take_all() {
            let outcome = match has(number) {
                Some(true) => Outcome::Accepted,
                Some(false) => Outcome::NotReceived,
                None => Outcome::Unknown,
            };
            plant!("not_received_of_written", let outcome = has(number).map_or(Outcome::NotReceived, |_| outcome));
            self.ended.push((key, outcome));
        }
        // A handler ends with its session: no cancel is needed.
        self.cancels.clear();
        self.count_unsent_streams();
    }

    /// Returns the number of the request that is under way in parts: always the first that waits.
    fn under_way(&self) -> Option<SeqNo> {
        self.waiting.first()?.first
    }

    /// Decides of everything that waits.
    fn sift(&mut self, fate: &mut dyn FnMut(&Queued) -> Fate) {
        let (ended, streams) = (&mut self.ended, &mut self.streams);
        let mut stays = |queued: &Queued| {
            match fate(queued) {
                Fate::Stays => return true,
                Fate::Goes => {}
                Fate::Ends(outcome) => ended.push((queued.key, outcome)),
            }
            plant!("given_up_stream_counts", return false);
            *streams -= usize::from(queued.is_unbegun_stream());
            false
        };
        // What earlier sessions were asked for is older: its outcomes come first.
        self.unsent.retain(&mut stays);
        self.waiting.retain(&mut stays);
    }
}

fn why_refused(refused: &[(u32, Refusal)], kind: u32) -> Option<Refusal> {
    let mut refused = refused.iter();
    refused.find(|(of, _)| *of == kind).map(|(_, why)| *why)
}

/// A call that was answered.
#[derive(Debug)]
pub(super) struct AnsweredCall {
    /// Gone if the caller has its outcome already.
    pub(super) key: Option<RequestKey>,
    pub(super) kind: u32,
    pub(super) answer: Answer<Vec<u8>>,
}

/// A frame of an answer that doesn't belong where it came.
#[derive(Debug)]
pub(super) struct OutOfPlace;

/// The number that a peer said it had received when the connection ended.
#[derive(Clone, Copy, Debug)]
pub(super) enum Received {
    /// Everything up to this number, and nothing after.
    UpTo(Option<SeqNo>),
    /// It said nothing.
    Untold,
}
