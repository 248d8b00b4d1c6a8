//! What must be true, whatever happens: a plain account of all that was asked for, beside the sessions.

mod endings;
mod handlers;
mod made;
mod outcomes;
mod pings;
mod topics;
mod turns;
mod wire;

use std::collections::{BTreeMap, VecDeque};

use twinwire::session::{
    AnyEvent, ClientEvent, Event, RequestKey, Role, ServerEvent, SessionLost, State,
};
use twinwire::{Alias, Class, PeerId, SeqNo, SessionId, Time};

use crate::plan::{Both, Bounds};
use crate::{Coverage, Report};
use made::{Fate, Made, Untaken};
pub(crate) use topics::LogId;
use topics::{LogRecord, Subscription};
use turns::Turns;

/// A violation, in words.
#[derive(Debug)]
pub(crate) struct Wrong(pub(crate) String);

pub(crate) type Check<T = ()> = Result<T, Wrong>;

macro_rules! ensure {
    ($holds:expr, $($text:tt)+) => {
        if !$holds {
            return Err($crate::oracle::Wrong(format!($($text)+)));
        }
    };
}
pub(crate) use ensure;

/// One end, as the oracle knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Who {
    /// The life of a client's `Session`, which may be of several sessions one after the other.
    Client(usize),
    /// The server's end of a session.
    Server(usize),
    /// The server's end of a connection that isn't a session's yet.
    Greeter,
}

/// Which way requests go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Up = 0,
    Down = 1,
}

impl Who {
    pub(crate) fn role(self) -> Role {
        match self {
            Self::Client(_) => Role::Client,
            Self::Server(_) | Self::Greeter => Role::Server,
        }
    }

    /// The way of the requests that this end makes.
    fn asks(self) -> Way {
        match self {
            Self::Client(_) => Way::Up,
            Self::Server(_) | Self::Greeter => Way::Down,
        }
    }

    /// The way of those that it hears.
    fn hears(self) -> Way {
        match self {
            Self::Client(_) => Way::Down,
            Self::Server(_) | Self::Greeter => Way::Up,
        }
    }
}

/// A client's `Session`.
#[derive(Debug, Default)]
pub(crate) struct Life {
    made: Vec<u32>,
    /// The first that was made in the session that it has.
    start: usize,
    session: Option<usize>,
    /// The session of a welcome that has arrived, until its application hears of it: what is sent already is of that.
    welcomed: Option<usize>,
    keys: BTreeMap<RequestKey, u32>,
    /// Of sessions that are over.
    leftovers: Untaken,
    pub(crate) over: bool,
    /// Its application wanted it to end.
    pub(crate) closing: bool,
    /// The requests that the last session never sent, until the next takes it over.
    unsent: Vec<u32>,
    /// True while what was never sent outlives its session.
    pub(crate) keeps_unsent: bool,
    /// True from a goodbye for now until another session is to follow.
    pub(crate) goes_away: bool,
}

impl Life {
    /// Returns the charge of what was left of sessions that are over and isn't taken.
    pub(crate) fn untaken(&self) -> u64 {
        self.leftovers.0.iter().sum()
    }
}

/// A session, as the server made it.
#[derive(Debug)]
pub(crate) struct Record {
    life: usize,
    boot: u64,
    /// Of the client's requests the next that may be handed over, once it has heard the welcome.
    up: Option<usize>,
    up_end: Option<usize>,
    made: Vec<u32>,
    down: usize,
    keys: BTreeMap<RequestKey, u32>,
    /// By the way of the requests: handlers at work, since when by the clock of their end or, if that is later, when
    /// their last item was given or sent; and what must end before the next starts.
    running: [BTreeMap<SeqNo, (u32, Time)>; 2],
    blocking: [Option<SeqNo>; 2],
    /// What has arrived in part.
    partial: [Option<u32>; 2],
    /// Calls that have arrived and aren't answered on the wire, and what was asked for, but for leaves.
    open: [BTreeMap<SeqNo, Option<u32>>; 2],
    /// The topics that the server has its client in, and the joins.
    pub(crate) joined: BTreeMap<Alias, u32>,
    /// The number of those, each time that one came or went.
    joined_counts: Vec<(Time, usize)>,
    /// The charges of the requests that arrived.
    charged: [u64; 2],
    /// What each end has sent and hasn't heard to be received.
    unacknowledged: [Unacknowledged; 2],
    /// The streams, answers and logs that may go out, by the way of the requests that they are for.
    turns: [Turns; 2],
    attempt: u64,
    /// Gone at the server, which remembers.
    pub(crate) over: bool,
    /// Either end wanted it to end.
    pub(crate) closed: bool,
}

