//! What is done to a result where it is written, while it is still near.

use crate::{Real, vector};

/// A function of each element of a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Epilogue {
    /// The result itself.
    Identity,
    /// `max(x, 0)`; a NaN stays one.
    Relu,
}

impl Epilogue {
    /// The function of one number.
    #[inline(always)]
    pub fn of<A: Real>(self, x: A) -> A {
        match self {
            Self::Relu if x <= A::zero() => A::zero(),
            _ => x,
        }
    }

    /// Rewrites every number.
    pub fn apply(self, x: &mut [f32]) {
        match self {
            Self::Identity => {}
            Self::Relu => vector::map_in_place(x, |x| Self::Relu.of(x)),
        }
    }
}
