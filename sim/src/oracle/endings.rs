//! How sessions are lost and end.

use std::collections::BTreeSet;

use twinwire::session::SessionLost;
use twinwire::{Class, End, GoodbyeCode};

use super::{Check, Fate, Hearing, Oracle, Way, Who, Wrong, ensure, hash, read_stamp};

impl Oracle {
    /// An event is handed over whose session is lost or over.
    pub(super) fn leftover(&mut self, who: Who, payload: &[u8]) -> Check {
        let (id, _) = read_stamp(payload)?;
        let (Who::Client(life), Some(session)) = (who, self.session(who)) else {
            return Err(Wrong("something is left of no session".to_owned()));
        };
        self.pass_leftovers(session, Some(id))?;
        let made = &mut self.made[id as usize];
        let is_whole = made.arrived && !made.handed && made.hash == hash(0, payload);
        ensure!(is_whole, "event {id} is left, and isn't what was sent");
        ensure!(
            made.fate != Some(Fate::NotReceived),
            "event {id} is left, and was called not received"
        );
        made.handed = true;
        self.lives[life]
            .leftovers
            .add(payload.len(), self.bounds.client.requests)?;
        self.report.messages += 1;
        self.report.leftovers += 1;
        Ok(())
    }

    /// The application has taken what was left of sessions that are over.
    pub(crate) fn leftovers_taken(&mut self, who: Who) {
        if let Who::Client(life) = who {
            self.lives[life].leftovers.0.clear();
        }
    }

    /// No event that arrived at the client is missing before this one, or at the end.
    fn pass_leftovers(&mut self, session: usize, until: Option<u32>) -> Check {
        let record = &mut self.sessions[session];
        let mut next = record.down;
        while let Some(id) = record.made.get(next).copied() {
            next += 1;
            if Some(id) == until {
                record.down = next;
                return Ok(());
            }
            let made = &self.made[id as usize];
            let lost = made.class == Class::Event && made.arrived && !made.handed;
            ensure!(!lost, "event {id} arrived, and was lost with its session");
        }
        ensure!(until.is_none(), "event {until:?} is left twice, or late");
        Ok(())
    }

    /// The client's session is another.
    pub(super) fn session_replaced(&mut self, who: Who, why: SessionLost) -> Check {
        let Who::Client(life) = who else {
            return Err(Wrong("a server's session can't begin anew".to_owned()));
        };
        self.asks_no_more(who);
        let lost = self.lives[life].session.take();
        let lost = lost.ok_or_else(|| Wrong("a session was lost that there wasn't".to_owned()))?;
        let record = &mut self.sessions[lost];
        let restarted = record.boot != self.boot;
        let is_true = match why {
            SessionLost::Restarted => restarted,
            SessionLost::Evicted => record.over || record.closed,
            // No client here begins a session by itself, and each server keeps what it welcomed.
            SessionLost::Ended | SessionLost::Unknown => false,
        };
        ensure!(
            is_true,
            "the session was lost as {why:?}, restarted: {restarted}, over: {}",
            record.over
        );
        self.report.lost += 1;
        self.begins_anew(life, Some(lost))
    }

    /// Another session is to follow one, if there was one yet: it may take over what was never sent.
    fn begins_anew(&mut self, life: usize, lost: Option<usize>) -> Check {
        if let Some(lost) = lost {
            self.leaves(life, lost)?;
        }
        let life = &mut self.lives[life];
        ensure!(
            life.keeps_unsent || life.keys.is_empty(),
            "requests of a lost session have no outcome"
        );
        // What is replaced may have changed places since it was asked for, so keys don't tell the order.
        let kept: BTreeSet<u32> = life.keys.values().copied().collect();
        life.unsent.extend_from_slice(&life.made[life.start..]);
        life.unsent.retain(|id| kept.contains(id));
        ensure!(
            life.unsent.len() == kept.len(),
            "of {} requests without an outcome {} wait for the next session",
            kept.len(),
            life.unsent.len()
        );
        for id in &life.unsent {
            let made = &self.made[*id as usize];
            let unsent = !made.arrived && made.appended.is_none();
            ensure!(
                unsent,
                "request {id} arrived, and is kept for another session"
            );
        }
        life.start = life.made.len();
        Ok(())
    }

    /// The client's next session takes over what was never sent: from now on it comes after what was asked for since
    /// the loss.
    pub(crate) fn requeued(&mut self, life: usize) {
        let life = &mut self.lives[life];
        self.report.carried_over += life.unsent.len() as u64;
        for id in &life.unsent {
            self.made[*id as usize].carried_over = true;
        }
        life.made.append(&mut life.unsent);
    }

    /// The client's end of a session is over.
    fn leaves(&mut self, life: usize, session: usize) -> Check {
        self.pass_leftovers(session, None)?;
        self.subscriptions.retain(|(of, _), _| *of != life);
        let record = &mut self.sessions[session];
        record.up_end = Some(self.lives[life].made.len());
        record.running[Way::Down as usize].clear();
        record.blocking[Way::Down as usize] = None;
        Ok(())
    }

    /// A session is over for good.
    pub(super) fn ended(&mut self, hearing: Hearing, end: &End) -> Check {
        ensure!(
            !hearing.unread,
            "it ended before it read what had come: {end}"
        );
        self.asks_no_more(hearing.who);
        let session = self.session(hearing.who);
        let record = session.map(|session| &self.sessions[session]);
        let away = matches!(hearing.who, Who::Client(life) if self.lives[life].goes_away);
        let closed = self.is_closing(hearing.who) || hearing.who == Who::Greeter;
        // The client gave up before it heard the welcome.
        let unheard = record.is_none_or(|record| record.up.is_none());
        let said = |code| {
            matches!(
                code,
                GoodbyeCode::Done | GoodbyeCode::GoingAway | GoodbyeCode::Internal
            )
        };
        let is_true = match end {
            End::Closed(goodbye) => said(goodbye.code) || goodbye.code == GoodbyeCode::Superseded,
            End::Goodbye(goodbye) => {
                closed && said(goodbye.code) || unheard && goodbye.code == GoodbyeCode::TooSlow
            }
            End::TooSlow => session.is_none(),
            End::Lost if away => true,
            End::Lost if session.is_none() => true,
            End::Lost => hearing.kept && matches!(hearing.who, Who::Server(_)),
            End::Silent | End::Misbehaved(_) => false,
            _ => false,
        };
        ensure!(is_true, "a session ended: {end}");
        let keeps_unsent =
            matches!(hearing.who, Who::Client(life) if self.lives[life].keeps_unsent);
        ensure!(
            keeps_unsent || self.pending(hearing.who) == 0,
            "requests have no outcome at the end of their session"
        );
        match (hearing.who, session) {
            (Who::Client(life), session) if away => {
                let life_at = &mut self.lives[life];
                (life_at.goes_away, life_at.session) = (false, None);
                self.report.away += 1;
                self.begins_anew(life, session)?;
            }
            (Who::Client(life), session) => {
                if let Some(session) = session {
                    self.leaves(life, session)?;
                }
                self.lives[life].over = true;
                self.lives[life].session = None;
            }
            (Who::Server(session), _) => self.given_up(session),
            (Who::Greeter, _) => {}
        }
        Ok(())
    }

    /// The server's end of a session is no more.
    pub(crate) fn given_up(&mut self, session: usize) {
        let record = &mut self.sessions[session];
        record.over = true;
        record.keys.clear();
        record.running[Way::Up as usize].clear();
        record.blocking[Way::Up as usize] = None;
    }
}