#[derive(Debug, Default)]
struct Unacknowledged {
    top: Option<SeqNo>,
    frames: VecDeque<(SeqNo, usize)>,
    bytes: usize,
}

/// What an end stands in while it hears.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hearing {
    pub(crate) who: Who,
    pub(crate) state: State,
    /// By its own clock.
    pub(crate) now: Time,
    /// Bytes had come that it hadn't been given.
    pub(crate) unread: bool,
    /// It was without a connection long enough to be given up.
    pub(crate) kept: bool,
    /// Nothing has gone wrong for so long that nothing can be held up any more.
    pub(crate) calm: bool,
    /// Nothing has gone wrong since then, by the world's clock.
    pub(crate) quiet_since: Option<Time>,
}

#[derive(Debug)]
pub(crate) struct Oracle {
    /// By the world's clock.
    pub(crate) now: Time,
    made: Vec<Made>,
    pub(crate) lives: Vec<Life>,
    pub(crate) sessions: Vec<Record>,
    logs: Vec<LogRecord>,
    subscriptions: BTreeMap<(usize, RequestKey), Subscription>,
    /// Those that wait for a pong, and the time since which nothing is in its way.
    pings: BTreeMap<Who, Time>,
    bounds: Both<Bounds>,
    in_order: Vec<u32>,
    pub(crate) boot: u64,
    /// Nothing waits at any application: all credit is with who may use it.
    pub(crate) all_is_taken: bool,
    pub(crate) report: Report,
}

/// The id that the bytes of a stamped payload begin with.
pub(crate) const STAMP: usize = 8;

pub(crate) fn stamp(id: u32, index: u32, payload: &[u8]) -> Vec<u8> {
    let mut stamped = Vec::with_capacity(STAMP + payload.len());
    stamped.extend_from_slice(&id.to_le_bytes());
    stamped.extend_from_slice(&index.to_le_bytes());
    stamped.extend_from_slice(payload);
    stamped
}

pub(crate) fn read_stamp(payload: &[u8]) -> Check<(u32, u32)> {
    let read = |at: usize| Some(u32::from_le_bytes(*payload.get(at..)?.first_chunk()?));
    match (read(0), read(4)) {
        (Some(id), Some(index)) => Ok((id, index)),
        _ => Err(Wrong("a payload came that nobody sent".to_owned())),
    }
}

