//! Bytes of a peer's, as they may stand in a log.

use std::fmt;

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

/// Why a payload can't be read, without a byte of it: serde's errors in JSON quote what they found.
pub(crate) struct Undecodable<'a>(pub(crate) &'a DecodeError);

impl fmt::Display for Undecodable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            DecodeError::Json(error) => write!(
                f,
                "the payload is no JSON of the expected type, by line {} column {}",
                error.line(),
                error.column()
            ),
            // Postcard's own errors are fixed texts.
            other => write!(f, "{other}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Logged;

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
}
