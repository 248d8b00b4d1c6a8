//! The one table at the end, and whether it is good enough.

use std::fmt::Write as _;
use std::time::Duration;

use super::counts::Counts;

/// What a suite, or one browser of it, came to.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) counts: Counts,
    /// Building and running.
    pub(crate) time: Duration,
    /// Setting up tools.
    pub(crate) setup: Duration,
    /// Why it was skipped.
    pub(crate) note: Option<String>,
}

/// All rows of a run.
#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) rows: Vec<Row>,
}

impl Report {
    fn sum(&self) -> Counts {
        let mut sum = Counts::default();
        for row in &self.rows {
            sum += row.counts;
        }
        sum
    }

    /// The table, and under it what wants explaining.
    pub(crate) fn table(&self) -> String {
        let mut text = line(
            "suite",
            ["passed", "failed", "skipped", "seconds", "set-up"],
        );
        for row in &self.rows {
            let Counts {
                passed,
                failed,
                skipped,
            } = row.counts;
            let counts = [passed, failed, skipped].map(|count| count.to_string());
            let times = [row.time, row.setup].map(|time| format!("{:.1}", time.as_secs_f64()));
            let cells = [&counts[0], &counts[1], &counts[2], &times[0], &times[1]];
            text += &line(&row.name, cells.map(String::as_str));
        }
        for row in &self.rows {
            if let Some(note) = &row.note {
                let _ = writeln!(text, "{}: {note}", row.name);
            }
            if row.counts.is_empty() {
                let _ = writeln!(text, "{}: empty, it ran no test", row.name);
            }
        }
        text
    }

    /// The last line of a run.
    pub(crate) fn summary(&self) -> String {
        let Counts {
            passed,
            failed,
            skipped,
        } = self.sum();
        format!("{passed} passed, {failed} failed, {skipped} skipped")
    }

    /// In `ci` nothing may be left out: no skipped test, no empty suite.
    pub(crate) fn is_good(&self, ci: bool) -> bool {
        let left_out = self
            .rows
            .iter()
            .any(|row| row.counts.skipped > 0 || row.counts.is_empty());
        self.sum().failed == 0 && !(ci && left_out)
    }
}

fn line(name: &str, cells: [&str; 5]) -> String {
    let mut text = format!("{name:<14}");
    for cell in cells {
        let _ = write!(text, "{cell:>9}");
    }
    text + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(rows: &[(&str, Counts)]) -> Report {
        let row = |&(name, counts): &(&str, Counts)| Row {
            name: name.to_owned(),
            counts,
            time: Duration::from_millis(12_340),
            setup: Duration::ZERO,
            note: None,
        };
        Report {
            rows: rows.iter().map(row).collect(),
        }
    }

    #[test]
    fn the_table_holds_a_line_for_each_suite_and_the_summary_their_sum() {
        let report = report(&[
            (
                "unit",
                Counts {
                    passed: 7,
                    failed: 1,
                    skipped: 2,
                },
            ),
            ("tidy", Counts::PASSED),
        ]);
        let expect = "\
suite            passed   failed  skipped  seconds   set-up
unit                  7        1        2     12.3      0.0
tidy                  1        0        0     12.3      0.0
";
        assert_eq!(report.table(), expect);
        assert_eq!(report.summary(), "8 passed, 1 failed, 2 skipped");
    }

    #[test]
    fn a_failure_is_never_good() {
        let report = report(&[("unit", Counts::PASSED), ("tidy", Counts::FAILED)]);
        assert!(!report.is_good(false));
        assert!(!report.is_good(true));
    }

    #[test]
    fn a_skip_is_good_enough_outside_ci_only() {
        let report = report(&[("unit", Counts::PASSED), ("wasm-webkit", Counts::SKIPPED)]);
        assert!(report.is_good(false));
        assert!(!report.is_good(true));
    }

    #[test]
    fn an_empty_suite_is_named_and_good_enough_outside_ci_only() {
        let report = report(&[("unit", Counts::default())]);
        assert!(report.table().contains("unit: empty"));
        assert!(report.is_good(false));
        assert!(!report.is_good(true));
    }
}
