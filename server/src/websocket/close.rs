//! Close codes and reasons that may be sent, and how a connection ended.

use actix_http::ws::CloseReason;
use thiserror::Error;

use super::inbound::ReadEnd;

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
    #[error("close code {0} can't be sent: use 1000, or 3000 to 4999")]
    Code(u16),
    /// The reason has more than 123 bytes (RFC 6455 §5.5).
    #[error("a close reason of {0} bytes is too long: use at most 123")]
    Reason(usize),
}

impl Close {
    pub(crate) fn new(code: u16, reason: &str) -> Result<Self, InvalidClose> {
        match code {
            // 1004 to 1006 and 1015 are never sent (RFC 6455 §7.4.1), and 1016 to 2999 are nobody's yet (§7.4.2).
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

    /// Makes the frame of a code and a reason that are known to be sendable.
    pub(crate) fn known(code: u16, reason: impl Into<String>) -> Self {
        let reason = reason.into();
        debug_assert!(Self::new(code, &reason).is_ok(), "{code} can't be sent");
        Self { code, reason }
    }

    pub(crate) fn code(&self) -> u16 {
        self.code
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

/// The end of a connection, in the terms of the browser's event of the same name.
///
/// It tells of the close frame that came first, whichever side sent it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CloseEvent {
    /// The close code (RFC 6455 §7.4.1): 1005 for a close frame without a code, 1006 for an end
    /// without a close frame.
    pub code: u16,
    /// The reason, at most 123 bytes; empty if there is none. With 1006 it is the server's own word
    /// for why it gave the client up.
    pub reason: String,
    /// True if the client's close frame came. With a code of this server's, the client has then
    /// received all that was sent before the close.
    pub clean: bool,
}

impl CloseEvent {
    /// Makes the event of a connection that ended without a close frame.
    pub(super) fn abnormal(reason: impl Into<String>) -> Self {
        Self {
            code: 1006,
            reason: reason.into(),
            clean: false,
        }
    }

    /// Makes the event of an end that the peer didn't take part in.
    pub(super) fn of(close: &Close) -> Self {
        Self {
            code: close.code,
            reason: close.reason.clone(),
            clean: false,
        }
    }

    /// Makes the event from this side's own end, if it was first, and from the receiving half's, if
    /// that came to one.
    pub(super) fn new(own: Option<Self>, end: Option<&ReadEnd>) -> Self {
        let closed = matches!(end, Some(ReadEnd::Closed(_)));
        let mut event = own.unwrap_or_else(|| match end {
            Some(ReadEnd::Closed(Some(close))) => Self::of(close),
            Some(ReadEnd::Closed(None)) => Self {
                code: 1005,
                ..Self::abnormal("")
            },
            // TCP was gone before its close frame could be queued.
            Some(ReadEnd::Fault(fault)) => Self::of(&fault.close()),
            Some(ReadEnd::Lost) | None => Self::abnormal(""),
        });
        event.clean = closed;
        event
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
