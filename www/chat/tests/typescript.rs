//! The TypeScript types of the showcase's kinds are those of its Rust types.

use chat::KINDS;
use twinwire_typescript::{Options, generate};

#[test]
fn the_committed_types_are_those_of_the_kinds() {
    let committed = include_str!("../../../npm/test/chat.ts");
    let types = generate(&KINDS, &Options::default()).expect("names of their own");
    assert!(
        committed == types,
        "npm/test/chat.ts is stale: `cargo xtask types` writes it anew"
    );
}
