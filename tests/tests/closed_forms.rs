//! Training converges to the closed form and never falls below it: the linear model of both papers on small random
//! problems (row R7 of `book/reliability.md`; fact T13 of `book/cre.md` without its images).
#![allow(clippy::unwrap_used, reason = "tests may panic")]

use models::{
    AdamConfig, Architecture, Autoencoder, CreTrainer, Example, Linear, LossTrainer, Module, Schedule,
    Sequential, Sgd, SgdConfig,
};
use ndarray::{Array1, Array2, Axis, concatenate, s};
use reliability::{Measurement, size};
use tensor::random::Stream;
use tensor::{DType, Indices, Tensor};

const INPUTS: usize = 5;
const LABELS: usize = 3;
const LATENT: usize = 2;
const EXAMPLES: usize = 40;
/// The tolerance above the optimum after training, and below it for rounding, relative to the loss of predicting zero.
const GAP: f64 = 1e-8;
const BELOW: f64 = 1e-10;
const MAX_STEPS: usize = 20_000;

/// Centred inputs, and targets: the concatenation of the inputs and of labels that are partly linear in them, each scaled
/// by the root of its weight. The mean squared error is then `lambda MSE + (1 - lambda) MSE of the labels`, independent
/// of their sizes.
struct Problem {
    inputs: Array2<f64>,
    targets: Array2<f64>,
}

impl Problem {
    fn random(number: u64) -> Self {
        let mut words = Stream::new(number, "problem").sequence(0);
        let mut random =
            |rows, columns| Array2::from_shape_simple_fn((rows, columns), || 2.0 * words.uniform() - 1.0);
        let centred = |x: Array2<f64>| &x - &x.mean_axis(Axis(0)).unwrap();
        // A decaying spectrum, so that directions differ in importance.
        let spread = Array1::from_iter((0..INPUTS).map(|i| 2.0 * 0.7f64.powi(i as i32)));
        let inputs = centred(random(EXAMPLES, INPUTS) * spread);
        let labels = centred(inputs.dot(&random(INPUTS, LABELS)) + 0.3 * random(EXAMPLES, LABELS));
        let lambda = [0.0, 0.3, 0.9, 1.0][number as usize % 4];
        let columns = (INPUTS + LABELS) as f64;
        let weighted = |of: &Array2<f64>, weight: f64| (weight * columns / of.ncols() as f64).sqrt() * of;
        let targets = concatenate![Axis(1), weighted(&inputs, lambda), weighted(&labels, 1.0 - lambda)];
        Self { inputs, targets }
    }

    /// The least mean squared error of a linear code of [`LATENT`] dimensions, by reduced-rank regression: with
    /// `Sxx = L L^T`, the sum of squares is reduced by the largest eigenvalues of `L^-1 Sxt Stx L^-T`.
    fn optimum(&self) -> f64 {
        let whitened =
            solve_lower(&cholesky(&self.inputs.t().dot(&self.inputs)), self.inputs.t().dot(&self.targets));
        let mut gains = eigenvalues(whitened.dot(&whitened.t()));
        gains.sort_by(f64::total_cmp);
        let left = self.targets.mapv(|t| t * t).sum() - gains[INPUTS - LATENT..].iter().sum::<f64>();
        left / self.targets.len() as f64
    }

    /// The mean squared error after training, which stops close to `optimum`.
    fn descended(&self, seed: u64, optimum: f64) -> f64 {
        let stream = Stream::new(seed, "init");
        let layer = |name, inputs, outputs| {
            Sequential::new().then(Linear::without_bias(inputs, outputs, &stream.child(name), DType::F64))
        };
        let encoder = layer("encoder", INPUTS, LATENT);
        let model = Autoencoder::new(encoder, layer("decoder", LATENT, INPUTS + LABELS));
        let [inputs, targets] =
            [&self.inputs, &self.targets].map(|x| Tensor::from_array(&x.clone().into_dyn()));
        let config = SgdConfig { learning_rate: 0.2, momentum: 0.9, nesterov: true };
        let sgd = Sgd::new(&model.params(), config).unwrap();
        let example = Example { images: inputs, target: Some(targets), labels: Indices::new(vec![]) };
        let mut trainer =
            LossTrainer::new(model.params(), vec![], sgd, Schedule::Constant, |tape, example, mode| {
                let output = model.forward(&tape.constant(&example.images), mode)?;
                Ok(output.mse(&tape.constant(example.target()))?)
            })
            .unwrap();
        let mut error = f64::INFINITY;
        for _ in 0..MAX_STEPS {
            if error <= optimum + GAP / 10.0 {
                break;
            }
            error = trainer.step(&example).unwrap().loss;
        }
        error
    }
}

#[test]
fn a_linear_model_converges_to_the_closed_form_and_not_below_it() {
    let measured = Measurement::of("R7", "training reaches the closed forms and never goes below them");
    let (problems, mut worst) = (size(20, 1_000), 0.0f64);
    for number in 0..problems as u64 {
        let problem = Problem::random(number);
        let (optimum, of_zero) = (problem.optimum(), problem.targets.mapv(|t| t * t).mean().unwrap());
        let gap = (problem.descended(number, optimum) - optimum) / of_zero;
        assert!(
            (-BELOW..=GAP).contains(&gap),
            "problem {number}: {gap:e} of {of_zero} from the optimum {optimum}"
        );
        worst = worst.max(gap);
    }
    measured.passed(
        problems,
        format!("{problems} random problems, the largest gap {worst:.0e}, none below by 1e-10"),
    );
}

