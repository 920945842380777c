//! Layer normalisation and its gradients in `f32`, for a block of rows.

use tensor::rows;

use crate::moments::Moments;

tensor::each_isa! {
    pub(super) fn normalise(x: &[f32], y: &mut [f32], affine: [&[f32]; 2], statistics: [&mut [f32]; 2], eps: f32) {
        let ([weight, bias], [means, inverses]) = (affine, statistics);
        let d = weight.len();
        let rows = x.chunks_exact(d).zip(y.chunks_exact_mut(d));
        for ((x, y), (mean_out, inverse_out)) in rows.zip(means.iter_mut().zip(inverses)) {
            let first = rows::sum(x, x, |x, _| x) / d as f32;
            // What the first sum has rounded, so that equal values have no deviation.
            let mut mean = first + rows::sum(x, x, |x, _| x - first) / d as f32;
            let variance = rows::sum(x, x, |x, _| (x - mean) * (x - mean)) / d as f32;
            let mut inverse = 1.0 / (variance + eps).sqrt();
            if !variance.is_finite() {
                let moments = Moments::of(x.iter().copied());
                (mean, inverse) = (moments.mean, moments.inverse(eps));
            }
            (*mean_out, *inverse_out) = (mean, inverse);
            for (((y, &x), &weight), &bias) in y.iter_mut().zip(x).zip(weight).zip(bias) {
                *y = (x - mean) * inverse * weight + bias;
            }
        }
    }

    pub(super) fn gradient_by_input(x_and_dy: [&[f32]; 2], dx: &mut [f32], weight: &[f32], statistics: [&[f32]; 2]) {
        let ([x, dy], [means, inverses], d) = (x_and_dy, statistics, weight.len());
        let rows = x.chunks_exact(d).zip(dy.chunks_exact(d)).zip(dx.chunks_exact_mut(d));
        for (((x, dy), dx), (&mean, &inverse)) in rows.zip(means.iter().zip(inverses)) {
            for ((dx, &dy), &weight) in dx.iter_mut().zip(dy).zip(weight) {
                *dx = dy * weight;
            }
            let mean_g = rows::sum(dx, dx, |g, _| g) / d as f32;
            let mean_gz = rows::sum(dx, x, |g, x| g * ((x - mean) * inverse)) / d as f32;
            for (dx, &x) in dx.iter_mut().zip(x) {
                *dx = (*dx - mean_g - (x - mean) * inverse * mean_gz) * inverse;
            }
        }
    }

    pub(super) fn add_gradients_of_affine(x_and_dy: [&[f32]; 2], sums: &mut [f32], statistics: [&[f32]; 2]) {
        let ([x, dy], [means, inverses], d) = (x_and_dy, statistics, sums.len() / 2);
        let (dweight, dbias) = sums.split_at_mut(d);
        let rows = x.chunks_exact(d).zip(dy.chunks_exact(d));
        for ((x, dy), (&mean, &inverse)) in rows.zip(means.iter().zip(inverses)) {
            for (((dweight, dbias), &x), &dy) in dweight.iter_mut().zip(&mut *dbias).zip(x).zip(dy) {
                *dweight += dy * ((x - mean) * inverse);
                *dbias += dy;
            }
        }
    }
}
