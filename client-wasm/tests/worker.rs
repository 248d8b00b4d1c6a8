//! A socket in a dedicated worker, against a real server.
#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "a test fails by its panic")]

mod behaviour;
mod peer;

wasm_bindgen_test::wasm_bindgen_test_configure!(run_in_dedicated_worker);
