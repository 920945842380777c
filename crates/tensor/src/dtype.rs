//! Element types: how elements are stored, and the type of arithmetic.

use std::fmt;
use std::iter::Sum;
use std::ops::{AddAssign, DivAssign, MulAssign, SubAssign};

use half::{bf16, f16};

/// The element type of a tensor, as a run-time value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DType {
    /// 64-bit floating point, used for reference results.
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

    /// Machine epsilon: the distance from 1 to the next larger value of this type.
    pub const fn epsilon(self) -> f64 {
        match self {
            Self::F64 => f64::EPSILON,
            Self::F32 => f32::EPSILON as f64,
            Self::F16 => 1.0 / 1024.0,
            Self::BF16 => 1.0 / 128.0,
        }
    }

    /// The accumulator type for sums over elements of this type.
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

/// A Rust type that a tensor can store.
///
/// **The accumulator rule**: arithmetic is done in [`Element::Acc`], never in a 16-bit type. A value is
/// widened when it is loaded and rounded when it is stored.
pub trait Element: bytemuck::Pod + Default + fmt::Debug + PartialEq + Send + Sync {
    /// This type as a run-time value.
    const DTYPE: DType;
    /// The type of arithmetic: `f64` for `f64`, `f32` for all others.
    type Acc: Real;
    /// Converts to the accumulator type, exactly.
    fn widen(self) -> Self::Acc;
    /// Rounds to the nearest value of this type.
    fn narrow(wide: Self::Acc) -> Self;
    /// Converts to `f64`, exactly.
    fn to_f64(self) -> f64;
    /// Rounds to the nearest value of this type.
    fn from_f64(value: f64) -> Self;
}

/// A type of arithmetic, `f32` or `f64`. Reference implementations are generic over it.
pub trait Real:
    Element<Acc = Self> + num_traits::Float + AddAssign + SubAssign + MulAssign + DivAssign + Sum
{
    /// Converts a count, rounding to nearest.
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

/// Rounds `f64` to `f32` by round-to-odd (Boldo and Melquiond, 2008, doi 10.1109/TC.2007.70819), so that rounding the
/// result to 16 bits equals rounding the original value: inexact values never become ties.
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
    fn epsilon_is_the_distance_from_one_to_the_next_value() {
        assert_eq!(DType::F16.epsilon(), f64::from(f16::EPSILON));
        assert_eq!(DType::BF16.epsilon(), f64::from(bf16::EPSILON));
        assert_eq!(DType::F32.epsilon(), f64::from(f32::EPSILON));
    }

    #[test]
    fn narrowing_rounds_to_the_nearest() {
        assert_eq!(bf16::narrow(1.0 + 1.0 / 512.0).widen(), 1.0);
        assert_eq!(bf16::narrow(1.0 + 3.0 / 256.0).widen(), 1.0 + 2.0 / 128.0);
        assert_eq!(f16::narrow(1e6).widen(), f32::INFINITY);
        // Values that differ from a tie by less than 32 bits can represent.
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
