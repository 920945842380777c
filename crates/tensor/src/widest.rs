//! Code that is compiled for the widest vectors that the processor has.

use std::fmt;

/// Work that is compiled for AVX-512, for AVX2 and for any processor.
///
/// `run` and what it calls in its loops must be `#[inline(always)]`, or they stay compiled for any processor:
/// as correct, but slower. Without fused operations the choice changes no bit of the result.
pub trait Widest {
    /// What comes out.
    type Output;

    /// Does the work.
    fn run(self) -> Self::Output;
}

/// The vectors that work is compiled for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Vectors {
    /// 512 bits: AVX-512 with its F, BW, DQ and VL parts.
    Avx512,
    /// 256 bits: AVX2.
    Avx2,
    /// Those that any processor has.
    Any,
}

impl Vectors {
    /// The widest that this processor has.
    #[inline]
    pub fn widest() -> Self {
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512dq")
                && is_x86_feature_detected!("avx512vl")
            {
                return Self::Avx512;
            }
            if is_x86_feature_detected!("avx2") {
                return Self::Avx2;
            }
        }
        Self::Any
    }
}

impl fmt::Display for Vectors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Avx512 => "AVX-512",
            Self::Avx2 => "AVX2",
            Self::Any => "no wide vectors",
        })
    }
}

/// Does the work with the widest vectors that the processor has.
#[inline]
pub fn widest<W: Widest>(work: W) -> W::Output {
    #[cfg(target_arch = "x86_64")]
    {
        #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
        fn avx512<W: Widest>(work: W) -> W::Output {
            work.run()
        }
        #[target_feature(enable = "avx2")]
        fn avx2<W: Widest>(work: W) -> W::Output {
            work.run()
        }
        match Vectors::widest() {
            // SAFETY: the processor has just been asked for these features.
            Vectors::Avx512 => return unsafe { avx512(work) },
            // SAFETY: the processor has just been asked for this feature.
            Vectors::Avx2 => return unsafe { avx2(work) },
            Vectors::Any => {}
        }
    }
    work.run()
}

/// Defines functions whose bodies are compiled for several kinds of processor; the widest is chosen when
/// they are called.
///
/// ```
/// agon_tensor::each_processor! {
///     /// The sum of `scale * x`.
///     fn scaled_sum(x: &[f32], scale: f32) -> f32 {
///         x.iter().map(|x| scale * x).sum()
///     }
/// }
/// assert_eq!(scaled_sum(&[1.0, 2.0], 3.0), 9.0);
/// ```
#[macro_export]
macro_rules! each_processor {
    ($($(#[$doc:meta])* $vis:vis fn $name:ident $(<$F:ident: $bound:path>)? (
        $($argument:ident: $type:ty),* $(,)?
    ) $(-> $out:ty)? $body:block)*) => {$(
        $(#[$doc])*
        #[inline]
        $vis fn $name $(<$F: $bound>)? ($($argument: $type),*) $(-> $out)? {
            struct Work<Arguments>(Arguments);
            impl $(<$F: $bound>)? $crate::Widest for Work<($($type,)*)> {
                type Output = $crate::each_processor!(@output $($out)?);
                #[inline(always)]
                fn run(self) $(-> $out)? {
                    let Self(($($argument,)*)) = self;
                    $body
                }
            }
            $crate::widest(Work(($($argument,)*)))
        }
    )*};
    (@output) => { () };
    (@output $out:ty) => { $out };
}

#[cfg(test)]
mod tests {
    crate::each_processor! {
        fn doubled(x: &mut [f32]) -> usize {
            x.iter_mut().for_each(|x| *x += *x);
            x.len()
        }
    }

    #[test]
    fn the_work_is_done_once_and_its_output_comes_back() {
        let mut x: Vec<f32> = (0..100).map(|i| i as f32).collect();
        assert_eq!(doubled(&mut x), 100);
        assert!(x.iter().enumerate().all(|(i, &x)| x == 2.0 * i as f32));
    }
}
