//! Defines an operation with a checked gradient: `cargo run --release -p agon --example custom_op`.
#![allow(clippy::print_stdout, reason = "an example")]

use agon::autograd::ops::mul::Mul;
use agon::autograd::{self, Error, if_needed};
use agon::prelude::*;
use agon::tensor;

/// The Huber loss of each element (Huber, 1964): `e^2 / 2` for an error `e = x - y` up to `delta`, and linear beyond.
#[derive(Debug, Clone, Copy)]
struct Huber {
    delta: f64,
}

impl Map2 for Huber {
    const NAME: &'static str = "huber";

    fn formula<A: Real>(&self, x: A, y: A) -> A {
        let (error, delta) = ((x - y).abs(), A::from_f64(self.delta));
        let near = error.min(delta);
        near * (error - near / A::from_f64(2.0))
    }
}

/// The derivative with respect to `x`; that with respect to `y` is obtained by exchanging the inputs.
#[derive(Debug, Clone, Copy)]
struct HuberSlope {
    delta: f64,
}

impl Map2 for HuberSlope {
    const NAME: &'static str = "huber_slope";

    fn formula<A: Real>(&self, x: A, y: A) -> A {
        let delta = A::from_f64(self.delta);
        (x - y).max(-delta).min(delta)
    }
}

impl Op<2> for Huber {
    const NAME: &'static str = "huber";
    type Saved = [Tensor; 2];

    fn forward(&self, inputs: [&Tensor; 2]) -> autograd::Result<([Tensor; 1], [Tensor; 2])> {
        if self.delta.is_nan() || self.delta <= 0.0 {
            let message = format!("expected a delta above 0, got {}", self.delta);
            return Err(Error::Op { op: <Self as Op<2>>::NAME, message });
        }
        Ok((tensor::run(self, inputs)?, inputs.map(Tensor::clone)))
    }

    fn backward(
        &self,
        [x, y]: &[Tensor; 2],
        [dz]: [&Tensor; 1],
        needed: [bool; 2],
    ) -> autograd::Result<[Option<Tensor>; 2]> {
        let grad = |needed, inputs| {
            if_needed(needed, || {
                let [slope] = tensor::run(&HuberSlope { delta: self.delta }, inputs)?;
                let [grad] = tensor::run(&Mul, [&slope, dz])?;
                Ok(grad)
            })
        };
        Ok([grad(needed[0], [x, y])?, grad(needed[1], [y, x])?])
    }
}

fn huber<'t>([x, y]: [&Var<'t>; 2], delta: f64) -> autograd::Result<Var<'t>> {
    x.tape().apply(Huber { delta }, [x, y]).map(|[loss]| loss)
}

fn main() -> autograd::Result<()> {
    let x = Tensor::from_vec(vec![-3.0, -0.4, 0.1, 0.9, 2.5], &[5])?;
    let y = Tensor::from_vec(vec![0.5, -0.1, 0.3, 0.2, -1.0], &[5])?;
    println!("{:?}", gradcheck(|[x, y]| huber([&x, &y], 1.0), [&x, &y])?);
    println!("{:?}", gradcheck(|[x, y]| huber([&x, &y], -1.0), [&x, &y]).map_err(|error| error.to_string()));
    Ok(())
}
