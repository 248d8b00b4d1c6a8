//! The schemata of all files, in the copy, as far as they compile.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::ops::Range;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::copy::Copy;
use super::mutant::Mutant;
use super::schema::{self, LeftOut, Schema};
use crate::run::run;
use crate::workspace::Workspace;

/// The roots of the crates that have mutants, each of which gets the switch.
const ROOTS: [&str; 4] = [
    "protocol/src/lib.rs",
    "remote/src/lib.rs",
    "client/src/lib.rs",
    "server/src/lib.rs",
];

const LIMIT: Duration = Duration::from_secs(20 * 60);

/// Returns true for a file that may have mutants or the switch in the copy.
pub(super) fn may_have(file: &str) -> bool {
    if !file.ends_with(".rs") {
        return false;
    }
    let folder = |root: &str| {
        root.strip_suffix("lib.rs")
            .is_some_and(|src| file.starts_with(src))
    };
    ROOTS.iter().any(|root| folder(root))
}

/// Mutants by their numbers, and the clone's texts.
pub(super) struct Planting<'a> {
    pub(super) workspace: &'a Workspace,
    pub(super) copy: &'a Copy,
    pub(super) mutants: &'a [Mutant],
}

impl Planting<'_> {
    /// Writes all schemata of these mutants, and the other files of their crates as they are. Gives those that had to be
    /// left out, until nothing more has to be.
    pub(super) fn plant(&self, wanted: &BTreeSet<usize>) -> Result<BTreeMap<usize, LeftOut>> {
        let mut left_out = BTreeMap::new();
        loop {
            let kept = wanted
                .iter()
                .filter(|number| !left_out.contains_key(*number));
            let schemata = self.schemata(&kept.copied().collect())?;
            left_out.extend(
                schemata
                    .values()
                    .flat_map(|schema| schema.left_out.iter().copied()),
            );
            let errors = self.check()?;
            if errors.is_empty() {
                return Ok(left_out);
            }
            let before = left_out.len();
            let culprits = errors.iter().flat_map(|error| error.culprits(&schemata));
            left_out.extend(culprits);
            if left_out.len() == before {
                let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
                bail!(
                    "the copy doesn't compile, and no mutant is to blame: {}",
                    errors.join("; ")
                );
            }
            eprintln!("{} mutants are out of the schema", left_out.len());
        }
    }

    fn schemata(&self, wanted: &BTreeSet<usize>) -> Result<BTreeMap<String, Schema>> {
        let mut schemata = BTreeMap::new();
        for file in self.workspace.files()? {
            let file = file.to_string_lossy().into_owned();
            if !may_have(&file) {
                continue;
            }
            let text = self.text(&file)?;
            let of_file = wanted.iter().map(|&number| (number, &self.mutants[number]));
            let of_file: Vec<_> = of_file.filter(|(_, mutant)| mutant.file == file).collect();
            let mut schema = match of_file.is_empty() {
                true => Schema::plain(text),
                false => {
                    schema::of(&text, &of_file).with_context(|| format!("can't read {file}"))?
                }
            };
            if ROOTS.contains(&file.as_str()) {
                schema.text.push_str(schema::SWITCH);
            }
            self.copy.write(&file, &schema.text)?;
            schemata.insert(file, schema);
        }
        Ok(schemata)
    }

    /// Returns the text of a mutant's file with that mutant for good.
    pub(super) fn alone(&self, mutant: &Mutant) -> Result<String> {
        let text = mutant.apply(&self.text(&mutant.file)?)?;
        // Other files of the crate may ask for the switch.
        let is_root = ROOTS.contains(&mutant.file.as_str());
        Ok(text + if is_root { schema::SWITCH } else { "" })
    }

    fn text(&self, file: &str) -> Result<String> {
        let text = fs::read_to_string(self.workspace.root().join(file));
        text.with_context(|| format!("can't read {file}"))
    }

    /// Returns the errors of the crates that have mutants.
    pub(super) fn check(&self) -> Result<Vec<Fault>> {
        let mut cargo = self.copy.workspace.cargo();
        cargo.args(["check", "--message-format=json", "--keep-going", "--lib"]);
        cargo.args([
            "-p",
            "twinwire",
            "-p",
            "twinwire-remote",
            "-p",
            "twinwire-client",
        ]);
        cargo.args([
            "-p",
            "twinwire-server",
            "--features",
            "twinwire-server/test",
        ]);
        let checked = run(&mut cargo, LIMIT)?;
        let faults: Vec<Fault> = checked.output.lines().filter_map(Fault::of).collect();
        if faults.is_empty() && !checked.succeeded() {
            bail!("cargo check fails:\n{}", checked.output);
        }
        Ok(faults)
    }
}

