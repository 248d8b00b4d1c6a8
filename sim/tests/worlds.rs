//! That worlds are what they promise to be.
#![cfg(not(target_arch = "wasm32"))]

use std::time::Duration;

use twinwire::session::Role;
use twinwire_sim::{Plan, Report, Simulation};

fn run(seeds: std::ops::Range<u64>) -> Report {
    let simulation = Simulation::random(Plan::default());
    let mut sum = Report::default();
    for seed in seeds {
        let report = simulation
            .run(seed)
            .unwrap_or_else(|failure| panic!("{failure}"));
        assert!(
            report.messages >= 200,
            "seed {seed}: {} messages",
            report.messages
        );
        assert!(report.faults >= 5, "seed {seed}: {} faults", report.faults);
        sum += &report;
    }
    sum
}

#[test]
fn the_same_seed_is_the_same_world() {
    for seed in [0, 7, 1 << 40] {
        let (first, again) = (run(seed..seed + 1), run(seed..seed + 1));
        assert_eq!(first, again);
        assert_ne!(first.trace, run(seed + 1..seed + 2).trace);
    }
}

#[test]
fn worlds_have_cuts_resumes_losses_and_restarts() {
    let sum = run(0..60);
    assert!(
        sum.cuts > 150 && sum.resumes > 100,
        "{} cuts, {} resumes",
        sum.cuts,
        sum.resumes
    );
    assert!(
        sum.lost > 20 && sum.restarts > 5,
        "{} lost, {} restarts",
        sum.lost,
        sum.restarts
    );
    assert!(
        sum.removals > 10 && sum.invitations > 20,
        "{} removed from topics, {} invitations",
        sum.removals,
        sum.invitations
    );
    assert!(sum.missed().is_empty(), "not reached: {:?}", sum.missed());
    assert!(
        sum.away > 10 && sum.pongs > 20,
        "{} goodbyes for now, {} pongs",
        sum.away,
        sum.pongs
    );
}

#[test]
fn most_cells_that_honest_ends_can_visit_are_visited() {
    let coverage = run(0..400).coverage;
    for role in [Role::Client, Role::Server] {
        let (visited, all) = coverage.share(role);
        assert!(visited * 10 >= all * 6, "{role:?}: {visited} of {all}");
    }
}

#[test]
fn a_larger_world_works_too() {
    let plan = Plan::default()
        .clients(6)
        .time(Duration::from_secs(20))
        .messages(2_000)
        .faults(40);
    let report = Simulation::random(plan)
        .run(3)
        .unwrap_or_else(|failure| panic!("{failure}"));
    assert!(report.messages >= 2_000 && report.faults >= 40);
}
