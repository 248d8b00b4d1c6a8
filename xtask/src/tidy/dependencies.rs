//! What the protocol's crate may not depend on.

use std::path::Path;

use anyhow::Result;

use super::{Finding, Tree};
use crate::workspace::{Workspace, stdout_of};

/// I/O, clocks, dice and browsers; a name that ends in `-` stands for all that begin with it.
const FORBIDDEN: [&str; 10] = [
    "actix-",
    "getrandom",
    "gloo-",
    "js-sys",
    "mio",
    "rand",
    "socket2",
    "tokio",
    "wasm-bindgen",
    "web-sys",
];

/// The protocol runs anywhere, and the same everywhere: bytes and time come in as arguments.
pub(super) fn native_in_protocol(workspace: &Workspace, _: &Tree) -> Result<Vec<Finding>> {
    let mut cargo = workspace.cargo();
    cargo.args([
        "tree", "--quiet", "--prefix", "none", "--edges", "normal", "-p", "twinwire",
    ]);
    cargo.args(["--target", "wasm32-unknown-unknown"]);
    Ok(forbidden(&stdout_of(&mut cargo)?))
}

fn forbidden(tree: &str) -> Vec<Finding> {
    let mut names: Vec<&str> = tree
        .lines()
        .filter_map(|line| line.split(' ').next())
        .collect();
    names.sort_unstable();
    names.dedup();
    let native = |name: &&str| {
        FORBIDDEN
            .iter()
            .any(|known| name == known || known.ends_with('-') && name.starts_with(known))
    };
    let advice =
        |name| format!("`{name}` is not for the protocol: `cargo tree -p twinwire -i {name}`");
    let manifest = Path::new("protocol/Cargo.toml");
    names
        .into_iter()
        .filter(native)
        .map(|name| Finding::new(manifest, 1, advice(name)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_runtime_in_the_tree_is_found_once() {
        let tree = "twinwire v0.1.0 (/clone/protocol)\npostcard v1.1.3\ntokio v1.50.0\n\
                    actix-rt v2.11.0\ntokio v1.50.0 (*)\n";
        let found = forbidden(tree);
        let advice: Vec<&str> = found.iter().map(|found| found.advice.as_str()).collect();
        assert_eq!(found.len(), 2, "{advice:?}");
        assert!(
            advice[0].contains("`actix-rt`") && advice[1].contains("`tokio`"),
            "{advice:?}"
        );
    }

    #[test]
    fn names_that_only_begin_alike_are_fine() {
        assert_eq!(
            forbidden("miou v1.0.0\nrandom-word v1.0.0\nserde v1.0.0\n"),
            []
        );
    }
}
