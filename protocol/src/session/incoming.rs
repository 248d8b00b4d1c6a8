//! Requests that the peer makes: arriving, waiting for their turn, running, answered.

use std::sync::Arc;

use super::Request;
use super::credit::{Overrun, RecvWindow, charge, charge_all};
use super::queue::Fifo;
use super::reply::OutgoingReply;
use super::sorted::Sorted;
use super::stream::SendStream;
use super::timers::NextDeadline;
use crate::frame::{Answer, JOIN, PUBLISH, Part, Refusal};
use crate::limits::Limits;
use crate::{Alias, Class, SeqNo, Time};

/// A request and what it still counts against the window.
#[derive(Debug)]
struct QueuedRequest {
    request: Request,
    held: u64,
    /// True once it only waits to be answered so: whoever makes and cancels calls faster than they can start
    /// fills its own window.
    cancelled: bool,
}

#[derive(Debug)]
struct Running {
    /// None for an event that nobody hurries.
    deadline: Option<Time>,
    class: Class,
    /// True if it is wanted also where nobody waits for an answer.
    message: bool,
    /// Of a stream, until its reply is under way.
    feed: Option<SendStream>,
}

#[derive(Debug)]
struct Blocking {
    number: SeqNo,
    /// Bytes that it still counts against the window.
    held: u64,
    /// The charge of all of it, if it is an event.
    whole: u64,
}

/// Returns true if a request is wanted also if nobody waits for an answer: an event, or a publication.
fn is_message(request: &Request) -> bool {
    match request.class {
        Class::Event => true,
        Class::Topic => request.kind == PUBLISH,
        Class::Call | Class::Stream => false,
    }
}

/// Returns the charge of a whole event, however its parts were credited; nothing for what is no event.
fn event_charge(request: &Request) -> u64 {
    match request.class {
        Class::Event => charge_all(request.payload.len()) as u64,
        Class::Call | Class::Stream | Class::Topic => 0,
    }
}

/// A fault of a request's frame.
#[derive(Debug)]
pub(super) enum RequestFault {
    Overrun,
    OutOfPlace,
    TooLarge,
}

impl From<Overrun> for RequestFault {
    fn from(_: Overrun) -> Self {
        Self::Overrun
    }
}

#[derive(Debug)]
pub(super) struct Incoming {
    grant: RecvWindow,
    /// The request whose parts are arriving.
    partial: Option<QueuedRequest>,
    waiting: Fifo<QueuedRequest>,
    /// Handlers at work.
    running: Sorted<SeqNo, Running>,
    /// The request at work that must end before the next starts.
    blocking: Option<Blocking>,
    /// The kinds of calls that block too.
    in_order: Vec<u32>,
    /// Answers that wait for the socket. With `running`, never more than the limit of calls.
    answers: Vec<OutgoingReply>,
    /// The number of parts of items that went out.
    turns: u64,
    limits: Arc<Limits>,
}

impl Incoming {
    pub(super) fn new(limits: &Arc<Limits>) -> Self {
        Self {
            grant: RecvWindow::new(limits.requests),
            partial: None,
            waiting: Fifo::default(),
            running: Sorted::default(),
            blocking: None,
            in_order: Vec::new(),
            answers: Vec::new(),
            turns: 0,
            limits: Arc::clone(limits),
        }
    }

    /// Begins where another session was lost. So much `burden` of that counts against the window of
    /// which the peer was `told`.
    pub(super) fn after(limits: &Arc<Limits>, told: u64, burden: u64) -> Self {
        let mut incoming = Self::new(limits);
        incoming.grant = RecvWindow::burdened(limits.requests, told, burden);
        incoming
    }

