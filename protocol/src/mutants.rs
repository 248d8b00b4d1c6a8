//! Bugs that the simulator plants, to see whether its oracle finds them. Only with
//! `--cfg twinwire_mutants`, which nothing that is shipped is compiled with.

use std::cell::Cell;

thread_local! {
    static PLANTED: Cell<Option<&'static str>> = const { Cell::new(None) };
}

/// Plants this bug, and takes back the one before, for what this thread runs.
pub fn plant(name: Option<&'static str>) {
    PLANTED.set(name);
}

/// Whether this bug is planted.
pub fn is_planted(name: &str) -> bool {
    PLANTED.get() == Some(name)
}
