//! The end of a session.

use super::outgoing::Received;
use super::phase::Phase;
use super::state::Role;
use super::timers::Timer;
use super::{End, Event, PeerMisbehaved, SessionCore, State};
use crate::Time;
use crate::frame::Refusal;
use crate::goodbye::{Goodbye, GoodbyeCode, Retry};

/// The ends that the application decides.
impl SessionCore {
    /// As [`close`](Self::close), once what was asked for is sent, or the time of
    /// [`Limits::drain`](crate::Limits::drain) is over, counted from `now`. Further requests are not taken.
    pub fn finish(&mut self, now: Time, goodbye: Goodbye) {
        self.now = self.now.max(now);
        // The first goodbye stands: the application may close what it has asked to finish.
        self.closed_with.get_or_insert_with(|| goodbye.clone());
        if self.state().takes_requests() {
            self.timers.start(Timer::Finish, now + self.limits.drain);
        } else {
            self.close(now, goodbye);
        }
    }

    /// Returns the goodbye with which the application has ended the session, also if the peer's was before: then nobody wants
    /// another session in its place.
    pub fn closed_with(&self) -> Option<&Goodbye> {
        self.closed_with.as_ref()
    }

    /// Returns the end that the application wanted.
    fn wanted_end(&self) -> Option<End> {
        self.closed_with.clone().map(End::Closed)
    }

    pub(super) fn finish_if_sent(&mut self) {
        // Not while a connection is lost or new: what was sent may have to go out again first.
        if matches!(self.state(), State::Idle | State::Open)
            && self.outgoing.is_sent()
            && let Some(goodbye) = self.closed_with.clone()
        {
            self.timers.stop(Timer::Finish);
            self.close(self.now, goodbye);
        }
    }

    pub(super) fn on_finish_timer(&mut self) {
        let Some(goodbye) = self.closed_with.clone() else {
            return;
        };
        // The welcome didn't come in time. Without it no goodbye of this session can be said, and
        // the socket just closes.
        if self.state() == State::AwaitingWelcome && self.is_welcomed() {
            let pending = goodbye.code.close_code();
            self.terminate(End::Closed(goodbye));
            self.phase = Phase::Closed(Some(pending));
        } else {
            self.close(self.now, goodbye);
        }
    }

    /// Says goodbye: requests that haven't been sent end as `NotReceived`, what has been answered
    /// still goes out, the peer's events and publications that have come are still handled, as far as
    /// [`Limits::drain`](crate::Limits::drain) gives them time; then the two ends part. Calls and streams
    /// of the peer end where they are. A server that hasn't
    /// welcomed its client refuses it thus. A client that wants its session back waits for the welcome
    /// first, as long as [`Limits::drain`](crate::Limits::drain). Further calls of this are ignored.
    pub fn close(&mut self, now: Time, goodbye: Goodbye) {
        self.now = self.now.max(now);
        self.closed_with.get_or_insert_with(|| goodbye.clone());
        match self.state() {
            State::Idle => {
                self.end(End::Closed(goodbye));
                self.phase = Phase::Closed(None);
            }
            State::Detached => self.terminate(End::Closed(goodbye)),
            // Who hasn't heard where the server stands can neither send again what it lacks, nor be
            // told by its goodbye what it has.
            State::AwaitingWelcome if self.is_welcomed() => {
                self.outgoing.end_unbegun();
                self.report();
                plant!("close_before_welcome", return self.begin_drain(goodbye));
                self.finish(now, goodbye);
            }
            State::AwaitingHello | State::AwaitingTable | State::Authenticating => {
                self.fail(End::Closed(goodbye.clone()), goodbye);
            }
            State::AwaitingWelcome | State::Open => {
                self.outgoing.end_queued();
                self.report();
                self.drop_calls();
                self.begin_drain(goodbye);
            }
            State::Draining
            | State::PeerDraining
            | State::AwaitingClose
            | State::Closing
            | State::Closed => {}
        }
    }

    /// Says goodbye as [`close`](Self::close) does, but another session is to follow ([`replacement`](super::Session::replacement)): what
    /// hasn't been sent waits for it, if that is [kept](super::Session::keep_unsent). The client drops its connection once the
    /// goodbye is sent. Nothing happens if there is no connection, or no welcome yet of a session that the client wants
    /// back: that one goes on over the next connection.
    pub fn close_for_now(&mut self, now: Time, goodbye: Goodbye) {
        self.now = self.now.max(now);
        let wants_back = self.state() == State::AwaitingWelcome && self.is_welcomed();
        if matches!(self.state(), State::AwaitingWelcome | State::Open) && !wants_back {
            self.drop_calls();
            self.begin_drain(goodbye);
        }
    }
}

/// The ends that come of the peer, the transport and time.
impl SessionCore {
    /// Says goodbye, and awaits the peer's.
    fn begin_drain(&mut self, goodbye: Goodbye) {
        self.say(goodbye, Phase::Draining);
    }

    /// Has this goodbye go out, unless another was said before. Its time begins.
    fn say(&mut self, goodbye: Goodbye, next: Phase) {
        if let Some(conn) = &mut self.conn {
            conn.goodbye.get_or_insert(goodbye);
        }
        self.stop_watching();
        self.timers.set(Timer::Drain, self.now + self.limits.drain);
        self.phase = next;
    }

