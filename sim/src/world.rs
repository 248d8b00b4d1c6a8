//! The world: its clock, what is due when, and what becomes of it.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::time::Duration;

use twinwire::frame::KindTable;
use twinwire::session::{Session, State};
use twinwire::{Class, Limits, Time};

use crate::end::{End, Process, SERVER};
use crate::link::{Conn, To};
use crate::oracle::{Check, Oracle, Who, Wrong, ensure};
use crate::plan::{Both, Bounds, draw_limits, draw_room};
use crate::server::Server;
use crate::session::AnySession;
use crate::simulation::Apps;
use crate::{Dice, Failure, Phase, Plan, Report};

/// What happens next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Due {
    /// A packet is at the other end.
    Arrives { conn: usize, server: bool },
    /// An end of a broken connection is told.
    Notices { conn: usize, server: bool },
    /// A connection breaks.
    Cut { conn: usize },
    /// One end's transport takes nothing for a while, or neither's.
    Stalls { conn: usize },
    /// A client that isn't welcomed yet wants no session any more.
    GivesUp { end: usize },
    /// A session's deadline, or its transport, may be due.
    Wake { end: usize },
    /// An application's turn.
    Act { end: usize },
    /// The server's application has judged a hello.
    Judged { end: usize },
    /// A client opens another connection.
    Connects { client: usize },
    /// A process goes on.
    Thaws { process: usize },
    /// Subscribers hear that there is news.
    News { topic: usize },
    /// Something goes wrong.
    Fault,
    /// The server's process is another.
    Restarts,
}

/// A client: who it is, over all its lives.
#[derive(Debug)]
pub(crate) struct Client {
    /// The end of the life that it lives.
    pub(crate) end: usize,
    /// It is about to open a connection.
    pub(crate) connecting: bool,
    /// Until then it opens none.
    pub(crate) paused_until: Time,
}

pub(crate) struct World<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) apps: &'a Apps,
    pub(crate) dice: Dice,
    pub(crate) now: Time,
    pub(crate) phase: Phase,
    queue: BinaryHeap<Reverse<(Time, u64, Due)>>,
    sequence: u64,
    pub(crate) limits: Both<Limits>,
    pub(crate) bounds: Both<Bounds>,
    pub(crate) table: Arc<KindTable>,
    pub(crate) classes: Vec<Class>,
    pub(crate) conns: Vec<Conn>,
    pub(crate) ends: Vec<End>,
    /// The first so many do nothing any more.
    settled_ends: usize,
    pub(crate) clients: Vec<Client>,
    pub(crate) processes: Vec<Process>,
    pub(crate) server: Server,
    pub(crate) oracle: Oracle,
    /// What was sent last.
    pub(crate) out: Vec<u8>,
    /// Since then nothing goes wrong.
    pub(crate) quiet_since: Option<Time>,
    /// All part: nobody comes back.
    pub(crate) closing: bool,
}

/// A world never has more to do than this.
const MOST_STEPS: u64 = 400_000;

impl<'a> World<'a> {
    pub(crate) fn new(seed: u64, plan: &'a Plan, apps: &'a Apps) -> Self {
        let mut dice = Dice::new(seed);
        let (limits, bounds) = draw_limits(&mut dice);
        let table = Arc::new(KindTable::new(apps.kinds.clone()));
        let classes = apps.kinds.iter().map(|kind| kind.class).collect();
        let mut oracle = Oracle::new(bounds.clone(), apps.in_order.clone());
        let server = Server::new(&mut oracle, draw_room(&mut dice), dice.one_in(5));
        let mut world = Self {
            plan,
            apps,
            dice,
            now: Time::default(),
            phase: Phase::Busy,
            queue: BinaryHeap::new(),
            sequence: 0,
            limits,
            bounds,
            table,
            classes,
            conns: Vec::new(),
            ends: Vec::new(),
            settled_ends: 0,
            clients: Vec::new(),
            processes: vec![Process::default(); plan.clients + 1],
            server,
            oracle,
            out: Vec::new(),
            quiet_since: None,
            closing: false,
        };
        for client in 0..plan.clients {
            let end = world.new_life(client);
            world.clients.push(Client {
                end,
                connecting: false,
                paused_until: Time::default(),
            });
            world.reconnect(client, Duration::ZERO);
        }
        world.plan_next(plan.pause, Due::Fault);
        world
    }

    pub(crate) fn at(&mut self, at: Time, due: Due) {
        self.sequence += 1;
        self.queue
            .push(Reverse((at.max(self.now), self.sequence, due)));
    }

