//! The only source of chance.

use std::time::Duration;

/// SplitMix64 (Steele, Lea and Flood, 2014): all that happens in a world follows from its seed.
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// The dice of this seed.
    pub fn new(seed: u64) -> Self {
        // Neighbouring seeds begin far from each other.
        let mut dice = Self(seed);
        dice.0 = dice.next();
        dice
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from zero up to, and without, `sides`; zero if there are none.
    pub fn roll(&mut self, sides: u64) -> u64 {
        self.next() % sides.max(1)
    }

    /// True once in so many times.
    pub fn one_in(&mut self, times: u64) -> bool {
        self.roll(times) == 0
    }

    /// A time of at least `least` and less than `most` milliseconds.
    pub fn wait(&mut self, least: u64, most: u64) -> Duration {
        Duration::from_millis(least + self.roll(most.saturating_sub(least)))
    }

    /// A place in a list of this length.
    pub(crate) fn place(&mut self, length: usize) -> usize {
        self.roll(length as u64) as usize
    }

    /// The length of a payload: mostly small, now and then of several parts; of who is loud often large.
    pub(crate) fn length(&mut self, loud: bool) -> usize {
        let most = match self.roll(60) {
            0 => 100_000,
            1..20 if loud => 25_000,
            _ => 300,
        };
        self.roll(most) as usize
    }
}
