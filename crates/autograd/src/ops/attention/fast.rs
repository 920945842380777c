//! Attention of one head in `f32`: cache-sized tiles of scores, computed by GEMMs.
//!
//! A tile holds the scores of some queries with some keys. In the forward pass each query keeps its running maximum and
//! sum of exponentials; when a tile has a larger score, the sums are rescaled to it (online softmax: Milakov and
//! Gimelshein, 2018, arXiv 1805.02867). The backward pass recomputes the scores, as in FlashAttention (Dao et al.,
//! 2022).

use std::ops::Range;

use ndarray::{ArrayView2, ArrayViewMut2};
use tensor::{Init, Matrix, gemm_f32, math, rows, vector};

/// The maximum number of queries of a tile.
const QUERIES: usize = 128;
/// The maximum number of keys of a tile. Two or three tiles of 144 KiB fit into the L2 cache; wider tiles amortise the
/// cost of packing better.
const KEYS: usize = 288;
const TOGETHER: &str = "the features of a head are contiguous";

/// A contiguous matrix `[t, d]`.
pub(super) struct Rows {
    data: Vec<f32>,
    d: usize,
}

impl Rows {
    fn zeros(t: usize, d: usize) -> Self {
        Self { data: vec![0.0; t * d], d }
    }

    /// Copies a head's part of a packed tensor, times `scale`.
    pub(super) fn gather(part: ArrayView2<'_, f32>, scale: f32) -> Self {
        let mut data = Vec::with_capacity(part.len());
        for row in part.rows() {
            data.extend(row.to_slice().expect(TOGETHER).iter().map(|x| x * scale));
        }
        Self { data, d: part.ncols() }
    }

    /// Writes these rows, times `scale`, to a head's part of a packed tensor.
    fn scatter(&self, mut part: ArrayViewMut2<'_, f32>, scale: f32) {
        for (row, from) in part.rows_mut().into_iter().zip(self.data.chunks_exact(self.d)) {
            row.into_slice().expect(TOGETHER).iter_mut().zip(from).for_each(|(to, from)| *to = from * scale);
        }
    }

    fn row(&self, index: usize) -> &[f32] {
        &self.data[index * self.d..][..self.d]
    }

    fn places(&self, tile: &Range<usize>) -> Range<usize> {
        tile.start * self.d..tile.end * self.d
    }

    /// The rows of a tile as a matrix.
    fn matrix(&self, tile: &Range<usize>, transposed: bool) -> Matrix<'_> {
        Matrix::new(&self.data[self.places(tile)], tile.len(), self.d, transposed)
    }

    /// The rows of a tile, for writing.
    fn tile(&mut self, tile: &Range<usize>) -> &mut [f32] {
        let places = self.places(tile);
        &mut self.data[places]
    }
}

/// Splits `0..t` into ranges of nearly equal length, at most `most`.
fn tiles(t: usize, most: usize) -> impl Iterator<Item = Range<usize>> {
    let length = t.div_ceil(t.div_ceil(most).max(1)).max(1);
    (0..t).step_by(length).map(move |first| first..t.min(first + length))
}

/// A buffer for one tile of scores.
fn tile_of_scores(t: usize) -> Vec<f32> {
    vec![0.0; t.min(QUERIES) * t.min(KEYS)]
}

