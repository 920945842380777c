//! Instruction sets: loops and tiles are compiled for each of them, and one is selected at run time.

pub(crate) mod simd;
#[cfg(target_arch = "x86_64")]
pub(crate) mod avx2;
#[cfg(target_arch = "x86_64")]
pub(crate) mod avx512;
pub(crate) mod portable;

use std::fmt;
use std::sync::LazyLock;

/// A computation compiled for every [`Isa`].
///
/// `run` and the functions called in its loops must be `#[inline(always)]`. Otherwise they are compiled for the
/// baseline CPU, which is correct but slower. Without fused multiply-adds, the result is the same for every instruction
/// set, bit for bit.
pub trait Work {
    /// The result type.
    type Output;

    /// Runs the computation.
    fn run(self) -> Self::Output;
}

/// An instruction set with its own compiled code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Isa {
    /// Vectors of 512 bits: AVX-512 with its F, BW, DQ and VL parts.
    Avx512,
    /// Vectors of 256 bits: AVX2 with fused multiply-adds.
    Avx2,
    /// The baseline instructions of the target.
    Portable,
    /// The baseline instructions of the target, with the tile sizes of AVX-512.
    #[cfg(test)]
    Wide,
}

impl Isa {
    /// The supported instruction set with the widest vectors.
    #[inline]
    pub fn best() -> Self {
        static BEST: LazyLock<Isa> = LazyLock::new(|| Isa::supported()[0]);
        *BEST
    }

    /// All instruction sets that this CPU supports, the widest vectors first.
    pub(crate) fn supported() -> Vec<Self> {
        let mut all = Vec::new();
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512dq")
                && is_x86_feature_detected!("avx512vl")
            {
                all.push(Self::Avx512);
            }
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                all.push(Self::Avx2);
            }
        }
        all.push(Self::Portable);
        #[cfg(test)]
        all.push(Self::Wide);
        all
    }

    /// Runs `work`, compiled for the best supported instruction set.
    #[inline]
    pub fn dispatch<W: Work>(work: W) -> W::Output {
        // SAFETY: `best` returns a supported instruction set.
        unsafe { Self::best().run(work) }
    }

    /// Runs `work`, compiled for this instruction set.
    ///
    /// # Safety
    /// The CPU supports this instruction set.
    #[inline(always)]
    pub(crate) unsafe fn run<W: Work>(self, work: W) -> W::Output {
        #[cfg(target_arch = "x86_64")]
        {
            #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
            fn avx512<W: Work>(work: W) -> W::Output {
                work.run()
            }
            #[target_feature(enable = "avx2,fma")]
            fn avx2<W: Work>(work: W) -> W::Output {
                work.run()
            }
            match self {
                // SAFETY: the caller guarantees that the CPU supports `self`, which is AVX-512.
                Self::Avx512 => return unsafe { avx512(work) },
                // SAFETY: the caller guarantees that the CPU supports `self`, which is AVX2 with FMA.
                Self::Avx2 => return unsafe { avx2(work) },
                _ => {}
            }
        }
        work.run()
    }
}

impl fmt::Display for Isa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Avx512 => "AVX-512",
            Self::Avx2 => "AVX2",
            _ => "no wide vectors",
        })
    }
}

