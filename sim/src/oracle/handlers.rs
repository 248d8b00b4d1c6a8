//! Requests at those who handle them.

use twinwire::frame::{Invite, Refusal};
use twinwire::session::{Request, State, TopicRequest};
use twinwire::{Class, SeqNo, Time};

use super::{Check, Fate, Hearing, Oracle, Way, Who, Wrong, ensure, hash, read_stamp};

impl Oracle {
    /// A request starts at the end that it was made to.
    pub(super) fn handed_over(&mut self, hearing: Hearing, request: &Request) -> Check {
        let (way, number) = (hearing.who.hears(), request.number);
        let invitation = match request.topic {
            Some(TopicRequest::Invite) => Some(invitation(&request.payload)?),
            Some(TopicRequest::Join { .. } | TopicRequest::Publish { .. }) | None => None,
        };
        let payload = invitation
            .as_ref()
            .map_or(&request.payload[..], |of| of.key);
        let (id, _) = read_stamp(payload)?;
        let session = self.session(hearing.who);
        let session = session.ok_or_else(|| Wrong("a request without a session".to_owned()))?;
        let before = self.sessions[session].blocking[way as usize];
        ensure!(
            before.is_none(),
            "{number} starts beside {before:?}, which must end first"
        );
        self.pass_to(hearing, session, id)?;
        let record = &mut self.sessions[session];
        let made = &mut self.made[id as usize];
        ensure!(!made.handed, "request {id} ({number}) is handled twice");
        ensure!(
            made.arrived,
            "request {id} ({number}) is handled before it arrived"
        );
        ensure!(
            made.fate != Some(Fate::NotReceived),
            "request {id} was called not received"
        );
        ensure!(
            request.payload.len() <= self.bounds.payload(),
            "request {id} is larger than may be"
        );
        ensure!(
            made.hash == hash(0, payload),
            "request {id} isn't what was sent"
        );
        made.handed = true;
        let blocks = made.class == Class::Event
            || request.topic.is_some() && invitation.is_none()
            // The client's application is asked in order only by events.
            || way == Way::Up && self.in_order.contains(&request.kind);
        record.blocking[way as usize] = blocks.then_some(number);
        record.running[way as usize].insert(number, (id, hearing.now));
        let running = record.running[way as usize].values();
        let is_stream = |id: u32| self.made[id as usize].class == Class::Stream;
        let streams = running.clone().filter(|(id, _)| is_stream(*id)).count();
        let bounds = self.bounds.of(hearing.who.role());
        // An event counts against nothing: there is one at a time.
        let fits = running.len() <= bounds.calls + 1 && streams <= bounds.streams;
        ensure!(
            fits,
            "{} handlers at work, {streams} of streams",
            running.len()
        );
        if is_stream(id) {
            self.stream_starts(hearing.who, number);
        }
        self.report.messages += 1;
        self.report.invitations += u64::from(invitation.is_some());
        Ok(())
    }

    /// The next request of this way is this one; those before it that aren't handed over have a reason.
    fn pass_to(&mut self, hearing: Hearing, session: usize, id: u32) -> Check {
        let (way, record) = (hearing.who.hears(), &mut self.sessions[session]);
        let (list, mut next, end) = match way {
            Way::Up => {
                let list = &self.lives[record.life].made;
                let start = record
                    .up
                    .ok_or_else(|| Wrong("a request before its welcome".to_owned()))?;
                (list, start, record.up_end.unwrap_or(list.len()))
            }
            Way::Down => (&record.made, record.down, record.made.len()),
        };
        loop {
            ensure!(
                next < end,
                "request {id} comes twice, late, or in another session"
            );
            let passed = list[next];
            next += 1;
            if passed == id {
                break;
            }
            let made = &mut self.made[passed as usize];
            let excused = made.cancelled || made.fate.is_some_and(|fate| fate != Fate::Accepted);
            // Who parts handles no calls any more.
            let parts = !matches!(hearing.state, State::Open | State::Detached);
            let may_be_refused = match made.class {
                Class::Stream | Class::Topic => true,
                Class::Call => parts,
                Class::Event => false,
            };
            ensure!(
                excused || may_be_refused,
                "request {passed} ({:?}, arrived: {}) is missing before {id}",
                made.class,
                made.arrived
            );
            made.skipped = true;
        }
        match way {
            Way::Up => record.up = Some(next),
            Way::Down => record.down = next,
        }
        Ok(())
    }

    /// Takes a request from those at work.
    pub(super) fn ends(&mut self, who: Who, number: SeqNo) -> Option<(u32, Time)> {
        let (session, way) = (self.session(who)?, who.hears() as usize);
        let record = &mut self.sessions[session];
        record.blocking[way].take_if(|blocking| *blocking == number);
        record.running[way].remove(&number)
    }

    /// A handler is done with an event.
    pub(crate) fn done(&mut self, who: Who, number: SeqNo) {
        self.ends(who, number);
    }

    /// An event's handler takes its time.
    pub(crate) fn held(&mut self, who: Who, number: SeqNo) {
        let Some(session) = self.session(who) else {
            return;
        };
        let running = &self.sessions[session].running[who.hears() as usize];
        if let Some((id, _)) = running.get(&number) {
            self.made[*id as usize].held = true;
        }
    }

    /// A handler is dropped.
    pub(super) fn dropped(&mut self, hearing: Hearing, number: SeqNo, why: Refusal) -> Check {
        if let Some((id, since)) = self.ends(hearing.who, number) {
            let made = &mut self.made[id as usize];
            made.refusal = Some(why);
            let held = made.held && why == Refusal::Deadline;
            ensure!(
                !held,
                "the handler of {id} was dropped, which has all the time it needs"
            );
            let took = hearing.now.saturating_since(since);
            let in_time =
                why == Refusal::Deadline && took < self.bounds.of(hearing.who.role()).deadline;
            ensure!(!in_time, "the handler of {id} was dropped before its time");
        }
        Ok(())
    }
}

fn invitation(payload: &[u8]) -> Check<Invite<'_>> {
    Invite::decode(payload).map_err(|fault| Wrong(format!("no invitation: {fault}")))
}