    /// Panics if it contradicts itself. What is held is `whole` until the session ends.
    pub(super) fn check_invariants(&self, whole: bool) {
        self.grant.check_invariants();
        let queued = self.waiting.iter().chain(&self.partial);
        let held: u64 = queued.map(|queued| queued.held).sum();
        let blocking = self.blocking.as_ref();
        let held = held + blocking.map_or(0, |blocking| blocking.held);
        assert!(
            !whole || held == self.grant.held(),
            "the window's room is held by requests: {held} of {:?}",
            self.grant
        );
        assert!(
            blocking.is_none_or(|blocking| self.is_running(blocking.number)),
            "a request at work stands before the others: {blocking:?}"
        );
        // An event at work is no call.
        let calls = self.running.len() + self.answers.len();
        assert!(
            calls <= self.limits.calls + 1,
            "{calls} calls are at work or being answered"
        );
    }

    pub(super) fn set_in_order(&mut self, kinds: Vec<u32>) {
        self.in_order = kinds;
    }

    /// Returns the limit of the peer.
    pub(super) fn granted(&self) -> u64 {
        self.grant.granted()
    }

    pub(super) fn grant_is_worth_telling(&self) -> bool {
        self.grant.is_worth_telling()
    }

    pub(super) fn tell_grant(&mut self) -> u64 {
        self.grant.tell()
    }

    /// Returns the bytes that wait for their turn, as charged, and those of answers and items that wait for the socket.
    pub(super) fn held_bytes(&self) -> usize {
        let answers = self
            .answers
            .iter()
            .map(|answering| match &answering.answer {
                Answer::Value(payload) | Answer::Error(payload) => payload.len(),
                Answer::Refused(_) => 0,
            });
        let running = self.running.values();
        let feeds = running.filter_map(|running| running.feed.as_ref());
        let held = usize::try_from(self.grant.held()).unwrap_or(usize::MAX);
        // Credited parts of an unfinished request have left the window, and are still in memory.
        let partial = self.partial.as_ref().map(|held| held.request.payload.len());
        let waiting = answers
            .chain(feeds.map(SendStream::queued_bytes))
            .chain(partial);
        waiting.fold(held, usize::saturating_add)
    }

    /// Returns the number of requests that wait or are at work, and of answers that wait for the socket.
    pub(super) fn count(&self) -> usize {
        let waiting = self.waiting.iter().count() + usize::from(self.partial.is_some());
        waiting + self.running.len() + self.answers.len()
    }

    /// Takes the first frame of a request, which may be its only one.
    pub(super) fn begin(&mut self, request: Request, more: bool) -> Result<(), RequestFault> {
        // Parts don't name their request: with two under way, nobody could tell whose they are.
        if self.partial.is_some() {
            return Err(RequestFault::OutOfPlace);
        }
        // Its length isn't judged: the bound of a payload is never less than one part.
        let held = charge(request.payload.len());
        // Counted before it is kept: a peer that overruns its window makes nothing grow.
        self.grant.arrive(held)?;
        let held = QueuedRequest {
            request,
            held,
            cancelled: false,
        };
        if more {
            self.partial = Some(held);
            self.release_head();
        } else {
            self.waiting.push(held);
        }
        Ok(())
    }

    /// Takes a further frame of the request that has begun.
    pub(super) fn go_on(
        &mut self,
        class_is: fn(Class) -> bool,
        part: Part,
        payload: &[u8],
    ) -> Result<(), RequestFault> {
        self.grant.arrive(charge(payload.len()))?;
        let partial = self.partial.as_mut().ok_or(RequestFault::OutOfPlace)?;
        if !class_is(partial.request.class) {
            return Err(RequestFault::OutOfPlace);
        }
        partial.request.payload.extend_from_slice(payload);
        partial.held += charge(payload.len());
        // One part too many is kept until here, and a frame bounds that.
        if partial.request.payload.len() > self.limits.payload {
            return Err(RequestFault::TooLarge);
        }
        if part.more {
            self.release_head();
        } else if let Some(whole) = self.partial.take() {
            self.waiting.push(whole);
        }
        Ok(())
    }

    /// Credits the parts of an unfinished request as they come, once no request stands before it: it may be larger than
    /// the window.
    fn release_head(&mut self) {
        if self.waiting.is_empty()
            && let Some(partial) = &mut self.partial
        {
            self.grant.release(std::mem::take(&mut partial.held));
        }
    }

