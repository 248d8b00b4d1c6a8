//! What was published, and who has heard it.

use twinwire::frame::{Joined, SkipReason, Skipped, Start, Verdict};
use twinwire::log::Log;
use twinwire::session::RequestKey;
use twinwire::{Alias, Epoch, Offset, PeerId};

use super::{Check, Oracle, Who, Wrong, ensure, hash, peer_id};
use crate::encoding::{ENCODINGS, in_encoding};

/// One life of a topic's log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LogId(pub(crate) usize);

impl LogId {
    pub(crate) fn epoch(self) -> Epoch {
        Epoch::from_bytes((self.0 as u64).to_le_bytes())
    }

    fn of(epoch: Epoch) -> Self {
        Self(u64::from_le_bytes(*epoch.as_bytes()) as usize)
    }
}

#[derive(Debug, Default)]
pub(super) struct LogRecord {
    entries: Vec<Entry>,
    /// The first that may still be there.
    first: u64,
}

/// A publication.
#[derive(Debug)]
struct Entry {
    /// By the encoding that a session reads: its hash, if the encoding has it.
    encodings: [Option<u64>; ENCODINGS],
    except: Option<PeerId>,
}

#[derive(Debug)]
pub(super) struct Subscription {
    join: u32,
    log: LogId,
    next: Offset,
    pub(super) untaken: super::Untaken,
}

impl Oracle {
    pub(crate) fn new_log(&mut self) -> LogId {
        self.logs.push(LogRecord::default());
        LogId(self.logs.len() - 1)
    }

    /// A publication stands in a log.
    pub(crate) fn appended(
        &mut self,
        id: u32,
        log: LogId,
        offset: Offset,
        item: &[u8],
        except: Option<PeerId>,
        kept: &Log,
    ) -> Check {
        let record = &mut self.logs[log.0];
        let made = &mut self.made[id as usize];
        let encodings =
            core::array::from_fn(|encoding| in_encoding(encoding, item).map(|item| hash(0, &item)));
        record.entries.push(Entry { encodings, except });
        record.first = kept.join(Start::Last(u32::MAX)).position.offset.get();
        ensure!(
            record.entries.len() as u64 == offset.get(),
            "offset {offset} isn't the next"
        );
        ensure!(
            made.appended.is_none(),
            "publication {id} is published twice"
        );
        made.appended = Some((log, offset.get()));
        Ok(())
    }

    /// A log answered a join of this session: whether that is what was asked for.
    pub(crate) fn join_answered(
        &mut self,
        session: usize,
        id: u32,
        start: Start,
        joined: Joined,
    ) -> Check {
        let now = self.now;
        self.log_begins(session, joined.alias);
        let record = &mut self.sessions[session];
        record.joined.insert(joined.alias, id);
        record.joined_counts.push((now, record.joined.len()));
        let log = LogId::of(joined.position.epoch);
        let record = &self.logs[log.0];
        let next = record.entries.len() as u64 + 1;
        let first = record.first.max(1);
        let (offset, verdict) = match start {
            Start::Now => (next, Verdict::Begun),
            Start::Last(count) => (
                next.saturating_sub(u64::from(count)).max(first),
                Verdict::Begun,
            ),
            Start::At(position) if position.epoch != log.epoch() => (first, Verdict::NewEpoch),
            Start::At(position) if position.offset.get() < first => (first, Verdict::Gap),
            Start::At(position) => (position.offset.get(), Verdict::Recovered),
        };
        let is_true = (joined.position.offset.get(), joined.verdict) == (offset, verdict);
        ensure!(is_true, "a join from {start:?} got {joined:?}");
        self.made[id as usize].joined = Some(joined);
        Ok(())
    }

    /// The server has its client in this topic no longer.
    pub(super) fn left_by_client(&mut self, who: Who, alias: Alias) {
        if let Who::Server(session) = who {
            let record = &mut self.sessions[session];
            record.joined.remove(&alias);
            record.joined_counts.push((self.now, record.joined.len()));
        }
    }

    pub(super) fn joined(&mut self, who: Who, key: RequestKey, joined: &Joined) -> Check {
        let id = self.keys(who)?.remove(&key);
        let id = id.ok_or_else(|| Wrong("a topic was joined that nobody wanted".to_owned()))?;
        let made = &mut self.made[id as usize];
        ensure!(
            made.joined == Some(*joined),
            "join {id} got another's answer"
        );
        made.fate = Some(super::Fate::Answered);
        let Who::Client(life) = who else {
            return Ok(());
        };
        let subscription = Subscription {
            join: id,
            log: LogId::of(joined.position.epoch),
            next: joined.position.offset,
            untaken: super::Untaken::default(),
        };
        self.subscriptions.insert((life, key), subscription);
        Ok(())
    }

    pub(crate) fn left(&mut self, who: Who, key: RequestKey) {
        self.cancelled(who, key);
        if let Who::Client(life) = who {
            self.subscriptions.remove(&(life, key));
        }
    }

