//! Reproducible random numbers for tests.

use std::collections::BTreeMap;

use ndarray::{Array2, ArrayView2};

use crate::{Corruption, linalg};

/// SplitMix64 (Steele, Lea and Flood, 2014).
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

    /// Uniform in `(0, 1]`.
    fn uniform(&mut self) -> f64 {
        ((self.word() >> 11) + 1) as f64 / 2f64.powi(53)
    }

    /// Standard normal (Box and Muller, 1958).
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

impl Noise {
    /// Corrupts each row of the centred `x` with a draw of its own, directly by the definition of the corruption.
    pub(crate) fn corrupted(&mut self, x: ArrayView2<'_, f64>, corruption: &Corruption) -> Array2<f64> {
        let (n, d) = x.dim();
        match corruption {
            Corruption::None => x.to_owned(),
            Corruption::Gaussian { std } => &x + &(*std * self.normal(n, d)),
            Corruption::Additive { covariance } => {
                let eigen = linalg::eigen("covariance of the noise", covariance.view()).unwrap();
                let root = eigen.vectors.t().to_owned() * eigen.values.mapv(|value| value.max(0.0).sqrt());
                &x + &self.normal(n, d).dot(&root.t())
            }
            Corruption::PatchMask { image, patch, drop } => self.masked(x, *image, |noise, y, x, seen| {
                let rim = |place: usize, size: usize| place >= size / patch * patch;
                let alone = rim(y, image[1]) || rim(x, image[2]);
                let key = if alone { (alone, y, x) } else { (alone, y / patch, x / patch) };
                *seen.entry(key).or_insert_with(|| noise.uniform() > *drop)
            }),
            Corruption::FixedCount { image, patch, kept } => self.masked(x, *image, |noise, y, x, seen| {
                if seen.is_empty() {
                    let columns = image[2] / patch;
                    let mut places: Vec<usize> = (0..image[1] / patch * columns).collect();
                    places.sort_by_cached_key(|_| noise.word());
                    let order = places.into_iter().enumerate();
                    seen.extend(order.map(|(i, at)| ((false, at / columns, at % columns), i < *kept)));
                }
                seen[&(false, y / patch, x / patch)]
            }),
        }
    }

    /// Masks all pixels, in all channels, for which the function returns false; the function may keep state within a
    /// row.
    fn masked(
        &mut self,
        x: ArrayView2<'_, f64>,
        [channels, height, width]: [usize; 3],
        keep: impl Fn(&mut Self, usize, usize, &mut BTreeMap<(bool, usize, usize), bool>) -> bool,
    ) -> Array2<f64> {
        let mut masked = x.to_owned();
        for mut row in masked.rows_mut() {
            let mut seen = BTreeMap::new();
            for (y, x) in (0..height).flat_map(|y| (0..width).map(move |x| (y, x))) {
                if !keep(self, y, x, &mut seen) {
                    (0..channels).for_each(|channel| row[(channel * height + y) * width + x] = 0.0);
                }
            }
        }
        masked
    }
}
