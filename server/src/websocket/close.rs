//! Close codes and reasons that may be sent.

use actix_ws::CloseReason;
use thiserror::Error;

/// The longest reason in bytes: a control frame holds 125, two are the code (RFC 6455 §5.5).
const LONGEST_REASON: usize = 123;

/// A close frame's content: a code that may be sent, and a reason that fits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Close {
    code: u16,
    reason: String,
}

/// A close code or reason that can't be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum InvalidClose {
    /// The code is reserved or out of range; 1000–1003, 1007–1014 and 3000–4999 may be sent
    /// (RFC 6455 §7.4).
    #[error("close code {0} can't be sent")]
    Code(u16),
    /// The reason has more than 123 bytes (RFC 6455 §5.5).
    #[error("a close reason of {0} bytes doesn't fit")]
    Reason(usize),
}

impl Close {
    pub(crate) fn new(code: u16, reason: &str) -> Result<Self, InvalidClose> {
        match code {
            1000..=1003 | 1007..=1014 | 3000..=4999 => {}
            code => return Err(InvalidClose::Code(code)),
        }
        match reason.len() {
            0..=LONGEST_REASON => Ok(Self {
                code,
                reason: reason.to_owned(),
            }),
            len => Err(InvalidClose::Reason(len)),
        }
    }

    /// For a code that is known to be sendable, without a reason.
    pub(super) fn known(code: u16) -> Self {
        debug_assert!(Self::new(code, "").is_ok(), "{code} can't be sent");
        Self {
            code,
            reason: String::new(),
        }
    }

    pub(crate) fn code(&self) -> u16 {
        self.code
    }

    pub(crate) fn reason(&self) -> &str {
        &self.reason
    }
}

impl From<CloseReason> for Close {
    /// actix-http has already refused codes and reasons that may not be sent.
    fn from(close: CloseReason) -> Self {
        Self {
            code: close.code.into(),
            reason: close.description.unwrap_or_default(),
        }
    }
}

impl From<Close> for CloseReason {
    fn from(close: Close) -> Self {
        let description = (!close.reason.is_empty()).then_some(close.reason);
        Self {
            code: close.code.into(),
            description,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Close, InvalidClose};

    #[test]
    fn only_what_a_browser_accepts_can_be_sent() {
        for code in [1000, 1003, 1007, 1011, 1014, 3000, 4999] {
            assert_eq!(Close::new(code, "").map(|close| close.code()), Ok(code));
        }
        for code in [0, 999, 1004, 1005, 1006, 1015, 2999, 5000] {
            assert_eq!(Close::new(code, ""), Err(InvalidClose::Code(code)));
        }
        assert!(Close::new(4000, &"x".repeat(123)).is_ok());
        assert_eq!(
            Close::new(4000, &"é".repeat(62)),
            Err(InvalidClose::Reason(124))
        );
    }
}
