//! Blocked pairwise summation, whose rounding error grows with the logarithm of the number of terms (Higham, 1993,
//! doi 10.1137/0914050).
//!
//! The tree of additions depends on the number of terms alone. Each of `n` terms takes part in at most
//! `BLOCK + log2(n / BLOCK)` additions; in a running sum the first takes part in `n`.

use ndarray::{ArrayD, ArrayViewD, Axis};

use crate::Real;

/// The number of terms of a block, which is summed sequentially.
const BLOCK: usize = 32;

/// An incremental pairwise sum.
#[derive(Debug, Clone)]
pub struct PairwiseSum<A> {
    block: A,
    terms: usize,
    /// Sums of `2^i` blocks, the longest first: one for each set bit of the number of blocks.
    partial: Vec<A>,
}

impl<A: Real> Default for PairwiseSum<A> {
    fn default() -> Self {
        Self { block: A::zero(), terms: 0, partial: vec![] }
    }
}

impl<A: Real> PairwiseSum<A> {
    /// Adds a term.
    pub fn add(&mut self, term: A) {
        self.block += term;
        self.terms += 1;
        if self.terms.is_multiple_of(BLOCK) {
            let mut sum = std::mem::replace(&mut self.block, A::zero());
            // Merge partial sums over equal numbers of blocks.
            for _ in 0..(self.terms / BLOCK).trailing_zeros() {
                sum += self.partial.pop().unwrap_or(A::zero());
            }
            self.partial.push(sum);
        }
    }

    /// The sum of all terms added so far.
    pub fn total(&self) -> A {
        self.partial.iter().rev().fold(self.block, |sum, &part| part + sum)
    }
}

/// The sum of all terms.
pub fn pairwise<A: Real>(terms: impl IntoIterator<Item = A>) -> A {
    let mut sum = PairwiseSum::default();
    terms.into_iter().for_each(|term| sum.add(term));
    sum.total()
}

/// Sums along an axis by pairwise summation; the axis is removed.
pub fn sum_axis<A: Real>(x: ArrayViewD<'_, A>, axis: Axis) -> ArrayD<A> {
    let length = x.len_of(axis);
    if x.is_empty() {
        // Handles an empty array with an axis that is too long to iterate over.
        let mut shape = x.raw_dim();
        shape[axis.index()] = 1;
        return ArrayD::zeros(shape).remove_axis(axis);
    }
    if length <= BLOCK {
        return x.sum_axis(axis);
    }
    let (first, second) = x.split_at(axis, length / 2);
    sum_axis(first, axis) + sum_axis(second, axis)
}

#[cfg(test)]
mod tests {
    use ndarray::{Array1, Array2};

    use super::*;

    #[test]
    fn every_term_is_added_once_for_any_number_of_terms() {
        for n in [0, 1, 31, 32, 33, 63, 64, 65, 1000, 4096, 4097] {
            let expected = (n * (n + 1) / 2) as f64;
            assert_eq!(pairwise((1..=n).map(|i| i as f64)), expected, "{n} terms");
            let x = Array1::from_iter((1..=n).map(|i| i as f64)).into_dyn();
            assert_eq!(sum_axis(x.view(), Axis(0)).sum(), expected, "{n} terms along an axis");
        }
    }

    #[test]
    fn a_sum_of_a_million_tenths_has_the_rounding_error_of_a_block_and_a_tree() {
        const N: usize = 1 << 20;
        let exact = N as f64 * f64::from(0.1f32);
        // 32 additions in a block and 15 levels of pairs, each with a rounding error of half an epsilon.
        let allowed = (32.0 + 15.0) / 2.0 * f64::from(f32::EPSILON) * exact;
        let off = |sum: f32| (f64::from(sum) - exact).abs();
        assert!(off(pairwise(std::iter::repeat_n(0.1f32, N))) <= allowed);
        let x = Array2::from_elem((N, 2), 0.1f32).into_dyn();
        assert!(sum_axis(x.view(), Axis(0)).iter().all(|&sum| off(sum) <= allowed));
        assert!(off(std::iter::repeat_n(0.1f32, N).sum()) > allowed, "one running sum is seen");
    }

    #[test]
    fn non_finite_sums_stay_non_finite() {
        let with = |x: f32| pairwise((0..1000).map(|i| if i == 500 { x } else { 1.0 }));
        assert_eq!(with(f32::INFINITY), f32::INFINITY);
        assert_eq!(with(f32::NEG_INFINITY), f32::NEG_INFINITY);
        assert!(with(f32::NAN).is_nan());
    }
}
