//! How a connection ended, and what may be said when ending one.

use super::error::CloseError;

/// The code a socket closes with when its receive queue is full.
///
/// Lies in the private range (RFC 6455 §7.4.2), far above the codes of twinwire's own goodbyes.
pub const QUEUE_FULL_CODE: u16 = 4900;

/// The close code of a socket that is dropped: a normal closure (RFC 6455 §7.4.1).
pub(super) const NORMAL_CODE: u16 = 1000;

/// A reason shares a control frame's 125 bytes with the code's two (RFC 6455 §5.5).
const MAX_REASON_BYTES: usize = 123;

/// The end of a connection, as the browser tells it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CloseEvent {
    /// The peer's close code, or one that no peer sends: 1005 for a close frame without a code, 1006
    /// for no close frame at all (RFC 6455 §7.1.5).
    pub code: u16,
    /// The peer's reason; often empty.
    pub reason: String,
    /// True if the closing handshake was done to its end.
    pub clean: bool,
}

impl CloseEvent {
    /// Returns the event of a connection whose end nobody stayed to see.
    pub(super) fn unseen() -> Self {
        Self {
            code: 1006,
            reason: String::new(),
            clean: false,
        }
    }
}

/// Checks what the browser would throw at: `close()` of the WebSocket standard, steps 1 and 2.
pub(super) fn check(code: u16, reason: &str) -> Result<(), CloseError> {
    if code != NORMAL_CODE && !(3000..=4999).contains(&code) {
        return Err(CloseError::Code(code));
    }
    if reason.len() > MAX_REASON_BYTES {
        return Err(CloseError::ReasonTooLong(reason.len()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use wasm_bindgen_test::wasm_bindgen_test;

    use super::*;

    #[wasm_bindgen_test(unsupported = test)]
    fn codes_an_application_may_use_pass() {
        for code in [1000, 3000, 3999, 4000, QUEUE_FULL_CODE, 4999] {
            assert_eq!(check(code, ""), Ok(()), "{code}");
        }
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn codes_of_the_protocol_itself_are_refused() {
        for code in [0, 999, 1001, 1005, 1006, 1011, 2999, 5000, u16::MAX] {
            assert_eq!(check(code, ""), Err(CloseError::Code(code)));
        }
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn reason_is_measured_in_bytes_not_characters() {
        assert_eq!(check(1000, &"x".repeat(123)), Ok(()));
        assert_eq!(check(1000, &"端".repeat(41)), Ok(()));
        assert_eq!(
            check(1000, &"端".repeat(42)),
            Err(CloseError::ReasonTooLong(126))
        );
    }
}
