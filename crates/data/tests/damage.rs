//! Tests that truncated or bit-flipped image files and CIFAR records are either read or rejected with a reason.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

use std::fs;

use agon_data::{
    FolderOptions, Skipped,
    formats::cifar::{self, Version},
    image_folder,
};
use image::{Rgb, RgbImage};

const OPTIONS: FolderOptions = FolderOptions { side: 8, colour: true };

/// A file, all its truncations, and all its single-bit changes.
struct Damaged {
    whole: Vec<u8>,
    cuts: Vec<Vec<u8>>,
    flips: Vec<Vec<u8>>,
}

impl Damaged {
    fn new(whole: Vec<u8>) -> Self {
        let cuts = (0..whole.len()).map(|end| whole[..end].to_vec()).collect();
        let flip = |bit: usize| {
            let mut bytes = whole.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            bytes
        };
        let flips = (0..8 * whole.len()).map(flip).collect();
        Self { whole, cuts, flips }
    }

    fn of_image(ending: &str) -> Self {
        let file = tempfile::Builder::new().suffix(ending).tempfile().unwrap();
        let image = RgbImage::from_fn(8, 8, |x, y| Rgb([20 * x as u8, 30 * y as u8, (x * y) as u8]));
        image.save(file.path()).unwrap();
        Self::new(fs::read(file.path()).unwrap())
    }
}

/// The decoded images of these files, the first of which is undamaged, and the skipped files.
fn read(whole: &[u8], damaged: &[Vec<u8>]) -> (Vec<Vec<u8>>, Vec<Skipped>) {
    let folder = tempfile::tempdir().unwrap();
    for split in ["train", "test"] {
        let class = folder.path().join(split).join("a");
        fs::create_dir_all(&class).unwrap();
        fs::write(class.join("whole.png"), whole).unwrap();
    }
    for (number, bytes) in damaged.iter().enumerate() {
        fs::write(folder.path().join(format!("train/a/{number}.png")), bytes).unwrap();
    }
    let (set, skipped) = image_folder(folder.path(), &OPTIONS).unwrap();
    assert_eq!(set.train.len() + skipped.len(), damaged.len() + 1);
    assert!(skipped.iter().all(|one| !one.reason.is_empty()));
    (set.train.pixels().chunks(3 * 8 * 8).map(<[u8]>::to_vec).collect(), skipped)
}

#[test]
fn a_truncated_jpeg_file_is_refused_and_one_with_a_flipped_bit_is_read_or_refused() {
    let Damaged { whole, cuts, flips } = Damaged::of_image(".jpg");
    assert_eq!(read(&whole, &cuts).1.len(), cuts.len());
    // JPEG has no checksums, so most changes give another valid image.
    assert!(!read(&whole, &flips).1.is_empty());
}

#[test]
fn a_damaged_png_file_is_refused_or_gives_its_own_pixels() {
    let Damaged { whole, cuts, flips } = Damaged::of_image(".png");
    for damaged in [cuts, flips] {
        let (images, _) = read(&whole, &damaged);
        assert!(images.iter().all(|image| *image == images[0]));
    }
}

#[test]
fn files_truncated_within_a_record_are_refused() {
    let record: Vec<u8> = (0..3_073_usize).map(|at| (at % 10) as u8).collect();
    let Damaged { cuts, .. } = Damaged::new([&*record, &*record].concat());
    for (end, bytes) in cuts.iter().enumerate() {
        assert_eq!(
            cifar::parse(Version::Cifar10, "batch", bytes).is_ok(),
            end == record.len(),
            "cut at {end}"
        );
    }
}
