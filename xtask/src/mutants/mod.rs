//! `mutants`: how many small changes of the code some test notices, on a sample that a seed draws.
//!
//! cargo-mutants only lists the changes. It runs one `cargo test` for each, whereas here the cheapest suite comes first,
//! the simulator is one, and a browser another; and a place in a list is all that it takes to plant a change.

mod copy;
mod mutant;
mod nodes;
mod planted;
mod schema;
mod stratum;
mod suite;
mod unchanged;
mod verdicts;

use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};

use crate::setup::Setup;
use crate::test::Chromium;
use crate::workspace::Workspace;
use copy::Copy;
use mutant::Mutant;
pub(crate) use stratum::Stratum;
use suite::{Bench, Ran, Suite};
use verdicts::{Verdict, Verdicts};

/// The share that must be caught of each stratum, and of all.
const BAR_OF_EACH: f64 = 0.90;
const BAR_OF_ALL: f64 = 0.95;

/// The command line's wishes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// Mutants of each stratum that compile.
    pub(crate) sample: usize,
    pub(crate) seed: u64,
    /// None for all.
    pub(crate) stratum: Option<Stratum>,
    /// A part of the names of mutants that are run whatever the seed says, and whatever became of them before.
    pub(crate) mutant: Option<String>,
}

/// Runs the sample, and says whether enough of it was caught.
pub(crate) fn mutants(workspace: &Workspace, setup: &Setup, wanted: &Wanted) -> Result<bool> {
    let mutants = mutant::list(workspace, setup)?;
    let unchanged = unchanged::read(workspace, &mutants)?;
    let folder = workspace.target_dir().join("mutation");
    let tree = folder.join("tree");
    fs::create_dir_all(&tree)?;
    let copy = Copy::of(workspace, &tree)?;
    let file = format!("{}-{:016x}.jsonl", wanted.seed, copy.digest);
    let verdicts = Verdicts::open(&folder.join(file))?;
    eprintln!("verdicts: {}", verdicts.path().display());
    let bench = Bench {
        setup,
        copy: &copy,
        chromium: None,
    };
    let mut run = Run {
        bench,
        unchanged,
        verdicts,
    };
    match &wanted.mutant {
        Some(part) => run.named(&mutants, part),
        None => run.sample(&mutants, wanted),
    }
}

struct Run<'a> {
    bench: Bench<'a>,
    unchanged: BTreeMap<String, String>,
    verdicts: Verdicts,
}

/// The outcome of a stratum's sample.
#[derive(Clone, Copy, Debug, Default)]
struct Score {
    caught: usize,
    timed_out: usize,
    survived: usize,
    not_compiled: usize,
    unchanged: usize,
}

impl Score {
    fn compiled(self) -> usize {
        self.caught + self.timed_out + self.survived
    }

    /// Those that compile, without those that change nothing.
    #[expect(clippy::cast_precision_loss, reason = "a few thousand at most")]
    fn share(self) -> f64 {
        match self.compiled() {
            0 => 1.0,
            compiled => (self.caught + self.timed_out) as f64 / compiled as f64,
        }
    }

    fn add(&mut self, other: Self) {
        self.caught += other.caught;
        self.timed_out += other.timed_out;
        self.survived += other.survived;
        self.not_compiled += other.not_compiled;
        self.unchanged += other.unchanged;
    }

    fn print(self, name: &str) {
        println!(
            "{name:<12} {:3} of {:3} caught, {:.1} % ({} by a time limit); {} don't compile, {} change nothing",
            self.caught + self.timed_out,
            self.compiled(),
            self.share() * 100.0,
            self.timed_out,
            self.not_compiled,
            self.unchanged,
        );
    }
}

