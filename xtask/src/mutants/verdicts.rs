//! What became of each mutant, in a file that grows as a run goes on.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::baseline::Baseline;
use super::mutant::Mutant;

/// The verdict on a mutant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Something failed: the suite, and its words.
    Caught(String),
    /// A suite didn't come to its end.
    TimedOut(String),
    Survived,
    NotCompiled,
}

impl Verdict {
    fn word(&self) -> &'static str {
        match self {
            Self::Caught(_) => "caught",
            Self::TimedOut(_) => "timed out",
            Self::Survived => "survived",
            Self::NotCompiled => "not compiled",
        }
    }

    fn by(&self) -> &str {
        match self {
            Self::Caught(by) | Self::TimedOut(by) => by,
            Self::Survived | Self::NotCompiled => "",
        }
    }

    fn of(word: &str, by: &str) -> Option<Self> {
        Some(match word {
            "caught" => Self::Caught(by.to_owned()),
            "timed out" => Self::TimedOut(by.to_owned()),
            "survived" => Self::Survived,
            "not compiled" => Self::NotCompiled,
            _ => return None,
        })
    }
}

/// The verdicts so far of one tree: a line of JSON each.
pub(super) struct Verdicts {
    path: PathBuf,
    file: File,
    by_key: HashMap<String, (Verdict, f64)>,
    /// The keys of mutants that compile, but not beside others.
    alone: HashSet<String>,
    /// The times and reach of suites' programs without a mutant.
    baselines: HashMap<String, Vec<Baseline>>,
}

impl Verdicts {
    /// Opens the file, and reads what an earlier run left. A line that it couldn't finish counts for nothing.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path).unwrap_or_default();
        let opened = OpenOptions::new().create(true).append(true).open(path);
        let mut file = opened.with_context(|| format!("can't write {}", path.display()))?;
        if !text.is_empty() && !text.ends_with('\n') {
            writeln!(file)?;
        }
        let mut verdicts = Self {
            path: path.to_owned(),
            file,
            by_key: HashMap::new(),
            alone: HashSet::new(),
            baselines: HashMap::new(),
        };
        for line in text.lines() {
            let Ok(line) = serde_json::from_str::<Value>(line) else {
                continue;
            };
            verdicts.take(&line);
        }
        Ok(verdicts)
    }

    fn take(&mut self, line: &Value) -> Option<()> {
        if let Some(mutant) = line["alone"].as_str() {
            self.alone.insert(mutant.to_owned());
            return Some(());
        }
        if let Some(suite) = line["baseline"].as_str() {
            let programs = line["programs"].as_array()?.iter();
            let programs: Option<Vec<Baseline>> = programs.map(Baseline::from_json).collect();
            self.baselines.insert(suite.to_owned(), programs?);
        } else {
            let seconds = line["seconds"].as_f64()?;
            let by = line["by"].as_str()?;
            let verdict = Verdict::of(line["verdict"].as_str()?, by)?;
            let key = line["mutant"].as_str()?.to_owned();
            self.by_key.insert(key, (verdict, seconds));
        }
        Some(())
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns what became of a mutant, and the seconds that it took.
    pub(super) fn of(&self, mutant: &Mutant) -> Option<&(Verdict, f64)> {
        self.by_key.get(&mutant.key())
    }

    /// Returns true for a mutant that compiles, but not beside others.
    pub(super) fn is_alone(&self, mutant: &Mutant) -> bool {
        self.alone.contains(&mutant.key())
    }

    /// Returns the median time of the mutants that compile, in seconds.
    pub(super) fn median(&self) -> Option<f64> {
        let of_all = self.by_key.values();
        let compiled = of_all.filter(|(verdict, _)| *verdict != Verdict::NotCompiled);
        let mut seconds: Vec<f64> = compiled.map(|(_, seconds)| *seconds).collect();
        seconds.sort_by(f64::total_cmp);
        seconds.get(seconds.len() / 2).copied()
    }

    pub(super) fn baseline(&self, suite: &str) -> Option<&[Baseline]> {
        self.baselines.get(suite).map(Vec::as_slice)
    }

    pub(super) fn add_baseline(&mut self, suite: &str, baseline: &[Baseline]) -> Result<()> {
        let programs: Vec<Value> = baseline.iter().map(Baseline::to_json).collect();
        self.add(&json!({ "baseline": suite, "programs": programs }))
    }

    pub(super) fn add_alone(&mut self, mutant: &Mutant) -> Result<()> {
        self.add(&json!({ "alone": mutant.key() }))
    }

    pub(super) fn add_verdict(
        &mut self,
        mutant: &Mutant,
        verdict: &Verdict,
        seconds: f64,
    ) -> Result<()> {
        self.add(&json!({
            "mutant": mutant.key(),
            "line": mutant.start.line,
            "stratum": mutant.stratum.name(),
            "verdict": verdict.word(),
            "by": verdict.by(),
            "seconds": seconds,
        }))
    }

    fn add(&mut self, line: &Value) -> Result<()> {
        self.take(line);
        writeln!(self.file, "{line}")
            .with_context(|| format!("can't write {}", self.path.display()))
    }
}
