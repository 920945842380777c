//! The im2col indices of a convolution: which element of an image each output pixel and kernel offset reads.

use crate::memory::Buffer;

/// Numbers in a vector register.
pub(super) const LANES: usize = 16;

/// For each pixel of a grid and each pair of channel and kernel offset, the index of one element of a padded image.
///
/// The place is a sum of two parts: one of the pixel, one of the channel and kernel offset. Since the padding is
/// stored, no place has to be asked whether it lies in the image.
#[derive(Debug)]
pub(super) struct Im2col {
    channels: usize,
    image: [usize; 2],
    grid: [usize; 2],
    stride: [usize; 2],
    before: [usize; 2],
    padded: [usize; 2],
    /// The part of each channel and kernel offset, offsets fastest.
    pub(super) steps: Vec<usize>,
}

impl Im2col {
    /// Pixel `(i, j)` of the grid reads the image at `(i, j) stride + offset`, and zero outside.
    pub(super) fn new(
        channels: usize,
        image: [usize; 2],
        grid: [usize; 2],
        stride: [usize; 2],
        offsets: &[[isize; 2]],
    ) -> Self {
        let mut before = [0; 2];
        let mut padded = image;
        for axis in 0..2 {
            let along = || offsets.iter().map(|offset| offset[axis]);
            before[axis] = along().map(|offset| (-offset).max(0) as usize).max().unwrap_or(0);
            let last = along().max().unwrap_or(0) + (grid[axis].saturating_sub(1) * stride[axis]) as isize;
            padded[axis] = before[axis] + image[axis].max((last + 1).max(0) as usize);
        }
        let place = |axis: usize, offset: isize| (before[axis] as isize + offset) as usize;
        let of_offsets = offsets.iter().map(|offset| place(0, offset[0]) * padded[1] + place(1, offset[1]));
        let of_offsets: Vec<usize> = of_offsets.collect();
        let plane = padded[0] * padded[1];
        let steps =
            (0..channels).flat_map(|c| of_offsets.iter().map(move |offset| c * plane + offset)).collect();
        Self { channels, image, grid, stride, before, padded, steps }
    }

    pub(super) fn pixels(&self) -> usize {
        self.grid[0] * self.grid[1]
    }

    /// The length of a padded image.
    pub(super) fn padded_len(&self) -> usize {
        self.channels * self.padded[0] * self.padded[1]
    }

    /// The images with their padding, each of them the start of one of `images`.
    pub(super) fn padded<'a>(&self, images: &[&'a [f32]]) -> Source<'a> {
        let len = self.channels * self.image[0] * self.image[1];
        if let (&[image], true) = (images, self.padded == self.image) {
            return Source::Borrowed(&image[..len]);
        }
        let mut buffer = Buffer::of(size_of::<f32>() * images.len() * self.padded_len());
        let to: &mut [f32] = bytemuck::cast_slice_mut(buffer.bytes_mut());
        to.fill(0.0);
        let planes = images.iter().flat_map(|image| image[..len].chunks_exact(self.image[0] * self.image[1]));
        for (plane, to) in planes.zip(to.chunks_exact_mut(self.padded[0] * self.padded[1])) {
            let rows = plane.chunks_exact(self.image[1]);
            for (row, to) in rows.zip(to.chunks_exact_mut(self.padded[1]).skip(self.before[0])) {
                to[self.before[1]..self.before[1] + self.image[1]].copy_from_slice(row);
            }
        }
        Source::Padded(buffer)
    }

    /// The part of each pixel of `count` images that lie behind each other, in vectors.
    pub(super) fn columns(&self, count: usize) -> Columns {
        let [rows, columns] = self.grid;
        assert!(i32::try_from(count * self.padded_len()).is_ok(), "a place fits into 32 bits");
        let mut places = Vec::with_capacity(count * rows * columns);
        for image in 0..count {
            for i in 0..rows {
                let start = image * self.padded_len() + i * self.stride[0] * self.padded[1];
                places.extend((0..columns).map(|j| (start + j * self.stride[1]) as i32));
            }
        }
        let furthest = self.steps.iter().max().map_or(0, |&step| step);
        let reach = places.last().map_or(0, |&last| last as usize + furthest);
        Columns { vectors: places.chunks(LANES).map(Vector::new).collect(), len: places.len(), reach }
    }
}

/// Padded images, one behind the other.
pub(super) enum Source<'a> {
    Borrowed(&'a [f32]),
    Padded(Buffer),
}

impl Source<'_> {
    pub(super) fn elements(&self) -> &[f32] {
        match self {
            Self::Borrowed(elements) => elements,
            Self::Padded(buffer) => bytemuck::cast_slice(buffer.bytes()),
        }
    }
}

/// The pixels of some images, 16 of them a vector.
#[derive(Debug)]
pub(super) struct Columns {
    pub(super) vectors: Vec<Vector>,
    pub(super) len: usize,
    /// The place that the last pixel reads with the furthest step; with it every other one is in bounds.
    pub(super) reach: usize,
}

/// Where 16 pixels lie.
#[derive(Debug)]
pub(super) struct Vector {
    /// The place of each; zero in lanes beyond the last pixel.
    pub(super) places: [i32; LANES],
    /// How many pixels there are.
    pub(super) len: usize,
    /// Where they come in a few runs of neighbours: the lanes of each and the place that its lane 0 would have.
    pub(super) runs: [Run; MOST_RUNS],
    /// The number of runs; zero if there are too many.
    pub(super) n_runs: usize,
}

/// With more runs than this a gather is faster.
pub(super) const MOST_RUNS: usize = 6;

#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Run {
    pub(super) lanes: u16,
    pub(super) origin: i32,
}

impl Vector {
    fn new(pixels: &[i32]) -> Self {
        let mut vector =
            Self { places: [0; LANES], len: pixels.len(), runs: [Run::default(); MOST_RUNS], n_runs: 0 };
        vector.places[..pixels.len()].copy_from_slice(pixels);
        for (lane, &place) in pixels.iter().enumerate() {
            let origin = place - lane as i32;
            if vector.n_runs == 0 || vector.runs[vector.n_runs - 1].origin != origin {
                if vector.n_runs == MOST_RUNS {
                    vector.n_runs = 0;
                    return vector;
                }
                vector.runs[vector.n_runs] = Run { lanes: 0, origin };
                vector.n_runs += 1;
            }
            vector.runs[vector.n_runs - 1].lanes |= 1 << lane;
        }
        vector
    }
}
