//! Turns: what may go out waits for few messages of others.

use std::collections::{BTreeMap, VecDeque};

use twinwire::frame::{Frame, Frames};
use twinwire::limits::{FRAME_COST, MAX_PART};
use twinwire::log::Slice;
use twinwire::session::{Event, ReadLog, Role, State};
use twinwire::{Alias, Class, Offset, SeqNo};

use super::{Check, Oracle, Way, Who, ensure};

/// The most messages that go before a stream's next part, for each stream that may be at work: 64 at the usual limit
/// of 16. Of answers, requests and items each may fill a message before it is the next stream's turn.
const MESSAGES: usize = 4;

/// The sources at one end of a session that may have something to send.
#[derive(Debug, Default)]
pub(super) struct Turns {
    streams: BTreeMap<SeqNo, SentStream>,
    /// Answers of which nothing is out.
    answers: BTreeMap<SeqNo, Passed>,
    logs: BTreeMap<Alias, SentLog>,
}

/// The number of messages, and of parts of others of its sort, that went while something could go and didn't.
#[derive(Clone, Copy, Debug, Default)]
struct Passed {
    messages: usize,
    parts: usize,
}

/// A stream at the end that gives its items.
#[derive(Debug)]
struct SentStream {
    /// The lengths of the items that aren't out.
    items: VecDeque<usize>,
    /// Bytes of the first that are out.
    sent: usize,
    /// Its window, and what it has used of that, in charged bytes.
    limit: u64,
    used: u64,
    passed: Passed,
}

impl SentStream {
    fn new(limit: u64) -> Self {
        Self {
            items: VecDeque::new(),
            sent: 0,
            limit,
            used: 0,
            passed: Passed::default(),
        }
    }

    /// Returns true if its next part finds room in its window.
    fn is_ready(&self) -> bool {
        self.items.front().is_some_and(|item| {
            let part = (item - self.sent).min(MAX_PART) as u64;
            self.used + part + FRAME_COST <= self.limit
        })
    }

    fn sends(&mut self, part: usize, more: bool) {
        self.used += part as u64 + FRAME_COST;
        self.sent += part;
        if !more {
            self.items.pop_front();
            self.sent = 0;
        }
        self.passed = Passed::default();
    }
}

/// A topic's log that a session has read from.
#[derive(Debug)]
enum SentLog {
    /// It has more, and waits for so many messages of the session.
    Ready(usize),
    /// It waits for room in the subscription's window.
    Blocked,
    /// It has nothing from there on.
    AtEnd(Offset),
}

impl Turns {
    /// Takes a new frame.
    fn take(&mut self, frame: &Frame<'_>) {
        match frame {
            Frame::Item(item) => {
                let others = self.streams.iter_mut();
                others
                    .filter(|(call, of)| **call != item.call && of.is_ready())
                    .for_each(|(_, of)| of.passed.parts += 1);
                if let Some(stream) = self.streams.get_mut(&item.call) {
                    stream.sends(item.payload.len(), item.part.more);
                }
            }
            Frame::Reply(reply) => {
                self.streams.remove(&reply.call);
                self.answers.remove(&reply.call);
                let others = self.answers.values_mut();
                others.for_each(|passed| passed.parts += 1);
            }
            _ => {}
        }
    }

    /// Takes a message with something new, and checks how many have gone before others.
    fn take_all<'a>(
        &mut self,
        frames: impl Iterator<Item = Frame<'a>>,
        streams: usize,
        calls: usize,
    ) -> Check {
        let ready = self.streams.values_mut().filter(|stream| stream.is_ready());
        let waiting = ready.map(|stream| &mut stream.passed);
        waiting
            .chain(self.answers.values_mut())
            .for_each(|passed| passed.messages += 1);
        for log in self.logs.values_mut() {
            if let SentLog::Ready(messages) = log {
                *messages += 1;
            }
        }
        for frame in frames {
            self.take(&frame);
            let items = self.streams.values().map(|stream| &stream.passed);
            let of_all = [
                ("a stream", items.map(|of| of.parts).max(), streams),
                (
                    "an answer",
                    self.answers.values().map(|of| of.parts).max(),
                    calls,
                ),
            ];
            for (what, parts, all) in of_all {
                let parts = parts.unwrap_or(0);
                ensure!(
                    parts < all,
                    "{what} could go, and {parts} parts of others went, of {all} with its own"
                );
            }
        }
        Ok(())
    }
}

impl Oracle {
    fn turns(&mut self, who: Who) -> Option<&mut Turns> {
        let session = self.session(who)?;
        Some(&mut self.sessions[session].turns[who.hears() as usize])
    }

    /// A handler of a stream starts at this end.
    pub(super) fn stream_starts(&mut self, who: Who, call: SeqNo) {
        let asks = match who.role() {
            Role::Client => Role::Server,
            Role::Server => Role::Client,
        };
        let limit = self.bounds.of(asks).stream;
        if let Some(turns) = self.turns(who) {
            turns.streams.insert(call, SentStream::new(limit));
        }
    }

