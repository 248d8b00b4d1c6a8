//! What handlers gave, and what became of requests.

use std::time::Duration;

use twinwire::frame::{Answer, Continuity, Refusal, Resume, Welcome, decode_offset};
use twinwire::session::{Outcome, RequestKey};
use twinwire::{Class, SeqNo, Time};

use super::{Check, Fate, Hearing, Oracle, Way, Who, Wrong, ensure, hash, session_of, stamp};

/// Longer than a line in working order takes for what is given to it.
const ON_THE_WAY: Duration = Duration::from_millis(100);

impl Oracle {
    /// A handler answers: gives what is sent.
    pub(crate) fn answered(
        &mut self,
        who: Who,
        number: SeqNo,
        answer: Answer<Vec<u8>>,
    ) -> Answer<Vec<u8>> {
        let Some((id, _)) = self.ends(who, number) else {
            return answer;
        };
        self.answer_waits(who, number, self.made[id as usize].class);
        let largest = self.bounds.payload();
        let made = &mut self.made[id as usize];
        let mut stamped = |seed, payload: Vec<u8>| {
            let payload = stamp(id, made.items.len() as u32, &payload);
            made.answer_is_large = payload.len() > largest;
            made.answer = Some(hash(seed, &payload));
            payload
        };
        match answer {
            Answer::Value(payload) => Answer::Value(stamped(1, payload)),
            Answer::Error(payload) => Answer::Error(stamped(2, payload)),
            Answer::Refused(refused) => {
                made.refusal = Some(refused.why);
                Answer::Refused(refused)
            }
        }
    }

    /// What a stream's next item is sent as.
    pub(crate) fn stamp_item(
        &self,
        who: Who,
        number: SeqNo,
        item: &[u8],
    ) -> Option<(u32, Vec<u8>)> {
        let session = self.session(who)?;
        let (id, _) = *self.sessions[session].running[who.hears() as usize].get(&number)?;
        let index = self.made[id as usize].items.len() as u32;
        Some((id, stamp(id, index, item)))
    }

    pub(crate) fn item_given(&mut self, who: Who, call: SeqNo, now: Time, id: u32, hashed: u64) {
        self.goes_on(who, call, now);
        let made = &mut self.made[id as usize];
        made.items.push(hashed);
        made.last_item = self.now;
    }

    /// A handler has its time again.
    pub(super) fn goes_on(&mut self, who: Who, call: SeqNo, now: Time) {
        let Some(session) = self.session(who) else {
            return;
        };
        let running = &mut self.sessions[session].running[who.hears() as usize];
        if let Some((_, since)) = running.get_mut(&call) {
            *since = now;
        }
    }

    pub(super) fn item_heard(&mut self, who: Who, call: RequestKey, payload: &[u8]) -> Check {
        let id = self.keys(who)?.get(&call).copied();
        let id = id.ok_or_else(|| Wrong(format!("an item of {call:?}, for which nobody waits")))?;
        let window = self.bounds.of(who.role()).stream;
        let made = &mut self.made[id as usize];
        let given = made.items.get(made.heard) == Some(&hash(0, payload));
        ensure!(
            given,
            "item {} of stream {id} is lost, doubled or moved",
            made.heard
        );
        made.heard += 1;
        made.untaken.add(payload.len(), window)?;
        self.report.messages += 1;
        Ok(())
    }

    /// The application has taken an item or a publication.
    pub(crate) fn taken(&mut self, who: Who, key: RequestKey) {
        let stream = self.keys(who).ok().and_then(|keys| keys.get(&key).copied());
        if let Some(id) = stream {
            self.made[id as usize].untaken.0.pop_front();
        } else if let Who::Client(life) = who
            && let Some(subscription) = self.subscriptions.get_mut(&(life, key))
        {
            subscription.untaken.0.pop_front();
        }
    }

