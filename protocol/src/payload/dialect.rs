//! Where a format differs from what serde would write by itself.

use core::cell::Cell;
use core::marker::PhantomData;

use serde::de::{Deserializer, Visitor};
use serde::ser::Serializer;

use super::MAX_DEPTH;
use super::decode::Decoder;
use super::encode::Encoder;
use super::json::Asked;

/// The guard's own finding, kept apart from the inner format's error.
#[derive(Clone, Copy)]
#[cfg_attr(
    not(feature = "json"),
    expect(dead_code, reason = "some are faults of JSON alone")
)]
pub(super) enum DialectFault {
    TooDeep,
    NotFinite,
    ContentFirst,
}

/// Goes down with the walk over a value: the level reached, and where to note a fault.
#[derive(Clone, Copy)]
pub(super) struct PayloadWatch<'a> {
    level: u32,
    fault: &'a Cell<Option<DialectFault>>,
}

impl<'a> PayloadWatch<'a> {
    pub(super) fn new(fault: &'a Cell<Option<DialectFault>>) -> Self {
        Self { level: 0, fault }
    }

    /// Goes one level down, or returns `None` at the bottom, with the fault noted.
    pub(super) fn deeper(self) -> Option<Self> {
        if self.level == MAX_DEPTH {
            self.note(DialectFault::TooDeep);
            return None;
        }
        Some(Self {
            level: self.level + 1,
            ..self
        })
    }

    pub(super) fn note(self, fault: DialectFault) {
        self.fault.set(Some(fault));
    }

    pub(super) fn encoder<S, D>(self, inner: S) -> Encoder<'a, S, D> {
        Encoder {
            inner,
            watch: self,
            dialect: PhantomData,
        }
    }

    pub(super) fn decoder<I, D>(self, inner: I) -> Decoder<'a, I, D> {
        Decoder {
            inner,
            watch: self,
            asked: Asked::new(),
            dialect: PhantomData,
        }
    }
}

/// A message for the inner error; the noted [`DialectFault`] replaces it before anyone sees it.
pub(super) const NOTED: &str = "see the noted fault";

macro_rules! pass_on_writes {
    ($($method:ident, $serde:ident, $type:ty;)*) => {$(
        fn $method<S: Serializer>(
            inner: S, value: $type, _: PayloadWatch<'_>,
        ) -> Result<S::Ok, S::Error> {
            inner.$serde(value)
        }
    )*};
}

macro_rules! pass_on_reads {
    ($($method:ident, $serde:ident;)*) => {$(
        fn $method<'de, I: Deserializer<'de>, V: Visitor<'de>>(
            inner: I, visitor: V, _: PayloadWatch<'_>,
        ) -> Result<V::Value, I::Error> {
            inner.$serde(visitor)
        }
    )*};
}

/// The types that some format treats in its own way; the rest goes straight through.
pub(super) trait Dialect {
    /// The dialect of a map's keys.
    type Key: Dialect;

    pass_on_writes! {
        write_u64, serialize_u64, u64;
        write_i64, serialize_i64, i64;
        write_u128, serialize_u128, u128;
        write_i128, serialize_i128, i128;
        write_f32, serialize_f32, f32;
        write_f64, serialize_f64, f64;
        write_bytes, serialize_bytes, &[u8];
    }

    pass_on_reads! {
        read_u64, deserialize_u64;
        read_i64, deserialize_i64;
        read_u128, deserialize_u128;
        read_i128, deserialize_i128;
        read_bytes, deserialize_bytes;
        read_byte_buf, deserialize_byte_buf;
        read_identifier, deserialize_identifier;
        read_any, deserialize_any;
        // What comes to a type that has asked for the format, and then takes whatever comes: a date
        // of the crate `time`. In JSON such a type has written text.
        read_readable, deserialize_any;
    }
}

macro_rules! reads {
    ($($method:ident, $serde:ident, $visitor:expr;)*) => {$(
        fn $method<'de, I: Deserializer<'de>, V: Visitor<'de>>(
            inner: I, visitor: V, _: PayloadWatch<'_>,
        ) -> Result<V::Value, I::Error> {
            inner.$serde($visitor(visitor))
        }
    )*};
}
#[cfg(feature = "json")]
pub(super) use reads;

/// Postcard as it is, made to read adjacently tagged enums.
pub(super) enum Postcard {}

impl Dialect for Postcard {
    type Key = Self;

    reads! {
        // serde writes an adjacent tag as a unit variant, that is its index, and reads it back as
        // an identifier, which postcard doesn't know.
        read_identifier, deserialize_u32, core::convert::identity;
        // The only type without a type that the derives let through is the absent content of an
        // adjacently tagged unit variant.
        read_any, deserialize_unit, core::convert::identity;
    }
}
