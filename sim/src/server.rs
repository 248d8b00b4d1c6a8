//! The server: sessions by their ids, what is left of those that are gone, and the topics' logs.

use std::sync::Arc;

use twinwire::frame::{Answer, Continuity, Joined, Refusal, Resume, Start, encode_offset};
use twinwire::log::{Encoding, Log, LogReader, Retention};
use twinwire::session::{
    Admitted, ReadLog, Registry, Request, ResumeRejected, Session, State, TopicRequest,
};
use twinwire::{Alias, BootId, Class, Goodbye, GoodbyeCode, PeerId, Secret, Time, plant};

use crate::encoding::encoding_of;
use crate::end::{End, SERVER};
use crate::link::{Packet, To};
use crate::oracle::{Check, LogId, Oracle, Who, Wrong, peer_id, session_id, session_of};
use crate::session::AnySession;
use crate::world::{Due, World};
use crate::{Phase, TOPICS};

/// A topic, with the life of its log that it has now.
#[derive(Debug)]
pub(crate) struct Topic {
    id: LogId,
    log: Log,
    /// Subscribers will hear that there is news.
    news: bool,
}

#[derive(Debug)]
pub(crate) struct Server {
    /// Sessions that may be resumed, with their numbers and their ends.
    sessions: Registry<(usize, usize)>,
    /// The bytes that they may hold together.
    room: usize,
    topics: Vec<Topic>,
    knows_table: bool,
    secrets: u64,
    /// It publishes much at once.
    loud: bool,
}

impl Server {
    pub(crate) fn new(oracle: &mut Oracle, room: usize, loud: bool) -> Self {
        Self {
            sessions: Registry::new(room),
            room,
            topics: (0..TOPICS).map(|_| new_topic(oracle)).collect(),
            knows_table: false,
            secrets: 0,
            loud,
        }
    }

    fn secret(&mut self) -> Secret {
        self.secrets += 1;
        let mut bytes = [5; Secret::LEN];
        bytes[..8].copy_from_slice(&self.secrets.to_le_bytes());
        Secret::from_bytes(bytes)
    }

    fn topic(&mut self, alias: Alias) -> Option<(usize, &mut Topic)> {
        let mut topics = self.topics.iter_mut().enumerate();
        topics.find(|(_, topic)| topic.log.alias() == alias)
    }

    /// The sessions' ends.
    pub(crate) fn ends(&self) -> Vec<usize> {
        // The registry has no order.
        let mut sessions: Vec<(usize, usize)> = self.sessions.values().copied().collect();
        sessions.sort_unstable();
        sessions.into_iter().map(|(_, end)| end).collect()
    }
}

fn new_topic(oracle: &mut Oracle) -> Topic {
    let id = oracle.new_log();
    let alias = id.0;
    plant!("alias_reused", let alias = id.0 % 2);
    // One keeps more than a window, one so little that there are gaps.
    let retention = match id.0 % TOPICS {
        0 => Retention::default().entries(30).bytes(100_000),
        1 => Retention::default().entries(60).bytes(400_000),
        _ => Retention::default().entries(6),
    };
    Topic {
        id,
        log: Log::new(Alias::new(alias as u64), id.epoch(), retention),
        news: false,
    }
}

