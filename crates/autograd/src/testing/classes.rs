//! Shape classes: edge cases in which other frameworks had gradient bugs, and which of them the tests of an operation
//! cover.

use std::cell::RefCell;

use tensor::Tensor;

use self::ShapeClass::*;
use super::cases::{Cases, for_all, for_some};

/// A class of edge cases that a gradient check should cover. The list generalises bugs in gradients that other
/// frameworks have fixed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShapeClass {
    /// An axis of length 1.
    UnitAxis,
    /// An axis of length 0.
    EmptyAxis,
    /// A transposed or strided view.
    View,
    /// One operand broadcast to the other's shape.
    Broadcast,
    /// A stride that does not divide the extent, so that no window covers the last pixels.
    UnevenStride,
    /// A dilated kernel.
    Dilation,
    /// A grouped convolution.
    Groups,
    /// A kernel of 1 x 1 on an image of 1 x 1.
    UnitKernel,
    /// One tensor used twice.
    FanOut,
    /// A length just below, at or just above a power of two that is used as a tile size.
    TileStraddler,
    /// Values of 80 and 10,000, where exponentials overflow or vanish.
    LargeMagnitude,
    /// A call exactly at a discontinuity of the derivative.
    KinkOrTie,
    /// One example.
    BatchOfOne,
    /// An odd number of axes.
    OddRank,
}

/// The claim about a shape class: how the tests of an operation cover it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// The operation's cases or kinks include calls of the class.
    Generated,
    /// A generic check derives calls of the class from every case of every operation.
    Derived,
    /// No valid call belongs to the class, for the given reason.
    Never(&'static str),
}

impl ShapeClass {
    /// Every class.
    pub const ALL: [Self; 14] = [
        UnitAxis,
        EmptyAxis,
        View,
        Broadcast,
        UnevenStride,
        Dilation,
        Groups,
        UnitKernel,
        FanOut,
        TileStraddler,
        LargeMagnitude,
        KinkOrTie,
        BatchOfOne,
        OddRank,
    ];

    /// Whether a call with these inputs belongs to this class; for classes that are determined by shapes.
    pub fn in_shapes<const N: usize>(self, inputs: [&Tensor; N]) -> bool {
        let of_length = |lengths: &[usize]| {
            inputs.iter().flat_map(|input| input.shape()).any(|length| lengths.contains(length))
        };
        match self {
            UnitAxis => of_length(&[1]),
            EmptyAxis => of_length(&[0]),
            TileStraddler => of_length(&super::strategies::TILES),
            BatchOfOne => inputs[0].shape().len() > 1 && inputs[0].shape()[0] == 1,
            OddRank => inputs[0].shape().len() % 2 == 1,
            _ => false,
        }
    }
}

/// The claim that holds for all operations of this crate.
fn of_the_engine(class: ShapeClass) -> Claim {
    match class {
        View => Claim::Never("tensors are in row-major order without gaps"),
        Dilation => Claim::Never("no operation of this engine has a dilation"),
        Groups => Claim::Never("no operation of this engine has groups"),
        FanOut | LargeMagnitude => Claim::Derived,
        _ => Claim::Generated,
    }
}

/// The claim of a smooth operation on any shape.
pub fn of_any_shape(class: ShapeClass) -> Claim {
    match class {
        Broadcast => Claim::Never("the inputs have equal shapes; `BroadcastTo` broadcasts"),
        UnevenStride | UnitKernel => Claim::Never("the operation has no sliding window"),
        KinkOrTie => Claim::Never("it is smooth"),
        _ => of_the_engine(class),
    }
}

/// The claim of a smooth operation on matrices, or images `[n, c, h, w]`.
pub fn of_even_rank(class: ShapeClass) -> Claim {
    match class {
        OddRank => Claim::Never("the first input has a fixed, even rank"),
        _ => of_any_shape(class),
    }
}

/// The claim of an operation with sliding windows.
pub fn of_windows(class: ShapeClass) -> Claim {
    match class {
        UnevenStride | UnitKernel => Claim::Generated,
        _ => of_even_rank(class),
    }
}

/// The claim of an operation that averages over rows of scores.
pub fn of_scores(class: ShapeClass) -> Claim {
    match class {
        EmptyAxis => Claim::Never("the mean of no elements is an error"),
        _ => of_even_rank(class),
    }
}

/// The differences between an operation's cases and its claims: a claimed class that does not occur, or one that occurs
/// although it is claimed to be impossible. Shapes around the size of a tile are searched among the long cases only.
pub fn disagreements<O, const N: usize, const M: usize>() -> Vec<String>
where
    O: Cases<N, M>,
{
    let shown = RefCell::new(Vec::new());
    // Many cases, because classes occur at random and nothing is computed.
    for_some(O::cases(), 16, |case| {
        let classes = ShapeClass::ALL.into_iter().filter(|&class| class != TileStraddler);
        shown.borrow_mut().extend(classes.filter(|&class| O::shows(case, class)));
        Ok(())
    });
    for_all(O::long_cases(), |case| {
        shown.borrow_mut().extend(O::shows(case, TileStraddler).then_some(TileStraddler));
        Ok(())
    });
    let mut shown = shown.into_inner();
    shown.extend((!O::kinks().is_empty()).then_some(KinkOrTie));
    let disagreement = |class| match (O::claim(class), shown.contains(&class)) {
        (Claim::Generated, false) => Some(format!("{}: no case of {class:?} is generated", O::NAME)),
        (Claim::Never(why), true) => {
            Some(format!("{}: a case of {class:?} is generated, although {why}", O::NAME))
        }
        _ => None,
    };
    ShapeClass::ALL.into_iter().filter_map(disagreement).collect()
}
