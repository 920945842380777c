//! Counter-based random numbers in streams named by their purpose.
//!
//! The generator is Philox 4x32-10 (Salmon, Moraes, Dror and Shaw, 2011, doi 10.1145/2063384.2063405): ten rounds of
//! multiplication and exchange map a 128-bit counter and a 64-bit key to 128 random bits. It has no state, so the
//! results depend on neither the device, nor the number of threads, nor the order of calls, and resuming a run needs
//! only its seed.

use rand::RngCore;

/// A source of random numbers for one purpose.
///
/// ```
/// use agon_tensor::random::Stream;
/// let shuffle = Stream::new(7, "shuffle");
/// assert_eq!(shuffle.permutation(5, 0), Stream::new(7, "shuffle").permutation(5, 0));
/// assert_ne!(shuffle.block(0, 0), Stream::new(7, "init").block(0, 0));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stream {
    key: u64,
}

impl Stream {
    /// The stream for `purpose` in a run with this seed; streams of different purposes are independent.
    pub fn new(seed: u64, purpose: &str) -> Self {
        Self { key: mix(seed ^ 0x6a09_e667_f3bc_c908) }.child(purpose)
    }

    /// A substream for a part of this purpose, such as one layer of a model.
    pub fn child(&self, part: &str) -> Self {
        let key = part.bytes().fold(mix(self.key), |key, byte| mix(key ^ u64::from(byte)));
        Self { key }
    }

    /// The key of the generator, for kernels that generate the same words on another device.
    pub fn key(&self) -> u64 {
        self.key
    }

    /// Four random words for one counter: the `index`-th block of the sequence numbered `sequence`.
    pub fn block(&self, sequence: u64, index: u64) -> [u32; 4] {
        let counter = [index as u32, (index >> 32) as u32, sequence as u32, (sequence >> 32) as u32];
        philox(counter, [self.key as u32, (self.key >> 32) as u32])
    }

    /// The sequence numbered `number`, as a generator with the interface of the `rand` crates.
    pub fn sequence(&self, number: u64) -> Sequence {
        Sequence { stream: *self, number, next: 0, block: [0; 4] }
    }

    /// A uniformly random permutation of `0..n` for this epoch (Durstenfeld, 1964, doi 10.1145/364520.364540).
    pub fn permutation(&self, n: usize, epoch: u64) -> Vec<u32> {
        let mut words = self.sequence(epoch);
        let mut order: Vec<u32> = (0..n as u32).collect();
        for last in (1..n).rev() {
            order.swap(last, words.below(last as u32 + 1) as usize);
        }
        order
    }
}

/// A sequential generator of random words.
#[derive(Debug, Clone)]
pub struct Sequence {
    stream: Stream,
    number: u64,
    next: u64,
    block: [u32; 4],
}

impl Sequence {
    /// A uniformly random integer below `bound`, without bias (Lemire, 2019, doi 10.1145/3230636).
    fn below(&mut self, bound: u32) -> u32 {
        let threshold = bound.wrapping_neg() % bound;
        loop {
            let product = u64::from(self.next_u32()) * u64::from(bound);
            if product as u32 >= threshold {
                return (product >> 32) as u32;
            }
        }
    }

    /// A uniform sample from [0, 1) with 53 random bits.
    pub fn uniform(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }
}

impl RngCore for Sequence {
    fn next_u32(&mut self) -> u32 {
        let word = (self.next % 4) as usize;
        if word == 0 {
            self.block = self.stream.block(self.number, self.next / 4);
        }
        self.next += 1;
        self.block[word]
    }

    fn next_u64(&mut self) -> u64 {
        u64::from(self.next_u32()) | u64::from(self.next_u32()) << 32
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(4) {
            chunk.copy_from_slice(&self.next_u32().to_le_bytes()[..chunk.len()]);
        }
    }
}

/// Philox 4x32-10.
// ANCHOR: philox
fn philox(mut counter: [u32; 4], mut key: [u32; 2]) -> [u32; 4] {
    for round in 0..10 {
        if round > 0 {
            key = [key[0].wrapping_add(0x9e37_79b9), key[1].wrapping_add(0xbb67_ae85)];
        }
        let a = u64::from(counter[0]) * 0xd251_1f53;
        let b = u64::from(counter[2]) * 0xcd9e_8d57;
        counter = [
            (b >> 32) as u32 ^ counter[1] ^ key[0],
            b as u32,
            (a >> 32) as u32 ^ counter[3] ^ key[1],
            a as u32,
        ];
    }
    counter
}
// ANCHOR_END: philox

/// Mixes the bits of a word: a bijection in which each input bit affects every output bit.
fn mix(word: u64) -> u64 {
    let word = (word ^ (word >> 32)).wrapping_mul(0x9fb2_1c65_1e98_df25);
    let word = (word ^ (word >> 29)).wrapping_mul(0xd6e8_feb8_6659_fd93);
    (word ^ (word >> 32)).wrapping_add(0x9e37_79b9_7f4a_7c15)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn philox_gives_the_published_known_answers() {
        assert_eq!(philox([0; 4], [0; 2]), [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]);
        assert_eq!(
            philox([u32::MAX; 4], [u32::MAX; 2]),
            [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]
        );
        assert_eq!(
            philox([0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344], [0xa409_3822, 0x299f_31d0]),
            [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]
        );
    }

    #[test]
    fn a_permutation_holds_every_number_once_and_changes_with_the_epoch() {
        let stream = Stream::new(3, "shuffle");
        let mut order = stream.permutation(1000, 1);
        assert_ne!(order, stream.permutation(1000, 2));
        order.sort_unstable();
        assert!(order.iter().copied().eq(0..1000));
        assert!(stream.permutation(0, 0).is_empty());
    }

    #[test]
    fn every_place_of_a_permutation_is_equally_likely() {
        let stream = Stream::new(5, "shuffle");
        let mut counts = [[0u32; 4]; 4];
        for epoch in 0..8000 {
            for (place, &number) in stream.permutation(4, epoch).iter().enumerate() {
                counts[place][number as usize] += 1;
            }
        }
        // Binomial(8000, 1/4): the mean is 2000 and the standard deviation 38.7; five standard deviations are 194.
        assert!(counts.iter().flatten().all(|&count| count.abs_diff(2000) < 194), "{counts:?}");
    }

    #[test]
    fn purposes_seeds_and_parts_give_different_streams() {
        let streams = [
            Stream::new(0, "init"),
            Stream::new(1, "init"),
            Stream::new(0, "shuffle"),
            Stream::new(0, "init").child("encoder"),
            Stream::new(0, "init").child("decoder"),
        ];
        for (i, a) in streams.iter().enumerate() {
            assert!(streams[i + 1..].iter().all(|b| a.block(0, 0) != b.block(0, 0)));
        }
    }

    #[test]
    fn uniform_numbers_have_the_mean_and_spread_of_their_distribution() {
        let mut words = Stream::new(9, "init").sequence(0);
        let values: Vec<f64> = (0..100_000).map(|_| words.uniform()).collect();
        let mean = values.iter().sum::<f64>() / 1e5;
        let variance = values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 1e5;
        // The standard error of the mean is 0.29 / sqrt(1e5) = 0.0009, of the variance 0.00024.
        assert!((mean - 0.5).abs() < 0.0046 && (variance - 1.0 / 12.0).abs() < 0.0012);
    }
}
