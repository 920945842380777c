//! Element-wise kernels, defined by a formula.
//!
//! Every implementation of [`Map`] or [`Map2`] is a [`Kernel`]: the shape rule, the reference, the fast path and the
//! launch are derived from the formula.

use ndarray::{ArrayD, ArrayViewD, Zip};

use crate::gpu::{Argument, Call, Grid};
use crate::{Error, Kernel, Real, Result, Slice, Tensor, vector};

/// An element-wise function of one tensor: `y = f(x)`.
pub trait Map: Copy + Sync {
    /// The name, and the prefix of the entry points in `kernels/*.cu`: `NAME_f32(y, x, n)`, `NAME_f16` and `NAME_bf16`.
    const NAME: &'static str;

    /// The formula, in the accumulator type. It should be inlined, because it is the body of a vectorised loop.
    fn formula<A: Real>(&self, x: A) -> A;

    /// The formula of the `f32` fast path; override it where another form of [`Map::formula`] is faster.
    #[inline(always)]
    fn formula_f32(&self, x: f32) -> f32 {
        self.formula(x)
    }

    /// Constants passed to the entry points after `n`.
    fn constants(&self) -> [Option<f32>; 2] {
        [None; 2]
    }
}

/// An element-wise function of two tensors of equal shape: `z = f(x, y)`.
pub trait Map2: Copy + Sync {
    /// The name, and the prefix of the entry points in `kernels/*.cu`: `NAME_f32(z, x, y, n)`, `NAME_f16` and `NAME_bf16`.
    const NAME: &'static str;

    /// The formula, in the accumulator type. It should be inlined, because it is the body of a vectorised loop.
    fn formula<A: Real>(&self, x: A, y: A) -> A;

    /// The formula of the `f32` fast path; override it where another form of [`Map2::formula`] is faster.
    #[inline(always)]
    fn formula_f32(&self, x: f32, y: f32) -> f32 {
        self.formula(x, y)
    }
}

impl<F: Map> Kernel<1, 1> for F {
    fn name(&self) -> &'static str {
        F::NAME
    }

    fn shapes(&self, [x]: [&[usize]; 1]) -> Result<[Vec<usize>; 1]> {
        Ok([x.to_vec()])
    }

    fn reference<A: Real>(&self, [x]: [ArrayViewD<'_, A>; 1]) -> [ArrayD<A>; 1] {
        [x.mapv(|x| self.formula(x))]
    }

    fn launch(&self, call: Call<'_>, inputs: [&Tensor; 1], [y]: [&Tensor; 1]) -> Result<()> {
        let constants: Vec<_> = self.constants().into_iter().flatten().map(Argument::F32).collect();
        launch(call, F::NAME, y, inputs, &constants)
    }

    fn fast(&self, [x]: [Slice<'_>; 1], [y]: [&mut [f32]; 1]) -> bool {
        let f = *self;
        vector::map(x.data, y, move |x| f.formula_f32(x));
        true
    }
}

impl<F: Map2> Kernel<2, 1> for F {
    fn name(&self) -> &'static str {
        F::NAME
    }

    fn shapes(&self, [x, y]: [&[usize]; 2]) -> Result<[Vec<usize>; 1]> {
        if x != y {
            return Err(Error::shape(F::NAME, "two equal shapes", &[x, y]));
        }
        Ok([x.to_vec()])
    }

    fn reference<A: Real>(&self, [x, y]: [ArrayViewD<'_, A>; 2]) -> [ArrayD<A>; 1] {
        [Zip::from(&x).and(&y).map_collect(|&x, &y| self.formula(x, y))]
    }

    fn launch(&self, call: Call<'_>, inputs: [&Tensor; 2], [z]: [&Tensor; 1]) -> Result<()> {
        launch(call, F::NAME, z, inputs, &[])
    }

    fn fast(&self, [x, y]: [Slice<'_>; 2], [z]: [&mut [f32]; 1]) -> bool {
        let f = *self;
        vector::map2(x.data, y.data, z, move |x, y| f.formula_f32(x, y));
        true
    }
}

/// Launches `entry(out, inputs.., n, more..)` with one thread for each of the `n` elements of `out`.
pub fn launch<const N: usize>(
    call: Call<'_>,
    entry: &str,
    out: &Tensor,
    inputs: [&Tensor; N],
    more: &[Argument<'_>],
) -> Result<()> {
    let mut arguments = vec![Argument::Out(out)];
    arguments.extend(inputs.map(Argument::In));
    arguments.push(Argument::Size(out.len()));
    arguments.extend(more);
    call.launch(entry, Grid::over(out.len()), &arguments)
}
