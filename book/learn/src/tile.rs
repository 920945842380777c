//! Exercise: the micro-kernel of a matrix multiplication, a tile of sums over two packed panels.

use crate::check::{Expected, Outcome, Random, compare, text};
use crate::{CALLS, Exercise};

/// The exercise.
pub const EXERCISE: Exercise = Exercise {
    name: "tile",
    module: "tile",
    task: "the tile of sums in registers, over packed panels of A and B",
    page: "matmul.md",
    stub: include_str!("../stubs/tile.rs"),
    function: "tile",
    hints: &[
        "step p of the panels is a[ROWS p ..] with ROWS elements and b[COLUMNS p ..] with COLUMNS elements",
        "keep the sums in a local array [[f64; COLUMNS]; ROWS] and loop over p outside, so that the compiler can use registers",
        "at the end add the sums to C, whose rows are `stride` elements apart",
    ],
};

/// The rows of a tile.
pub const ROWS: usize = 4;

/// The columns of a tile.
pub const COLUMNS: usize = 8;

/// The learner's function.
pub type Tile = fn(&[f64], &[f64], &mut [f64], usize);

/// Adds the products to C. `a_at` is the place of element `[row, step]` in the panel of A.
fn add(a: &[f64], b: &[f64], c: &mut [f64], stride: usize, a_at: impl Fn(usize, usize) -> usize) {
    for (row, column) in (0..ROWS).flat_map(|row| (0..COLUMNS).map(move |column| (row, column))) {
        let products = (0..b.len() / COLUMNS).map(|p| a[a_at(row, p)] * b[COLUMNS * p + column]);
        c[stride * row + column] += products.sum::<f64>();
    }
}

/// The right place: the elements of one step are side by side.
fn packed(row: usize, p: usize) -> usize {
    ROWS * p + row
}

/// Checks `tile(a, b, c, stride)`, which adds the product of two packed panels to a tile of C.
///
/// # Errors
/// The first wrong call.
pub fn check(yours: Tile, seed: u64) -> Outcome {
    for call in 0..CALLS {
        let mut random = Random::new(seed, call);
        let (k, stride) = (random.between(0, 5), random.between(COLUMNS, COLUMNS + 3));
        let (a, b) = (random.values(ROWS * k), random.values(COLUMNS * k));
        let c = random.values(ROWS * stride);
        let after = |change: &dyn Fn(&mut Vec<f64>)| {
            let mut c = c.clone();
            change(&mut c);
            c
        };
        let got = after(&|c| yours(&a, &b, c, stride));
        let elements = after(&|c| add(&a, &b, c, stride, packed));
        let replaced = after(&|c| {
            let mut products = vec![0.0; ROWS * stride];
            add(&a, &b, &mut products, stride, packed);
            for row in 0..ROWS {
                let tile = stride * row..stride * row + COLUMNS;
                c[tile.clone()].copy_from_slice(&products[tile]);
            }
        });
        let mistakes = [
            ("C is replaced; add the sums to what it holds", replaced),
            (
                "the panel of A is read as k elements of each row; it holds ROWS elements of each step side by side",
                after(&|c| add(&a, &b, c, stride, |row, p| k * row + p)),
            ),
            (
                "rows of C are taken to be COLUMNS elements apart; they are `stride` apart",
                after(&|c| add(&a, &b, c, COLUMNS, packed)),
            ),
        ];
        let inputs =
            format!("k = {k}, stride = {stride}, a = {}, b = {}, c = {}", text(&a), text(&b), text(&c));
        compare(
            &got,
            &Expected { name: "c", inputs, shape: &[ROWS, stride], elements: &elements, mistakes: &mistakes },
        )?;
    }
    Ok(())
}

#[cfg(test)]
#[path = "../solutions/tile.rs"]
mod solution;
#[cfg(test)]
#[path = "../stubs/tile.rs"]
mod stub;

#[cfg(test)]
mod tests {
    use super::{COLUMNS, ROWS, add, check, packed, solution, stub};

    #[test]
    fn the_solution_passes_and_the_stub_and_three_mistakes_fail() {
        assert!((0..20).all(|seed| check(solution::tile, seed).is_ok()));
        assert!(check(stub::tile, 1).is_err());
        let fails = |yours, words: &str| {
            let message = check(yours, 1).unwrap_err();
            assert!(message.contains(words), "{message}");
        };
        fails(
            |a, b, c, stride| {
                for row in 0..ROWS {
                    c[stride * row..stride * row + COLUMNS].fill(0.0);
                }
                solution::tile(a, b, c, stride);
            },
            "C is replaced",
        );
        fails(|a, b, c, stride| add(a, b, c, stride, |row, p| a.len() / ROWS * row + p), "side by side");
        fails(|a, b, c, _| add(a, b, c, COLUMNS, packed), "`stride` apart");
    }
}
