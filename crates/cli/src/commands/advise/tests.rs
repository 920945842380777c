//! The advice on sets of which the truth is known.

use data::Split;
use ndarray::Array4;

use super::*;

#[test]
fn clothes_are_told_well_from_few_numbers_and_the_words_say_so() {
    let set = data::open("fashion-mnist-embedded", None).unwrap();
    let mut steps = 0;
    let advice = advise(&set.train.first(1_500).unwrap(), |_| steps += 1).unwrap();
    assert_eq!((advice.classes, advice.masks.len()), (10, 9));
    assert_eq!(steps, 2 + advice.masks.len());
    assert!(advice.alignment.windows(2).all(|pair| pair[0].1 <= pair[1].1), "{:?}", advice.alignment);
    assert!(advice.components.windows(2).all(|pair| pair[0].1 <= pair[1].1));
    let text = text_of(&advice);
    assert!(text.contains("1500 images of 1 x 28 x 28 in 10 classes"), "{text}");
    assert!(text.contains("There are few images for 784 numbers each"), "{text}");
    assert!(text.contains("Masking should help") || text.contains("masking should not help"), "{text}");
}

/// The alignments of the table, without a mask and with each, and the sentences.
fn of(pixels: impl Fn(usize, [usize; 2]) -> u8, n: usize, side: usize) -> Advice {
    let images = Array4::from_shape_fn((n, 1, side, side), |(n, _, y, x)| pixels(n, [y, x]));
    let labels = (0..n).map(|n| (n % 2) as u8).collect();
    advise(&Split::new(images, labels, 2).unwrap(), |_| ()).unwrap()
}

#[test]
fn black_and_white_images_vary_along_one_direction_that_holds_all_of_their_class() {
    let advice = of(|n, _| if n % 2 == 0 { 0 } else { 255 }, 20, 8);
    assert_eq!((advice.rank, &advice.alignment[..]), (1, &[(1, 100.0)][..]));
    let text = text_of(&advice);
    assert!(text.contains("a code of size 1 keeps 100 %") && text.contains("K = 1"), "{text}");
    assert!(!text.contains("poorly") && text.contains("masking should not help"), "{text}");
    assert!(advice.masks.iter().all(|mask| mask.change == [(1, Some(0.0))]), "{:?}", advice.masks);
}

/// Fewer directions than the codes that masks are usually judged by: what the table shows is what the words say.
#[test]
fn masks_of_images_of_few_directions_are_judged_by_the_codes_that_there_are() {
    // Six pixels vary most and say nothing of the class, which all others say faintly: a mask promotes what other patches
    // predict.
    let bit = |n: usize, bit: usize| (n >> bit & 1) as u8;
    let pixel = |n: usize, [y, x]: [usize; 2]| match (y, x) {
        (0, 0..6) => 200 * bit(n, x + 1),
        _ => 100 + 15 * bit(n, 0),
    };
    let advice = of(pixel, 128, 8);
    assert_eq!(advice.rank, 7);
    let shown: Vec<f64> = advice.masks.iter().flat_map(|mask| &mask.alignment).map(|(_, a)| *a).collect();
    let clean: Vec<f64> = advice.alignment.iter().map(|(_, a)| *a).collect();
    let raised = shown.iter().zip(clean.iter().cycle()).any(|(with, without)| with - without > 1.0);
    let text = text_of(&advice);
    assert_eq!(raised, text.contains("Masking should help"), "{text}");
    assert!(raised && text.contains("a code of size 4 from 0 to 100 %"), "{text}");
    assert_eq!(advice.alignment, [(4, 0.0), (7, 100.0)]);
}

#[test]
fn images_without_room_for_two_patches_are_told_that_no_mask_was_tried() {
    let advice = of(|n, _| if n % 2 == 0 { 10 } else { 90 }, 12, 1);
    assert!(advice.masks.is_empty());
    let text = text_of(&advice);
    assert!(text.contains("No mask was tried") && !text.contains("should not help"), "{text}");
}

#[test]
fn one_class_is_refused() {
    let images = Split::new(Array4::from_shape_fn((4, 1, 2, 2), |(n, ..)| n as u8), vec![0; 4], 3).unwrap();
    let message = advise(&images, |_| ()).unwrap_err().to_string();
    assert_eq!(message, "there is one class only, and nothing to classify");
}
