//! The types of the build before: numbers were longer, and ids had a type.

use serde::{Deserialize, Serialize};
use twinwire::{Call, Event, Shape, Topic};

use super::Manner;

#[derive(Clone, Copy, Debug, Serialize, Deserialize, Shape)]
pub(crate) struct Id {
    id: u64,
}

#[derive(Clone, Debug, Serialize, Deserialize, Call)]
#[call(reply = Id, error = Id, name = "Ask")]
pub(crate) struct Ask {
    manner: Manner,
    id: Id,
    wait: u64,
}

#[derive(Clone, Debug, Serialize, Deserialize, Call)]
#[call(reply = Id, error = Id, name = "AskInOrder")]
pub(crate) struct AskInOrder {
    ask: Ask,
}

#[derive(Clone, Debug, Serialize, Deserialize, Call)]
#[call(stream = Counted, error = Id, name = "Count")]
pub(crate) struct Count {
    ask: Ask,
    items: u64,
    bytes: u64,
}

#[derive(Clone, Debug, Serialize, Deserialize, Shape)]
pub(crate) struct Counted {
    filling: Vec<u8>,
    id: Id,
    place: u64,
}

#[derive(Clone, Debug, Serialize, Deserialize, Event)]
#[event(name = "Note")]
pub(crate) struct Note {
    ask: Ask,
    filling: Vec<u8>,
}

#[derive(Clone, Debug, Serialize, Deserialize, Topic)]
#[topic(item = Id, name = "Room")]
pub(crate) struct Room {
    room: u64,
}

impl From<u64> for Id {
    fn from(id: u64) -> Self {
        Self { id }
    }
}

impl From<Id> for u64 {
    fn from(Id { id }: Id) -> Self {
        id
    }
}

impl From<super::Ask> for Ask {
    fn from(super::Ask { id, manner, wait }: super::Ask) -> Self {
        Self {
            manner,
            id: id.into(),
            wait: wait.into(),
        }
    }
}

impl From<Ask> for super::Ask {
    fn from(Ask { manner, id, wait }: Ask) -> Self {
        Self {
            id: id.into(),
            manner,
            wait: wait as u32,
        }
    }
}

impl From<super::Ask> for AskInOrder {
    fn from(ask: super::Ask) -> Self {
        Self { ask: ask.into() }
    }
}

impl From<AskInOrder> for super::AskInOrder {
    fn from(AskInOrder { ask }: AskInOrder) -> Self {
        Self { ask: ask.into() }
    }
}

impl From<super::Count> for Count {
    fn from(super::Count { ask, items, bytes }: super::Count) -> Self {
        Self {
            ask: ask.into(),
            items: items.into(),
            bytes: bytes.into(),
        }
    }
}

impl From<Count> for super::Count {
    fn from(Count { ask, items, bytes }: Count) -> Self {
        Self {
            ask: ask.into(),
            items: items as u32,
            bytes: bytes as u32,
        }
    }
}

impl From<super::Counted> for Counted {
    fn from(super::Counted { id, place, filling }: super::Counted) -> Self {
        Self {
            filling,
            id: id.into(),
            place: place.into(),
        }
    }
}

impl From<Counted> for super::Counted {
    fn from(Counted { filling, id, place }: Counted) -> Self {
        Self {
            id: id.into(),
            place: place as u32,
            filling,
        }
    }
}

impl From<super::Note> for Note {
    fn from(super::Note { ask, filling }: super::Note) -> Self {
        Self {
            ask: ask.into(),
            filling,
        }
    }
}

impl From<Note> for super::Note {
    fn from(Note { ask, filling }: Note) -> Self {
        Self {
            ask: ask.into(),
            filling,
        }
    }
}

impl From<super::Room> for Room {
    fn from(super::Room { number }: super::Room) -> Self {
        Self {
            room: number.into(),
        }
    }
}

impl From<Room> for super::Room {
    fn from(Room { room }: Room) -> Self {
        Self { number: room as u8 }
    }
}
