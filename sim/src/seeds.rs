//! Many worlds, each of a seed, on all cores.

use std::fmt;
use std::num::NonZero;
use std::ops::AddAssign;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use twinwire::Time;

/// A violation that the oracle found, or a panic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The seed that shows it again.
    pub seed: u64,
    /// The world's time of it.
    pub at: Time,
    /// The violation, in words.
    pub what: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = self.at.since_origin().as_secs_f64();
        write!(f, "seed {} at {at:.3} s: {}", self.seed, self.what)
    }
}

impl std::error::Error for Failure {}

/// The seeds of a run: so many from the first on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seeds {
    /// The first seed.
    pub first: u64,
    /// The number of seeds.
    pub count: u64,
}

impl Seeds {
    /// Takes `--seed S` and `--seeds N` out of a command line, and gives all else back in order. Without `--seeds`
    /// it is one world if `--seed` names it, else as many as is `usual`. None if one of them has no number.
    pub fn parse(
        mut arguments: impl Iterator<Item = String>,
        usual: u64,
    ) -> Option<(Self, Vec<String>)> {
        let (mut first, mut count, mut others) = (None, None, Vec::new());
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--seed" => first = Some(arguments.next()?.parse().ok()?),
                "--seeds" => count = Some(arguments.next()?.parse().ok()?),
                _ => others.push(argument),
            }
        }
        let count = count.unwrap_or(if first.is_some() { 1 } else { usual });
        let first = first.unwrap_or(0);
        Some((Self { first, count }, others))
    }

    /// Runs all of them on all cores: `worker` is called once on each thread, for what runs a seed there. Returns
    /// the sum of all reports and, of the seeds that failed before all threads stopped, the smallest.
    pub fn run<R, W>(self, worker: impl Fn() -> W + Sync) -> (R, Option<Failure>)
    where
        R: Default + for<'a> AddAssign<&'a R> + Send,
        W: FnMut(u64) -> Result<R, Failure>,
    {
        let next = AtomicU64::new(self.first);
        let stop = AtomicU64::new(self.first.saturating_add(self.count));
        let found = Mutex::new((R::default(), None::<Failure>));
        let work = || {
            let (mut run, mut sum) = (worker(), R::default());
            loop {
                let seed = next.fetch_add(1, Ordering::Relaxed);
                if seed >= stop.load(Ordering::Relaxed) {
                    break;
                }
                match run(seed) {
                    Ok(report) => sum += &report,
                    Err(failure) => {
                        stop.fetch_min(seed, Ordering::Relaxed);
                        let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
                        if found.1.as_ref().is_none_or(|known| seed < known.seed) {
                            found.1 = Some(failure);
                        }
                    }
                }
            }
            found.lock().unwrap_or_else(PoisonError::into_inner).0 += &sum;
        };
        let threads = thread::available_parallelism().map_or(1, NonZero::get);
        let threads = (threads as u64).min(self.count).max(1);
        thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(work);
            }
        });
        found.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_line_says_which_seeds() {
        let parse = |line: &str| {
            let (seeds, others) = Seeds::parse(line.split_whitespace().map(str::to_owned), 50)?;
            Some((seeds.first, seeds.count, others.join(" ")))
        };
        let is = |first, count, others: &str| Some((first, count, others.to_owned()));
        assert_eq!(parse(""), is(0, 50, ""));
        assert_eq!(parse("--seeds 9"), is(0, 9, ""));
        assert_eq!(parse("--seed 7 --tell"), is(7, 1, "--tell"));
        assert_eq!(parse("--seeds 9 --seed 7"), is(7, 9, ""));
        assert_eq!(parse("--seed 7 --seeds 50"), is(7, 50, ""));
        assert_eq!(parse("--seed"), None);
        assert_eq!(parse("--seeds many"), None);
    }

    #[test]
    #[cfg(not(target_arch = "wasm32"))]
    fn every_seed_runs_once_and_the_smallest_failure_is_told() {
        let seeds = Seeds {
            first: 100,
            count: 50,
        };
        let sum: (Sum, _) = seeds.run(|| |seed| Ok(Sum(seed)));
        assert_eq!(sum, (Sum((100..150).sum()), None));
        let fails = |seed| match seed % 10 {
            7 => Err(Failure {
                seed,
                at: Time::default(),
                what: String::new(),
            }),
            _ => Ok(Sum(1)),
        };
        let (Sum(good), failure) = seeds.run(|| fails);
        assert_eq!(failure.map(|failure| failure.seed), Some(107));
        assert!(good >= 7, "those before it count");
    }

    #[derive(Debug, Default, PartialEq)]
    struct Sum(u64);

    impl AddAssign<&Self> for Sum {
        fn add_assign(&mut self, other: &Self) {
            self.0 += other.0;
        }
    }
}
