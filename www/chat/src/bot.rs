//! The bot, which answers word by word.

use std::fmt;

use serde::{Deserialize, Serialize};
use twinwire::{Call, Shape};

use crate::TextError;

/// Asks the bot something. It stops when the stream is dropped.
#[derive(Clone, Debug, Serialize, Deserialize, Call)]
#[call(stream = Word, error = AskError)]
pub struct Ask {
    /// What it is asked.
    pub prompt: String,
}

/// One word of the bot's answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Shape)]
pub struct Word {
    /// The word, and the space before it.
    pub text: String,
}

/// Why the bot doesn't answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Shape)]
pub enum AskError {
    /// The text can't be sent.
    Text(TextError),
    /// Who has no name yet can't speak.
    NotJoined,
}

impl fmt::Display for AskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(error) => error.fmt(f),
            Self::NotJoined => f.write_str("Choose a name first."),
        }
    }
}

impl std::error::Error for AskError {}
