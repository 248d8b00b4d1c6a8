//! `mutants`: how many small changes of the code some test notices, on a sample that a seed draws.
//!
//! cargo-mutants only lists the changes. It builds and runs one `cargo test` for each, whereas here all that can be are
//! built at once ([`schema`]), the cheapest suite comes first, the simulator is one, and a browser another.

mod baseline;
mod copy;
mod mutant;
mod nodes;
mod planted;
mod schema;
mod stratum;
mod suite;
mod unchanged;
mod verdicts;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::sync::{Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};

use crate::setup::Setup;
use crate::test::Chromium;
use crate::workspace::Workspace;
use baseline::Baseline;
use copy::Copy;
use mutant::{Mutant, rank};
use planted::Planting;
use schema::LeftOut;
pub(crate) use stratum::Stratum;
use suite::{Bench, Program, Ran, Suite};
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
    /// Empty for all.
    pub(crate) strata: Vec<Stratum>,
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
    let copy = Copy::of(workspace, &tree, planted::may_have)?;
    let file = format!("{}-{:016x}.jsonl", wanted.seed, copy.digest);
    let verdicts = Verdicts::open(&folder.join(file))?;
    eprintln!("verdicts: {}", verdicts.path().display());
    let mut run = Run {
        bench: Bench {
            setup,
            copy: &copy,
            chromium: None,
        },
        planting: Planting {
            workspace,
            copy: &copy,
            mutants: &mutants,
        },
        unchanged,
        verdicts,
        in_schema: BTreeSet::new(),
        built: HashMap::new(),
    };
    match &wanted.mutant {
        Some(part) => run.named(part),
        None => run.sample(wanted),
    }
}

struct Run<'a> {
    bench: Bench<'a>,
    planting: Planting<'a>,
    unchanged: BTreeMap<String, String>,
    verdicts: Verdicts,
    /// The numbers of the mutants that the built programs have.
    in_schema: BTreeSet<usize>,
    built: HashMap<Suite, Vec<Program>>,
}

/// A mutant that no suite has noticed yet.
struct Trial {
    number: usize,
    /// The suites that it has passed.
    passed: usize,
    spent: Duration,
}

impl Trial {
    fn of(number: usize) -> Self {
        Self {
            number,
            passed: 0,
            spent: Duration::ZERO,
        }
    }
}

/// The outcome of a stratum's sample.
#[derive(Clone, Debug, Default)]
struct Score {
    caught: usize,
    timed_out: usize,
    /// Their numbers.
    survivors: Vec<usize>,
    not_compiled: usize,
    unchanged: usize,
}

impl Score {
    fn compiled(&self) -> usize {
        self.caught + self.timed_out + self.survivors.len()
    }

    /// Those that compile, without those that change nothing.
    #[expect(clippy::cast_precision_loss, reason = "a few thousand at most")]
    fn share(&self) -> f64 {
        match self.compiled() {
            0 => 1.0,
            compiled => (self.caught + self.timed_out) as f64 / compiled as f64,
        }
    }

    fn add(&mut self, other: &Self) {
        self.caught += other.caught;
        self.timed_out += other.timed_out;
        self.survivors.extend(&other.survivors);
        self.not_compiled += other.not_compiled;
        self.unchanged += other.unchanged;
    }

