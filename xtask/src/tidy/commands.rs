//! The xtask commands that documents tell a reader to type.

use super::{Finding, Tree, markdown};
use crate::args;

const CALL: &str = "cargo xtask ";

pub(super) fn unknown(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.documents() {
        for (number, line, block) in markdown::lines(&file.text) {
            for call in calls(line, block) {
                if let Err(misuse) = args::parse(call.iter().map(|&word| word.to_owned())) {
                    let advice = format!("`{CALL}{}`: {misuse}", call.join(" "));
                    findings.push(Finding::new(&file.path, number, advice));
                }
            }
        }
    }
    findings
}

/// The words of each call in a line. In running text only the verb is sure to belong to it.
fn calls(line: &str, block: bool) -> Vec<Vec<&str>> {
    let calls = line.match_indices(CALL).map(|(at, _)| {
        let in_code = block || line[..at].matches('`').count() % 2 == 1;
        let rest = &line[at + CALL.len()..];
        let rest = rest
            .split(['`', '#', '&', '|', ';', '(', ')', '"', '<', '>'])
            .next();
        let words = rest.unwrap_or_default().split_whitespace();
        if in_code {
            words.filter(|word| !is_placeholder(word)).collect()
        } else {
            let verb = words
                .take(1)
                .map(|word| word.trim_end_matches(['.', ',', ':', '!', '?']));
            verb.collect()
        }
    });
    calls
        .filter(|words: &Vec<&str>| !words.is_empty())
        .collect()
}

/// `[SUITE]`, `N]`, `SUITE…`: where the reader puts a word of his own.
fn is_placeholder(word: &str) -> bool {
    let bare = word.trim_matches(['[', ']', '…', '.']);
    word.starts_with('[') || bare.is_empty() || bare.chars().all(|c| c.is_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::{places, tree};

    fn check(text: &str, expect: &[&str]) {
        assert_eq!(places(&unknown(&tree(&[("a.md", text)]))), expect, "{text}");
    }

    #[test]
    fn known_commands_pass_in_every_form() {
        check(
            "Run `cargo xtask start --port 9600`, or cargo xtask test and wait.\n",
            &[],
        );
        check(
            "```sh\ncargo xtask test fmt unit   # quick\ncargo xtask start && echo\n```\n",
            &[],
        );
        check(
            "`cargo xtask test [SUITE…]` and `cargo xtask start [--port N]`\n",
            &[],
        );
        check("Every `cargo xtask …` is checked.\n", &[]);
    }

    #[test]
    fn unknown_verbs_suites_and_flags_are_found() {
        check("`cargo xtask launch`\n", &["a.md:1"]);
        check("Then cargo xtask launch.\n", &["a.md:1"]);
        check("\n`cargo xtask test units`\n", &["a.md:2"]);
        check("```\ncargo xtask start --prot 1\n```\n", &["a.md:2"]);
    }
}
