//! Rooms: who is there, and what is said.

use std::fmt;

use serde::{Deserialize, Serialize};
use twinwire::{Call, Shape, Topic};

use crate::{NameError, TextError, check_name};

/// The room that anyone may read, also without a name.
pub const LOBBY: &str = "lobby";

/// The most people in a room: so many names of the greatest length are one item of a topic.
pub const ROOM_PEOPLE: u32 = 200;

/// The most rooms that a person is in.
pub const ROOMS_EACH: u32 = 16;

/// What is said in a room. The server alone publishes here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Topic)]
#[topic(item = Line)]
pub struct Room {
    /// The room's name.
    pub name: String,
}

/// One thing that was said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Shape)]
pub struct Line {
    /// Who said it.
    pub from: String,
    /// What was said.
    pub text: String,
    /// When, by the server's clock: milliseconds since 1970.
    pub at: u64,
}

/// Who is in a room. Each change brings the whole list, so the last one is all there is to know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Topic)]
#[topic(item = Members)]
pub struct Roster {
    /// The room's name.
    pub room: String,
}

/// The people in a room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Shape)]
pub struct Members {
    /// Their names, in order.
    pub names: Vec<String>,
}

/// Enters a room, which is there as soon as somebody does. Answered with its name as it is written
/// in [`Room`] and [`Roster`].
#[derive(Clone, Debug, Serialize, Deserialize, Call)]
#[call(reply = String, error = RoomError)]
pub struct Enter {
    /// The room's name.
    pub room: String,
}

/// Leaves a room. Nothing happens if one isn't there.
#[derive(Clone, Debug, Serialize, Deserialize, Call)]
#[call(error = RoomError)]
pub struct Leave {
    /// The room's name.
    pub room: String,
}

/// Why one can't enter or leave a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Shape)]
pub enum RoomError {
    /// It is no name for a room.
    Name(NameError),
    /// Who has no name yet can enter no room.
    NotJoined,
    /// As many people are there as may be.
    Full {
        /// The most people in a room.
        limit: u32,
    },
    /// One is in as many rooms as one may be.
    TooMany {
        /// The most rooms of a person.
        limit: u32,
    },
}

impl fmt::Display for RoomError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(error) => error.fmt(f),
            Self::NotJoined => f.write_str("Choose a name first."),
            Self::Full { limit } => write!(f, "The room is full: {limit} people are there."),
            Self::TooMany { limit } => write!(f, "You are in {limit} rooms. Leave one first."),
        }
    }
}

impl std::error::Error for RoomError {}

/// Says something in a room that one is in.
#[derive(Clone, Debug, Serialize, Deserialize, Call)]
#[call(error = SayError)]
pub struct Say {
    /// The room's name.
    pub room: String,
    /// What is said.
    pub text: String,
}

/// Why something wasn't said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Shape)]
pub enum SayError {
    /// The text can't be sent.
    Text(TextError),
    /// Only who is in a room can speak there.
    NotInRoom,
    /// The server can't hold the room now.
    Unavailable,
}

impl fmt::Display for SayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(error) => error.fmt(f),
            Self::NotInRoom => f.write_str("Enter the room before you write to it."),
            Self::Unavailable => f.write_str("The server has no place for this room now."),
        }
    }
}

impl std::error::Error for SayError {}

/// A room's name without the space around it, if it is one. Rooms are named like people.
///
/// # Errors
/// Says what is wrong with it.
pub fn check_room(name: &str) -> Result<&str, RoomError> {
    check_name(name).map_err(RoomError::Name)
}
