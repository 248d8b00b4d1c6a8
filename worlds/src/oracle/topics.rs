//! Topics: a log holds what was published, and each subscriber hears all of it or is told what is missing.

use std::collections::{BTreeMap, BTreeSet};

use twinwire::{Epoch, Offset, Position};

use super::Account;

/// A topic's log in one of its lives.
#[derive(Debug, Default)]
pub(super) struct Log {
    items: BTreeMap<u64, u64>,
}

#[derive(Debug)]
pub(super) struct Subscriber {
    life: usize,
    room: u8,
    next: Position,
    /// False once it is dropped, or was told that it is over.
    is_live: bool,
}

/// News for a subscriber.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Heard {
    Item { offset: Offset, id: u64 },
    Gap { from: Offset, to: Offset },
    NewEpoch(Position),
}

impl Account {
    /// Notes an item's place in the log of this epoch.
    fn stands(&mut self, epoch: Epoch, room: u8, offset: Offset, id: u64) {
        let log = self.logs.entry((epoch, room)).or_default();
        let before = *log.items.entry(offset.get()).or_insert(id);
        self.ensure(before == id, || {
            format!("room {room} has {id} and {before} in the place {offset}")
        });
    }

    pub(crate) fn subscribes(&mut self, life: usize, room: u8, next: Position) -> usize {
        self.subscribers.push(Subscriber {
            life,
            room,
            next,
            is_live: true,
        });
        self.subscribers.len() - 1
    }

    pub(crate) fn unsubscribes(&mut self, subscriber: usize) {
        self.subscribers[subscriber].is_live = false;
    }

    pub(crate) fn hears(&mut self, subscriber: usize, heard: Heard) {
        self.steps += 1;
        let Subscriber {
            life, room, next, ..
        } = self.subscribers[subscriber];
        let from = match heard {
            Heard::Item { offset, id } => {
                self.stands(next.epoch, room, offset, id);
                self.subscribers[subscriber].next.offset = offset.following();
                offset
            }
            Heard::Gap { from, to } => {
                self.subscribers[subscriber].next.offset = to;
                self.reach("gap");
                self.ensure(from < to, || {
                    format!("client {life}: a gap in room {room} from {from} to {to}")
                });
                from
            }
            Heard::NewEpoch(position) => {
                self.subscribers[subscriber].next = position;
                self.reach("new epoch");
                return;
            }
        };
        self.ensure(from == next.offset, || {
            format!(
                "client {life} hears {heard:?} in room {room}, and awaits {}",
                next.offset
            )
        });
    }

    /// Checks a gap up to this place: what a log had when it told, it may have let go since, but it takes nothing back.
    pub(crate) fn is_gone(&mut self, subscriber: usize, to: Offset, oldest: Option<Position>) {
        let Subscriber {
            life, room, next, ..
        } = self.subscribers[subscriber];
        // The log of a process that is gone can't be asked.
        let oldest = oldest.filter(|oldest| oldest.epoch == next.epoch);
        self.ensure(oldest.is_none_or(|oldest| to <= oldest.offset), || {
            format!(
                "client {life}: the gap to {to} in room {room} has items that are there: {oldest:?}"
            )
        });
    }

    /// Returns the number of topics that clients hold subscriptions to.
    pub(crate) fn subscriptions(&self) -> usize {
        let live = self.subscribers.iter().filter(|of| of.is_live);
        let joined: BTreeSet<_> = live.map(|of| (of.life, of.room)).collect();
        joined.len()
    }

    /// Returns the number of topics that a client holds subscriptions to, and of these.
    pub(crate) fn subscriptions_of(&self, life: usize) -> (usize, usize) {
        let live = self.subscribers.iter();
        let live = live.filter(|of| of.is_live && of.life == life);
        let rooms: BTreeSet<_> = live.clone().map(|of| of.room).collect();
        (rooms.len(), live.count())
    }

    /// Returns the subscribers that haven't heard this item, which all have to by now.
    pub(crate) fn have_all_heard(&mut self, room: u8, offset: Offset) {
        let behind = self.subscribers.iter();
        let behind = behind.filter(|of| of.is_live && of.room == room && of.next.offset <= offset);
        if let Some(found) = behind
            .map(|of| format!("{of:?} hasn't heard {offset}"))
            .next()
        {
            self.wrong(|| found);
        }
    }
}
