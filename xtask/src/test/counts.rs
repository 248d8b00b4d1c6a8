//! How many tests a command ran, read from what it printed.

use std::ops::AddAssign;

/// Tests by outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    pub(crate) skipped: u64,
}

impl Counts {
    pub(crate) const PASSED: Self = Self {
        passed: 1,
        failed: 0,
        skipped: 0,
    };
    pub(crate) const FAILED: Self = Self {
        passed: 0,
        failed: 1,
        skipped: 0,
    };
    pub(crate) const SKIPPED: Self = Self {
        passed: 0,
        failed: 0,
        skipped: 1,
    };

    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

/// The sum over all test programs of a `cargo test`, be they run by libtest or by the
/// wasm-bindgen test runner, which print the same line:
/// `test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; …`
pub(crate) fn of_libtest(output: &str) -> Counts {
    let mut sum = Counts::default();
    for line in output.lines() {
        let Some(result) = line.strip_prefix("test result: ") else {
            continue;
        };
        let Some((_, parts)) = result.split_once(". ") else {
            continue;
        };
        for part in parts.split(';') {
            let Some((number, outcome)) = part.trim().split_once(' ') else {
                continue;
            };
            let Ok(number) = number.parse::<u64>() else {
                continue;
            };
            match outcome {
                "passed" => sum.passed += number,
                "failed" => sum.failed += number,
                "ignored" => sum.skipped += number,
                _ => {}
            }
        }
    }
    sum
}

/// The summary of `node --test`: lines `# pass 3` or `ℹ pass 3`, by its reporter.
pub(crate) fn of_node(output: &str) -> Counts {
    let mut sum = Counts::default();
    for line in output.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        let ["#" | "ℹ", outcome, number] = words[..] else {
            continue;
        };
        let Ok(number) = number.parse::<u64>() else {
            continue;
        };
        match outcome {
            "pass" => sum.passed += number,
            "fail" | "cancelled" => sum.failed += number,
            "skipped" | "todo" => sum.skipped += number,
            _ => {}
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(passed: u64, failed: u64, skipped: u64) -> Counts {
        Counts {
            passed,
            failed,
            skipped,
        }
    }

    #[test]
    fn libtest_programs_are_summed() {
        let output = "running 3 tests\n\
            test result: ok. 2 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s\n\
            \n   Doc-tests twinwire\n\
            test result: FAILED. 4 passed; 2 failed; 0 ignored; 0 measured; 7 filtered out; finished in 1.2s\n";
        assert_eq!(of_libtest(output), counts(6, 2, 1));
    }

    #[test]
    fn the_browsers_runner_is_read_too() {
        let output = "test socket::opens ... ok\n\n\
            test result: ok. 12 passed; 0 failed; 0 ignored; 0 filtered out; finished in 3.41s\n";
        assert_eq!(of_libtest(output), counts(12, 0, 0));
    }

    #[test]
    fn words_of_a_test_are_no_result() {
        let output = "it said: test result: ok. 9 passed; 0 failed\ntest result: what\n9 passed\n";
        assert_eq!(of_libtest(output), counts(0, 0, 0));
    }

    #[test]
    fn both_reporters_of_node_are_read() {
        let plain =
            "# tests 6\n# suites 0\n# pass 3\n# fail 1\n# cancelled 1\n# skipped 1\n# todo 0\n";
        assert_eq!(of_node(plain), counts(3, 2, 1));
        let signs = "ℹ tests 2\nℹ pass 2\nℹ fail 0\nℹ duration_ms 12.5\n";
        assert_eq!(of_node(signs), counts(2, 0, 0));
    }

    #[test]
    fn a_log_of_a_story_is_no_result() {
        assert_eq!(
            of_node("# pass it on 3\npass 3\n  # pass 3\n"),
            counts(0, 0, 0)
        );
    }
}