/// Connections and sessions.
impl World<'_> {
    /// A socket has opened.
    pub(crate) fn accept(&mut self, conn: usize) {
        let known = if self.server.knows_table {
            vec![Arc::clone(&self.table)]
        } else {
            Vec::new()
        };
        let now = self.now + self.processes[SERVER].clock;
        let session = Session::server(now, self.limits.server.clone(), known);
        let mut greeter = End::new(Who::Greeter, SERVER, AnySession::Server(session), None);
        (greeter.conn, greeter.last_conn) = (Some(conn), Some(conn));
        self.ends.push(greeter);
        self.conns[conn].ends[To::Server as usize] = Some(self.ends.len() - 1);
    }

    /// A client has said hello to a greeter: the application judges it, now or in a while.
    pub(crate) fn hello(&mut self, greeter: usize, resume: Option<Box<Resume>>) -> Check {
        if !self.dice.one_in(5) {
            return self.greet(greeter, resume);
        }
        self.ends[greeter].hello = Some(resume);
        let wait = self.dice.wait(10, 1_000);
        self.plan_next(wait, Due::Judged { end: greeter });
        Ok(())
    }

    /// The application has judged a hello.
    pub(crate) fn judged(&mut self, greeter: usize) -> Check {
        if let Some(thaw) = self.processes[SERVER].frozen_until {
            self.at(thaw, Due::Judged { end: greeter });
            return Ok(());
        }
        let hello = self.ends[greeter].hello.take();
        // It may have given up meanwhile, or its client has: what it wanted back stays as it is.
        let hello = hello.filter(|_| self.ends[greeter].session.state() == State::Authenticating);
        if let Some(resume) = hello {
            self.greet(greeter, resume)?;
            self.settle(greeter)?;
        }
        Ok(())
    }

    fn greet(&mut self, greeter: usize, resume: Option<Box<Resume>>) -> Check {
        self.server.knows_table = true;
        let Some(resume) = resume else {
            return self.welcome(greeter, Continuity::New);
        };
        let session = session_of(&resume.session);
        let slot = match self.server.sessions.wanted(&resume) {
            Ok((_, slot)) => *slot,
            Err(rejected) => return self.reject(greeter, rejected),
        };
        let (now, secret) = (self.clock(slot), self.server.secret());
        let at = &mut self.ends[slot];
        match at
            .session
            .server_mut()
            .resume(now, &resume, &self.table, secret)
        {
            Ok(()) => {
                self.oracle.resumed(session, &resume)?;
                self.server.sessions.resumed(&resume.session);
                self.hand_over(greeter, slot)
            }
            Err(rejected) => self.reject(greeter, rejected),
        }
    }

    /// A client doesn't get the session that it wants back.
    fn reject(&mut self, greeter: usize, rejected: ResumeRejected) -> Check {
        match rejected {
            ResumeRejected::Another(continuity) => self.welcome(greeter, continuity),
            ResumeRejected::Over(goodbye) => {
                let now = self.clock(greeter);
                self.ends[greeter].session.close(now, goodbye);
                Ok(())
            }
        }
    }

    /// A session goes on over the greeter's connection, and lets go of its own.
    fn hand_over(&mut self, greeter: usize, slot: usize) -> Check {
        let conn = self.ends[greeter].conn.take();
        let inbox = std::mem::take(&mut self.ends[greeter].inbox);
        self.ends[greeter].dead = true;
        let old = self.ends[slot].last_conn;
        plant!("old_socket_not_fenced", let old = None::<usize>);
        if let Some(old) = old {
            self.conns[old].ends[To::Server as usize] = None;
            self.transmit(old, To::Client, Packet::Lost);
        }
        let at = &mut self.ends[slot];
        (at.conn, at.last_conn) = (conn, conn);
        (at.stalled_until, at.detached_at) = (Time::default(), None);
        at.inbox.extend(inbox);
        if let Some(conn) = conn {
            self.conns[conn].ends[To::Server as usize] = Some(slot);
        }
        self.settle(slot)
    }

    fn welcome(&mut self, greeter: usize, continuity: Continuity) -> Check {
        let conn = self.ends[greeter].conn;
        let client = conn.map(|conn| self.ends[self.conns[conn].client].who);
        let Some(Who::Client(life)) = client else {
            return Ok(());
        };
        let session = self.oracle.new_session(life);
        let (peer, secret) = (peer_id(session), self.server.secret());
        let app = (self.apps.server)(peer, &mut self.dice);
        let now = self.clock(greeter);
        let at = &mut self.ends[greeter];
        (at.who, at.app) = (Who::Server(session), Some(app));
        at.session.server_mut().welcome(
            now,
            Admitted {
                session: session_id(session),
                peer,
                boot: BootId::from_bytes(self.oracle.boot.to_le_bytes()),
                secret,
                continuity,
                refused: self.apps.refused.clone(),
                in_order: self.apps.in_order.clone(),
            },
        );
        if self.dice.one_in(3) {
            at.session.server_mut().request_outlines(vec![0, 1]);
        }
        // As a server that explains itself: the first kind that differs.
        let mut refused = self.apps.refused.iter();
        let differs = refused.find(|(_, why)| *why == Refusal::KindDiffers);
        if let Some((kind, _)) = differs
            && self.dice.one_in(3)
        {
            at.session.send_outline(*kind, "as it is".to_owned());
        }
        self.server
            .sessions
            .insert(session_id(session), (session, greeter));
        self.plan_turn(greeter);
        Ok(())
    }

    /// A session is over: what is left of it is kept.
    pub(crate) fn unregister(&mut self, session: usize, end: usize) {
        let left = self.ends[end].session.server_mut().tombstone();
        self.server.sessions.remove(session_id(session), left);
    }

    /// The server gives up a session that is without a connection; says whether there was one.
    pub(crate) fn evict(&mut self) -> Check<bool> {
        let is_detached = |end: &usize| self.ends[*end].session.state() == State::Detached;
        let found = self.server.ends().into_iter().find(is_detached);
        let Some(end) = found.filter(|end| self.frozen_until(*end).is_none()) else {
            return Ok(false);
        };
        self.give_up(end)?;
        Ok(true)
    }

    fn give_up(&mut self, end: usize) -> Check {
        let (now, goodbye) = (self.clock(end), Goodbye::new(GoodbyeCode::Internal, ""));
        self.ends[end].session.close(now, goodbye);
        self.settle(end)
    }

    /// Weighs a session after its turn. What there is no room for goes.
    pub(crate) fn set_usage(&mut self, end: usize) -> Check {
        let Who::Server(session) = self.ends[end].who else {
            return Ok(());
        };
        let (id, at) = (session_id(session), &self.ends[end].session);
        let is_detached = at.state() == State::Detached;
        if !self.server.sessions.set_usage(id, at.kept(), is_detached) {
            return Ok(());
        }
        while let Some((_, goes)) = self.server.sessions.next_victim().copied() {
            if self.ends[goes].session.state() != State::Detached {
                return Err(Wrong(
                    "a session that isn't without a connection is to end".to_owned(),
                ));
            }
            self.oracle.report.crowded += 1;
            self.give_up(goes)?;
        }
        let detached = self.server.ends().into_iter();
        let mut detached = detached.map(|end| self.ends[end].session.state());
        let (held, room) = (self.server.sessions.memory().held(), self.server.room);
        if held > room && detached.any(|state| state == State::Detached) {
            return Err(Wrong(format!(
                "all hold {held} bytes, of {room}, and some have no connection"
            )));
        }
        Ok(())
    }

    /// The sessions' turns begin with that, where many hold much.
    pub(crate) fn update_low_memory(&mut self, end: usize) {
        if let Who::Server(_) = self.ends[end].who {
            let is_under_pressure = self.server.sessions.memory().is_under_pressure();
            self.ends[end].session.set_low_memory(is_under_pressure);
        }
    }

    /// The process ends as it stands, and another begins that knows nothing.
    pub(crate) fn restart(&mut self) -> Check {
        if self.phase != Phase::Busy {
            return Ok(());
        }
        self.oracle.boot += 1;
        self.oracle.report.restarts += 1;
        for end in 0..self.ends.len() {
            if self.ends[end].process != SERVER || self.ends[end].dead {
                continue;
            }
            self.ends[end].dead = true;
            if let Who::Server(session) = self.ends[end].who {
                self.oracle.given_up(session);
            }
            if let Some(conn) = self.ends[end].conn {
                self.cut(conn);
            }
        }
        for conn in &mut self.conns {
            conn.ends[To::Server as usize] = None;
        }
        let Server {
            secrets,
            room,
            loud,
            ..
        } = self.server;
        self.server = Server::new(&mut self.oracle, room, loud);
        self.server.secrets = secrets;
        Ok(())
    }
}