/// An error of the compiler.
#[derive(Debug)]
pub(super) struct Fault {
    code: String,
    message: String,
    /// Files and bytes of them, the innermost macro first.
    places: Vec<(String, Range<usize>)>,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (file, at) = &self.places[0];
        write!(f, "{} ({file}, byte {})", self.message, at.start)
    }
}

impl Fault {
    /// Reads a line of cargo's messages.
    fn of(line: &str) -> Option<Self> {
        let line: Value = serde_json::from_str(line).ok()?;
        let message = line.get("message")?;
        if message["level"] != "error" {
            return None;
        }
        let spans = message["spans"].as_array()?;
        let primary = spans.iter().filter(|span| span["is_primary"] == true);
        let places: Vec<_> = primary.flat_map(places).collect();
        // The last one only counts the others.
        (!places.is_empty()).then(|| Self {
            code: message["code"]["code"]
                .as_str()
                .unwrap_or_default()
                .to_owned(),
            message: message["message"].as_str().unwrap_or_default().to_owned(),
            places,
        })
    }

    /// Returns the mutants at whose place the error is, and why they are left out.
    fn culprits(&self, schemata: &BTreeMap<String, Schema>) -> Vec<(usize, LeftOut)> {
        let mut in_files = self.places.iter();
        let found = in_files.find_map(|(file, at)| {
            let schema = schemata.get(file)?;
            let branches = schema
                .pieces
                .iter()
                .filter(|piece| contains(&piece.branch, at));
            if let Some(piece) = branches.min_by_key(|piece| piece.branch.len()) {
                return Some(vec![(piece.mutant, self.left_out())]);
            }
            // The error is at what is matched. A guard of one of the arms leaves a pattern uncovered.
            if self.code == UNCOVERED {
                let arms = schema.guards_within(block_after(&schema.text, at.end)?);
                return Some(arms.map(|mutant| (mutant, LeftOut::Alone)).collect());
            }
            // The error may be in what is there without a mutant, since both must have one type.
            let around = schema
                .pieces
                .iter()
                .filter(|piece| contains(&piece.choice, at));
            let smallest = around.clone().map(|piece| piece.choice.len()).min()?;
            let those = around.filter(|piece| piece.choice.len() == smallest);
            Some(those.map(|piece| (piece.mutant, LeftOut::Alone)).collect())
        });
        found.unwrap_or_default()
    }

    /// Errors of types are a mutant's own; those of lifetimes, moves and constants may come of the choice.
    fn left_out(&self) -> LeftOut {
        let number = self
            .code
            .strip_prefix('E')
            .and_then(|code| code.parse().ok());
        match number {
            Some(15 | 373 | 381..=384 | 492..=510 | 515..=521 | 594..=597 | 658 | 700..=799) => {
                LeftOut::Alone
            }
            _ => LeftOut::NotCompiled,
        }
    }
}

/// The compiler's code of a match that doesn't cover all patterns.
const UNCOVERED: &str = "E0004";

/// Returns the first block that begins behind a place of a text, by its braces.
fn block_after(text: &str, place: usize) -> Option<Range<usize>> {
    let (mut start, mut depth) = (None, 0_usize);
    for (at, byte) in text.bytes().enumerate().skip(place) {
        match byte {
            b'{' => {
                start = start.or(Some(at));
                depth += 1;
            }
            b'}' => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return Some(start?..at + 1);
                }
            }
            _ => {}
        }
    }
    None
}

fn contains(range: &Range<usize>, at: &Range<usize>) -> bool {
    range.start <= at.start && at.end <= range.end
}

