//! Exercises in which one line of a finished function is wrong; the checks are those of other exercises.

use crate::Exercise;

/// The exercises.
pub const EXERCISES: [Exercise; 10] = [
    Exercise {
        name: "bug_walk",
        module: "walk",
        task: "find the wrong line: walk",
        page: "tape.md",
        stub: include_str!("../stubs/bug_walk.rs"),
        function: "backward",
        hints: &[
            "which value is never visited?",
            "the loss has operands, too: is its position in the range?",
        ],
    },
    Exercise {
        name: "bug_matmul",
        module: "matmul",
        task: "find the wrong line: matmul",
        page: "tensors.md",
        stub: include_str!("../stubs/bug_matmul.rs"),
        function: "matmul_backward",
        hints: &["one of the two gradients is right; look at the other one", "which element of dC is read?"],
    },
    Exercise {
        name: "bug_layer_norm",
        module: "layer_norm",
        task: "find the wrong line: layer_norm",
        page: "from-formula-to-code.md",
        stub: include_str!("../stubs/bug_layer_norm.rs"),
        function: "layer_norm_backward",
        hints: &["the formula has two means; compare how they are taken", "what is a mean divided by?"],
    },
    Exercise {
        name: "bug_cross_entropy",
        module: "cross_entropy",
        task: "find the wrong line: cross_entropy",
        page: "training.md",
        stub: include_str!("../stubs/bug_cross_entropy.rs"),
        function: "cross_entropy",
        hints: &[
            "it is right for small scores; what happens for large ones?",
            "which score has to be subtracted so that no exponential overflows?",
        ],
    },
    Exercise {
        name: "bug_adam",
        module: "adam",
        task: "find the wrong line: adam",
        page: "training.md",
        stub: include_str!("../stubs/bug_adam.rs"),
        function: "adam",
        hints: &[
            "the formula has the right form; compare its constants",
            "1 - beta2^t corrects a running mean with beta2: are the two the same?",
        ],
    },
    Exercise {
        name: "bug_attention",
        module: "attention",
        task: "find the wrong line: attention",
        page: "attention.md",
        stub: include_str!("../stubs/bug_attention.rs"),
        function: "attention",
        hints: &[
            "it is right if the first score is the largest",
            "what happens to the terms that were added before a new maximum?",
        ],
    },
    Exercise {
        name: "bug_conv",
        module: "conv",
        task: "find the wrong line: conv",
        page: "convolution.md",
        stub: include_str!("../stubs/bug_conv.rs"),
        function: "conv_backward",
        hints: &[
            "dx is right; compare the indices of dw with it",
            "which element of x was multiplied with w[j] for y[i]?",
        ],
    },
    Exercise {
        name: "bug_tile",
        module: "tile",
        task: "find the wrong line: tile",
        page: "matmul.md",
        stub: include_str!("../stubs/bug_tile.rs"),
        function: "tile",
        hints: &[
            "set A to ones: which column of B does each column of C receive?",
            "is the column of the sum that of the element of b?",
        ],
    },
    Exercise {
        name: "bug_block_sum",
        module: "block_sum",
        task: "find the wrong line: block_sum",
        page: "cuda.md",
        stub: include_str!("../stubs/bug_block_sum.rs"),
        function: "block_sum",
        hints: &[
            "which threads work in a phase, and which elements do they read?",
            "does a thread write an element that another one reads in the same phase?",
        ],
    },
    Exercise {
        name: "bug_interval",
        module: "interval",
        task: "find the wrong line: interval",
        page: "verdicts.md",
        stub: include_str!("../stubs/bug_interval.rs"),
        function: "paired_interval",
        hints: &[
            "the middle is right, the width is not",
            "the variance of a sample has n - 1 degrees of freedom",
        ],
    },
];

#[cfg(test)]
#[path = "../stubs/bug_walk.rs"]
mod bug_walk;
#[cfg(test)]
#[path = "../stubs/bug_matmul.rs"]
mod bug_matmul;
#[cfg(test)]
#[path = "../stubs/bug_layer_norm.rs"]
mod bug_layer_norm;
#[cfg(test)]
#[path = "../stubs/bug_cross_entropy.rs"]
mod bug_cross_entropy;
#[cfg(test)]
#[path = "../stubs/bug_adam.rs"]
mod bug_adam;
#[cfg(test)]
#[path = "../stubs/bug_attention.rs"]
mod bug_attention;
#[cfg(test)]
#[path = "../stubs/bug_conv.rs"]
mod bug_conv;
#[cfg(test)]
#[path = "../stubs/bug_tile.rs"]
mod bug_tile;
#[cfg(test)]
#[path = "../stubs/bug_block_sum.rs"]
mod bug_block_sum;
#[cfg(test)]
#[path = "../stubs/bug_interval.rs"]
mod bug_interval;

#[cfg(test)]
mod tests {
    #[test]
    fn the_wrong_line_of_bug_walk_fails_for_every_seed() {
        assert!((0..20).all(|seed| crate::walk::check(super::bug_walk::backward, seed).is_err()));
    }

    #[test]
    fn the_wrong_line_of_bug_matmul_fails_for_every_seed() {
        assert!((0..20).all(|seed| crate::matmul::check(super::bug_matmul::matmul_backward, seed).is_err()));
    }

    #[test]
    fn the_wrong_line_of_bug_layer_norm_fails_for_every_seed() {
        assert!(
            (0..20)
                .all(|seed| crate::layer_norm::check(super::bug_layer_norm::layer_norm_backward, seed)
                    .is_err())
        );
    }

    #[test]
    fn the_wrong_line_of_bug_cross_entropy_fails_for_every_seed() {
        assert!(
            (0..20)
                .all(|seed| crate::cross_entropy::check(super::bug_cross_entropy::cross_entropy, seed)
                    .is_err())
        );
    }

    #[test]
    fn the_wrong_line_of_bug_adam_fails_for_every_seed() {
        assert!((0..20).all(|seed| crate::adam::check(super::bug_adam::adam, seed).is_err()));
    }

    #[test]
    fn the_wrong_line_of_bug_attention_fails_for_every_seed() {
        assert!((0..20).all(|seed| crate::attention::check(super::bug_attention::attention, seed).is_err()));
    }

    #[test]
    fn the_wrong_line_of_bug_conv_fails_for_every_seed() {
        assert!((0..20).all(|seed| crate::conv::check(super::bug_conv::conv_backward, seed).is_err()));
    }

    #[test]
    fn the_wrong_line_of_bug_tile_fails_for_every_seed() {
        assert!((0..20).all(|seed| crate::tile::check(super::bug_tile::tile, seed).is_err()));
    }

    #[test]
    fn the_wrong_line_of_bug_block_sum_fails_for_every_seed() {
        assert!((0..20).all(|seed| crate::block_sum::check(super::bug_block_sum::block_sum, seed).is_err()));
    }

    #[test]
    fn the_wrong_line_of_bug_interval_fails_for_every_seed() {
        assert!(
            (0..20).all(|seed| crate::interval::check(super::bug_interval::paired_interval, seed).is_err())
        );
    }
}
