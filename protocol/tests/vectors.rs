//! The wire against its golden vectors: what a change of the code changed on the wire shows here.
//!
//! While the wire is version 0, `cargo run -p twinwire --example vectors` writes them anew.
#![cfg(not(target_arch = "wasm32"))]
#![forbid(unsafe_code)]

#[path = "vectors/samples.rs"]
mod samples;

use std::fs;
use std::path::Path;

fn check(name: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors");
    let text = fs::read_to_string(folder.join(name)).expect("the file of the vectors");
    let golden: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let files = samples::files();
    let (_, written) = files
        .iter()
        .find(|(file, _)| *file == name)
        .expect("a file of ours");
    assert_eq!(
        *written, golden,
        "the wire has changed: if it was meant to, write the vectors anew"
    );
}

#[test]
fn frames_are_as_they_were() {
    check("frames.json");
}

#[test]
fn payloads_and_fingerprints_are_as_they_were() {
    check("payloads.json");
}

#[test]
fn requests_of_topics_are_as_they_were() {
    check("topics.json");
}
