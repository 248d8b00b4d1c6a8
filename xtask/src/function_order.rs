//! The order of a module's functions.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::wasm_bytes::{
    CODE, CUSTOM, FUNCTION_NAMES, Reader, imported_functions, put_bytes, put_integer, sections,
};

/// The bytes of a function's code that are compared at once.
const GRAM: usize = 3;

/// The words of a [`Sketch`].
const WORDS: usize = 32;

/// Names functions so that wasm-opt's `--reorder-functions-by-name` puts those side by side that are alike: what is
/// near costs brotli less to repeat.
pub(crate) fn name_by_likeness(module: &Path) -> Result<()> {
    let bytes = fs::read(module).with_context(|| format!("can't read {}", module.display()))?;
    let bytes = named(&bytes)?;
    fs::write(module, bytes).with_context(|| format!("can't write {}", module.display()))
}

/// Returns the module with names, of which it has none yet.
fn named(module: &[u8]) -> Result<Vec<u8>> {
    let imported = imported_functions(module)?;
    let mut places: Vec<_> = order(&bodies(module)?).into_iter().enumerate().collect();
    places.sort_by_key(|(_, function)| *function);
    let mut names = Vec::new();
    put_integer(&mut names, places.len());
    for (place, function) in places {
        put_integer(&mut names, imported + function);
        put_bytes(&mut names, format!("{place:06}").as_bytes());
    }
    let mut section = Vec::new();
    put_bytes(&mut section, b"name");
    section.push(FUNCTION_NAMES);
    put_bytes(&mut section, &names);
    let mut named = module.to_vec();
    named.push(CUSTOM);
    put_bytes(&mut named, &section);
    Ok(named)
}

fn bodies(module: &[u8]) -> Result<Vec<&[u8]>> {
    let sections = sections(module)?;
    let code = sections.iter().find(|(id, _)| *id == CODE);
    let (_, content) = code.context("the module has no code")?;
    let mut rest = Reader(content);
    (0..rest.integer()?).map(|_| rest.bytes()).collect()
}

/// Returns an order in which each function is followed by the one most like it of those that are left, from the
/// shortest on.
fn order(bodies: &[&[u8]]) -> Vec<usize> {
    let sketches: Vec<Sketch> = bodies.iter().map(|body| Sketch::of(body)).collect();
    let mut left: Vec<usize> = (0..bodies.len()).collect();
    let mut order: Vec<usize> = Vec::new();
    while !left.is_empty() {
        let next = match order.last() {
            Some(last) => most_like(&sketches[*last], &left, &sketches),
            None => (0..left.len()).min_by_key(|place| bodies[left[*place]].len()),
        };
        order.push(left.remove(next.unwrap_or_default()));
    }
    order
}

/// Returns the place in `left` of the function that is most like another.
fn most_like(other: &Sketch, left: &[usize], sketches: &[Sketch]) -> Option<usize> {
    let likeness = |place: &usize| other.likeness(&sketches[left[*place]]);
    // The first of equals: two builds give the same bytes.
    let places = (0..left.len()).rev();
    places.max_by(|a, b| likeness(a).total_cmp(&likeness(b)))
}

/// A set of the pieces that some code has, each for its hash.
struct Sketch {
    bits: [u64; WORDS],
    count: u32,
}

impl Sketch {
    fn of(code: &[u8]) -> Self {
        let mut bits = [0; WORDS];
        for gram in code.windows(GRAM) {
            let number = gram
                .iter()
                .fold(0, |number, byte| number << 8 | u64::from(*byte));
            // The upper bits of a product by an odd number are the well mixed ones.
            let hash = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 53;
            bits[hash as usize / 64] |= 1 << (hash % 64);
        }
        let count = bits.iter().map(|word: &u64| word.count_ones()).sum();
        Self { bits, count }
    }

    /// Returns the share of what both have in what either has (Jaccard's index).
    fn likeness(&self, other: &Self) -> f64 {
        let pairs = self.bits.iter().zip(&other.bits);
        let both: u32 = pairs.map(|(a, b)| (a & b).count_ones()).sum();
        f64::from(both) / f64::from((self.count + other.count - both).max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wasm_bytes::IMPORTS;

    #[test]
    fn each_function_is_followed_by_the_one_most_like_it() {
        let bodies: [&[u8]; 5] = [b"abcdefgh", b"12345678", b"abcdefxy", b"1", b"1234567x"];
        let order = order(&bodies);
        let place = |function| order.iter().position(|of| *of == function);
        assert_eq!(order[0], 3);
        for (one, other) in [(0, 2), (1, 4)] {
            let (one, other) = (place(one).unwrap(), place(other).unwrap());
            assert_eq!(one.abs_diff(other), 1, "{order:?}");
        }
    }

    #[test]
    fn names_are_the_places_of_functions_that_arent_imported() {
        let mut module = b"\0asm\x01\0\0\0".to_vec();
        module.push(IMPORTS);
        put_bytes(&mut module, b"\x01\x01m\x01f\0\0");
        module.push(CODE);
        put_bytes(&mut module, b"\x02\x05\x00\x10\x00\x00\x0b\x02\x00\x0b");
        let named = named(&module).unwrap();
        let mut names = b"\x04name\x01\x11\x02\x01\x06000001\x02\x06000000".to_vec();
        names.splice(0..0, [CUSTOM, names.len() as u8]);
        assert_eq!(named, [module, names].concat());
    }
}
