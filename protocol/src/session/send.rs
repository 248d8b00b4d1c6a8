//! What goes to the peer.

use std::time::Duration;

use super::state::Role;
use super::timers::Timer;
use super::{Event, Session, State};
use crate::frame::{Ack, Call, Frame, Reply};
use crate::goodbye::Goodbye;
use crate::limits::MAX_MESSAGE;

/// How long an acknowledgement may wait for company.
const ACK_DELAY_SERVER: Duration = Duration::from_millis(50);
const ACK_DELAY_CLIENT: Duration = Duration::from_millis(100);

impl Session {
    pub(super) fn start_calls(&mut self) {
        if self.state != State::Open {
            return;
        }
        let deadline = self.now + self.limits.call_deadline;
        while let Some(call) = self.incoming.start(|| deadline) {
            let (number, kind, payload) = (call.number, call.kind, call.payload);
            self.events.push_back(Event::Call {
                call: number,
                kind,
                payload,
            });
        }
    }

    /// Whether anything but an acknowledgement has to go out before the socket may close.
    pub(super) fn has_last_words(&self) -> bool {
        !self.goodbye_sent
            && (self.opening.is_some()
                || self.incoming.next_answer().is_some()
                || self.goodbye.is_some())
    }

    /// Whether anything waits for the transport, acknowledgements that may wait apart.
    pub(super) fn has_something_to_send(&self) -> bool {
        self.has_last_words() || self.liveness.has_signs() || self.outgoing.ready().is_some()
    }

    /// Fills one message: control first, then answers, then requests, then goodbye.
    pub(super) fn write(&mut self, out: &mut Vec<u8>) {
        if self.goodbye_sent || matches!(self.state, State::Idle | State::Closed) {
            return;
        }
        if let Some(opening) = self.opening.take() {
            opening.encode(out);
        }
        self.write_signs_of_life(out);
        self.write_ack(out);
        self.write_answers(out);
        if self.state == State::Open {
            self.write_calls(out);
        }
        self.write_goodbye(out);
    }

    fn write_signs_of_life(&mut self, out: &mut Vec<u8>) {
        if self.state == State::Open {
            for sign in self.liveness.take_signs() {
                sign.encode(out);
            }
        }
    }

    fn write_ack(&mut self, out: &mut Vec<u8>) {
        let ack = Ack {
            received: self.received,
            window: self.incoming.granted(),
        };
        if ack == self.acked || !matches!(self.state, State::Open | State::Draining) {
            return;
        }
        let has_company = !out.is_empty()
            || self.incoming.next_answer().is_some()
            || self.outgoing.ready().is_some();
        let credit = ack.window - self.acked.window;
        if has_company || self.ack_now || credit >= self.incoming.quarter() {
            Frame::Ack(ack).encode(out);
            self.acked = ack;
            self.ack_now = false;
            self.timers.stop(Timer::Ack);
        } else {
            let delay = match self.role {
                Role::Client => ACK_DELAY_CLIENT,
                Role::Server => ACK_DELAY_SERVER,
            };
            self.timers.start(Timer::Ack, self.now + delay);
        }
    }

    fn write_answers(&mut self, out: &mut Vec<u8>) {
        while let Some((call, answer)) = self.incoming.next_answer() {
            let number = self.next_number;
            let reply = Reply {
                number,
                call: *call,
                answer: answer.borrowed(),
            };
            if !append(&Frame::Reply(reply), out) {
                return;
            }
            self.incoming.answer_sent();
            self.next_number = number.next();
        }
    }

    fn write_calls(&mut self, out: &mut Vec<u8>) {
        while let Some(call) = self.outgoing.ready() {
            let number = self.next_number;
            let frame = Call {
                number,
                kind: call.kind,
                payload: &call.payload,
            };
            if !append(&Frame::Call(frame), out) {
                return;
            }
            self.outgoing.depart(number);
            self.next_number = number.next();
        }
    }

    fn write_goodbye(&mut self, out: &mut Vec<u8>) {
        if self.incoming.next_answer().is_some() {
            return;
        }
        let Some(goodbye) = &self.goodbye else { return };
        let last = Goodbye {
            received: self.received,
            ..goodbye.clone()
        };
        self.goodbye_sent = append(&Frame::Goodbye(last), out);
    }
}

/// Appends the frame if the message has room for it.
fn append(frame: &Frame<'_>, out: &mut Vec<u8>) -> bool {
    let fits = out.len() + frame.encoded_len() <= MAX_MESSAGE;
    if fits {
        frame.encode(out);
    }
    fits
}
