//! That a world follows from its seed.

use twinwire_worlds::run;

#[test]
fn the_same_seed_is_the_same_world() {
    for seed in [0, 1, 5, 7, 1 << 40] {
        let first = run(seed);
        assert_eq!(first, run(seed), "seed {seed}");
        assert_ne!(first, run(seed + 1), "seed {seed}");
    }
}
