//! The messages of a guest book, for both ends.
#![forbid(unsafe_code)]

use serde::{Deserialize, Serialize};
use twinwire::{Call, Kinds, Shape, Topic, kinds};

/// A guest signs the book.
#[derive(Debug, Serialize, Deserialize, Call)]
#[call(reply = (), error = SignError)]
pub struct Sign {
    pub name: String,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize, Shape)]
pub enum SignError {
    Empty,
    Unavailable,
}

/// The names in the book, in one order for everybody.
#[derive(Clone, Debug, Serialize, Deserialize, Topic)]
#[topic(item = String)]
pub struct Guests {}

pub const KINDS: Kinds = kinds![Sign, Guests];
