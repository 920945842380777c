//! The maximum of each window of an image with its position, and the scatter of gradients to these positions.

use std::ops::Range;

use ndarray::{Array4, ArrayD, ArrayViewD};
use tensor::gpu::{Argument, Call, Grid};
use tensor::{Kernel, Real, Slice, Storage, Tensor, elements, planes};

use super::MaxPool2d;
use crate::Result;
use crate::op::if_needed;
use crate::ops::conv2d::of_rank_4;

/// A kernel that computes the maximum of each window, and its position `row * w + column` in its image: the first
/// maximum in row-major order, or the first NaN if there is one.
///
/// The windows are all pairs of a row range and a column range, none of them empty.
#[derive(Debug, Clone)]
pub struct Largest {
    pub(crate) image: [usize; 2],
    pub(crate) windows: Windows,
    pub(crate) rows: Vec<Range<usize>>,
    pub(crate) columns: Vec<Range<usize>>,
}

/// The arrangement of windows, which is passed to GPU kernels instead of the ranges.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Windows {
    /// Windows of a fixed size with a stride.
    Moving(MaxPool2d),
    /// Adaptive windows that cover the image.
    Covering,
}

impl Windows {
    fn entry(self) -> &'static str {
        match self {
            Self::Moving(_) => "max_pool2d",
            Self::Covering => "adaptive_max_pool",
        }
    }

    /// The struct passed to kernels, for an image and a grid of windows of these sizes.
    fn words(self, call: Call<'_>, image: [usize; 2], size: [usize; 2]) -> tensor::Result<Vec<u32>> {
        let mut sizes = vec![image, size];
        if let Self::Moving(MaxPool2d { kernel, stride, padding }) = self {
            sizes.extend([kernel, stride, padding]);
        }
        sizes.concat().into_iter().map(|size| call.size(size)).collect()
    }
}

/// The maximum number of row and column ranges that are stored.
const MAX_LISTED: usize = 2 * MAX_PIXELS;

/// Returns an error unless the number of windows is a valid size and their ranges can be stored, even for no images.
pub(crate) fn check_count([n, c, rows, columns]: [usize; 4]) -> tensor::Result<()> {
    elements(&[n, c, rows, columns])?;
    if rows.max(columns) > MAX_LISTED {
        let expected = format!("at most {MAX_LISTED} rows and columns of windows");
        return Err(tensor::Error::shape("largest_of_windows", &expected, &[&[rows, columns]]));
    }
    Ok(())
}

/// The largest image whose pixel positions `f32` represents exactly.
pub(crate) const MAX_PIXELS: usize = 1 << 24;

/// Whether `x` replaces `largest`. The first NaN replaces it and is never replaced.
#[inline(always)]
fn replaces<A: Real>(x: A, largest: A) -> bool {
    (x > largest) | (x.is_nan() & !largest.is_nan())
}

impl Largest {
    /// The struct passed to kernels.
    pub(crate) fn words(&self, call: Call<'_>) -> tensor::Result<Vec<u32>> {
        self.windows.words(call, self.image, [self.rows.len(), self.columns.len()])
    }
}