    pub(crate) fn plan_next(&mut self, wait: Duration, due: Due) {
        self.at(self.now + wait, due);
    }

    /// All of it.
    pub(crate) fn outcome(mut self, seed: u64) -> Result<Report, Failure> {
        match self.live() {
            Ok(()) => {
                let mut report = self.oracle.report;
                report.time = self.now.since_origin();
                Ok(report)
            }
            Err(Wrong(what)) => Err(Failure {
                seed,
                at: self.now,
                what,
            }),
        }
    }

    fn live(&mut self) -> Check {
        let end = Time::default() + self.plan.time;
        while self.now < end
            || self.oracle.report.messages < self.plan.messages
            || self.oracle.report.faults < self.plan.faults
        {
            ensure!(
                self.now < end + Duration::from_secs(300),
                "the applications get nowhere"
            );
            self.step()?;
        }
        self.enter(Phase::Quiet);
        self.quiet_since = Some(self.heal());
        self.come_to_rest("after the faults")?;
        self.check_credit()?;
        self.enter(Phase::Proof);
        let before = self.oracle.requests();
        self.pass(Duration::from_secs(1))?;
        self.enter(Phase::Over);
        self.come_to_rest("after the last requests")?;
        self.oracle.all_went_well(before)?;
        self.check_idleness()?;
        self.close_all()?;
        Ok(())
    }

    /// Nothing has gone wrong for long enough to have been noticed and mended.
    pub(crate) fn is_calm(&self) -> bool {
        let mended = self.bounds.longer(|of| of.heartbeat) * 3 + Duration::from_secs(4);
        self.quiet_since
            .is_some_and(|since| since + mended < self.now)
    }

    /// Every application has a turn in the next phase.
    fn enter(&mut self, phase: Phase) {
        self.phase = phase;
        for end in 0..self.ends.len() {
            self.plan_turn(end);
        }
    }

    /// Does what is due next.
    fn step(&mut self) -> Check {
        let Some(Reverse((at, _, due))) = self.queue.pop() else {
            return Err(Wrong("nothing is due any more".to_owned()));
        };
        ensure!(
            self.sequence < MOST_STEPS,
            "the world never comes to an end"
        );
        self.now = at;
        self.oracle.now = at;
        match due {
            Due::Arrives { conn, server } => self.arrives(conn, to(server)),
            Due::Notices { conn, server } => self.notices(conn, to(server)),
            Due::Cut { conn } => {
                self.cut(conn);
                Ok(())
            }
            Due::Stalls { conn } => {
                self.stall(conn);
                Ok(())
            }
            Due::GivesUp { end } => self.gives_up(end),
            Due::Wake { end } => self.wakes(end),
            Due::Act { end } => self.acts(end),
            Due::Judged { end } => self.judged(end),
            Due::Connects { client } => self.connects(client),
            Due::Thaws { process } => self.thaws(process),
            Due::News { topic } => self.tell_news(topic),
            Due::Fault => self.fault(),
            Due::Restarts => self.restart(),
        }?;
        self.check_sockets()
    }

    /// Lets time pass.
    fn pass(&mut self, time: Duration) -> Check {
        let until = self.now + time;
        while self
            .queue
            .peek()
            .is_some_and(|Reverse((at, ..))| *at <= until)
        {
            self.step()?;
        }
        self.now = self.now.max(until);
        Ok(())
    }

    /// A session has one live socket, and a socket one session.
    fn check_sockets(&mut self) -> Check {
        while self.ends.get(self.settled_ends).is_some_and(End::is_gone) {
            self.settled_ends += 1;
        }
        for (index, end) in self.ends.iter().enumerate().skip(self.settled_ends) {
            if let (Some(conn), false) = (end.conn, end.is_gone()) {
                let side = end.side() as usize;
                let attached = self.conns[conn].ends[side] == Some(index);
                ensure!(attached, "two ends share a connection");
            }
        }
        Ok(())
    }

    /// Waits until nothing is under way any more, for a bounded time.
    fn come_to_rest(&mut self, when: &str) -> Check {
        let heartbeat = self.bounds.longer(|of| of.heartbeat);
        let resume = self.bounds.longer(|of| of.resume);
        let deadline = self.bounds.longer(|of| of.deadline);
        let bound = heartbeat * 6 + resume * 2 + deadline * 2 + Duration::from_secs(30);
        let until = self.now + bound;
        let mut calm = 0;
        while calm < 2 {
            if self.now >= until {
                self.live_ends()
                    .try_for_each(|who| self.oracle.at_rest(who))?;
                return Err(Wrong(format!("no rest {when} within {bound:?}")));
            }
            self.pass(Duration::from_millis(500))?;
            let rests = self.quiet_since.is_some_and(|since| since < self.now)
                && self.all_connected()
                && self
                    .ends
                    .iter()
                    .all(|end| end.is_gone() || end.is_at_rest())
                && self.live_ends().all(|who| self.oracle.at_rest(who).is_ok());
            calm = if rests { calm + 1 } else { 0 };
        }
        Ok(())
    }

