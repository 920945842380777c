//! Tests the advice on data sets with known properties.

use data::Split;
use experiments::advice::HeldOut;
use ndarray::Array4;

use super::*;

#[test]
fn too_few_images_are_described_without_advice() {
    let set = data::open("fashion-mnist-embedded", None).unwrap();
    let mut steps = 0;
    let advice = advise(&set.train.first(1_500).unwrap(), |_| steps += 1).unwrap();
    assert_eq!((advice.classes, advice.masks.len()), (10, 9));
    assert_eq!(steps, 1 + advice.masks.len());
    assert!(advice.alignment.windows(2).all(|pair| pair[0].1 <= pair[1].1), "{:?}", advice.alignment);
    assert!(advice.components.windows(2).all(|pair| pair[0].1 <= pair[1].1));
    let text = text_of(&advice);
    assert!(
        text.starts_with("Too few images: no advice. There are 1500 images of 784 pixels")
            && text.contains("at least 3920 images"),
        "{text}"
    );
    assert!(text.contains("1500 images of 1 x 28 x 28 in 10 classes"), "{text}");
    assert!(
        !text.contains("should help") && !text.contains("should not help") && !text.contains("Avoid"),
        "{text}"
    );
}

/// For fewer images than pixels, the Gram matrix of the images gives the same results as the covariance, which would
/// take minutes.
#[test]
fn fewer_images_than_pixels_have_the_alignments_of_the_covariance() {
    let set = data::open("fashion-mnist-embedded", None).unwrap();
    let images = set.train.first(120).unwrap();
    let advice = advise(&images, |_| ()).unwrap();
    assert!(advice.too_few.is_some() && advice.held_out.is_none() && advice.rank <= 119);
    let moments =
        runs::pixels::moments_of(&images, |part| runs::pixels::rows(part, runs::pixels::normalised(part)));
    let by_pixels = theory::Denoising::new(&moments.unwrap()).unwrap();
    let clean = by_pixels.alignment(&theory::Corruption::None).unwrap();
    for &(k, got) in &advice.alignment {
        // The two computations may disagree on whether a direction is above rounding error; only the last of 119 are
        // affected.
        assert!((got - clean.alignment[k - 1]).abs() < 1e-6, "{k}: {got} {}", clean.alignment[k - 1]);
    }
}

/// The advice on images with these pixels, in two classes by turns.
fn of(pixels: impl Fn(usize, [usize; 2]) -> u8, n: usize, side: usize) -> Advice {
    let images = Array4::from_shape_fn((n, 1, side, side), |(n, _, y, x)| pixels(n, [y, x]));
    let labels = (0..n).map(|n| (n % 2) as u8).collect();
    advise(&Split::new(images, labels, 2).unwrap(), |_| ()).unwrap()
}

#[test]
fn black_and_white_images_vary_along_one_direction_that_determines_the_class() {
    let advice = of(|n, _| if n % 2 == 0 { 0 } else { 255 }, 320, 8);
    assert_eq!((advice.rank, &advice.alignment[..]), (1, &[(1, 100.0)][..]));
    let text = text_of(&advice);
    assert!(text.contains("a code of size 1 keeps 100 %") && text.contains("K = 1"), "{text}");
    assert!(!text.contains("poorly") && text.contains("masking should not help"), "{text}");
    assert!(advice.masks.iter().all(|mask| mask.change == [(1, Some(0.0))]), "{:?}", advice.masks);
}

/// With fewer directions than the usual code sizes, the sentences agree with the table.
#[test]
fn masks_of_images_of_few_directions_are_judged_by_the_possible_code_sizes() {
    // Six pixels vary most and are independent of the class; all others encode the class weakly, so a mask favours what
    // other patches predict.
    let bit = |n: usize, bit: usize| (n >> bit & 1) as u8;
    let pixel = |n: usize, [y, x]: [usize; 2]| match (y, x) {
        (0, 0..6) => 200 * bit(n, x + 1),
        _ => 100 + 15 * bit(n, 0),
    };
    let advice = of(pixel, 512, 8);
    assert_eq!(advice.rank, 7);
    let shown: Vec<f64> = advice.masks.iter().flat_map(|mask| &mask.alignment).map(|(_, a)| *a).collect();
    let clean: Vec<f64> = advice.alignment.iter().map(|(_, a)| *a).collect();
    let raised = shown.iter().zip(clean.iter().cycle()).any(|(with, without)| with - without > 1.0);
    let text = text_of(&advice);
    assert_eq!(raised, text.contains("Masking should help"), "{text}");
    // A code of the direction of the class explains the labels completely. In one half of the images the six pixels
    // correlate weakly with the class, by chance, so its direction is not found exactly.
    let helps = advice.held_out.as_ref().unwrap().helps().unwrap();
    assert!(raised && helps.low > 50.0, "{helps:?}");
    assert_eq!(advice.alignment, [(1, 0.0), (2, 0.0), (4, 0.0), (7, 100.0)]);
    assert!(
        text.contains("poorly aligned") && text.contains("even a code of size 4, of 7 directions"),
        "{text}"
    );
}

