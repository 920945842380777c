//! Packs the elements that [`Im2col`](super::im2col::Im2col) indexes into panels for the tiles of the GEMM.

use super::gemm::Right;
use super::im2col::{LANES, MAX_RUNS, Vector};
use crate::cpu::isa::simd::Simd;
use crate::each_isa;

/// The loads of one register: some of the pixels of a [`Vector`], starting with pixel `first`.
struct Lanes<'a, S: Simd> {
    /// The lanes of each run of adjacent elements and the index at which its lane 0 would be. Without runs, elements
    /// are gathered.
    runs: [(S::Mask, isize); MAX_RUNS],
    n_runs: usize,
    places: &'a [i32],
}

impl<'a, S: Simd> Lanes<'a, S> {
    /// Prepares the loads of the lanes from `first` on.
    ///
    /// # Safety
    /// The CPU supports `S`.
    #[inline(always)]
    unsafe fn new(vector: &'a Vector, first: usize) -> Self {
        // SAFETY: the caller guarantees that the CPU supports `S`.
        let mut runs = [(unsafe { S::mask(0) }, 0); MAX_RUNS];
        let mut n_runs = 0;
        for run in &vector.runs[..vector.n_runs] {
            let lanes = run.lanes >> first & (u16::MAX >> (16 - S::LANES));
            if lanes != 0 {
                // SAFETY: the caller guarantees that the CPU supports `S`.
                runs[n_runs] = (unsafe { S::mask(lanes) }, run.origin as isize + first as isize);
                n_runs += 1;
            }
        }
        Self { runs, n_runs, places: &vector.places[first..first + S::LANES] }
    }

    /// Loads the elements of these pixels for one step.
    ///
    /// # Safety
    /// The CPU supports `S`; every index of the vector, counted from `source`, can be read.
    #[inline(always)]
    unsafe fn read(&self, source: *const f32) -> S::Vector {
        // SAFETY: masked lanes are not read; the others read indices of the vector, which the caller guarantees to be
        // readable.
        unsafe {
            if self.n_runs == 0 {
                return S::gather(source, self.places.as_ptr());
            }
            let at = |run: usize| source.wrapping_offset(self.runs[run].1);
            let mut elements = S::load_some(self.runs[0].0, at(0));
            for run in 1..self.n_runs {
                elements = S::load_into(elements, self.runs[run].0, at(run));
            }
            elements
        }
    }
}

each_isa! {
    /// Packs panels whose columns are pixels: for each step, the elements of the panel's pixels are adjacent.
    ///
    /// # Safety
    /// The CPU supports `S`; `vectors` are some of `right.columns`, and `right.steps` some of the steps for which their
    /// `reach` was computed.
    pub(super) unsafe fn pack_pixels<S: Simd>(panels: &mut [f32], right: Right<'_>, vectors: &[Vector]) {
        let Right { source, columns, steps } = right;
        assert!(columns.reach < source.len(), "all reads lie within the source");
        for (panel, vectors) in
            panels.chunks_mut(S::TILE_COLUMNS * steps.len()).zip(vectors.chunks(S::TILE_COLUMNS / LANES))
        {
            let width = LANES * vectors.len();
            assert!(panel.len() >= width * steps.len(), "a panel holds all pixels of all steps");
            let parts = vectors.iter().flat_map(|vector| (0..LANES).step_by(S::LANES).map(move |first| (vector, first)));
            for (place, (vector, first)) in parts.enumerate() {
                let to = panel.as_mut_ptr().wrapping_add(place * S::LANES);
                // SAFETY: the first assert bounds every index that is read, the second every element of the panel that
                // is written.
                unsafe {
                    let lanes = Lanes::<S>::new(vector, first);
                    for (step, &of_step) in steps.iter().enumerate() {
                        S::store(to.add(step * width), lanes.read(source.as_ptr().add(of_step)));
                    }
                }
            }
        }
    }

    /// Packs panels whose columns are steps, as many as a tile has: for each pixel, the elements of the steps are
    /// adjacent.
    ///
    /// # Safety
    /// The requirements of [`pack_pixels`].
    pub(super) unsafe fn pack_steps<S: Simd>(panels: &mut [f32], right: Right<'_>, vectors: &[Vector]) {
        let Right { source, columns, steps } = right;
        assert!(columns.reach < source.len(), "all reads lie within the source");
        let pixels: usize = vectors.iter().map(|vector| vector.len).sum();
        for (panel, steps) in panels.chunks_mut(S::TILE_COLUMNS * pixels).zip(steps.chunks(S::TILE_COLUMNS)) {
            let width = steps.len().next_multiple_of(LANES);
            assert!(panel.len() >= width * pixels, "a panel holds all steps of all pixels");
            for place in (0..width).step_by(S::LANES) {
                let steps = steps.get(place..steps.len().min(place + S::LANES)).unwrap_or_default();
                let mut pixel = 0;
                for vector in vectors {
                    for first in (0..vector.len).step_by(S::LANES) {
                        let here = S::LANES.min(vector.len - first);
                        // SAFETY: the first assert checks every index of every vector and step, the second for
                        // `(pixel + here - 1) * width + place + S::LANES` elements of the panel.
                        unsafe {
                            let lanes = Lanes::<S>::new(vector, first);
                            let mut square = S::square();
                            for (row, &of_step) in square.as_mut().iter_mut().zip(steps) {
                                *row = lanes.read(source.as_ptr().add(of_step));
                            }
                            S::transpose(&mut square);
                            for (line, &elements) in square.as_ref()[..here].iter().enumerate() {
                                S::store(panel.as_mut_ptr().add((pixel + line) * width + place), elements);
                            }
                        }
                        pixel += here;
                    }
                }
            }
        }
    }
}
