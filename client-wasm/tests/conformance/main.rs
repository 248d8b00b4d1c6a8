//! One suite over this crate's socket and over gloo-net's, the baseline. Where the two differ by
//! design, the suite asserts either side of the difference.
#![forbid(unsafe_code)]

mod client;
mod floor;
mod gloo;
#[path = "../peer/mod.rs"]
mod peer;
mod suite;

wasm_bindgen_test::wasm_bindgen_test_configure!(run_in_browser);
