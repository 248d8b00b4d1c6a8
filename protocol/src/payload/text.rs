//! What JSON writes as strings: wide integers and bytes.

use core::fmt;

use base64::Engine as _;
use base64::display::Base64Display;
use base64::engine::GeneralPurpose;
use base64::engine::general_purpose::STANDARD;
use serde::de::{Error, Unexpected, Visitor};

/// Writes bytes as base64: standard alphabet, padded.
pub(super) fn base64(bytes: &[u8]) -> Base64Display<'_, 'static, GeneralPurpose> {
    Base64Display::new(bytes, &STANDARD)
}

/// Reads base64 and hands bytes to the visitor within.
pub(super) struct Base64<V>(pub(super) V);

impl<'de, V: Visitor<'de>> Visitor<'de> for Base64<V> {
    type Value = V::Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a string of padded base64")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<V::Value, E> {
        match STANDARD.decode(text) {
            Ok(bytes) => self.0.visit_byte_buf(bytes),
            Err(_) => Err(E::invalid_value(Unexpected::Str(text), &self)),
        }
    }
}

macro_rules! decimals {
    ($($name:ident, $type:ty, $visit:ident;)*) => {$(
        /// Reads a decimal string and hands the integer to the visitor within.
        pub(super) struct $name<V>(pub(super) V);

        impl<'de, V: Visitor<'de>> Visitor<'de> for $name<V> {
            type Value = V::Value;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(concat!("a decimal string of type ", stringify!($type)))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<V::Value, E> {
                match text.parse::<$type>() {
                    Ok(number) if is_canonical(text) => self.0.$visit(number),
                    _ => Err(E::invalid_value(Unexpected::Str(text), &self)),
                }
            }
        }
    )*};
}

decimals! {
    Unsigned64, u64, visit_u64;
    Signed64, i64, visit_i64;
    Unsigned128, u128, visit_u128;
    Signed128, i128, visit_i128;
}

/// Returns true if a decimal that Rust could parse is the one that we would write.
fn is_canonical(decimal: &str) -> bool {
    match decimal.strip_prefix('-').unwrap_or(decimal).as_bytes() {
        [b'0'] => decimal.len() == 1,
        [first, ..] => (b'1'..=b'9').contains(first),
        [] => false,
    }
}
