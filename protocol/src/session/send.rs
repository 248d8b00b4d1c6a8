//! What goes to the peer.

use std::time::Duration;

use super::conn::{Conn, Progress};
use super::schedule::SendTurn;
use super::state::Role;
use super::timers::Timer;
use super::{Event, Session, SessionCore, Side, State};
use crate::Class;
use crate::frame::{
    self, Ack, Answer, Call, Cancel, Frame, Item, Part, Refusal, Reply, ReplyPart, StreamWindow,
};
use crate::goodbye::Goodbye;
use crate::limits::MAX_MESSAGE;

/// The longest time that an acknowledgement may wait for company.
const ACK_DELAY_SERVER: Duration = Duration::from_millis(50);
const ACK_DELAY_CLIENT: Duration = Duration::from_millis(100);

/// The result of a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WriteResult {
    Part,
    /// There is nothing that may go.
    Nothing,
    /// The message is full.
    NoRoom,
}

impl<S: Side> Session<S> {
    /// Starts the requests that may run now.
    pub(super) fn start_requests(&mut self) {
        // Events that came before a goodbye are still handled.
        if !self.is_welcomed() && !matches!(self.state(), State::Draining | State::PeerDraining) {
            return;
        }
        while let Some(request) = self
            .core
            .incoming
            .start(self.core.now, self.core.peer.stream)
        {
            // Judged in its turn, not as it comes: a stream before it may have ended by then.
            if request.class == Class::Stream && self.incoming.is_crowded() {
                self.incoming.cut(request.number, Refusal::Busy);
            } else if request.class == Class::Topic {
                if let Err(fault) = S::reserved_request(&mut self.core, request) {
                    return self.misbehaved(fault);
                }
            } else {
                self.emit(Event::Request(request));
            }
        }
    }
}

impl SessionCore {
    /// Returns true if anything but an acknowledgement has to go out before the socket may close.
    pub(super) fn has_last_words(&self) -> bool {
        let conn = self.conn.as_ref();
        conn.is_some_and(|conn| {
            conn.progress == Progress::Due
                && (!conn.handshake_is_sent()
                    || self.incoming.next_answer().is_some()
                    || conn.goodbye.is_some())
        })
    }

    fn has_signs(&self) -> bool {
        let conn = self.conn.as_ref();
        conn.is_some_and(|conn| conn.liveness.has_signs())
    }

    /// Has the next acknowledgement go out at once.
    pub(super) fn stop_waiting_with_ack(&mut self) {
        if let Some(conn) = &mut self.conn {
            conn.acks.set_due();
        }
    }

    fn has_data(&self) -> bool {
        // What goes again goes first, whatever is full: its bytes are kept already.
        if !self.retransmit.is_written() {
            return true;
        }
        !self.retransmit.is_full()
            && (self.incoming.next_answer().is_some()
                || self.outgoing.next_cancel().is_some()
                || self.outgoing.ready().is_some()
                || self.incoming.next_feed().is_some())
    }

    /// Returns true if anything waits for the transport, but for logs and for acknowledgements that may wait.
    pub(super) fn has_something_to_send(&self) -> bool {
        self.has_last_words()
            || self.has_signs()
            || self.outgoing.has_stream_news()
            || self.topics.subscriptions.has_news()
            || self.outlines.are_due()
            || self.has_data()
    }

    /// Fills one message: control first, then data in turns, then goodbye.
    pub(super) fn write(&mut self, out: &mut Vec<u8>) {
        let conn = self.conn.as_mut();
        let Some(conn) = conn.filter(|conn| conn.progress == Progress::Due) else {
            return;
        };
        // The handshake, the signs of life and the ack aren't measured: a message has room for all of them.
        // With its memory: a session opens once for each connection.
        out.extend_from_slice(&std::mem::take(&mut conn.handshake_out));
        // Credit goes before data: the peer can go on the sooner.
        self.write_signs_of_life(out);
        self.write_ack(out);
        self.write_stream_windows(out);
        self.write_topic_windows(out);
        self.write_data(out);
        // Outlines are for people who read a log: they keep no request waiting.
        self.write_outlines(out);
        self.write_goodbye(out);
    }

    fn write_signs_of_life(&mut self, out: &mut Vec<u8>) {
        // Nothing goes before the welcome, and behind a goodbye neither side watches for silence.
        if let Some(conn) = &mut self.conn
            && self.phase.state() == State::Open
        {
            conn.liveness.write_signs(self.pings.newest(), out);
        }
    }

    fn write_ack(&mut self, out: &mut Vec<u8>) {
        let (received, window) = (self.received.last_accepted(), self.incoming.granted());
        plant!("ack_ahead", let received = received.map(crate::SeqNo::next));
        let ack = Ack { received, window };
        let has_company = !out.is_empty() || self.has_data();
        let Some(Conn { acks, .. }) = &mut self.conn else {
            return;
        };
        // Nothing is new, or the session is over and nobody goes by it.
        if ack == acks.last_ack() || !matches!(self.phase.state(), State::Open | State::Draining) {
            return;
        }
        if has_company || acks.is_due() || self.incoming.grant_is_worth_telling() {
            self.incoming.tell_grant();
            Frame::Ack(ack).encode(out);
            acks.on_sent(ack);
            self.timers.stop(Timer::Ack);
        } else {
            let delay = match self.role {
                Role::Client => ACK_DELAY_CLIENT,
                Role::Server => ACK_DELAY_SERVER,
            };
            self.timers.start(Timer::Ack, self.now + delay);
        }
    }

