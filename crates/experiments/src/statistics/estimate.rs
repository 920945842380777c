//! Effects with their standard errors over seeds, or over seeds and test images, and their t tests.

use statrs::distribution::{ContinuousCDF, StudentsT};

use super::rules::LEVEL;
use super::{Interval, mean};

/// An effect with its standard error.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// The mean over seeds, and over images where they are resampled.
    pub effect: f64,
    /// The standard error; infinite for one seed.
    pub error: f64,
    /// The number of seeds; the number of images if nothing is trained.
    pub n_seeds: usize,
    /// The number of test images, if they are resampled besides the seeds.
    pub n_images: Option<usize>,
}

impl Estimate {
    /// The mean of one value for each seed, with its standard error.
    ///
    /// The standard error does not cover the choice of the test images, which all seeds share.
    pub fn of_seeds(values: &[f64]) -> Self {
        let (n, effect) = (values.len(), mean(values));
        let squares: f64 = values.iter().map(|x| (x - effect).powi(2)).sum();
        let error = match n {
            0 | 1 => f64::INFINITY,
            _ => (squares / ((n - 1) * n) as f64).sqrt(),
        };
        Self { effect, error, n_seeds: n, n_images: None }
    }

    /// A mean over test images with its standard error, for closed forms, which have no seeds.
    pub fn of_images(effect: f64, error: f64, n_images: usize) -> Self {
        Self { effect, error, n_seeds: n_images, n_images: Some(n_images) }
    }

    /// The unit of resampling of the standard error.
    pub fn resampled(&self) -> &'static str {
        match self.n_images {
            None => "seeds",
            Some(n) if n == self.n_seeds => "images",
            Some(_) => "seeds and images",
        }
    }

    /// The mean of one value for each seed and test image `[seed][image]`, such as a difference of two paired correctness
    /// bits, with the standard error of the two-level bootstrap that draws seeds and images independently with replacement
    /// (the pigeonhole bootstrap: Owen, 2007, doi:10.1214/07-AOAS122).
    ///
    /// Groups of images drawn at random may replace single images: their means have the same variance, estimated from
    /// fewer terms.
    ///
    /// One fewer of either is drawn than there are; otherwise three seeds would give two thirds of the variance (Rao
    /// and Wu, 1988, doi:10.1080/01621459.1988.10478591). The variance is that of infinitely many replicates, in closed
    /// form: for weights of the drawn seeds `U` and images `V`, `E[U_s U_t] = (1 - a) / n^2 + [s = t] a / n` with
    /// `a = 1 / (n - 1)`.
    pub fn of_seeds_and_images(values: &[Vec<f64>]) -> Self {
        let (n_seeds, n_images) = (values.len(), values.first().map_or(0, Vec::len));
        let by_seed: Vec<f64> = values.iter().map(|of_seed| mean(of_seed)).collect();
        let effect = mean(&by_seed);
        if n_seeds < 2 || n_images < 2 {
            return Self { n_images: Some(n_images), ..Self::of_seeds(&by_seed) };
        }
        let by_image = (0..n_images).map(|image| values.iter().map(|of_seed| of_seed[image]).sum::<f64>());
        let square = |x: f64| x * x;
        let of_images = by_image.map(|sum| square(sum / n_seeds as f64)).sum::<f64>() / n_images as f64;
        let of_seeds = by_seed.iter().map(|x| square(*x)).sum::<f64>() / n_seeds as f64;
        let of_all = values.iter().flatten().map(|x| square(*x)).sum::<f64>() / (n_seeds * n_images) as f64;
        let [seed, image] = [n_seeds, n_images].map(|n| 1.0 / (n - 1) as f64);
        let variance = (1.0 - seed) * (1.0 - image) * square(effect)
            + seed * (1.0 - image) * of_seeds
            + (1.0 - seed) * image * of_images
            + seed * image * of_all
            - square(effect);
        Self { effect, error: variance.max(0.0).sqrt(), n_seeds, n_images: Some(n_images) }
    }

    /// The estimate of `factor * effect + shift`.
    #[must_use]
    pub fn affine(self, factor: f64, shift: f64) -> Self {
        Self { effect: factor * self.effect + shift, error: factor.abs() * self.error, ..self }
    }

    /// The confidence interval of a level: Student's t with one degree of freedom fewer than there are seeds, which are
    /// always fewer than the images. Unbounded for one seed.
    pub fn interval(&self, level: f64) -> Interval {
        let (mean, half) = match self.t() {
            Some(t) => (self.effect, t.inverse_cdf((1.0 + level) / 2.0) * self.error),
            None => (self.effect, f64::INFINITY),
        };
        Interval { mean, low: mean - half, high: mean + half }
    }

    /// The one-sided p-value of the hypothesis that the effect is at most the bound.
    pub fn p_above(&self, bound: f64) -> f64 {
        let Some(t) = self.t() else { return 1.0 };
        let away = self.effect - bound;
        match self.error > 0.0 {
            true => t.sf(away / self.error),
            // With a standard error of zero, the effect is exact.
            false if away > 0.0 => 0.0,
            false => 1.0,
        }
    }

    /// The one-sided p-value of the hypothesis that the effect is at least the bound.
    pub fn p_below(&self, bound: f64) -> f64 {
        Self { effect: -self.effect, ..*self }.p_above(-bound)
    }

    fn t(&self) -> Option<StudentsT> {
        student(self.n_seeds).filter(|_| self.error.is_finite())
    }
}

