//! Arithmetic operators for variables, and for a variable and a constant. Each returns a `Result`, because shapes may not
//! match: `(&(&x * &w)? + &b)?`, `(1.0 - &x)?`.

use std::ops;

use crate::{Result, Var};

macro_rules! binary {
    ($($trait:ident::$method:ident,)*) => {$(
        impl<'t> ops::$trait for &Var<'t> {
            type Output = Result<Var<'t>>;

            fn $method(self, other: Self) -> Self::Output {
                Var::$method(self, other)
            }
        }
    )*};
}

binary! {
    Add::add,
    Sub::sub,
    Mul::mul,
    Div::div,
}

macro_rules! with_constant {
    ($($trait:ident::$method:ident: |$x:ident, $c:ident| $left:expr, $right:expr;)*) => {$(
        impl<'t> ops::$trait<f64> for &Var<'t> {
            type Output = Result<Var<'t>>;

            fn $method(self, $c: f64) -> Self::Output {
                let $x = self;
                $left
            }
        }

        impl<'t> ops::$trait<&Var<'t>> for f64 {
            type Output = Result<Var<'t>>;

            fn $method(self, $x: &Var<'t>) -> Self::Output {
                let $c = self;
                $right
            }
        }
    )*};
}

with_constant! {
    Add::add: |x, c| x.add_scalar(c), x.add_scalar(c);
    Sub::sub: |x, c| x.add_scalar(-c), x.scale(-1.0)?.add_scalar(c);
    Mul::mul: |x, c| x.scale(c), x.scale(c);
}

impl<'t> ops::Div<f64> for &Var<'t> {
    type Output = Result<Var<'t>>;

    /// Multiplication by `1 / c`, which may differ from the quotient in the last digit.
    fn div(self, c: f64) -> Self::Output {
        self.scale(1.0 / c)
    }
}

impl<'t> ops::Neg for &Var<'t> {
    type Output = Result<Var<'t>>;

    fn neg(self) -> Self::Output {
        self.scale(-1.0)
    }
}

#[cfg(test)]
mod tests {
    use tensor::{DType, Tensor};

    use crate::Tape;

    #[test]
    fn operators_broadcast_and_have_the_gradients_of_their_methods() {
        let tape = Tape::new();
        let x = tape.input(&Tensor::from_vec(vec![1.0f64, 2.0], &[2]).unwrap());
        let y = tape.input(&Tensor::full(4.0, &[], DType::F64));
        let difference = (&(&x * &y).unwrap() - &(&x / &y).unwrap()).unwrap();
        let z = (&difference + &(-&y).unwrap()).unwrap().sum().unwrap();
        assert_eq!(z.value().item(), Ok(3.0 * 3.75 - 8.0));
        let gradients = tape.backward(&z).unwrap();
        assert_eq!(gradients.of(&x).unwrap().to_f64_vec(), [3.75, 3.75]);
        assert_eq!(gradients.of(&y).unwrap().to_f64_vec(), [3.0 + 3.0 / 16.0 - 2.0]);
    }

    #[test]
    fn constants_are_operands_on_either_side() {
        let tape = Tape::new();
        let x = tape.input(&Tensor::full(3.0, &[], DType::F64));
        let results = [&x + 2.0, 2.0 + &x, &x - 2.0, 2.0 - &x, &x * 2.0, 2.0 * &x, &x / 2.0, -&x];
        let got = results.map(|y| {
            let y = y.unwrap();
            let slope = tape.backward(&y).unwrap().of(&x).unwrap().item().unwrap();
            (y.value().item().unwrap(), slope)
        });
        let expected = [5.0, 5.0, 1.0, -1.0, 6.0, 6.0, 1.5, -3.0];
        let slopes = [1.0, 1.0, 1.0, -1.0, 2.0, 2.0, 0.5, -1.0];
        assert_eq!(got, std::array::from_fn(|i| (expected[i], slopes[i])));
    }

    #[test]
    fn shapes_that_do_not_fit_are_an_error() {
        let tape = Tape::new();
        let [x, y] = [2, 3].map(|n| tape.input(&Tensor::zeros(&[n], DType::F32)));
        assert!((&x / &y).unwrap_err().to_string().starts_with("broadcast_to"));
    }
}