/// Topics.
impl World<'_> {
    /// Answers what is asked of a topic.
    pub(crate) fn judge(&mut self, end: usize, request: &Request) -> Check {
        let (now, number) = (self.clock(end), request.number);
        let who = self.ends[end].who;
        if !self.ends[end].session.server_mut().awaits_answer(number) {
            return Ok(());
        }
        let (key, start) = match &request.topic {
            Some(TopicRequest::Join { start }) => (&request.payload, Some(*start)),
            Some(TopicRequest::Publish { key }) => (key, None),
            Some(TopicRequest::Invite) | None => return Ok(()),
        };
        let place = key.get(8).map_or(0, |topic| usize::from(*topic)) % TOPICS;
        let (id, _) = crate::oracle::read_stamp(key)?;
        if self.dice.one_in(40) {
            let answer = Answer::Refused(Refusal::Denied.into());
            let answer = self.oracle.answered(who, number, answer);
            self.ends[end].session.answer(now, number, answer);
            return Ok(());
        }
        self.oracle.done(who, number);
        match start {
            Some(start) => self.join(end, request, id, place, start),
            None => {
                let except = self.dice.one_in(5).then(|| who_is(who)).flatten();
                let item = request.payload.clone();
                let offset = self.append(place, id, item, except)?;
                let answer = Answer::Value(encode_offset(offset));
                self.ends[end].session.answer(now, number, answer);
                Ok(())
            }
        }
    }

    fn join(
        &mut self,
        end: usize,
        request: &Request,
        id: u32,
        place: usize,
        start: Start,
    ) -> Check {
        let log = &self.server.topics[place].log;
        let (joined, head): (Joined, _) = (log.join(start), log.next());
        if let Who::Server(session) = self.ends[end].who {
            self.oracle.join_answered(session, id, start, joined)?;
        }
        let now = self.clock(end);
        self.ends[end]
            .session
            .server_mut()
            .joined(now, request.number, joined, head);
        Ok(())
    }

    fn append(
        &mut self,
        place: usize,
        id: u32,
        item: Vec<u8>,
        except: Option<PeerId>,
    ) -> Check<twinwire::Offset> {
        let topic = &mut self.server.topics[place];
        let kept = item.clone();
        let offset = topic.log.append(item, except);
        let offset = offset.map_err(|fault| Wrong(fault.to_string()))?;
        self.oracle
            .appended(id, topic.id, offset, &kept, except, &topic.log)?;
        if !std::mem::replace(&mut topic.news, true) {
            let wait = self.dice.wait(0, 20);
            self.plan_next(wait, Due::News { topic: place });
        }
        Ok(offset)
    }

    /// The server itself publishes, perhaps for all but this one.
    pub(crate) fn publish_something(&mut self, end: usize) -> Check {
        let length = self.dice.length(self.server.loud).min(20_000);
        let (id, item) = self.oracle.stamp(&vec![3; length]);
        let now = self.clock(end);
        self.oracle.publish(Class::Topic, now, &item);
        let except = self
            .dice
            .one_in(3)
            .then(|| who_is(self.ends[end].who))
            .flatten();
        let place = self.dice.place(TOPICS);
        self.append(place, id, item, except).map(|_| ())
    }

    /// The server has its client in a topic no longer, or wants it in one.
    pub(crate) fn remove_or_invite(&mut self, end: usize) -> Check {
        let Who::Server(session) = self.ends[end].who else {
            return Ok(());
        };
        if !matches!(
            self.ends[end].session.state(),
            State::Open | State::Detached
        ) {
            return Ok(());
        }
        let now = self.clock(end);
        let joined = self.oracle.sessions[session].joined.keys();
        let joined: Vec<Alias> = joined.copied().collect();
        if self.dice.one_in(2) {
            if !joined.is_empty() {
                let alias = joined[self.dice.place(joined.len())];
                self.oracle.removed(session, alias);
                self.ends[end]
                    .session
                    .server_mut()
                    .unsubscribe_peer(now, alias);
            }
            return Ok(());
        }
        let kind = self.classes.iter().position(|class| *class == Class::Topic);
        let Some(kind) = kind else { return Ok(()) };
        let place = self.dice.place(TOPICS);
        let last = Start::Last(self.dice.roll(6) as u32);
        let position = self.server.topics[place].log.join(last).position;
        let (_, key) = self.oracle.stamp(&[place as u8]);
        let at = &mut self.ends[end];
        // Where there is no room, nobody is invited.
        if let Ok(request) = at
            .session
            .server_mut()
            .invite(now, kind as u32, &key, position)
        {
            let made = self.oracle.made(at.who, request, Class::Topic, now, &key)?;
            self.oracle.invited(made);
        }
        Ok(())
    }

    /// The worker's turn: its sessions hear of what is new.
    pub(crate) fn tell_news(&mut self, place: usize) -> Check {
        if let Some(thaw) = self.processes[SERVER].frozen_until {
            self.at(thaw, Due::News { topic: place });
            return Ok(());
        }
        let topic = &mut self.server.topics[place];
        topic.news = false;
        let (alias, head) = (topic.log.alias(), topic.log.next());
        for end in self.server.ends() {
            self.ends[end]
                .session
                .server_mut()
                .log_advanced(alias, head);
            let who = self.ends[end].who;
            self.oracle.log_has_news(who, alias, head);
            self.settle(end)?;
        }
        Ok(())
    }

    pub(crate) fn read_log(&mut self, end: usize, read: ReadLog) -> Check {
        let Some(peer) = who_is(self.ends[end].who) else {
            return Err(Wrong("a greeter reads a log".to_owned()));
        };
        let Some((_, topic)) = self.server.topic(read.alias) else {
            return Err(Wrong("a log is read that isn't there".to_owned()));
        };
        let encoding = match self.ends[end].who {
            Who::Server(session) => encoding_of(session),
            Who::Client(_) | Who::Greeter => Encoding::Canonical,
        };
        let reader = LogReader { peer, encoding };
        let mut message = Vec::new();
        let slice = topic.log.read(reader, read.from, read.room, &mut message);
        if !message.is_empty() {
            self.send(end, message)?;
        }
        let now = self.clock(end);
        self.oracle.log_read(self.ends[end].who, read, &slice);
        self.ends[end]
            .session
            .server_mut()
            .log_read(now, read, slice);
        Ok(())
    }
}

fn who_is(who: Who) -> Option<PeerId> {
    match who {
        Who::Server(session) => Some(peer_id(session)),
        Who::Client(_) | Who::Greeter => None,
    }
}
