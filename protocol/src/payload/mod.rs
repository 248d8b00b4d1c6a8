//! Payloads: one value of one kind as bytes, in either format.
//!
//! Both formats run through one guard, which counts levels on the way in and out and applies what a
//! format writes differently from serde's default. Neither a peer's bytes nor an application's
//! value can overflow the stack, and no allocation follows from a length that a peer merely claims.

mod bounded;
mod bytes;
mod decode;
mod dialect;
mod encode;
mod error;
#[cfg(feature = "json")]
mod json;
#[cfg(not(feature = "json"))]
#[path = "no_json.rs"]
mod json;
#[cfg(feature = "json")]
mod text;

use core::cell::Cell;

use serde::Serialize;
use serde::de::DeserializeOwned;

pub use bytes::Bytes;
pub use error::{DecodeError, EncodeError};
pub use json::Error as JsonError;

use bounded::Bounded;
use dialect::{DialectFault, PayloadWatch};

/// Levels of nesting that a payload may have: each option, struct, sequence, map, tuple and
/// variant with content counts as one, a variant with several fields as two.
///
/// A bound of the stack, not of data: a recursive type of 512 bytes, the largest that the derive
/// accepts, takes about 10 KiB of it per level without optimisation, and a browser's wasm stack
/// has 1 MiB. It lies below `serde_json`'s own 128, so both formats stop at the same place.
pub const MAX_DEPTH: u32 = 64;

/// The format of payloads, negotiated by the WebSocket subprotocol.
///
/// Types see their format through serde's `is_human_readable` as usual: false in postcard, true in
/// JSON. No type with a derived shape asks; a foreign one may and should then round-trip in both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// Postcard: the smallest, for clients in Rust.
    ///
    /// Integers may arrive as varints longer than needed; bytes that must be canonical are encoded
    /// anew from the decoded value.
    Postcard,
    /// JSON, for clients in JavaScript: integers of 64 and 128 bits are decimal strings, bytes are
    /// base64, keys of maps strings, and floats finite. Without the feature `json`, nothing can be
    /// written or read in it.
    Json,
}

impl Format {
    /// Encodes `value` in at most `limit` bytes.
    ///
    /// # Errors
    ///
    /// [`EncodeError::TooLarge`] as soon as the limit is passed, before more is built;
    /// [`EncodeError::TooDeep`] above [`MAX_DEPTH`]; [`EncodeError::NotFinite`] for a NaN or an
    /// infinity in JSON; else what the value's own `Serialize` reports.
    pub fn encode<T: Serialize + ?Sized>(
        self,
        value: &T,
        limit: usize,
    ) -> Result<Vec<u8>, EncodeError> {
        let fault = Cell::new(None);
        let watch = PayloadWatch::new(&fault);
        let result = match self {
            Self::Postcard => encode_postcard(value, limit, watch),
            Self::Json => json::encode(value, limit, watch),
        };
        // Only an error makes the fault count: a type may have tried one form, and then written
        // another.
        match (result, fault.get()) {
            (Err(_), Some(DialectFault::TooDeep)) => Err(EncodeError::TooDeep),
            (Err(_), Some(DialectFault::NotFinite)) => Err(EncodeError::NotFinite),
            (result, _) => result,
        }
    }

    /// Decodes a value that fills `bytes` to the last.
    ///
    /// # Errors
    ///
    /// [`DecodeError::TooDeep`] above [`MAX_DEPTH`], [`DecodeError::Trailing`] when bytes are left,
    /// [`DecodeError::ContentFirst`] as its text says; else the format's own report.
    pub fn decode<T: DeserializeOwned>(self, bytes: &[u8]) -> Result<T, DecodeError> {
        let fault = Cell::new(None);
        let watch = PayloadWatch::new(&fault);
        let result = match self {
            Self::Postcard => decode_postcard(bytes, watch),
            Self::Json => json::decode(bytes, watch),
        };
        match (result, fault.get()) {
            (Err(_), Some(DialectFault::TooDeep)) => Err(DecodeError::TooDeep),
            (Err(_), Some(DialectFault::ContentFirst)) => Err(DecodeError::ContentFirst),
            (result, _) => result,
        }
    }
}

fn encode_postcard<T: Serialize + ?Sized>(
    value: &T,
    limit: usize,
    watch: PayloadWatch<'_>,
) -> Result<Vec<u8>, EncodeError> {
    let mut serializer = postcard::Serializer {
        output: Bounded::new(limit),
    };
    match value.serialize(watch.encoder::<_, dialect::Postcard>(&mut serializer)) {
        Ok(()) => Ok(serializer.output.into_bytes()),
        // Only our buffer reports itself full.
        Err(postcard::Error::SerializeBufferFull) => Err(EncodeError::TooLarge { limit }),
        Err(error) => Err(EncodeError::Postcard(error)),
    }
}

fn decode_postcard<T: DeserializeOwned>(
    bytes: &[u8],
    watch: PayloadWatch<'_>,
) -> Result<T, DecodeError> {
    let mut deserializer = postcard::Deserializer::from_bytes(bytes);
    let value = T::deserialize(watch.decoder::<_, dialect::Postcard>(&mut deserializer))
        .map_err(DecodeError::Postcard)?;
    let rest = deserializer.finalize().map_err(DecodeError::Postcard)?;
    // Bytes behind the value would be a difference of the two ends that nobody notices.
    if rest.is_empty() {
        Ok(value)
    } else {
        Err(DecodeError::Trailing)
    }
}
