//! The im2col indices of a convolution: which element of an image each output pixel and kernel offset reads.

use super::interleave::deinterleave;
use crate::memory::Buffer;

/// Elements of a vector register.
pub(super) const LANES: usize = 16;

/// For each pixel of a grid and each pair of channel and kernel offset, the index of one element of a padded image.
///
/// The index is a sum of two terms: one depends on the pixel, the other on the channel and kernel offset. Since the
/// padding is stored, no index needs a bounds check. With a stride, the columns of each phase are stored together if
/// the kernel offsets read all phases, so adjacent pixels read adjacent elements.
#[derive(Debug)]
pub(super) struct Im2col {
    channels: usize,
    image: [usize; 2],
    grid: [usize; 2],
    stride: [usize; 2],
    before: [usize; 2],
    padded: [usize; 2],
    /// Column `c` of a row is stored as element `c / parts` of part `c % parts`.
    parts: usize,
    /// The index term of each channel and kernel offset; offsets vary fastest.
    pub(super) steps: Vec<usize>,
}

impl Im2col {
    /// Maps pixel `(i, j)` of the grid and each offset to the image element at `(i, j) stride + offset`, zero outside.
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
        let remainder = |offset: &[isize; 2]| offset[1].rem_euclid(stride[1] as isize);
        let is_read = |part: usize| offsets.iter().any(|offset| remainder(offset) == part as isize);
        let parts = if (0..stride[1].min(offsets.len() + 1)).all(is_read) { stride[1] } else { 1 };
        padded[1] = padded[1].next_multiple_of(parts);
        let place = |axis: usize, offset: isize| (before[axis] as isize + offset) as usize;
        let of_column = |column: usize| column % parts * (padded[1] / parts) + column / parts;
        let of_offsets =
            offsets.iter().map(|offset| place(0, offset[0]) * padded[1] + of_column(place(1, offset[1])));
        let of_offsets: Vec<usize> = of_offsets.collect();
        let plane = padded[0] * padded[1];
        let steps =
            (0..channels).flat_map(|c| of_offsets.iter().map(move |offset| c * plane + offset)).collect();
        Self { channels, image, grid, stride, before, padded, parts, steps }
    }

    pub(super) fn pixels(&self) -> usize {
        self.grid[0] * self.grid[1]
    }

    /// The number of elements of a padded image.
    pub(super) fn padded_len(&self) -> usize {
        self.channels * self.padded[0] * self.padded[1]
    }

    /// Whether adjacent pixels of a row read adjacent elements, in vectors that end within the padded images.
    pub(super) fn has_whole_vectors(&self) -> bool {
        let is_copied = self.padded != self.image || self.parts > 1;
        self.stride[1] == self.parts && (is_copied || self.grid[1].is_multiple_of(LANES))
    }

    /// The number of vector lanes for all pixels if each row starts a new vector.
    pub(super) fn lanes(&self) -> usize {
        self.grid[0] * self.grid[1].next_multiple_of(LANES)
    }

    /// The images with their padding; each image is at the start of one of the slices `images`.
    pub(super) fn padded<'a>(&self, images: &[&'a [f32]]) -> Source<'a> {
        let len = self.channels * self.image[0] * self.image[1];
        if let (&[image], true, 1) = (images, self.padded == self.image, self.parts) {
            return Source::Borrowed(&image[..len]);
        }
        // The last vector of pixels may extend past the last pixel.
        let mut buffer = Buffer::of(size_of::<f32>() * (images.len() * self.padded_len() + LANES));
        let to: &mut [f32] = bytemuck::cast_slice_mut(buffer.bytes_mut());
        to.fill(0.0);
        let planes = images.iter().flat_map(|image| image[..len].chunks_exact(self.image[0] * self.image[1]));
        for (plane, to) in planes.zip(to.chunks_exact_mut(self.padded[0] * self.padded[1])) {
            let rows = plane.chunks_exact(self.image[1]);
            for (row, to) in rows.zip(to.chunks_exact_mut(self.padded[1]).skip(self.before[0])) {
                match self.parts {
                    1 => to[self.before[1]..self.before[1] + self.image[1]].copy_from_slice(row),
                    parts => deinterleave(to, row, self.before[1], parts),
                }
            }
        }
        Source::Padded(buffer)
    }

    /// The index term of each pixel of `count` contiguous images, in vectors of 16. With `in_place`, each vector holds
    /// adjacent pixels of one row.
    pub(super) fn columns(&self, count: usize, in_place: bool) -> Columns {
        let [rows, columns] = self.grid;
        assert!(i32::try_from(count * self.padded_len() + LANES).is_ok(), "an index fits into 32 bits");
        assert!(!in_place || self.has_whole_vectors(), "in-place reads need adjacent pixels in each vector");
        let step = self.stride[1] / self.parts;
        let mut places = Vec::with_capacity(count * rows * columns);
        for image in 0..count {
            for i in 0..rows {
                let start = image * self.padded_len() + i * self.stride[0] * self.padded[1];
                places.extend((0..columns).map(|j| (start + j * step) as i32));
            }
        }
        let furthest = self.steps.iter().max().map_or(0, |&step| step);
        let of_row = if in_place { columns } else { places.len() };
        let rows = places.chunks(of_row.max(1));
        let vectors: Vec<Vector> = rows.flat_map(|row| row.chunks(LANES)).map(Vector::new).collect();
        let beyond = if in_place { LANES - vectors.last().map_or(LANES, |last| last.len) } else { 0 };
        let reach = places.last().map_or(0, |&last| last as usize + furthest + beyond);
        Columns { vectors, len: places.len(), reach, in_place }
    }
}

/// Padded images, contiguous in memory.
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

/// The pixels of some images, in vectors of 16.
#[derive(Debug)]
pub(super) struct Columns {
    pub(super) vectors: Vec<Vector>,
    pub(super) len: usize,
    /// The largest index that any lane reads at any step.
    pub(super) reach: usize,
    /// Whether the elements of each vector are adjacent and read at once.
    pub(super) in_place: bool,
}

/// The indices of 16 pixels.
#[derive(Debug)]
pub(super) struct Vector {
    /// The index term of each pixel; zero in lanes beyond the last pixel.
    pub(super) places: [i32; LANES],
    /// The number of pixels.
    pub(super) len: usize,
    /// Runs of adjacent elements, if there are few: the lanes of each, and the index at which its lane 0 would be.
    pub(super) runs: [Run; MAX_RUNS],
    /// The number of runs; zero if there are more than [`MAX_RUNS`].
    pub(super) n_runs: usize,
}

/// The largest number of runs that are loaded separately; with more, a gather is faster.
pub(super) const MAX_RUNS: usize = 6;

#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Run {
    pub(super) lanes: u16,
    pub(super) origin: i32,
}

impl Vector {
    fn new(pixels: &[i32]) -> Self {
        let mut vector =
            Self { places: [0; LANES], len: pixels.len(), runs: [Run::default(); MAX_RUNS], n_runs: 0 };
        vector.places[..pixels.len()].copy_from_slice(pixels);
        for (lane, &place) in pixels.iter().enumerate() {
            let origin = place - lane as i32;
            if vector.n_runs == 0 || vector.runs[vector.n_runs - 1].origin != origin {
                if vector.n_runs == MAX_RUNS {
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