    /// The outcome of a request.
    pub(super) fn settled(
        &mut self,
        hearing: Hearing,
        key: RequestKey,
        outcome: &Outcome,
        lost: bool,
        evicted: bool,
    ) -> Check {
        let id = self.keys(hearing.who)?.remove(&key);
        let id = id.ok_or_else(|| Wrong(format!("{key:?} has a second outcome: {outcome:?}")))?;
        let deadline = self.bounds.of(hearing.who.role()).deadline;
        let made = &mut self.made[id as usize];
        let fate = match outcome {
            Outcome::Answered(Answer::Value(payload)) => {
                made.check_value(id, payload)?;
                Fate::Answered
            }
            Outcome::Answered(Answer::Error(payload)) => {
                ensure!(
                    made.answer == Some(hash(2, payload)),
                    "call {id} has another's error"
                );
                Fate::Answered
            }
            Outcome::Answered(Answer::Refused(refused)) => {
                made.check_refusal(id, refused.why)?;
                Fate::Refused
            }
            Outcome::Accepted => {
                ensure!(made.class == Class::Event, "request {id} is no event");
                ensure!(made.arrived, "event {id} was accepted, and isn't there");
                Fate::Accepted
            }
            Outcome::Deadline => {
                let took = hearing.now.saturating_since(made.at);
                ensure!(took >= deadline, "request {id} was late after {took:?}");
                ensure!(!hearing.unread, "request {id} was late with bytes unread");
                // The deadline of what was carried over runs on, also while its items are under way.
                let on_its_way = self.now < made.last_item + ON_THE_WAY;
                let unheard = made.heard < made.items.len() && !on_its_way;
                let stuck = hearing.calm && !made.carried_over && unheard;
                ensure!(!stuck, "stream {id} was late, and nothing held it up");
                Fate::Deadline
            }
            Outcome::NotReceived => {
                ensure!(lost, "request {id} isn't received by a session that stands");
                ensure!(!made.arrived && !made.handed, "request {id} was received");
                ensure!(made.appended.is_none(), "request {id} was published");
                Fate::NotReceived
            }
            Outcome::Closed => {
                ensure!(lost, "request {id} finds a session closed that stands");
                ensure!(!made.arrived && !made.handed, "request {id} was received");
                Fate::NotReceived
            }
            Outcome::Unknown => {
                ensure!(lost, "request {id} is unknown, and its session stands");
                let told = evicted && made.class == Class::Event;
                ensure!(!told, "event {id} is unknown, and the server told");
                Fate::Unknown
            }
        };
        let fulfilled = matches!(fate, Fate::Answered | Fate::Accepted);
        ensure!(
            !(made.skipped && fulfilled),
            "request {id} was passed over, and {fate:?}"
        );
        made.fate = Some(fate);
        Ok(())
    }

    /// The client hears that it is welcome.
    pub(super) fn welcomed(&mut self, who: Who, welcome: &Welcome) -> Check {
        let Who::Client(life) = who else {
            return Err(Wrong("a server was welcomed".to_owned()));
        };
        self.asks_again(who);
        let session = session_of(&welcome.session);
        let at = &mut self.lives[life];
        at.welcomed = None;
        if matches!(welcome.continuity, Continuity::Resumed { .. }) {
            ensure!(at.session == Some(session), "another session was resumed");
            self.report.resumes += 1;
            return Ok(());
        }
        let record = &mut self.sessions[session];
        ensure!(record.life == life, "another client's session");
        at.session = Some(session);
        record.up = Some(at.start);
        Ok(())
    }

    /// The server has given a session back.
    pub(crate) fn resumed(&mut self, session: usize, wanted: &Resume) -> Check {
        let record = &mut self.sessions[session];
        let (seen, attempt) = (record.attempt, wanted.attempt);
        record.attempt = attempt;
        ensure!(attempt > seen, "attempt {attempt} was taken after {seen}");
        self.asks_again(Who::Server(session));
        self.logs_begin_again(session);
        self.acknowledged(session, Way::Down, wanted.received);
        Ok(())
    }
}

impl super::Made {
    fn check_refusal(&self, id: u32, why: Refusal) -> Check {
        let is_true = match why {
            Refusal::Busy if self.is_invitation => self.refusal == Some(why),
            Refusal::Busy => self.may_be_busy,
            Refusal::TooLarge if self.handed => self.answer_is_large,
            Refusal::TooLarge => self.is_large,
            Refusal::UnknownKind | Refusal::KindDiffers => !self.handed,
            _ => self.refusal == Some(why),
        };
        let handler = self.refusal;
        ensure!(
            is_true,
            "request {id} was refused: {why:?}, its handler: {handler:?}"
        );
        Ok(())
    }

    fn check_value(&self, id: u32, payload: &[u8]) -> Check {
        if self.class == Class::Topic && !self.is_invitation {
            let offset = decode_offset(payload).map(twinwire::Offset::get);
            let (_, there) = self
                .appended
                .ok_or_else(|| Wrong(format!("{id} isn't in a log")))?;
            ensure!(
                offset == Ok(there),
                "publication {id} is at {there}, not {offset:?}"
            );
            return Ok(());
        }
        ensure!(
            self.answer == Some(hash(1, payload)),
            "call {id} has another's answer"
        );
        let (heard, given) = (self.heard, self.items.len());
        ensure!(
            heard == given,
            "{heard} of {given} items came before the end of stream {id}"
        );
        Ok(())
    }
}
