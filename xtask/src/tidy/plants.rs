//! Bugs that are planted, and the tables that say what is wrong with each and which suite finds it.

use std::path::Path;

use super::{Finding, TextFile, Tree};

/// Written in parts: this file is looked at too.
const PLANT: &str = concat!("plant", "!(");

/// Every bug that is planted has a row in a `mutants.rs`, and every row is planted.
pub(super) fn unlisted(tree: &Tree) -> Vec<Finding> {
    let is_table = |file: &&TextFile| {
        let name = file.path.file_name();
        name == Some("mutants.rs".as_ref()) && !file.path.starts_with("protocol")
    };
    let (tables, sources): (Vec<_>, Vec<_>) = tree.rust().partition(is_table);
    let listed: Vec<_> = tables.into_iter().flat_map(rows).collect();
    let planted: Vec<_> = sources
        .into_iter()
        .filter(|file| file.path != Path::new("protocol/src/plant.rs"))
        .flat_map(plants)
        .collect();
    let lacks = |(file, line, name): &Place<'_>, others: &[Place<'_>], advice: &str| {
        let is_there = others.iter().any(|(_, _, other)| other == name);
        (!is_there).then(|| Finding::new(file, *line, format!("`{name}`: {advice}")))
    };
    let unlisted = planted
        .iter()
        .filter_map(|place| lacks(place, &listed, "say in `mutants.rs` what is wrong"));
    let unplanted = listed
        .iter()
        .filter_map(|place| lacks(place, &planted, "plant this bug, or take its row away"));
    unlisted.chain(unplanted).collect()
}

type Place<'a> = (&'a Path, usize, &'a str);

/// The names that are planted. rustfmt may set a name on the line after the macro's.
fn plants(file: &TextFile) -> impl Iterator<Item = Place<'_>> {
    let starts = file.text.match_indices(PLANT);
    starts.filter_map(|(at, _)| {
        let line = file.text[..at].matches('\n').count() + 1;
        let name = file.text[at + PLANT.len()..].trim_start();
        let (name, _) = name.strip_prefix('"')?.split_once('"')?;
        Some((file.path.as_path(), line, name))
    })
}

/// The names in a table: strings without a space.
fn rows(file: &TextFile) -> impl Iterator<Item = Place<'_>> {
    let lines = file.text.lines().enumerate();
    let lines = lines.filter(|(_, line)| !line.trim_start().starts_with("//"));
    lines.flat_map(move |(index, line)| {
        let strings = line.split('"').skip(1).step_by(2);
        let names = strings.filter(|name| !name.contains(' '));
        names.map(move |name| (file.path.as_path(), index + 1, name))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::{places, tree};

    #[test]
    fn each_bug_that_is_planted_has_a_row_and_each_row_is_planted() {
        let source = format!("{PLANT}\"one\", return);\n{PLANT}\n    \"two\",\n return);");
        let table = "const MUTANTS = [(\"one\", \"no ack\"),\n(\"three\", \"no reply\")];";
        let tree = tree(&[
            ("protocol/src/session/send.rs", source.as_str()),
            ("sim/src/mutants.rs", table),
        ]);
        assert_eq!(
            places(&unlisted(&tree)),
            ["protocol/src/session/send.rs:2", "sim/src/mutants.rs:2"]
        );
    }
}
