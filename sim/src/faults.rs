//! What goes wrong.

use std::time::Duration;

use twinwire::Time;

use crate::Phase;
use crate::end::SERVER;
use crate::link::{Conn, To};
use crate::oracle::Check;
use crate::world::{Due, World};

impl World<'_> {
    pub(crate) fn fault(&mut self) -> Check {
        if self.phase != Phase::Busy {
            return Ok(());
        }
        let pause = self.plan.pause.as_millis() as u64;
        let wait = self.dice.wait(pause / 4, pause * 7 / 4);
        self.plan_next(wait, Due::Fault);
        let client = self.dice.place(self.clients.len());
        let conn = self.ends[self.clients[client].end].conn;
        let process = self.dice.place(self.processes.len());
        let beat = self.bounds.longer(|of| of.heartbeat).as_millis() as u64;
        let happened = match (self.dice.roll(24), conn) {
            (0..12, Some(conn)) => {
                self.cut(conn);
                true
            }
            (12..14, _) => self.freeze(process, beat),
            (14..16, _) => {
                self.processes[process].clock += self.dice.wait(beat / 3, beat * 4);
                self.run_process(process)?;
                true
            }
            (16..18, Some(conn)) => self.stall(conn),
            (18..21, Some(conn)) => {
                let until = self.now + self.dice.wait(100, 2_000);
                self.conns[conn].slow_until(until);
                true
            }
            (21..23, _) => self.evict()?,
            (23, _) if self.dice.one_in(2) => self.restart_soon()?,
            _ => false,
        };
        self.oracle.report.faults += u64::from(happened);
        Ok(())
    }

    /// A connection breaks: either end notices soon, late, or never.
    pub(crate) fn cut(&mut self, conn: usize) {
        if self.phase != Phase::Busy || self.conns[conn].is_cut {
            return;
        }
        let last = self.conns[conn].cut(&mut self.dice);
        self.oracle.report.cuts += 1;
        for to in To::BOTH {
            let wait = match self.dice.roll(4) {
                0 | 1 => self.dice.wait(0, 60),
                2 => self.dice.wait(300, 4_000),
                _ => continue,
            };
            let at = last[to as usize].max(self.now) + wait;
            self.at(
                at,
                Due::Notices {
                    conn,
                    server: to == To::Server,
                },
            );
        }
    }

    fn freeze(&mut self, process: usize, beat: u64) -> bool {
        if self.processes[process].frozen_until.is_some() {
            return false;
        }
        let until = self.now + self.dice.wait(50, beat * 3);
        self.processes[process].frozen_until = Some(until);
        self.at(until, Due::Thaws { process });
        true
    }

    pub(crate) fn thaws(&mut self, process: usize) -> Check {
        if self.processes[process].frozen_until.take().is_some() {
            self.run_process(process)?;
        }
        Ok(())
    }

    /// Everything in a process has its turn: what has come, and then the time.
    fn run_process(&mut self, process: usize) -> Check {
        for end in 0..self.ends.len() {
            if self.ends[end].process == process {
                self.run(end)?;
            }
        }
        Ok(())
    }

    /// One end's transport takes nothing for a while, or neither's.
    pub(crate) fn stall(&mut self, conn: usize) -> bool {
        if self.phase != Phase::Busy {
            return false;
        }
        let beat = self.bounds.longer(|of| of.heartbeat).as_millis() as u64;
        let (side, is_both) = (self.dice.place(2), self.dice.one_in(4));
        let ends = [side, 1 - side].map(|side| self.conns[conn].ends[side]);
        let ends = ends.into_iter().take(1 + usize::from(is_both));
        let mut happened = false;
        for end in ends.flatten() {
            let wait = self.dice.wait(50, beat * 5 / 2);
            self.ends[end].stalled_until = self.now + wait;
            self.schedule(end);
            happened = true;
        }
        happened
    }

    /// The server goes: at once, or with goodbyes first.
    fn restart_soon(&mut self) -> Check<bool> {
        let mut wait = Duration::ZERO;
        if self.dice.one_in(3) && self.processes[SERVER].frozen_until.is_none() {
            wait = self.dice.wait(100, 2_500);
            for end in self.server.ends() {
                self.close_session(end)?;
            }
        }
        self.plan_next(wait, Due::Restarts);
        Ok(true)
    }

    /// Nothing more goes wrong; what is broken, frozen or stalled stays so until it is noticed or over. Gives
    /// when the last of it is over.
    pub(crate) fn heal(&mut self) -> Time {
        for client in 0..self.clients.len() {
            // Nobody waits for long any more.
            self.clients[client].paused_until = self.now;
            if self.clients[client].connecting {
                let wait = self.dice.wait(10, 600);
                self.plan_next(wait, Due::Connects { client });
            }
        }
        let frozen = self
            .processes
            .iter()
            .filter_map(|process| process.frozen_until);
        let stalled = self.ends.iter().map(|end| end.stalled_until);
        let slow = self.conns.iter().map(Conn::slow_until_all_is_there);
        frozen.chain(stalled).chain(slow).fold(self.now, Time::max)
    }
}
