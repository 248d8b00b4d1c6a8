//! What a suite's programs do without a mutant: their time, and which mutants' places they reach.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};

/// A program's run without a mutant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Baseline {
    pub(super) time: Duration,
    /// The numbers of the schema's mutants whose places it reaches.
    reached: BTreeSet<usize>,
    /// True if it failed, also without a mutant: it can't notice any.
    fails: bool,
}

impl Baseline {
    /// Makes the account of a run; `reached` has a number a line.
    pub(super) fn new(time: Duration, reached: &str) -> Self {
        let reached = reached.lines().filter_map(|line| line.parse().ok());
        Self {
            time,
            reached: reached.collect(),
            fails: false,
        }
    }

    /// Makes the account of a program that failed.
    pub(super) fn failed() -> Self {
        Self {
            fails: true,
            ..Self::new(Duration::ZERO, "")
        }
    }

    pub(super) fn to_json(&self) -> Value {
        let Self { reached, fails, .. } = self;
        json!({ "seconds": self.time.as_secs_f64(), "reached": reached, "fails": fails })
    }

    pub(super) fn from_json(value: &Value) -> Option<Self> {
        let number = |number: &Value| usize::try_from(number.as_u64()?).ok();
        let reached: Option<BTreeSet<usize>> =
            value["reached"].as_array()?.iter().map(number).collect();
        Some(Self {
            time: Duration::try_from_secs_f64(value["seconds"].as_f64()?).ok()?,
            reached: reached?,
            fails: value["fails"].as_bool()?,
        })
    }
}

/// Returns the programs that can notice a mutant of the schema, the quickest first. Without one all can that don't fail anyway.
pub(super) fn in_order<'a, P>(
    programs: &'a [P],
    baseline: &'a [Baseline],
    mutant: Option<usize>,
) -> Vec<(&'a P, &'a Baseline)> {
    let all = programs.iter().zip(baseline);
    let can_notice = |(_, baseline): &(&P, &Baseline)| {
        let is_reached = mutant.is_none_or(|mutant| baseline.reached.contains(&mutant));
        is_reached && !baseline.fails
    };
    let mut programs: Vec<_> = all.filter(can_notice).collect();
    programs.sort_by_key(|(_, baseline)| baseline.time);
    programs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_quickest_comes_first_and_what_does_not_reach_the_mutant_never() {
        let baseline = |seconds, reached| Baseline::new(Duration::from_secs(seconds), reached);
        let baseline = [
            baseline(9, "4\n7\n"),
            baseline(1, "4\n"),
            baseline(5, "7\n4\n"),
        ];
        let order = |mutant| -> Vec<&str> {
            let order = in_order(&["slow", "quick", "usual"], &baseline, mutant).into_iter();
            order.map(|(program, _)| *program).collect()
        };
        assert_eq!(order(Some(7)), ["usual", "slow"]);
        assert_eq!(order(Some(4)), ["quick", "usual", "slow"]);
        assert!(order(Some(5)).is_empty());
        assert_eq!(order(None), ["quick", "usual", "slow"]);
    }

    #[test]
    fn what_fails_anyway_notices_nothing() {
        assert!(in_order(&["fails"], &[Baseline::failed()], None).is_empty());
    }

    #[test]
    fn an_account_is_read_as_it_was_written() {
        let baseline = Baseline::new(Duration::from_millis(1500), "7\n12\n7\n");
        assert_eq!(Baseline::from_json(&baseline.to_json()), Some(baseline));
        assert_eq!(Baseline::from_json(&json!(1.5)), None);
    }
}