/// Not for adversaries: eight bytes at a time.
pub(crate) fn hash(seed: u64, bytes: &[u8]) -> u64 {
    let mix =
        |hash: u64, word: u64| (hash.rotate_left(23) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let (words, rest) = bytes.as_chunks::<8>();
    let words = words.iter().map(|word| u64::from_le_bytes(*word));
    let hash = words.fold(seed ^ bytes.len() as u64, mix);
    rest.iter()
        .fold(hash, |hash, byte| mix(hash, u64::from(*byte)))
}

pub(crate) fn session_id(session: usize) -> SessionId {
    let mut bytes = [7; SessionId::LEN];
    bytes[..8].copy_from_slice(&(session as u64).to_le_bytes());
    SessionId::from_bytes(bytes)
}

pub(crate) fn session_of(id: &SessionId) -> usize {
    let bytes = id.as_bytes().first_chunk().copied().unwrap_or_default();
    u64::from_le_bytes(bytes) as usize
}

pub(crate) fn peer_id(session: usize) -> PeerId {
    PeerId::from_bytes((session as u64).to_le_bytes())
}

impl Oracle {
    pub(crate) fn new(bounds: Both<Bounds>, in_order: Vec<u32>) -> Self {
        Self {
            now: Time::default(),
            made: Vec::new(),
            lives: Vec::new(),
            sessions: Vec::new(),
            logs: Vec::new(),
            subscriptions: BTreeMap::new(),
            pings: BTreeMap::new(),
            bounds,
            in_order,
            boot: 0,
            all_is_taken: false,
            report: Report::default(),
        }
    }

    pub(crate) fn coverage(&mut self) -> &mut Coverage {
        &mut self.report.coverage
    }

    /// Another `Session` of a client.
    pub(crate) fn new_life(&mut self) -> usize {
        self.lives.push(Life::default());
        self.lives.len() - 1
    }

    /// The server welcomes a client of this life to a new session.
    pub(crate) fn new_session(&mut self, life: usize) -> usize {
        self.sessions.push(Record {
            life,
            boot: self.boot,
            up: None,
            up_end: None,
            made: Vec::new(),
            down: 0,
            keys: BTreeMap::new(),
            running: Default::default(),
            blocking: [None; 2],
            partial: [None; 2],
            open: Default::default(),
            joined: BTreeMap::new(),
            joined_counts: Vec::new(),
            charged: [0; 2],
            unacknowledged: Default::default(),
            turns: Default::default(),
            attempt: 0,
            over: false,
            closed: false,
        });
        self.sessions.len() - 1
    }

    pub(crate) fn session(&self, who: Who) -> Option<usize> {
        match who {
            Who::Client(life) => self.lives[life].session,
            Who::Server(session) => Some(session),
            Who::Greeter => None,
        }
    }

    /// Returns true if an end that asks for a stream now has as many as it may have.
    pub(crate) fn has_most_streams(&self, who: Who) -> bool {
        let keys = match who {
            Who::Client(life) => &self.lives[life].keys,
            Who::Server(session) => &self.sessions[session].keys,
            Who::Greeter => return false,
        };
        let made = keys.values().map(|id| &self.made[*id as usize]);
        made.filter(|made| made.class == Class::Stream).count()
            >= self.bounds.of(who.role()).streams
    }

    fn keys(&mut self, who: Who) -> Check<&mut BTreeMap<RequestKey, u32>> {
        match who {
            Who::Client(life) => Ok(&mut self.lives[life].keys),
            Who::Server(session) => Ok(&mut self.sessions[session].keys),
            Who::Greeter => Err(Wrong("a greeter asks for nothing".to_owned())),
        }
    }

    /// The id of the next request, and what is sent as its payload.
    pub(crate) fn stamp(&self, payload: &[u8]) -> (u32, Vec<u8>) {
        let id = self.made.len() as u32;
        (id, stamp(id, 0, payload))
    }

    /// A request was made with a stamped payload.
    pub(crate) fn made(
        &mut self,
        who: Who,
        key: RequestKey,
        class: Class,
        at: Time,
        stamped: &[u8],
    ) -> Check<u32> {
        let id = self.publish(class, at, stamped);
        self.keys(who)?.insert(key, id);
        match who {
            Who::Client(life) => self.lives[life].made.push(id),
            Who::Server(session) => self.sessions[session].made.push(id),
            Who::Greeter => {}
        }
        Ok(id)
    }

    /// What another payload of a request that waits is sent as; none for a topic's.
    pub(crate) fn stamp_again(
        &mut self,
        who: Who,
        key: RequestKey,
        payload: &[u8],
    ) -> Option<(u32, Vec<u8>)> {
        let id = *self.keys(who).ok()?.get(&key)?;
        let is_topic = self.made[id as usize].class == Class::Topic;
        (!is_topic).then(|| (id, stamp(id, 0, payload)))
    }

    /// A request has another payload. One that waits for its client's application to be ready goes before the others
    /// that do.
    pub(crate) fn replaced(&mut self, who: Who, id: u32, hashed: u64, length: usize) {
        let made = &mut self.made[id as usize];
        made.hash = hashed;
        made.is_large = length > self.bounds.payload();
        let Who::Client(life) = who else { return };
        let life = &mut self.lives[life];
        let place = life.unsent.iter().position(|of| *of == id);
        if let Some(place) = place.filter(|_| !life.over && !life.closing) {
            made.carried_over = true;
            self.report.carried_over += 1;
            life.made.push(life.unsent.remove(place));
        }
    }

    /// A stream was asked for while there were as many as may be.
    pub(crate) fn made_one_too_many(&mut self, id: u32) {
        self.made[id as usize].may_be_busy = true;
    }

    /// Something that is of no session: a publication of the server's own.
    pub(crate) fn publish(&mut self, class: Class, at: Time, stamped: &[u8]) -> u32 {
        // Before a publication stand its kind, and its topic's key with its length.
        let before = match class {
            Class::Topic => 2 + STAMP + 1,
            Class::Call | Class::Stream | Class::Event => 0,
        };
        self.made.push(Made {
            class,
            hash: hash(0, stamped),
            is_large: stamped.len() + before > self.bounds.payload(),
            answer_is_large: false,
            at,
            cancelled: false,
            carried_over: false,
            skipped: false,
            held: false,
            arrived: false,
            arrived_at: Time::default(),
            may_be_busy: false,
            handed: false,
            fate: None,
            answer: None,
            refusal: None,
            items: Vec::new(),
            last_item: Time::default(),
            heard: 0,
            untaken: Untaken::default(),
            joined: None,
            removed: false,
            is_invitation: false,
            appended: None,
        });
        self.made.len() as u32 - 1
    }

    /// Its maker wants no outcome any more.
    pub(crate) fn cancelled(&mut self, who: Who, key: RequestKey) {
        let Ok(keys) = self.keys(who) else { return };
        // An event goes all the same, and is followed as one that nobody asks after.
        if let Some(id) = keys.remove(&key) {
            let made = &mut self.made[id as usize];
            made.cancelled = made.class != Class::Event;
            let is_early = made.class == Class::Stream && !made.arrived;
            self.report.given_up += u64::from(is_early);
        }
    }

    /// Whether a request of this end waits for its outcome.
    pub(crate) fn is_pending(&self, who: Who, key: RequestKey) -> bool {
        match who {
            Who::Client(life) => self.lives[life].keys.contains_key(&key),
            Who::Server(session) => self.sessions[session].keys.contains_key(&key),
            Who::Greeter => false,
        }
    }

    pub(crate) fn pending(&self, who: Who) -> usize {
        match who {
            Who::Client(life) => self.lives[life].keys.len(),
            Who::Server(session) => self.sessions[session].keys.len(),
            Who::Greeter => 0,
        }
    }

    /// Hears all that a session says at once.
    pub(crate) fn hears(&mut self, hearing: Hearing, events: &[AnyEvent]) -> Check {
        let loses = |event: &AnyEvent| {
            matches!(
                event,
                AnyEvent::Client(ClientEvent::SessionReplaced { .. })
                    | AnyEvent::Both(Event::Ended(_))
            )
        };
        let lost = events.iter().any(loses)
            || !matches!(hearing.state, State::Open | State::Detached)
            || self.is_closing(hearing.who);
        let evicted = events.contains(&AnyEvent::Client(ClientEvent::SessionReplaced {
            why: SessionLost::Evicted,
        }));
        for event in events {
            match event {
                AnyEvent::Both(event) => self.hears_of_both(hearing, event, lost, evicted)?,
                AnyEvent::Client(event) => self.hears_as_client(hearing.who, event)?,
                AnyEvent::Server(ServerEvent::Left { alias }) => {
                    self.left_by_client(hearing.who, *alias);
                }
                AnyEvent::Server(ServerEvent::Hello { .. } | ServerEvent::ReadLog(_)) => {}
            }
        }
        Ok(())
    }

    fn hears_of_both(
        &mut self,
        hearing: Hearing,
        event: &Event,
        lost: bool,
        evicted: bool,
    ) -> Check {
        match event {
            Event::Request(request) => self.handed_over(hearing, request),
            Event::Item { call, payload } => self.item_heard(hearing.who, *call, payload),
            Event::Outcome { request, outcome } => {
                self.settled(hearing, *request, outcome, lost, evicted)
            }
            Event::Dropped { request, why } => self.dropped(hearing, *request, *why),
            Event::Ended(end) => self.ended(hearing, end),
            Event::Detached { .. } => {
                ensure!(
                    !hearing.unread,
                    "it gave a connection up whose bytes it hadn't read"
                );
                Ok(())
            }
            Event::Pong { .. } => self.pong_came(hearing),
            Event::StreamWritable { .. } | Event::Outline { .. } => Ok(()),
        }
    }

    fn hears_as_client(&mut self, who: Who, event: &ClientEvent) -> Check {
        match event {
            ClientEvent::Joined {
                subscription,
                joined,
            } => self.joined(who, *subscription, joined),
            ClientEvent::Publication {
                subscription,
                offset,
                payload,
            } => self.publication(who, *subscription, *offset, payload),
            ClientEvent::Skipped {
                subscription,
                skipped,
            } => self.skipped(who, *subscription, skipped),
            ClientEvent::Removed { subscription } => self.removal_heard(who, *subscription),
            ClientEvent::Welcome(welcome) => self.welcomed(who, welcome),
            ClientEvent::Leftover { payload, .. } => self.leftover(who, payload),
            ClientEvent::SessionReplaced { why } => self.session_replaced(who, *why),
            ClientEvent::NeedOutlines { .. } => Ok(()),
        }
    }

    /// Somebody wants the session of this end to end.
    fn is_closing(&self, who: Who) -> bool {
        let closed = |session: usize| {
            let record = &self.sessions[session];
            record.closed || self.lives[record.life].closing
        };
        let closing = matches!(who, Who::Client(life) if self.lives[life].closing);
        closing || self.session(who).is_some_and(closed)
    }

    /// After quiet: everything that is to come has come.
    pub(crate) fn at_rest(&self, who: Who) -> Check {
        ensure!(
            self.pending(who) == 0,
            "{} requests of {who:?} wait for ever",
            self.pending(who)
        );
        let Some(session) = self.session(who) else {
            return Ok(());
        };
        let record = &self.sessions[session];
        let (asks, hears) = (who.asks() as usize, who.hears() as usize);
        let running = record.running[hears].len();
        ensure!(running == 0, "{running} handlers of {who:?} never end");
        let open = record.open[asks].len();
        ensure!(
            open == 0,
            "{open} calls of {who:?} were never answered on the wire"
        );
        let made = match who {
            Who::Client(life) => &self.lives[life].made[self.lives[life].start..],
            Who::Server(_) | Who::Greeter => &record.made[..],
        };
        for id in made {
            let made = &self.made[*id as usize];
            let lost = made.fate == Some(Fate::Accepted) && !made.handed;
            ensure!(!lost, "event {id} was accepted, and never handed over");
        }
        ensure!(
            !self.pings.contains_key(&who),
            "a ping of {who:?} is never answered"
        );
        self.topics_at_rest(who)
    }

    /// Whether every request since the faults ended, from this id on, went well.
    pub(crate) fn all_went_well(&self, first: usize) -> Check {
        for (id, made) in self.made.iter().enumerate().skip(first) {
            let well = matches!(made.fate, Some(Fate::Answered | Fate::Accepted));
            let server_publishes = made.appended.is_some();
            ensure!(
                well || server_publishes,
                "request {id}, after all faults: {:?}",
                made.fate
            );
        }
        Ok(())
    }

    pub(crate) fn requests(&self) -> usize {
        self.made.len()
    }
}
