//! Attention for few tokens and narrow heads in `f32`, vectorised across heads: one head per vector lane.
//!
//! The matrix multiplications of such heads are too small to fill a vector. Here, the same element of all heads of some
//! examples is contiguous, and the inner loops run over the heads.

use tensor::{each_isa, math, rows};

/// The minimum number of lanes of a task: four AVX-512 registers.
const LANES: usize = 64;
/// The maximum width of a head, and the maximum number of elements of one part of a head, for which this is faster than
/// GEMM.
const WIDEST: usize = 16;
const LARGEST: usize = 512;

/// The sizes shared by all examples.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sizes {
    t: usize,
    n_heads: usize,
    /// The number of features of a head.
    width: usize,
}

impl Sizes {
    pub(super) fn new(t: usize, d: usize, n_heads: usize) -> Self {
        Self { t, n_heads, width: d / n_heads }
    }

    /// Whether vectorising across heads is faster for these sizes.
    pub(super) fn suit(self) -> bool {
        self.t > 0 && self.width <= WIDEST && self.t * self.width <= LARGEST
    }

    /// The number of heads of a task: those of enough whole examples to fill the lanes.
    fn heads(self) -> usize {
        (LANES / self.n_heads).max(1) * self.n_heads
    }

    /// The number of elements in `parts` parts of the heads of a task.
    fn task(self, parts: usize) -> usize {
        self.heads() * self.t * parts * self.width
    }

    fn scale(self) -> f32 {
        (self.width as f32).sqrt().recip()
    }

    /// The offsets of one token of all heads in a packed tensor `[n, t, parts, n_heads, width]`, example by example.
    #[inline(always)]
    fn starts(self, token: usize, [part, parts]: [usize; 2], lanes: usize) -> impl Iterator<Item = usize> {
        (0..lanes / self.n_heads)
            .map(move |example| ((example * self.t + token) * parts + part) * self.n_heads * self.width)
    }

    /// Gathers one part of all heads, times `scale`, as `[t, width, lanes]`.
    #[inline(always)]
    fn gather(self, x: &[f32], of: [usize; 2], scale: f32) -> Vec<f32> {
        let lanes = x.len() / (self.t * of[1] * self.width);
        let mut gathered = vec![0.0; self.t * self.width * lanes];
        for (token, into) in gathered.chunks_exact_mut(self.width * lanes).enumerate() {
            for (example, start) in self.starts(token, of, lanes).enumerate() {
                let heads = x[start..][..self.n_heads * self.width].chunks_exact(self.width);
                for (lane, from) in (example * self.n_heads..).zip(heads) {
                    for (feature, x) in from.iter().enumerate() {
                        into[feature * lanes + lane] = x * scale;
                    }
                }
            }
        }
        gathered
    }

    /// The inverse of [`Sizes::gather`].
    #[inline(always)]
    fn scatter(self, gathered: &[f32], into: &mut [f32], of: [usize; 2]) {
        let lanes = into.len() / (self.t * of[1] * self.width);
        for (token, from) in gathered.chunks_exact(self.width * lanes).enumerate() {
            for (example, start) in self.starts(token, of, lanes).enumerate() {
                let heads = into[start..][..self.n_heads * self.width].chunks_exact_mut(self.width);
                for (lane, into) in (example * self.n_heads..).zip(heads) {
                    for (feature, into) in into.iter_mut().enumerate() {
                        *into = from[feature * lanes + lane];
                    }
                }
            }
        }
    }
}

/// `sum + x y` in each lane.
#[inline(always)]
fn multiply_add(sum: &mut [f32], x: &[f32], y: &[f32]) {
    for ((sum, &x), &y) in sum.iter_mut().zip(x).zip(y) {
        *sum += x * y;
    }
}

/// `sum over i of x[i] y[i]` in each lane.
#[inline(always)]
fn dot<'a>(sum: &mut [f32], x: impl Iterator<Item = &'a [f32]>, y: impl Iterator<Item = &'a [f32]>) {
    sum.fill(0.0);
    for (x, y) in x.zip(y) {
        multiply_add(sum, x, y);
    }
}

/// `exp(x - shift)` for each key in each lane.
#[inline(always)]
fn exp_less(x: &mut [f32], shift: &[f32]) {
    for x in x.chunks_exact_mut(shift.len()) {
        for (x, &shift) in x.iter_mut().zip(shift) {
            *x = math::exp(*x - shift);
        }
    }
}

each_isa! {
    /// The forward pass of the heads of one task.
    fn forward_task(sizes: Sizes, qkv: &[f32], y: &mut [f32], lse: &mut [f32]) {
        let (t, width) = (sizes.t, sizes.width);
        let lanes = lse.len() / t;
        let q = sizes.gather(qkv, [0, 3], sizes.scale());
        let k = sizes.gather(qkv, [1, 3], 1.0);
        let v = sizes.gather(qkv, [2, 3], 1.0);
        let mut out = vec![0.0; t * width * lanes];
        let mut weights = vec![0.0; t * lanes];
        let (mut most, mut sum) = (vec![0.0f32; lanes], vec![0.0f32; lanes]);
        let queries = q.chunks_exact(width * lanes).zip(out.chunks_exact_mut(width * lanes));
        for (query, (q, out)) in queries.enumerate() {
            most.fill(f32::NEG_INFINITY);
            for (scores, k) in weights.chunks_exact_mut(lanes).zip(k.chunks_exact(width * lanes)) {
                dot(scores, q.chunks_exact(lanes), k.chunks_exact(lanes));
                for (most, &score) in most.iter_mut().zip(&*scores) {
                    *most = if score > *most { score } else { *most };
                }
            }
            exp_less(&mut weights, &most);
            sum.fill(0.0);
            for weights in weights.chunks_exact(lanes) {
                sum.iter_mut().zip(weights).for_each(|(sum, weight)| *sum += weight);
            }
            for (feature, out) in out.chunks_exact_mut(lanes).enumerate() {
                let values = v.chunks_exact(lanes).skip(feature).step_by(width);
                dot(out, weights.chunks_exact(lanes), values);
                out.iter_mut().zip(&sum).for_each(|(out, sum)| *out /= sum);
            }
            let places = lse.iter_mut().skip(query).step_by(t);
            for (row_lse, (most, sum)) in places.zip(most.iter().zip(&sum)) {
                *row_lse = most + sum.ln();
            }
        }
        sizes.scatter(&out, y, [0, 1]);
    }
}

