//! Matrix multiplication in five steps, from the definition to tiles in registers.
//!
//! `c = a b` with a `[m, k]`, b `[k, n]` and c `[m, n]`, in row-major order.

/// `m`, `k` and `n`.
pub type Sizes = [usize; 3];

// ANCHOR: naive
/// The definition: one sum for each element.
pub fn naive(a: &[f32], b: &[f32], c: &mut [f32], [m, k, n]: Sizes) {
    for i in 0..m {
        for j in 0..n {
            let mut sum = 0.0;
            for p in 0..k {
                sum += a[i * k + p] * b[p * n + j];
            }
            c[i * n + j] = sum;
        }
    }
}
// ANCHOR_END: naive

// ANCHOR: by_rows
/// The same sums with the two inner loops exchanged: rows of `b` and `c` are read in the order of memory.
pub fn by_rows(a: &[f32], b: &[f32], c: &mut [f32], [m, k, n]: Sizes) {
    c.fill(0.0);
    for i in 0..m {
        let row = &mut c[i * n..(i + 1) * n];
        for p in 0..k {
            let x = a[i * k + p];
            for (sum, y) in row.iter_mut().zip(&b[p * n..(p + 1) * n]) {
                *sum += x * y;
            }
        }
    }
}
// ANCHOR_END: by_rows

// ANCHOR: blocked
/// The same in blocks of `b` that stay in the cache while all rows of `a` use them.
pub fn blocked(a: &[f32], b: &[f32], c: &mut [f32], [m, k, n]: Sizes) {
    /// 128 x 256 elements are 128 KiB, which fits into the L2 cache of common CPUs.
    const BLOCK: [usize; 2] = [128, 256];
    c.fill(0.0);
    for first in (0..k).step_by(BLOCK[0]) {
        for column in (0..n).step_by(BLOCK[1]) {
            let columns = column..n.min(column + BLOCK[1]);
            for i in 0..m {
                let row = &mut c[i * n..][columns.clone()];
                for p in first..k.min(first + BLOCK[0]) {
                    let x = a[i * k + p];
                    for (sum, y) in row.iter_mut().zip(&b[p * n..][columns.clone()]) {
                        *sum += x * y;
                    }
                }
            }
        }
    }
}
// ANCHOR_END: blocked

/// The size of a tile: its sums fill 8 registers of 8 elements, or 4 of 16.
const ROWS: usize = 4;
const COLUMNS: usize = 16;

// ANCHOR: pack
/// Panels of `width` lines: for each step along `k`, the elements of these lines beside each other, padded with zeros.
fn pack(lines: usize, k: usize, width: usize, at: impl Fn(usize, usize) -> f32) -> Vec<f32> {
    let mut panels = Vec::with_capacity(lines.next_multiple_of(width) * k);
    for first in (0..lines).step_by(width) {
        for p in 0..k {
            panels.extend((first..first + width).map(|line| if line < lines { at(line, p) } else { 0.0 }));
        }
    }
    panels
}
// ANCHOR_END: pack

// ANCHOR: tile
/// All sums of a tile: every step loads one row of each panel and makes `ROWS * COLUMNS` multiply-adds.
fn tile(a: &[f32], b: &[f32]) -> [[f32; COLUMNS]; ROWS] {
    let mut sums = [[0.0; COLUMNS]; ROWS];
    for (a, b) in a.chunks_exact(ROWS).zip(b.chunks_exact(COLUMNS)) {
        for (sums, &x) in sums.iter_mut().zip(a) {
            for (sum, &y) in sums.iter_mut().zip(b) {
                *sum += x * y;
            }
        }
    }
    sums
}

/// Packed panels, and tiles whose sums stay in registers.
pub fn tiled(a: &[f32], b: &[f32], c: &mut [f32], [m, k, n]: Sizes) {
    let packed_a = pack(m, k, ROWS, |row, p| a[row * k + p]);
    let packed_b = pack(n, k, COLUMNS, |column, p| b[p * n + column]);
    for row in (0..m).step_by(ROWS) {
        for column in (0..n).step_by(COLUMNS) {
            let sums = tile(&packed_a[row * k..][..ROWS * k], &packed_b[column * k..][..COLUMNS * k]);
            for (sums, i) in sums.iter().zip(row..m) {
                let columns = column..n.min(column + COLUMNS);
                c[i * n..][columns.clone()].copy_from_slice(&sums[..columns.len()]);
            }
        }
    }
}
// ANCHOR_END: tile

/// A version of the multiplication.
pub type Version = fn(&[f32], &[f32], &mut [f32], Sizes);

/// Every version with its name, slowest first.
pub const VERSIONS: [(&str, Version); 4] =
    [("naive", naive), ("by rows", by_rows), ("blocked", blocked), ("tiled", tiled)];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_version_gives_the_same_bits_for_any_sizes() {
        for sizes in
            [[1, 1, 1], [3, 5, 7], [4, 16, 16], [5, 300, 17], [70, 130, 33], [2, 0, 3], [9, 260, 258]]
        {
            let [m, k, n] = sizes;
            let value = |place: usize| ((place * 7919 + 13) % 101) as f32 / 50.0 - 1.0;
            let a: Vec<f32> = (0..m * k).map(value).collect();
            let b: Vec<f32> = (0..k * n).map(|place| value(place + 5)).collect();
            let mut expected = vec![f32::NAN; m * n];
            naive(&a, &b, &mut expected, sizes);
            for (name, version) in VERSIONS {
                let mut c = vec![f32::NAN; m * n];
                version(&a, &b, &mut c, sizes);
                // Each element is the same sum in the same order.
                assert_eq!(c, expected, "{name} for {sizes:?}");
            }
        }
    }
}
