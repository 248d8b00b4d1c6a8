//! The application of a world that nobody gave another: it does everything, at random.

use std::collections::BTreeMap;

use twinwire::frame::{Invite, Refusal, Start};
use twinwire::session::{
    AnyEvent, ClientEvent, Event, ItemRefused, Outcome, Request, RequestKey, ServerEvent, State,
};
use twinwire::{Answer, Class, Offset, Position, SeqNo};

use crate::{Application, Dice, Phase, Port, TOPICS};

/// The places of the random applications' kinds.
pub(crate) const CALL: u32 = 0;
pub(crate) const IN_ORDER: u32 = 1;
const STREAM: u32 = 2;
const EVENT: u32 = 3;
pub(crate) const TOPIC: u32 = 4;
pub(crate) const UNKNOWN: u32 = 5;
pub(crate) const DIFFERS: u32 = 6;

/// A handler at work.
#[derive(Debug)]
struct Work {
    class: Class,
    /// Items to give before the answer.
    items: u64,
    /// Turns to let pass.
    patience: u64,
    /// Turns to let pass after each item.
    pause: u64,
}

/// How an application is, drawn once.
#[derive(Debug)]
struct Temper {
    /// Handlers let as many turns pass at most.
    patience: u64,
    /// Takes what came once in so many turns.
    laziness: u64,
    /// Cancels once in so many turns.
    doubt: u64,
    /// Ends the session once in so many turns.
    boredom: u64,
    /// Says much at once.
    loud: bool,
}

/// A topic that is or was joined.
#[derive(Debug, Default)]
struct Joined {
    subscription: Option<RequestKey>,
    position: Option<Position>,
    untaken: u64,
}

pub(crate) struct RandomApp {
    is_client: bool,
    temper: Temper,
    calls: Vec<RequestKey>,
    /// A request that waits for room, and its kind: nothing else is asked meanwhile.
    waiting: Option<(u32, Vec<u8>)>,
    /// A request of which only the newest value matters.
    newest: Option<RequestKey>,
    untaken: BTreeMap<RequestKey, u64>,
    work: BTreeMap<SeqNo, Work>,
    topics: [Joined; TOPICS],
    proved: bool,
}

impl RandomApp {
    pub(crate) fn new(is_client: bool, dice: &mut Dice) -> Self {
        let temper = Temper {
            patience: [1, 3, 12, 60][dice.place(4)],
            laziness: 1 + dice.roll(8),
            doubt: [8, 20, 80][dice.place(3)],
            boredom: [100, 600, 100_000][dice.place(3)],
            loud: dice.one_in(5),
        };
        Self {
            is_client,
            temper,
            calls: Vec::new(),
            waiting: None,
            newest: None,
            untaken: BTreeMap::new(),
            work: BTreeMap::new(),
            topics: Default::default(),
            proved: false,
        }
    }

    fn ask(&mut self, port: &mut Port<'_>, dice: &mut Dice) {
        let kind = match dice.roll(20) {
            0..6 => CALL,
            6..8 => IN_ORDER,
            8..12 => STREAM,
            12..19 => EVENT,
            _ if dice.one_in(2) => UNKNOWN,
            _ => DIFFERS,
        };
        if self.waiting.is_none() {
            let payload = self.temper.filling(dice);
            self.ask_for(port, kind, payload, dice);
        }
    }

    fn ask_for(&mut self, port: &mut Port<'_>, kind: u32, payload: Vec<u8>, dice: &mut Dice) {
        self.waiting = Some((kind, payload));
        self.ask_if_room(port, dice);
    }

    fn ask_if_room(&mut self, port: &mut Port<'_>, dice: &mut Dice) {
        let has_room = |(_, payload): &mut (u32, Vec<u8>)| port.has_room(payload.len());
        if let Some((kind, payload)) = self.waiting.take_if(has_room)
            && let Ok(key) = port.request(kind, &payload)
        {
            if kind != EVENT {
                self.calls.push(key);
            }
            if dice.one_in(12) {
                self.newest = Some(key);
            }
        }
    }

    /// Joins, leaves or publishes.
    fn talk(&mut self, port: &mut Port<'_>, dice: &mut Dice) {
        let topic = dice.place(TOPICS);
        if dice.one_in(2) {
            let mut item = self.temper.filling(dice);
            item.truncate(30_000);
            if port.has_room(item.len()) {
                // Its outcome is the oracle's to judge.
                let _ = port.publish(TOPIC, topic as u8, &item);
            }
            return;
        }
        let joined = &mut self.topics[topic];
        match joined.subscription {
            Some(subscription) if dice.one_in(6) => {
                port.unsubscribe(subscription);
                joined.subscription = None;
            }
            Some(_) => {}
            None if port.has_room(64) => {
                let start = match (dice.roll(3), joined.position) {
                    (0, _) => Start::Now,
                    (1, Some(position)) => Start::At(position),
                    _ => Start::Last(dice.roll(12) as u32),
                };
                joined.untaken = 0;
                joined.subscription = port.subscribe(TOPIC, topic as u8, start).ok();
            }
            None => {}
        }
    }

