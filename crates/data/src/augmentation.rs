//! Random augmentation of training images, determined by the random stream, the step and the image.

use tensor::random::Stream;

/// The random augmentation of training images.
///
/// Random values are computed from a counter, so the same step gives the same augmentation on any device.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Augmentation {
    /// No augmentation.
    None,
    /// Rotation about the centre by an angle that is uniform in `[-degrees, degrees]`, with nearest-neighbour sampling;
    /// pixels from outside of the image are black (section 4.1 of `book/cre.md`).
    Rotation {
        /// The largest angle in degrees, from 0 to 360.
        degrees: f32,
        /// Whether all images of a batch are rotated by the same angle, as in the authors' code.
        shared: bool,
    },
    /// A random crop of the image's size from the image after reflection padding, then a horizontal flip with
    /// probability 1/2 (section 3 of `book/lbr.md`).
    CropAndFlip {
        /// The padding in pixels, smaller than the sides of the image.
        border: u32,
    },
}

/// The augmentation of one image.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Change {
    None,
    Turn { cosine: f32, sine: f32 },
    Crop { down: i64, right: i64, mirror: bool },
}

impl Augmentation {
    /// Draws the augmentation of image number `image` in the batch of a step.
    pub(crate) fn change(self, stream: &Stream, step: u64, image: u64) -> Change {
        match self {
            Self::None => Change::None,
            Self::Rotation { degrees, shared } => {
                let [word, ..] = stream.block(step, if shared { 0 } else { image });
                let fraction = 2.0 * (f64::from(word) / 2f64.powi(32)) - 1.0;
                let angle = fraction * f64::from(degrees.to_radians());
                Change::Turn { cosine: angle.cos() as f32, sine: angle.sin() as f32 }
            }
            Self::CropAndFlip { border } => {
                let [mirror, down, right, _] = stream.block(step, image);
                let offset = |word: u32| {
                    ((u64::from(word) * (2 * u64::from(border) + 1)) >> 32) as i64 - i64::from(border)
                };
                Change::Crop { down: offset(down), right: offset(right), mirror: mirror >> 31 == 1 }
            }
        }
    }

    /// The source index of each pixel of image number `image` in the batch of a step, row-major over `[h, w]`; `None`
    /// is black. For images whose pixels are not bytes.
    pub fn sources(self, stream: &Stream, [step, image]: [u64; 2], [h, w]: [usize; 2]) -> Vec<Option<usize>> {
        self.change(stream, step, image).sources([h, w])
    }

    /// The kernel's arguments: the kind of augmentation, and its largest angle or its border.
    pub(crate) fn words(self) -> [u32; 2] {
        match self {
            Self::None => [0, 0],
            Self::Rotation { degrees, shared } => [1 + u32::from(shared), degrees.to_radians().to_bits()],
            Self::CropAndFlip { border } => [3, (border as f32).to_bits()],
        }
    }
}

impl Change {
    /// [`Change::source`] of each pixel, as indices into an image.
    pub(crate) fn sources(self, [h, w]: [usize; 2]) -> Vec<Option<usize>> {
        (0..h * w)
            .map(|pixel| self.source([h, w], pixel / w, pixel % w).map(|[row, column]| row * w + column))
            .collect()
    }

    /// The source position of a pixel of an image of `h` rows and `w` columns; `None` is black.
    pub(crate) fn source(self, [h, w]: [usize; 2], row: usize, column: usize) -> Option<[usize; 2]> {
        match self {
            Self::None => Some([row, column]),
            Self::Turn { cosine, sine } => {
                let [half_h, half_w] = [h, w].map(|side| 0.5 * (side - 1) as f32);
                let (y, x) = (row as f32 - half_h, column as f32 - half_w);
                let from_column = (cosine * x + sine * y + half_w).round_ties_even();
                let from_row = (cosine * y - sine * x + half_h).round_ties_even();
                let within = |at: f32, side: usize| (at >= 0.0 && at < side as f32).then_some(at as usize);
                Some([within(from_row, h)?, within(from_column, w)?])
            }
            Self::Crop { down, right, mirror } => {
                let column = if mirror { w - 1 - column } else { column };
                Some([reflected(row as i64 + down, h), reflected(column as i64 + right, w)])
            }
        }
    }
}

/// Reflects an index outside of `0..length` at the first or last pixel, which is not repeated.
fn reflected(at: i64, length: usize) -> usize {
    let last = length as i64 - 1;
    let at = at.abs();
    (if at > last { 2 * last - at } else { at }) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rotation_by_zero_degrees_keeps_every_pixel() {
        let rotation = Augmentation::Rotation { degrees: 0.0, shared: true };
        let change = rotation.change(&Stream::new(0, "x"), 3, 1);
        for (row, column) in [(0, 0), (4, 2), (27, 31)] {
            assert_eq!(change.source([28, 32], row, column), Some([row, column]));
        }
    }

    #[test]
    fn a_rotation_by_90_degrees_moves_corners_to_corners() {
        let change = Change::Turn { cosine: 0.0, sine: 1.0 };
        assert_eq!(change.source([5, 5], 0, 0), Some([4, 0]));
        assert_eq!(change.source([5, 5], 2, 2), Some([2, 2]));
        assert_eq!(change.source([5, 7], 0, 0), None);
    }

    #[test]
    fn images_of_a_batch_share_one_angle_or_have_their_own() {
        let stream = Stream::new(7, "augment");
        let sine = |shared, image| {
            let rotation = Augmentation::Rotation { degrees: 15.0, shared };
            match rotation.change(&stream, 2, image) {
                Change::Turn { sine, .. } => sine,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(sine(true, 0), sine(true, 5));
        assert_ne!(sine(false, 0), sine(false, 5));
        assert!((0..100).all(|image| sine(false, image).abs() <= 15f32.to_radians().sin()));
    }

    #[test]
    fn a_crop_reflects_at_the_border_and_does_not_repeat_the_last_pixel() {
        let places: Vec<usize> = (-3..7).map(|at| reflected(at, 4)).collect();
        assert_eq!(places, [3, 2, 1, 0, 1, 2, 3, 2, 1, 0]);
        let change = Change::Crop { down: -1, right: 1, mirror: true };
        assert_eq!(change.source([4, 4], 0, 3), Some([1, 1]));
    }

    #[test]
    fn offsets_reach_both_ends_of_the_border_and_half_of_the_images_are_flipped() {
        let stream = Stream::new(1, "augment");
        let (mut offsets, mut mirrored) = ([0usize; 9], 0);
        for image in 0..9000 {
            let crop = Augmentation::CropAndFlip { border: 4 };
            let Change::Crop { down, mirror, .. } = crop.change(&stream, 0, image) else {
                panic!("expected a crop")
            };
            offsets[(down + 4) as usize] += 1;
            mirrored += usize::from(mirror);
        }
        // Tolerance: five standard deviations of binomial counts.
        assert!(offsets.iter().all(|&n| n.abs_diff(1000) < 150), "{offsets:?}");
        assert!(mirrored.abs_diff(4500) < 240, "{mirrored}");
    }
}
