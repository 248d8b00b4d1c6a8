//! One end: a session, what comes for it, and what stands behind it.

use std::collections::VecDeque;
use std::time::Duration;

use twinwire::Time;
use twinwire::frame::Resume;
use twinwire::session::{Request, Role, State};

use crate::Application;
use crate::link::{Packet, To};
use crate::oracle::Who;
use crate::session::AnySession;

/// The server's process; the clients' follow.
pub(crate) const SERVER: usize = 0;

/// What has a clock, and may freeze.
#[derive(Clone, Debug, Default)]
pub(crate) struct Process {
    /// How far its clock is ahead of the world's.
    pub(crate) clock: Duration,
    pub(crate) frozen_until: Option<Time>,
}

pub(crate) struct End {
    pub(crate) who: Who,
    pub(crate) process: usize,
    pub(crate) session: AnySession,
    pub(crate) app: Option<Box<dyn Application>>,
    /// The connection that it has, and the newest that it had.
    pub(crate) conn: Option<usize>,
    pub(crate) last_conn: Option<usize>,
    /// What has come, and from where.
    pub(crate) inbox: VecDeque<(usize, Packet)>,
    /// When its session wants to be woken, by its own clock.
    pub(crate) wake: Option<Time>,
    /// When it will be, by the world's.
    pub(crate) scheduled: Option<Time>,
    /// Its transport takes nothing.
    pub(crate) stalled_until: Time,
    /// By its own clock.
    pub(crate) detached_at: Option<Time>,
    /// Its session has ended; it may still say goodbye.
    pub(crate) over: bool,
    /// Nothing is left of it.
    pub(crate) dead: bool,
    /// A turn of its application is due.
    pub(crate) turn_due: bool,
    /// True from the loss of a session until the application is ready for the next.
    pub(crate) is_replacing: bool,
    /// True from a goodbye for now until its session is over.
    pub(crate) goes_away: bool,
    /// What is asked of topics and isn't answered yet.
    pub(crate) judging: Vec<Request>,
    /// Of a greeter: what a client wants back that has said hello, and waits to be judged.
    pub(crate) hello: Option<Option<Box<Resume>>>,
}

impl End {
    pub(crate) fn new(
        who: Who,
        process: usize,
        session: AnySession,
        app: Option<Box<dyn Application>>,
    ) -> Self {
        Self {
            who,
            process,
            session,
            app,
            conn: None,
            last_conn: None,
            inbox: VecDeque::new(),
            wake: None,
            scheduled: None,
            stalled_until: Time::default(),
            detached_at: None,
            over: false,
            dead: false,
            turn_due: false,
            is_replacing: false,
            goes_away: false,
            judging: Vec::new(),
            hello: None,
        }
    }

    pub(crate) fn role(&self) -> Role {
        if self.process == SERVER {
            Role::Server
        } else {
            Role::Client
        }
    }

    /// Its place at a connection.
    pub(crate) fn side(&self) -> To {
        if self.process == SERVER {
            To::Server
        } else {
            To::Client
        }
    }

    /// There is a session, or one may come.
    pub(crate) fn is_live(&self) -> bool {
        !self.dead && !self.over
    }

    /// Nothing comes of it any more.
    pub(crate) fn is_gone(&self) -> bool {
        self.dead || self.over && self.session.state() == State::Closed
    }

    pub(crate) fn is_at_rest(&self) -> bool {
        // What was never sent waits until its application is ready for the next session.
        let is_ready = self.over || !self.is_replacing;
        is_ready && self.judging.is_empty() && self.app.as_ref().is_none_or(|app| app.is_at_rest())
    }
}
