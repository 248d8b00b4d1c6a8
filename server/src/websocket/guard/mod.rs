//! Frame headers, checked as their bytes come in.
//!
//! actix-http's parser compares a frame's length with its limit only after it has buffered the
//! frame, so a header that claims 256 MiB would make it hold 256 MiB. The guard reads each header
//! before the parser does, and refuses what the parser must never see.

use super::fault::Fault;

/// The longest header: two bytes, eight of length, four of mask (RFC 6455 §5.2).
const LONGEST_HEADER: usize = 14;

/// The longest payload of a control frame, in bytes (RFC 6455 §5.5).
pub(super) const LONGEST_CONTROL: usize = 125;

/// Follows a client's bytes frame by frame without keeping them.
///
/// Feed it the bytes in order, each exactly once. After an error it must not be fed again: where
/// the next frame begins is unknown.
pub(super) struct Guard {
    /// The largest message, in bytes.
    limit: usize,
    /// True while a fragmented message is open.
    fragmented: bool,
    /// The bytes that the data frames of the open message have claimed. Invariant: at most the limit.
    claimed: u64,
    at: At,
}

enum At {
    /// Inside a header, of which `len` bytes came.
    Header {
        bytes: [u8; LONGEST_HEADER],
        len: usize,
    },
    /// Inside a payload with bytes left to come. Invariant: at least one.
    Payload { left: u64 },
}

const BETWEEN_FRAMES: At = At::Header {
    bytes: [0; LONGEST_HEADER],
    len: 0,
};

/// The guard's finding on some bytes.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Watch {
    /// The number of bytes that it took: all, or up to the end of a frame.
    pub(super) taken: usize,
    /// True if the last one taken ends a frame.
    pub(super) complete: bool,
}

impl Guard {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            limit,
            fragmented: false,
            claimed: 0,
            at: BETWEEN_FRAMES,
        }
    }

    /// Takes bytes up to the end of the current frame.
    pub(super) fn watch(&mut self, bytes: &[u8]) -> Result<Watch, Fault> {
        let mut taken = 0;
        while let Some(rest) = bytes.get(taken..).filter(|rest| !rest.is_empty()) {
            taken += match &mut self.at {
                At::Payload { left } => {
                    let part = usize::try_from(*left).unwrap_or(usize::MAX).min(rest.len());
                    *left -= part as u64;
                    if *left == 0 {
                        self.at = BETWEEN_FRAMES;
                    }
                    part
                }
                At::Header { bytes, len } => {
                    bytes[*len] = rest[0];
                    *len += 1;
                    let header = (*bytes, *len);
                    self.header(&header.0[..header.1])?;
                    1
                }
            };
            if matches!(self.at, At::Header { len: 0, .. }) {
                return Ok(Watch {
                    taken,
                    complete: true,
                });
            }
        }
        Ok(Watch {
            taken,
            complete: false,
        })
    }

    /// Returns true while a frame or a fragmented message has begun and isn't whole.
    pub(super) fn is_unfinished(&self) -> bool {
        self.fragmented || !matches!(self.at, At::Header { len: 0, .. })
    }

    /// Returns the bytes that the payload of the frame that came in part still has; zero inside a header.
    pub(super) fn left(&self) -> usize {
        match self.at {
            At::Header { .. } => 0,
            // The limit, which it was compared with, is a `usize`.
            At::Payload { left } => usize::try_from(left).unwrap_or(usize::MAX),
        }
    }

    /// Judges a header by the bytes so far, of which the last is new.
    fn header(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        if bytes.len() == 1 {
            return self.first_byte(bytes[0]);
        }
        // Judged as soon as its byte is there: what a fault follows is never buffered.
        let control = bytes[0] & 0x08 != 0;
        let extended = match bytes[1] & 0x7f {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        if bytes.len() == 2 {
            if bytes[1] & 0x80 == 0 {
                return Err(Fault::Unmasked);
            }
            if control && extended > 0 {
                return Err(Fault::LongControl);
            }
        }
        let length = match extended {
            0 => u64::from(bytes[1] & 0x7f),
            _ if bytes.len() < 2 + extended => return Ok(()),
            _ => bytes[2..2 + extended]
                .iter()
                .fold(0, |sum, byte| sum << 8 | u64::from(*byte)),
        };
        if bytes.len() == 2 + extended {
            // Before the length counts: a false one says nothing of where the next frame begins.
            Self::length(length, extended)?;
            if !control {
                self.claim(length)?;
            }
        }
        if bytes.len() == 2 + extended + 4 {
            self.at = match length {
                0 => BETWEEN_FRAMES,
                left => At::Payload { left },
            };
        }
        Ok(())
    }

    fn first_byte(&mut self, byte: u8) -> Result<(), Fault> {
        let fin = byte & 0x80 != 0;
        if byte & 0x70 != 0 {
            return Err(Fault::ReservedBits);
        }
        match byte & 0x0f {
            0 if !self.fragmented => Err(Fault::NothingToContinue),
            1 | 2 if self.fragmented => Err(Fault::Interleaved),
            opcode @ 0..=2 => {
                // Control frames between fragments leave the sum of their message as it is.
                if opcode != 0 {
                    self.claimed = 0;
                }
                self.fragmented = !fin;
                Ok(())
            }
            8..=10 if !fin => Err(Fault::FragmentedControl),
            8..=10 => Ok(()),
            opcode => Err(Fault::Opcode(opcode)),
        }
    }

    fn length(length: u64, extended: usize) -> Result<(), Fault> {
        // One form for each length (RFC 6455 §5.2).
        let shortest = match length {
            0..=125 => 0,
            126..=0xffff => 2,
            _ => 8,
        };
        match extended != shortest || length >> 63 != 0 {
            true => Err(Fault::Length),
            false => Ok(()),
        }
    }

    /// Counts a data frame's length against the limit of its message.
    ///
    /// The sum is judged by the headers, so that no fragment is buffered which would be one too many.
    fn claim(&mut self, length: u64) -> Result<(), Fault> {
        let claimed = self.claimed.saturating_add(length);
        match usize::try_from(claimed) {
            Ok(sum) if sum <= self.limit => {
                self.claimed = claimed;
                Ok(())
            }
            _ => Err(Fault::TooLarge { limit: self.limit }),
        }
    }
}

#[cfg(test)]
mod tests;
