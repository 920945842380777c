//! Exercise: the backward pass of a matrix multiplication.

use crate::check::{Expected, Outcome, Random, compare};
use crate::matrix::Matrix;
use crate::{CALLS, Exercise};

/// The exercise.
pub const EXERCISE: Exercise = Exercise {
    name: "matmul",
    module: "matmul",
    task: "both gradients of a matrix multiplication",
    page: "tensors.md",
    stub: include_str!("../stubs/matmul.rs"),
    function: "matmul_backward",
    hints: &[
        "the gradient of A has the shape of A; which combination of dC and B has it?",
        "dA = dC B^T and dB = A^T dC",
        "dA[i, p] = sum over j of dC[i, j] B[p, j]",
    ],
};

/// The sum over `steps` of `term(i, j, step)` for each element; with `only_last` the last term alone.
fn sums(
    [rows, columns, steps]: [usize; 3],
    only_last: bool,
    term: impl Fn(usize, usize, usize) -> f64,
) -> Vec<f64> {
    let first = if only_last { steps - 1 } else { 0 };
    let element = |i: usize, j: usize| (first..steps).map(|step| term(i, j, step)).sum();
    (0..rows * columns).map(|place| element(place / columns, place % columns)).collect()
}

/// Checks `matmul_backward(a, b, dc)`, which returns `(da, db)`.
///
/// # Errors
/// The first wrong call.
pub fn check(yours: fn(&Matrix, &Matrix, &Matrix) -> (Matrix, Matrix), seed: u64) -> Outcome {
    for call in 0..CALLS {
        let mut random = Random::new(seed, call);
        let [m, k, n] = [(); 3].map(|()| random.between(2, 4));
        let a = Matrix::random(m, k, &mut random);
        let b = Matrix::random(k, n, &mut random);
        let dc = Matrix::random(m, n, &mut random);
        let (da, db) = yours(&a, &b, &dc);
        let to_a = |i: usize, p: usize, j: usize| dc.at(i, j) * b.at(p, j);
        let to_b = |p: usize, j: usize, i: usize| a.at(i, p) * dc.at(i, j);
        let results = [
            ("dA", da, [m, k], sums([m, k, n], false, to_a), sums([m, k, n], true, to_a)),
            ("dB", db, [k, n], sums([k, n, m], false, to_b), sums([k, n, m], true, to_b)),
        ];
        for (name, got, shape, elements, last) in results {
            let inputs = format!("A = {}, B = {}, dC = {}", a.text(), b.text(), dc.text());
            if [got.rows, got.columns] != shape {
                let got = [got.rows, got.columns];
                return Err(format!("{name} for {inputs}: expected the shape {shape:?}, got {got:?}"));
            }
            let mistakes = [("only the last term of the sum is there; add the terms", last)];
            compare(
                &got.data,
                &Expected { name, inputs, shape: &shape, elements: &elements, mistakes: &mistakes },
            )?;
        }
    }
    Ok(())
}

#[cfg(test)]
#[path = "../solutions/matmul.rs"]
mod solution;
#[cfg(test)]
#[path = "../stubs/matmul.rs"]
mod stub;

#[cfg(test)]
mod tests {
    use super::{check, solution, stub};
    use crate::matrix::Matrix;

    #[test]
    fn the_solution_passes_and_the_stub_and_two_mistakes_fail() {
        assert!((0..20).all(|seed| check(solution::matmul_backward, seed).is_ok()));
        assert!(check(stub::matmul_backward, 1).is_err());
        let last = |a: &Matrix, b: &Matrix, dc: &Matrix| {
            let (_, db) = solution::matmul_backward(a, b, dc);
            let mut da = Matrix::zeros(a.rows, a.columns);
            for (i, p) in (0..a.rows).flat_map(|i| (0..a.columns).map(move |p| (i, p))) {
                *da.at_mut(i, p) = dc.at(i, dc.columns - 1) * b.at(p, dc.columns - 1);
            }
            (da, db)
        };
        assert!(check(last, 1).unwrap_err().contains("only the last term of the sum"));
        let swapped = |a: &Matrix, b: &Matrix, dc: &Matrix| {
            let (da, db) = solution::matmul_backward(a, b, dc);
            (db, da)
        };
        assert!(check(swapped, 1).unwrap_err().contains("expected the shape"));
    }
}