/// Writes `softmax(q k^T) v` to `y` and the log-sum-exp of each row to `lse`. The queries are already scaled.
pub(super) fn forward([q, k, v]: &[Rows; 3], mut y: ArrayViewMut2<'_, f32>, lse: &mut [f32]) {
    let (t, d) = (lse.len(), q.d);
    let (mut scores, mut weights) = (tile_of_scores(t), tile_of_scores(t));
    let mut out = Rows::zeros(t, d);
    for queries in tiles(t, QUERIES) {
        let mut most = vec![f32::NEG_INFINITY; queries.len()];
        let mut sums = vec![0.0; queries.len()];
        for keys in tiles(t, KEYS) {
            let scores = &mut scores[..queries.len() * keys.len()];
            let weights = &mut weights[..queries.len() * keys.len()];
            gemm_f32(scores, q.matrix(&queries, false), k.matrix(&keys, true), Init::Zero);
            let per_query = out.tile(&queries).chunks_exact_mut(d).zip(most.iter_mut().zip(&mut sums));
            let per_key = scores.chunks_exact(keys.len()).zip(weights.chunks_exact_mut(keys.len()));
            for ((scores, weights), (out, (most, sum))) in per_key.zip(per_query) {
                let before = *most;
                *most = before.max(rows::largest(scores));
                // While all scores are minus infinity, there is nothing to rescale.
                let shift = if *most == f32::NEG_INFINITY { 0.0 } else { *most };
                vector::map(scores, weights, move |score| math::exp(score - shift));
                let shrink = math::exp(before - shift);
                *sum = *sum * shrink + rows::sum(weights, weights, |weight, _| weight);
                out.iter_mut().for_each(|out| *out *= shrink);
            }
            let weights = Matrix::new(weights, queries.len(), keys.len(), false);
            gemm_f32(out.tile(&queries), weights, v.matrix(&keys, false), Init::Accumulate);
        }
        for ((query, most), sum) in queries.zip(most).zip(sums) {
            let inverse = 1.0 / sum;
            let y = y.row_mut(query).into_slice().expect(TOGETHER);
            y.iter_mut().zip(out.row(query)).for_each(|(y, out)| *y = out * inverse);
            lse[query] = most + sum.ln();
        }
    }
}

/// Writes the gradients with respect to the unscaled queries, the keys and the values.
pub(super) fn backward(
    [q, k, v]: &[Rows; 3],
    [y, dy]: [&Rows; 2],
    lse: &[f32],
    scale: f32,
    [into_dq, into_dk, into_dv]: [ArrayViewMut2<'_, f32>; 3],
) {
    let (t, d) = (lse.len(), q.d);
    let [mut scores, mut weights, mut dweights] = [(); 3].map(|()| tile_of_scores(t));
    let [mut dq, mut dk, mut dv] = [(); 3].map(|()| Rows::zeros(t, d));
    let inner: Vec<f32> = (0..t).map(|i| rows::sum(dy.row(i), y.row(i), |dy, y| dy * y)).collect();
    for queries in tiles(t, QUERIES) {
        for keys in tiles(t, KEYS) {
            let size = queries.len() * keys.len();
            let (scores, weights, dweights) =
                (&mut scores[..size], &mut weights[..size], &mut dweights[..size]);
            gemm_f32(scores, q.matrix(&queries, false), k.matrix(&keys, true), Init::Zero);
            gemm_f32(dweights, dy.matrix(&queries, false), v.matrix(&keys, true), Init::Zero);
            for (row, query) in queries.clone().enumerate() {
                let places = row * keys.len()..(row + 1) * keys.len();
                let (row_lse, inner) = (lse[query], inner[query]);
                vector::map(&scores[places.clone()], &mut weights[places.clone()], move |score| {
                    math::exp(score - row_lse)
                });
                // The score gradients overwrite the scores.
                let (weights, dweights) = (&weights[places.clone()], &dweights[places.clone()]);
                vector::map2(weights, dweights, &mut scores[places], move |weight, dweight| {
                    weight * (dweight - inner)
                });
            }
            let dscores = |transposed| Matrix::new(scores, queries.len(), keys.len(), transposed);
            let weights = Matrix::new(weights, queries.len(), keys.len(), true);
            gemm_f32(dv.tile(&keys), weights, dy.matrix(&queries, false), Init::Accumulate);
            gemm_f32(dk.tile(&keys), dscores(true), q.matrix(&queries, false), Init::Accumulate);
            gemm_f32(dq.tile(&queries), dscores(false), k.matrix(&keys, false), Init::Accumulate);
        }
    }
    dq.scatter(into_dq, scale);
    dk.scatter(into_dk, 1.0);
    dv.scatter(into_dv, 1.0);
}