    /// Starts the next request, if nothing stands in its way. Those that were cancelled are answered
    /// when it is their turn.
    pub(super) fn start(&mut self, now: Time, stream_window: u64) -> Option<Request> {
        loop {
            if self.blocking.is_some() {
                return None;
            }
            let next = self.waiting.first()?;
            let is_answered = next.request.class != Class::Event;
            // Answers on their way count, too: a peer that reads nothing would have any number of them.
            if is_answered && self.running.len() + self.answers.len() >= self.limits.calls {
                return None;
            }
            let QueuedRequest {
                request,
                held,
                cancelled,
            } = self.waiting.pop()?;
            let number = request.number;
            let blocks = request.class == Class::Event
                // Publications of one client keep their order, and joins of one topic theirs.
                || request.class == Class::Topic && matches!(request.kind, JOIN | PUBLISH)
                || self.in_order.contains(&request.kind);
            plant!("event_does_not_block", let blocks = blocks && request.class != Class::Event);
            // What runs in order keeps its room in the window until it is done: a slow handler slows its sender down.
            if blocks && !cancelled {
                let whole = event_charge(&request);
                self.blocking = Some(Blocking {
                    number,
                    held,
                    whole,
                });
            } else {
                // From here on the limit of calls bounds it.
                self.grant.release(held);
            }
            // Nothing may stand before the unfinished request now. Without credit its peer could
            // never send the rest.
            self.release_head();
            if cancelled {
                // Its caller keeps the id until the answer: without one, that place among its calls
                // is lost.
                plant!("cancel_unanswered", continue);
                let answer = Answer::Refused(Refusal::Cancelled.into());
                self.answers.push(OutgoingReply::new(number, answer));
                continue;
            }
            let running = Running {
                deadline: Some(now + self.limits.call_deadline),
                class: request.class,
                message: is_message(&request),
                feed: (request.class == Class::Stream)
                    .then(|| SendStream::new(stream_window, self.turns)),
            };
            self.running.insert(number, running);
            return Some(request);
        }
    }

    /// Returns true if one more stream is too many.
    pub(super) fn is_crowded(&self) -> bool {
        let streams = self
            .running
            .values()
            .filter(|running| running.feed.is_some());
        // The stream that has just started is among them.
        streams.count() > self.limits.streams
    }

    /// Removes the deadline of an event, which has all the time that it needs.
    pub(super) fn hold(&mut self, event: SeqNo) {
        plant!("hold_ignored", return);
        let running = self.running.get_mut(event);
        if let Some(running) = running.filter(|running| running.class == Class::Event) {
            running.deadline = None;
        }
    }

    /// Ends an event, whose handler is done.
    pub(super) fn done(&mut self, event: SeqNo) {
        let running = self.running.get(event);
        if running.is_some_and(|running| running.class == Class::Event) {
            self.running.remove(event);
            self.unblock(event);
        }
    }

    fn unblock(&mut self, number: SeqNo) {
        // Calls end beside the request that blocks: only its own end lets the next one start.
        let is_it = |blocking: &mut Blocking| blocking.number == number;
        if let Some(blocking) = self.blocking.take_if(is_it) {
            self.grant.release(blocking.held);
        }
    }

    /// Takes a handler's answer, unless the call isn't running (any more). A stream's waits behind
    /// its items.
    pub(super) fn answer(&mut self, call: SeqNo, answer: Answer<Vec<u8>>) {
        let Some(running) = self.running.get_mut(call) else {
            // A cancel, the deadline or a goodbye was faster. A second reply would be a fault of this side.
            return;
        };
        plant!("end_before_items", running.feed = None);
        let waits = |feed: &&mut SendStream| !feed.is_empty();
        if let Some(feed) = running.feed.as_mut().filter(waits) {
            // The first end stands: a handler that was cut has ended already.
            feed.end.get_or_insert(answer);
            return;
        }
        // An event isn't answered: `done` ends it.
        if running.class != Class::Event {
            self.running.remove(call);
            self.unblock(call);
            self.answers.push(OutgoingReply::new(call, answer));
        }
    }

    pub(super) fn is_running(&self, request: SeqNo) -> bool {
        self.running.contains_key(request)
    }

