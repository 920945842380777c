//! The tiling: images are cut into strips, and each vector lane holds one strip of one image.

use std::ops::Range;

use super::lanes::{MAX_LANES, Run};

/// Outputs `[n, ..]` of this height and width, divided into tiles. A unit is a strip of an image: whole rows of tiles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tiling {
    n: usize,
    lanes: usize,
    /// Rows of tiles in a unit.
    pub(super) rows: usize,
    /// Tiles in a row.
    pub(super) columns: usize,
    /// Units per image.
    strips: usize,
}

/// The planes of the units: their sides, the number of zero rows above the first row that a unit at the top reads, and
/// the number of rows from one row of tiles to the next.
#[derive(Debug, Clone, Copy)]
pub(super) struct Planes {
    pub(super) channels: usize,
    pub(super) sides: [usize; 2],
    pub(super) before: usize,
    pub(super) step: usize,
}

impl Tiling {
    /// Divides the outputs into units of at most `most` tiles of `tile` by `tile` outputs, but of at least one row of
    /// tiles, such that few lanes stay empty when `lanes` units are computed together.
    pub(super) fn new(n: usize, out: [usize; 2], tile: usize, lanes: usize, most: usize) -> Self {
        let [rows, columns] = out.map(|side| side.div_ceil(tile).max(1));
        let of = |most_rows: usize| {
            let rows_of_strip = rows.div_ceil(rows.div_ceil(most_rows));
            Self { n, lanes, rows: rows_of_strip, columns, strips: rows.div_ceil(rows_of_strip) }
        };
        let choices = (1..=(most / columns).clamp(1, rows)).rev().map(of);
        choices
            .min_by_key(|choice| choice.groups() * choice.rows)
            .expect("a unit of one row is always possible")
    }

    /// The number of units of all images.
    pub(super) fn units(&self) -> usize {
        self.n * self.strips
    }

    /// The number of groups of units, each of which fills the vector lanes.
    pub(super) fn groups(&self) -> usize {
        self.units().div_ceil(self.lanes)
    }

    /// The number of tiles of a unit.
    #[inline]
    pub(super) fn tiles_of_unit(&self) -> usize {
        self.rows * self.columns
    }

    /// The image of a unit, and its first row of tiles. Units at the same height of consecutive images are adjacent.
    pub(super) fn unit(&self, unit: usize) -> (usize, usize) {
        (unit % self.n, unit / self.n * self.rows)
    }

    /// For each unit of a group, the memory of `rows` rows of its first channel, starting with the first row that the
    /// unit reads or writes; and the range of these rows that lie within the planes of any unit.
    pub(super) fn runs(&self, group: usize, planes: Planes, rows: usize) -> ([Run; MAX_LANES], Range<usize>) {
        let mut runs = [Run::default(); MAX_LANES];
        let mut inside: Option<Range<usize>> = None;
        for (lane, run) in runs[..self.lanes].iter_mut().enumerate() {
            let unit = group * self.lanes + lane;
            if unit < self.units() {
                let (image, first) = self.unit(unit);
                *run = planes.run(image, 0, first, rows);
                let of_run = run.first / planes.sides[1].max(1)..run.end.div_ceil(planes.sides[1].max(1));
                let so_far = inside.unwrap_or(of_run.clone());
                inside = Some(so_far.start.min(of_run.start)..so_far.end.max(of_run.end));
            }
        }
        (runs, inside.unwrap_or(0..0))
    }
}

impl Planes {
    /// The memory of `rows` rows of a channel of an image, starting with the first row that row `first` of tiles reads.
    pub(super) fn run(&self, image: usize, channel: usize, first: usize, rows: usize) -> Run {
        let [height, width] = self.sides;
        let first = first * self.step;
        let start = ((image * self.channels + channel) * height * width + first * width) as isize;
        let inside = self.before.saturating_sub(first).min(rows)
            ..(height + self.before).saturating_sub(first).min(rows);
        Run {
            start: start - (self.before * width) as isize,
            first: inside.start * width,
            end: inside.end.max(inside.start) * width,
        }
    }
}
