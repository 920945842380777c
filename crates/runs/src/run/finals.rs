//! The final measures of a trained model: latents, probes, reconstructions.

mod readers;
mod reported;

pub use self::reported::{Reported, reported};

use models::{Representation, correct};
use ndarray::{Array2, ArrayView2};
use tensor::{Indices, Tensor};
use theory::{Ridge, RidgeInputs};

use crate::correct::{Reader, packed};
use crate::images::Images;
use crate::learner::Tokens;
use crate::measure::{squared_errors, standard_error};
use crate::memory::check_room;
use crate::names::{
    ABSENT, ATTENTIVE_ACCURACY, KNN_ACCURACY, LABEL, LATENT, ONLINE_MSE_ERROR, PROBES, RIDGE_ACCURACY,
    RIDGE_MSE, RIDGE_MSE_ERROR, SHOWN_IMAGE, SHOWN_RECONSTRUCTION,
};
use crate::pixels::{first_of_each_class, normalised_part};
use crate::store::{Array, Arrays, FinishedRun, Values};
use crate::training::Training;
use crate::training::batches::{EVALUATED_AT_ONCE, in_order};
use crate::{Error, Result};

/// The number of training images that closed-form probes are fitted to.
pub const PROBED: usize = 4 * EVALUATED_AT_ONCE;

/// The maximum latent dimensions for probes: above, the closed form would take longer than training.
pub const LARGEST_PROBED: usize = 1_024;

/// The ridge penalty of the probes, relative to the mean variance per latent dimension.
pub const PENALTY: f64 = 1e-3;

/// The number of pixels fitted at once. Images with fewer are fitted in one block, so their errors have one summation order.
const COLUMNS: usize = 4_096;

/// The number of test images whose pixels are predicted at once.
const ROWS: usize = 512;

/// The maximum bytes of stored test latents; more would fill memory and disk without use.
const MAX_LATENTS: usize = 512 << 20;

/// The reason why this final measure is absent, if it is.
pub fn why_absent(run: &FinishedRun, what: &str) -> Option<String> {
    match &run.finals.get(&format!("{ABSENT}{what}"))?.values {
        Values::U8(reason) => Some(String::from_utf8_lossy(reason).into_owned()),
        _ => None,
    }
}

/// The entry of `absent/` for measures that learners compute themselves after the last epoch.
pub(super) const AT_END: &str = "measures_at_end";

/// An array that holds the reason why a measure is absent.
pub(super) fn absent(what: &str, error: &Error) -> Arrays {
    let reason = error.to_string().into_bytes();
    let array = Array { shape: vec![reason.len()], values: Values::U8(reason) };
    Arrays::from([(format!("{ABSENT}{what}"), array)])
}

/// The test latents and labels, the results of all readers, and a reconstruction of the first test image of each class; for
/// each that cannot be computed, the reason.
pub(super) fn of_representation(
    training: &dyn Training,
    images: &Images,
    tokens: Option<Tokens>,
    seed: u64,
) -> Arrays {
    let mut finals = Arrays::new();
    let mut keep = |what: &str, found: Result<Arrays>| {
        finals.extend(found.unwrap_or_else(|error| absent(what, &error)));
    };
    keep(SHOWN_RECONSTRUCTION, shown(training, images));
    let (mut found, mut errors) = (vec![], vec![]);
    let of_test = codes(training, &images.test, images.test.len(), |images, labels, made| {
        found.extend(correct(&made.logits, labels));
        errors.extend(squared_errors(&made.reconstruction, images));
    });
    match of_test {
        Ok(latents) => {
            let k = latents.len() / images.test.len();
            if k <= LARGEST_PROBED {
                let readers = probes(training, images, &latents).and_then(|(mut readers, of_train)| {
                    if let Some(tokens) = tokens {
                        readers.extend(attentive(tokens, images, &of_train, &latents, seed)?);
                    }
                    Ok(readers)
                });
                keep(PROBES, readers);
            }
            let mut of_online = Arrays::from([(Reader::Online.name().into(), packed(&found))]);
            let error = standard_error(&errors).map(|error| (ONLINE_MSE_ERROR.into(), Array::number(error)));
            of_online.extend(error.into_iter().chain(Reader::Online.with_errors(&errors)));
            keep(LATENT, Ok(with_labels(latents, &images.test)));
            keep(LATENT, Ok(of_online));
        }
        Err(error) => keep(LATENT, Err(error)),
    }
    finals
}

