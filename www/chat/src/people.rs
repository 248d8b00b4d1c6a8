//! Who is connected, and what one says to another.

use std::fmt;

use serde::{Deserialize, Serialize};
use twinwire::{Call, Event, Shape};

use crate::{NameError, TextError};

/// Takes a name for as long as the connection lasts, which has one name: a second is refused.
#[derive(Clone, Debug, Serialize, Deserialize, Call)]
#[call(reply = Joined, error = JoinError)]
pub struct Join {
    /// The name that others see.
    pub name: String,
}

/// The answer to a name that was free.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Shape)]
pub struct Joined {
    /// The name as others see it: without the space around it.
    pub name: String,
}

/// Why a name wasn't given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Shape)]
pub enum JoinError {
    /// It is no name.
    Name(NameError),
    /// Somebody who is connected has it, perhaps in other capitals.
    Taken,
    /// This connection has a name already.
    Named,
}

impl fmt::Display for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(error) => error.fmt(f),
            Self::Taken => f.write_str("Somebody here has this name already. Choose another."),
            Self::Named => f.write_str("You have a name already."),
        }
    }
}

impl std::error::Error for JoinError {}

/// Says something to one person. Answered when it has arrived there.
#[derive(Clone, Debug, Serialize, Deserialize, Call)]
#[call(error = WhisperError)]
pub struct Whisper {
    /// The person's name.
    pub to: String,
    /// What is said.
    pub text: String,
}

/// Why a whisper wasn't sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Shape)]
pub enum WhisperError {
    /// The text can't be sent.
    Text(TextError),
    /// Who has no name yet can't speak.
    NotJoined,
    /// Nobody of that name is connected.
    NoSuchPerson,
    /// The person left before it arrived, or may have.
    Gone,
}

impl fmt::Display for WhisperError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(error) => error.fmt(f),
            Self::NotJoined => f.write_str("Choose a name first."),
            Self::NoSuchPerson => f.write_str("Nobody of that name is here now."),
            Self::Gone => f.write_str("The person left. It isn't certain that this arrived."),
        }
    }
}

impl std::error::Error for WhisperError {}

/// Something was said to one person. The server sends it to that person and to who said it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Event)]
pub struct Whispered {
    /// Who said it.
    pub from: String,
    /// To whom.
    pub to: String,
    /// What was said.
    pub text: String,
    /// When, by the server's clock: milliseconds since 1970.
    pub at: u64,
}
