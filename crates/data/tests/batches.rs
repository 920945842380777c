//! Tests of the order and content of batches.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

use agon_data::{Augmentation, Batches, Split, gather, in_order, transform::NORMALISED};
use ndarray::Array4;
use tensor::random::Stream;

/// `n` images of 1×1×2 pixels whose values and labels encode their row.
fn split(n: usize) -> Split {
    let images = Array4::from_shape_fn((n, 1, 1, 2), |(row, .., w)| (row % 128 + 128 * w) as u8);
    Split::new(images, (0..n).map(|row| (row % 10) as u8).collect(), 10).unwrap()
}

fn shuffle(seed: u64) -> Stream {
    Stream::new(seed, "shuffle")
}

fn rows(batches: &Batches<'_>, epoch: u64) -> Vec<Vec<u32>> {
    batches.epoch(epoch).map(|batch| batch.unwrap().rows).collect()
}

#[test]
fn an_epoch_has_as_many_batches_as_the_papers_code() {
    for (n, expected) in [(60_000, 117), (50_000, 97), (10_000, 19)] {
        let split = split(n);
        let batches = Batches::new(&split, 512, shuffle(1)).unwrap();
        assert_eq!(batches.per_epoch(), expected);
        assert_eq!(batches.epoch(0).len(), expected);
        assert_eq!(batches.epoch(0).count(), expected);
    }
}

#[test]
fn an_epoch_shows_no_image_twice() {
    let split = split(1_000);
    let batches = Batches::new(&split, 64, shuffle(1)).unwrap();
    let mut seen = rows(&batches, 3).concat();
    assert_eq!(seen.len(), 960);
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), 960);
}

#[test]
fn the_order_depends_on_seed_and_epoch_alone() {
    let split = split(100);
    let one = Batches::new(&split, 10, shuffle(1)).unwrap();
    let same = Batches::new(&split, 10, shuffle(1)).unwrap();
    let other = Batches::new(&split, 10, shuffle(2)).unwrap();
    let late = rows(&one, 5);
    rows(&same, 0);
    assert_eq!(rows(&same, 5), late);
    assert_ne!(rows(&one, 4), late);
    assert_ne!(rows(&other, 5), late);
}

#[test]
fn an_epoch_can_start_at_any_step() {
    let split = split(105);
    let batches = Batches::new(&split, 10, shuffle(7)).unwrap();
    let whole = rows(&batches, 2);
    for step in 0..=whole.len() + 1 {
        let later = batches.epoch(2).skip(step);
        assert_eq!(later.len(), whole.len().saturating_sub(step));
        let later: Vec<_> = later.map(|batch| batch.unwrap().rows).collect();
        assert_eq!(later, whole[step.min(whole.len())..]);
    }
}

#[test]
fn evaluation_batches_contain_every_image_once_in_order() {
    let split = split(1_000);
    let batches: Vec<_> = in_order(&split, 64).unwrap().map(Result::unwrap).collect();
    assert_eq!((batches.len(), batches[15].rows.len()), (16, 40));
    let rows = batches.iter().flat_map(|batch| batch.rows.clone());
    assert!(rows.eq(0..1_000));
}

#[test]
fn a_batch_holds_the_normalised_images_and_labels_of_its_rows() {
    let batch = gather(&split(100), vec![42, 7, 42]).unwrap();
    let expected = [42, 42 + 128, 7, 7 + 128, 42, 42 + 128].map(|byte: usize| NORMALISED[byte]);
    assert_eq!(batch.images.shape(), [3, 2]);
    assert_eq!(batch.images.as_slice::<f32>().unwrap(), expected);
    assert_eq!(batch.labels.as_slice(), [2, 7, 2]);
}

#[test]
fn a_split_smaller_than_a_batch_is_refused() {
    let message = Batches::new(&split(99), 100, shuffle(1)).unwrap_err().to_string();
    assert_eq!(message, "batch size: expected between 1 and 99, the number of images, got 100");
    assert!(Batches::new(&split(99), 0, shuffle(1)).is_err());
    assert!(in_order(&split(99), 0).is_err());
}

#[test]
fn an_angle_out_of_range_is_refused_with_its_range() {
    let split = split(10);
    for degrees in [f32::NAN, f32::INFINITY, -1.0, 361.0] {
        let rotation = Augmentation::Rotation { degrees, shared: true };
        let refused = Batches::new(&split, 5, shuffle(1)).unwrap().with_augmentation(rotation, shuffle(2));
        let message = refused.err().unwrap().to_string();
        assert!(
            message.starts_with("degrees of a rotation: expected a number from 0 to 360, got "),
            "{message}"
        );
    }
}

#[test]
fn rows_beyond_the_split_are_refused() {
    for (rows, got) in [(vec![0, 10], "row 10"), (vec![], "none")] {
        let message = gather(&split(10), rows).unwrap_err().to_string();
        assert_eq!(message, format!("rows of a batch: expected at least one, each below 10, got {got}"));
    }
}
