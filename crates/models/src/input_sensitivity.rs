//! Input sensitivity of an encoder: the squared norm of its Jacobian along given directions.

use autograd::Tape;
use autograd::ops::matmul::MatMul;
use ndarray_rand::rand::RngCore;
use tensor::Tensor;
use tensor::random::Stream;

use crate::{Cre, Error, Mode, Result};

/// For each direction `v`, a row of `[m, pixels]`, an estimate of the mean of `|J v|^2` over the images `[n, pixels]`,
/// where `J = dz/dx` is the Jacobian of the encoder at that image, in evaluation mode.
///
/// Values of orthonormal rows are comparable; over a whole basis they sum to the mean squared Frobenius norm of the
/// Jacobian.
///
/// One backward pass suffices for all directions (Hutchinson's estimator, 1989, doi 10.1080/03610918908812806). For
/// each image, random signs `g` are drawn from `stream`, one for each latent dimension, and the pass computes
/// `r = J^T g`. With `u = J v`, `(r v)^2 = (g u)^2` has the mean `|u|^2`, because the signs are independent, so the
/// estimate is unbiased. Its variance for one image is `2 (|u|^4 - sum of u_i^4)`: zero for a one-dimensional latent,
/// and at most `2 |u|^4`, the variance with normally distributed `g`. Over `n` images with equal `|u|`, the relative
/// standard error is at most `sqrt(2 / n)`; it is larger if few images dominate the sum. For a data set, average over
/// its batches, weighted by their sizes, each with its own stream.
///
/// # Errors
/// If there are no images or a shape does not match.
pub fn input_sensitivity(
    model: &Cre,
    images: &Tensor,
    directions: &Tensor,
    stream: &Stream,
) -> Result<Vec<f64>> {
    let (&[n, pixels], &[m, along]) = (images.shape(), directions.shape()) else {
        return Err(misfit(images, directions));
    };
    if along != pixels {
        return Err(misfit(images, directions));
    }
    if n == 0 {
        return Err(Error::Setting { setting: "images", expected: "at least one", got: "none".into() });
    }
    let by_pixel = {
        let tape = Tape::new();
        let x = tape.input(images);
        let z = model.encode(&x, Mode::Evaluation)?;
        let signs = signs(z.shape(), stream)?.to_dtype(z.value().dtype()).to_device(&z.value().device())?;
        tape.backward_from(&z, signs)?.of(&x)?.clone()
    };
    // r v for each image and each direction: [n, m]
    let tape = Tape::without_gradients();
    let directions = tape.constant(&directions.to_device(&by_pixel.device())?).to_dtype(by_pixel.dtype())?;
    let transposed = MatMul { transpose_a: false, transpose_b: true };
    let [along] = tape.apply(transposed, [&tape.constant(&by_pixel), &directions])?;
    let mut squares = vec![0.0; m];
    for row in along.value().to_f64_vec().chunks_exact(m.max(1)) {
        squares.iter_mut().zip(row).for_each(|(sum, x)| *sum += x * x);
    }
    Ok(squares.into_iter().map(|sum| sum / n as f64).collect())
}

fn misfit(images: &Tensor, directions: &Tensor) -> Error {
    let expected = "images [n, pixels] and directions [m, pixels]";
    tensor::Error::shape("input_sensitivity", expected, &[images.shape(), directions.shape()]).into()
}

/// Random signs: 1 or -1 with equal probability.
fn signs(shape: &[usize], stream: &Stream) -> Result<Tensor> {
    let mut words = stream.sequence(0);
    let signs = (0..shape.iter().product()).map(|_| if words.next_u32() >> 31 == 0 { 1.0 } else { -1.0 });
    Ok(Tensor::from_vec::<f64>(signs.collect(), shape)?)
}

#[cfg(test)]
mod tests {
    use tensor::DType;

    use super::*;
    use crate::fc::{self, Config, Size};
    use crate::{Activation, Architecture, vit};

    const PIXELS: usize = 6;
    const N: usize = 5;

    fn model(latent: usize, size: Size, latent_activation: Activation) -> Cre {
        let config = Config { pixels: PIXELS, classes: 3, latent_activation, ..Config::of(size, latent) };
        fc::cre(&config, &Stream::new(3, "init"), DType::F64).unwrap()
    }

    fn random(shape: &[usize], purpose: &str) -> Tensor {
        let mut words = Stream::new(7, purpose).sequence(0);
        let values = (0..shape.iter().product()).map(|_| 2.0 * words.uniform() - 1.0).collect();
        Tensor::from_vec::<f64>(values, shape).unwrap()
    }

    /// The standard basis and one direction that is oblique to it.
    fn directions() -> Tensor {
        let mut rows: Vec<f64> = (0..PIXELS * PIXELS).map(|i| f64::from(i % (PIXELS + 1) == 0)).collect();
        rows.extend(random(&[PIXELS], "oblique").to_f64_vec());
        Tensor::from_vec(rows, &[PIXELS + 1, PIXELS]).unwrap()
    }

