//! The bug that is active, of those that [`plant!`](crate::plant) can plant. Only with
//! `--cfg twinwire_mutants`, which nothing that is shipped is compiled with.

use std::cell::Cell;
use std::sync::OnceLock;

/// Names the bug that is active on all threads of a process, such as of a crate's tests.
pub const VARIABLE: &str = "TWINWIRE_MUTANT";

thread_local! {
    static ACTIVE: Cell<Option<&'static str>> = const { Cell::new(None) };
}

static EVERYWHERE: OnceLock<Option<String>> = OnceLock::new();

/// Activates this bug, in place of the one before, for what this thread runs.
pub fn activate(name: Option<&'static str>) {
    ACTIVE.set(name);
}

/// Returns true while this bug is active: on this thread, or on all by [`VARIABLE`].
pub fn is_active(name: &str) -> bool {
    if ACTIVE.get() == Some(name) {
        return true;
    }
    let everywhere = EVERYWHERE.get_or_init(|| std::env::var(VARIABLE).ok());
    everywhere.as_deref() == Some(name)
}
