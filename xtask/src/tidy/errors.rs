//! `server/tests/errors.txt`: every variant of the libraries' errors has its text there.

use std::path::Path;

use super::{Finding, Tree};

const LIST: &str = "server/tests/errors.txt";

/// A crate has its part of the list under its name.
pub(super) fn unlisted(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    let Some(list) = tree.file(LIST) else {
        return findings;
    };
    for part in list.text.split("# ") {
        let name = part.lines().next().unwrap_or_default();
        let Some(home) = tree.crates.iter().find(|home| home.name == name) else {
            continue;
        };
        let sources = home.folder.join("src");
        for file in tree.rust().filter(|file| file.path.starts_with(&sources)) {
            for (line, variant) in variants(&file.text) {
                let entry = format!("\n{variant}: ");
                if !part.contains(&entry) {
                    findings.push(unlisted_at(&file.path, line, &variant));
                }
            }
        }
    }
    findings
}

fn unlisted_at(file: &Path, line: usize, variant: &str) -> Finding {
    let advice = format!("{variant} isn't in {LIST}: provoke it in server/tests/errors");
    Finding::new(file, line, advice)
}

/// The variants of a file's public enums that are errors, each with its line.
fn variants(text: &str) -> Vec<(usize, String)> {
    let (mut found, mut open, mut derives_error) = (Vec::new(), None, false);
    for (number, line) in (1..).zip(text.lines()) {
        if let Some(name) = line.strip_prefix("pub enum ") {
            let name = name.split(['<', ' ']).next().unwrap_or_default();
            let is_error = derives_error || text.contains(&format!(" Error for {name}"));
            open = is_error.then_some(name);
        }
        let variant = line.strip_prefix("    ").and_then(|line| {
            let variant = line.split(['(', ' ', ',']).next()?;
            variant.starts_with(char::is_uppercase).then_some(variant)
        });
        if let (Some(name), Some(variant)) = (open, variant) {
            found.push((number, format!("{name}::{variant}")));
        }
        match line.starts_with("#[") {
            true => derives_error |= line.starts_with("#[derive(") && line.contains("Error"),
            false => derives_error = false,
        }
        if line.starts_with('}') {
            open = None;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::{places, tree};
    use super::*;
    use crate::workspace::Crate;

    #[test]
    fn a_variant_without_its_text_is_found() {
        let source = "#[derive(Debug, Error)]\n#[non_exhaustive]\npub enum SendError {\n    /// Doc.\n    \
                      #[error(\"full\")]\n    Full,\n    Lost(u16),\n    Late {\n        Time: u8,\n    },\n}\n\
                      pub enum Verdict {\n    Fine,\n}\npub enum CallError<E> {\n    App(E),\n}\n\
                      impl<E> Error for CallError<E> {}\n";
        let list =
            "# other\n\nSendError::Late: here\n\n# sender\n\nSendError::Full: a queue\n    full\n";
        let mut tree = tree(&[("sender/src/error.rs", source), (LIST, list)]);
        tree.crates = vec![Crate {
            name: "sender".to_owned(),
            folder: "sender".into(),
        }];
        let found = unlisted(&tree);
        let lines = [7, 8, 16].map(|line| format!("sender/src/error.rs:{line}"));
        assert_eq!(places(&found), lines);
    }
}
