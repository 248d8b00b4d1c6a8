//! What stands for JSON in a build without the feature `json`.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::dialect::PayloadWatch;
use super::{DecodeError, EncodeError};

/// This build has no JSON.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
#[error("this build has no JSON: turn on the feature `json` of the crate `twinwire`")]
pub struct Error;

/// The formats of this build are all for machines: of no size, since pages carry it.
pub(super) struct Asked;

impl Asked {
    pub(super) fn new() -> Self {
        Self
    }

    pub(super) fn set(&self) {}

    pub(super) fn get(&self) -> bool {
        false
    }
}

pub(super) fn encode<T: Serialize + ?Sized>(
    _: &T,
    _: usize,
    _: PayloadWatch<'_>,
) -> Result<Vec<u8>, EncodeError> {
    Err(EncodeError::Json(Error))
}

pub(super) fn decode<T: DeserializeOwned>(_: &[u8], _: PayloadWatch<'_>) -> Result<T, DecodeError> {
    Err(DecodeError::Json(Error))
}
