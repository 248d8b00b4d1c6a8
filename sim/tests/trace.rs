//! That a seed is the same world everywhere: these run on wasm32 too.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use twinwire_sim::{Plan, Report, Simulation};

/// Changes with whatever a session sends or when, and with the world: on purpose, it is written anew.
const TRACE: u64 = 0x928b_2425_1b05_ddda;

#[test]
fn a_seed_has_one_trace_on_every_platform() {
    let simulation = Simulation::random(Plan::default());
    let mut sum = Report::default();
    for seed in 0..6 {
        let report = simulation.run(seed);
        sum += &report.unwrap_or_else(|failure| panic!("{failure}"));
    }
    assert_eq!(sum.trace, TRACE, "the trace is {:#018x} now", sum.trace);
}
