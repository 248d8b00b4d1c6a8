//! What comes from the peer.

use super::incoming::RequestFault;
use super::outgoing::{AnsweredCall, OutOfPlace};
use super::state::Role;
use super::stream::ItemFault;
use super::timers::Timer;
use super::{Event, Outcome, PeerMisbehaved, Request, Session, SessionCore, Side, State};
use crate::frame::{
    self, Ack, Answer, Call, Cancel, Item, JOIN, Part, RESERVED, RawFrames, Reply, ReplyPart,
    StreamWindow, check_size,
};
use crate::limits::MAX_PART;
use crate::{Class, SeqNo};

impl<S: Side> Session<S> {
    /// Takes a message of the peer.
    pub(super) fn message(&mut self, message: &[u8]) {
        if S::ROLE == Role::Client && self.timers.is_running(Timer::Ack) {
            // A hidden page's timers sleep, its messages don't.
            self.stop_waiting_with_ack();
        }
        if let Err(fault) = check_size(message) {
            return self.misbehaved(fault.into());
        }
        self.on_receive();
        let last_seq = self.received.last_seq();
        for body in RawFrames::new(message) {
            // A frame may end the session or its connection: the rest of the message belongs to
            // nobody.
            if matches!(
                self.state(),
                State::Detached | State::Closing | State::Closed
            ) {
                return;
            }
            let taken = body
                .map_err(PeerMisbehaved::from)
                .and_then(|body| self.frame(body));
            if let Err(fault) = taken {
                return self.misbehaved(fault);
            }
        }
        // Only numbered frames are kept by the peer until they are acknowledged.
        if self.received.last_seq() != last_seq
            && let Some(conn) = &mut self.conn
        {
            conn.acks.on_receive(message.len());
        }
        S::message_taken(self);
    }
}

impl SessionCore {
    pub(super) fn ack(&mut self, ack: Ack) -> Result<(), PeerMisbehaved> {
        if let Some(received) = ack.received {
            // A peer that acknowledges what wasn't sent counts otherwise. The receipts of its acks
            // could be false.
            if received >= self.retransmit.next_seq() {
                return Err(PeerMisbehaved::AckAhead);
            }
            self.arrived(received);
        }
        self.outgoing.grant(ack.window);
        Ok(())
    }

    /// Takes note that the peer has everything up to this number.
    pub(super) fn arrived(&mut self, received: SeqNo) {
        self.retransmit.acknowledge(received);
        self.outgoing.acknowledge(received);
        plant!("receipt_twice", self.outgoing.ended.extend_from_within(..));
        self.report();
    }

    pub(super) fn called(&mut self, call: Call<'_>) -> Result<(), PeerMisbehaved> {
        let fits = |class| class != Class::Event;
        self.requested(fits, call.number, call.part, call.kind, call.payload)
    }

    pub(super) fn event(&mut self, event: frame::Event<'_>) -> Result<(), PeerMisbehaved> {
        let fits = |class| class == Class::Event;
        self.requested(fits, event.number, event.part, event.kind, event.payload)
    }

    fn requested(
        &mut self,
        fits: fn(Class) -> bool,
        number: SeqNo,
        part: Part,
        kind: Option<u32>,
        payload: &[u8],
    ) -> Result<(), PeerMisbehaved> {
        check_part(part.more, payload)?;
        let Some(kind) = kind else {
            return Ok(self.incoming.go_on(fits, part, payload)?);
        };
        // A reserved kind's topic is judged when the request starts.
        let is_reserved = kind >= RESERVED;
        let class = match self.class(kind) {
            Some(class) => class,
            // The table says nothing of reserved kinds: all of them are calls.
            None if is_reserved && fits(Class::Call) => Class::Topic,
            None => return Err(PeerMisbehaved::KindBeyondTable),
        };
        if !fits(class) && class != Class::Topic || class == Class::Topic && !is_reserved {
            return Err(PeerMisbehaved::WrongClass);
        }
        let request = Request {
            number,
            class,
            kind,
            // Copied, as the message's bytes are the shell's.
            payload: payload.to_vec(),
            topic: None,
        };
        Ok(self.incoming.begin(request, part.more)?)
    }

    pub(super) fn peer_cancels(&mut self, cancel: Cancel) -> Result<(), PeerMisbehaved> {
        self.has_come(cancel.call)?;
        if self.incoming.cancel(cancel.call) {
            self.emit(Event::Dropped {
                request: cancel.call,
                why: frame::Refusal::Cancelled,
            });
        }
        Ok(())
    }