/// The first test image of each class and its reconstruction.
fn shown(training: &dyn Training, images: &Images) -> Result<Arrays> {
    let shown = data::gather(&images.test, first_of_each_class(&images.test))?;
    let reconstruction = training.represent(&shown.images)?.reconstruction;
    let [images, reconstruction] = [&shown.images, &reconstruction].map(Array::of);
    Ok(Arrays::from([(SHOWN_IMAGE.into(), images), (SHOWN_RECONSTRUCTION.into(), reconstruction)]))
}

fn with_labels(latents: Vec<f32>, test: &data::Split) -> Arrays {
    let (n, k) = (test.len(), latents.len() / test.len());
    let labels: Vec<u32> = test.labels().iter().map(|&label| u32::from(label)).collect();
    Arrays::from([
        (LATENT.into(), Array { shape: vec![n, k], values: Values::F32(latents) }),
        (LABEL.into(), Array { shape: vec![n], values: Values::U32(labels) }),
    ])
}

/// Ridge regression from frozen latents of training images to labels and to pixels, evaluated on test images. Pixels
/// in f64 are held one block at a time.
///
/// Also the nearest-neighbour votes, and the training latents that all of these were fitted to.
fn probes(training: &dyn Training, images: &Images, test: &[f32]) -> Result<(Arrays, Vec<f32>)> {
    let (n_test, d) = (images.test.len(), images.n_pixels());
    let k = test.len() / n_test;
    check_room(
        "fitting the ridge probes",
        bytes_of_probes(images, k),
        "train again with more free memory to compute them",
    )?;
    let n = PROBED.min(images.train.len());
    let latents = codes(training, &images.train, n, |_, _, _| ())?;
    let (of_train, of_test) = (wide(&latents, k), wide(test, k));

    let (labels, test_labels) = (&images.train.labels()[..n], images.test.labels());
    let classes = Ridge::fit_classes(of_train.view(), labels, images.classes.len(), PENALTY)?;
    let by_ridge = classes.correct(of_test.view(), test_labels)?;
    let by_nearest = readers::nearest((of_train.view(), labels), (of_test.view(), test_labels))?;
    drop(of_test);

    let inputs = RidgeInputs::new(of_train.view(), PENALTY)?;
    let (mut squares, mut of_images) = (0.0, vec![0.0; n_test]);
    for start in (0..d).step_by(COLUMNS) {
        let columns = start..d.min(start + COLUMNS);
        let pixels = normalised_part(&images.train, 0..n, columns.clone());
        let decoder = inputs.fit(pixels.view())?;
        drop(pixels);
        for start in (0..n_test).step_by(ROWS) {
            let rows = start..n_test.min(start + ROWS);
            let codes = wide(&test[rows.start * k..rows.end * k], k);
            let pixels = normalised_part(&images.test, rows.clone(), columns.clone());
            decoder.add_squared_errors(codes.view(), pixels.view(), &mut squares)?;
            let errors = decoder.squared_errors(codes.view(), pixels.view())?;
            of_images[rows].iter_mut().zip(errors).for_each(|(sum, error)| *sum += error / d as f64);
        }
    }
    let mut found = Arrays::from([(RIDGE_MSE.into(), Array::number(squares / (n_test * d) as f64))]);
    found.extend(read_by(Reader::Ridge, RIDGE_ACCURACY, &by_ridge));
    found.extend(read_by(Reader::NearestNeighbours, KNN_ACCURACY, &by_nearest));
    found.extend(standard_error(&of_images).map(|error| (RIDGE_MSE_ERROR.into(), Array::number(error))));
    found.extend(Reader::Ridge.with_errors(&of_images));
    Ok((found, latents))
}