impl Kernel<1, 2> for Largest {
    fn name(&self) -> &'static str {
        "largest_of_windows"
    }

    fn shapes(&self, [x]: [&[usize]; 1]) -> tensor::Result<[Vec<usize>; 2]> {
        match *x {
            [_, _, h, w] if [h, w] == self.image && h.saturating_mul(w) > MAX_PIXELS => {
                let expected = format!("images of at most {MAX_PIXELS} pixels");
                Err(tensor::Error::shape(self.name(), &expected, &[x]))
            }
            [n, c, h, w] if [h, w] == self.image => {
                let out = vec![n, c, self.rows.len(), self.columns.len()];
                Ok([out.clone(), out])
            }
            _ => {
                let [h, w] = self.image;
                Err(tensor::Error::shape(self.name(), &format!("images [n, c, {h}, {w}]"), &[x]))
            }
        }
    }

    /// Positions are integers up to [`MAX_PIXELS`], which `f32` represents exactly and 16-bit types do not.
    fn output_dtypes(&self) -> [Storage; 2] {
        [Storage::Same, Storage::Accumulator]
    }

    fn reference<A: Real>(&self, [x]: [ArrayViewD<'_, A>; 1]) -> [ArrayD<A>; 2] {
        let x = of_rank_4(x);
        let (n, c, _, w) = x.dim();
        let mut y = Array4::zeros([n, c, self.rows.len(), self.columns.len()]);
        let mut place_of = y.clone();
        for ((n, c, i, j), y) in y.indexed_iter_mut() {
            let (rows, columns) = (self.rows[i].clone(), self.columns[j].clone());
            let mut place = [rows.start, columns.start];
            *y = x[[n, c, place[0], place[1]]];
            for row in rows {
                for column in columns.clone() {
                    if replaces(x[[n, c, row, column]], *y) {
                        (*y, place) = (x[[n, c, row, column]], [row, column]);
                    }
                }
            }
            place_of[[n, c, i, j]] = A::of(place[0] * w + place[1]);
        }
        [y.into_dyn(), place_of.into_dyn()]
    }

    fn launch(&self, call: Call<'_>, [x]: [&Tensor; 1], [y, place_of]: [&Tensor; 2]) -> tensor::Result<()> {
        call.size(y.len())?;
        let words = self.words(call)?;
        let planes = Argument::Size(x.shape()[0] * x.shape()[1]);
        let arguments =
            [Argument::Out(y), Argument::Out(place_of), Argument::In(x), Argument::Words(&words), planes];
        call.launch(self.windows.entry(), Grid::over(y.len()), &arguments)
    }

    fn fast(&self, [x]: [Slice<'_>; 1], [y, place_of]: [&mut [f32]; 2]) -> bool {
        let (count, plan) = (x.shape[0] * x.shape[1], Plan::new(self));
        planes::for_each(count, [x.data], [y, place_of], |[image], out| plan.of_plane(image, out));
        true
    }
}

/// The order in which the windows of an image are visited.
#[derive(Debug)]
pub(crate) struct Plan<'a> {
    largest: &'a Largest,
    /// The windows that are computed in vectors; all others are computed one by one.
    pairs: Range<usize>,
    /// The columns of all windows, as returned by [`steps_of`].
    steps: Vec<Vec<u32>>,
}

impl<'a> Plan<'a> {
    pub(crate) fn new(largest: &'a Largest) -> Self {
        Self { largest, pairs: pairs_of(&largest.columns), steps: steps_of(&largest.columns) }
    }

    /// The number of windows of an image.
    pub(crate) fn n_windows(&self) -> usize {
        self.largest.rows.len() * self.largest.columns.len()
    }

    /// The maximum of each window of an image and its position.
    pub(crate) fn of_plane(&self, image: &[f32], [y, place_of]: [&mut [f32]; 2]) {
        let Self { largest: Largest { image: [_, width], rows, columns, .. }, pairs, steps } = self;
        let (width, out) = (*width, columns.len());
        let worth_pairing = 2 * pairs.len() > out;
        let lines = y.chunks_exact_mut(out).zip(place_of.chunks_exact_mut(out));
        for (rows, (y, place_of)) in rows.iter().zip(lines) {
            if rows.len() > 2 || !worth_pairing {
                let lines = &image[rows.start * width..rows.end * width];
                largest_of_windows(lines, width, rows.start * width, steps, [y, place_of]);
                continue;
            }
            // A window of a single row reads it twice, which does not change the result.
            let [top, bottom] = [rows.start, rows.end - 1].map(|row| &image[row * width..(row + 1) * width]);
            let first = [rows.start, rows.end - 1].map(|row| row * width);
            let out_of_pairs = [&mut y[pairs.clone()], &mut place_of[pairs.clone()]];
            largest_of_pairs([top, bottom], columns[pairs.start].start, first, out_of_pairs);
            for j in (0..pairs.start).chain(pairs.end..out) {
                (y[j], place_of[j]) = largest_of_window(image, width, rows.clone(), columns[j].clone());
            }
        }
    }
}

/// Adds each `dy` to the gradient `dx` of an image at the position of its window's maximum.
pub(crate) fn scatter(dx: &mut [f32], dy: impl Iterator<Item = f32>, place_of: &[f32]) {
    dx.fill(0.0);
    for (dy, &place) in dy.zip(place_of) {
        dx[place as i32 as usize] += dy;
    }
}

