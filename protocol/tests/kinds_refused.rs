//! What the compiler refuses, in its own words.
//!
//! The attributes are tested in the derive's crate; here is what only shows in a whole build.
//! `TRYBUILD=overwrite` writes the expected words anew.
#![cfg(not(target_arch = "wasm32"))]

#[test]
fn what_can_not_travel_in_both_formats_does_not_compile() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
