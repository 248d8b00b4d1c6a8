//! That a world follows from its seed.

use twinwire_worlds::{Tier, run};

#[test]
fn the_same_seed_is_the_same_world() {
    for tier in [Tier::Messages, Tier::Bytes, Tier::Plain] {
        for seed in [0, 1, 5, 7, 1 << 40] {
            let first = run(seed, tier);
            assert_eq!(first, run(seed, tier), "seed {seed} of {tier:?}");
            assert_ne!(first, run(seed + 1, tier), "seed {seed} of {tier:?}");
        }
    }
}
