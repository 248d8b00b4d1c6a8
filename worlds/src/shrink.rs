//! A smaller world in which something is wrong still.

use std::fmt::Write;
use std::time::Duration;

use twinwire_sim::{Dice, Failure};

use crate::plan::{Plan, Tier};
use crate::run_plan;

/// The most worlds that are tried.
const MOST: u32 = 400;

struct Shrinking {
    seed: u64,
    dice: Dice,
    tried: u32,
}

impl Shrinking {
    fn fails(&mut self, plan: &Plan) -> Option<Failure> {
        self.tried += 1;
        run_plan(self.seed, plan.clone(), self.dice.clone()).err()
    }

    /// Leaves out as many parts of a list as it can, many at a time before few.
    fn thin<T: Clone>(
        &mut self,
        plan: &mut Plan,
        found: &mut Failure,
        list: impl Fn(&mut Plan) -> &mut Vec<T>,
    ) {
        let mut chunk = list(plan).len();
        while chunk > 0 {
            let mut from = 0;
            while from < list(plan).len() && self.tried < MOST {
                let mut less = plan.clone();
                let parts = list(&mut less);
                parts.drain(from..(from + chunk).min(parts.len()));
                match self.fails(&less) {
                    Some(failure) => (*plan, *found) = (less, failure),
                    None => from += chunk,
                }
            }
            chunk /= 2;
        }
    }
}

/// Leaves out of a seed's world what it fails without, and tells what is left. The same each time.
///
/// # Panics
/// As [`run`](crate::run) does.
pub fn shrink(seed: u64, tier: Tier) -> String {
    let mut dice = Dice::new(seed);
    let mut plan = Plan::draw(&mut dice);
    plan.tier = tier;
    if tier == Tier::Plain {
        return "it is as small as it can be".to_owned();
    }
    let mut shrinking = Shrinking {
        seed,
        dice,
        tried: 0,
    };
    let Some(mut found) = shrinking.fails(&plan) else {
        return format!("nothing is wrong with seed {seed}");
    };
    shrinking.thin(&mut plan, &mut found, |plan| &mut plan.faults);
    for client in 0..plan.clients.len() {
        shrinking.thin(&mut plan, &mut found, |plan| &mut plan.clients[client]);
    }
    shrinking.thin(&mut plan, &mut found, |plan| &mut plan.faults);
    let mut told = format!("the smallest of {} worlds: {found}\n", shrinking.tried);
    let mut line = |who: String, at: &Duration, what: &dyn std::fmt::Debug| {
        // A string takes all.
        let _ = write!(told, "\n{:8.3} s  {who}: {what:?}", at.as_secs_f64());
    };
    for (at, fault) in &plan.faults {
        line("world".to_owned(), at, fault);
    }
    for (client, acts) in plan.clients.iter().enumerate() {
        for (at, act) in acts {
            line(format!("client {client}"), at, act);
        }
    }
    told
}
