//! Effects that are functions of several means, with their gradients for the delta method.

/// A function of the means at the points of a contrast.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Formula<'w> {
    /// The sum of the values with these weights.
    Sum(&'w [f64]),
    /// The first value over the second.
    Ratio,
    /// The ratio of the first two values minus that of the last two.
    RatioShrinks,
}

impl Formula<'_> {
    /// The effect at these values.
    pub fn value(self, x: &[f64]) -> f64 {
        match self {
            Self::Sum(weights) => x.iter().zip(weights).map(|(x, weight)| x * weight).sum(),
            Self::Ratio => x[0] / x[1],
            Self::RatioShrinks => x[0] / x[1] - x[2] / x[3],
        }
    }

    /// Its derivative with respect to each value.
    pub fn gradient(self, x: &[f64]) -> Vec<f64> {
        let ratio = |a: f64, b: f64| [1.0 / b, -a / (b * b)];
        match self {
            Self::Sum(weights) => weights.to_vec(),
            Self::Ratio => ratio(x[0], x[1]).into(),
            Self::RatioShrinks => {
                [ratio(x[0], x[1]), ratio(x[2], x[3]).map(|derivative| -derivative)].concat()
            }
        }
    }

    /// The effect image by image: the linear approximation around the means of all images, whose mean over images is the
    /// effect at these means (the delta method).
    ///
    /// `by_image` holds one list for each value, with one entry for each image.
    pub fn by_image(self, by_image: &[Vec<f64>]) -> Vec<f64> {
        let means: Vec<f64> = by_image.iter().map(|values| super::mean(values)).collect();
        let (value, gradient) = (self.value(&means), self.gradient(&means));
        let n_images = by_image.iter().map(Vec::len).min().unwrap_or(0);
        let of_image = |image: usize| {
            let changes = by_image.iter().zip(&means).map(|(values, mean)| values[image] - mean);
            value + changes.zip(&gradient).map(|(change, slope)| change * slope).sum::<f64>()
        };
        (0..n_images).map(of_image).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gradients_are_those_of_central_differences() {
        let x = [0.3, 0.2, 0.7, 0.4];
        for formula in [Formula::Sum(&[1.0, -1.0, -1.0, 1.0]), Formula::Ratio, Formula::RatioShrinks] {
            let gradient = formula.gradient(&x);
            for (at, slope) in gradient.iter().enumerate() {
                let shifted = |by: f64| {
                    let mut x = x;
                    x[at] += by;
                    formula.value(&x)
                };
                // The third derivatives of these ratios are below 1e3, so the error of a step h is below 1e3 h^2.
                let numeric = (shifted(1e-5) - shifted(-1e-5)) / 2e-5;
                assert!((numeric - slope).abs() < 1e3 * 1e-10 + 1e-10, "{formula:?} {at}: {numeric} {slope}");
            }
        }
    }

    #[test]
    fn effects_by_image_have_the_effect_of_the_means_as_their_mean() {
        let by_image = [vec![0.2, 0.4, 0.3], vec![0.1, 0.3, 0.1]];
        let effects = Formula::Ratio.by_image(&by_image);
        assert!((super::super::mean(&effects) - 0.3 / (0.5 / 3.0)).abs() < 1e-12);
        assert_eq!(Formula::Sum(&[1.0, -1.0]).by_image(&by_image).len(), 3);
    }
}
