//! The kinds that the suite's server takes.

use serde::{Deserialize, Serialize};
use twinwire::{Call, Event, Kinds, Shape, Topic, kinds};

/// All of them, and one that the server doesn't have.
pub const KINDS: Kinds = kinds![
    Add, Subtract, Hang, Forget, Locate, AskMe, Count, Stopped, Echo, Notify, Notice, Room, PutMe
];

/// Adds two numbers.
#[derive(Debug, Serialize, Deserialize, Call)]
#[call(reply = u64, error = Overflow)]
pub struct Add {
    /// One.
    pub left: u64,
    /// The other.
    pub right: u64,
}

/// The sum is larger than a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Shape)]
pub struct Overflow {
    /// By so much.
    pub by: u64,
}

/// The server has another of this name.
#[derive(Debug, Serialize, Deserialize, Call)]
#[call(reply = u64)]
pub struct Subtract {
    /// From this.
    pub from: u64,
    /// That.
    pub what: u64,
}

/// What the server has in the place of [`Subtract`].
#[derive(Debug, Serialize, Deserialize, Call)]
#[call(reply = i64, name = "Subtract")]
pub struct OtherSubtract {
    /// From this.
    pub from: u64,
    /// That.
    pub what: u64,
}

/// Never answered.
#[derive(Debug, Serialize, Deserialize, Call)]
pub struct Hang {}

/// The server doesn't have it.
#[derive(Debug, Serialize, Deserialize, Call)]
pub struct Forget {}

/// The server asks its client.
#[derive(Debug, Serialize, Deserialize, Call)]
#[call(reply = String, error = String)]
pub struct Locate {
    /// For whom.
    pub whom: String,
}

/// Makes the server ask its caller, and tells what came of it.
#[derive(Debug, Serialize, Deserialize, Call)]
#[call(reply = String)]
pub struct AskMe {
    /// For whom.
    pub whom: String,
}

/// Counts from zero.
#[derive(Debug, Serialize, Deserialize, Call)]
#[call(stream = u32, error = String)]
pub struct Count {
    /// To this number, without it.
    pub to: u32,
    /// Ends with an error.
    pub fail: bool,
}

/// Answered when a [`Count`] of this client's was dropped half-way.
#[derive(Debug, Serialize, Deserialize, Call)]
pub struct Stopped {}

/// The server sends it back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Event)]
pub struct Echo {
    /// Anything.
    pub text: String,
}

/// Makes the server send so many notices; answered when they are on their way.
#[derive(Debug, Serialize, Deserialize, Call)]
pub struct Notify {
    /// How many.
    pub notices: u32,
}

/// Comes from the server only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Event)]
pub struct Notice {
    /// Counted from zero.
    pub number: u32,
}

/// Makes the server put its caller into a room, or out of it, and then publish there which; tells why it
/// couldn't.
#[derive(Debug, Serialize, Deserialize, Call)]
#[call(error = String)]
pub struct PutMe {
    /// Where.
    pub room: Room,
    /// And not out.
    pub inside: bool,
}

/// Everybody may speak and hear; in the room `news` only hear, and into one whose name begins with
/// `private` nobody comes by itself.
#[derive(Clone, Debug, Serialize, Deserialize, Topic)]
#[topic(item = String)]
pub struct Room {
    /// Its key.
    pub name: String,
}

/// The token that the server refuses.
pub const REFUSED: &str = "refuse me";

/// Why it does.
pub const REASON: &str = "as the test asked";

/// The first line of the answer at an address that refuses everybody.
pub const WHY_REFUSED: &str = "Pages of this origin may not connect.";
