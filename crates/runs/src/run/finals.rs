//! What is kept of a trained model.

use models::Representation;
use ndarray::{Array2, ArrayView2};
use tensor::Tensor;
use theory::Ridge;

use super::learning::{Learning, in_order};
use crate::Result;
use crate::images::{Images, first_of_each_class};
use crate::store::{Array, Arrays, Values};

/// Training images that closed-form probes are fitted to.
pub const PROBED: usize = 2_000;

/// Latents of more numbers are not probed: the closed form would take longer than the training.
pub const LARGEST_PROBED: usize = 1_024;

/// The penalty of the probes, relative to the mean variance of a latent unit.
pub const PENALTY: f64 = 1e-3;

/// The test latents and labels, closed-form probes, and a reconstruction of the first test image of each class.
pub(super) fn of_representation<L: Learning + ?Sized>(learning: &L, images: &Images) -> Result<Arrays> {
    let n = images.test.len();
    let latents = codes(learning, &images.test)?;
    let shown = data::gather(&images.test, first_of_each_class(&images.test))?;
    let reconstruction = learning.represent(&shown.images)?.reconstruction;
    let labels: Vec<u32> = images.test.labels().iter().map(|&label| u32::from(label)).collect();
    let mut finals = Arrays::new();
    let k = latents.len() / n;
    if k <= LARGEST_PROBED {
        for (name, value) in probes(learning, images, &latents)? {
            finals.insert(name, Array { shape: vec![], values: Values::F64(vec![value]) });
        }
    }
    finals.extend([
        ("test_latent".into(), Array { shape: vec![n, k], values: Values::F32(latents) }),
        ("test_label".into(), Array { shape: vec![n], values: Values::U32(labels) }),
        named("shown_image", &shown.images),
        named("shown_reconstruction", &reconstruction),
    ]);
    Ok(finals)
}

/// Ridge regression from frozen latents of training images to labels and to pixels, judged on test images.
fn probes<L: Learning + ?Sized>(learning: &L, images: &Images, test: &[f32]) -> Result<[(String, f64); 2]> {
    let train = images.train.first(PROBED.min(images.train.len()))?;
    let of_train = codes(learning, &train)?;
    let wide = |z: &[f32], n: usize| -> Array2<f64> {
        let z = ArrayView2::from_shape((n, z.len() / n), z).expect("there are as many latents as images");
        z.mapv(f64::from)
    };
    let (x, x_test) = (wide(&of_train, train.len()), wide(test, images.test.len()));
    let d = images.test.image_shape().iter().product();
    let pixels = |split: &data::Split| {
        Array2::from_shape_vec((split.len(), d), crate::images::normalised(split))
            .expect("a split has as many pixels as its shape says")
    };
    let classes = Ridge::fit_classes(x.view(), train.labels(), images.classes.len(), PENALTY)?;
    let decoder = Ridge::fit(x.view(), pixels(&train).view(), PENALTY)?;
    Ok([
        ("probes/ridge_accuracy".into(), classes.accuracy(x_test.view(), images.test.labels())?),
        ("probes/ridge_mse".into(), decoder.mse(x_test.view(), pixels(&images.test).view())?),
    ])
}

/// The latents of all images of a split, row after row.
fn codes<L: Learning + ?Sized>(learning: &L, split: &data::Split) -> Result<Vec<f32>> {
    let mut codes = Vec::new();
    for (images, _) in in_order(split)? {
        let Representation { z, .. } = learning.represent(&images)?;
        codes.extend(z.to_f64_vec().into_iter().map(|x| x as f32));
    }
    Ok(codes)
}

/// A tensor as the store keeps it, under its name.
pub(super) fn named(name: &str, tensor: &Tensor) -> (String, Array) {
    let values = match tensor.as_slice::<f32>() {
        Ok(values) => Values::F32(values.to_vec()),
        Err(_) => Values::F64(tensor.to_f64_vec()),
    };
    (name.to_owned(), Array { shape: tensor.shape().to_vec(), values })
}
