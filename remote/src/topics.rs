//! The topics that a client is subscribed to: one subscription each, whatever the number of handles.

use std::sync::Arc;

use twinwire::frame::{Joined, Skipped, Start, Verdict};
use twinwire::session::{Event, Outcome, RequestKey, Session};
use twinwire::{Answer, Offset, Position, Refusal, Time};

use crate::channels::{once, queue};
use crate::command::{Control, TOPIC_REQUEST};
use crate::subscription::{Credit, Delivered};

/// What a handle gets.
#[derive(Clone)]
pub(crate) enum Piece {
    Publication(Offset, Arc<Delivered>),
    Skipped {
        skipped: Skipped,
        /// Gives the credit back.
        _delivered: Arc<Delivered>,
    },
    /// In another session, the topic is joined again.
    Joined(Joined),
}

/// A handle's place in the shell.
pub(crate) struct Subscriber {
    id: u64,
    /// Who waits for the join, until it is answered.
    told: Option<once::Sender<Result<Joined, Outcome>>>,
    updates: queue::Sender<Piece>,
}

impl Subscriber {
    pub(crate) fn new(
        id: u64,
        told: once::Sender<Result<Joined, Outcome>>,
        updates: queue::Sender<Piece>,
    ) -> Self {
        Self {
            id,
            told: Some(told),
            updates,
        }
    }

    pub(crate) fn is_gone(&self) -> bool {
        self.updates.is_closed() || self.told.as_ref().is_some_and(once::Sender::is_closed)
    }

    /// Who left meanwhile wants nothing.
    pub(crate) fn tell(&mut self, joined: Result<Joined, Outcome>) {
        if let Some(told) = self.told.take() {
            let _ = told.send(joined);
        }
    }
}

/// A topic's kind and key.
type Name = (u32, Vec<u8>);

struct Shared {
    request: RequestKey,
    name: Name,
    credit: Arc<Credit>,
    /// Once it is joined: where the next handle begins.
    joined: Option<Joined>,
    subscribers: Vec<Subscriber>,
}

impl Shared {
    fn deliver(&self, payload: Vec<u8>) -> Arc<Delivered> {
        let credit = Arc::clone(&self.credit);
        Arc::new(Delivered { payload, credit })
    }

    fn give(&self, piece: &Piece) {
        for subscriber in &self.subscribers {
            // One that left will be taken off the list.
            let _ = subscriber.updates.send(piece.clone());
        }
    }

    /// The next publication is the one after.
    fn passed(&mut self, next: Offset) {
        if let Some(joined) = &mut self.joined {
            let epoch = joined.position.epoch;
            joined.position = Position {
                epoch,
                offset: next,
            };
        }
    }
}

#[derive(Default)]
pub(crate) struct Topics {
    /// In the order of their requests' keys, which is the one in which they were joined.
    shared: Vec<Shared>,
    /// What was joined in a session that is lost, and hasn't been asked for in this one.
    lost: Vec<Shared>,
    /// How many credits are of later sessions.
    credits: u64,
}

/// Ids of credit that no handle has.
const CREDITS: u64 = 1 << 63;

impl Topics {
    /// Lets a subscriber share what is there already; gives it back if nothing is.
    pub(crate) fn share(
        &mut self,
        kind: u32,
        key: Vec<u8>,
        mut subscriber: Subscriber,
    ) -> Result<(), (Vec<u8>, Subscriber)> {
        let name = (kind, key);
        let mut known = self.shared.iter_mut().chain(&mut self.lost);
        let Some(shared) = known.find(|of| of.name == name) else {
            return Err((name.1, subscriber));
        };
        if let Some(joined) = shared.joined {
            subscriber.tell(Ok(Joined {
                verdict: Verdict::Begun,
                ..joined
            }));
        }
        shared.subscribers.push(subscriber);
        Ok(())
    }

    /// A topic is being joined.
    pub(crate) fn joining(
        &mut self,
        request: RequestKey,
        kind: u32,
        key: Vec<u8>,
        subscriber: Subscriber,
        control: queue::WeakSender<Control>,
    ) {
        let name = (kind, key);
        let id = subscriber.id;
        self.shared.push(Shared {
            request,
            name,
            credit: Arc::new(Credit { control, id }),
            joined: None,
            subscribers: vec![subscriber],
        });
    }

