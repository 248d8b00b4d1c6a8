//! What an HTTP answer tells a client that wanted a WebSocket.

use std::time::Duration;

/// Returns true for a status by which HTTP says that the URL or the request is wrong, so that another handshake is likely
/// to be answered so again: a 4xx that isn't about time (408, 425, 429) or about this way of asking (426). While a
/// server is replaced, its proxy may say so too.
pub fn is_rejection(status: u16) -> bool {
    matches!(status, 400..=499) && !matches!(status, 408 | 425 | 426 | 429)
}

/// Returns the wait that a `Retry-After` asks for (RFC 9110 §10.2.3): its seconds. A date, which needs both clocks to
/// agree, counts as none. Ten minutes are the longest: a page that says "back tomorrow" doesn't know of us.
pub fn retry_after(value: &str) -> Option<Duration> {
    const LONGEST: u64 = 10 * 60;
    let seconds: u64 = value.trim().parse().ok()?;
    Some(Duration::from_secs(seconds.min(LONGEST)))
}

/// The most bytes of an answer's body that are looked at for a reason.
pub const REASON_BYTES: usize = 512;

/// Returns the sentence with which a server says why it refuses: the first line of its answer's body, which has to be plain text,
/// within its first [`REASON_BYTES`].
pub fn reason(content_type: &str, body: &[u8]) -> Option<String> {
    if !content_type.starts_with("text/plain") {
        return None;
    }
    let text = String::from_utf8_lossy(&body[..body.len().min(REASON_BYTES)]);
    let line = text.trim_start().lines().next()?;
    // It comes from the network and goes to logs and terminals.
    let line: String = line.chars().filter(|letter| !letter.is_control()).collect();
    (!line.is_empty()).then_some(line)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{is_rejection, reason, retry_after};

    #[test]
    fn a_reason_is_one_short_line_of_plain_text() {
        let plain = |body: &[u8]| reason("text/plain; charset=utf-8", body);
        assert_eq!(plain(b"No.\n").as_deref(), Some("No."));
        assert_eq!(
            plain(b"\r\nOne\x1b[2J\tline\r\nmore").as_deref(),
            Some("One[2Jline")
        );
        assert_eq!(plain("é".repeat(400).as_bytes()), Some("é".repeat(256)));
        assert_eq!(
            plain(&[0xff; 100_000]).map(|line| line.chars().count()),
            Some(512)
        );
        for empty in ["", "\n", "\x07\n"] {
            assert_eq!(plain(empty.as_bytes()), None, "{empty:?}");
        }
        assert_eq!(reason("text/html", b"<h1>No</h1>"), None);
        assert_eq!(reason("", b"No."), None);
    }

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