    fn print(&self, name: &str) {
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
    fn named(&mut self, part: &str) -> Result<bool> {
        let mutants = self.planting.mutants;
        let is_named =
            |mutant: &Mutant| mutant.to_string().contains(part) || mutant.key().contains(part);
        let numbers = 0..mutants.len();
        let named: Vec<usize> = numbers.filter(|&n| is_named(&mutants[n])).collect();
        ensure!(!named.is_empty(), "no mutant has `{part}` in its name");
        self.plant(&named)?;
        self.judge_all(named.iter().copied(), true)?;
        let survived = |n: &usize| {
            let verdict = self.verdicts.of(&mutants[*n]);
            verdict.is_some_and(|(verdict, _)| *verdict == Verdict::Survived)
        };
        Ok(!named.iter().any(survived))
    }

    fn sample(&mut self, wanted: &Wanted) -> Result<bool> {
        let is_wanted =
            |stratum: &Stratum| wanted.strata.is_empty() || wanted.strata.contains(stratum);
        let strata: Vec<Stratum> = Stratum::ALL.into_iter().filter(is_wanted).collect();
        let with_schema = strata
            .iter()
            .copied()
            .filter(|stratum| stratum.has_schema());
        let with_schema: Vec<Stratum> = with_schema.collect();
        let drawn = self.plant_sample(&with_schema, wanted)?;
        self.judge_all(drawn.into_iter(), false)?;
        for &stratum in strata.iter().filter(|stratum| !stratum.has_schema()) {
            while let Some(next) = self.next(stratum, wanted) {
                self.judge(next)?;
            }
        }
        let scores = strata.iter().map(|&stratum| self.score(stratum, wanted));
        let scores: Vec<Score> = scores.collect();
        let scores: Vec<(Stratum, Score)> = strata.into_iter().zip(scores).collect();
        self.tell(&scores, wanted)
    }

    /// Plants the sample, with others in place of those that don't compile. Gives the sample.
    fn plant_sample(&mut self, strata: &[Stratum], wanted: &Wanted) -> Result<Vec<usize>> {
        loop {
            let of_each = strata.iter().map(|&stratum| self.drawn(stratum, wanted));
            let drawn: Vec<usize> = of_each.flatten().collect();
            if self.plant(&drawn)?.is_empty() {
                return Ok(drawn);
            }
        }
    }

    /// Returns the mutants of a stratum that a seed draws, without those that are known not to compile or to change nothing.
    fn drawn(&self, stratum: Stratum, wanted: &Wanted) -> Vec<usize> {
        let mutants = self.planting.mutants;
        let drawn = mutant::shuffled(mutants, stratum, wanted.seed).into_iter();
        let counts = |number: &usize| {
            let mutant = &mutants[*number];
            let verdict = self.verdicts.of(mutant);
            !self.unchanged.contains_key(&mutant.key())
                && verdict.is_none_or(|(verdict, _)| *verdict != Verdict::NotCompiled)
        };
        drawn.filter(counts).take(wanted.sample).collect()
    }

    /// Returns the first mutant of a stratum's sample without a verdict.
    fn next(&self, stratum: Stratum, wanted: &Wanted) -> Option<usize> {
        let drawn = self.drawn(stratum, wanted).into_iter();
        let mut open = drawn.filter(|&n| self.verdicts.of(&self.planting.mutants[n]).is_none());
        open.next()
    }

    /// Plants these mutants, but for those that are known to be built alone. Those that can't be planted get their verdict
    /// now, unless they compile alone. Gives all that couldn't be.
    fn plant(&mut self, numbers: &[usize]) -> Result<BTreeMap<usize, LeftOut>> {
        let mutants = self.planting.mutants;
        let together = numbers.iter().copied().filter(|&number| {
            mutants[number].stratum.has_schema() && !self.verdicts.is_alone(&mutants[number])
        });
        let together: BTreeSet<usize> = together.collect();
        let left_out = self.planting.plant(&together)?;
        self.in_schema = together;
        for (number, why) in &left_out {
            self.in_schema.remove(number);
            let mutant = &mutants[*number];
            if *why == LeftOut::Alone && self.compiles_alone(mutant)? {
                self.verdicts.add_alone(mutant)?;
                continue;
            }
            println!("{mutant}: {:?}", Verdict::NotCompiled);
            self.verdicts
                .add_verdict(mutant, &Verdict::NotCompiled, 0.0)?;
        }
        Ok(left_out)
    }

    fn compiles_alone(&self, mutant: &Mutant) -> Result<bool> {
        let text = self.planting.alone(mutant)?;
        let check = || self.planting.check();
        let errors = self.bench.copy.with(&mutant.file, &text, check)?;
        Ok(errors.is_empty())
    }

    /// Judges mutants, first those of the schema: building others takes its programs away. Of those, all meet a suite before
    /// any meets the next, which is dearer.
    fn judge_all(&mut self, numbers: impl Iterator<Item = usize>, again: bool) -> Result<()> {
        let mutants = self.planting.mutants;
        let is_open = |number: &usize| {
            let known = self.verdicts.of(&mutants[*number]);
            known.is_none_or(|(known, _)| again && *known != Verdict::NotCompiled)
        };
        let numbers: Vec<usize> = numbers.filter(is_open).collect();
        let (together, alone): (Vec<usize>, Vec<usize>) = numbers
            .into_iter()
            .partition(|number| self.in_schema.contains(number));
        let mut open: Vec<Trial> = together.into_iter().map(Trial::of).collect();
        while let Some(suite) = open.iter().map(|trial| self.next_suite(trial)).min() {
            let is_next = |trial: &Trial| self.next_suite(trial) == suite;
            let (batch, others) = open.into_iter().partition(is_next);
            open = others;
            open.extend(self.judge_by_one(suite, batch)?);
        }
        alone.into_iter().try_for_each(|number| self.judge(number))
    }

    fn next_suite(&self, trial: &Trial) -> Suite {
        self.suites(trial)[trial.passed]
    }

    fn suites(&self, trial: &Trial) -> &'static [Suite] {
        self.planting.mutants[trial.number].stratum.suites()
    }