    /// The server puts its client out of a topic.
    pub(crate) fn removed(&mut self, session: usize, alias: Alias) {
        if let Some(join) = self.sessions[session].joined.get(&alias) {
            self.made[*join as usize].removed = true;
        }
    }

    /// A client is told that it was removed, also of what it is still joining.
    pub(super) fn removal_heard(&mut self, who: Who, key: RequestKey) -> Check {
        let joining = self.keys(who)?.remove(&key);
        let joined = match who {
            Who::Client(life) => self.subscriptions.remove(&(life, key)),
            Who::Server(_) | Who::Greeter => None,
        };
        let join = joining.or(joined.map(|subscription| subscription.join));
        let join = join.ok_or_else(|| Wrong(format!("removed from {key:?}, and isn't in it")))?;
        let made = &mut self.made[join as usize];
        ensure!(
            made.removed,
            "a client was removed from join {join}, which stands"
        );
        made.cancelled = true;
        self.report.removals += 1;
        Ok(())
    }

    /// The server wants its client in a topic.
    pub(crate) fn invited(&mut self, id: u32) {
        self.made[id as usize].is_invitation = true;
    }

    fn subscription(&mut self, who: Who, key: RequestKey) -> Check<(&mut Subscription, PeerId)> {
        let peer = self.session(who).map(peer_id);
        let Who::Client(life) = who else {
            return Err(Wrong("a server hears no topics".to_owned()));
        };
        let found = self.subscriptions.get_mut(&(life, key)).zip(peer);
        found.ok_or_else(|| Wrong("a topic is heard that was left".to_owned()))
    }

    pub(super) fn publication(
        &mut self,
        who: Who,
        key: RequestKey,
        offset: Offset,
        payload: &[u8],
    ) -> Check {
        let window = self.bounds.client.subscription;
        let encoding = self.session(who).unwrap_or(0) % ENCODINGS;
        let (subscription, peer) = self.subscription(who, key)?;
        subscription.untaken.add(payload.len(), window)?;
        let due = subscription.next;
        ensure!(offset == due, "{offset} came where {due} was due");
        subscription.next = offset.following();
        let log = subscription.log.0;
        let entry = self.logs[log].entries.get(offset.get() as usize - 1);
        let entry = entry.ok_or_else(|| Wrong(format!("{offset} isn't there yet")))?;
        ensure!(
            entry.encodings[encoding] == Some(hash(0, payload)),
            "{offset} of log {log} is another's"
        );
        ensure!(
            entry.except != Some(peer),
            "{offset} of log {log} is for all but this one"
        );
        self.report.messages += 1;
        self.report.encodings += u64::from(encoding > 0);
        Ok(())
    }

    pub(super) fn skipped(&mut self, who: Who, key: RequestKey, skipped: &Skipped) -> Check {
        let window = self.bounds.client.subscription;
        let encoding = self.session(who).unwrap_or(0) % ENCODINGS;
        let (subscription, peer) = self.subscription(who, key)?;
        subscription.untaken.add(0, window)?;
        ensure!(
            skipped.from == subscription.next && skipped.from < skipped.to,
            "{skipped:?}"
        );
        subscription.next = skipped.to;
        let log = subscription.log;
        let record = &self.logs[log.0];
        let range = skipped.from.get() as usize - 1..skipped.to.get() as usize - 1;
        let entries = record.entries.get(range).unwrap_or_default();
        let is_true = match skipped.why {
            SkipReason::Gone if skipped.to.get() <= record.first => true,
            SkipReason::Gone => entries
                .iter()
                .all(|entry| entry.encodings[encoding].is_none()),
            SkipReason::LeftOut => entries.iter().all(|entry| entry.except == Some(peer)),
        };
        let is_true = is_true && !entries.is_empty();
        ensure!(is_true, "it isn't true: {skipped:?}");
        Ok(())
    }

    pub(super) fn topics_at_rest(&self, who: Who) -> Check {
        let Who::Client(life) = who else {
            return Ok(());
        };
        if let Some(session) = self.session(who) {
            let there = self.sessions[session].joined.len();
            let mine = self.subscriptions.keys().filter(|(of, _)| *of == life);
            let mine = mine.count();
            ensure!(
                mine == there,
                "a client is in {mine} topics, and in {there} at the server"
            );
        }
        let mine = self.subscriptions.iter().filter(|((of, _), _)| *of == life);
        for (_, subscription) in mine {
            let (next, end) = (
                subscription.next,
                self.logs[subscription.log.0].entries.len(),
            );
            let join = subscription.join;
            ensure!(
                !self.made[join as usize].removed,
                "a client was removed from join {join}, and never hears of it"
            );
            ensure!(
                next.get() == end as u64 + 1,
                "a subscriber stays at {next} of {end}"
            );
        }
        Ok(())
    }
}
