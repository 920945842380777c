//! Arithmetic operators for variables. Each returns a `Result`, because shapes may not match: `(&(&x * &w)? + &b)?`.

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
    fn shapes_that_do_not_fit_are_an_error() {
        let tape = Tape::new();
        let [x, y] = [2, 3].map(|n| tape.input(&Tensor::zeros(&[n], DType::F32)));
        assert!((&x / &y).unwrap_err().to_string().starts_with("broadcast_to"));
    }
}
