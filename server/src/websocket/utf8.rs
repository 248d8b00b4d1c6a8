//! UTF-8 across the fragments of a text.

use std::str;

/// Checks a text that comes in parts, each of which may end inside a character.
#[derive(Default)]
pub(super) struct Utf8 {
    /// The beginning of a character whose rest hasn't come. Invariant: fewer than four bytes.
    open: Vec<u8>,
}

impl Utf8 {
    /// Returns true if the text is still UTF-8 with `part` appended; `last` says that nothing follows.
    pub(super) fn accepts(&mut self, mut part: &[u8], last: bool) -> bool {
        // A byte at a time: the open character may end anywhere in the part.
        while !self.open.is_empty() {
            let Some((byte, rest)) = part.split_first() else {
                return !last;
            };
            self.open.push(*byte);
            part = rest;
            match str::from_utf8(&self.open) {
                Ok(_) => self.open.clear(),
                // Nothing is wrong so far (RFC 6455 §8.1): the rest of the character may follow.
                Err(error) if error.error_len().is_none() => {}
                Err(_) => return false,
            }
        }
        match str::from_utf8(part) {
            Ok(_) => true,
            Err(error) if error.error_len().is_none() && !last => {
                self.open.extend_from_slice(&part[error.valid_up_to()..]);
                true
            }
            Err(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Utf8;

    fn accepts(bytes: &[u8], part: usize) -> bool {
        let mut utf8 = Utf8::default();
        let parts: Vec<&[u8]> = bytes.chunks(part).collect();
        let fragments = parts.iter().all(|part| utf8.accepts(part, false));
        fragments && utf8.accepts(&[], true)
    }

    #[test]
    fn a_character_may_be_cut_anywhere() {
        for part in 1..8 {
            assert!(accepts("客户端 – 👋".as_bytes(), part));
        }
    }

    #[test]
    fn a_text_that_ends_inside_a_character_is_refused() {
        assert!(!accepts(&"客".as_bytes()[..2], 1));
        assert!(!Utf8::default().accepts(&"客".as_bytes()[..2], true));
    }

    #[test]
    fn a_text_is_refused_at_the_first_byte_that_is_wrong() {
        let mut utf8 = Utf8::default();
        assert!(utf8.accepts(&"客".as_bytes()[..1], false));
        assert!(!utf8.accepts(b"a", false));
        assert!(!Utf8::default().accepts(b"\xff", false));
    }

    proptest! {
        #[test]
        fn parts_are_judged_as_the_whole(bytes in prop::collection::vec(any::<u8>(), 0..12), part in 1_usize..5) {
            prop_assert_eq!(accepts(&bytes, part), std::str::from_utf8(&bytes).is_ok());
        }

        #[test]
        fn every_text_is_accepted_in_any_parts(text in ".{0,30}", part in 1_usize..9) {
            prop_assert!(accepts(text.as_bytes(), part));
        }
    }
}
