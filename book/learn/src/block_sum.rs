//! Exercise: a CUDA kernel that adds the elements of each block in shared memory.

use crate::block::{Memory, Thread};
use crate::check::{Expected, Outcome, Random, compare, text};
use crate::{CALLS, Exercise};

/// The exercise.
pub const EXERCISE: Exercise = Exercise {
    name: "block_sum",
    module: "block_sum",
    task: "a CUDA kernel: the sum of each block by a tree in shared memory",
    page: "cuda.md",
    stub: include_str!("../stubs/block_sum.rs"),
    function: "block_sum",
    hints: &[
        "phase 0: thread t of block b writes x[b width + t] into shared[t], or 0 beyond the end of x",
        "phase p: the first width / 2^p threads each add the element that lies width / 2^p further",
        "the other threads of a phase do nothing: what they would read is being written",
    ],
};

/// The learner's kernel: what one thread does between two barriers.
pub type Kernel = fn(Thread, &Memory, &Memory);

/// Runs a kernel on a block and returns its sum. The order of the threads within a phase is any.
fn run(kernel: Kernel, block: usize, width: usize, x: &Memory, random: &mut Random) -> Result<f64, String> {
    let shared = Memory::new("shared", vec![f64::NAN; width]);
    for phase in 0..=width.ilog2() as usize {
        let first = random.between(0, width - 1);
        for index in (0..width).map(|step| (first + step) % width) {
            kernel(Thread { block, index, width, phase }, x, &shared);
        }
        if let Some(error) = x.error().or(shared.error()) {
            return Err(error);
        }
        x.synchronise();
        shared.synchronise();
    }
    Ok(shared.first())
}

/// Checks `block_sum(thread, x, shared)`, which is called for every thread of every block in each phase.
///
/// # Errors
/// The first wrong launch.
pub fn check(yours: Kernel, seed: u64) -> Outcome {
    for call in 0..CALLS {
        let mut random = Random::new(seed, call);
        let (width, blocks) = (1 << random.between(1, 4), random.between(2, 3));
        // The last block may have fewer elements than threads.
        let beyond = random.between(0, width - 1);
        let values = random.values(width * blocks - beyond);
        let inputs = format!("{blocks} blocks of {width} threads, x = {}", text(&values));
        let x = Memory::new("x", values.clone());
        let sums = (0..blocks).map(|block| run(yours, block, width, &x, &mut random));
        let sums: Vec<f64> =
            sums.collect::<Result<_, String>>().map_err(|error| format!("{inputs}: {error}"))?;
        let elements: Vec<f64> = values.chunks(width).map(|chunk| chunk.iter().sum()).collect();
        let mistakes = [
            (
                "every block adds the elements of block 0; block b begins at b width",
                vec![elements[0]; blocks],
            ),
            (
                "only the first elements are there; the phases must add the others",
                values.chunks(width).map(|chunk| chunk[0]).collect(),
            ),
        ];
        compare(
            &sums,
            &Expected { name: "sums", inputs, shape: &[blocks], elements: &elements, mistakes: &mistakes },
        )?;
    }
    Ok(())
}

#[cfg(test)]
#[path = "../solutions/block_sum.rs"]
mod solution;
#[cfg(test)]
#[path = "../stubs/block_sum.rs"]
mod stub;

#[cfg(test)]
mod tests {
    use super::{check, solution, stub};
    use crate::block::{Memory, Thread};

    fn fails(kernel: fn(Thread, &Memory, &Memory), words: &str) {
        let message = check(kernel, 1).unwrap_err();
        assert!(message.contains(words), "{message}");
    }

    #[test]
    fn the_solution_passes_and_the_stub_fails() {
        assert!((0..20).all(|seed| check(solution::block_sum, seed).is_ok()));
        assert!(check(stub::block_sum, 1).is_err());
    }

    #[test]
    fn a_read_beyond_the_end_and_a_missing_offset_are_named() {
        fails(
            |at, x, shared| match at.phase {
                0 => shared.write(at, at.index, x.read(at, at.block * at.width + at.index)),
                _ => solution::block_sum(at, x, shared),
            },
            "and x has",
        );
        fails(
            |at, x, shared| solution::block_sum(Thread { block: 0, ..at }, x, shared),
            "adds the elements of block 0",
        );
    }

    #[test]
    fn threads_that_read_what_others_write_and_phases_without_work_are_named() {
        fails(
            |at, x, shared| match at.width >> at.phase {
                stride if at.phase > 0 && at.index + stride < at.width => {
                    let sum = shared.read(at, at.index) + shared.read(at, at.index + stride);
                    shared.write(at, at.index, sum);
                }
                _ if at.phase > 0 => {}
                _ => solution::block_sum(at, x, shared),
            },
            "no barrier orders them",
        );
        fails(
            |at, x, shared| {
                if at.phase == 0 {
                    solution::block_sum(at, x, shared);
                }
            },
            "only the first elements are there",
        );
    }
}
