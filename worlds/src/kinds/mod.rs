//! The messages of a world's application. Each has an id, by which the oracle knows it. Clients of an older build have
//! some of them otherwise.

mod older;

use std::fmt::Debug;

use serde::{Deserialize, Serialize};
use twinwire::{Call, Event, Kinds, Shape, StreamCall, Topic, kinds};

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
#[call(reply = u64, error = u64, also = older::Ask)]
pub(crate) struct Ask {
    pub(crate) id: u64,
    pub(crate) manner: Manner,
    /// The milliseconds that it takes.
    pub(crate) wait: u32,
}

/// The same, before which nothing later starts that is answered after it.
#[derive(Clone, Debug, Serialize, Deserialize, Call)]
#[call(reply = u64, error = u64, also = older::AskInOrder)]
pub(crate) struct AskInOrder {
    pub(crate) ask: Ask,
}

impl From<Ask> for AskInOrder {
    fn from(ask: Ask) -> Self {
        Self { ask }
    }
}

/// A stream of so many items.
#[derive(Clone, Debug, Serialize, Deserialize, Call)]
#[call(stream = Counted, error = u64, also = older::Count)]
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
#[event(also = older::Note)]
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
#[topic(item = u64, also = older::Room)]
pub(crate) struct Room {
    pub(crate) number: u8,
}

/// The types that an application of one build has.
pub(crate) trait Build: 'static {
    const KINDS: Kinds;
    type Id: Debug + From<u64> + Into<u64>;
    type Ask: Call<Reply = Self::Id, Error = Self::Id> + From<Ask>;
    type AskInOrder: Call<Reply = Self::Id, Error = Self::Id> + From<Ask>;
    type Count: StreamCall<Item = Self::Counted, Error = Self::Id> + From<Count>;
    type Counted: Into<Counted>;
    type Note: Event + Send + From<Note> + Into<Note>;
    type Room: Topic<Item = Self::Id> + From<Room> + Into<Room>;
}

/// The build that the server is of.
pub(crate) enum Current {}

impl Build for Current {
    const KINDS: Kinds = kinds![Ask, AskInOrder, Count, Note, Newest, Poke, Room];
    type Id = u64;
    type Ask = Ask;
    type AskInOrder = AskInOrder;
    type Count = Count;
    type Counted = Counted;
    type Note = Note;
    type Room = Room;
}

/// The build before.
pub(crate) enum Older {}

impl Build for Older {
    const KINDS: Kinds = kinds![
        older::Ask,
        Newest,
        older::AskInOrder,
        older::Count,
        Poke,
        older::Note,
        older::Room
    ];
    type Id = older::Id;
    type Ask = older::Ask;
    type AskInOrder = older::AskInOrder;
    type Count = older::Count;
    type Counted = older::Counted;
    type Note = older::Note;
    type Room = older::Room;
}
