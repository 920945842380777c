//! Which tiles are computed together: images are cut into strips, and a lane holds one strip of one image.

use std::ops::Range;

use super::lanes::{MOST_LANES, Run};
use super::points::OUTPUTS;

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

/// The planes that units are taken from: their sides and the first of their rows that a unit at the top reads.
#[derive(Debug, Clone, Copy)]
pub(super) struct Planes {
    pub(super) channels: usize,
    pub(super) sides: [usize; 2],
    pub(super) before: usize,
}

impl Tiling {
    /// Units of at most `most` tiles, and of one row of them at least, so that as few lanes as possible stay empty where
    /// `lanes` units are computed together.
    pub(super) fn new(n: usize, out: [usize; 2], lanes: usize, most: usize) -> Self {
        let [rows, columns] = out.map(|side| side.div_ceil(OUTPUTS).max(1));
        let of = |most_rows: usize| {
            let rows_of_strip = rows.div_ceil(rows.div_ceil(most_rows));
            Self { n, lanes, rows: rows_of_strip, columns, strips: rows.div_ceil(rows_of_strip) }
        };
        let choices = (1..=(most / columns).clamp(1, rows)).rev().map(of);
        choices.min_by_key(|choice| choice.groups() * choice.rows).expect("there is a choice of one row")
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

    /// The image of a unit, and the first row of its outputs. Strips of the same place follow each other.
    pub(super) fn unit(&self, unit: usize) -> (usize, usize) {
        (unit % self.n, unit / self.n * self.rows * OUTPUTS)
    }

    /// The first channel of every unit of a group in `planes`, from the first row that the unit reads or writes on, `rows`
    /// of them; and the rows that lie in the planes.
    pub(super) fn runs(
        &self,
        group: usize,
        planes: Planes,
        rows: usize,
    ) -> ([Run; MOST_LANES], Range<usize>) {
        let mut runs = [Run::default(); MOST_LANES];
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
    /// Rows `first` to `first + rows` of a channel of an image, counted from the first row that is read.
    pub(super) fn run(&self, image: usize, channel: usize, first: usize, rows: usize) -> Run {
        let [height, width] = self.sides;
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