/// The first columns of all windows, then the second ones, and so on; narrower windows repeat their last column, which
/// changes neither the maximum nor its position.
fn steps_of(columns: &[Range<usize>]) -> Vec<Vec<u32>> {
    let longest = columns.iter().map(Range::len).max().unwrap_or(0);
    let step =
        |step: usize| columns.iter().map(|range| (range.start + step).min(range.end - 1) as u32).collect();
    (0..longest).map(step).collect()
}

/// The maximum of one window and its position.
fn largest_of_window(image: &[f32], width: usize, rows: Range<usize>, columns: Range<usize>) -> (f32, f32) {
    let mut place = rows.start * width + columns.start;
    for row in rows {
        for at in row * width + columns.start..row * width + columns.end {
            place = if replaces(image[at], image[place]) { at } else { place };
        }
    }
    (image[place], place as f32)
}

/// The number of windows computed together: one AVX2 register, and less for narrow images.
const LANES: usize = 8;
const FEW_LANES: usize = 4;

/// The longest run of adjacent windows of two columns.
fn pairs_of(columns: &[Range<usize>]) -> Range<usize> {
    let (mut longest, mut start) = (0..0, 0);
    for end in 0..columns.len() {
        if columns[end].len() != 2 {
            start = end + 1;
        } else if end > start && columns[end].start != columns[end - 1].end {
            start = end;
        }
        if (start..end + 1).len() > longest.len() {
            longest = start..end + 1;
        }
    }
    longest
}

/// Two rows of pixels, split into pairs.
type Pairs<'a> = [&'a [[f32; 2]]; 2];

/// The maxima of `L` adjacent windows of two columns over two rows, from window `start` on; window 0 is at position
/// `first`, and the lower row starts `below` positions after the upper one.
#[inline(always)]
fn lanes_of_pairs<const L: usize>(
    rows: Pairs<'_>,
    start: usize,
    [first, below]: [f32; 2],
    out: [&mut [f32]; 2],
) {
    let ([top, bottom], [y, place_of]) = (rows, out);
    let (mut corners, mut largest, mut place) = ([[0.0; L]; 3], [0.0; L], [0.0; L]);
    for lane in 0..L {
        [largest[lane], corners[0][lane]] = top[start + lane];
        [corners[1][lane], corners[2][lane]] = bottom[start + lane];
        place[lane] = first + (2 * (start + lane) as i32) as f32;
    }
    let origin = place;
    for (other, further) in corners.iter().zip([1.0, below, below + 1.0]) {
        for lane in 0..L {
            // Written without branches, so that the compiler vectorises the loop.
            let taken = replaces(other[lane], largest[lane]);
            place[lane] = if taken { origin[lane] + further } else { place[lane] };
            largest[lane] = if taken { other[lane] } else { largest[lane] };
        }
    }
    y[start..start + L].copy_from_slice(&largest);
    place_of[start..start + L].copy_from_slice(&place);
}

/// The maxima of `L` or more adjacent windows, in vectors of `L`; the last vector may overlap the previous one.
#[inline(always)]
fn vectors_of_pairs<const L: usize>(rows: Pairs<'_>, places: [f32; 2], [y, place_of]: [&mut [f32]; 2]) {
    // A loop, because the closure of an iterator was compiled without vector instructions.
    let mut start = 0;
    while start < y.len() {
        lanes_of_pairs::<L>(rows, start.min(y.len() - L), places, [&mut *y, &mut *place_of]);
        start += L;
    }
}

tensor::each_isa! {
    /// The maxima of windows of two columns, from this column on, over two rows that begin at the positions `first` of
    /// the image.
    fn largest_of_pairs(rows: [&[f32]; 2], column: usize, first: [usize; 2], out: [&mut [f32]; 2]) {
        let count = out[0].len();
        let rows = rows.map(|row| &row[column..].as_chunks::<2>().0[..count]);
        let places = [(first[0] + column) as f32, (first[1] - first[0]) as f32];
        match count {
            LANES.. => vectors_of_pairs::<LANES>(rows, places, out),
            FEW_LANES.. => vectors_of_pairs::<FEW_LANES>(rows, places, out),
            _ => vectors_of_pairs::<1>(rows, places, out),
        }
    }

    /// The maxima of windows whose columns are given by [`steps_of`]; `image` holds their rows and begins at position
    /// `first` of the whole image.
    fn largest_of_windows(image: &[f32], width: usize, first: usize, steps: &[Vec<u32>], out: [&mut [f32]; 2]) {
        let [y, place_of] = out;
        // The initial value, which is the result for windows of minus infinity.
        y.fill(f32::NEG_INFINITY);
        let starts = steps.first().into_iter().flatten();
        place_of.iter_mut().zip(starts).for_each(|(to, &at)| *to = (first + at as usize) as f32);
        for (row, line) in image.chunks_exact(width).enumerate() {
            let first = (first + row * width) as f32;
            for columns in steps {
                for ((y, place), &column) in y.iter_mut().zip(&mut *place_of).zip(columns) {
                    let x = line[column as usize];
                    if replaces(x, *y) {
                        (*y, *place) = (x, first + column as f32);
                    }
                }
            }
        }
    }
}

