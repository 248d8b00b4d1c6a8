//! As much of markdown as the rules need: lines outside of code blocks, headings, tables.

/// Lines with their numbers from 1, and whether they stand in a fenced code block.
pub(super) fn lines(text: &str) -> impl Iterator<Item = (usize, &str, bool)> {
    let mut fence: Option<&str> = None;
    text.lines().enumerate().map(move |(index, line)| {
        let trimmed = line.trim_start();
        let mark = ["```", "~~~"]
            .into_iter()
            .find(|mark| trimmed.starts_with(mark));
        let inside = fence.is_some();
        match (fence, mark) {
            (None, Some(mark)) => fence = Some(mark),
            (Some(open), Some(mark)) if open == mark => fence = None,
            (None | Some(_), None | Some(_)) => {}
        }
        (index + 1, line, inside || mark.is_some())
    })
}

/// The anchors of a document's headings, named as the usual renderers do.
pub(super) fn anchors(text: &str) -> Vec<String> {
    let mut anchors: Vec<String> = Vec::new();
    for (_, line, code) in lines(text) {
        let heading = line.trim_start_matches('#');
        if code || heading.len() == line.len() || !heading.starts_with(' ') {
            continue;
        }
        let plain = slug(heading.trim());
        let same = |known: &&String| {
            let rest = known.strip_prefix(plain.as_str());
            rest.is_some_and(|rest| rest.is_empty() || is_count(rest))
        };
        let anchor = match anchors.iter().filter(same).count() {
            0 => plain,
            count => format!("{plain}-{count}"),
        };
        anchors.push(anchor);
    }
    anchors
}

fn is_count(rest: &str) -> bool {
    rest.strip_prefix('-')
        .is_some_and(|count| count.parse::<u32>().is_ok())
}

fn slug(heading: &str) -> String {
    let kept = heading
        .chars()
        .filter(|&c| c.is_alphanumeric() || " -_".contains(c));
    kept.flat_map(char::to_lowercase)
        .map(|c| if c == ' ' { '-' } else { c })
        .collect()
}

/// A table's rows without its heading, by the name in the comment before it:
/// `<!-- table: NAME -->`, then the table up to the next blank line.
pub(super) fn table(text: &str, name: &str) -> Option<Vec<(usize, Vec<String>)>> {
    let mut lines = lines(text).filter(|(_, _, code)| !code);
    lines.find(|(_, line, _)| table_name(line) == Some(name))?;
    let table = lines
        .skip_while(|(_, line, _)| line.trim().is_empty())
        .take_while(|(_, line, _)| !line.trim().is_empty());
    // A heading and a rule come before the rows.
    Some(
        table
            .skip(2)
            .map(|(number, line, _)| (number, cells(line)))
            .collect(),
    )
}

/// The name in the comment before a table.
pub(super) fn table_name(line: &str) -> Option<&str> {
    line.trim()
        .strip_prefix("<!-- table: ")?
        .strip_suffix(" -->")
}

/// The cells of a row, without the marks of code around their text.
pub(super) fn cells(row: &str) -> Vec<String> {
    let row = row.trim().trim_start_matches('|').replace("\\|", "\u{0}");
    let row = row.strip_suffix('|').unwrap_or(&row).to_owned();
    let cell = |cell: &str| cell.trim().replace('\u{0}', "|").replace('`', "");
    row.split('|').map(cell).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_blocks_are_told_apart() {
        let text = "a\n```sh\nb\n~~~\n```\nc\n";
        let code: Vec<bool> = lines(text).map(|(_, _, code)| code).collect();
        assert_eq!(code, [false, true, true, true, true, false]);
    }

    #[test]
    fn headings_give_anchors_and_equal_ones_are_counted() {
        let text =
            "# The wire, v1\n```\n# no heading\n```\n## `ack` frames\n## Close\n## Close\n#tag\n";
        assert_eq!(
            anchors(text),
            ["the-wire-v1", "ack-frames", "close", "close-1"]
        );
    }

    #[test]
    fn a_table_is_read_by_its_name_up_to_the_blank_line() {
        let text = "<!-- table: codes -->\n\n| code | name |\n|---|---|\n| 1000 | `Normal` |\n\
                    | 4000 | a \\| b |\n\n| 1 | other |\n";
        let rows = table(text, "codes").unwrap();
        let expect = [(5, vec!["1000", "Normal"]), (6, vec!["4000", "a | b"])];
        let expect =
            expect.map(|(line, cells)| (line, cells.into_iter().map(str::to_owned).collect()));
        assert_eq!(rows, expect);
        assert_eq!(table(text, "frames"), None);
    }
}