    /// Takes what concerns a topic; gives back anything else.
    pub(crate) fn take(&mut self, event: Event) -> Option<Event> {
        match event {
            Event::Joined {
                subscription,
                joined,
            } => {
                if let Some(shared) = self.get_mut(subscription) {
                    if shared.joined.replace(joined).is_some() {
                        shared.give(&Piece::Joined(joined));
                    }
                    for subscriber in &mut shared.subscribers {
                        subscriber.tell(Ok(joined));
                    }
                }
            }
            Event::Publication {
                subscription,
                offset,
                payload,
            } => {
                if let Some(shared) = self.get_mut(subscription) {
                    let delivered = shared.deliver(payload);
                    shared.give(&Piece::Publication(offset, delivered));
                    shared.passed(offset.following());
                }
            }
            Event::Skipped {
                subscription,
                skipped,
            } => {
                if let Some(shared) = self.get_mut(subscription) {
                    let _delivered = shared.deliver(Vec::new());
                    shared.give(&Piece::Skipped {
                        skipped,
                        _delivered,
                    });
                    shared.passed(skipped.to);
                }
            }
            Event::PutOut { subscription } => {
                // Who still waits to be let in isn't.
                let denied = Answer::Refused(Refusal::Denied.into());
                self.over(subscription, &Outcome::Answered(denied));
            }
            Event::Outcome { request, outcome } => {
                if !self.over(request, &outcome) {
                    return Some(Event::Outcome { request, outcome });
                }
            }
            other => return Some(other),
        }
        None
    }

    /// A subscription ends, or never was. Says whether it is one.
    fn over(&mut self, request: RequestKey, outcome: &Outcome) -> bool {
        let Some(shared) = self.forget(request) else {
            return false;
        };
        let may_be_had = matches!(
            outcome,
            Outcome::Deadline | Outcome::NotReceived | Outcome::Unknown
        );
        if shared.joined.is_some() && may_be_had {
            // It was being joined again, and the connection or the session was lost once more.
            self.lost.push(shared);
            return true;
        }
        for mut subscriber in shared.subscribers {
            subscriber.tell(Err(outcome.clone()));
        }
        true
    }

    fn forget(&mut self, request: RequestKey) -> Option<Shared> {
        let place = self.place(request)?;
        Some(self.shared.remove(place))
    }

    fn get_mut(&mut self, request: RequestKey) -> Option<&mut Shared> {
        let place = self.place(request)?;
        self.shared.get_mut(place)
    }

    fn place(&self, request: RequestKey) -> Option<usize> {
        let place = self.shared.binary_search_by_key(&request, |of| of.request);
        place.ok()
    }

    /// The subscription whose publications this subscriber's credit is for.
    pub(crate) fn of_credit(&self, id: u64) -> Option<RequestKey> {
        let mut shared = self.shared.iter();
        let found = shared.find(|shared| shared.credit.id == id);
        found.map(|shared| shared.request)
    }

    /// A handle is gone; with the last of a topic, it is left.
    pub(crate) fn leave(&mut self, id: u64, session: &mut Session, now: Time) {
        let has = |shared: &Shared| shared.subscribers.iter().any(|of| of.id == id);
        self.lost.retain_mut(|lost| {
            lost.subscribers.retain(|of| of.id != id);
            !lost.subscribers.is_empty()
        });
        let found = self.shared.iter_mut().find(|shared| has(shared));
        let Some(shared) = found else {
            return;
        };
        shared.subscribers.retain(|of| of.id != id);
        if shared.subscribers.is_empty() {
            let request = shared.request;
            self.forget(request);
            session.unsubscribe(now, request);
        }
    }

    /// Another session has begun: nothing is joined in it.
    pub(crate) fn begin_anew(&mut self) {
        // One that wasn't joined yet has had its outcome.
        let joined = self.shared.drain(..).filter(|of| of.joined.is_some());
        self.lost.extend(joined);
    }

    /// Joins what was lost, from where it stood, as far as the session has room. Says whether there was
    /// anything.
    pub(crate) fn join_again(&mut self, session: &mut Session, now: Time) -> bool {
        let mut any = false;
        while let Some(lost) = self.lost.first()
            && session.has_room(lost.name.1.len() + TOPIC_REQUEST)
        {
            let mut lost = self.lost.remove(0);
            any = true;
            let (kind, key) = &lost.name;
            let position = lost.joined.map(|joined| joined.position);
            let start = position.map_or(Start::Now, Start::At);
            let Ok(request) = session.subscribe(now, *kind, key, start) else {
                debug_assert!(false, "there was room");
                continue;
            };
            self.credits += 1;
            // What of the lost session is still in the application's hands gives this one no credit.
            lost.credit = Arc::new(Credit {
                control: lost.credit.control.clone(),
                id: CREDITS | self.credits,
            });
            lost.request = request;
            self.shared.push(lost);
        }
        any
    }

    /// The session is over.
    pub(crate) fn end(&mut self) {
        self.shared.clear();
        self.lost.clear();
    }
}
