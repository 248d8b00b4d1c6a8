//! Twinwire.
#![forbid(unsafe_code)]
