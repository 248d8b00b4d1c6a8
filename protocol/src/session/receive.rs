//! What comes from the peer.

use super::incoming::Waiting;
use super::outgoing::Received;
use super::state::{Admission, Role};
use super::timers::Timer;
use super::{End, Event, Outcome, PeerMisbehaved, Session, State};
use crate::Number;
use crate::frame::{Ack, Call, Frame, Frames, Hello, Reply, Welcome, check_size};
use crate::goodbye::{Goodbye, GoodbyeCode};

impl Session {
    pub(super) fn message(&mut self, message: &[u8]) {
        if self.role == Role::Client && self.timers.is_running(Timer::Ack) {
            // A hidden page's timers sleep, its messages don't.
            self.ack_now = true;
        }
        if let Err(fault) = check_size(message) {
            return self.misbehaved(fault.into());
        }
        self.heard();
        for frame in Frames::new(message) {
            if matches!(self.state, State::Closing | State::Closed) {
                return;
            }
            let taken = frame
                .map_err(PeerMisbehaved::from)
                .and_then(|frame| self.frame(frame));
            if let Err(fault) = taken {
                return self.misbehaved(fault);
            }
        }
    }

    fn frame(&mut self, frame: Frame<'_>) -> Result<(), PeerMisbehaved> {
        let frame_type = frame.frame_type();
        match self.state.admit(self.role, frame_type) {
            Admission::Take => {}
            Admission::Drop => return Ok(()),
            Admission::Refuse => {
                return Err(PeerMisbehaved::WrongState {
                    frame: frame_type,
                    state: self.state,
                });
            }
        }
        match frame {
            Frame::Goodbye(goodbye) => self.peer_says_goodbye(goodbye),
            Frame::Hello(hello) => self.hello(hello),
            Frame::Welcome(welcome) => return self.welcomed(welcome),
            Frame::Ack(ack) => return self.ack(ack),
            Frame::Ping(ping) => self.liveness.asked(ping),
            Frame::Pong(pong) => self.liveness.answered(self.now, pong),
            Frame::Call(call) => return self.called(&call),
            Frame::Reply(reply) => return self.reply(&reply),
        }
        Ok(())
    }

    fn hello(&mut self, hello: Hello) {
        self.kinds = hello.kinds.len() as u32;
        self.outgoing.grant(hello.window);
        self.state = State::Judging;
        self.events.push_back(Event::Hello(hello));
    }

    fn welcomed(&mut self, welcome: Welcome) -> Result<(), PeerMisbehaved> {
        if welcome.refused.iter().any(|(kind, _)| *kind >= self.kinds) {
            return Err(PeerMisbehaved::KindBeyondTable);
        }
        self.outgoing.grant(welcome.window);
        for (call, why) in self.outgoing.refuse_kinds(&welcome.refused) {
            self.events.push_back(Event::Outcome {
                call,
                outcome: Outcome::refused(why),
            });
        }
        self.open();
        self.events.push_back(Event::Welcome(welcome));
        Ok(())
    }

    fn ack(&mut self, ack: Ack) -> Result<(), PeerMisbehaved> {
        if ack
            .received
            .is_some_and(|received| received >= self.next_number)
        {
            return Err(PeerMisbehaved::AckAhead);
        }
        self.outgoing.grant(ack.window);
        Ok(())
    }

    fn called(&mut self, call: &Call<'_>) -> Result<(), PeerMisbehaved> {
        self.take_number(call.number)?;
        if call.kind >= self.kinds {
            return Err(PeerMisbehaved::KindBeyondTable);
        }
        let waiting = Waiting {
            number: call.number,
            kind: call.kind,
            payload: call.payload.to_vec(),
        };
        self.incoming
            .push(waiting)
            .map_err(|_| PeerMisbehaved::WindowOverrun)
    }

    fn reply(&mut self, reply: &Reply<'_>) -> Result<(), PeerMisbehaved> {
        self.take_number(reply.number)?;
        let caller = self
            .outgoing
            .answered(reply.call)
            .map_err(|_| PeerMisbehaved::ReplyToNothing)?;
        if let Some(call) = caller {
            let outcome = Outcome::Answered(reply.answer.to_owned());
            self.events.push_back(Event::Outcome { call, outcome });
        }
        Ok(())
    }

    /// Anything but the next number means that the two ends count differently: whatever they then
    /// said of losses would be wrong.
    fn take_number(&mut self, number: Number) -> Result<(), PeerMisbehaved> {
        let expected = self.received.map_or(Number::FIRST, Number::next);
        if number != expected {
            return Err(PeerMisbehaved::NumberSkipped {
                expected,
                got: number,
            });
        }
        self.received = Some(number);
        Ok(())
    }

    fn peer_says_goodbye(&mut self, goodbye: Goodbye) {
        let received = Received::UpTo(goodbye.received);
        let end = match (&self.goodbye, self.state) {
            (Some(said), State::Draining) => End::Closed(said.clone()),
            _ => End::Goodbye(goodbye),
        };
        self.over(end, received);
        // The server closes the socket: a browser that closed first would discard what still comes.
        let next = match self.role {
            Role::Client => State::Parting,
            Role::Server => State::Closing,
        };
        self.drain(next, Goodbye::new(GoodbyeCode::Done, ""));
    }
}
