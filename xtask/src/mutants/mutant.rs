//! One change of the code, as cargo-mutants lists it.

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::Stratum;
use crate::setup::Setup;
use crate::workspace::{Workspace, stdout_of};

/// A piece of a file, and what takes its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mutant {
    pub(super) stratum: Stratum,
    pub(super) genre: Genre,
    pub(super) file: String,
    pub(super) start: Place,
    end: Place,
    /// Its change in words, such as `replace + with - in take`.
    description: String,
    /// Counted from 1 among those of one description in one file.
    ordinal: usize,
    replacement: String,
}

/// What kind of code a mutant changes, in cargo-mutants' words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Genre {
    /// A function's whole body.
    FnValue,
    BinaryOperator,
    UnaryOperator,
    MatchArmGuard,
    MatchArm,
    /// A field of an expression that takes what it doesn't name from a base.
    StructField,
}

/// A place in a file, counted from 1; a column is a character.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) line: usize,
    column: usize,
}

impl Mutant {
    /// Returns the name that it keeps while lines move: the file, the description, and which of several.
    pub(super) fn key(&self) -> String {
        let of_several = match self.ordinal {
            1 => String::new(),
            ordinal => format!(" #{ordinal}"),
        };
        format!("{}: {}{of_several}", self.file, self.description)
    }

    /// Returns the file's text with the change in it.
    pub(super) fn apply(&self, text: &str) -> Result<String> {
        Ok(self.apply_within(text, &(0..text.len()), &self.span(text)?))
    }

    /// Returns a range of the file's text with the change in it, of which `span` is the place.
    pub(super) fn apply_within(
        &self,
        text: &str,
        range: &Range<usize>,
        span: &Range<usize>,
    ) -> String {
        let (before, after) = (&text[range.start..span.start], &text[span.end..range.end]);
        [before, &self.replacement, after].concat()
    }

    /// Returns the bytes of the file's text that the replacement takes the place of.
    pub(super) fn span(&self, text: &str) -> Result<Range<usize>> {
        let (start, end) = (self.start.offset(text), self.end.offset(text));
        let (Some(start), Some(end)) = (start, end) else {
            anyhow::bail!("{self}: the place isn't in the file");
        };
        ensure!(start <= end, "{self}: it ends before it begins");
        Ok(start..end)
    }

    pub(super) fn replacement(&self) -> &str {
        &self.replacement
    }
}

#[cfg(test)]
impl Mutant {
    /// Makes one of the first place in a text that has these words.
    pub(super) fn example(genre: Genre, text: &str, words: &str, replacement: &str) -> Self {
        let place = |at: usize| {
            let line = text[..at].rsplit('\n').next().unwrap_or_default();
            Place {
                line: text[..at].matches('\n').count() + 1,
                column: line.chars().count() + 1,
            }
        };
        let start = text.find(words).expect("the text has the words");
        Self {
            stratum: Stratum::Remote,
            genre,
            file: "remote/src/a.rs".to_owned(),
            start: place(start),
            end: place(start + words.len()),
            description: format!("replace {words} with {replacement}"),
            ordinal: 1,
            replacement: replacement.to_owned(),
        }
    }
}

impl fmt::Display for Mutant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, start, .. } = self;
        let Place { line, column } = start;
        write!(f, "{file}:{line}:{column}: {}", self.description)
    }
}

impl Genre {
    fn of(name: &str) -> Option<Self> {
        Some(match name {
            "FnValue" => Self::FnValue,
            "BinaryOperator" => Self::BinaryOperator,
            "UnaryOperator" => Self::UnaryOperator,
            "MatchArmGuard" => Self::MatchArmGuard,
            "MatchArm" => Self::MatchArm,
            "StructField" => Self::StructField,
            _ => return None,
        })
    }
}

impl Place {
    fn of(place: &Value) -> Option<Self> {
        let number = |name| usize::try_from(place.get(name)?.as_u64()?).ok();
        Some(Self {
            line: number("line")?,
            column: number("column")?,
        })
    }

    fn offset(self, text: &str) -> Option<usize> {
        let mut lines = text.split_inclusive('\n');
        let before: usize = lines.by_ref().take(self.line - 1).map(str::len).sum();
        let line = lines.next().unwrap_or_default();
        let ends = line.char_indices().map(|(at, _)| at);
        let column = ends.chain([line.len()]).nth(self.column - 1)?;
        Some(before + column)
    }
}

/// Lists all mutants of all strata, in cargo-mutants' order.
pub(super) fn list(workspace: &Workspace, setup: &Setup) -> Result<Vec<Mutant>> {
    let program = setup.cargo_mutants()?.join("cargo-mutants");
    let mut lists = Command::new(program);
    lists
        .args(["mutants", "--workspace", "--list", "--json"])
        .current_dir(workspace.root());
    let mutants = parse(&stdout_of(&mut lists)?)?;
    for stratum in Stratum::ALL {
        let any = mutants.iter().any(|mutant| mutant.stratum == stratum);
        ensure!(any, "the stratum {} has no file any more", stratum.name());
    }
    Ok(mutants)
}

