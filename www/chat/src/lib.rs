//! What the showcase's page and its server say to each other: compiled into both, so that neither
//! can say what the other doesn't understand.

#![forbid(unsafe_code)]

mod bot;
mod people;
mod rooms;
mod text;

use std::fmt;

use serde::{Deserialize, Serialize};
use twinwire::{Kinds, Shape, kinds};

pub use bot::{Ask, AskError, Word};
pub use people::{Join, JoinError, Joined, Whisper, WhisperError, Whispered};
pub use rooms::{
    Enter, LOBBY, Leave, Line, Members, ROOM_PEOPLE, ROOMS_EACH, Room, RoomError, Roster, Say,
    SayError, check_room,
};
pub use text::{TEXT_LIMIT, TextError, check_text};

/// Every kind of the showcase.
pub const KINDS: Kinds = kinds![
    Join, Enter, Leave, Say, Whisper, Whispered, Ask, Room, Roster
];

/// The most characters of a name.
pub const NAME_LIMIT: u32 = 32;

/// Why a name isn't one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Shape)]
pub enum NameError {
    /// There is nothing in it but space.
    Empty,
    /// It is too long.
    TooLong {
        /// The most characters that a name has.
        limit: u32,
    },
    /// It holds a control character, such as a line break.
    Control,
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("A name needs at least one letter."),
            Self::TooLong { limit } => write!(f, "A name has at most {limit} characters."),
            Self::Control => f.write_str("A name has no line breaks or other control characters."),
        }
    }
}

impl std::error::Error for NameError {}

/// The name without the space around it, if it is one. The server decides by this.
///
/// # Errors
/// Says what is wrong with it.
pub fn check_name(name: &str) -> Result<&str, NameError> {
    let name = name.trim();
    if name.is_empty() {
        Err(NameError::Empty)
    } else if name.chars().count() > NAME_LIMIT as usize {
        Err(NameError::TooLong { limit: NAME_LIMIT })
    } else if name.chars().any(char::is_control) {
        Err(NameError::Control)
    } else {
        Ok(name)
    }
}

#[cfg(test)]
mod tests {
    use super::{NAME_LIMIT, NameError, check_name};

    #[test]
    fn names_are_trimmed_and_bounded() {
        assert_eq!(check_name(" Ada "), Ok("Ada"));
        assert_eq!(check_name("服务端"), Ok("服务端"));
        assert_eq!(check_name(" \n "), Err(NameError::Empty));
        assert_eq!(check_name("a\nb"), Err(NameError::Control));
        let longest = "é".repeat(NAME_LIMIT as usize);
        assert_eq!(check_name(&longest), Ok(longest.as_str()));
        let longer = longest + "é";
        assert_eq!(
            check_name(&longer),
            Err(NameError::TooLong { limit: NAME_LIMIT })
        );
    }
}