    /// A handler begins, or an invitation is answered at once; for some it takes its time.
    fn starts(&mut self, port: &mut Port<'_>, request: &Request, dice: &mut Dice) {
        if request.topic.is_some() && !dice.one_in(4) {
            return self.is_invited(port, request, dice);
        }
        if request.class == Class::Event && dice.one_in(6) {
            port.hold(request.number);
        }
        let items = match request.class {
            Class::Stream if self.temper.loud => dice.roll(40),
            Class::Stream => dice.roll(12),
            Class::Call | Class::Event | Class::Topic => 0,
        };
        let work = Work {
            class: request.class,
            items,
            patience: dice.roll(self.temper.patience),
            pause: match dice.roll(4) {
                0 => dice.roll(self.temper.patience),
                _ => 0,
            },
        };
        self.work.insert(request.number, work);
    }

    /// Joins the topic that it is invited to, unless it has or wants none.
    fn is_invited(&mut self, port: &mut Port<'_>, request: &Request, dice: &mut Dice) {
        let answer = match Invite::decode(&request.payload) {
            Ok(_) if dice.one_in(5) => Answer::Refused(Refusal::Busy.into()),
            Ok(invite) => {
                let topic = invite.key.first().copied().unwrap_or(0);
                let joined = &mut self.topics[usize::from(topic) % TOPICS];
                if joined.subscription.is_none() && port.has_room(64) {
                    joined.untaken = 0;
                    let start = Start::At(invite.position);
                    joined.subscription = port.subscribe(TOPIC, topic, start).ok();
                }
                Answer::Value(Vec::new())
            }
            Err(_) => Answer::Refused(Refusal::Undecodable.into()),
        };
        port.answer(request.number, answer);
    }

    fn take(&mut self, port: &mut Port<'_>) {
        port.leftovers_taken();
        for (key, untaken) in &mut self.untaken {
            for _ in 0..std::mem::take(untaken) {
                port.consumed(*key);
            }
        }
        self.untaken.retain(|key, _| port.is_pending(*key));
        for joined in &mut self.topics {
            if let Some(subscription) = joined.subscription {
                for _ in 0..std::mem::take(&mut joined.untaken) {
                    port.consumed(subscription);
                }
            }
        }
    }

    fn replace(&mut self, port: &mut Port<'_>, dice: &mut Dice) {
        if let Some(key) = self.newest {
            let replaced = port.replace(key, &self.temper.filling(dice));
            self.newest = self.newest.filter(|_| replaced);
        }
    }

    fn cancel(&mut self, port: &mut Port<'_>, dice: &mut Dice) {
        self.calls.retain(|key| port.is_pending(*key));
        if !self.calls.is_empty() {
            let key = self.calls.swap_remove(dice.place(self.calls.len()));
            port.cancel(key);
            self.untaken.remove(&key);
        }
    }

    /// Every handler at work goes on.
    fn work(&mut self, port: &mut Port<'_>, dice: &mut Dice) {
        let (hurry, proves) = (port.phase() > Phase::Busy, port.phase() > Phase::Quiet);
        let temper = &self.temper;
        self.work.retain(|number, work| {
            if work.patience > 0 && !hurry {
                work.patience -= 1;
                return true;
            }
            if work.class == Class::Event {
                port.done(*number);
                return false;
            }
            if work.items > 0 {
                let given = port.item(*number, &temper.filling(dice));
                if given != Err(ItemRefused::Full) {
                    work.items -= 1;
                    work.patience = work.pause;
                }
                return given != Err(ItemRefused::Over);
            }
            let answer = match dice.roll(12) {
                _ if proves => Answer::Value(vec![7; dice.place(300)]),
                0 => Answer::Error(temper.filling(dice)),
                1 => Answer::Refused(Refusal::Denied.into()),
                _ => Answer::Value(temper.filling(dice)),
            };
            port.answer(*number, answer);
            false
        });
    }

    fn prove(&mut self, port: &mut Port<'_>, dice: &mut Dice) {
        if !std::mem::replace(&mut self.proved, true) {
            for kind in [EVENT, CALL] {
                let most = if dice.one_in(4) { port.largest() } else { 300 };
                self.ask_for(port, kind, vec![7; dice.place(most)], dice);
            }
        }
    }