    /// A stream has one more item.
    pub(crate) fn item_waits(&mut self, who: Who, call: SeqNo, length: usize) {
        if let Some(stream) = self
            .turns(who)
            .and_then(|turns| turns.streams.get_mut(&call))
        {
            stream.items.push_back(length);
        }
    }

    /// A stream's consumer tells how far it may go.
    pub(super) fn stream_may_go(&mut self, who: Who, call: SeqNo, limit: u64) {
        if let Some(stream) = self
            .turns(who)
            .and_then(|turns| turns.streams.get_mut(&call))
        {
            stream.limit = stream.limit.max(limit);
        }
    }

    /// A call has its answer. A stream's waits behind the items.
    pub(super) fn answer_waits(&mut self, who: Who, call: SeqNo, class: Class) {
        if let Some(turns) = self.turns(who).filter(|_| class != Class::Stream) {
            turns.answers.insert(call, Passed::default());
        }
    }

    /// A log was read for a session.
    pub(crate) fn log_read(&mut self, who: Who, read: ReadLog, slice: &Slice) {
        if let Some(turns) = self.turns(who) {
            let log = match slice.more {
                true if slice.next == read.from => SentLog::Blocked,
                true => SentLog::Ready(0),
                false => SentLog::AtEnd(slice.next),
            };
            turns.logs.insert(read.alias, log);
        }
    }

    /// A session is told that a log has entries up to there.
    pub(crate) fn log_has_news(&mut self, who: Who, alias: Alias, head: Offset) {
        let log = self.turns(who).and_then(|turns| turns.logs.get_mut(&alias));
        if let Some(log) = log
            && matches!(log, SentLog::AtEnd(next) if *next < head)
        {
            *log = SentLog::Ready(0);
        }
    }

    /// A subscriber gives more room.
    pub(super) fn log_may_go(&mut self, who: Who, alias: Alias) {
        let log = self.turns(who).and_then(|turns| turns.logs.get_mut(&alias));
        if let Some(log) = log
            && matches!(log, SentLog::Blocked)
        {
            *log = SentLog::Ready(0);
        }
    }

    /// Logs are read from where the client of a session stands.
    pub(super) fn logs_begin_again(&mut self, session: usize) {
        self.sessions[session].turns[Way::Up as usize].logs.clear();
    }

    /// A log is read from where the client of a session joins it.
    pub(super) fn log_begins(&mut self, session: usize, alias: Alias) {
        self.sessions[session].turns[Way::Up as usize]
            .logs
            .remove(&alias);
    }

    /// Hears at once of what waits no longer.
    pub(crate) fn gives_turns_up(&mut self, who: Who, event: &Event) {
        if let Event::Dropped { request, .. } = event
            && let Some(turns) = self.turns(who)
        {
            turns.streams.remove(request);
        }
    }

    /// Takes note that a server's client has left a topic: its log is read no more.
    pub(crate) fn gives_log_up(&mut self, who: Who, alias: Alias) {
        if let Some(turns) = self.turns(who) {
            turns.logs.remove(&alias);
        }
    }

    /// A message goes out: checks that nothing that could have gone has waited for too many.
    pub(crate) fn takes_turn(&mut self, who: Who, state: State, message: &[u8]) -> Check {
        let Some(session) = self.sends_in(who) else {
            return Ok(());
        };
        let (asks, hears) = (who.asks() as usize, who.hears() as usize);
        let bounds = self.bounds.of(who.role());
        let record = &mut self.sessions[session];
        let (top, turns) = (record.unacknowledged[asks].top, &mut record.turns[hears]);
        let is_new = |frame: &Frame<'_>| frame.number().is_some_and(|number| Some(number) > top);
        let mut frames = Frames::new(message).flatten().filter(is_new).peekable();
        // What is sent again goes first, and where too much is kept nothing new goes. After a goodbye only answers do.
        if frames.peek().is_none() || state != State::Open {
            return Ok(());
        }
        turns.take_all(frames, bounds.streams, bounds.calls)?;
        let streams = turns.streams.values().map(|of| of.passed.messages);
        let answers = turns.answers.values().map(|of| of.messages);
        let logs = turns.logs.values().map(|log| match log {
            SentLog::Ready(messages) => *messages,
            SentLog::Blocked | SentLog::AtEnd(_) => 0,
        });
        let waits = [
            ("a stream", streams.max(), MESSAGES * bounds.streams),
            ("an answer", answers.max(), MESSAGES * bounds.calls),
            // One goes between two messages of the session.
            ("a log", logs.max(), bounds.subscriptions),
        ];
        for (what, messages, most) in waits {
            let messages = messages.unwrap_or(0);
            ensure!(
                messages <= most,
                "{what} could go, and waits for {messages} messages, {most} at most"
            );
        }
        Ok(())
    }
}
