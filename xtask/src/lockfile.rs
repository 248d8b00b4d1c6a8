//! Cargo.lock, read for one thing: which version of a package it names.

use std::fs;

use anyhow::{Context, Result};

use crate::workspace::Workspace;

/// The version of `package` that Cargo.lock names.
pub(crate) fn version(workspace: &Workspace, package: &str) -> Result<String> {
    let lock =
        fs::read_to_string(workspace.root().join("Cargo.lock")).context("can't read Cargo.lock")?;
    find(&lock, package)
        .map(str::to_owned)
        .with_context(|| format!("Cargo.lock names no {package}"))
}

fn find<'a>(lock: &'a str, package: &str) -> Option<&'a str> {
    let mut lines = lock.lines();
    lines.find(|line| value(line, "name") == Some(package))?;
    // The version stands in the same entry, so before the next blank line.
    lines
        .take_while(|line| !line.is_empty())
        .find_map(|line| value(line, "version"))
}

/// The text of `key = "text"`.
fn value<'a>(line: &'a str, key: &str) -> Option<&'a str> {
    line.strip_prefix(key)?
        .strip_prefix(" = \"")?
        .strip_suffix('"')
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCK: &str = "version = 4\n\n\
        [[package]]\nname = \"wasm-bindgen-futures\"\nversion = \"0.4.70\"\n\n\
        [[package]]\nname = \"broken\"\n\n\
        [[package]]\nname = \"wasm-bindgen\"\nversion = \"0.2.130\"\ndependencies = [\n \"cfg-if\",\n]\n";

    #[test]
    fn the_version_is_that_of_the_whole_name() {
        assert_eq!(find(LOCK, "wasm-bindgen"), Some("0.2.130"));
        assert_eq!(find(LOCK, "wasm-bindgen-futures"), Some("0.4.70"));
    }

    #[test]
    fn a_package_that_is_not_there_has_none() {
        assert_eq!(find(LOCK, "wasm"), None);
        assert_eq!(find(LOCK, "cfg-if"), None);
    }

    #[test]
    fn an_entry_without_a_version_does_not_borrow_its_neighbours() {
        assert_eq!(find(LOCK, "broken"), None);
    }
}
