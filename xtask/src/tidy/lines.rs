//! The length of source files.

use super::{Finding, Tree};

/// A longer file holds more than one concept.
const MOST: usize = 600;

/// What people write; lockfiles and test data grow as they must.
const SOURCES: [&str; 7] = ["rs", "mjs", "js", "ts", "css", "html", "sh"];

pub(super) fn too_many(tree: &Tree) -> Vec<Finding> {
    let sources = tree
        .files
        .iter()
        .filter(|file| file.has_extension(&SOURCES));
    let long = sources.filter_map(|file| {
        let lines = file.text.lines().count();
        let advice = format!("{lines} lines, {MOST} at most: split it along a concept");
        (lines > MOST).then(|| Finding::new(&file.path, MOST + 1, advice))
    });
    long.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::{places, tree};

    #[test]
    fn a_source_of_601_lines_is_too_long_and_one_of_600_is_not() {
        let (long, fits) = ("x\n".repeat(601), "x\n".repeat(600));
        let tree = tree(&[
            ("a.rs", &long),
            ("b.rs", &fits),
            ("c.mjs", &long),
            ("d.json", &long),
        ]);
        assert_eq!(places(&too_many(&tree)), ["a.rs:601", "c.mjs:601"]);
    }
}
