//! The messages of a world's application. Each has an id, by which the oracle knows it.

use serde::{Deserialize, Serialize};
use twinwire::{Call, Event, Kinds, Shape, Topic, kinds};

/// The way in which a function of the application goes about its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Shape)]
pub(crate) enum Manner {
    Answers,
    Declines,
    /// Panics when it is called.
    PanicsAtOnce,
    /// Panics when its time is over.
    PanicsLater,
    /// Never ends.
    Hangs,
    /// Makes a request of its caller, and answers when that is answered.
    CallsBack,
}

/// A call of a client's.
#[derive(Clone, Debug, Serialize, Deserialize, Call)]
#[call(reply = u64, error = u64)]
pub(crate) struct Ask {
    pub(crate) id: u64,
    pub(crate) manner: Manner,
    /// The milliseconds that it takes.
    pub(crate) wait: u32,
}

/// The same, before which nothing later starts that is answered after it.
#[derive(Clone, Debug, Serialize, Deserialize, Call)]
#[call(reply = u64, error = u64)]
pub(crate) struct AskInOrder {
    pub(crate) ask: Ask,
}

/// A stream of so many items.
#[derive(Clone, Debug, Serialize, Deserialize, Call)]
#[call(stream = Counted, error = u64)]
pub(crate) struct Count {
    pub(crate) ask: Ask,
    pub(crate) items: u32,
    /// The bytes of each.
    pub(crate) bytes: u32,
}

/// An item of a [`Count`].
#[derive(Clone, Debug, Serialize, Deserialize, Shape)]
pub(crate) struct Counted {
    pub(crate) id: u64,
    pub(crate) place: u32,
    pub(crate) filling: Vec<u8>,
}

/// An event, of either end.
#[derive(Clone, Debug, Serialize, Deserialize, Event)]
pub(crate) struct Note {
    pub(crate) ask: Ask,
    pub(crate) filling: Vec<u8>,
}

/// An event of which only the newest matters.
#[derive(Clone, Debug, Serialize, Deserialize, Event)]
pub(crate) struct Newest {
    pub(crate) id: u64,
}

/// A call of the server's.
#[derive(Clone, Debug, Serialize, Deserialize, Call)]
#[call(reply = u64, error = u64)]
pub(crate) struct Poke {
    pub(crate) ask: Ask,
}

/// A topic.
#[derive(Clone, Debug, Serialize, Deserialize, Topic)]
#[topic(item = u64)]
pub(crate) struct Room {
    pub(crate) number: u8,
}

pub(crate) const KINDS: Kinds = kinds![Ask, AskInOrder, Count, Note, Newest, Poke, Room];
