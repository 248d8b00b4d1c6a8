//! ARCHITECTURE.md's map of the crates.

use std::path::Path;

use super::{Finding, Tree};

const DOCUMENT: &str = "ARCHITECTURE.md";

pub(super) fn unnamed_crates(tree: &Tree) -> Vec<Finding> {
    let Some(document) = tree.file(DOCUMENT) else {
        return vec![Finding::new(
            Path::new(DOCUMENT),
            1,
            "write it: the map of the crates",
        )];
    };
    let unnamed = tree.crates.iter().filter(|part| {
        let folder = part.folder.display();
        let forms = [
            format!("`{}`", part.name),
            format!("`{folder}`"),
            format!("`{folder}/`"),
        ];
        !forms.iter().any(|form| document.text.contains(form))
    });
    let advice = |name: &str| format!("say what `{name}` is for");
    unnamed
        .map(|part| Finding::new(&document.path, 1, advice(&part.name)))
        .collect()
}

/// The section whose paths lead a newcomer to the place of a change.
const CHANGES: &str = "## Where do I change";

pub(super) fn missing_paths(tree: &Tree) -> Vec<Finding> {
    let Some(document) = tree.file(DOCUMENT) else {
        return Vec::new();
    };
    let lines = document.text.lines().enumerate();
    let section = lines
        .skip_while(|(_, line)| !line.starts_with(CHANGES))
        .skip(1)
        .take_while(|(_, line)| !line.starts_with("## "));
    let mut findings = Vec::new();
    for (index, line) in section {
        // Every second piece stands in backticks.
        let paths = line.split('`').skip(1).step_by(2);
        let paths = paths.filter(|path| path.contains('/') && !path.contains(' '));
        for path in paths {
            let is_there = |found: &std::path::PathBuf| found.starts_with(path);
            if !tree.paths.iter().any(is_there) {
                let advice = format!("nothing is at {path}");
                findings.push(Finding::new(&document.path, index + 1, advice));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::tree;
    use crate::workspace::Crate;

    fn unnamed(text: &str) -> Vec<String> {
        let mut tree = tree(&[(DOCUMENT, text)]);
        for (name, folder) in [("twinwire", "protocol"), ("chat", "www/chat")] {
            tree.crates.push(Crate {
                name: name.to_owned(),
                folder: folder.into(),
            });
        }
        unnamed_crates(&tree)
            .into_iter()
            .map(|found| found.advice)
            .collect()
    }

    #[test]
    fn a_path_that_leads_nowhere_is_found_where_changes_are_told() {
        let text = "`gone/a.rs`\n## Where do I change …?\n| `a/b.rs`, `a/` | `plant!` |\n| `gone/b.rs` |\n## End\n`gone/c.rs`\n";
        let found = missing_paths(&tree(&[(DOCUMENT, text), ("a/b.rs", "")]));
        let advice: Vec<_> = found.iter().map(|found| found.advice.as_str()).collect();
        assert_eq!(advice, ["nothing is at gone/b.rs"]);
    }

    #[test]
    fn a_crate_is_named_by_its_package_or_its_folder() {
        assert_eq!(unnamed("`twinwire` and `www/chat/`"), [""; 0]);
        assert_eq!(unnamed("`protocol/` and `chat`"), [""; 0]);
    }

    #[test]
    fn a_crate_that_is_only_part_of_a_word_is_unnamed() {
        assert_eq!(
            unnamed("`twinwire-server`, chatter, `chat`"),
            ["say what `twinwire` is for"]
        );
    }

    #[test]
    fn without_the_document_the_rule_fails() {
        assert_eq!(unnamed_crates(&tree(&[])).len(), 1);
    }
}
