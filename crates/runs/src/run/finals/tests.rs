//! Tests that final measures have the same bits in blocks as at once, and that a missing measure has a reason.

use models::Representation;
use tensor::Tensor;

use super::*;
use crate::images::DataConfig;
use crate::pixels::{normalised, rows};
use crate::run::tests::Untrained;

/// A training whose latent consists of `k` pixels, and which fails at a batch of `fails_at` images.
fn pixel_codes(k: usize, fails_at: Option<usize>) -> impl Training {
    Untrained(move |images: &Tensor| {
        let n = images.shape()[0];
        if fails_at == Some(n) {
            return Err(Error::Missing("memory for a batch".into()));
        }
        let d = images.len() / n;
        let code = |image: &[f64]| image[300..300 + k].iter().map(|&x| x as f32).collect::<Vec<_>>();
        let z = Tensor::from_vec(images.to_f64_vec().chunks(d).flat_map(code).collect(), &[n, k])?;
        Ok(Representation { logits: z.clone(), reconstruction: images.reshape(&[n, d])?, z })
    })
}

fn images(test: usize) -> Images {
    Images::open(&DataConfig::new("fashion-mnist-embedded", 2_100, 1, test), None).unwrap()
}

fn number(finals: &Arrays, name: &str) -> f64 {
    match &finals[name].values {
        Values::F64(values) => values[0],
        other => panic!("{other:?}"),
    }
}

#[test]
fn probes_in_blocks_have_the_bits_of_those_of_all_pixels_at_once() {
    let images = images(700);
    let finals = of_representation(&pixel_codes(12, None), &images, None, 0);
    let train = images.train.first(PROBED).unwrap();
    let codes = |split: &data::Split| {
        wide(&codes(&pixel_codes(12, None), split, split.len(), |_, _, _| ()).unwrap(), 12)
    };
    let pixels = |split: &data::Split| rows(split, normalised(split));
    let (x, x_test) = (codes(&train), codes(&images.test));
    let classes = Ridge::fit_classes(x.view(), train.labels(), 10, PENALTY).unwrap();
    let decoder = Ridge::fit(x.view(), pixels(&train).view(), PENALTY).unwrap();
    let accuracy = classes.accuracy(x_test.view(), images.test.labels()).unwrap();
    assert_eq!(number(&finals, RIDGE_ACCURACY), accuracy);
    let mse = decoder.mse(x_test.view(), pixels(&images.test).view()).unwrap();
    assert_eq!(number(&finals, RIDGE_MSE), mse);
    let (labels, test_labels) = (train.labels(), images.test.labels());
    let nearest = theory::NearestNeighbours::new(x.view(), labels, 5).unwrap();
    for (reader, expected) in [
        (Reader::Ridge, classes.correct(x_test.view(), test_labels).unwrap()),
        (Reader::NearestNeighbours, nearest.correct(x_test.view(), test_labels).unwrap()),
    ] {
        assert_eq!(finals[reader.name()], packed(&expected), "{reader:?}");
    }
    let each = decoder.squared_errors(x_test.view(), pixels(&images.test).view()).unwrap() / 784.0;
    let expected = standard_error(each.as_slice().unwrap()).unwrap();
    assert!((number(&finals, RIDGE_MSE_ERROR) - expected).abs() < 1e-12 * expected);
    // The reconstruction is the image.
    assert_eq!(number(&finals, ONLINE_MSE_ERROR), 0.0);
    assert_eq!(finals.keys().filter(|name| name.starts_with(ABSENT)).count(), 0);
}

#[test]
fn a_single_test_image_is_measured() {
    let images = images(1);
    let finals = of_representation(&pixel_codes(3, None), &images, None, 0);
    assert_eq!(finals[LATENT].shape, [1, 3]);
    assert!(number(&finals, RIDGE_MSE).is_finite());
}

#[test]
fn a_failed_measure_is_absent_with_its_reason_and_the_others_are_kept() {
    let images = images(40);
    // Test images come in one batch of 40, training images in batches of 500, and of each class one is shown.
    let shown = first_of_each_class(&images.test).len();
    for (fails_at, absent, kept) in [
        (500, PROBES, [LATENT, LABEL, SHOWN_RECONSTRUCTION].as_slice()),
        (40, LATENT, &[SHOWN_RECONSTRUCTION]),
        (shown, SHOWN_RECONSTRUCTION, &[LATENT, RIDGE_ACCURACY, RIDGE_MSE]),
    ] {
        let finals = of_representation(&pixel_codes(3, Some(fails_at)), &images, None, 0);
        let why = &finals[&format!("{ABSENT}{absent}")];
        assert_eq!(
            why.values,
            Values::U8(b"missing in the stored results: memory for a batch".to_vec()),
            "{fails_at}"
        );
        assert_eq!(finals.keys().filter(|name| name.starts_with(ABSENT)).count(), 1);
        assert!(kept.iter().all(|name| finals.contains_key(*name)), "{:?}", finals.keys());
    }
}

#[test]
fn the_mean_image_has_the_bits_of_that_of_the_moments() {
    let images = images(1);
    assert_eq!(images.mean().unwrap(), images.moments().unwrap().mean());
}