    /// Stops the timers of an open session.
    fn stop_watching(&mut self) {
        self.timers.stop(Timer::Handshake);
        self.timers.stop(Timer::Silence);
        self.timers.stop(Timer::Stall);
        self.timers.stop(Timer::Finish);
    }

    pub(super) fn on_peer_goodbye(&mut self, goodbye: Goodbye) {
        // One that doesn't take us now says nothing of the session.
        if self.state() == State::AwaitingWelcome
            && goodbye.retry != Retry::Never
            && self.give_up_connection(End::Goodbye(goodbye.clone()))
        {
            return;
        }
        // Who hasn't welcomed us speaks for a connection, not for the session that we want back.
        let received = match self.state() {
            State::AwaitingWelcome => Received::Untold,
            _ => Received::UpTo(goodbye.received),
        };
        // What the goodbye tells comes first: `end` knows nothing of it, and would say `Unknown`.
        self.outgoing.end_all(received, self.may_be_followed());
        self.report();
        let end = self.wanted_end().unwrap_or(End::Goodbye(goodbye));
        self.drop_calls();
        self.stop_watching();
        // Goodbyes that cross have one time together: it runs already.
        self.timers
            .start(Timer::Drain, self.now + self.limits.drain);
        self.phase = Phase::PeerDraining(Box::new(end));
    }

    /// Drops the handlers of calls: nobody waits for their answers any more.
    fn drop_calls(&mut self) {
        self.incoming.keep_messages();
        while let Some(request) = self.incoming.forget_call() {
            let why = Refusal::Cancelled;
            self.emit(Event::Dropped { request, why });
        }
    }

    /// Answers the peer's goodbye.
    pub(super) fn answer_goodbye(&mut self) {
        let Some(end) = self.phase.take_reason() else {
            return;
        };
        let code = end.code();
        self.end(end);
        // The server closes the socket: a browser that closed first would discard what still comes.
        let next = match self.role {
            Role::Client => Phase::AwaitingClose(code),
            Role::Server => Phase::Closing(code),
        };
        // The reason was the first goodbye's: an answer has none of its own.
        self.say(Goodbye::new(GoodbyeCode::Done, ""), next);
    }

    pub(super) fn on_disconnect(&mut self) {
        if self.state() == State::Closed || self.detach(End::Lost, None) {
            return;
        }
        // A reason that was given, by the peer or the application, says more than the loss.
        let end = self.phase.take_reason().or_else(|| self.wanted_end());
        self.terminate(end.unwrap_or(End::Lost));
    }

    /// Ends the session where there is no connection to say so.
    pub(super) fn terminate(&mut self, end: End) {
        self.end(end);
        self.incoming.clear();
        self.conn = None;
        self.timers.stop_all();
        // A socket that was given up may still be open.
        self.phase = Phase::Closed(self.phase.take_pending_close());
    }

    /// Gives up whatever hasn't gone out: the time for last words is over.
    pub(super) fn on_drain_timer(&mut self) {
        if self.state() == State::PeerDraining {
            return self.answer_goodbye();
        }
        let Some(conn) = &mut self.conn else {
            return;
        };
        conn.give_up();
        let mut code = self.phase.last_code();
        // The application has heard no end yet.
        if let (None, Some(goodbye)) = (code, &conn.goodbye) {
            code = Some(goodbye.code);
            let end = End::Closed(goodbye.clone());
            self.end(end);
        }
        self.incoming.clear();
        self.phase = Phase::Closing(code.unwrap_or(GoodbyeCode::Done));
    }

    /// Ends the session, says why, and closes once that is out.
    pub(super) fn fail(&mut self, end: End, goodbye: Goodbye) {
        // The close says what the application was told: a later fault doesn't change that.
        let code = self.phase.last_code().unwrap_or(end.code());
        // Before the phase changes, by which `end` knows whether the application has heard of one.
        self.end(end);
        self.say(goodbye, Phase::Closing(code));
    }

    pub(super) fn misbehaved(&mut self, fault: PeerMisbehaved) {
        // One goodbye is enough.
        if matches!(self.state(), State::Closing | State::Closed) {
            return;
        }
        if self.state() == State::AwaitingWelcome {
            // Nobody awaits here what was sent before.
            self.retransmit.begin_anew(self.limits.retained);
        }
        let goodbye = Goodbye::new(fault.code(), fault.to_string());
        self.fail(End::Misbehaved(fault), goodbye);
        // The goodbye would wait behind answers, which a peer that breaks the protocol needn't get.
        self.incoming.clear();
    }

    /// Gives every request its outcome and the application the end, once.
    fn end(&mut self, end: End) {
        // The application is told one end, though two goodbyes, a fault and the transport may each
        // bring one.
        let is_first = self.phase.last_code().is_none();
        if is_first {
            self.hand_over();
        }
        self.incoming.stop();
        self.topics.cursors.clear();
        self.outgoing
            .end_all(Received::Untold, self.may_be_followed());
        self.report();
        if is_first {
            self.emit(Event::Ended(end));
        }
    }
}
