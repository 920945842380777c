//! Functions fused into the kernel that writes a result.

use crate::{Real, vector};

/// A function applied to each element of a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FusedActivation {
    /// The identity.
    Identity,
    /// ReLU, `max(x, 0)`; NaN is propagated.
    Relu,
}

impl FusedActivation {
    /// Applies the function to one element.
    #[inline(always)]
    pub fn of<A: Real>(self, x: A) -> A {
        match self {
            Self::Relu if x <= A::zero() => A::zero(),
            _ => x,
        }
    }

    /// Applies the function to every element, in place.
    pub fn apply(self, x: &mut [f32]) {
        match self {
            Self::Identity => {}
            Self::Relu => vector::map_in_place(x, |x| Self::Relu.of(x)),
        }
    }
}
