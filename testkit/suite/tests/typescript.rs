//! The TypeScript types of the suite's kinds are those of its Rust types.

use suite::KINDS;
use twinwire_typescript::{Options, generate};

#[test]
fn the_committed_types_are_those_of_the_kinds() {
    let committed = include_str!("../../../npm/test/suite.ts");
    let options = Options::default().bigint(true).outlines(true);
    let types = generate(&KINDS, &options).expect("names of their own");
    assert!(
        committed == types,
        "npm/test/suite.ts is stale: `cargo xtask types` writes it anew"
    );
}