    /// Another session begins: only what was never sent may still come.
    fn forget(&mut self, port: &Port<'_>) {
        self.work.clear();
        self.untaken.clear();
        self.calls.retain(|key| port.is_pending(*key));
        for joined in &mut self.topics {
            joined.subscription.take_if(|key| !port.is_pending(*key));
        }
    }

    fn topic(&mut self, subscription: RequestKey) -> Option<&mut Joined> {
        let mut topics = self.topics.iter_mut();
        topics.find(|joined| joined.subscription == Some(subscription))
    }

    fn moves_to(&mut self, subscription: RequestKey, offset: Offset) {
        if let Some(joined) = self.topic(subscription) {
            joined.untaken += 1;
            if let Some(position) = &mut joined.position {
                position.offset = offset;
            }
        }
    }
}

impl Temper {
    fn filling(&self, dice: &mut Dice) -> Vec<u8> {
        let length = dice.length(self.loud);
        vec![dice.roll(256) as u8; length]
    }
}

impl Application for RandomApp {
    fn act(&mut self, port: &mut Port<'_>, dice: &mut Dice) {
        if !matches!(
            port.state(),
            State::Open | State::Detached | State::AwaitingWelcome | State::Idle
        ) {
            return self.work(port, dice);
        }
        self.ask_if_room(port, dice);
        match port.phase() {
            Phase::Busy => {}
            Phase::Proof => self.prove(port, dice),
            Phase::Quiet | Phase::Over => {}
        }
        if port.phase() > Phase::Busy {
            self.take(port);
            return self.work(port, dice);
        }
        self.work(port, dice);
        if dice.one_in(self.temper.laziness) {
            self.take(port);
        }
        if dice.one_in(self.temper.doubt) {
            self.cancel(port, dice);
        }
        match dice.roll(10) {
            0..5 => self.ask(port, dice),
            5..7 if self.is_client => self.talk(port, dice),
            7 if dice.one_in(4) => port.prompt(),
            7 => self.replace(port, dice),
            8 if dice.one_in(self.temper.boredom) => port.close(dice.one_in(2)),
            _ => {}
        }
    }

    fn hear(&mut self, port: &mut Port<'_>, event: AnyEvent, dice: &mut Dice) {
        match event {
            AnyEvent::Both(Event::Request(request)) => self.starts(port, &request, dice),
            AnyEvent::Both(Event::Dropped { request, .. }) => {
                self.work.remove(&request);
            }
            AnyEvent::Both(Event::Item { call, .. }) => *self.untaken.entry(call).or_default() += 1,
            AnyEvent::Client(ClientEvent::Joined {
                subscription,
                joined,
            }) => {
                if let Some(topic) = self.topic(subscription) {
                    topic.position = Some(joined.position);
                }
            }
            AnyEvent::Client(ClientEvent::Publication {
                subscription,
                offset,
                ..
            }) => {
                self.moves_to(subscription, offset.following());
            }
            AnyEvent::Client(ClientEvent::Skipped {
                subscription,
                skipped,
            }) => self.moves_to(subscription, skipped.to),
            AnyEvent::Both(Event::Outcome { request, outcome }) => {
                self.untaken.remove(&request);
                if !matches!(outcome, Outcome::Accepted)
                    && let Some(topic) = self.topic(request)
                {
                    topic.subscription = None;
                }
            }
            AnyEvent::Client(ClientEvent::Removed { subscription }) => {
                if let Some(topic) = self.topic(subscription) {
                    topic.subscription = None;
                }
            }
            AnyEvent::Client(ClientEvent::SessionReplaced { .. }) => self.forget(port),
            AnyEvent::Both(Event::Ended(_)) => {
                self.waiting = None;
                self.forget(port);
            }
            AnyEvent::Client(ClientEvent::Leftover { .. })
            | AnyEvent::Server(ServerEvent::Hello { .. } | ServerEvent::ReadLog(_))
            | AnyEvent::Client(ClientEvent::Welcome(_))
            | AnyEvent::Both(Event::Detached { .. })
            | AnyEvent::Both(Event::StreamWritable { .. })
            | AnyEvent::Server(ServerEvent::Left { .. })
            | AnyEvent::Client(ClientEvent::NeedOutlines { .. })
            | AnyEvent::Both(Event::Outline { .. })
            | AnyEvent::Both(Event::Pong { .. }) => {}
        }
    }

    fn is_at_rest(&self) -> bool {
        self.work.is_empty() && self.waiting.is_none()
    }
}
