//! Exercise: attention of one query.

use crate::check::{Expected, Outcome, Random, compare, text};
use crate::matrix::Matrix;
use crate::{CALLS, Exercise};

/// The exercise.
pub const EXERCISE: Exercise = Exercise {
    name: "attention",
    module: "attention",
    task: "the output of one query, also for huge scores",
    page: "attention.md",
    stub: include_str!("../stubs/attention.rs"),
    function: "attention",
    hints: &[
        "score j is the dot product of the query with key j, divided by the root of the width",
        "the weights are the softmax of the scores: subtract the largest score before `exp`",
        "y is the mean of the values with these weights",
    ],
};

/// The learner's function.
pub type Attend = fn(&[f64], &Matrix, &Matrix) -> Vec<f64>;

/// The output if dot products are divided by `width`.
fn output(query: &[f64], keys: &Matrix, values: &Matrix, width: f64) -> Vec<f64> {
    let score = |key: usize| query.iter().enumerate().map(|(i, q)| q * keys.at(key, i)).sum::<f64>() / width;
    let scores: Vec<f64> = (0..keys.rows).map(score).collect();
    let largest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let weights: Vec<f64> = scores.iter().map(|score| (score - largest).exp()).collect();
    let sum: f64 = weights.iter().sum();
    (0..values.columns)
        .map(|i| weights.iter().enumerate().map(|(key, w)| w * values.at(key, i)).sum::<f64>() / sum)
        .collect()
}

/// Checks `attention(query, keys, values)`.
///
/// # Errors
/// The first wrong call.
pub fn check(yours: Attend, seed: u64) -> Outcome {
    for call in 0..CALLS {
        let mut random = Random::new(seed, call);
        let (t, width) = (random.between(2, 5), random.between(2, 4));
        // Every fifth call has scores whose exponentials overflow.
        let size = if call % 5 == 4 { 1000.0 } else { 1.0 };
        let query: Vec<f64> = random.values(width).into_iter().map(|q| size * q).collect();
        let keys = Matrix::random(t, width, &mut random);
        let values = Matrix::random(t, width, &mut random);
        let got = yours(&query, &keys, &values);
        let inputs = format!("query {}, keys {}, values {}", text(&query), keys.text(), values.text());
        if got.iter().any(|y| y.is_nan()) {
            return Err(format!(
                "y for {inputs}: got NaN; exponentials overflow, so subtract the largest score first"
            ));
        }
        let root = (width as f64).sqrt();
        let mistakes = [
            ("scores are not divided by the root of the width", output(&query, &keys, &values, 1.0)),
            ("scores are divided by the width, not by its root", output(&query, &keys, &values, root * root)),
        ];
        let elements = output(&query, &keys, &values, root);
        compare(
            &got,
            &Expected { name: "y", inputs, shape: &[width], elements: &elements, mistakes: &mistakes },
        )?;
    }
    Ok(())
}

#[cfg(test)]
#[path = "../solutions/attention.rs"]
mod solution;
#[cfg(test)]
#[path = "../stubs/attention.rs"]
mod stub;

#[cfg(test)]
mod tests {
    use super::{check, output, solution, stub};
    use crate::matrix::Matrix;

    #[test]
    fn the_solution_passes_and_the_stub_and_two_mistakes_fail() {
        assert!((0..20).all(|seed| check(solution::attention, seed).is_ok()));
        assert!(check(stub::attention, 1).is_err());
        assert!(check(|q, k, v| output(q, k, v, 1.0), 1).unwrap_err().contains("not divided by the root"));
        let overflows = |query: &[f64], keys: &Matrix, values: &Matrix| {
            let root = (query.len() as f64).sqrt();
            let score =
                |key: usize| query.iter().enumerate().map(|(i, q)| q * keys.at(key, i)).sum::<f64>() / root;
            let weights: Vec<f64> = (0..keys.rows).map(|key| score(key).exp()).collect();
            let sum: f64 = weights.iter().sum();
            let of = |i: usize| weights.iter().enumerate().map(|(key, w)| w * values.at(key, i)).sum::<f64>();
            (0..values.columns).map(|i| of(i) / sum).collect()
        };
        assert!(check(overflows, 1).unwrap_err().contains("subtract the largest score"));
    }
}
