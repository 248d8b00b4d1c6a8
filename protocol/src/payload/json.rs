//! Payloads in JSON.

use core::cell::Cell;

use serde::Serialize;
use serde::de::{DeserializeOwned, Deserializer, Visitor};
use serde::ser::{Error as _, Serializer};

use super::bounded::Bounded;
use super::dialect::{Dialect, DialectFault, NOTED, PayloadWatch, reads};
use super::{DecodeError, EncodeError, text};

/// The report of what reads and writes JSON. Two are equal if their texts are.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct Error(serde_json::Error);

impl Error {
    /// Returns the line of the fault, from 1; 0 if it has no place.
    pub fn line(&self) -> usize {
        self.0.line()
    }

    /// Returns the byte in that line, from 1; 0 if the fault has no place.
    pub fn column(&self) -> usize {
        self.0.column()
    }
}

impl PartialEq for Error {
    fn eq(&self, other: &Self) -> bool {
        self.to_string() == other.to_string()
    }
}

pub(super) fn encode<T: Serialize + ?Sized>(
    value: &T,
    limit: usize,
    watch: PayloadWatch<'_>,
) -> Result<Vec<u8>, EncodeError> {
    let mut output = Bounded::new(limit);
    let mut serializer = serde_json::Serializer::new(&mut output);
    match value.serialize(watch.encoder::<_, Json>(&mut serializer)) {
        Ok(()) => Ok(output.into_bytes()),
        // The writer is our buffer, whose only error is to be full.
        Err(error) if error.is_io() => Err(EncodeError::TooLarge { limit }),
        Err(error) => Err(EncodeError::Json(Error(error))),
    }
}

pub(super) fn decode<T: DeserializeOwned>(
    bytes: &[u8],
    watch: PayloadWatch<'_>,
) -> Result<T, DecodeError> {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = T::deserialize(watch.decoder::<_, Json>(&mut deserializer));
    let value = value.map_err(|error| DecodeError::Json(Error(error)))?;
    deserializer.end().map_err(|_| DecodeError::Trailing)?;
    Ok(value)
}

/// True once a type has asked its deserializer whether the format is for people to read.
pub(super) struct Asked(Cell<bool>);

impl Asked {
    pub(super) fn new() -> Self {
        Self(Cell::new(false))
    }

    pub(super) fn set(&self) {
        self.0.set(true);
    }

    pub(super) fn get(&self) -> bool {
        self.0.get()
    }
}

/// JSON whose numbers JavaScript can hold.
pub(super) enum Json {}

macro_rules! decimal_writes {
    ($($method:ident, $type:ty;)*) => {$(
        fn $method<S: Serializer>(
            inner: S, value: $type, _: PayloadWatch<'_>,
        ) -> Result<S::Ok, S::Error> {
            inner.collect_str(&value)
        }
    )*};
}

macro_rules! finite_writes {
    ($($method:ident, $serde:ident, $type:ty;)*) => {$(
        fn $method<S: Serializer>(
            inner: S, value: $type, watch: PayloadWatch<'_>,
        ) -> Result<S::Ok, S::Error> {
            if value.is_finite() {
                return inner.$serde(value);
            }
            watch.note(DialectFault::NotFinite);
            Err(S::Error::custom(NOTED))
        }
    )*};
}

impl Dialect for Json {
    type Key = JsonKey;

    decimal_writes! {
        write_u64, u64;
        write_i64, i64;
        write_u128, u128;
        write_i128, i128;
    }

    finite_writes! {
        write_f32, serialize_f32, f32;
        write_f64, serialize_f64, f64;
    }

    fn write_bytes<S: Serializer>(
        inner: S,
        value: &[u8],
        _: PayloadWatch<'_>,
    ) -> Result<S::Ok, S::Error> {
        inner.collect_str(&text::base64(value))
    }

    reads! {
        read_u64, deserialize_str, text::Unsigned64;
        read_i64, deserialize_str, text::Signed64;
        read_u128, deserialize_str, text::Unsigned128;
        read_i128, deserialize_str, text::Signed128;
        read_bytes, deserialize_str, text::Base64;
        read_byte_buf, deserialize_str, text::Base64;
        read_readable, deserialize_str, core::convert::identity;
    }

    /// Asked for by serde's adjacent form only: for the content of a unit variant, and to set a
    /// content aside until its tag is known. The second would forget that strings may be numbers.
    fn read_any<'de, I: Deserializer<'de>, V: Visitor<'de>>(
        inner: I,
        visitor: V,
        watch: PayloadWatch<'_>,
    ) -> Result<V::Value, I::Error> {
        inner
            .deserialize_unit(visitor)
            .inspect_err(|_| watch.note(DialectFault::ContentFirst))
    }
}

/// A key of a JSON object: `serde_json` quotes integers of any width there by itself.
pub(super) enum JsonKey {}

impl Dialect for JsonKey {
    type Key = Self;

    reads! {
        // Here alone `serde_json` would take `-0`.
        read_u128, deserialize_str, text::Unsigned128;
        read_i128, deserialize_str, text::Signed128;
    }
}
