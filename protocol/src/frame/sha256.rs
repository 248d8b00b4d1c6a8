//! SHA-256 (FIPS 180-4), for the compiler: a page's table of kinds is hashed when the page is compiled.

/// Bytes of a block (§5.2.1).
const BLOCK: usize = 64;

/// The first 32 bits of the fractional parts of the cube roots of the first 64 primes (§4.2.2).
const K: [u32; 64] = [
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
];

/// The first 32 bits of the fractional parts of the square roots of the first 8 primes (§5.3.3).
const INITIAL: [u32; 8] = [
    0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
];

// Of the standard library's functions each call counts for the compiler, whose steps are bounded
// (`long_running_const_eval`): a table of as many kinds as may be has to stay below.

/// The word, rotated to the right (§3.2): a part of the word written twice.
macro_rules! rotated {
    ($word:expr, $by:literal) => {
        ($word as u64 * 0x1_0000_0001 >> $by) as u32
    };
}

/// The sum modulo 2³² (§3.2).
macro_rules! sum {
    ($($word:expr),+) => {
        (0 $(+ $word as u64)+) as u32
    };
}

/// A message on its way to its digest.
pub(super) struct Sha256 {
    hash: [u32; 8],
    /// The bytes of the block that isn't whole yet.
    block: [u8; BLOCK],
    len: usize,
}

impl Sha256 {
    pub(super) const fn new() -> Self {
        Self {
            hash: INITIAL,
            block: [0; BLOCK],
            len: 0,
        }
    }

    pub(super) const fn byte(&mut self, byte: u8) {
        self.block[self.len % BLOCK] = byte;
        self.len += 1;
        if self.len.is_multiple_of(BLOCK) {
            self.add_block();
        }
    }

    pub(super) const fn bytes(&mut self, bytes: &[u8]) {
        let mut i = 0;
        while i < bytes.len() {
            self.byte(bytes[i]);
            i += 1;
        }
    }

    /// Returns the digest of all that has come.
    pub(super) const fn digest(mut self) -> [u8; 32] {
        // Padding (§5.1.1): a one, zeros up to eight bytes before a block's end, and the length in bits.
        let bits = self.len as u64 * 8;
        self.byte(0x80);
        while self.len % BLOCK != BLOCK - 8 {
            self.byte(0);
        }
        self.bytes(&bits.to_be_bytes());
        let mut digest = [0; 32];
        let mut i = 0;
        while i < digest.len() {
            digest[i] = self.hash[i / 4].to_be_bytes()[i % 4];
            i += 1;
        }
        digest
    }

    /// One round of the hash computation (§6.2.2).
    const fn add_block(&mut self) {
        // The message schedule's last 16 words are all that a step needs.
        let mut schedule = [0_u32; 16];
        let mut i = 0;
        while i < BLOCK {
            schedule[i / 4] = schedule[i / 4] << 8 | self.block[i] as u32;
            i += 1;
        }
        let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h] = self.hash;
        let mut t = 0;
        while t < K.len() {
            if t >= 16 {
                let [w15, w2] = [schedule[(t + 1) % 16], schedule[(t + 14) % 16]];
                let s0 = rotated!(w15, 7) ^ rotated!(w15, 18) ^ w15 >> 3;
                let s1 = rotated!(w2, 17) ^ rotated!(w2, 19) ^ w2 >> 10;
                schedule[t % 16] = sum!(schedule[t % 16], s0, schedule[(t + 9) % 16], s1);
            }
            let s1 = rotated!(e, 6) ^ rotated!(e, 11) ^ rotated!(e, 25);
            let choice = (e & f) ^ (!e & g);
            let first = sum!(h, s1, choice, K[t], schedule[t % 16]);
            let s0 = rotated!(a, 2) ^ rotated!(a, 13) ^ rotated!(a, 22);
            let majority = (a & b) ^ (a & c) ^ (b & c);
            (h, g, f, e) = (g, f, e, sum!(d, first));
            (d, c, b, a) = (c, b, a, sum!(first, s0, majority));
            t += 1;
        }
        let worked = [a, b, c, d, e, f, g, h];
        i = 0;
        while i < worked.len() {
            self.hash[i] = sum!(self.hash[i], worked[i]);
            i += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use sha2::Digest;

    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::Sha256;

    fn sha256(message: &[u8]) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.bytes(message);
        hash.digest()
    }

    #[test]
    fn the_standards_example_comes_out() {
        let hex: String = sha256(b"abc")
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        assert_eq!(
            hex,
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }

    #[test]
    fn every_length_up_to_some_blocks_agrees_with_another_implementation() {
        let bytes: Vec<u8> = (0..300_u32).map(|i| (i * 167) as u8).collect();
        for len in 0..bytes.len() {
            let message = &bytes[..len];
            let expected: [u8; 32] = sha2::Sha256::digest(message).into();
            assert_eq!(sha256(message), expected, "{len} bytes");
        }
    }
}
