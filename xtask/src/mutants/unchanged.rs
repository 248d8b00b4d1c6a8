//! `xtask/mutants.txt`: the mutants that change nothing anybody could notice, and why.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context, Result, ensure};

use super::mutant::Mutant;
use crate::workspace::Workspace;

pub(super) const LIST: &str = "xtask/mutants.txt";

/// At most one in so many of all mutants may be in the list.
const ONE_IN: usize = 20;

/// Reads the list, and checks it against the mutants that there are. Gives the reasons by the mutants' keys.
pub(super) fn read(workspace: &Workspace, mutants: &[Mutant]) -> Result<BTreeMap<String, String>> {
    let text = fs::read_to_string(workspace.root().join(LIST));
    let unchanged = parse(&text.with_context(|| format!("can't read {LIST}"))?)?;
    let gone = |key: &&String| mutants.iter().all(|mutant| mutant.key() != **key);
    let gone: Vec<&String> = unchanged.keys().filter(gone).collect();
    ensure!(
        gone.is_empty(),
        "{LIST} names mutants that there are no longer, take them out: {gone:#?}"
    );
    ensure!(
        unchanged.len() * ONE_IN <= mutants.len(),
        "{LIST} names {} of {} mutants: more than one in {ONE_IN}, write tests for some",
        unchanged.len(),
        mutants.len()
    );
    Ok(unchanged)
}

/// A mutant's key on a line of its own, then its reason, indented; lines that begin with `#` are for readers.
fn parse(text: &str) -> Result<BTreeMap<String, String>> {
    let mut unchanged = BTreeMap::new();
    let mut lines = text
        .lines()
        .filter(|line| !line.starts_with('#'))
        .peekable();
    while let Some(key) = lines.next() {
        if key.is_empty() {
            continue;
        }
        let mut reason = Vec::new();
        while let Some(line) = lines.next_if(|line| line.starts_with(' ')) {
            reason.push(line.trim());
        }
        ensure!(!reason.is_empty(), "{LIST}: no reason stands below `{key}`");
        let before = unchanged.insert(key.to_owned(), reason.join(" "));
        ensure!(before.is_none(), "{LIST}: `{key}` stands there twice");
    }
    Ok(unchanged)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_mutant_has_a_reason() {
        let list =
            parse("# For readers.\na.rs: replace || with && in f\n    One\n    two.\n\nb\n  c\n");
        let list = list.unwrap();
        assert_eq!(list["a.rs: replace || with && in f"], "One two.");
        assert_eq!(list["b"], "c");
        let error = parse("a\nb\n    c\n").unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("{LIST}: no reason stands below `a`")
        );
        assert!(parse("a\n    b\na\n    b\n").is_err());
    }
}
