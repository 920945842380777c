//! Random numbers for tests, the same on every machine.

use ndarray::Array2;

/// SplitMix64: a counter whose bits are mixed.
pub(crate) struct Noise(u64);

impl Noise {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn word(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Above 0 and at most 1.
    fn uniform(&mut self) -> f64 {
        ((self.word() >> 11) + 1) as f64 / 2f64.powi(53)
    }

    /// Standard normal, by Box and Muller.
    pub(crate) fn normal(&mut self, rows: usize, columns: usize) -> Array2<f64> {
        Array2::from_shape_simple_fn((rows, columns), || {
            let radius = (-2.0 * self.uniform().ln()).sqrt();
            radius * (std::f64::consts::TAU * self.uniform()).cos()
        })
    }

    pub(crate) fn labels(&mut self, n: usize, classes: u8) -> Vec<u8> {
        (0..n).map(|_| (self.word() % u64::from(classes)) as u8).collect()
    }
}
