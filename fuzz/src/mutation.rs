//! Mutations of valid inputs, each a function of the seed and the input's number.

use rand::RngCore;
use tensor::random::{Sequence, Stream};

/// The largest size of a mutated input in bytes.
pub const MAX_BYTES: usize = 1 << 14;

/// Boundary values that often break readers.
const AWKWARD: [u64; 12] = [
    0,
    1,
    0x7f,
    0x80,
    0xff,
    0x7fff,
    0xffff,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    i64::MAX as u64,
    u64::MAX,
];

/// Texts that are likely to break readers of text.
const TEXTS: [&str; 16] = [
    "-1",
    "1e999",
    "NaN",
    "null",
    "[[[[[[[[",
    "{\"a\":",
    "}",
    "\"",
    "\\u0000",
    "\n",
    "\u{feff}",
    "..",
    "*",
    "=",
    "18446744073709551616",
    "'''",
];

/// One of `seeds` with up to eight mutations; deterministic in `stream` and `number`.
///
/// `seeds` must not be empty.
pub fn mutated(seeds: &[Vec<u8>], stream: &Stream, number: u64) -> Vec<u8> {
    let mut random = Random(stream.sequence(number));
    let mut bytes = seeds[random.below(seeds.len())].clone();
    for _ in 0..=random.below(8) {
        random.change(&mut bytes, seeds);
        bytes.truncate(MAX_BYTES);
    }
    bytes
}

struct Random(Sequence);

impl Random {
    /// A random integer below `n`, or zero if `n` is zero. The bias is below `n / 2^32`.
    fn below(&mut self, n: usize) -> usize {
        ((u64::from(self.0.next_u32()) * n as u64) >> 32) as usize
    }

    /// A random range of at most 64 bytes.
    fn range(&mut self, length: usize) -> std::ops::Range<usize> {
        let start = self.below(length + 1);
        start..start + self.below((length - start).min(64) + 1)
    }

    fn change(&mut self, bytes: &mut Vec<u8>, seeds: &[Vec<u8>]) {
        let length = bytes.len();
        let at = self.below(length);
        match self.below(11) {
            0..=1 if length > 0 => bytes[at] ^= 1 << self.below(8),
            2..=3 if length > 0 => bytes[at] = self.below(256) as u8,
            4..=5 => {
                let number = AWKWARD[self.below(AWKWARD.len())];
                let width = [1, 2, 4, 8][self.below(4)];
                let little = self.below(2) == 0;
                let word = if little { number.to_le_bytes() } else { number.to_be_bytes() };
                let word = if little { &word[..width] } else { &word[8 - width..] };
                for (place, byte) in bytes.iter_mut().skip(at).zip(word) {
                    *place = *byte;
                }
            }
            6 => bytes.truncate(at),
            7 => {
                let range = self.range(length);
                bytes.drain(range);
            }
            8 => {
                let copy = bytes[self.range(length)].to_vec();
                bytes.splice(at..at, copy);
            }
            9 => {
                let other = &seeds[self.below(seeds.len())];
                let part = other[self.range(other.len())].to_vec();
                let replaced = self.range(length);
                bytes.splice(replaced, part);
            }
            10 => {
                let text = TEXTS[self.below(TEXTS.len())].bytes();
                let replaced = at..length.min(at + self.below(4));
                bytes.splice(replaced, text);
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mutations_are_deterministic_and_differ_between_numbers() {
        let (seeds, stream) = (vec![vec![7; 100], vec![9; 50]], Stream::new(1, "test"));
        let all: Vec<_> = (0..200).map(|number| mutated(&seeds, &stream, number)).collect();
        assert!((0..200).all(|number| mutated(&seeds, &stream, number) == all[number as usize]));
        let mut different = all.clone();
        different.sort();
        different.dedup();
        assert!(different.len() > 150, "{}", different.len());
    }

    #[test]
    fn empty_and_large_inputs_are_mutated() {
        let stream = Stream::new(1, "test");
        for seeds in [vec![vec![]], vec![vec![1]], vec![vec![1; MAX_BYTES]]] {
            for number in 0..500 {
                assert!(mutated(&seeds, &stream, number).len() <= MAX_BYTES);
            }
        }
    }
}
