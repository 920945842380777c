//! Tests of invariances of representation measures on random problems, and brute-force checks (row R20 of
//! `book/reliability.md`).
#![allow(clippy::unwrap_used)] // all of this is tests, also the functions that are not one

use agon_theory::{debiased_cka, effective_rank, participation_ratio};
use ndarray::{Array1, Array2, Axis};
use reliability::{Measurement, size};

/// The tolerance for ratios of sums of a few hundred products.
const TOLERANCE: f64 = 1e-10;

/// Values in [-1, 1) by a linear congruential generator (Knuth's constants), the same in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    }

    fn below(&mut self, n: usize) -> usize {
        ((self.next() + 1.0) / 2.0 * n as f64) as usize % n
    }

    fn matrix(&mut self, rows: usize, columns: usize) -> Array2<f64> {
        Array2::from_shape_simple_fn((rows, columns), || self.next())
    }

    /// A product of reflections, which is an orthogonal matrix.
    fn rotation(&mut self, n: usize) -> Array2<f64> {
        let mut rotation = Array2::eye(n);
        for _ in 0..n {
            let v = Array1::from_shape_simple_fn(n, || self.next() + 0.1);
            let v = v.insert_axis(Axis(1));
            let length = (&v * &v).sum();
            rotation = &rotation - &(rotation.dot(&v).dot(&v.t()) * (2.0 / length));
        }
        rotation
    }

    fn order(&mut self, n: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..n).collect();
        (1..n).for_each(|i| order.swap(i, self.below(i + 1)));
        order
    }
}

/// The unbiased estimator by its definition: the mean of the kernel of a U-statistic over all ordered quadruples of
/// different samples (Song et al., 2012, equation 5).
fn hsic_by_quadruples(x: &Array2<f64>, y: &Array2<f64>) -> f64 {
    let (k, l, n) = (x.dot(&x.t()), y.dot(&y.t()), x.nrows());
    let (mut sum, mut count) = (0.0, 0.0);
    for i in 0..n {
        for j in (0..n).filter(|&j| j != i) {
            for q in (0..n).filter(|&q| q != i && q != j) {
                for r in (0..n).filter(|&r| r != i && r != j && r != q) {
                    sum += k[[i, j]] * (l[[i, j]] + l[[q, r]] - 2.0 * l[[i, q]]);
                    count += 1.0;
                }
            }
        }
    }
    sum / count
}

fn cka(x: &Array2<f64>, y: &Array2<f64>) -> f64 {
    debiased_cka(x.view(), y.view()).unwrap()
}

#[test]
fn similarity_is_invariant_to_rotation_scale_shift_and_order_and_is_the_mean_over_quadruples() {
    let measured = Measurement::of("R20", "measures keep their invariances and agree with brute force");
    let mut random = Random(1);
    let (problems, mut compared, mut worst) = (size(50, 1_000), 0, 0.0f64);
    for problem in 0..problems {
        let (n, d, e) = (5 + random.below(4), 1 + random.below(6), 1 + random.below(6));
        let (x, y) = (random.matrix(n, d), random.matrix(n, e));
        let known = cka(&x, &y);
        let order = random.order(n);
        let (scale, shift) = (10.0 + 9.0 * random.next(), 3.0 * random.next());
        let by_quadruples =
            hsic_by_quadruples(&x, &y) / (hsic_by_quadruples(&x, &x) * hsic_by_quadruples(&y, &y)).sqrt();
        let rotated = x.dot(&random.rotation(d)) * scale + shift;
        // If the self-similarity is near zero, the ratio has no significant digits.
        if !(known.is_finite() && by_quadruples.is_finite()) || known.abs() > 10.0 {
            continue;
        }
        compared += 1;
        for (what, got, expected) in [
            ("with itself", cka(&x, &x), 1.0),
            ("turned, scaled and shifted", cka(&rotated, &y), known),
            ("in another order", cka(&x.select(Axis(0), &order), &y.select(Axis(0), &order)), known),
            ("the other way round", cka(&y, &x), known),
            ("by quadruples", by_quadruples, known),
        ] {
            let gap = (got - expected).abs() / expected.abs().max(1.0);
            assert!(gap <= TOLERANCE, "problem {problem}, {n} samples, {what}: {got} {expected}");
            worst = worst.max(gap);
        }
    }
    assert!(4 * compared > 3 * problems, "only {compared} of {problems}");
    let figure = format!("{compared} CKA problems, 4 invariances and brute force within {worst:.0e}");
    measured.part("cka").passed(compared, figure);
}

#[test]
fn ranks_of_known_spectra_agree_with_their_formulas_in_every_basis() {
    let measured = Measurement::of("R20", "measures keep their invariances and agree with brute force");
    let mut random = Random(2);
    let (problems, mut worst) = (size(50, 1_000), 0.0f64);
    for problem in 0..problems {
        let d = 1 + random.below(8);
        let deviations: Vec<f64> = (0..d).map(|_| 0.1 + random.next().abs()).collect();
        // One positive and one negative sample along each direction, so that the covariance is diagonal.
        let codes = Array2::from_shape_fn((2 * d, d), |(row, column)| match row % d == column {
            true => {
                if row < d {
                    deviations[column]
                } else {
                    -deviations[column]
                }
            }
            false => 0.0,
        });
        let sum: f64 = deviations.iter().map(|s| s * s).sum();
        let shares: Vec<f64> = deviations.iter().map(|s| s * s / sum).collect();
        let entropy: f64 = shares.iter().map(|p| -p * p.ln()).sum();
        let participation = 1.0 / shares.iter().map(|p| p * p).sum::<f64>();
        let turned = codes.dot(&random.rotation(d)) * (2.0 + random.next()) + random.next();
        for codes in [&codes, &turned] {
            let got = [effective_rank(codes.view()).unwrap(), participation_ratio(codes.view()).unwrap()];
            for (got, expected) in got.into_iter().zip([entropy.exp(), participation]) {
                let gap = (got - expected).abs() / expected;
                assert!(gap <= TOLERANCE, "problem {problem}: {got} {expected}");
                worst = worst.max(gap);
            }
        }
    }
    measured.part("ranks").passed(problems, format!("{problems} known spectra within {worst:.0e}"));
}