#[test]
fn a_code_of_all_directions_is_no_evidence_that_reconstruction_is_aligned_with_the_classes() {
    // Two regions with large differences in grey, independent of the class, which one pixel encodes: the last of three directions.
    let pixel = |n: usize, [y, x]: [usize; 2]| match (y, x) {
        (7, 7) => 100 + 8 * (n % 2) as u8,
        (_, 0..4) => 40 * (n / 2 % 5) as u8,
        _ => 40 * (n / 10 % 5) as u8,
    };
    let advice = of(pixel, 400, 8);
    let sizes: Vec<usize> = advice.alignment.iter().map(|(k, _)| *k).collect();
    assert_eq!((advice.rank, &sizes[..]), (3, &[1, 2, 3][..]));
    assert!(advice.of_smaller_codes().all(|(_, a)| a < 1e-3), "{:?}", advice.alignment);
    let text = text_of(&advice);
    assert!(
        text.contains("poorly aligned") && text.contains("even a code of size 2, of 3 directions"),
        "{text}"
    );
    assert!(!text.contains("well aligned"), "{text}");
}

#[test]
fn classes_that_a_linear_probe_hardly_explains_are_not_called_aligned() {
    let advice = of(|n, _| (10 * (n / 2 % 20) + n % 2) as u8, 400, 1);
    assert!(advice.rank == 1 && advice.explained < 0.01, "{advice:?}");
    let text = text_of(&advice);
    assert!(text.contains("explains only") && !text.contains("aligned with these"), "{text}");
}

/// A mask that changes only small codes is in the table, so the sentences mention it.
#[test]
fn sentences_state_the_judged_sizes_and_recommend_no_mask_to_avoid() {
    let base = of(|n, _| if n % 2 == 0 { 0 } else { 255 }, 320, 8);
    let judged =
        |drop: f64, [change, low, high]: [f64; 3]| Judged { patch: 2, drop, k: 16, change, low, high };
    let text = |rank: usize, best: Judged, worst: Judged| {
        let sizes = [4, 8, 16, rank];
        let mask = Impact {
            patch: 2,
            drop: 0.5,
            alignment: sizes.into_iter().zip([50.3, 61.3, 80.0, 100.0]).collect(),
            change: sizes.into_iter().zip([0.58, 2.21, 0.0, 0.0].map(Some)).collect(),
        };
        let alignment = sizes.into_iter().zip([50.0, 60.0, 80.0, 100.0]).collect();
        let held_out = HeldOut { explained: 1.0, best: Some(best), worst: Some(worst) };
        let masks = vec![mask];
        text_of(&Advice { rank, alignment, masks, held_out: Some(held_out), ..base.clone() })
    };
    let [better, unclear, worse] = [[1.5, 0.5, 2.5], [0.5, -0.5, 1.5], [-1.5, -2.5, -0.5]];
    let few = text(19, judged(0.25, better), judged(0.5, worse));
    assert!(
        few.contains("Masking should help: patches of 2 x 2 with 25 % dropped, which change what a linear probe of a code of \
                      size 16 explains of the labels' variance by +1.50 [+0.50, +2.50] points"),
        "{few}"
    );
    assert!(
        few.contains("Avoid patches of 2 x 2 with 50 % dropped,") && few.contains("-1.50 [-2.50, -0.50]"),
        "{few}"
    );
    assert!(!few.contains("not judged"), "{few}");
    let many = text(60, judged(0.5, unclear), judged(0.25, unclear));
    assert!(
        many.contains("No tested mask helps by more than chance with a code of size 16 or more"),
        "{many}"
    );
    let raised = "patches of 2 x 2 with 50 % dropped raise the alignment of a code of size 8 by 2.2 %, from 60.0 to 61.3 %";
    assert!(
        many.contains(&format!(
            "Smaller codes are not evaluated on the other half; the largest gain among them: {raised}."
        )) && !many.contains("Avoid"),
        "{many}"
    );
    // A mask to avoid is not recommended for smaller codes either.
    let avoided = text(60, judged(0.25, unclear), judged(0.5, worse));
    assert!(
        avoided.contains("Avoid patches of 2 x 2 with 50 % dropped") && !avoided.contains("largest gain"),
        "{avoided}"
    );
}

/// Labels are noise: the best of nine masks at several sizes is better by chance, but not on other images.
#[test]
fn labels_that_are_noise_get_no_advice_for_or_against_a_mask() {
    let mut words = tensor::random::Stream::new(5, "noise").sequence(0);
    let pixels: Vec<u8> = (0..800 * 64).map(|_| (255.0 * words.uniform()) as u8).collect();
    let images = Array4::from_shape_vec((800, 1, 8, 8), pixels).unwrap();
    let labels = (0..800).map(|_| u8::from(words.uniform() < 0.5)).collect();
    let advice = advise(&Split::new(images, labels, 2).unwrap(), |_| ()).unwrap();
    let held_out = advice.held_out.as_ref().unwrap();
    assert!(advice.explained > 0.05 && held_out.explained < 0.0, "{held_out:?}");
    let text = text_of(&advice);
    assert!(
        text.contains("explains only") && text.contains("masking should not help") && !text.contains("Avoid"),
        "{text}"
    );
}

#[test]
fn for_images_too_small_for_two_patches_the_advice_says_that_no_mask_was_tried() {
    let advice = of(|n, _| if n % 2 == 0 { 10 } else { 90 }, 12, 1);
    assert!(advice.masks.is_empty());
    let text = text_of(&advice);
    assert!(text.contains("No mask was tested") && !text.contains("should not help"), "{text}");
}

#[test]
fn one_class_is_refused() {
    let images = Split::new(Array4::from_shape_fn((4, 1, 2, 2), |(n, ..)| n as u8), vec![0; 4], 3).unwrap();
    let message = advise(&images, |_| ()).unwrap_err().to_string();
    assert_eq!(message, "advise: expected images of at least two classes, got one");
}