    fn live_ends(&self) -> impl Iterator<Item = Who> {
        self.ends
            .iter()
            .filter(|end| end.is_live())
            .map(|end| end.who)
    }

    /// Every client stands in a session whose other end stands there too, and nobody else does.
    fn all_connected(&self) -> bool {
        let client = |client: &Client| {
            let end = &self.ends[client.end];
            let server = end
                .conn
                .and_then(|conn| self.conns[conn].ends[To::Server as usize]);
            let is_open = |end: &End| end.is_live() && end.session.state() == State::Open;
            is_open(end) && server.is_some_and(|server| is_open(&self.ends[server]))
        };
        let sessions = self
            .ends
            .iter()
            .filter(|end| end.is_live() && end.process == SERVER);
        self.clients.iter().all(client) && sessions.count() == self.clients.len()
    }

    /// A world at rest costs nothing but signs of life.
    fn check_idleness(&mut self) -> Check {
        let (time, before) = (Duration::from_secs(30), self.oracle.report.polls);
        self.pass(time)?;
        let polls = self.oracle.report.polls - before;
        let Both { client, server } = &self.bounds;
        let beat = client.heartbeat.min(server.heartbeat);
        let beats = (time.as_millis() / beat.as_millis()) as u64 + 1;
        let most = beats * 40 * self.clients.len() as u64;
        ensure!(
            polls <= most,
            "{polls} polls in {time:?} of rest, {most} at most"
        );
        self.live_ends()
            .try_for_each(|who| self.oracle.at_rest(who))
    }

    /// Cuts each client's connection once: what both ends tell of themselves when the session goes on is all the credit
    /// that there is, as nothing is under way.
    fn check_credit(&mut self) -> Check {
        self.oracle.all_is_taken = true;
        for client in 0..self.clients.len() {
            let end = self.clients[client].end;
            let Some(conn) = self.ends[end].conn else {
                continue;
            };
            // A ping is under way, too, and is asked again.
            let now = self.clock(end);
            self.ends[end].session.prompt(now);
            self.oracle.prompted(self.ends[end].who);
            self.settle(end)?;
            self.conns[conn].cut(&mut self.dice);
            for to in To::BOTH {
                self.notices(conn, to)?;
            }
            self.come_to_rest("after a cut")?;
        }
        self.oracle.all_is_taken = false;
        Ok(())
    }

    /// One half of the clients says goodbye, to the other half the server does.
    fn close_all(&mut self) -> Check {
        self.closing = true;
        for client in 0..self.clients.len() {
            let end = self.clients[client].end;
            let conn = self.ends[end].conn;
            let server = conn.and_then(|conn| self.conns[conn].ends[To::Server as usize]);
            let end = if self.dice.one_in(2) {
                Some(end)
            } else {
                server
            };
            if let Some(end) = end {
                self.close_session(end)?;
            }
        }
        self.pass(Duration::from_secs(8))?;
        for client in &self.clients {
            let end = &self.ends[client.end];
            ensure!(
                end.over,
                "a client that parted stands in {:?}",
                end.session.state()
            );
        }
        let open = self.live_ends().count();
        ensure!(open == 0, "{open} sessions outlive their goodbye");
        Ok(())
    }

    /// Opens another life for a client.
    pub(crate) fn new_life(&mut self, client: usize) -> usize {
        let token = vec![client as u8];
        let life = self.oracle.new_life();
        let table = Arc::clone(&self.table);
        let mut session = Session::client(self.limits.client.clone(), table, token);
        let keeps_unsent = self.dice.one_in(2);
        session.keep_unsent(keeps_unsent);
        self.oracle.lives[life].keeps_unsent = keeps_unsent;
        let app = (self.apps.client)(client, &mut self.dice);
        let end = End::new(
            Who::Client(life),
            client + 1,
            AnySession::Client(session),
            Some(app),
        );
        self.ends.push(end);
        let end = self.ends.len() - 1;
        self.plan_turn(end);
        end
    }
}

fn to(server: bool) -> To {
    if server { To::Server } else { To::Client }
}