    fn write_stream_windows(&mut self, out: &mut Vec<u8>) {
        // Nothing goes before the welcome. Behind a goodbye the peer drops its streams: nobody uses the
        // credit.
        if self.state() != State::Open {
            return;
        }
        while let Some((call, items)) = self.outgoing.stream_news() {
            let limit = items.grant.granted();
            if !append(&Frame::StreamWindow(StreamWindow { call, limit }), out) {
                return;
            }
            items.grant.tell();
        }
    }

    /// Writes one part of each in turn, until the message is full or nothing may go. The next message
    /// goes on with whoever found no room.
    fn write_data(&mut self, out: &mut Vec<u8>) {
        if !matches!(self.state(), State::Open | State::Draining | State::Closing) {
            return;
        }
        // Numbers come in their order: nothing new goes before all of the old is out again.
        self.retransmit.replay(out);
        let mut idle = 0;
        // Three turns of nothing are all three sources.
        while idle < 3 && self.retransmit.is_written() && !self.retransmit.is_full() {
            let written = match self.schedule.turn() {
                SendTurn::Answers => self.write_answer(out),
                // After a goodbye only what is answered already still goes.
                _ if self.state() != State::Open => WriteResult::Nothing,
                SendTurn::Requests => self.write_request(out),
                SendTurn::Items => self.write_item(out),
            };
            match written {
                WriteResult::Part => idle = 0,
                WriteResult::Nothing => idle += 1,
                WriteResult::NoRoom => return,
            }
            plant!(
                "turn_kept_while_busy",
                if idle == 0 {
                    continue;
                }
            );
            self.schedule.end_turn();
        }
    }

    fn write_answer(&mut self, out: &mut Vec<u8>) -> WriteResult {
        let Some(answering) = self.incoming.next_answer() else {
            return WriteResult::Nothing;
        };
        let (part, more) = answering.next_part();
        let len = match &part {
            Answer::Value(payload) | Answer::Error(payload) => payload.len(),
            Answer::Refused(_) => 0,
        };
        let content = match part {
            Answer::Value(payload) | Answer::Error(payload) if answering.has_begun() => {
                ReplyPart::Further { payload, more }
            }
            answer => ReplyPart::First { answer, more },
        };
        let number = self.retransmit.next_seq();
        let reply = Reply {
            number,
            call: answering.call,
            content,
        };
        if !self.retransmit.append(&Frame::Reply(reply), out) {
            return WriteResult::NoRoom;
        }
        if let Some((alias, join)) = self.incoming.answer_sent(len, more) {
            self.topics.cursors.activate(alias, join, number);
        }
        WriteResult::Part
    }

    fn write_request(&mut self, out: &mut Vec<u8>) -> WriteResult {
        let number = self.retransmit.next_seq();
        // A call that was given up half way blocks the peer's parts until its cancel: no other
        // request may come first.
        if let Some(call) = self.outgoing.next_cancel() {
            if !self
                .retransmit
                .append(&Frame::Cancel(Cancel { number, call }), out)
            {
                return WriteResult::NoRoom;
            }
            self.outgoing.cancel_sent();
            return WriteResult::Part;
        }
        let Some(request) = self.outgoing.ready() else {
            return WriteResult::Nothing;
        };
        let (payload, more) = request.next_part();
        let continues = request.has_begun();
        let part = Part { continues, more };
        let kind = (!continues).then_some(request.kind);
        let frame = match request.class {
            Class::Event => Frame::Event(frame::Event {
                number,
                part,
                kind,
                payload,
            }),
            Class::Call | Class::Stream | Class::Topic => Frame::Call(Call {
                number,
                part,
                kind,
                payload,
            }),
        };
        if !self.retransmit.append(&frame, out) {
            return WriteResult::NoRoom;
        }
        self.outgoing.departed(number);
        WriteResult::Part
    }

    fn write_item(&mut self, out: &mut Vec<u8>) -> WriteResult {
        let Some(call) = self.incoming.next_feed() else {
            return WriteResult::Nothing;
        };
        let number = self.retransmit.next_seq();
        let next = self.incoming.feed(call).and_then(|feed| feed.next_part());
        let Some((continues, payload, more)) = next else {
            return WriteResult::Nothing;
        };
        let part = Part { continues, more };
        let item = Item {
            number,
            part,
            call,
            payload,
        };
        if !self.retransmit.append(&Frame::Item(item), out) {
            return WriteResult::NoRoom;
        }
        if self.incoming.fed(self.now, call) {
            self.emit(Event::StreamWritable { call });
        }
        WriteResult::Part
    }

    fn write_goodbye(&mut self, out: &mut Vec<u8>) {
        // Who parts sends nothing else any more.
        let waits = self.incoming.next_answer().is_some() || !self.retransmit.is_written();
        if waits && self.state() != State::AwaitingClose {
            return;
        }
        let Some(conn) = &mut self.conn else { return };
        let Some(goodbye) = &conn.goodbye else { return };
        let last = Goodbye {
            received: self.received.last_accepted(),
            ..goodbye.clone()
        };
        if append(&Frame::Goodbye(last), out) {
            conn.progress = Progress::Sent;
        }
    }
}

/// Appends the frame if the message has room for it.
pub(super) fn append(frame: &Frame<'_>, out: &mut Vec<u8>) -> bool {
    let fits = out.len() + frame.encoded_len() <= MAX_MESSAGE;
    if fits {
        frame.encode(out);
    }
    fits
}
