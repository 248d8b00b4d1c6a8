//! Shows what strangers send: in one line, of a bounded length.

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};

/// The most bytes of a stranger's value that are shown.
const SHOWN: usize = 128;

/// Returns the value in quotes, cut to 128 bytes and escaped: it can't forge a line of a log.
pub(crate) fn quoted(value: &[u8]) -> String {
    let (shown, rest) = value.split_at(value.len().min(SHOWN));
    let cut = if rest.is_empty() { "" } else { "…" };
    format!("\"{}{cut}\"", shown.escape_ascii())
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
    use super::quoted;

    #[test]
    fn a_long_value_is_cut_and_every_odd_byte_escaped() {
        assert_eq!(quoted(b"13, 8"), r#""13, 8""#);
        assert_eq!(quoted(b"a\"b\r\nc\xff"), r#""a\"b\r\nc\xff""#);
        assert_eq!(quoted(&[b'x'; 128]).len(), 130);
        let long = quoted(&[0xff; 120_000]);
        assert_eq!(long.matches("\\xff").count(), 128);
        assert!(long.ends_with("…\""), "{long}");
    }
}
