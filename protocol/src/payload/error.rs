use super::MAX_DEPTH;
use super::json::Error as JsonError;

/// A value could not be encoded. The caller's to mend.
#[derive(Debug, thiserror::Error, PartialEq)]
#[non_exhaustive]
pub enum EncodeError {
    /// The value is larger than the caller's limit: send less, or in parts.
    #[error("the payload is larger than {limit} bytes: send less, or in parts")]
    TooLarge {
        /// The limit, in bytes.
        limit: usize,
    },
    /// The value is nested deeper than [`MAX_DEPTH`]: flatten it.
    #[error("the value is nested deeper than {MAX_DEPTH} levels: flatten it")]
    TooDeep,
    /// JSON has no NaN and no infinity: use an `Option`, or an enum that says what is meant.
    #[error("JSON can't carry a NaN or an infinity: send an Option, or an enum")]
    NotFinite,
    /// The value's own `Serialize` failed, or does what postcard can't.
    #[error("the value can't be written as postcard: see its Serialize")]
    Postcard(#[source] postcard::Error),
    /// The value's own `Serialize` failed, or does what JSON can't.
    #[error("the value can't be written as JSON, see its Serialize: {0}")]
    Json(JsonError),
}

/// Bytes are no value of the expected type. The peer's fault.
#[derive(Debug, thiserror::Error, PartialEq)]
#[non_exhaustive]
pub enum DecodeError {
    /// The payload is nested deeper than [`MAX_DEPTH`].
    #[error("the payload is nested deeper than {MAX_DEPTH} levels: flatten its type")]
    TooDeep,
    /// The value ended before the payload did.
    #[error("the payload goes on after the value: its Serialize and Deserialize differ")]
    Trailing,
    /// In JSON, an enum with `tag` and `content` had its content first: the tag must come before,
    /// since only it says what the content is.
    ///
    /// Also what a hand-written `Deserialize` gets that takes whatever comes (`deserialize_any`), unless it has
    /// asked before whether the format is for people to read: then it gets text. Postcard couldn't tell.
    #[error("an enum's content comes before its tag: write the tag first")]
    ContentFirst,
    /// The payload is no postcard of the expected type.
    #[error("the payload isn't postcard of its type: its Serialize and Deserialize differ")]
    Postcard(#[source] postcard::Error),
    /// The payload is no JSON of the expected type.
    #[error("the payload isn't JSON of its type, see its Deserialize: {0}")]
    Json(JsonError),
}