/// Returns the place of a span, and those of the macros that it comes of.
fn places(span: &Value) -> Vec<(String, Range<usize>)> {
    let mut places = Vec::new();
    let mut next = Some(span);
    while let Some(span) = next {
        let number = |name: &str| usize::try_from(span[name].as_u64()?).ok();
        let file = span["file_name"].as_str();
        if let (Some(file), Some(start), Some(end)) =
            (file, number("byte_start"), number("byte_end"))
        {
            places.push((file.to_owned(), start..end));
        }
        next = span["expansion"].get("span");
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mutants::mutant::Genre;

    const TEXT: &str = "fn f() { a == b + c }";

    /// Two mutants of one operator, 0 and 1, and one inside, 2.
    fn schemata() -> BTreeMap<String, Schema> {
        let mutants = [("==", "!="), ("==", ">"), ("+", "-")];
        let genre = Genre::BinaryOperator;
        let mutants = mutants.map(|(words, new)| Mutant::example(genre, TEXT, words, new));
        let numbered: Vec<(usize, &Mutant)> = mutants.iter().enumerate().collect();
        let schema = schema::of(TEXT, &numbered).unwrap();
        BTreeMap::from([("a.rs".to_owned(), schema)])
    }

    fn fault(code: &str, words: &str) -> Fault {
        let start = schemata()["a.rs"].text.find(words).unwrap();
        let span = serde_json::json!({
            "file_name": "a.rs",
            "byte_start": start,
            "byte_end": start + words.len(),
            "is_primary": true,
        });
        // An error inside a macro of the standard library.
        let span = serde_json::json!({
            "file_name": "macros.rs",
            "byte_start": 1,
            "byte_end": 2,
            "is_primary": true,
            "expansion": { "span": span },
        });
        let line = serde_json::json!({
            "reason": "compiler-message",
            "message": { "level": "error", "code": { "code": code }, "spans": [span] },
        });
        Fault::of(&line.to_string()).unwrap()
    }

    #[test]
    fn an_error_is_that_of_the_mutant_in_whose_branch_it_is() {
        let culprits = |code, words| fault(code, words).culprits(&schemata());
        assert_eq!(culprits("E0308", "a != b"), [(0, LeftOut::NotCompiled)]);
        assert_eq!(culprits("E0505", "a > b"), [(1, LeftOut::Alone)]);
        assert_eq!(culprits("E0277", "b - c"), [(2, LeftOut::NotCompiled)]);
    }

    #[test]
    fn an_error_beside_the_branches_is_that_of_all_mutants_of_the_innermost_place() {
        let culprits = |words| fault("E0308", words).culprits(&schemata());
        assert_eq!(culprits("(b + c)"), [(2, LeftOut::Alone)]);
        let both = [(0, LeftOut::Alone), (1, LeftOut::Alone)];
        assert_eq!(culprits("a == (if"), both);
        assert_eq!(culprits("fn f()"), []);
    }

    #[test]
    fn a_pattern_that_is_not_covered_is_the_arms_of_its_match() {
        let text = "fn f() { match a { A => match b { _ => {} } B if c => 2, _ if d => 3 } }";
        let genre = Genre::MatchArm;
        let mutants = ["A => match b { _ => {} }", "B if c => 2,"];
        let mutants = mutants.map(|arm| Mutant::example(genre, text, arm, ""));
        let numbered: Vec<(usize, &Mutant)> = mutants.iter().enumerate().collect();
        let schema = schema::of(text, &numbered).unwrap();
        let matched = schema.text.find("a {").unwrap();
        let fault = |start: usize| Fault {
            code: UNCOVERED.to_owned(),
            message: String::new(),
            places: vec![("a.rs".to_owned(), start..start + 1)],
        };
        let inner = schema.text.find("b {").unwrap();
        let schemata = BTreeMap::from([("a.rs".to_owned(), schema)]);
        let both = [(0, LeftOut::Alone), (1, LeftOut::Alone)];
        assert_eq!(fault(matched).culprits(&schemata), both);
        assert_eq!(fault(inner).culprits(&schemata), []);
    }

    #[test]
    fn only_files_of_the_crates_may_have_a_schema() {
        assert!(may_have("server/src/websocket/mod.rs"));
        assert!(!may_have("server/tests/pair.rs"));
        assert!(!may_have("client-wasm/src/lib.rs"));
        assert!(!may_have("server/src/a.md"));
    }
}
