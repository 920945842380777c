//! Facts about the data of `book/cre.md`, section 6.2, by the closed forms of `theory`.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

use data::{Dataset, Split, embedded, open, reference};
use ndarray::Array2;
use theory::{LinearFront, Moments, Pca};

/// Images as rows of the exact values `byte / 127.5 - 1`, as in [`reference`].
fn images(split: &Split) -> Array2<f64> {
    let values = split.pixels().iter().map(|&byte| f64::from(byte) / 127.5 - 1.0).collect();
    Array2::from_shape_vec((split.len(), split.image_shape().iter().product()), values).unwrap()
}

fn moments(set: &Dataset) -> Moments {
    Moments::of(images(&set.train).view(), set.train.labels(), set.classes.len()).unwrap()
}

#[test]
fn more_principal_components_reconstruct_the_embedded_test_images_better() {
    let set = embedded::fashion_mnist().unwrap();
    let errors = Pca::fit(&moments(&set)).unwrap().errors(images(&set.test).view(), 784).unwrap();
    let mean_image = reference::mean_image_error(&set.train, &set.test).unwrap();
    // Both sum 784,000 positive terms, in different orders.
    assert!((errors[0] - mean_image).abs() <= 1e6 * f64::EPSILON, "{} and {mean_image}", errors[0]);
    assert!(errors.windows(2).into_iter().all(|pair| pair[1] <= pair[0]));
    assert!(errors[2] < reference::class_mean_error(&set.train, &set.test).unwrap());
    assert!(errors[784] < 1e6 * f64::EPSILON);
}

#[test]
fn the_linear_front_of_the_embedded_images_ends_in_principal_components() {
    let set = embedded::fashion_mnist().unwrap();
    let (moments, test) = (moments(&set), images(&set.test));
    let front = LinearFront::new(&moments, LinearFront::FRACTION).unwrap();
    let pca = Pca::fit(&moments).unwrap();
    let errors = pca.errors(test.view(), 16).unwrap();
    let at = |lambda| front.solve(lambda, 16).unwrap().evaluate(test.view(), set.test.labels()).unwrap();
    let [classifier, mixed, autoencoder] = [0.0, 0.5, 1.0].map(at);
    // The same sums in another order, after a whitening over three orders of magnitude.
    assert!((autoencoder.mse - errors[16]).abs() < 1e9 * f64::EPSILON);
    assert!(classifier.mse > mixed.mse && mixed.mse > autoencoder.mse);
    assert!(classifier.accuracy > autoencoder.accuracy + 0.02);
    println!("lambda 0: {classifier:?}\nlambda 0.5: {mixed:?}\nlambda 1: {autoencoder:?}");
}

#[test]
#[ignore = "needs the full Fashion-MNIST"]
fn principal_components_of_the_full_fashion_mnist_have_the_errors_of_the_book() {
    let set = open("fashion-mnist", None).unwrap();
    let pca = Pca::fit(&moments(&set)).unwrap();
    let errors = pca.errors(images(&set.test).view(), 256).unwrap();
    let expected = [
        (0, 0.3466),
        (1, 0.2455),
        (2, 0.1844),
        (3, 0.1636),
        (4, 0.1464),
        (6, 0.1212),
        (8, 0.1064),
        (10, 0.0974),
        (12, 0.0908),
        (16, 0.0818),
        (24, 0.0693),
        (32, 0.0606),
        (64, 0.0415),
        (128, 0.0253),
        (256, 0.0119),
    ];
    for (k, expected) in expected {
        // The specification gives four digits and a tolerance of 0.2 %.
        let tolerance = 2e-3 * expected + 5e-5;
        assert!(
            (errors[k] - expected).abs() <= tolerance,
            "{k} components: expected {expected}, got {}",
            errors[k]
        );
    }
    for (k, percent) in [(2, 46.8), (16, 76.5), (64, 88.1)] {
        let got = 100.0 * pca.explained(k).unwrap();
        assert!(
            (got - percent).abs() <= 0.05,
            "{k} components: expected {percent} % of the variance, got {got}"
        );
    }
}
