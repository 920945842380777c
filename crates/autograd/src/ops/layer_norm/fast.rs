//! Layer normalisation and its gradients in `f32` for a block of rows.

use tensor::rows;

use crate::moments::Moments;

tensor::each_isa! {
    pub(super) fn normalise(x: &[f32], y: &mut [f32], affine: [&[f32]; 2], statistics: [&mut [f32]; 2], eps: f32) {
        let ([weight, bias], [means, rstds]) = (affine, statistics);
        let d = weight.len();
        let rows = x.chunks_exact(d).zip(y.chunks_exact_mut(d));
        for ((x, y), (mean_out, rstd_out)) in rows.zip(means.iter_mut().zip(rstds)) {
            let first = rows::sum(x, x, |x, _| x) / d as f32;
            // The correction for the rounding of the first sum, so that equal values have zero deviation.
            let mut mean = first + rows::sum(x, x, |x, _| x - first) / d as f32;
            let variance = rows::sum(x, x, |x, _| (x - mean) * (x - mean)) / d as f32;
            let mut rstd = 1.0 / (variance + eps).sqrt();
            if !variance.is_finite() {
                let moments = Moments::of(x.iter().copied());
                (mean, rstd) = (moments.mean, moments.rstd(eps));
            }
            (*mean_out, *rstd_out) = (mean, rstd);
            for (((y, &x), &weight), &bias) in y.iter_mut().zip(x).zip(weight).zip(bias) {
                *y = (x - mean) * rstd * weight + bias;
            }
        }
    }

    pub(super) fn gradient_by_input(x_and_dy: [&[f32]; 2], dx: &mut [f32], weight: &[f32], statistics: [&[f32]; 2]) {
        let ([x, dy], [means, rstds], d) = (x_and_dy, statistics, weight.len());
        let rows = x.chunks_exact(d).zip(dy.chunks_exact(d)).zip(dx.chunks_exact_mut(d));
        for (((x, dy), dx), (&mean, &rstd)) in rows.zip(means.iter().zip(rstds)) {
            for ((dx, &dy), &weight) in dx.iter_mut().zip(dy).zip(weight) {
                *dx = dy * weight;
            }
            let mean_g = rows::sum(dx, dx, |g, _| g) / d as f32;
            let mean_gz = rows::sum(dx, x, |g, x| g * ((x - mean) * rstd)) / d as f32;
            for (dx, &x) in dx.iter_mut().zip(x) {
                *dx = (*dx - mean_g - (x - mean) * rstd * mean_gz) * rstd;
            }
        }
    }

    pub(super) fn add_gradients_of_affine(x_and_dy: [&[f32]; 2], sums: &mut [f32], statistics: [&[f32]; 2]) {
        let ([x, dy], [means, rstds], d) = (x_and_dy, statistics, sums.len() / 2);
        let (dweight, dbias) = sums.split_at_mut(d);
        let rows = x.chunks_exact(d).zip(dy.chunks_exact(d));
        for ((x, dy), (&mean, &rstd)) in rows.zip(means.iter().zip(rstds)) {
            for (((dweight, dbias), &x), &dy) in dweight.iter_mut().zip(&mut *dbias).zip(x).zip(dy) {
                *dweight += dy * ((x - mean) * rstd);
                *dbias += dy;
            }
        }
    }
}