fn parse(listed: &str) -> Result<Vec<Mutant>> {
    let listed: Vec<Value> = serde_json::from_str(listed).context("no list of cargo-mutants'")?;
    let mut seen = HashMap::new();
    let mut mutants = Vec::new();
    for entry in &listed {
        let file = entry["file"].as_str().context("a mutant without a file")?;
        let Some(stratum) = Stratum::of(Path::new(file)) else {
            continue;
        };
        let mutant = of_entry(entry, file, stratum);
        let mut mutant = mutant.with_context(|| format!("cargo-mutants lists {entry}"))?;
        let count = seen.entry(mutant.key()).or_insert(0);
        *count += 1;
        mutant.ordinal = *count;
        mutants.push(mutant);
    }
    Ok(mutants)
}

fn of_entry(entry: &Value, file: &str, stratum: Stratum) -> Option<Mutant> {
    // `file:line:column: description`
    let (_, description) = entry["name"].as_str()?.split_once(": ")?;
    Some(Mutant {
        stratum,
        genre: Genre::of(entry["genre"].as_str()?)?,
        file: file.to_owned(),
        start: Place::of(&entry["span"]["start"])?,
        end: Place::of(&entry["span"]["end"])?,
        description: description.to_owned(),
        ordinal: 1,
        replacement: entry["replacement"].as_str()?.to_owned(),
    })
}

/// Returns the numbers of one stratum's mutants in the order of a seed. Each one's place in it depends on its own name alone, so
/// that a change elsewhere leaves the sample nearly as it was.
pub(super) fn shuffled(mutants: &[Mutant], stratum: Stratum, seed: u64) -> Vec<usize> {
    let numbers = 0..mutants.len();
    let of_stratum = numbers.filter(|&number| mutants[number].stratum == stratum);
    let mut drawn: Vec<usize> = of_stratum.collect();
    drawn.sort_by_cached_key(|&number| rank(seed, &mutants[number].key()));
    drawn
}

/// FNV-1a, whose last bits are mixed as splitmix64 does: the same on every machine.
pub(super) fn rank(seed: u64, text: &str) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in seed.to_le_bytes().into_iter().chain(text.bytes()) {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(file: &str, line: usize) -> Value {
        serde_json::json!({
            "file": file,
            "genre": "BinaryOperator",
            "name": format!("{file}:{line}:9: replace + with - in take"),
            "replacement": "-",
            "span": {
                "start": { "line": line, "column": 9 },
                "end": { "line": line, "column": 10 },
            },
        })
    }

    fn mutants(entries: &[Value]) -> Vec<Mutant> {
        parse(&Value::from(entries).to_string()).unwrap()
    }

    #[test]
    fn a_change_is_put_where_it_belongs() {
        let [mutant] = &mutants(&[listed("remote/src/a.rs", 2)])[..] else {
            panic!("one was listed");
        };
        let text = "fn f() {\n    é = 1 + 2;\n}\n";
        let place = "fn f() {\n    é = -1 + 2;\n}\n";
        assert_eq!(mutant.apply(text).unwrap(), place.replace("-1", "-"));
        assert!(mutant.apply("fn f() {}\n").is_err());
    }

    #[test]
    fn names_outlive_a_move_and_differ() {
        let file = "remote/src/a.rs";
        let before = mutants(&[listed(file, 2), listed(file, 7)]);
        let after = mutants(&[listed(file, 3), listed(file, 8)]);
        let keys = |mutants: &[Mutant]| mutants.iter().map(Mutant::key).collect::<Vec<_>>();
        assert_eq!(keys(&before), keys(&after));
        assert_eq!(
            keys(&before)[1],
            format!("{}: replace + with - in take #2", file)
        );
    }

    #[test]
    fn what_is_in_no_stratum_is_left_out() {
        assert_eq!(mutants(&[listed("www/src/main.rs", 2)]), []);
    }

    #[test]
    fn a_seed_gives_an_order_that_others_do_not_move() {
        let files = |names: &[&str]| {
            let files = names.iter().map(|name| format!("remote/src/{name}.rs"));
            mutants(&files.map(|file| listed(&file, 2)).collect::<Vec<_>>())
        };
        let order = |mutants: &[Mutant], seed| {
            let drawn = shuffled(mutants, Stratum::Remote, seed);
            drawn
                .into_iter()
                .map(|number| mutants[number].key())
                .collect::<Vec<_>>()
        };
        let few = order(&files(&["a", "b", "c", "d", "e"]), 1);
        let mut more = order(&files(&["a", "b", "c", "d", "e", "f"]), 1);
        more.retain(|key| few.contains(key));
        assert_eq!(few, more);
        assert_ne!(few, order(&files(&["a", "b", "c", "d", "e"]), 2));
    }
}
