//! The kinds of the golden vectors, which JavaScript reads by their generated types.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use twinwire::{Bytes, Call, Event, Kinds, Shape, Topic, kinds};

/// The kinds of the vectors.
pub(crate) const KINDS: Kinds = kinds![Everything, Ask, Typing, Room];

#[derive(Debug, PartialEq, Serialize, Deserialize, Call)]
#[call(reply = Vec<Choice>, error = String)]
pub(crate) struct Everything {
    pub small: (u8, i8, u16, i16, u32, i32),
    pub large: (u64, i64, u128, i128),
    pub floats: (f32, f64),
    pub flag: bool,
    pub sign: char,
    pub text: String,
    pub bytes: Bytes,
    pub maybe: Option<u8>,
    pub list: Vec<Choice>,
    pub map: BTreeMap<u16, String>,
    pub tree: Tree,
}

#[derive(Debug, PartialEq, Serialize, Deserialize, Shape)]
pub(crate) enum Choice {
    Nothing,
    One(u8),
    Two(u8, String),
    #[serde(rename = "named")]
    Named {
        #[serde(rename = "inner")]
        field: i64,
    },
}

#[derive(Debug, PartialEq, Serialize, Deserialize, Shape)]
pub(crate) struct Tree {
    pub leaf: u8,
    pub children: Vec<Tree>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize, Call)]
#[call(stream = Choice)]
pub(crate) struct Ask {
    pub prompt: String,
}

#[derive(Debug, PartialEq, Serialize, Deserialize, Event)]
#[event(name = "room.typing")]
pub(crate) struct Typing {}

#[derive(Debug, PartialEq, Serialize, Deserialize, Topic)]
#[topic(item = Choice)]
pub(crate) struct Room {
    pub name: String,
}
