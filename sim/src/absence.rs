//! Clients that go offline of their own will: for a while, or with a goodbye.

use twinwire::session::{Input, State};
use twinwire::{Goodbye, GoodbyeCode, Time};

use crate::Phase;
use crate::oracle::{Check, Who};
use crate::session::AnySession;
use crate::world::World;

impl World<'_> {
    /// Now and then a client doubts its connection, pauses, says goodbye for now, or ends a pause.
    pub(crate) fn come_and_go(&mut self, end: usize) -> Check {
        if self.phase != Phase::Busy || self.ends[end].is_gone() {
            return Ok(());
        }
        let now = self.clock(end);
        match self.dice.roll(900) {
            0..5 => self.ends[end].session.probe(now),
            5..9 => return self.pause(end),
            9..11 => return self.goodbye_for_now(end),
            11..30 => self.reconnect_now(end),
            _ => {}
        }
        Ok(())
    }

    /// Closes a session that there isn't yet.
    pub(crate) fn gives_up(&mut self, end: usize) -> Check {
        let (Who::Client(life), State::AwaitingWelcome) =
            (self.ends[end].who, self.ends[end].session.state())
        else {
            return Ok(());
        };
        if self.phase != Phase::Busy || self.frozen_until(end).is_some() {
            return Ok(());
        }
        self.oracle.lives[life].closing = true;
        self.close_session(end)
    }

    /// Gives the connection up, also one that isn't welcomed yet, and opens none for a while.
    fn pause(&mut self, end: usize) -> Check {
        self.oracle.report.pauses += 1;
        let wait = self.dice.wait(50, 6_000);
        let client = self.ends[end].process - 1;
        self.clients[client].paused_until = self.now + wait;
        self.drop_conn(end)
    }

    fn reconnect_now(&mut self, end: usize) {
        let client = self.ends[end].process - 1;
        if self.now < self.clients[client].paused_until {
            self.clients[client].paused_until = self.now;
            self.plan_next(
                std::time::Duration::ZERO,
                crate::world::Due::Connects { client },
            );
        }
    }

    fn drop_conn(&mut self, end: usize) -> Check {
        if self.ends[end].conn.is_some() {
            self.close_conn(end);
            let now = self.clock(end);
            self.ends[end].session.handle(now, Input::Lost);
            self.settle(end)?;
            self.come_back(end);
        }
        Ok(())
    }

    /// Says goodbye as a page does that goes into the cache: what was never sent waits for the next session.
    fn goodbye_for_now(&mut self, end: usize) -> Check {
        let (Who::Client(life), State::Open) = (self.ends[end].who, self.ends[end].session.state())
        else {
            return Ok(());
        };
        if self.oracle.lives[life].closing {
            return Ok(());
        }
        if let Some(session) = self.oracle.session(Who::Client(life)) {
            self.oracle.sessions[session].closed = true;
        }
        self.oracle.lives[life].goes_away = true;
        self.ends[end].goes_away = true;
        let (now, goodbye) = (self.clock(end), Goodbye::new(GoodbyeCode::Done, ""));
        self.ends[end].session.close_for_now(now, goodbye);
        self.settle(end)?;
        self.drop_conn(end)
    }

    /// Another session is to follow the one that is over, and takes over what that has not sent.
    pub(crate) fn begin_again(&mut self, end: usize) {
        let Who::Client(life) = self.ends[end].who else {
            return;
        };
        let untaken = self.oracle.lives[life].untaken();
        let at = &mut self.ends[end];
        at.session = AnySession::Client(at.session.client_mut().replacement(untaken));
        (at.goes_away, at.is_replacing, at.detached_at) = (false, true, None);
        at.wake = None;
    }
}

impl crate::world::Client {
    /// Returns the time at which it may open a connection, if not now.
    pub(crate) fn paused(&self, now: Time) -> Option<Time> {
        Some(self.paused_until).filter(|until| now < *until)
    }
}
