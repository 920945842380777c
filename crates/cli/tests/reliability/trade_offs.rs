//! Trade-off measures agree with Monte Carlo and do not depend on the order of points (row R20).

use experiments::measures::trade_off;
use reliability::{Measurement, size};
use tensor::random::Stream;

/// Indices in [`experiments::measures::TRADE_OFFS`].
const FRONT_AREA: usize = 4;
const HYPERVOLUME: usize = 5;
const SAMPLES: usize = 20_000;
/// The error rate of guessing among ten classes, the far side of the rectangle.
const CHANCE: f64 = 0.9;

#[test]
fn the_hypervolume_agrees_with_monte_carlo_and_front_measures_ignore_the_order_of_points() {
    let measured = Measurement::of("R20", "measures keep their invariances and agree with brute force");
    let (n, mut worst) = (size(50, 2_000), 0.0f64);
    for number in 0..n as u64 {
        let mut words = Stream::new(20, "front").sequence(number);
        let k = 3 + (words.uniform() * 8.0) as usize;
        let mut point = || (words.uniform(), 0.1 + 0.9 * words.uniform());
        let points: Vec<(f64, f64)> = (0..k).map(|_| point()).collect();
        let lambdas: Vec<f64> = (0..k).map(|i| i as f64 / (k - 1) as f64).collect();
        let of = |points: &[(f64, f64)]| {
            let (mse, accuracy): (Vec<f64>, Vec<f64>) = points.iter().copied().unzip();
            trade_off(&lambdas, &mse, &accuracy, 1.0)
        };
        let expected = of(&points);
        // The end points are fixed; those between them are permuted.
        let mut turned = points.clone();
        turned[1..k - 1].rotate_left((k - 2) / 2);
        turned[1..k - 1].reverse();
        for measure in [FRONT_AREA, HYPERVOLUME] {
            assert_eq!(of(&turned)[measure].to_bits(), expected[measure].to_bits(), "front {number}");
        }
        let inside = (0..SAMPLES).filter(|_| {
            let (x, y) = (words.uniform(), words.uniform());
            points.iter().any(|(mse, accuracy)| *mse <= x && (1.0 - accuracy) / CHANCE <= y)
        });
        let share = inside.count() as f64 / SAMPLES as f64;
        // The standard error of a fraction of n samples is at most 1 / (2 sqrt(n)); six of them are allowed.
        let allowed = 3.0 / (SAMPLES as f64).sqrt();
        let gap = (share - expected[HYPERVOLUME]).abs();
        assert!(gap <= allowed, "front {number}: {share} and {}", expected[HYPERVOLUME]);
        worst = worst.max(gap / allowed);
    }
    measured.part("fronts").passed(
        n,
        format!("{n} fronts: at most {worst:.2} of the bound from Monte Carlo, order changes no bit"),
    );
}