/// The attentive probe of latents of tokens.
fn attentive(tokens: Tokens, images: &Images, train: &[f32], test: &[f32], seed: u64) -> Result<Arrays> {
    let n = PROBED.min(images.train.len());
    let (train, test) = ((train, &images.train.labels()[..n]), (test, images.test.labels()));
    let found = readers::attentive(tokens, train, test, images.classes.len(), seed)?;
    Ok(Arrays::from(read_by(Reader::Attentive, ATTENTIVE_ACCURACY, &found)))
}

/// The accuracy of a reader under this name, and its per-image results.
fn read_by(reader: Reader, accuracy: &str, correct: &[bool]) -> [(String, Array); 2] {
    let share = correct.iter().filter(|&&correct| correct).count() as f64 / correct.len() as f64;
    [(accuracy.into(), Array::number(share)), (reader.name().into(), packed(correct))]
}

/// Codes of `k` dimensions as rows in f64.
fn wide(codes: &[f32], k: usize) -> Array2<f64> {
    let codes = ArrayView2::from_shape((codes.len() / k, k), codes).expect("all codes have the same length");
    codes.mapv(f64::from)
}

/// An estimate of the peak memory in bytes of the final measures, with latents of `k` dimensions.
pub(super) fn bytes(images: &Images, k: usize) -> u64 {
    let d = images.n_pixels();
    let latents = images.test.len().saturating_mul(k).saturating_mul(4).min(MAX_LATENTS);
    let probes = if k <= LARGEST_PROBED { bytes_of_probes(images, k) } else { 0 };
    // A batch as bytes, in f32, and reconstructed.
    let batch = EVALUATED_AT_ONCE.min(images.test.len()).saturating_mul(9 * d);
    (latents as u64).saturating_add(probes.max(batch as u64))
}

/// The bytes that the probes need: codes with and without their mean, the factor and its input; a block of pixels of
/// training images with and without their mean, the fit, and a block of test images with predictions.
fn bytes_of_probes(images: &Images, k: usize) -> u64 {
    let d = images.n_pixels();
    let (columns, n) = (d.min(COLUMNS), PROBED.min(images.train.len()));
    // The training latents are held as well.
    let codes = (2 * n + n.div_ceil(2) + 2 * images.test.len()) * k + 3 * k * k;
    let pixels = (2 * n + 2 * k + 3 * ROWS.min(images.test.len())) * columns;
    8 * (codes + pixels) as u64
}

/// The latents of the first `n` images of a split in order: of all, or of whole batches. `each` receives the images, labels
/// and representation of each batch.
///
/// # Errors
/// If there is no representation, or the latents exceed the maximum size.
fn codes(
    training: &dyn Training,
    split: &data::Split,
    n: usize,
    mut each: impl FnMut(&Tensor, &Indices, &Representation),
) -> Result<Vec<f32>> {
    let (mut codes, mut n_done) = (Vec::new(), 0);
    for (images, labels) in in_order(split)? {
        if n_done == n {
            break;
        }
        n_done += labels.len();
        let made = training.represent(&images)?;
        each(&images, &labels, &made);
        let Representation { z, .. } = made;
        if codes.is_empty() {
            let all = (z.len() / labels.len()).saturating_mul(n);
            if all > MAX_LATENTS / size_of::<f32>() {
                let k = z.len() / labels.len();
                return Err(Error::Usage(format!(
                    "{n} latents of {k} dimensions: expected at most {} MiB, got more; use fewer test images \
                     (`data.test`)",
                    MAX_LATENTS >> 20
                )));
            }
            codes.reserve_exact(all);
        }
        match z.as_slice::<f32>() {
            Ok(z) => codes.extend_from_slice(z),
            Err(_) => codes.extend(z.to_f64_vec().into_iter().map(|x| x as f32)),
        }
    }
    Ok(codes)
}

#[cfg(test)]
mod tests;
