//! Bytes of a peer's, as they may stand in a log or in an answer.

use std::fmt;

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use twinwire::DecodeError;

/// Bytes of one value of a peer's that a line of the log holds at most.
const MAX_LOGGED: usize = 128;

/// A value that a peer chose: shown escaped, so that it stays on its line, and cut to 128 bytes.
pub(crate) struct Logged<'a>(pub(crate) &'a [u8]);

impl fmt::Display for Logged<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let len = self.0.len();
        let cut = &self.0[..len.min(MAX_LOGGED)];
        for chunk in cut.utf8_chunks() {
            write!(f, "{}", chunk.valid().escape_debug())?;
            write!(f, "{}", chunk.invalid().escape_ascii())?;
        }
        if len > MAX_LOGGED {
            write!(f, "… ({len} bytes)")?;
        }
        Ok(())
    }
}

/// The reason why a payload can't be read, without a byte of it: serde's errors in JSON quote what they found.
pub(crate) struct Undecodable<'a>(pub(crate) &'a DecodeError);

impl fmt::Display for Undecodable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            DecodeError::Json(error) => write!(
                f,
                "the payload isn't JSON of its type, by line {} column {}",
                error.line(),
                error.column()
            ),
            // These are fixed texts.
            DecodeError::Postcard(error) => write!(f, "{}: {error}", self.0),
            other => write!(f, "{other}"),
        }
    }
}

/// Returns the value in quotes, cut to 128 bytes and escaped: it can't forge a line of a log.
pub(crate) fn quoted(value: &[u8]) -> String {
    format!("\"{}\"", Logged(value))
}

/// Returns the values of a header, each [quoted], as `"a", "b"`; none if there is no such header.
pub(crate) fn quoted_header(headers: &HeaderMap, name: HeaderName) -> Option<String> {
    let quoted = quoted_values(headers.get_all(name));
    (!quoted.is_empty()).then_some(quoted)
}

/// Returns a header's values, each [quoted], as `"a", "b"`.
pub(crate) fn quoted_values<'a>(values: impl Iterator<Item = &'a HeaderValue>) -> String {
    /// The most values that are shown; no header of a handshake has more than one.
    const VALUES: usize = 3;
    let values = values.take(VALUES).map(|value| quoted(value.as_bytes()));
    values.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::{Logged, quoted};

    #[test]
    fn a_value_stays_on_its_line_and_is_cut() {
        let check = |value: &[u8], shown: &str| assert_eq!(Logged(value).to_string(), shown);
        check(b"", "");
        check("Grüße".as_bytes(), "Grüße");
        check(b"a\nb\x1b[31m\xff", r"a\nb\u{1b}[31m\xff");
        check("\u{202e}".as_bytes(), r"\u{202e}");
        let long = Logged(&[b'x'; 120_000]).to_string();
        assert_eq!(long, format!("{}… (120000 bytes)", "x".repeat(128)));
        // Cut within a character.
        let umlauts = "ü".repeat(65);
        let shown = Logged(&umlauts.as_bytes()[1..]).to_string();
        assert!(shown.ends_with(r"\xc3… (129 bytes)"), "{shown}");
    }

    #[test]
    fn a_long_value_is_cut_and_every_odd_byte_escaped() {
        assert_eq!(quoted(b"13, 8"), r#""13, 8""#);
        assert_eq!(quoted(b"a\"b\r\nc\xff"), r#""a\"b\r\nc\xff""#);
        assert_eq!(quoted(&[b'x'; 128]).len(), 130);
        let long = quoted(&[0xff; 120_000]);
        assert_eq!(long.matches("\\xff").count(), 128);
        assert!(long.ends_with("… (120000 bytes)\""), "{long}");
    }
}