/// A kernel that adds each `dy` at the position of its window's maximum, in images of these sizes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LargestGrad {
    pub(crate) image: [usize; 2],
    pub(crate) windows: Windows,
}

impl Kernel<2, 1> for LargestGrad {
    fn name(&self) -> &'static str {
        "largest_of_windows_grad"
    }

    fn shapes(&self, [dy, place_of]: [&[usize]; 2]) -> tensor::Result<[Vec<usize>; 1]> {
        match dy {
            &[n, c, _, _] if dy == place_of => Ok([vec![n, c, self.image[0], self.image[1]]]),
            _ => Err(tensor::Error::shape(self.name(), "two equal shapes [n, c, h, w]", &[dy, place_of])),
        }
    }

    fn input_dtypes(&self) -> [Storage; 2] {
        [Storage::Same, Storage::Accumulator]
    }

    fn reference<A: Real>(&self, [dy, place_of]: [ArrayViewD<'_, A>; 2]) -> [ArrayD<A>; 1] {
        let (dy, place_of) = (of_rank_4(dy), of_rank_4(place_of));
        let (n, c, _, _) = dy.dim();
        let [h, w] = self.image;
        let mut dx = Array4::zeros([n, c, h, w]);
        for ((n, c, i, j), &dy) in dy.indexed_iter() {
            let place = place_of[[n, c, i, j]].to_f64() as usize;
            dx[[n, c, place / w, place % w]] += dy;
        }
        [dx.into_dyn()]
    }

    fn launch(&self, call: Call<'_>, [dy, place_of]: [&Tensor; 2], [dx]: [&Tensor; 1]) -> tensor::Result<()> {
        call.size(dx.len())?;
        let &[n, c, rows, columns] = dy.shape() else { unreachable!("the shape rule was checked") };
        let words = self.windows.words(call, self.image, [rows, columns])?;
        let arguments = [
            Argument::Out(dx),
            Argument::In(dy),
            Argument::In(place_of),
            Argument::Words(&words),
            Argument::Size(n * c),
        ];
        call.launch(&format!("{}_grad", self.windows.entry()), Grid::over(dx.len()), &arguments)
    }

    fn fast(&self, [dy, place_of]: [Slice<'_>; 2], [dx]: [&mut [f32]; 1]) -> bool {
        planes::for_each(
            dy.shape[0] * dy.shape[1],
            [dy.data, place_of.data],
            [dx],
            |[dy, place_of], [dx]| scatter(dx, dy.iter().copied(), place_of),
        );
        true
    }
}

/// Computes the maxima of windows, and their positions for the backward pass.
pub(crate) fn forward(x: &Tensor, largest: Largest) -> Result<(Tensor, Places)> {
    let [y, place_of] = tensor::run(&largest, [x])?;
    Ok((y, Places { image: largest.image, windows: largest.windows, place_of }))
}

/// The positions of the maxima, and the sizes of the images.
#[derive(Debug)]
pub struct Places {
    image: [usize; 2],
    windows: Windows,
    pub(crate) place_of: Tensor,
}

impl Places {
    /// Scatters each `dy` to the position of its maximum.
    pub(crate) fn backward(&self, dy: &Tensor, needed: bool) -> Result<Option<Tensor>> {
        if_needed(needed, || {
            let kernel = LargestGrad { image: self.image, windows: self.windows };
            let [dx] = tensor::run(&kernel, [dy, &self.place_of])?;
            Ok(dx)
        })
    }
}
