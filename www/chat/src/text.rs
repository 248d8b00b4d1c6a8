//! What a person writes.

use std::fmt;

use serde::{Deserialize, Serialize};
use twinwire::Shape;

/// The most characters of a text.
pub const TEXT_LIMIT: u32 = 2000;

/// Why a text can't be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Shape)]
pub enum TextError {
    /// There is nothing in it but space.
    Empty,
    /// It is too long.
    TooLong {
        /// The most characters that a text has.
        limit: u32,
    },
}

impl fmt::Display for TextError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("There is nothing to send yet."),
            Self::TooLong { limit } => write!(f, "A text has at most {limit} characters."),
        }
    }
}

impl std::error::Error for TextError {}

/// The text without the space around it, if it can be sent.
///
/// # Errors
/// Says what is wrong with it.
pub fn check_text(text: &str) -> Result<&str, TextError> {
    let text = text.trim();
    if text.is_empty() {
        Err(TextError::Empty)
    } else if text.chars().count() > TEXT_LIMIT as usize {
        Err(TextError::TooLong { limit: TEXT_LIMIT })
    } else {
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::{TEXT_LIMIT, TextError, check_text};

    #[test]
    fn texts_are_trimmed_and_bounded_and_keep_their_lines() {
        assert_eq!(check_text(" one\ntwo "), Ok("one\ntwo"));
        assert_eq!(check_text(" \n "), Err(TextError::Empty));
        let longest = "é".repeat(TEXT_LIMIT as usize);
        assert_eq!(check_text(&longest), Ok(longest.as_str()));
        let longer = longest + "é";
        let limit = TEXT_LIMIT;
        assert_eq!(check_text(&longer), Err(TextError::TooLong { limit }));
    }
}
