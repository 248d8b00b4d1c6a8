//! A socket in a dedicated worker, against a real server.
#![forbid(unsafe_code)]

mod behaviour;
mod peer;

wasm_bindgen_test::wasm_bindgen_test_configure!(run_in_dedicated_worker);
