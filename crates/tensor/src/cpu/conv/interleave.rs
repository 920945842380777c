//! Interleaves the outputs of the phases of a strided gradient into one plane, and splits a row into phases.

crate::each_isa! {
    /// Writes a plane whose rows have `width` elements: its element in row `i steps[0] + a`, column `j steps[1] + b` is
    /// the element in row `i`, column `j` of part `a steps[1] + b`.
    pub(super) fn interleave(plane: &mut [f32], width: usize, steps: [usize; 2], parts: &[&[f32]]) {
        for (row, to) in plane.chunks_exact_mut(width).enumerate() {
            let (phase, row) = (row % steps[0], row / steps[0]);
            let part = |column: usize| {
                let of_part = width.saturating_sub(column).div_ceil(steps[1]);
                &parts[phase * steps[1] + column][row * of_part..(row + 1) * of_part]
            };
            match steps[1] {
                1 => to.copy_from_slice(part(0)),
                2 => {
                    let (even, odd) = (part(0), part(1));
                    for ((pair, &even), &odd) in to.chunks_exact_mut(2).zip(even).zip(odd) {
                        pair[0] = even;
                        pair[1] = odd;
                    }
                    if width % 2 == 1 {
                        to[width - 1] = even[width / 2];
                    }
                }
                step => {
                    for column in 0..step.min(width) {
                        let to = to[column..].iter_mut().step_by(step);
                        to.zip(part(column)).for_each(|(to, &from)| *to = from);
                    }
                }
            }
        }
    }

    /// Writes element `k` of a row to index `(before + k) / parts` of part `(before + k) % parts`; `to` holds all parts.
    pub(super) fn deinterleave(to: &mut [f32], row: &[f32], before: usize, parts: usize) {
        let of_part = to.len() / parts;
        for (part, to) in to.chunks_exact_mut(of_part).enumerate() {
            let first = (part + parts - before % parts) % parts;
            let to = &mut to[(before + first) / parts..];
            let from = row.get(first..).unwrap_or_default().iter().step_by(parts);
            to.iter_mut().zip(from).for_each(|(to, &from)| *to = from);
        }
    }
}
