//! Element types: how a number is stored, and in what type it is computed.

use std::fmt;
use std::iter::Sum;
use std::ops::{AddAssign, DivAssign, MulAssign, SubAssign};

use half::{bf16, f16};

/// The type of the elements of a tensor, known at run time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DType {
    /// 64-bit floating point: the type of the oracles.
    F64,
    /// 32-bit floating point: the default.
    F32,
    /// 16-bit IEEE floating point: 11 significant bits, largest value 65504.
    F16,
    /// 16-bit "brain" floating point: 8 significant bits, the range of `F32`.
    BF16,
}

impl DType {
    /// All types, widest first.
    pub const ALL: [Self; 4] = [Self::F64, Self::F32, Self::F16, Self::BF16];

    /// Bytes of one element.
    pub const fn size(self) -> usize {
        match self {
            Self::F64 => 8,
            Self::F32 => 4,
            Self::F16 | Self::BF16 => 2,
        }
    }

    /// The distance from 1 to the next larger number of this type.
    pub const fn epsilon(self) -> f64 {
        match self {
            Self::F64 => f64::EPSILON,
            Self::F32 => f32::EPSILON as f64,
            Self::F16 => 1.0 / 1024.0,
            Self::BF16 => 1.0 / 128.0,
        }
    }

    /// The type in which sums over elements of this type are kept.
    pub const fn accumulator(self) -> Self {
        match self {
            Self::F64 => Self::F64,
            Self::F32 | Self::F16 | Self::BF16 => Self::F32,
        }
    }
}

impl fmt::Display for DType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::F64 => "f64",
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::BF16 => "bf16",
        })
    }
}

/// A number that can be stored in a tensor.
///
/// **The accumulator rule**: arithmetic happens in [`Element::Acc`], never in a 16-bit type. A value is
/// widened when it is loaded and narrowed when it is stored.
pub trait Element: bytemuck::Pod + Default + fmt::Debug + PartialEq + Send + Sync {
    /// The same type as a run-time value.
    const DTYPE: DType;
    /// The type of arithmetic: `f64` for `f64`, `f32` for all others.
    type Acc: Real;
    /// The exact value in the accumulator type.
    fn widen(self) -> Self::Acc;
    /// The nearest value of this type.
    fn narrow(wide: Self::Acc) -> Self;
    /// The exact value as `f64`.
    fn to_f64(self) -> f64;
    /// The nearest value of this type.
    fn from_f64(value: f64) -> Self;
}

/// A type that arithmetic is done in: `f32` or `f64`. References are written over it.
pub trait Real:
    Element<Acc = Self> + num_traits::Float + AddAssign + SubAssign + MulAssign + DivAssign + Sum
{
    /// The nearest number to a count.
    fn of(count: usize) -> Self {
        Self::from_f64(count as f64)
    }
}

macro_rules! real {
    ($float:ty, $dtype:ident) => {
        impl Element for $float {
            const DTYPE: DType = DType::$dtype;
            type Acc = Self;
            fn widen(self) -> Self {
                self
            }
            fn narrow(wide: Self) -> Self {
                wide
            }
            fn to_f64(self) -> f64 {
                f64::from(self)
            }
            fn from_f64(value: f64) -> Self {
                value as Self
            }
        }
        impl Real for $float {}
    };
}

macro_rules! stored_in_16_bits {
    ($half:ty, $dtype:ident) => {
        impl Element for $half {
            const DTYPE: DType = DType::$dtype;
            type Acc = f32;
            fn widen(self) -> f32 {
                self.to_f32()
            }
            fn narrow(wide: f32) -> Self {
                Self::from_f32(wide)
            }
            fn to_f64(self) -> f64 {
                self.into()
            }
            fn from_f64(value: f64) -> Self {
                <$half>::from_f32(to_odd(value))
            }
        }
    };
}

real!(f64, F64);
real!(f32, F32);
stored_in_16_bits!(f16, F16);
stored_in_16_bits!(bf16, BF16);

/// The 32 bits that round to 16 as all 64 would: towards zero, and to an odd last bit where something is lost, so
/// that what lay beside a tie still does.
fn to_odd(value: f64) -> f32 {
    let near = value as f32;
    if f64::from(near) == value || near.is_nan() {
        return near;
    }
    let towards_zero = if f64::from(near).abs() > value.abs() { near.to_bits() - 1 } else { near.to_bits() };
    f32::from_bits(towards_zero | 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn epsilon_is_the_distance_to_the_number_after_one() {
        assert_eq!(DType::F16.epsilon(), f64::from(f16::EPSILON));
        assert_eq!(DType::BF16.epsilon(), f64::from(bf16::EPSILON));
        assert_eq!(DType::F32.epsilon(), f64::from(f32::EPSILON));
    }

    #[test]
    fn narrowing_rounds_to_the_nearest() {
        assert_eq!(bf16::narrow(1.0 + 1.0 / 512.0).widen(), 1.0);
        assert_eq!(bf16::narrow(1.0 + 3.0 / 256.0).widen(), 1.0 + 2.0 / 128.0);
        assert_eq!(f16::narrow(1e6).widen(), f32::INFINITY);
        // Beside a tie by less than the upper half of 64 bits shows.
        for beside in [23, 24, 40, 52].map(|bits| 0.5f64.powi(bits)) {
            for (value, up) in [(1.0 + 1.0 / 256.0 + beside, true), (1.0 + 1.0 / 256.0 - beside, false)] {
                let expected = if up { 1.0 + 1.0 / 128.0 } else { 1.0 };
                assert_eq!(<bf16 as Element>::from_f64(value).widen(), expected, "{value}");
                assert_eq!(<bf16 as Element>::from_f64(-value).widen(), -expected, "{value}");
            }
        }
        assert_eq!(<bf16 as Element>::from_f64(f64::MAX).widen(), f32::INFINITY);
    }
}