impl Run<'_> {
    /// Runs each mutant whose name has this part.
    fn named(&mut self, mutants: &[Mutant], part: &str) -> Result<bool> {
        let named =
            |mutant: &&Mutant| mutant.to_string().contains(part) || mutant.key().contains(part);
        let named: Vec<&Mutant> = mutants.iter().filter(named).collect();
        ensure!(!named.is_empty(), "no mutant has `{part}` in its name");
        let mut all_caught = true;
        for mutant in named {
            let verdict = self.judge(mutant)?;
            all_caught &= verdict != Verdict::Survived;
        }
        Ok(all_caught)
    }

    fn sample(&mut self, mutants: &[Mutant], wanted: &Wanted) -> Result<bool> {
        let mut survivors = Vec::new();
        let mut scores = Vec::new();
        for stratum in Stratum::ALL {
            if wanted.stratum.is_some_and(|only| only != stratum) {
                continue;
            }
            let mut score = Score::default();
            for mutant in mutant::shuffled(mutants, stratum, wanted.seed) {
                if score.compiled() == wanted.sample {
                    break;
                }
                if self.unchanged.contains_key(&mutant.key()) {
                    score.unchanged += 1;
                    continue;
                }
                let verdict = match self.verdicts.of(mutant) {
                    Some((verdict, _)) => verdict.clone(),
                    None => self.judge(mutant)?,
                };
                match verdict {
                    Verdict::Caught(_) => score.caught += 1,
                    Verdict::TimedOut(_) => score.timed_out += 1,
                    Verdict::NotCompiled => score.not_compiled += 1,
                    Verdict::Survived => {
                        score.survived += 1;
                        survivors.push(mutant);
                    }
                }
            }
            scores.push((stratum, score));
        }
        self.tell(&scores, &survivors, wanted)
    }

    /// Prints the scores, and says whether they reach the bars.
    fn tell(
        &self,
        scores: &[(Stratum, Score)],
        survivors: &[&Mutant],
        wanted: &Wanted,
    ) -> Result<bool> {
        println!("\nsurvivors:");
        survivors.iter().for_each(|mutant| println!("  {mutant}"));
        println!("\nseed {}, {} of each stratum", wanted.seed, wanted.sample);
        let mut all = Score::default();
        for (stratum, score) in scores {
            score.print(stratum.name());
            all.add(*score);
        }
        all.print("all");
        if let Some(seconds) = self.verdicts.median() {
            println!("median time of one that compiles: {seconds:.0} s");
        }
        let each = scores.iter().all(|(_, score)| score.share() >= BAR_OF_EACH);
        Ok(each && all.share() >= BAR_OF_ALL)
    }

    /// Runs the suites against one mutant, and notes what became of it.
    fn judge(&mut self, mutant: &Mutant) -> Result<Verdict> {
        let mut verdict = Verdict::Survived;
        let mut spent = Duration::ZERO;
        for &suite in mutant.stratum.suites() {
            // Only now: the dearest suite is needed by few.
            self.baseline(suite)?;
            let baseline = self.verdicts.baseline(suite.name());
            let (bench, begun) = (&self.bench, Instant::now());
            let ran = bench.copy.with(mutant, || match suite.build(bench)? {
                Ok(programs) => suite.run(bench, &programs, None, baseline).map(Some),
                Err(_) => Ok(None),
            })?;
            spent += begun.elapsed();
            verdict = match ran {
                Some(Ran::Passed { .. }) => continue,
                Some(Ran::Failed(cause)) => Verdict::Caught(format!("{}: {cause}", suite.name())),
                Some(Ran::TimedOut) => Verdict::TimedOut(suite.name().to_owned()),
                None => Verdict::NotCompiled,
            };
            break;
        }
        let seconds = spent.as_secs_f64();
        println!("{mutant}: {verdict:?}, {seconds:.0} s");
        self.verdicts.add_verdict(mutant, &verdict, seconds)?;
        Ok(verdict)
    }

    /// Runs a suite without a mutant, once: it must pass, and its time bounds that of the mutants.
    fn baseline(&mut self, suite: Suite) -> Result<()> {
        if suite == Suite::Chromium && self.bench.chromium.is_none() {
            let (copy, setup) = (&self.bench.copy.workspace, self.bench.setup);
            self.bench.chromium = Some(Chromium::start(copy, setup)?);
        }
        if self.verdicts.baseline(suite.name()).is_some() {
            return Ok(());
        }
        let programs = match suite.build(&self.bench)? {
            Ok(programs) => programs,
            Err(output) => bail!("{} doesn't compile:\n{output}", suite.name()),
        };
        match suite.run(&self.bench, &programs, None, None)? {
            Ran::Passed { seconds } => {
                println!("without a mutant: {} passes, {seconds:.0} s", suite.name());
                self.verdicts.add_baseline(suite.name(), seconds)
            }
            Ran::Failed(cause) => bail!("without a mutant, {} fails: {cause}", suite.name()),
            Ran::TimedOut => bail!("without a mutant, {} doesn't end", suite.name()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_those_that_compile_and_change_something_count() {
        let score = Score {
            caught: 7,
            timed_out: 1,
            survived: 2,
            not_compiled: 30,
            unchanged: 5,
        };
        assert!((score.share() - 0.8).abs() < 1e-9);
    }
}
