//! The shell round each session, as a client's driver and a server's connection are: what has come is
//! read, then time passes, then the session is polled until it waits.

use std::time::Duration;

use twinwire::frame::{Answer, Invite};
use twinwire::session::{
    AnyEvent, ClientEvent, Event, Input, Outcome, Output, Role, ServerEvent, State, TopicRequest,
};
use twinwire::{Goodbye, GoodbyeCode, Time, plant};

use crate::end::SERVER;
use crate::link::{Packet, To};
use crate::oracle::{Check, Hearing, STAMP, Who, Wrong, ensure};
use crate::session::AnySession;
use crate::world::{Due, World};
use crate::{Dice, Phase, Port};

/// A session that is polled more often without waiting never will.
const MOST_POLLS: u32 = 20_000;

impl World<'_> {
    /// The moment by the clock of an end.
    pub(crate) fn clock(&self, end: usize) -> Time {
        self.now + self.processes[self.ends[end].process].clock
    }

    pub(crate) fn frozen_until(&self, end: usize) -> Option<Time> {
        self.processes[self.ends[end].process].frozen_until
    }

    pub(crate) fn arrives(&mut self, conn: usize, to: To) -> Check {
        let Some(packet) = self.conns[conn].arrived(to) else {
            return Ok(());
        };
        if matches!(packet, Packet::Opened) {
            self.accept(conn);
        }
        self.receive(conn, to, packet)
    }

    /// A broken connection is found to be so.
    pub(crate) fn notices(&mut self, conn: usize, to: To) -> Check {
        self.receive(conn, to, Packet::Lost)
    }

    fn receive(&mut self, conn: usize, to: To, packet: Packet) -> Check {
        let Some(end) = self.conns[conn].ends[to as usize] else {
            return Ok(());
        };
        self.ends[end].inbox.push_back((conn, packet));
        self.run(end)
    }

    pub(crate) fn wakes(&mut self, end: usize) -> Check {
        if self.ends[end].scheduled == Some(self.now) {
            self.ends[end].scheduled = None;
            return self.run(end);
        }
        Ok(())
    }

    /// Bytes before time.
    pub(crate) fn run(&mut self, end: usize) -> Check {
        if self.ends[end].dead || self.frozen_until(end).is_some() {
            return Ok(());
        }
        plant!("time_before_bytes", self.tick(end)?);
        while let Some((conn, packet)) = self.ends[end].inbox.pop_front() {
            self.take(end, conn, packet)?;
        }
        self.tick(end)?;
        self.settle(end)
    }

    fn tick(&mut self, end: usize) -> Check {
        let now = self.clock(end);
        let at = &self.ends[end];
        if !at.dead && at.wake.is_some_and(|wake| wake <= now) {
            self.ends[end].session.handle(now, Input::Tick);
            self.settle(end)?;
            let wake = self.ends[end].wake;
            ensure!(
                wake.is_none_or(|wake| wake > now),
                "a deadline that has passed is due again"
            );
        }
        Ok(())
    }

    fn take(&mut self, end: usize, conn: usize, packet: Packet) -> Check {
        let is_fenced = self.ends[end].last_conn != Some(conn);
        plant!("old_socket_not_fenced", let is_fenced = is_fenced && self.ends[end].process != SERVER);
        if is_fenced {
            // Of a connection that another has followed.
            return Ok(());
        }
        let now = self.clock(end);
        match packet {
            Packet::Opened => {}
            Packet::Message(message) => {
                let (who, role) = (self.ends[end].who, self.ends[end].role());
                let state = self.ends[end].session.state();
                self.oracle.arrives(who, role, state, &message)?;
                self.ends[end].session.handle(now, Input::Message(&message));
            }
            Packet::Lost => {
                self.ends[end].conn = None;
                self.ends[end].session.handle(now, Input::Lost);
            }
        }
        self.settle(end)
    }

    /// Polls until the session waits, and gives the application what it says.
    pub(crate) fn settle(&mut self, end: usize) -> Check {
        self.update_low_memory(end);
        let conn = self.ends[end].conn;
        for _ in 0..1_000 {
            let events = self.poll(end)?;
            if events.is_empty() {
                self.schedule(end);
                return self.set_usage(end);
            }
            let at = &self.ends[end];
            let hearing = Hearing {
                who: at.who,
                state: at.session.state(),
                now: self.clock(end),
                // What comes over a connection that was given up is nobody's.
                unread: at.inbox.iter().any(|(over, packet)| {
                    conn == Some(*over) && matches!(packet, Packet::Message(_))
                }),
                kept: at
                    .detached_at
                    .is_some_and(|since| since + self.bounds.server.resume <= self.clock(end)),
                calm: self.is_calm() && self.is_heard(end),
                quiet_since: self.quiet_since,
            };
            self.oracle.hears(hearing, &events)?;
            for event in events {
                self.react(end, event)?;
            }
        }
        Err(Wrong(
            "a session and its application talk for ever".to_owned(),
        ))
    }

    /// Somebody is at the other end of its connection.
    fn is_heard(&self, end: usize) -> bool {
        let at = &self.ends[end];
        let conn = at.conn.map(|conn| &self.conns[conn]);
        let conn = conn.filter(|conn| !conn.is_cut);
        let other = conn.and_then(|conn| conn.ends[at.side().other() as usize]);
        other.is_some_and(|other| self.ends[other].is_live())
    }

    fn poll(&mut self, end: usize) -> Check<Vec<AnyEvent>> {
        let (now, mut events) = (self.clock(end), Vec::new());
        for _ in 0..MOST_POLLS {
            if self.ends[end].dead {
                return Ok(Vec::new());
            }
            self.oracle.report.polls += 1;
            let stalled = self.now < self.ends[end].stalled_until;
            let room = if stalled { 0 } else { usize::MAX };
            let mut out = std::mem::take(&mut self.out);
            let output = self.ends[end].session.poll(now, &mut out, room);
            self.out = out;
            match output {
                Output::Send => {
                    let message = self.out.clone();
                    self.send(end, message)?;
                }
                Output::Event(event) => {
                    self.oracle.gives_turns_up(self.ends[end].who, &event);
                    events.push(AnyEvent::Both(event));
                }
                Output::SideEvent(AnyEvent::Server(ServerEvent::ReadLog(read))) => {
                    self.read_log(end, read)?;
                }
                Output::SideEvent(event) => {
                    if let AnyEvent::Server(ServerEvent::Left { alias }) = &event {
                        self.oracle.gives_log_up(self.ends[end].who, *alias);
                    }
                    events.push(event);
                }
                Output::Close { .. } => self.close_conn(end),
                Output::Wait(wake) => {
                    self.ends[end].wake = wake;
                    return Ok(events);
                }
            }
        }
        Err(Wrong("a session never waits".to_owned()))
    }

    pub(crate) fn send(&mut self, end: usize, message: Vec<u8>) -> Check {
        let at = &self.ends[end];
        let conn = at
            .conn
            .ok_or_else(|| Wrong("it sends without a connection".to_owned()))?;
        let to = at.side().other();
        self.oracle
            .takes_turn(at.who, at.session.state(), &message)?;
        let moment = self.now.since_origin().as_millis() as u64;
        self.oracle
            .sent(at.who, moment, self.clock(end), &message)?;
        self.transmit(conn, to, Packet::Message(message));
        Ok(())
    }

    pub(crate) fn transmit(&mut self, conn: usize, to: To, packet: Packet) {
        let due = self.conns[conn].send(self.now, to, packet, &mut self.dice);
        if let Some(at) = due {
            let server = to == To::Server;
            self.at(at, Due::Arrives { conn, server });
        }
    }

    /// This end closes its connection, if it has one.
    pub(crate) fn close_conn(&mut self, end: usize) {
        if let Some(conn) = self.ends[end].conn.take() {
            let to = self.ends[end].side().other();
            self.transmit(conn, to, Packet::Lost);
        }
    }

    /// Wakes the session when it wants to be, and when its transport has room again.
    pub(crate) fn schedule(&mut self, end: usize) {
        let at = &self.ends[end];
        let clock = self.processes[at.process].clock;
        let world = |wake: Time| Time::from_origin(wake.since_origin().saturating_sub(clock));
        let stalled = Some(at.stalled_until).filter(|until| *until > self.now);
        let Some(next) = at.wake.map(world).into_iter().chain(stalled).min() else {
            return;
        };
        let next = next.max(self.now);
        if at.dead || at.scheduled.is_some_and(|scheduled| scheduled <= next) {
            return;
        }
        self.ends[end].scheduled = Some(next);
        self.at(next, Due::Wake { end });
    }

    fn react(&mut self, end: usize, mut event: AnyEvent) -> Check {
        let now = self.clock(end);
        match &event {
            AnyEvent::Both(Event::Detached { .. }) => self.ends[end].detached_at = Some(now),
            AnyEvent::Both(Event::Ended(_)) if self.ends[end].goes_away => self.begin_again(end),
            AnyEvent::Both(Event::Ended(_)) => self.ended(end),
            AnyEvent::Client(ClientEvent::SessionReplaced { .. }) => {
                self.ends[end].is_replacing = true
            }
            AnyEvent::Client(ClientEvent::NeedOutlines { kinds }) => {
                for kind in kinds {
                    self.ends[end]
                        .session
                        .send_outline(*kind, "as it is".to_owned());
                }
            }
            AnyEvent::Both(Event::Dropped { request, .. }) => {
                self.ends[end]
                    .judging
                    .retain(|judged| judged.number != *request);
            }
            _ => {}
        }
        match event {
            AnyEvent::Server(ServerEvent::Hello { resume, .. }) => return self.hello(end, resume),
            AnyEvent::Both(Event::Request(request))
                if request.topic.is_some() && self.ends[end].process == SERVER =>
            {
                if self.dice.one_in(4) {
                    self.ends[end].judging.push(request);
                    self.plan_turn(end);
                    return Ok(());
                }
                return self.judge(end, &request);
            }
            AnyEvent::Server(ServerEvent::Left { .. }) => {}
            _ => {}
        }
        unstamp(&mut event);
        self.with_app(end, |app, port, dice| app.hear(port, event, dice));
        self.plan_turn(end);
        if self.ends[end].role() == Role::Client {
            self.come_back(end);
        }
        Ok(())
    }

    fn ended(&mut self, end: usize) {
        self.ends[end].over = true;
        self.ends[end].judging.clear();
        if let AnySession::Client(session) = &mut self.ends[end].session {
            session.drop_unsent();
        }
        if let Who::Server(session) = self.ends[end].who {
            self.unregister(session, end);
        }
    }

    fn with_app(
        &mut self,
        end: usize,
        act: impl FnOnce(&mut dyn crate::Application, &mut Port<'_>, &mut Dice),
    ) {
        let now = self.clock(end);
        let at = &mut self.ends[end];
        if let Some(mut app) = at.app.take() {
            let mut port = Port {
                session: &mut at.session,
                oracle: &mut self.oracle,
                who: at.who,
                now,
                phase: self.phase,
                classes: &self.classes,
            };
            act(app.as_mut(), &mut port, &mut self.dice);
            at.app = Some(app);
        }
    }

    /// The application has a turn soon.
    pub(crate) fn plan_turn(&mut self, end: usize) {
        let at = &mut self.ends[end];
        if at.app.is_some() && !at.is_gone() && !std::mem::replace(&mut at.turn_due, true) {
            let wait = self.dice.wait(5, 45);
            self.plan_next(wait, Due::Act { end });
        }
    }

    pub(crate) fn acts(&mut self, end: usize) -> Check {
        if let Some(thaw) = self.frozen_until(end) {
            self.at(thaw, Due::Act { end });
            return Ok(());
        }
        self.ends[end].turn_due = false;
        if self.ends[end].is_gone() {
            return Ok(());
        }
        for request in std::mem::take(&mut self.ends[end].judging) {
            self.judge(end, &request)?;
        }
        if !self.ends[end].over {
            self.with_app(end, |app, port, dice| app.act(port, dice));
            self.requeue_unsent(end);
            if self.ends[end].process != SERVER {
                self.come_and_go(end)?;
            }
            if self.phase == Phase::Busy && self.ends[end].process == SERVER && self.dice.one_in(12)
            {
                self.publish_something(end)?;
            }
            if self.phase == Phase::Busy && self.ends[end].process == SERVER && self.dice.one_in(60)
            {
                self.remove_or_invite(end)?;
            }
        }
        self.settle(end)?;
        if self.phase == Phase::Busy || !self.ends[end].is_at_rest() {
            self.plan_turn(end);
        }
        Ok(())
    }

    /// An application takes a turn or two until it is ready for another session.
    fn requeue_unsent(&mut self, end: usize) {
        let (now, at) = (self.clock(end), &mut self.ends[end]);
        if let Who::Client(life) = at.who
            && at.is_replacing
            && self.dice.one_in(2)
        {
            at.is_replacing = false;
            at.session.requeue_unsent(now);
            self.oracle.requeued(life);
        }
    }

    /// The world wants a session to end.
    pub(crate) fn close_session(&mut self, end: usize) -> Check {
        if let Some(session) = self.oracle.session(self.ends[end].who) {
            self.oracle.sessions[session].closed = true;
        }
        let (now, goodbye) = (self.clock(end), Goodbye::new(GoodbyeCode::GoingAway, ""));
        self.ends[end].session.close(now, goodbye);
        self.settle(end)
    }

    /// A client without a connection opens another, after a while.
    pub(crate) fn come_back(&mut self, end: usize) {
        let at = &self.ends[end];
        let client = at.process - 1;
        let is_idle = at.conn.is_none() && at.session.state() == State::Detached;
        if (is_idle || at.over) && self.clients[client].end == end {
            let long = self.phase == Phase::Busy && self.dice.one_in(10);
            let most = if long { 20_000 } else { 600 };
            let wait = self.dice.wait(10, most);
            self.reconnect(client, wait);
        }
    }

    pub(crate) fn reconnect(&mut self, client: usize, wait: Duration) {
        if !self.closing && !std::mem::replace(&mut self.clients[client].connecting, true) {
            self.plan_next(wait, Due::Connects { client });
        }
    }

    pub(crate) fn connects(&mut self, client: usize) -> Check {
        let mut end = self.clients[client].end;
        if let Some(thaw) = self.frozen_until(end) {
            self.at(thaw, Due::Connects { client });
            return Ok(());
        }
        if let Some(until) = self.clients[client].paused(self.now) {
            self.at(until, Due::Connects { client });
            return Ok(());
        }
        self.clients[client].connecting = false;
        if self.ends[end].over {
            if self.ends[end].conn.is_some() {
                self.reconnect(client, Duration::from_millis(300));
                return Ok(());
            }
            let pending = self.oracle.pending(self.ends[end].who);
            ensure!(
                pending == 0,
                "{pending} requests of a life that is over have no outcome"
            );
            self.ends[end].dead = true;
            end = self.new_life(client);
            self.clients[client].end = end;
        }
        if !matches!(
            self.ends[end].session.state(),
            State::Idle | State::Detached
        ) {
            return Ok(());
        }
        if let Some(old) = self.ends[end].last_conn {
            self.conns[old].ends[To::Client as usize] = None;
        }
        let conn = self.conns.len();
        let made = crate::link::Conn::new(end, &mut self.dice);
        self.conns.push(made);
        let at = &mut self.ends[end];
        (at.conn, at.last_conn) = (Some(conn), Some(conn));
        at.stalled_until = Time::default();
        self.transmit(conn, To::Server, Packet::Opened);
        if self.phase == Phase::Busy && self.dice.one_in(5) {
            // Hellos and welcomes are lost too.
            let wait = self.dice.wait(0, 200);
            self.plan_next(wait, Due::Cut { conn });
        }
        if self.phase == Phase::Busy && self.dice.one_in(10) {
            // So is what waits for a transport while it isn't welcomed.
            let wait = self.dice.wait(0, 150);
            self.plan_next(wait, Due::Stalls { conn });
        }
        if self.phase == Phase::Busy && self.dice.one_in(30) {
            let wait = self.dice.wait(0, 150);
            self.plan_next(wait, Due::GivesUp { end });
        }
        let now = self.clock(end);
        self.ends[end].session.handle(now, Input::Opened);
        self.settle(end)
    }
}

/// Takes from what an application hears the oracle's stamp.
fn unstamp(event: &mut AnyEvent) {
    let payload = match event {
        AnyEvent::Both(Event::Request(request)) if request.topic == Some(TopicRequest::Invite) => {
            if let Ok(mut invite) = Invite::decode(&request.payload) {
                invite.key = invite.key.get(STAMP..).unwrap_or_default();
                request.payload = invite.encode();
            }
            return;
        }
        AnyEvent::Both(Event::Request(request)) => &mut request.payload,
        AnyEvent::Both(Event::Item { payload, .. })
        | AnyEvent::Client(ClientEvent::Publication { payload, .. })
        | AnyEvent::Client(ClientEvent::Leftover { payload, .. }) => payload,
        AnyEvent::Both(Event::Outcome {
            outcome: Outcome::Answered(Answer::Value(payload) | Answer::Error(payload)),
            ..
        }) => payload,
        _ => return,
    };
    // An offset, which answers a publication, is shorter and has none.
    if payload.len() >= STAMP {
        payload.drain(..STAMP);
    }
}
