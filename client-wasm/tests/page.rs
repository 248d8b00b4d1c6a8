//! A socket in a page, against a real server.
#![forbid(unsafe_code)]

mod behaviour;
mod peer;

wasm_bindgen_test::wasm_bindgen_test_configure!(run_in_browser);