/// At lambda = 1 the closed form is principal component analysis: the error is the variance of the smallest eigenvalues.
#[test]
fn reconstruction_alone_is_principal_component_analysis() {
    for number in (3..size(20, 1_000) as u64).step_by(4) {
        let Problem { inputs, .. } = &Problem::random(number);
        let mut spectrum = eigenvalues(inputs.t().dot(inputs));
        spectrum.sort_by(f64::total_cmp);
        let lost = spectrum[..INPUTS - LATENT].iter().sum::<f64>() / inputs.len() as f64;
        let optimum = Problem::random(number).optimum();
        assert!((optimum - lost).abs() <= BELOW * lost, "{optimum} against {lost}");
    }
}

/// The lower triangular `L` with `L L^T = a`, for a positive definite matrix.
fn cholesky(a: &Array2<f64>) -> Array2<f64> {
    let n = a.nrows();
    let mut lower = Array2::zeros((n, n));
    for i in 0..n {
        for j in 0..=i {
            let rest: f64 = a[[i, j]] - lower.slice(s![i, ..j]).dot(&lower.slice(s![j, ..j]));
            lower[[i, j]] = if i == j { rest.sqrt() } else { rest / lower[[j, j]] };
        }
    }
    lower
}

/// `L^-1 b`
fn solve_lower(lower: &Array2<f64>, mut b: Array2<f64>) -> Array2<f64> {
    for i in 0..lower.nrows() {
        for j in 0..b.ncols() {
            let known = lower.slice(s![i, ..i]).dot(&b.slice(s![..i, j]));
            b[[i, j]] = (b[[i, j]] - known) / lower[[i, i]];
        }
    }
    b
}

/// The eigenvalues of a symmetric matrix, by the Jacobi method.
fn eigenvalues(mut a: Array2<f64>) -> Vec<f64> {
    const SWEEPS: usize = 30;
    let n = a.nrows();
    for _ in 0..SWEEPS {
        for p in 0..n {
            for q in p + 1..n {
                if a[[p, q]] == 0.0 {
                    continue;
                }
                // The rotation in the plane of p and q that annihilates their entry.
                let angle = 0.5 * (2.0 * a[[p, q]]).atan2(a[[q, q]] - a[[p, p]]);
                let (sine, cosine) = angle.sin_cos();
                for k in 0..n {
                    let (kp, kq) = (a[[k, p]], a[[k, q]]);
                    (a[[k, p]], a[[k, q]]) = (cosine * kp - sine * kq, sine * kp + cosine * kq);
                }
                for k in 0..n {
                    let (pk, qk) = (a[[p, k]], a[[q, k]]);
                    (a[[p, k]], a[[q, k]]) = (cosine * pk - sine * qk, sine * pk + cosine * qk);
                }
            }
        }
    }
    a.diag().to_vec()
}

/// Fact T13 of `book/cre.md` on a small problem: at every λ, a linear CRE trained by gradient descent converges to the
/// exact front, and never falls below it.
#[test]
fn a_linear_cre_converges_to_the_exact_front() {
    const SHAPE: [usize; 2] = [48, 7];
    let mut words = Stream::new(21, "samples").sequence(0);
    let mut labels = Vec::new();
    let samples = Array2::from_shape_fn(SHAPE, |(row, column)| {
        let class = row % 3;
        if column == 0 {
            labels.push(class as u8);
        }
        (1.0 + column as f64) * (words.uniform() - 0.5) + f64::from(u8::from(column == class))
    });
    let moments = theory::Moments::of(samples.view(), &labels, 3).unwrap();
    let front = theory::LinearFront::new(&moments, 1.0).unwrap();
    let images = Tensor::from_vec(samples.iter().copied().collect(), &SHAPE).unwrap();
    let classes = Indices::new(labels.iter().map(|&label| u32::from(label)).collect());
    for lambda in [0.0, 0.5, 0.97, 1.0] {
        let exact = front.solve(lambda, 2).unwrap();
        let exact = lambda * exact.mse + (1.0 - lambda) * exact.one_hot_mse;
        let model = Architecture::Linear { pixels: SHAPE[1], classes: 3, latent: 2 };
        let model = model.build(&Stream::new(4, "init"), DType::F64).unwrap();
        let mut reached = f64::INFINITY;
        for learning_rate in [2e-2, 1e-3] {
            let mut trainer =
                CreTrainer::new(&model, AdamConfig { learning_rate, ..AdamConfig::PAPER }, lambda).unwrap();
            for _ in 0..3_000 {
                let report = trainer.step((&images, &classes)).unwrap();
                reached = lambda * report.mse + (1.0 - lambda) * report.cross_entropy;
            }
        }
        assert!(
            reached >= exact * (1.0 - 1e-9) && reached <= exact * 1.001,
            "λ = {lambda}: {reached} {exact}"
        );
    }
}
