//! PROTOCOL.md's tables, and npm's names of codes, against the code's.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;

use super::{Finding, Tree, markdown};
use crate::run::run;
use crate::workspace::Workspace;

const DOCUMENT: &str = "PROTOCOL.md";

/// The names of codes in JavaScript, in lists whose places are the codes.
const NAMES: &str = "npm/src/codes.ts";

/// Each list, and the table whose second column it repeats.
const LISTS: [(&str, &str); 2] = [("GOODBYES", "goodbyes"), ("REFUSALS", "refusals")];

/// The program that prints the tables as the code has them, in the document's own form.
const PRINTER: [&str; 6] = ["run", "--quiet", "-p", "xtask", "--example", "wire_tables"];

/// It compiles the protocol where no suite has done so before.
const LIMIT: Duration = Duration::from_secs(10 * 60);

/// A table's name, and its rows.
type Table<'a> = (&'a str, Vec<Vec<String>>);

pub(super) fn differing_tables(workspace: &Workspace, tree: &Tree) -> Result<Vec<Finding>> {
    let printed = run(workspace.cargo().args(PRINTER), LIMIT)?;
    printed.require("the printer of the protocol's tables")?;
    let document = tree.file(DOCUMENT).map_or("", |file| &file.text);
    let tables = printed_tables(&printed.output);
    if tables.is_empty() {
        let advice = "the code prints no tables to compare with: xtask/examples/wire_tables.rs";
        return Ok(vec![Finding::new(Path::new(DOCUMENT), 1, advice)]);
    }
    let names = tree.file(NAMES).map_or("", |file| &file.text);
    let mut findings = compare(document, &tables);
    findings.extend(compare_names(names, &tables));
    Ok(findings)
}

fn printed_tables(printed: &str) -> Vec<Table<'_>> {
    let names = printed.lines().filter_map(markdown::table_name);
    let rows = |name| markdown::table(printed, name).unwrap_or_default();
    let rows = |name| rows(name).into_iter().map(|(_, row)| row).collect();
    names.map(|name| (name, rows(name))).collect()
}

fn compare(document: &str, tables: &[Table]) -> Vec<Finding> {
    let at = |line, advice: String| Finding::new(Path::new(DOCUMENT), line, advice);
    let mut findings = Vec::new();
    for (name, expected) in tables {
        let Some(found) = markdown::table(document, name) else {
            findings.push(at(1, format!("add a table after `<!-- table: {name} -->`")));
            continue;
        };
        let last = found.last().map_or(1, |(line, _)| *line);
        for (line, row) in found.iter().filter(|(_, row)| !expected.contains(row)) {
            findings.push(at(
                *line,
                format!("table {name}: the code has no `{}`", row.join(" | ")),
            ));
        }
        for row in expected
            .iter()
            .filter(|row| !found.iter().any(|(_, found)| found == *row))
        {
            findings.push(at(
                last,
                format!("table {name}: add `| {} |`", row.join(" | ")),
            ));
        }
    }
    findings
}

/// Finds the lists in which a name stands at another place than in the code, where a reader gets another's name.
fn compare_names(text: &str, tables: &[Table]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (list, table) in LISTS {
        let start = format!("const {list}");
        let mut lines = text.lines().enumerate();
        let line = lines.find(|(_, line)| line.starts_with(&start));
        let entries = lines.map(|(_, line)| line).take_while(|line| *line != "];");
        let found: Vec<&str> = entries.filter_map(|line| line.split('"').nth(1)).collect();
        let rows = tables.iter().find(|(name, _)| *name == table);
        let rows = rows.map_or(&[][..], |(_, rows)| rows).iter();
        let expected: Vec<&str> = rows
            .filter_map(|row| row.get(1))
            .map(String::as_str)
            .collect();
        if found.is_empty() || found != expected {
            let advice = format!("{list}: write {}", expected.join(", "));
            let line = line.map_or(1, |(index, _)| index + 1);
            findings.push(Finding::new(Path::new(NAMES), line, advice));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::places;

    #[test]
    fn a_name_at_another_place_than_in_the_code_is_found() {
        let rows = |names: &[&str]| {
            let rows = names
                .iter()
                .map(|name| vec![String::new(), (*name).to_owned()]);
            rows.collect::<Vec<_>>()
        };
        let text = "const GOODBYES = [\n  \"done\",\n];\nconst REFUSALS = [\n  [\"busy\", \"full\"],\n];\n";
        let check = |goodbyes: &[&str], expect: &[&str]| {
            let tables = [("goodbyes", rows(goodbyes)), ("refusals", rows(&["busy"]))];
            assert_eq!(places(&compare_names(text, &tables)), expect);
        };
        check(&["done"], &[]);
        check(&["denied"], &["npm/src/codes.ts:1"]);
        check(&["done", "denied"], &["npm/src/codes.ts:1"]);
    }

    const DOCUMENT_TEXT: &str = "# Wire\n<!-- table: codes -->\n\
        | code | name |\n|---|---|\n| 4000 | `Gone` |\n| 4001 | Busy |\n";

    fn check(rows: &[[&str; 2]], expect: &[&str]) {
        let rows = rows
            .iter()
            .map(|row| row.map(str::to_owned).to_vec())
            .collect();
        assert_eq!(places(&compare(DOCUMENT_TEXT, &[("codes", rows)])), expect);
    }

    #[test]
    fn every_printed_table_is_compared() {
        let printed = "<!-- table: a -->\n| x |\n|---|\n| 1 |\n\n<!-- table: b -->\n| y |\n|---|\n";
        let tables = printed_tables(printed);
        assert_eq!(
            tables,
            [("a", vec![vec!["1".to_owned()]]), ("b", Vec::new())]
        );
    }

    #[test]
    fn equal_tables_differ_in_nothing() {
        check(&[["4000", "Gone"], ["4001", "Busy"]], &[]);
    }

    #[test]
    fn a_changed_a_new_and_a_removed_row_are_found() {
        check(
            &[["4000", "Gone"], ["4001", "Full"]],
            &["PROTOCOL.md:6", "PROTOCOL.md:6"],
        );
        check(
            &[["4000", "Gone"], ["4001", "Busy"], ["4002", "Old"]],
            &["PROTOCOL.md:6"],
        );
        check(&[["4001", "Busy"]], &["PROTOCOL.md:5"]);
    }

    #[test]
    fn a_table_that_is_not_there_is_found() {
        assert_eq!(
            places(&compare("", &[("codes", Vec::new())])),
            ["PROTOCOL.md:1"]
        );
    }
}
