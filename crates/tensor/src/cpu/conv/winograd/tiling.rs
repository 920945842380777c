//! The tiling: images are cut into strips, and each vector lane holds one strip of one image.

use std::ops::Range;

use super::lanes::{MAX_LANES, Run};

/// Outputs `[n, ..]` with these sides as tiles, in strips of whole rows of them. A strip of an image is a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tiling {
    n: usize,
    lanes: usize,
    /// Rows of tiles in a unit.
    pub(super) rows: usize,
    /// Tiles in a row.
    pub(super) columns: usize,
    /// Units of an image.
    strips: usize,
}

/// The planes that units are taken from: their sides, the rows of zeros that a unit at the top reads before the first, and
/// the rows from one row of tiles to the next.
#[derive(Debug, Clone, Copy)]
pub(super) struct Planes {
    pub(super) channels: usize,
    pub(super) sides: [usize; 2],
    pub(super) before: usize,
    pub(super) step: usize,
}

impl Tiling {
    /// Units of at most `most` tiles of `tile` by `tile` outputs, and of one row of them at least, so that as few lanes as
    /// possible stay empty where `lanes` units are computed together.
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

    /// Units of all images.
    pub(super) fn units(&self) -> usize {
        self.n * self.strips
    }

    /// Groups of units that fill the lanes.
    pub(super) fn groups(&self) -> usize {
        self.units().div_ceil(self.lanes)
    }

    /// Tiles of a unit.
    #[inline]
    pub(super) fn tiles_of_unit(&self) -> usize {
        self.rows * self.columns
    }

    /// The image of a unit, and its first row of tiles. Strips at the same position are adjacent.
    pub(super) fn unit(&self, unit: usize) -> (usize, usize) {
        (unit % self.n, unit / self.n * self.rows)
    }

    /// The first channel of every unit of a group in `planes`, from the first row that the unit reads or writes on, `rows`
    /// of them; and the rows that lie in the planes.
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
    /// `rows` rows of a channel of an image, from the first that the row `first` of tiles reads.
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
