//! What an HTTP answer tells a client that wanted a WebSocket.

use std::time::Duration;

/// Returns true for a status by which HTTP says that the URL or the request is wrong, so that another handshake is likely
/// to be answered so again: a 4xx that isn't about time (408, 425, 429) or about this way of asking (426). While a
/// server is replaced, its proxy may say so too.
pub fn is_rejection(status: u16) -> bool {
    matches!(status, 400..=499) && !matches!(status, 408 | 425 | 426 | 429)
}

/// The wait that a `Retry-After` asks for (RFC 9110 §10.2.3): its seconds. A date, which needs both clocks to
/// agree, counts as none. Ten minutes are the longest: a page that says "back tomorrow" doesn't know of us.
pub fn retry_after(value: &str) -> Option<Duration> {
    const LONGEST: u64 = 10 * 60;
    let seconds: u64 = value.trim().parse().ok()?;
    Some(Duration::from_secs(seconds.min(LONGEST)))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{is_rejection, retry_after};

    #[test]
    fn only_what_the_client_has_wrong_is_a_rejection() {
        for status in [400, 401, 403, 404, 410, 418] {
            assert!(is_rejection(status), "{status}");
        }
        for status in [200, 301, 408, 425, 426, 429, 500, 502, 503, 504] {
            assert!(!is_rejection(status), "{status}");
        }
    }

    #[test]
    fn seconds_are_understood_and_dates_are_not() {
        assert_eq!(retry_after("7"), Some(Duration::from_secs(7)));
        assert_eq!(retry_after(" 120 "), Some(Duration::from_secs(120)));
        assert_eq!(
            retry_after("18446744073709551615"),
            Some(Duration::from_secs(600))
        );
        for wrong in ["", "soon", "-1", "1.5", "Wed, 21 Oct 2015 07:28:00 GMT"] {
            assert_eq!(retry_after(wrong), None, "{wrong}");
        }
    }
}