/// Student's t distribution of a mean of `n` values; `None` for fewer than two.
fn student(n: usize) -> Option<StudentsT> {
    let degrees = n.checked_sub(1).filter(|&degrees| degrees > 0)?;
    StudentsT::new(0.0, 1.0, degrees as f64).ok()
}

/// The width of an interval of a level relative to that of [`LEVEL`], for a mean of `n` values.
pub(super) fn relative_width(n: usize, level: f64) -> f64 {
    student(n).map_or(1.0, |t| t.inverse_cdf((1.0 + level) / 2.0) / t.inverse_cdf((1.0 + LEVEL) / 2.0))
}

#[cfg(test)]
mod tests {
    use tensor::random::Stream;

    use super::*;

    #[test]
    fn the_quantiles_are_those_of_the_tables() {
        for (n, expected) in [(2, 12.706), (5, 2.776), (12, 2.201), (16, 2.131), (31, 2.042), (121, 1.980)] {
            let of = Estimate { effect: 0.0, error: 1.0, n_seeds: n, n_images: None };
            let high = of.interval(LEVEL).high;
            // The tables have three decimals.
            assert!((high - expected).abs() < 5.1e-4, "{n}: {high}");
        }
    }

    #[test]
    fn p_values_and_intervals_agree() {
        let of = Estimate::of_seeds(&[0.9, 1.4, 1.1, 1.6]);
        let low = of.interval(LEVEL).low;
        // The quantile is found by bisection to about 1e-9 of itself.
        assert!((of.p_above(low) - 0.025).abs() < 1e-6 && of.p_above(low + 1e-3) > 0.025);
        assert!((of.p_below(of.interval(LEVEL).high) - 0.025).abs() < 1e-6);
        assert_eq!(Estimate::of_seeds(&[1.0]).p_above(0.0), 1.0);
        assert_eq!(Estimate::of_seeds(&[1.0, 1.0]).p_above(0.0), 0.0);
    }

    /// Values with effects of seeds, of images and of both together.
    fn values(n_seeds: usize, n_images: usize) -> Vec<Vec<f64>> {
        let stream = Stream::new(3, "values");
        let uniform =
            |sequence: u64, at: u64| f64::from(stream.block(sequence, at)[0]) / f64::from(u32::MAX) - 0.5;
        let of_seed = |seed: usize, image: usize| {
            0.1 + 0.2 * uniform(0, seed as u64)
                + uniform(1, image as u64)
                + uniform(2 + seed as u64, image as u64)
        };
        (0..n_seeds).map(|seed| (0..n_images).map(|image| of_seed(seed, image)).collect()).collect()
    }

    #[test]
    fn the_closed_form_is_the_variance_of_the_two_level_bootstrap() {
        const REPLICATES: u64 = 20_000;
        let values = values(4, 30);
        let stream = Stream::new(0, "bootstrap");
        let drawn = |sequence: u64, n: usize| -> Vec<usize> {
            let words = (0..n as u64).map(|at| stream.block(sequence, at)[0]);
            words.take(n - 1).map(|word| ((u64::from(word) * n as u64) >> 32) as usize).collect()
        };
        let means = (0..REPLICATES).map(|replicate| {
            let (seeds, images) = (drawn(2 * replicate, 4), drawn(2 * replicate + 1, 30));
            let of_seed = |seed: &usize| images.iter().map(|&image| values[*seed][image]).sum::<f64>();
            seeds.iter().map(of_seed).sum::<f64>() / (seeds.len() * images.len()) as f64
        });
        let means: Vec<f64> = means.collect();
        let of_all = Estimate::of_seeds_and_images(&values);
        let variance = means.iter().map(|x| (x - of_all.effect).powi(2)).sum::<f64>() / REPLICATES as f64;
        // A variance from R replicates has a relative standard deviation of sqrt(2 / R) for normal means, here 1 %; the
        // tolerance is four of these.
        let off = variance / of_all.error.powi(2) - 1.0;
        assert!(off.abs() < 4.0 * (2.0 / REPLICATES as f64).sqrt(), "{off}");
    }

    #[test]
    fn images_that_all_agree_leave_the_standard_error_of_the_seeds() {
        let by_seed = [0.1, 0.4, 0.2];
        let repeated: Vec<Vec<f64>> = by_seed.iter().map(|&x| vec![x; 50]).collect();
        let (both, seeds) = (Estimate::of_seeds_and_images(&repeated), Estimate::of_seeds(&by_seed));
        // Sums of at most 150 terms of order one, whose difference is of order 1e-2.
        assert!((both.error - seeds.error).abs() < 150.0 * f64::EPSILON / 1e-2);
        assert!(
            Estimate::of_seeds_and_images(&values(3, 40)).error > Estimate::of_seeds(&by_seed).error / 1e3
        );
    }
}
