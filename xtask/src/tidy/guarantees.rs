//! GUARANTEES.md: the tests that its cells name are there.

use super::{Finding, Tree, markdown};

/// What stands in backticks behind a link to a file has to stand in that file.
pub(super) fn unproven(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    let Some(document) = tree.file("GUARANTEES.md") else {
        return findings;
    };
    for (number, line, code) in markdown::lines(&document.text) {
        if code {
            continue;
        }
        for proof in line.split("](").skip(1) {
            let Some((target, rest)) = proof.split_once(')') else {
                continue;
            };
            let Some(file) = tree.file(target) else {
                continue;
            };
            // Up to the next link, every second piece is a name.
            let rest = rest.split('[').next().unwrap_or_default();
            for name in rest.split('`').skip(1).step_by(2) {
                if !file.text.contains(name) {
                    let advice = format!("{target} has no test {name}");
                    findings.push(Finding::new(&document.path, number, advice));
                }
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::tree;
    use super::*;

    fn advice(cell: &str) -> Vec<String> {
        let tree = tree(&[
            ("GUARANTEES.md", cell),
            ("a.rs", "fn here() {}"),
            ("b.mjs", "story(\"who leaves\")"),
        ]);
        let found = unproven(&tree);
        found.into_iter().map(|finding| finding.advice).collect()
    }

    #[test]
    fn a_test_that_is_named_is_in_the_file_before_it() {
        let fine = "| `Not a test` | [a](a.rs) `here`, and [b](b.mjs) `who leaves` |";
        assert_eq!(advice(fine), Vec::<String>::new());
        assert_eq!(
            advice("[a](a.rs) `here`, `gone`"),
            ["a.rs has no test gone"]
        );
        assert_eq!(advice("[b](b.mjs) `here`"), ["b.mjs has no test here"]);
    }
}