    /// `J v` for each image and each direction, from one backward pass per latent dimension.
    fn exact(model: &Cre, images: &Tensor, k: usize) -> Vec<Vec<Vec<f64>>> {
        let directions = directions().to_f64_vec();
        let mut all = vec![vec![vec![]; PIXELS + 1]; N];
        for unit in 0..k {
            let tape = Tape::new();
            let x = tape.input(images);
            let z = model.encode(&x, Mode::Evaluation).unwrap();
            let one = (0..N * k).map(|i| f64::from(i % k == unit)).collect();
            let gradients = tape.backward_from(&z, Tensor::from_vec::<f64>(one, &[N, k]).unwrap()).unwrap();
            for (image, row) in gradients.of(&x).unwrap().to_f64_vec().chunks(PIXELS).enumerate() {
                for (direction, v) in directions.chunks(PIXELS).enumerate() {
                    all[image][direction].push(row.iter().zip(v).map(|(x, v)| x * v).sum());
                }
            }
        }
        all
    }

    /// The mean over many samples is within five standard errors, which are computed from the documented variance.
    #[test]
    fn the_estimate_has_the_documented_mean_and_variance() {
        const DRAWS: usize = 2000;
        const K: usize = 4;
        for (size, activation) in [(Size::S, Activation::Identity), (Size::M, Activation::Relu)] {
            let (model, images) = (model(K, size, activation), random(&[N, PIXELS], "images"));
            let jacobian = exact(&model, &images, K);
            let draws: Vec<Vec<f64>> = (0..DRAWS)
                .map(|draw| {
                    let stream = Stream::new(draw as u64, "listening");
                    input_sensitivity(&model, &images, &directions(), &stream).unwrap()
                })
                .collect();
            for direction in 0..=PIXELS {
                let (mut mean, mut variance) = (0.0, 0.0);
                for u in jacobian.iter().map(|image| &image[direction]) {
                    let square: f64 = u.iter().map(|u| u * u).sum();
                    let fourth: f64 = u.iter().map(|u| u.powi(4)).sum();
                    mean += square / N as f64;
                    variance += 2.0 * (square * square - fourth) / (N * N) as f64;
                }
                let of = draws.iter().map(|draw| draw[direction]);
                let got = of.clone().sum::<f64>() / DRAWS as f64;
                let spread = of.map(|x| (x - got).powi(2)).sum::<f64>() / (DRAWS - 1) as f64;
                let error = 5.0 * (variance / DRAWS as f64).sqrt();
                assert!(
                    (got - mean).abs() < error,
                    "{size:?}, {direction}: {got}, exactly {mean} +- {error}"
                );
                // The standard error of a variance estimated from 2,000 samples with a kurtosis below 12 is below 8 %.
                assert!((spread / variance - 1.0).abs() < 0.4, "{size:?}, {direction}: {spread} {variance}");
            }
        }
    }

    #[test]
    fn the_estimate_is_exact_for_a_one_dimensional_latent() {
        let (model, images) = (model(1, Size::M, Activation::Identity), random(&[N, PIXELS], "images"));
        let jacobian = exact(&model, &images, 1);
        for seed in 0..3 {
            let got =
                input_sensitivity(&model, &images, &directions(), &Stream::new(seed, "listening")).unwrap();
            for (direction, got) in got.into_iter().enumerate() {
                let squares = jacobian.iter().map(|image| image[direction][0].powi(2));
                let expected = squares.sum::<f64>() / N as f64;
                // Both are sums of the same thousand products, up to signs and order.
                assert!((got - expected).abs() <= 1e-12 * expected, "{direction}: {got} {expected}");
            }
        }
    }

    #[test]
    fn the_estimate_works_for_encoders_of_images_and_of_tokens() {
        for architecture in
            [Architecture::CnnS { latent_channels: 1, classes: 10 }, Architecture::Vit(vit::Config::S)]
        {
            let model = architecture.build(&Stream::new(3, "init"), DType::F32).unwrap();
            let images = random(&[2, 784], "images").to_dtype(DType::F32);
            let directions = random(&[3, 784], "directions");
            let got = input_sensitivity(&model, &images, &directions, &Stream::new(1, "listening")).unwrap();
            assert!(got.len() == 3 && got.iter().all(|&share| share > 0.0), "{got:?}");
        }
    }

    #[test]
    fn directions_of_another_length_and_empty_batches_are_refused() {
        let (model, stream) = (model(2, Size::S, Activation::Identity), Stream::new(1, "listening"));
        let of = |images: &[usize], directions: &[usize]| {
            let zeros = |shape| Tensor::zeros(shape, DType::F64);
            input_sensitivity(&model, &zeros(images), &zeros(directions), &stream)
        };
        for (images, directions) in [([2, 6].as_slice(), [3, 5].as_slice()), (&[2, 6], &[6]), (&[6], &[3, 6])]
        {
            let message = of(images, directions).unwrap_err().to_string();
            assert!(message.contains("images [n, pixels] and directions [m, pixels]"), "{message}");
        }
        assert_eq!(of(&[0, 6], &[3, 6]).unwrap_err().to_string(), "images: expected at least one, got none");
        assert_eq!(of(&[2, 6], &[0, 6]), Ok(vec![]));
    }
}
