//! The advice on sets of which the truth is known.

use data::Split;
use ndarray::Array4;

use super::*;

#[test]
fn the_sentences_about_clothes_say_what_the_table_shows() {
    let set = data::open("fashion-mnist-embedded", None).unwrap();
    let mut steps = 0;
    let advice = advise(&set.train.first(1_500).unwrap(), |_| steps += 1).unwrap();
    assert_eq!((advice.classes, advice.masks.len()), (10, 9));
    assert_eq!(steps, 2 + advice.masks.len());
    assert!(advice.alignment.windows(2).all(|pair| pair[0].1 <= pair[1].1), "{:?}", advice.alignment);
    assert!(advice.components.windows(2).all(|pair| pair[0].1 <= pair[1].1));
    let text = text_of(&advice);
    assert!(text.contains("1500 images of 1 x 28 x 28 in 10 classes"), "{text}");
    assert!(text.contains("There are few images for 784 pixels each"), "{text}");
    let least = advice.judged_from();
    let judged = advice.masks.iter().flat_map(|mask| &mask.change).filter(|(k, _)| *k >= least);
    let helps = judged.filter_map(|(_, change)| *change).any(|change| change > SOME);
    assert_eq!(text.contains("Masking should help"), helps, "{text}");
    assert_eq!(text.contains("masking should not help"), !helps, "{text}");
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
    assert!(raised && text.contains("from 0.0 to 100.0 %"), "{text}");
    assert_eq!(advice.alignment, [(1, 0.0), (2, 0.0), (4, 0.0), (7, 100.0)]);
    assert!(
        text.contains("poorly aligned") && text.contains("even a code of size 4, of 7 directions"),
        "{text}"
    );
}

#[test]
fn a_code_of_all_directions_is_no_evidence_that_reconstruction_is_aligned_with_the_classes() {
    // Two regions of large differences in grey, crossed with the class, which is in one pixel: the last direction of three.
    let pixel = |n: usize, [y, x]: [usize; 2]| match (y, x) {
        (7, 7) => 100 + 8 * (n % 2) as u8,
        (_, 0..4) => 40 * (n / 2 % 5) as u8,
        _ => 40 * (n / 10 % 5) as u8,
    };
    let advice = of(pixel, 100, 8);
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
    let advice = of(|n, _| (10 * (n / 2) + n % 2) as u8, 40, 1);
    assert!(advice.rank == 1 && advice.explained < 0.01, "{advice:?}");
    let text = text_of(&advice);
    assert!(text.contains("explains only 0.0 %") && !text.contains("aligned with these"), "{text}");
}

/// A mask that changes small codes alone is in the table, so the sentences name it whether small codes are judged or not.
#[test]
fn sentences_name_the_sizes_they_judge_and_the_largest_change_in_the_table() {
    let base = of(|n, _| if n % 2 == 0 { 0 } else { 255 }, 20, 8);
    let at = |rank: usize| {
        let sizes = [4, 8, 16, rank];
        let mask = Impact {
            patch: 2,
            drop: 0.5,
            alignment: sizes.into_iter().zip([50.3, 61.3, 80.0, 100.0]).collect(),
            change: sizes.into_iter().zip([0.58, 2.21, 0.0, 0.0].map(Some)).collect(),
        };
        let alignment = sizes.into_iter().zip([50.0, 60.0, 80.0, 100.0]).collect();
        text_of(&Advice { rank, alignment, masks: vec![mask], ..base.clone() })
    };
    let raised = "patches of 2 x 2 with 50 % dropped raise the alignment of a code of size 8 by 2.2 %, from 60.0 to 61.3 %";
    let few = at(19);
    assert!(few.contains(&format!("Masking should help: {raised}.")), "{few}");
    assert!(!few.contains("not judged"), "{few}");
    let many = at(60);
    assert!(many.contains("No mask that was tried raises the alignment of a code of 16 or more"), "{many}");
    assert!(
        many.contains(&format!("Smaller codes are not judged; the largest gain among them: {raised}.")),
        "{many}"
    );
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