    /// Runs a suite against mutants of the schema, several at a time. Gives back those that aren't over.
    fn judge_by_one(&mut self, suite: Suite, batch: Vec<Trial>) -> Result<Vec<Trial>> {
        // Only now: the dearest suite is needed by few.
        let baseline = self.baseline(suite, false)?;
        let programs = &self.built[&suite];
        let planned = batch.into_iter().map(|trial| {
            let mutant = Some(trial.number);
            let commands = suite.commands(&self.bench, programs, mutant, &baseline)?;
            Ok((trial, commands))
        });
        let planned: Vec<_> = planned.collect::<Result<_>>()?;
        let planned = Mutex::new(planned.into_iter());
        let next = &|| planned.lock().ok()?.next();
        let (sender, ended) = mpsc::channel();
        thread::scope(|scope| {
            for _ in 0..suite.at_once() {
                let sender = sender.clone();
                scope.spawn(move || {
                    while let Some((trial, commands)) = next() {
                        let begun = Instant::now();
                        let ran = suite.run(commands);
                        if sender.send((trial, ran, begun.elapsed())).is_err() {
                            return;
                        }
                    }
                });
            }
            drop(sender);
            let mut open = Vec::new();
            for (trial, ran, spent) in ended {
                open.extend(self.settle(trial, suite, Some(ran?), spent)?);
            }
            Ok(open)
        })
    }

    /// Builds and runs all suites against one mutant alone, and notes what became of it.
    fn judge(&mut self, number: usize) -> Result<()> {
        let mut open = Some(Trial::of(number));
        while let Some(trial) = open {
            let suite = self.next_suite(&trial);
            let baseline = self.baseline(suite, true)?;
            let begun = Instant::now();
            let mutant = &self.planting.mutants[number];
            let ran = self.run_alone(suite, mutant, &baseline)?;
            open = self.settle(trial, suite, ran, begun.elapsed())?;
        }
        Ok(())
    }

    /// Notes what became of a mutant at a suite. Gives the trial back if it isn't over.
    fn settle(
        &mut self,
        mut trial: Trial,
        suite: Suite,
        ran: Option<Ran>,
        spent: Duration,
    ) -> Result<Option<Trial>> {
        trial.spent += spent;
        let verdict = match ran {
            Some(Ran::Passed) if trial.passed + 1 < self.suites(&trial).len() => {
                trial.passed += 1;
                return Ok(Some(trial));
            }
            Some(Ran::Passed) => Verdict::Survived,
            Some(Ran::Failed(cause)) => Verdict::Caught(format!("{}: {cause}", suite.name())),
            Some(Ran::TimedOut) => Verdict::TimedOut(suite.name().to_owned()),
            None => Verdict::NotCompiled,
        };
        let seconds = trial.spent.as_secs_f64();
        let mutant = &self.planting.mutants[trial.number];
        println!("{mutant}: {verdict:?}, {seconds:.1} s");
        self.verdicts.add_verdict(mutant, &verdict, seconds)?;
        Ok(None)
    }

