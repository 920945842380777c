//! Exercise: the task alignment of orthonormal codes.

use crate::check::{Expected, Outcome, Random, compare};
use crate::matrix::Matrix;
use crate::{CALLS, Exercise};

/// The exercise.
pub const EXERCISE: Exercise = Exercise {
    name: "alignment",
    module: "alignment",
    task: "how much of the classes the first k dimensions of a code keep",
    page: "linear-theory.md",
    stub: include_str!("../stubs/alignment.rs"),
    function: "alignment",
    hints: &[
        "g_k = sum over classes of n_c (y_c . q_k)^2, where y_c is 1 for the samples of class c and n_c is their number",
        "a(k) is 100 times the root of the sum of the first k of g, divided by the sum of all",
    ],
};

/// Codes with zero mean whose columns are orthonormal (Gram-Schmidt).
fn codes(n: usize, d: usize, random: &mut Random) -> Matrix {
    let mut codes = Matrix::random(n, d, random);
    for k in 0..d {
        let mean = (0..n).map(|i| codes.at(i, k)).sum::<f64>() / n as f64;
        (0..n).for_each(|i| *codes.at_mut(i, k) -= mean);
        for before in 0..k {
            let dot: f64 = (0..n).map(|i| codes.at(i, k) * codes.at(i, before)).sum();
            (0..n).for_each(|i| *codes.at_mut(i, k) -= dot * codes.at(i, before));
        }
        let norm = (0..n).map(|i| codes.at(i, k).powi(2)).sum::<f64>().sqrt();
        (0..n).for_each(|i| *codes.at_mut(i, k) /= norm);
    }
    codes
}

/// The alignment for each k: `weighs` classes by their counts, and `root` or not.
fn expected(codes: &Matrix, labels: &[usize], classes: usize, weighs: bool, root: bool) -> Vec<f64> {
    let gain = |k: usize| -> f64 {
        let of_class = |class: usize| {
            let of: Vec<f64> =
                (0..codes.rows).filter(|i| labels[*i] == class).map(|i| codes.at(i, k)).collect();
            let count = if weighs { of.len() as f64 } else { 1.0 };
            count * of.iter().sum::<f64>().powi(2)
        };
        (0..classes).map(of_class).sum()
    };
    let gains: Vec<f64> = (0..codes.columns).map(gain).collect();
    let all: f64 = gains.iter().sum();
    let share = |k: usize| gains[..=k].iter().sum::<f64>() / all;
    (0..codes.columns).map(|k| 100.0 * if root { share(k).sqrt() } else { share(k) }).collect()
}

/// Checks `alignment(codes, labels, classes)`, which returns a(1), a(2), and so on.
///
/// # Errors
/// The first wrong call.
pub fn check(yours: fn(&Matrix, &[usize], usize) -> Vec<f64>, seed: u64) -> Outcome {
    for call in 0..CALLS {
        let mut random = Random::new(seed, call);
        let (n, d, classes) = (random.between(7, 9), random.between(2, 3), 3);
        let codes = codes(n, d, &mut random);
        // Classes of different sizes.
        let labels: Vec<usize> = (0..n).map(|i| if i < 3 { i } else { random.between(0, 1) }).collect();
        let mistakes = [
            ("the root is missing", expected(&codes, &labels, classes, true, false)),
            ("each class counts with its number of samples", expected(&codes, &labels, classes, false, true)),
        ];
        let inputs = format!("codes {}, labels {labels:?}", codes.text());
        let elements = expected(&codes, &labels, classes, true, true);
        let got = yours(&codes, &labels, classes);
        compare(
            &got,
            &Expected { name: "a", inputs, shape: &[d], elements: &elements, mistakes: &mistakes },
        )?;
    }
    Ok(())
}

#[cfg(test)]
#[path = "../solutions/alignment.rs"]
mod solution;
#[cfg(test)]
#[path = "../stubs/alignment.rs"]
mod stub;

#[cfg(test)]
mod tests {
    use super::{check, expected, solution, stub};

    #[test]
    fn the_solution_passes_and_the_stub_and_two_mistakes_fail() {
        assert!((0..20).all(|seed| check(solution::alignment, seed).is_ok()));
        assert!(check(stub::alignment, 1).is_err());
        assert!(
            check(|q, y, c| expected(q, y, c, true, false), 1).unwrap_err().contains("the root is missing")
        );
        assert!(
            check(|q, y, c| expected(q, y, c, false, true), 1).unwrap_err().contains("its number of samples")
        );
    }
}
