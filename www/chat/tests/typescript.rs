//! The TypeScript types of the showcase's kinds are those of its Rust types.

use chat::KINDS;
use twinwire_typescript::{Options, generate};

#[test]
fn the_committed_types_are_those_of_the_kinds() {
    let types = generate(&KINDS, &Options::default()).expect("names of their own");
    for (name, committed) in [
        (
            "npm/test/chat.ts",
            include_str!("../../../npm/test/chat.ts"),
        ),
        ("www/lobby/kinds.ts", include_str!("../../lobby/kinds.ts")),
    ] {
        assert!(
            committed == types,
            "{name} is stale: `cargo xtask types` writes it anew"
        );
    }
}