    pub(super) fn stream_window(&mut self, window: StreamWindow) -> Result<(), PeerMisbehaved> {
        self.has_come(window.call)?;
        if let Some(feed) = self.incoming.feed(window.call) {
            feed.raise(window.limit);
        }
        Ok(())
    }

    /// Checks that this number has come. A call that is over may still be named: its answer and what names it may have
    /// crossed. For the number of another frame it does nothing.
    fn has_come(&self, call: SeqNo) -> Result<(), PeerMisbehaved> {
        if self.received.has_come(call) {
            Ok(())
        } else {
            Err(PeerMisbehaved::NoSuchCall)
        }
    }

    pub(super) fn reply(&mut self, reply: Reply<'_>) -> Result<(), PeerMisbehaved> {
        let whole = match &reply.content {
            ReplyPart::First { answer, more } => {
                let owned = match answer {
                    Answer::Value(payload) => Answer::Value(payload.to_vec()),
                    Answer::Error(payload) => Answer::Error(payload.to_vec()),
                    Answer::Refused(refused) => Answer::Refused(*refused),
                };
                if let Answer::Value(payload) | Answer::Error(payload) = answer {
                    check_part(*more, payload)?;
                }
                // Its length isn't judged: the bound of a payload is never less than one part.
                self.outgoing.answer_begins(reply.call, owned)?;
                !more
            }
            ReplyPart::Further { payload, more } => {
                check_part(*more, payload)?;
                let len = self.outgoing.answer_goes_on(reply.call, payload)?;
                if len > self.limits.payload {
                    return Err(PeerMisbehaved::PayloadTooLarge);
                }
                !more
            }
        };
        if whole {
            let AnsweredCall { key, kind, answer } = self.outgoing.answered(reply.call)?;
            // Subscriptions are the session's own: its application hears of the topic, and not of
            // the call.
            if kind == JOIN {
                return self.join_answered(reply.call, key, answer);
            }
            if let Some(key) = key {
                self.settled((key, Outcome::Answered(answer)));
            }
        }
        Ok(())
    }

    pub(super) fn item_came(&mut self, item: Item<'_>) -> Result<(), PeerMisbehaved> {
        let (now, largest) = (self.now, self.limits.payload);
        let call = self.outgoing.call(item.call);
        let call = call.ok_or(PeerMisbehaved::ReplyToNothing)?;
        // The reply ends the stream: nothing stands behind it.
        if call.answer_has_begun() {
            return Err(PeerMisbehaved::ItemAfterReply);
        }
        // No request is answered before its last part is out.
        let (key, items) = (call.key, call.items.as_mut().filter(|_| call.whole));
        let items = items.ok_or(PeerMisbehaved::ReplyToNothing)?;
        let Part { continues, more } = item.part;
        check_part(more, item.payload)?;
        let Some(payload) = items.part(continues, more, item.payload, largest)? else {
            // The time for an item isn't lengthened by its parts.
            return Ok(());
        };
        // Without a key the stream was given up. Its items go nowhere until the peer hears the
        // cancel.
        // Nobody consumes them, so no credit returns: a peer that ignores the cancel stops at its window.
        if let Some(call) = key {
            self.emit(Event::Item { call, payload });
        }
        self.outgoing.renew(now, item.call);
        Ok(())
    }
}

/// Checks that a part that more follow is full: short ones would let a message go on for ever.
fn check_part(more: bool, payload: &[u8]) -> Result<(), PeerMisbehaved> {
    if more && payload.len() < MAX_PART {
        return Err(PeerMisbehaved::ShortPart);
    }
    Ok(())
}

impl From<RequestFault> for PeerMisbehaved {
    fn from(fault: RequestFault) -> Self {
        match fault {
            RequestFault::Overrun => Self::WindowOverrun,
            RequestFault::OutOfPlace => Self::PartOutOfPlace,
            RequestFault::TooLarge => Self::PayloadTooLarge,
        }
    }
}

impl From<ItemFault> for PeerMisbehaved {
    fn from(fault: ItemFault) -> Self {
        match fault {
            ItemFault::Overrun => Self::WindowOverrun,
            ItemFault::OutOfPlace => Self::PartOutOfPlace,
            ItemFault::TooLarge => Self::PayloadTooLarge,
        }
    }
}

impl From<OutOfPlace> for PeerMisbehaved {
    fn from(_: OutOfPlace) -> Self {
        Self::ReplyToNothing
    }
}
