//! Where a bug can be planted, by its name: see [`plant!`](crate::plant).

/// Plants a bug: a statement of its own, which a reader of the code may skip. `plant!("name", wrong)` does what is
/// wrong, `plant!("name", let value = wrong)` gives a variable that is there already a wrong value, while
/// the bug of this name is active. No code comes of it unless the workspace is compiled with
/// `--cfg twinwire_mutants`.
#[cfg(twinwire_mutants)]
#[doc(hidden)]
#[macro_export]
macro_rules! plant {
    ($name:literal, let $value:ident = $wrong:expr) => {
        let $value = if $crate::mutants::is_active($name) {
            $wrong
        } else {
            $value
        };
    };
    ($name:literal, $wrong:expr) => {
        if $crate::mutants::is_active($name) {
            $wrong;
        }
    };
}

/// Plants nothing: the workspace isn't compiled with `--cfg twinwire_mutants`.
#[cfg(not(twinwire_mutants))]
#[doc(hidden)]
#[macro_export]
macro_rules! plant {
    ($name:literal, $($wrong:tt)*) => {};
}

#[cfg(all(test, not(twinwire_mutants)))]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn no_code_comes_of_a_bug_unless_bugs_are_compiled() {
        let value = 1;
        plant!("any", let value = compile_error!("it is compiled"));
        plant!("any", compile_error!("it is compiled"));
        assert_eq!(value, 1);
    }
}
