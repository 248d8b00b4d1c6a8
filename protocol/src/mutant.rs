//! Where a bug can be planted, by its name in the simulator's `MUTANTS`. Unless the workspace is compiled to
//! plant bugs, `mutant!(name)` is false, `mutant!(name, wrong)` nothing, and `mutant!(name, wrong, right)`
//! what is right: no code comes of it.

#[cfg(twinwire_mutants)]
macro_rules! mutant {
    ($name:literal) => {
        $crate::mutants::is_planted($name)
    };
    ($name:literal, $wrong:expr) => {
        if $crate::mutants::is_planted($name) {
            $wrong
        }
    };
    ($name:literal, $wrong:expr, $right:expr) => {
        if $crate::mutants::is_planted($name) {
            $wrong
        } else {
            $right
        }
    };
}

#[cfg(not(twinwire_mutants))]
macro_rules! mutant {
    ($name:literal) => {
        false
    };
    ($name:literal, $wrong:expr) => {};
    ($name:literal, $wrong:expr, $right:expr) => {
        $right
    };
}