/// Defines functions whose bodies are compiled for every [`Isa`]; each call dispatches to the best supported one.
///
/// ```
/// agon_tensor::each_isa! {
///     /// The sum of `scale * x`.
///     fn scaled_sum(x: &[f32], scale: f32) -> f32 {
///         x.iter().map(|x| scale * x).sum()
///     }
/// }
/// assert_eq!(scaled_sum(&[1.0, 2.0], 3.0), 9.0);
/// ```
///
/// Inside this crate, `unsafe fn name<S: Simd>` is compiled for the instruction set of `S`, which the caller selects
/// with `with_isa!`.
#[macro_export]
macro_rules! each_isa {
    (@output) => { () };
    (@output $out:ty) => { $out };
    (@work [$($F:ident: $bound:path),*] [$($argument:ident: $type:ty),*] [$($out:ty)?] $body:block) => {
        struct Job<Generic, Arguments>(std::marker::PhantomData<Generic>, Arguments);
        impl<$($F: $bound),*> $crate::Work for Job<($($F,)*), ($($type,)*)> {
            type Output = $crate::each_isa!(@output $($out)?);
            #[inline(always)]
            fn run(self) -> Self::Output {
                let Self(_, ($($argument,)*)) = self;
                $body
            }
        }
    };
    ($($(#[$attribute:meta])* $vis:vis fn $name:ident $(<$F:ident: $bound:path>)? (
        $($argument:ident: $type:ty),* $(,)?
    ) $(-> $out:ty)? $body:block)*) => {$(
        $(#[$attribute])*
        #[inline]
        $vis fn $name $(<$F: $bound>)? ($($argument: $type),*) $(-> $out)? {
            $crate::each_isa!(@work [$($F: $bound)?] [$($argument: $type),*] [$($out)?] $body);
            $crate::Isa::dispatch(Job::<($($F,)?), _>(std::marker::PhantomData, ($($argument,)*)))
        }
    )*};
    ($($(#[$attribute:meta])* $vis:vis unsafe fn $name:ident<$S:ident: Simd $(, $A:ident: $bound:path)*>(
        $($argument:ident: $type:ty),* $(,)?
    ) $body:block)*) => {$(
        $(#[$attribute])*
        #[inline]
        #[allow(clippy::too_many_arguments)]
        $vis unsafe fn $name<$S: Simd $(, $A: $bound)*>($($argument: $type),*) {
            $crate::each_isa!(@work [$S: Simd $(, $A: $bound)*] [$($argument: $type),*] [] $body);
            // SAFETY: `S: Simd` is a parameter of this unsafe function, whose caller guarantees that the CPU supports
            // it.
            unsafe { $S::ISA.run(Job::<($S, $($A,)*), _>(std::marker::PhantomData, ($($argument,)*))) }
        }
    )*};
}

/// `with_isa!(isa, S => expression)` evaluates the expression with `S` bound to the vector type of `isa`.
macro_rules! with_isa {
    ($isa:expr, $S:ident => $expression:expr) => {
        match $isa {
            #[cfg(target_arch = "x86_64")]
            $crate::Isa::Avx512 => {
                type $S = $crate::cpu::isa::avx512::Avx512;
                $expression
            }
            #[cfg(target_arch = "x86_64")]
            $crate::Isa::Avx2 => {
                type $S = $crate::cpu::isa::avx2::Avx2;
                $expression
            }
            #[cfg(test)]
            $crate::Isa::Wide => {
                type $S = $crate::cpu::isa::portable::Portable<16>;
                $expression
            }
            _ => {
                type $S = $crate::cpu::isa::portable::Portable<8>;
                $expression
            }
        }
    };
}
pub(crate) use with_isa;

#[cfg(test)]
mod tests {
    use super::Isa;

    crate::each_isa! {
        fn doubled(x: &mut [f32]) -> usize {
            x.iter_mut().for_each(|x| *x += *x);
            x.len()
        }

        fn fills<F: Fn(usize) -> f32>(x: &mut [f32], f: F) {
            x.iter_mut().enumerate().for_each(|(i, x)| *x = f(i));
        }
    }

    #[test]
    fn the_work_runs_once_and_its_output_is_returned() {
        let mut x = [f32::NAN; 100];
        fills(&mut x, |i| i as f32);
        assert_eq!(doubled(&mut x), 100);
        assert!(x.iter().enumerate().all(|(i, &x)| x == 2.0 * i as f32));
    }

    #[test]
    fn the_best_instruction_set_is_the_first_supported_one_and_the_portable_one_is_always_supported() {
        assert_eq!(Isa::best(), Isa::supported()[0]);
        assert!(Isa::supported().contains(&Isa::Portable));
    }
}