    /// Adds up what became of a stratum's mutants until so many compile.
    fn score(&self, stratum: Stratum, wanted: &Wanted) -> Score {
        let mut score = Score::default();
        let mutants = self.planting.mutants;
        for number in mutant::shuffled(mutants, stratum, wanted.seed) {
            let mutant = &mutants[number];
            if score.compiled() == wanted.sample {
                break;
            }
            if self.unchanged.contains_key(&mutant.key()) {
                score.unchanged += 1;
                continue;
            }
            match self.verdicts.of(mutant) {
                Some((Verdict::Caught(_), _)) => score.caught += 1,
                Some((Verdict::TimedOut(_), _)) => score.timed_out += 1,
                Some((Verdict::NotCompiled, _)) => score.not_compiled += 1,
                Some((Verdict::Survived, _)) => score.survivors.push(number),
                None => {}
            }
        }
        score
    }

    /// Prints the scores, and says whether they reach the bars.
    fn tell(&self, scores: &[(Stratum, Score)], wanted: &Wanted) -> Result<bool> {
        println!("\nsurvivors:");
        let survivors = scores.iter().flat_map(|(_, score)| &score.survivors);
        survivors.for_each(|&number| println!("  {}", self.planting.mutants[number]));
        println!("\nseed {}, {} of each stratum", wanted.seed, wanted.sample);
        let mut all = Score::default();
        for (stratum, score) in scores {
            score.print(stratum.name());
            all.add(score);
        }
        all.print("all");
        if let Some(seconds) = self.verdicts.median() {
            println!("median time of one that compiles: {seconds:.1} s");
        }
        let each = scores.iter().all(|(_, score)| score.share() >= BAR_OF_EACH);
        Ok(each && all.share() >= BAR_OF_ALL)
    }

    /// Builds and runs a suite with a mutant for good; gives none if it doesn't compile.
    fn run_alone(
        &mut self,
        suite: Suite,
        mutant: &Mutant,
        baseline: &[Baseline],
    ) -> Result<Option<Ran>> {
        let text = self.planting.alone(mutant)?;
        // They are built anew in the same place.
        self.built.clear();
        let bench = &self.bench;
        bench
            .copy
            .with(&mutant.file, &text, || match suite.build(bench)? {
                Ok(programs) => {
                    let commands = suite.commands(bench, &programs, None, baseline)?;
                    suite.run(commands).map(Some)
                }
                Err(_) => Ok(None),
            })
    }

    /// Builds a suite and runs it without a mutant, once: it must pass, and its time bounds that of the mutants.
    fn baseline(&mut self, suite: Suite, is_alone: bool) -> Result<Vec<Baseline>> {
        if suite == Suite::Chromium && self.bench.chromium.is_none() {
            let (copy, setup) = (&self.bench.copy.workspace, self.bench.setup);
            self.bench.chromium = Some(Chromium::start(copy, setup)?);
        }
        let name = self.baseline_name(suite);
        let known = self.verdicts.baseline(&name).map(<[Baseline]>::to_vec);
        if let Some(known) = &known
            && (is_alone || self.built.contains_key(&suite))
        {
            return Ok(known.clone());
        }
        let programs = match suite.build(&self.bench)? {
            Ok(programs) => programs,
            Err(output) => bail!("{} doesn't compile:\n{output}", suite.name()),
        };
        let programs = self.built.entry(suite).insert_entry(programs).into_mut();
        if let Some(known) = known {
            return Ok(known);
        }
        let failed = match suite.measure(&self.bench, programs)? {
            Ok(baseline) => {
                let seconds = baseline.iter().map(|program| program.time.as_secs_f64());
                let seconds = seconds.sum::<f64>();
                println!("without a mutant: {} passes, {seconds:.1} s", suite.name());
                self.verdicts.add_baseline(&name, &baseline)?;
                return Ok(baseline);
            }
            Err(failed) => failed,
        };
        bail!("without a mutant, {} fails: {failed:?}", suite.name())
    }

    /// The programs differ by the schema.
    fn baseline_name(&self, suite: Suite) -> String {
        let add = |digest, number: &usize| rank(digest, &self.planting.mutants[*number].key());
        let schema = self.in_schema.iter().fold(0, add);
        format!("{} {schema:016x}", suite.name())
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
            survivors: vec![3, 8],
            not_compiled: 30,
            unchanged: 5,
        };
        assert!((score.share() - 0.8).abs() < 1e-9);
    }
}
