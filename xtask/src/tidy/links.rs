//! Links from one document of the clone to another file of it.

use std::path::{Component, Path, PathBuf};

use super::{Finding, TextFile, Tree, markdown};

pub(super) fn broken(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.documents() {
        for (number, line, code) in markdown::lines(&file.text) {
            let targets = if code { Vec::new() } else { targets(line) };
            for target in targets.into_iter().filter(|target| is_relative(target)) {
                if let Some(fault) = fault(tree, file, target) {
                    let advice = format!("the link to {target} leads nowhere: {fault}");
                    findings.push(Finding::new(&file.path, number, advice));
                }
            }
        }
    }
    findings
}

/// What stands in `](…)` of a line, or after `[name]:` at its start.
fn targets(line: &str) -> Vec<&str> {
    let text = without_code(line);
    let mut spans = Vec::new();
    for (at, mark) in text.match_indices("](") {
        let start = at + mark.len();
        if let Some(length) = text[start..].find([')', ' ']) {
            spans.push(start..start + length);
        }
    }
    let definition = text.starts_with('[').then(|| text.find("]: ")).flatten();
    if let Some(at) = definition {
        spans.push(at + 3..text.len());
    }
    let target = |span: std::ops::Range<usize>| line[span].trim().trim_matches(['<', '>']);
    spans.into_iter().map(target).collect()
}

/// The line with its code spans blanked, each byte by a space, so that places stay the same.
fn without_code(line: &str) -> String {
    let parts = line
        .split('`')
        .enumerate()
        .map(|(index, part)| match index % 2 {
            0 => part.to_owned(),
            _ => " ".repeat(part.len()),
        });
    parts.collect::<Vec<_>>().join("`")
}

fn is_relative(target: &str) -> bool {
    let scheme = target
        .split(['/', '#', '?'])
        .next()
        .is_some_and(|first| first.contains(':'));
    !scheme && !target.is_empty()
}

fn fault(tree: &Tree, from: &TextFile, target: &str) -> Option<&'static str> {
    let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
    let path = match path {
        "" => from.path.clone(),
        path => resolve(&from.path, path)?,
    };
    let exists = tree.paths.iter().any(|known| known.starts_with(&path));
    let document = tree.documents().find(|file| file.path == path);
    match document {
        _ if !exists => Some("there is no such file"),
        Some(document) if !anchor.is_empty() => {
            let known = markdown::anchors(&document.text)
                .iter()
                .any(|known| known == anchor);
            (!known).then_some("the file has no such heading")
        }
        Some(_) | None => None,
    }
}

/// The path from the root; above the root there is nothing.
fn resolve(from: &Path, target: &str) -> Option<PathBuf> {
    let start = if target.starts_with('/') {
        Path::new("")
    } else {
        from.parent()?
    };
    let mut path = PathBuf::new();
    for part in start.join(target.trim_start_matches('/')).components() {
        match part {
            Component::ParentDir => {
                path.pop();
            }
            Component::Normal(name) => path.push(name),
            Component::CurDir | Component::RootDir | Component::Prefix(_) => {}
        }
    }
    Some(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::{places, tree};

    fn check(text: &str, expect: &[&str]) {
        let others = [
            ("README.md", "# Top\n"),
            ("docs/b.md", "# Close codes\n"),
            ("docs/pic.svg", ""),
        ];
        let files = [&others[..], &[("docs/a.md", text)]].concat();
        assert_eq!(places(&broken(&tree(&files))), expect, "{text}");
    }

    #[test]
    fn links_that_lead_somewhere_pass() {
        check(
            "# Here\n[b](b.md) [c](b.md#close-codes) ![p](pic.svg \"t\") [top](../README.md)\n",
            &[],
        );
        check(
            "# Here\n[here](#here) [folder](../docs) [rooted](/docs/b.md)\n",
            &[],
        );
        check(
            "[web](https://example.org/x.md) [mail](mailto:a@example.org)\n",
            &[],
        );
        check("[b]: b.md\n`[x](no.md)`\n```\n[y](no.md)\n```\n", &[]);
    }

    #[test]
    fn links_that_lead_nowhere_are_found() {
        check("\n[x](no.md)\n", &["docs/a.md:2"]);
        check(
            "[x](../docs/no.md) and [y](b.md#open-codes)\n",
            &["docs/a.md:1", "docs/a.md:1"],
        );
        check("# Here\n[x](#there)\n", &["docs/a.md:2"]);
        check("[x]: no.md\n", &["docs/a.md:1"]);
    }
}
