//! Why a connection ends: goodbye codes, close codes and what a client may do next.

use std::fmt::{self, Write};
use std::time::Duration;

use crate::SeqNo;

/// The longest reason of a goodbye, in bytes: what fits a WebSocket close frame too
/// (RFC 6455 §5.5: 125 bytes, less two for the code).
pub const MAX_REASON: usize = 123;

macro_rules! goodbye_codes {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $wire:literal, $retry:expr, $text:literal;)*) => {
        /// The reason for which one end says goodbye.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum GoodbyeCode {
            $($(#[$doc])* $name,)*
            /// A code that this version doesn't know: a newer peer's.
            Other(u16),
        }

        impl GoodbyeCode {
            /// All codes of this version, with their names, what a client does by default, and
            /// their meanings: the table of PROTOCOL.md.
            pub const ALL: &[(Self, &'static str, Retry, &'static str)] =
                &[$((Self::$name, $wire, $retry, $text),)*];

            /// Returns the number on the wire.
            pub const fn number(self) -> u16 {
                match self {
                    $(Self::$name => $code,)*
                    Self::Other(code) => code,
                }
            }

            /// Returns the default advice to a client after a goodbye of this code.
            pub const fn retry(self) -> Retry {
                match self {
                    $(Self::$name => $retry,)*
                    Self::Other(_) => Retry::Never,
                }
            }

            /// Its name, if this version knows it.
            const fn name(self) -> Option<&'static str> {
                match self {
                    $(Self::$name => Some($wire),)*
                    Self::Other(_) => None,
                }
            }

            /// Returns the code of a number on the wire.
            pub const fn from_number(code: u16) -> Self {
                match code {
                    $($code => Self::$name,)*
                    other => Self::Other(other),
                }
            }
        }
    };
}

goodbye_codes! {
    /// The application is done with the connection.
    Done = 0, "done", Retry::Never, "the application is done with the connection";
    /// The message can't be read as frames.
    Malformed = 1, "malformed", Retry::Never, "what came can't be read as frames";
    /// A frame that can be read, but not in this state.
    WrongState = 2, "wrong_state", Retry::Never, "a frame that has no place in this state";
    /// A bound was broken: message, window or table.
    Limit = 3, "limit", Retry::Never, "a bound was broken: size, window or table";
    /// A version or a frame type that this side doesn't speak.
    Unsupported = 4, "unsupported", Retry::Never, "a version or a frame type that this side doesn't speak";
    /// The server's `authenticate` refused the token.
    Denied = 5, "denied", Retry::Never, "the application refused the token";
    /// The handshake took too long.
    TooSlow = 6, "too_slow", Retry::Now, "the handshake took longer than allowed";
    /// The server is stopping.
    GoingAway = 7, "going_away", Retry::Now, "the server is stopping";
    /// Something went wrong on the side that says so.
    Internal = 8, "internal", Retry::Now, "something went wrong on the side that says so";
    /// Nothing came from the peer for two heartbeats.
    Silent = 9, "silent", Retry::Now, "nothing came from the other side for two heartbeats";
    /// A later attempt to resume the session has come first.
    Superseded = 10, "superseded", Retry::Never, "the session goes on over another connection";
}

impl GoodbyeCode {
    /// Returns the WebSocket close code that follows a goodbye of this code: 1000 after `done`, 1001 after
    /// `going_away`, else 4000 + the code, within RFC 6455's private range (§7.4.2).
    pub const fn close_code(self) -> u16 {
        match self {
            Self::Done => 1000,
            Self::GoingAway => 1001,
            other => {
                let number = other.number();
                4000 + if number < 1000 { number } else { 999 }
            }
        }
    }
}

impl fmt::Display for GoodbyeCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "code {}", self.number()),
        }
    }
}

/// The time at which what was refused may be tried again, if it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Retry {
    /// Trying again would end the same way.
    Never,
    /// At once, under the client's usual back-off.
    Now,
    /// Not before this time has passed. Travels as whole milliseconds, at most 2^32 - 1.
    After(Duration),
}

impl fmt::Display for Retry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Never => f.write_str("never"),
            Self::Now => f.write_str("now"),
            Self::After(wait) => write!(f, "after {} ms", wait.as_millis() as u64),
        }
    }
}

/// The last word on a connection. Its form on the wire is frozen for all versions, so that any two
/// can refuse each other in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Goodbye {
    /// The reason.
    pub code: GoodbyeCode,
    /// The advice to the other side.
    pub retry: Retry,
    /// The last numbered frame that the speaker received in order, if any: what came later is lost.
    pub received: Option<SeqNo>,
    /// A sentence for a person, at most [`MAX_REASON`] bytes. Empty when the code says it all.
    pub reason: String,
}

impl Goodbye {
    /// Makes a goodbye with the code's usual `retry`. A reason longer than [`MAX_REASON`] is cut at a
    /// character's end.
    pub fn new(code: GoodbyeCode, reason: impl Into<String>) -> Self {
        let mut reason = reason.into();
        reason.truncate(reason.floor_char_boundary(MAX_REASON));
        Self {
            code,
            retry: code.retry(),
            received: None,
            reason,
        }
    }
}

impl fmt::Display for Goodbye {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.code.fmt(f)?;
        if !self.reason.is_empty() {
            f.write_str(": ")?;
            for char in self.reason.chars() {
                if is_harmless(char) {
                    f.write_char(char)?;
                } else {
                    char.escape_default()
                        .try_for_each(|char| f.write_char(char))?;
                }
            }
        }
        Ok(())
    }
}

/// Returns true if a character of the peer's words may stand in a log as it is: it must not end a line and begin
/// another, turn the direction of what follows, be unseen, or pass for another's escape. (`escape_debug`
/// knows more of what can't be printed, by tables that are larger than all else here.)
fn is_harmless(char: char) -> bool {
    let is_unseen = matches!(
        char,
        '\u{ad}'
            | '\u{61c}'
            | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}'
    );
    !char.is_control() && !is_unseen && char != '\\'
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    #[test]
    fn every_code_keeps_its_number_and_closes_within_the_private_range() {
        for (code, ..) in GoodbyeCode::ALL {
            assert_eq!(GoodbyeCode::from_number(code.number()), *code);
            let close = code.close_code();
            assert!(
                close == 1000 || close == 1001 || (4000..5000).contains(&close),
                "{close}"
            );
        }
        assert_eq!(GoodbyeCode::Other(60_000).close_code(), 4999);
    }

    #[test]
    fn a_long_reason_is_cut_at_a_characters_end() {
        let goodbye = Goodbye::new(GoodbyeCode::Done, "服".repeat(100));
        assert_eq!(goodbye.reason.len(), 123);
    }

    #[test]
    fn a_reason_forges_no_lines_in_a_log() {
        let goodbye = Goodbye::new(GoodbyeCode::Done, "x\n2026 INFO 服务端");
        assert_eq!(goodbye.to_string(), "done: x\\n2026 INFO 服务端");
        let goodbye = Goodbye::new(GoodbyeCode::Done, "\\n\u{85}\u{2028}\u{202e}\u{1b}[2K");
        let expected = "done: \\\\n\\u{85}\\u{2028}\\u{202e}\\u{1b}[2K";
        assert_eq!(goodbye.to_string(), expected);
    }
}