    /// Answers a running call that joins a topic.
    pub(super) fn answer_join(&mut self, call: SeqNo, joined: Vec<u8>, alias: Alias) {
        self.running.remove(call);
        self.unblock(call);
        let mut answering = OutgoingReply::new(call, Answer::Value(joined));
        answering.joins = Some(alias);
        self.answers.push(answering);
    }

    /// Ends a running request; a call is refused so.
    pub(super) fn cut(&mut self, call: SeqNo, answer: Refusal) {
        // A stream's waiting items go with it. The peer takes an item behind the reply for a fault.
        let running = self.running.remove(call);
        if running.is_some_and(|running| running.class != Class::Event) {
            let answer = Answer::Refused(answer.into());
            self.answers.push(OutgoingReply::new(call, answer));
        }
        // A request that was cut while it ran in order would stop all behind it for ever.
        self.unblock(call);
    }

    /// Cancels a call. Returns true if its handler is at work, and is to be dropped.
    pub(super) fn cancel(&mut self, call: SeqNo) -> bool {
        if self
            .running
            .get(call)
            .is_some_and(|running| running.class != Class::Event)
        {
            self.cut(call, Refusal::Cancelled);
            return true;
        }
        let is_it = |held: &QueuedRequest| {
            held.request.number == call && held.request.class != Class::Event
        };
        if let Some(partial) = self.partial.take_if(|partial| is_it(partial)) {
            // Its other parts will not come.
            self.waiting.push(partial);
        }
        // They wait in the order of their numbers.
        let waiting = self.waiting.find_mut(&call, |held| held.request.number);
        if let Some(held) = waiting.filter(|held| is_it(held)) {
            // Its place stays, as it is answered in its turn; its bytes needn't wait for that.
            held.request.payload = Vec::new();
            held.cancelled = true;
            return false;
        }
        // An answer that has begun goes on, or its parts would be taken for another's. A join that was granted is the
        // client's to leave.
        let is_it = |answering: &&mut OutgoingReply| answering.call == call && !answering.begun;
        if let Some(answering) = self.answers.iter_mut().find(is_it)
            && answering.joins.is_none()
        {
            answering.answer = Answer::Refused(Refusal::Cancelled.into());
        }
        false
    }

    pub(super) fn feed(&mut self, call: SeqNo) -> Option<&mut SendStream> {
        self.running.get_mut(call)?.feed.as_mut()
    }

    /// Gives a stream the time for its next item.
    pub(super) fn renew(&mut self, now: Time, call: SeqNo) {
        if let Some(running) = self.running.get_mut(call) {
            running.deadline = Some(now + self.limits.call_deadline);
        }
    }

    /// Returns the stream whose turn it is, of those that have a part that may go.
    pub(super) fn next_feed(&self) -> Option<SeqNo> {
        let feeds = self.running.iter().filter_map(|(number, running)| {
            let feed = running.feed.as_ref()?;
            let turn = feed.last_turn;
            plant!("first_stream_first", let turn = 0);
            feed.next_part().map(|_| (turn, number))
        });
        // Whose last turn is longest ago: in the order of their numbers, one would wait for all that begin meanwhile.
        feeds.min().map(|(_, number)| number)
    }

    /// Notes that a part of this stream went out. Returns true if its producer waited for the room that this made.
    pub(super) fn fed(&mut self, now: Time, call: SeqNo) -> bool {
        plant!("sent_item_gives_no_time", return self.departed(call));
        self.renew(now, call);
        self.departed(call)
    }

    fn departed(&mut self, call: SeqNo) -> bool {
        self.turns += 1;
        let turn = self.turns;
        let Some(feed) = self.feed(call) else {
            return false;
        };
        feed.departed(turn);
        // Only an empty queue surely takes the item that was refused, whose size isn't known here.
        let wanted = feed.is_empty() && std::mem::take(&mut feed.wanted);
        let end = if feed.is_empty() {
            feed.end.take()
        } else {
            None
        };
        // The answer waited for the last item.
        if let Some(answer) = end {
            self.answer(call, answer);
        }
        wanted
    }

