//! Adam (Kingma and Ba, 2015, arXiv 1412.6980) in f64 for tests, with cosine decay to zero.

use ndarray::{Array2, Zip};

/// The parameters after `steps` steps of Adam with the gradients that `gradient` returns.
pub(crate) fn adam<const N: usize>(
    mut parameters: [Array2<f64>; N],
    rate: f64,
    steps: usize,
    mut gradient: impl FnMut(&[Array2<f64>; N]) -> [Array2<f64>; N],
) -> [Array2<f64>; N] {
    let mut moments =
        parameters.each_ref().map(|of| [Array2::<f64>::zeros(of.dim()), Array2::zeros(of.dim())]);
    for step in 0..steps {
        let gradients = gradient(&parameters);
        let rate = rate * 0.5 * (1.0 + (std::f64::consts::PI * step as f64 / steps as f64).cos());
        let [first_bias, second_bias] = [0.9f64, 0.999].map(|beta| 1.0 - beta.powi(step as i32 + 1));
        for ((x, [m, v]), g) in parameters.iter_mut().zip(&mut moments).zip(&gradients) {
            Zip::from(x).and(m).and(v).and(g).for_each(|x, m, v, g| {
                *m = 0.9 * *m + 0.1 * g;
                *v = 0.999 * *v + 0.001 * g * g;
                *x -= rate * (*m / first_bias) / ((*v / second_bias).sqrt() + 1e-8);
            });
        }
    }
    parameters
}
