//! Reading and writing the envelope's elements: integers, byte strings, text.

use std::time::Duration;

use super::Malformed;

/// The largest integer on the wire is one below this: what a JavaScript number holds exactly.
const INTEGER_BOUND: u64 = 1 << 53;

/// Appends a minimal LEB128 integer.
pub(super) fn put_integer(out: &mut Vec<u8>, mut value: u64) {
    debug_assert!(
        value < INTEGER_BOUND,
        "integers of the wire stay below 2^53"
    );
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Returns the number of bytes that [`put_integer`] appends.
pub(super) const fn integer_len(value: u64) -> usize {
    let bits = 64 - (value | 1).leading_zeros() as usize;
    bits.div_ceil(7)
}

/// Appends a length and the bytes.
pub(super) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_integer(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Appends a duration, in milliseconds of 32 bits.
pub(super) fn put_duration(out: &mut Vec<u8>, duration: Duration) {
    // A time that wrapped would be a short one: 49 days stand for all that is longer.
    let milliseconds = u32::try_from(duration.as_millis()).unwrap_or(u32::MAX);
    put_integer(out, u64::from(milliseconds));
}

/// Reads a message from its start to its end; whatever isn't there is an error, never a panic.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(super) fn byte(&mut self) -> Result<u8, Malformed> {
        let (first, rest) = self.rest.split_first().ok_or(Malformed::Truncated)?;
        self.rest = rest;
        Ok(*first)
    }

    /// Reads a minimal LEB128 integer below 2^53.
    pub(super) fn integer(&mut self) -> Result<u64, Malformed> {
        let mut value = 0;
        // Eight groups of seven bits are enough for 2^53: what is longer ends here, however long.
        for shift in (0..56).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                // Each value has one form, so that equal frames are equal bytes.
                if byte == 0 && shift > 0 {
                    return Err(Malformed::NotMinimal);
                }
                return if value < INTEGER_BOUND {
                    Ok(value)
                } else {
                    Err(Malformed::TooLarge)
                };
            }
        }
        Err(Malformed::TooLarge)
    }

    /// Reads an integer that fits a smaller type.
    pub(super) fn small<T: TryFrom<u64>>(&mut self) -> Result<T, Malformed> {
        T::try_from(self.integer()?).map_err(|_| Malformed::TooLarge)
    }

    /// Reads a duration, in milliseconds.
    pub(super) fn duration(&mut self) -> Result<Duration, Malformed> {
        Ok(Duration::from_millis(u64::from(self.small::<u32>()?)))
    }

    /// Reads a length and that many bytes, which are there: a lying length allocates nothing.
    pub(super) fn bytes(&mut self) -> Result<&'a [u8], Malformed> {
        let len = self.small::<usize>()?;
        let (bytes, rest) = self
            .rest
            .split_at_checked(len)
            .ok_or(Malformed::Truncated)?;
        self.rest = rest;
        Ok(bytes)
    }

    /// Reads [`bytes`](Self::bytes) that are UTF-8.
    pub(super) fn text(&mut self) -> Result<&'a str, Malformed> {
        str::from_utf8(self.bytes()?).map_err(|_| Malformed::NotUtf8)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (bytes, rest) = self
            .rest
            .split_first_chunk::<N>()
            .ok_or(Malformed::Truncated)?;
        self.rest = rest;
        Ok(*bytes)
    }

    /// Takes all that is left.
    pub(super) fn take_rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.rest)
    }

    /// Skips the list of tagged values that may end a frame. This version knows no tag yet; a
    /// newer peer's are well-formed all the same.
    pub(super) fn skip_tags(&mut self) -> Result<(), Malformed> {
        while !self.is_empty() {
            self.integer()?;
            self.bytes()?;
        }
        Ok(())
    }

    /// Checks the end of a frame that takes no tagged values.
    pub(crate) fn end(&self) -> Result<(), Malformed> {
        if self.is_empty() {
            Ok(())
        } else {
            Err(Malformed::Trailing)
        }
    }
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    #[test]
    fn integers_come_back_and_take_the_length_foretold() {
        for value in [
            0,
            1,
            127,
            128,
            16_383,
            16_384,
            u64::from(u32::MAX),
            INTEGER_BOUND - 1,
        ] {
            let mut out = Vec::new();
            put_integer(&mut out, value);
            assert_eq!(out.len(), integer_len(value));
            assert_eq!(Reader::new(&out).integer(), Ok(value));
        }
    }

    #[test]
    fn integers_are_minimal_and_below_2_to_the_53() {
        let check = |bytes: &[u8], error| assert_eq!(Reader::new(bytes).integer(), Err(error));
        check(&[0x80, 0x00], Malformed::NotMinimal);
        check(
            &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x10],
            Malformed::TooLarge,
        );
        check(&[0xff; 9], Malformed::TooLarge);
        check(&[0xff], Malformed::Truncated);
        check(&[], Malformed::Truncated);
    }

    #[test]
    fn a_lying_length_is_truncated() {
        assert_eq!(
            Reader::new(&[0xff, 0xff, 0x7f, 1]).bytes(),
            Err(Malformed::Truncated)
        );
    }
}