    pub(super) fn next_answer(&self) -> Option<&OutgoingReply> {
        self.answers.first()
    }

    /// Notes that a part of the [`next_answer`](Self::next_answer) went out; gives the topic that was joined with
    /// it. A long one lets others pass.
    pub(super) fn answer_sent(&mut self, len: usize, more: bool) -> Option<(Alias, SeqNo)> {
        if self.answers.is_empty() {
            return None;
        }
        // They are few, as calls are: to move them costs little.
        let mut front = self.answers.remove(0);
        if !more {
            return front.joins.map(|alias| (alias, front.call));
        }
        // It goes to the end: a long answer doesn't keep short ones waiting.
        front.sent += len;
        front.begun = true;
        self.answers.push(front);
        plant!("long_answer_stays_first", self.answers.rotate_right(1));
        None
    }

    /// Ends a handler that has run too long, if there is one. A stream whose consumer is slow has time.
    pub(super) fn cut_late(&mut self, now: Time) -> Option<SeqNo> {
        let mut late = None;
        for (number, running) in self.running.iter_mut() {
            if running.deadline.is_none_or(|deadline| now < deadline) {
                continue;
            }
            let consumer_is_slow = running.feed.as_ref().is_some_and(|feed| !feed.is_empty());
            if !consumer_is_slow {
                late = Some(number);
                break;
            }
            running.deadline = Some(now + self.limits.call_deadline);
        }
        self.cut(late?, Refusal::Deadline);
        late
    }

    pub(super) fn add_deadlines(&self, next: &mut NextDeadline) {
        for running in self.running.values() {
            next.add(running.deadline);
        }
    }

    /// Forgets the waiting calls of a peer that waits for no answers any more; its events and publications
    /// stay.
    pub(super) fn keep_messages(&mut self) {
        // Its other parts won't be taken after a goodbye of either side.
        self.partial = None;
        // The room of calls isn't given back: after a goodbye nothing more is taken.
        self.waiting.retain(|held| is_message(&held.request));
    }

    /// Forgets a call of such a peer that is at work, if there is one.
    pub(super) fn forget_call(&mut self) -> Option<SeqNo> {
        let is_call = |(_, running): &(SeqNo, &Running)| !running.message;
        let (call, _) = self.running.iter().find(is_call)?;
        // Not answered: after a goodbye nobody awaits that, and it would delay the end.
        self.running.remove(call);
        self.unblock(call);
        Some(call)
    }

    /// Takes out the next event that has come and hasn't started, and whatever waits before it: they are
    /// nobody's any more.
    pub(super) fn next_waiting_event(&mut self) -> Option<Request> {
        loop {
            let request = self.waiting.pop()?.request;
            if request.class == Class::Event {
                return Some(request);
            }
        }
    }

    /// Returns the bytes that would still take room if the session were lost now: its events that aren't done, whole, and
    /// those of sessions before it.
    pub(super) fn burden(&self) -> u64 {
        // An event that isn't whole takes none: it was never accepted, and goes with its session.
        let waiting = self.waiting.iter().map(|held| event_charge(&held.request));
        let blocking = self.blocking.as_ref().map_or(0, |blocking| blocking.whole);
        self.grant.burden() + blocking + waiting.sum::<u64>()
    }

    /// Frees the room of what was left of sessions before this one.
    pub(super) fn unburden(&mut self) {
        self.grant.unburden();
    }

    /// Returns true if any event or publication is waiting or at work, once the rest is forgotten.
    pub(super) fn has_messages(&self) -> bool {
        !self.waiting.is_empty() || !self.running.is_empty()
    }

    /// Forgets all requests; what runs is of no use any more.
    pub(super) fn clear(&mut self) {
        self.stop();
        self.answers.clear();
    }

    /// Forgets what hasn't started and what runs, and keeps the answers that wait for the socket.
    pub(super) fn stop(&mut self) {
        // Answers stay: what was answered before the end still goes out, in front of the goodbye.
        self.partial = None;
        self.waiting.clear();
        self.running.clear();
        self.blocking = None;
    }
}
