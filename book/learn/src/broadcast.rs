//! Exercise: the backward pass of a bias that is added to every row.

use crate::check::{Expected, Outcome, Random, compare};
use crate::matrix::Matrix;
use crate::{CALLS, Exercise};

/// The exercise.
pub const EXERCISE: Exercise = Exercise {
    name: "broadcast",
    module: "broadcast",
    task: "the gradient of a bias that is added to every row",
    page: "tensors.md",
    stub: include_str!("../stubs/broadcast.rs"),
    function: "bias_backward",
    hints: &[
        "each element of the bias is used once in every row: what happens to the gradient of a value with several uses?",
        "sum the gradients over the rows, for each column",
    ],
};

/// Checks `bias_backward(dy)`.
///
/// # Errors
/// The first wrong call.
pub fn check(yours: fn(&Matrix) -> Vec<f64>, seed: u64) -> Outcome {
    for call in 0..CALLS {
        let mut random = Random::new(seed, call);
        let [n, d] = [(); 2].map(|()| random.between(2, 5));
        let dy = Matrix::random(n, d, &mut random);
        let over_rows: Vec<f64> = (0..d).map(|j| (0..n).map(|i| dy.at(i, j)).sum()).collect();
        let got = yours(&dy);
        if n != d && got.len() == n {
            return Err(format!(
                "db for dy = {}: expected one element for each of {d} columns, got one for each of {n} rows; the sum is over rows",
                dy.text()
            ));
        }
        let mistakes = [
            (
                "it is the mean over rows, but contributions add up",
                over_rows.iter().map(|sum| sum / n as f64).collect(),
            ),
            ("it is one row alone", (0..d).map(|j| dy.at(n - 1, j)).collect()),
        ];
        let inputs = format!("dy = {}", dy.text());
        compare(
            &got,
            &Expected { name: "db", inputs, shape: &[d], elements: &over_rows, mistakes: &mistakes },
        )?;
    }
    Ok(())
}

#[cfg(test)]
#[path = "../solutions/broadcast.rs"]
mod solution;
#[cfg(test)]
#[path = "../stubs/broadcast.rs"]
mod stub;

#[cfg(test)]
mod tests {
    use super::{check, solution, stub};
    use crate::matrix::Matrix;

    #[test]
    fn the_solution_passes_and_the_stub_and_two_mistakes_fail() {
        assert!((0..20).all(|seed| check(solution::bias_backward, seed).is_ok()));
        assert!(check(stub::bias_backward, 1).is_err());
        let mean = |dy: &Matrix| solution::bias_backward(dy).iter().map(|sum| sum / dy.rows as f64).collect();
        assert!(check(mean, 1).unwrap_err().contains("contributions add up"));
        let rows = |dy: &Matrix| dy.data.chunks(dy.columns).map(|row| row.iter().sum()).collect();
        assert!((1..5).any(|seed| check(rows, seed).unwrap_err().contains("the sum is over rows")));
    }
}
