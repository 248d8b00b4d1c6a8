//! The subprotocols of the wire, as they stand in `Sec-WebSocket-Protocol` (RFC 6455 §1.9).

use crate::Format;

/// Postcard payloads in the envelope of version 0.
pub const POSTCARD: &str = "twinwire.0.postcard";

/// JSON payloads in the envelope of version 0.
pub const JSON: &str = "twinwire.0.json";

/// All subprotocols that this version speaks.
pub const ALL: [&str; 2] = [POSTCARD, JSON];

/// The prefix of all versions' subprotocols: who offers one is a client of ours, and gets its
/// refusal as a `goodbye`, which no version changes.
pub const PREFIX: &str = "twinwire.";

/// The payload format that a subprotocol names, if it is one of this version's.
pub fn format(subprotocol: &str) -> Option<Format> {
    match subprotocol {
        POSTCARD => Some(Format::Postcard),
        JSON => Some(Format::Json),
        _ => None,
    }
}

/// Returns the subprotocol that names a payload format.
pub const fn subprotocol(format: Format) -> &'static str {
    match format {
        Format::Postcard => POSTCARD,
        Format::Json => JSON,
    }
}
