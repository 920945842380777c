//! Facts about real data of `book/lbr.md`, section 6.C: always on the embedded images, and on published sets if
//! `AGON_DATA` names their folder (`cargo test --release -p tests --test lbr_facts -- --ignored`).
#![allow(clippy::unwrap_used, reason = "tests may panic")]

use data::{Dataset, embedded, open};
use ndarray::Array2;
use theory::{Alignment, Corruption, Denoising, LinearFront, Moments, Pca};

/// Images converted to f64 at a time.
const CHUNK: usize = 2_000;

fn moments(set: &Dataset, n: usize) -> Moments {
    let train = set.train.first(n.min(set.train.len())).unwrap();
    let d = train.image_shape().iter().product();
    let mut moments = Moments::new(d, set.classes.len()).unwrap();
    for start in (0..train.len()).step_by(CHUNK) {
        let part = train.rows(start..(start + CHUNK).min(train.len())).unwrap();
        let pixels = part.pixels().iter().map(|&byte| f64::from(byte)).collect();
        let pixels = Array2::from_shape_vec((part.len(), d), pixels).unwrap();
        moments.add(pixels.view(), part.labels()).unwrap();
    }
    moments
}

fn largest_gap(a: &Alignment, b: &Alignment) -> f64 {
    a.alignment.iter().zip(&b.alignment).fold(0.0, |most, (a, b)| {
        most.max(if a.is_finite() && b.is_finite() { (a - b).abs() } else { f64::INFINITY })
    })
}

/// Facts A12, C3 and the sign of C4, on the embedded images.
#[test]
fn gaussian_noise_changes_no_alignment_and_masks_do() {
    let set = embedded::fashion_mnist().unwrap();
    let denoising = Denoising::new(&moments(&set, 6_000)).unwrap();
    let of = |corruption: Corruption| denoising.alignment(&corruption).unwrap();
    let clean = of(Corruption::None);
    assert!(clean.alignment.windows(2).into_iter().all(|pair| pair[1] >= pair[0]));
    assert!((clean.alignment.last().unwrap() - 100.0).abs() < 1e-8);
    for std in [10.0, 100.0] {
        assert!(largest_gap(&of(Corruption::Gaussian { std }), &clean) < 1e-6);
    }
    let masks = |patch, drop| of(Corruption::PatchMask { image: [1, 28, 28], patch, drop });
    assert!(largest_gap(&masks(1, 0.0), &clean) < 1e-6);
    assert!(largest_gap(&masks(1, 0.66), &clean) > 0.1);
    let kept = Corruption::FixedCount { image: [1, 28, 28], patch: 4, kept: 49 };
    assert!(largest_gap(&of(kept), &clean) < 1e-6, "all patches kept is no mask");
}

/// Fact C10, on the embedded images.
#[test]
fn a_small_reconstruction_error_closes_much_of_the_classification_gap_of_a_linear_code() {
    let set = embedded::fashion_mnist().unwrap();
    let front = LinearFront::new(&moments(&set, 6_000), LinearFront::FRACTION).unwrap();
    let floor = front.solve(0.5, front.rank()).unwrap().one_hot_mse;
    for k in [16, 64] {
        let pca = front.solve(1.0, k).unwrap();
        for (budget, expected) in [(1.01, 0.25), (1.05, 0.5)] {
            // The error increases as the weight decreases: bisection for the last weight within the budget.
            let (mut within, mut beyond) = (1.0, 0.0);
            for _ in 0..20 {
                let weight = (within + beyond) / 2.0;
                let fits = front.solve(weight, k).unwrap().mse <= budget * pca.mse;
                *if fits { &mut within } else { &mut beyond } = weight;
            }
            let best = front.solve(within, k).unwrap().one_hot_mse;
            let closed = (pca.one_hot_mse - best) / (pca.one_hot_mse - floor);
            assert!(closed >= expected, "k = {k}, budget {budget}: {closed:.2} of the gap");
        }
    }
}

/// The loader checks of `book/lbr.md`, section 3.11: variance of the first two components in percent, and the number of
/// components that explain 90 and 95 %.
#[test]
#[ignore = "needs MNIST and CIFAR-10 in AGON_DATA"]
fn principal_components_of_published_sets_explain_the_known_fractions() {
    for (name, shares, [ninety, ninety_five]) in
        [("mnist", [9.7, 7.1], [87, 154]), ("cifar10", [29.1, 11.3], [99, 217])]
    {
        let pca = Pca::fit(&moments(&open(name, None).unwrap(), usize::MAX)).unwrap();
        for (k, share) in shares.into_iter().enumerate() {
            let got = 100.0 * pca.variances()[k] / pca.variances().sum();
            assert!((got - share).abs() < 0.1, "{name}, component {}: {got:.2} %", k + 1);
        }
        for (share, n) in [(0.9, ninety), (0.95, ninety_five)] {
            let got = pca.n_for(share).unwrap();
            assert!(got.abs_diff(n) <= 1 + n / 100, "{name}: {got} components for {share}");
        }
    }
}

/// Facts C2 and C4, whose 5,000 digits are another subset of MNIST: the same curve within the spread of such subsets.
#[test]
#[ignore = "needs MNIST in AGON_DATA"]
fn the_alignment_of_digits_is_that_of_the_book() {
    let set = open("mnist", None).unwrap();
    let denoising = Denoising::new(&moments(&set, 5_000)).unwrap();
    let clean = denoising.alignment(&Corruption::None).unwrap();
    let expected = [
        (1, 31.8),
        (2, 45.9),
        (4, 57.0),
        (8, 73.0),
        (16, 81.3),
        (32, 87.7),
        (64, 91.0),
        (128, 93.7),
        (256, 95.9),
    ];
    for (k, a) in expected {
        println!("a({k}) = {:.1}, there {a}", clean.alignment[k - 1]);
        assert!((clean.alignment[k - 1] - a).abs() < 4.0, "a({k}): {}", clean.alignment[k - 1]);
    }
    for (patch, drop, helps) in [(1, 0.66, true), (4, 0.66, false)] {
        let mask = Corruption::PatchMask { image: [1, 28, 28], patch, drop };
        let impact = denoising.alignment(&mask).unwrap().impact(&clean).unwrap();
        let [at_32, at_128] = [impact[31], impact[127]];
        println!("patches of {patch}, {drop} dropped: {at_32:+.2} % at 32, {at_128:+.2} % at 128");
        assert_eq!([at_32 > 0.0, at_128 > 0.0], [helps; 2]);
    }
}

/// Closed forms for 12,288 dimensions per image; `/usr/bin/time -v` reports the peak memory.
#[test]
#[ignore = "needs TinyImageNet in AGON_DATA, 6 GiB and a quarter of an hour"]
fn images_of_64_pixels_in_colour_have_an_alignment_too() {
    let set = open("tiny-imagenet", None).unwrap();
    let of = Denoising::new(&moments(&set, usize::MAX)).unwrap().alignment(&Corruption::None).unwrap();
    println!("rank {}, alignment at 64 dimensions {:.2} %", of.alignment.len(), of.alignment[63]);
    assert!(of.alignment.windows(2).into_iter().all(|pair| pair[1] >= pair[0]));
    assert!((of.alignment.last().unwrap() - 100.0).abs() < 1e-6);
}
