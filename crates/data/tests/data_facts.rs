//! Tests of facts about the data sets that need no training.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

use agon_data::{Dataset, SearchFolders, embedded, open, open_in, reference};

/// The errors of the black image, the mean training image and the class-mean images on the test split.
fn errors(set: &Dataset) -> [f64; 3] {
    [
        reference::constant_error(&set.test, -1.0),
        reference::mean_image_error(&set.train, &set.test).unwrap(),
        reference::class_mean_error(&set.train, &set.test).unwrap(),
    ]
}

fn assert_within(got: [f64; 3], expected: [f64; 3], relative: f64) {
    for (got, expected) in got.into_iter().zip(expected) {
        assert!((got - expected).abs() <= relative * expected, "expected {expected:?}, got {got:?}");
    }
}

#[test]
fn the_embedded_set_has_its_three_reference_errors() {
    let set = open_in(embedded::NAME, &SearchFolders::default()).unwrap();
    // The exact values were computed with integers and divided once. A sum of positive terms, 784 at a time and then
    // 1,000, has an error of less than 1,784 epsilons, 4e-13, on any machine.
    let exact = [0.823_102_726_502_365_6, 0.347_340_052_074_860_46, 0.209_827_774_649_162_5];
    assert_within(errors(&set), exact, 4e-13);
}

#[test]
#[ignore = "needs the full Fashion-MNIST"]
fn the_full_fashion_mnist_has_the_three_reference_errors_of_the_specification() {
    // `book/cre.md` (section 6.2) gives four digits and a tolerance of 0.2 %.
    assert_within(errors(&open("fashion-mnist", None).unwrap()), [0.8260, 0.3466, 0.2095], 2e-3);
}

#[test]
#[ignore = "needs the full Fashion-MNIST"]
fn the_embedded_set_is_the_stated_part_of_the_full_one() {
    let full = open("fashion-mnist", None).unwrap();
    let part = embedded::fashion_mnist().unwrap();
    assert_eq!(full.train.first_of_each_class(embedded::TRAIN_OF_EACH_CLASS).unwrap(), part.train);
    assert_eq!(full.test.first_of_each_class(embedded::TEST_OF_EACH_CLASS).unwrap(), part.test);
}

#[test]
#[ignore = "needs the full MNIST and the full Fashion-MNIST"]
fn a_set_in_the_folder_of_another_is_detected() {
    let [mnist, fashion] = ["mnist", "fashion-mnist"];
    for (there, asked) in [(mnist, fashion), (fashion, mnist)] {
        let folder = open(there, None).unwrap().provenance.origin.source;
        let places = SearchFolders { named: vec![folder.into()], roots: Vec::new() };
        let message = open_in(asked, &places).unwrap_err().to_string();
        assert!(
            message.ends_with(&format!("expected the images of `{asked}`, got those of `{there}`")),
            "{message}"
        );
    }
}

#[test]
#[ignore = "needs the full MNIST and the full Fashion-MNIST"]
fn the_full_sets_have_the_published_sizes_and_classes() {
    for name in ["mnist", "fashion-mnist"] {
        let set = open(name, None).unwrap();
        assert_eq!((set.train.len(), set.test.len()), (60_000, 10_000));
        assert_eq!(set.train.image_shape(), [1, 28, 28]);
        assert!(set.test.class_counts().iter().all(|&n| n > 0));
        println!("{name}: content {}", set.provenance.content_sha256);
    }
}

#[test]
#[ignore = "needs CIFAR-10"]
fn the_full_cifar10_has_the_published_size_and_the_known_means_and_deviations() {
    let set = open("cifar10", None).unwrap();
    assert_eq!(set.train.class_counts(), [5_000; 10]);
    assert_eq!(set.test.class_counts(), [1_000; 10]);
    assert_eq!(set.train.image_shape(), [3, 32, 32]);
    // The means of byte / 255 over the training images, known to eight digits.
    let means = [0.491_399_68, 0.482_158_41, 0.446_530_91];
    let deviations = [0.247_032_23, 0.243_485_13, 0.261_587_84];
    for channel in 0..3 {
        let plane = || set.train.pixels().chunks_exact(32 * 32).skip(channel).step_by(3).flatten();
        // Sums of integers are exact: 50,000 * 1,024 * 255^2 is below 2^42.
        let sum_of = |power| plane().map(|&byte| u64::from(byte).pow(power)).sum::<u64>() as f64;
        let n = plane().count() as f64;
        let mean = sum_of(1) / (255.0 * n);
        let deviation = (sum_of(2) / (255.0 * 255.0 * n) - mean * mean).sqrt();
        assert!((mean - means[channel]).abs() < 1e-6, "channel {channel}: mean {mean}");
        assert!((deviation - deviations[channel]).abs() < 1e-6, "channel {channel}: deviation {deviation}");
    }
}

#[test]
#[ignore = "needs TinyImageNet, or a part of it"]
fn tiny_imagenet_has_the_images_of_its_folders() {
    let set = open("tiny-imagenet", None).unwrap();
    assert_eq!((set.train.image_shape(), set.classes.len()), ([3, 64, 64], 200));
    assert_eq!(set.test.class_counts(), [50; 200]);
    let counts = set.train.class_counts();
    assert!(counts.iter().all(|&count| count == counts[0] && count <= 500), "{counts:?}");
    assert_eq!((&*set.classes[0], &*set.classes[3]), ("Egyptian cat", "rocking chair"));
    // The probability that a class does not occur in 2,000 randomly chosen images is below 200 * exp(-10), which is 1
    // %.
    assert!(set.train.first(2_000).unwrap().class_counts().iter().all(|&count| count > 0));
    println!("{}: content {}", set.provenance.origin.selection, set.provenance.content_sha256);
}