/// Computes `y` `[n, t, d]` and the log-sum-exp of each row of scores from the packed `qkv` `[n, t, 3 d]`.
pub(super) fn forward(qkv: &[f32], y: &mut [f32], lse: &mut [f32], sizes: Sizes) {
    let lse = lse.chunks_mut(sizes.heads() * sizes.t);
    let tasks = qkv.chunks(sizes.task(3)).zip(y.chunks_mut(sizes.task(1)).zip(lse));
    rows::each(qkv.len(), tasks, |(qkv, (y, lse))| forward_task(sizes, qkv, y, lse));
}

each_isa! {
    /// The backward pass of the heads of one task.
    fn backward_task(
        sizes: Sizes,
        qkv: &[f32],
        y: &[f32],
        lse: &[f32],
        dy: &[f32],
        dqkv: &mut [f32],
    ) {
        let (t, width, scale) = (sizes.t, sizes.width, sizes.scale());
        let lanes = lse.len() / t;
        let token = width * lanes;
        let q = sizes.gather(qkv, [0, 3], scale);
        let k = sizes.gather(qkv, [1, 3], 1.0);
        let v = sizes.gather(qkv, [2, 3], 1.0);
        let y = sizes.gather(y, [0, 1], 1.0);
        let dy = sizes.gather(dy, [0, 1], 1.0);
        let mut dq = vec![0.0; t * token];
        let mut dk = vec![0.0; t * token];
        let mut dv = vec![0.0; t * token];
        let mut weights = vec![0.0; t * lanes];
        let mut dscores = vec![0.0; t * lanes];
        let (mut row_lse, mut inner) = (vec![0.0; lanes], vec![0.0; lanes]);
        for query in 0..t {
            let places = query * token..(query + 1) * token;
            let (q, y, dy) = (&q[places.clone()], &y[places.clone()], &dy[places.clone()]);
            let from = lse.iter().skip(query).step_by(t);
            row_lse.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
            for (scores, k) in weights.chunks_exact_mut(lanes).zip(k.chunks_exact(token)) {
                dot(scores, q.chunks_exact(lanes), k.chunks_exact(lanes));
            }
            exp_less(&mut weights, &row_lse);
            dot(&mut inner, dy.chunks_exact(lanes), y.chunks_exact(lanes));
            let keys = dscores.chunks_exact_mut(lanes).zip(weights.chunks_exact(lanes));
            for ((dscores, weights), v) in keys.zip(v.chunks_exact(token)) {
                dot(dscores, dy.chunks_exact(lanes), v.chunks_exact(lanes));
                for ((dscore, weight), inner) in dscores.iter_mut().zip(weights).zip(&inner) {
                    *dscore = weight * (*dscore - inner);
                }
            }
            for (feature, dq) in dq[places].chunks_exact_mut(lanes).enumerate() {
                dot(dq, dscores.chunks_exact(lanes), k.chunks_exact(lanes).skip(feature).step_by(width));
                dq.iter_mut().for_each(|dq| *dq *= scale);
            }
            for (dk, dscores) in dk.chunks_exact_mut(token).zip(dscores.chunks_exact(lanes)) {
                for (dk, q) in dk.chunks_exact_mut(lanes).zip(q.chunks_exact(lanes)) {
                    multiply_add(dk, dscores, q);
                }
            }
            for (dv, weights) in dv.chunks_exact_mut(token).zip(weights.chunks_exact(lanes)) {
                for (dv, dy) in dv.chunks_exact_mut(lanes).zip(dy.chunks_exact(lanes)) {
                    multiply_add(dv, weights, dy);
                }
            }
        }
        for (part, gathered) in [dq, dk, dv].iter().enumerate() {
            sizes.scatter(gathered, dqkv, [part, 3]);
        }
    }
}

/// Computes the packed gradient `[n, t, 3 d]` of queries, keys and values from the inputs and outputs of [`forward`].
pub(super) fn backward([qkv, y, lse, dy]: [&[f32]; 4], dqkv: &mut [f32], sizes: Sizes) {
    let saved = y.chunks(sizes.task(1)).zip(lse.chunks(sizes.heads() * sizes.t));
    let tasks = qkv.chunks(sizes.task(3)).zip(saved).zip(dy.chunks(sizes.task(1)));
    let tasks = tasks.zip(dqkv.chunks_mut(sizes.task(3)));
    rows::each(qkv.len(), tasks, |(((qkv, (y, lse)), dy), dqkv)| {
        backward_task(sizes, qkv, y, lse, dy, dqkv);
    });
}
