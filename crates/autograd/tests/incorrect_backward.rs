//! Tests with incorrect backward passes: `gradcheck` rejects each one and names the mistake.
#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

use std::cell::Cell;

use agon_autograd::{Error, GradCheck, Op, Param, Result, Var};
use tensor::{DType, Tensor};

/// A mistake in `backward`, or a function that is not smooth or not deterministic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mistake {
    None,
    Infinite,
    Nan,
    Zero,
    Twice,
    WrongSign,
    OneElement,
    Transposed,
    Reversed,
    WrongShape,
    WrongDType,
    NoGradient,
    DroppedSum,
    NonDeterministic,
    Kink,
    Jump,
    Singular,
    TooSteep,
}

/// Each mistake with a part of its error message, for every element and along random directions.
const MISTAKES: [(Mistake, [&str; 2]); 17] = [
    (Mistake::Infinite, ["at [0, 0] is inf", "along direction 0 is "]),
    (Mistake::Nan, ["at [0, 0] is NaN", "along direction 0 is NaN"]),
    (Mistake::Zero, ["it is zero"; 2]),
    (Mistake::Twice, ["off by a factor of 2"; 2]),
    (Mistake::WrongSign, ["the sign is wrong"; 2]),
    (Mistake::OneElement, ["at [2, 2] is"; 2]),
    (Mistake::Transposed, ["transposed", "along direction"]),
    (Mistake::Reversed, ["in reverse order", "along direction"]),
    (Mistake::WrongShape, ["expected a gradient of f64 [3, 3] on cpu for input 0, got f64 [9]"; 2]),
    (Mistake::WrongDType, ["expected a gradient of f64 [3, 3] on cpu for input 0, got f32 [3, 3]"; 2]),
    (Mistake::NoGradient, ["expected a gradient of f64 [3, 3] on cpu for input 0, got none"; 2]),
    (Mistake::DroppedSum, ["a sum was dropped", "along direction"]),
    (Mistake::NonDeterministic, ["expected a deterministic function, with the same gradient of"; 2]),
    (Mistake::Kink, ["got a kink"; 2]),
    (Mistake::Jump, ["got a jump"; 2]),
    (Mistake::Singular, ["got a singular point"; 2]),
    (Mistake::TooSteep, ["too steep for this step"; 2]),
];

/// Whether this is the error expected for a mistake.
fn is_error_of(mistake: Mistake, error: &Error) -> bool {
    match mistake {
        Mistake::None => false,
        Mistake::Infinite | Mistake::Nan => matches!(error, Error::NonFiniteGradient { .. }),
        Mistake::WrongShape | Mistake::WrongDType | Mistake::NoGradient => {
            matches!(error, Error::InvalidGradient { op: "scores", input: 0, .. })
        }
        Mistake::NonDeterministic => matches!(error, Error::NonDeterministic { .. }),
        Mistake::Kink | Mistake::Jump | Mistake::Singular | Mistake::TooSteep => {
            matches!(error, Error::NotSmooth { place, .. } if place.input == 0)
        }
        Mistake::DroppedSum => matches!(error, Error::WrongGradient { place, .. } if place.input == 1),
        _ => matches!(error, Error::WrongGradient { place, .. } if place.input == 0),
    }
}

/// `y = f(x) + bias`, for x of `[n, d]` and a bias of `[d]`; f is `3 x` unless the mistake is in the function itself.
#[derive(Debug)]
struct Scores {
    mistake: Mistake,
    calls: Cell<u32>,
}

impl Scores {
    /// The function of each element and its derivative; the first element is 0.
    fn f(&self, x: f64) -> [f64; 2] {
        match self.mistake {
            Mistake::Kink => [x.abs(), if x < 0.0 { -1.0 } else { 1.0 }],
            Mistake::Jump => [x + x.signum(), 1.0],
            Mistake::Singular => [x.cbrt(), if x == 0.0 { 0.0 } else { 1.0 / (3.0 * x.cbrt().powi(2)) }],
            Mistake::TooSteep => [(1e5 * x).tanh(), 1e5 * (1.0 - (1e5 * x).tanh().powi(2))],
            _ => [3.0 * x, 3.0],
        }
    }
}

impl Op<2> for Scores {
    const NAME: &'static str = "scores";
    type Saved = Tensor;

    fn forward(&self, [x, bias]: [&Tensor; 2]) -> Result<([Tensor; 1], Tensor)> {
        let (d, bias) = (x.shape()[1], bias.to_f64_vec());
        let y = x.to_f64_vec().into_iter().enumerate().map(|(place, x)| self.f(x)[0] + bias[place % d]);
        Ok(([Tensor::from_vec::<f64>(y.collect(), x.shape())?], x.clone()))
    }

    fn backward(&self, x: &Tensor, [dy]: [&Tensor; 1], _: [bool; 2]) -> Result<[Option<Tensor>; 2]> {
        let [n, d] = [x.shape()[0], x.shape()[1]];
        let dy = dy.to_f64_vec();
        let mut dx: Vec<f64> = x.to_f64_vec().iter().zip(&dy).map(|(x, dy)| self.f(*x)[1] * dy).collect();
        self.calls.set(self.calls.get() + 1);
        match self.mistake {
            Mistake::Infinite => dx.fill(f64::INFINITY),
            Mistake::Nan => dx.fill(f64::NAN),
            Mistake::Zero => dx.fill(0.0),
            Mistake::Twice => dx.iter_mut().for_each(|dx| *dx *= 2.0),
            Mistake::WrongSign => dx.iter_mut().for_each(|dx| *dx = -*dx),
            Mistake::OneElement => dx[n * d - 1] *= 1.5,
            Mistake::Reversed => dx.reverse(),
            Mistake::Transposed => dx = (0..n * d).map(|place| dx[place % n * d + place / n]).collect(),
            Mistake::NonDeterministic => dx[0] += f64::from(self.calls.get()),
            _ => {}
        }
        let dx = Tensor::from_vec(dx, x.shape())?;
        let dx = match self.mistake {
            Mistake::WrongShape => Some(dx.reshape(&[n * d])?),
            Mistake::WrongDType => Some(dx.to_dtype(DType::F32)),
            Mistake::NoGradient => None,
            _ => Some(dx),
        };
        let rows = if self.mistake == Mistake::DroppedSum { 1 } else { n };
        let dbias = (0..d).map(|column| (0..rows).map(|row| dy[row * d + column]).sum()).collect();
        Ok([dx, Some(Tensor::from_vec::<f64>(dbias, &[d])?)])
    }
}

fn scores<'t>(mistake: Mistake, x: &Var<'t>, bias: &Var<'t>) -> Result<Var<'t>> {
    let [y] = x.tape().apply(Scores { mistake, calls: Cell::new(0) }, [x, bias])?;
    Ok(y)
}

fn point() -> [Tensor; 2] {
    let x = Tensor::from_vec(vec![0.0, 0.3, -0.7, 1.1, 0.9, -1.3, 0.5, 2.0, -0.4], &[3, 3]).unwrap();
    [x, Tensor::from_vec(vec![0.1, 0.2, 0.3], &[3]).unwrap()]
}

fn check(options: &GradCheck, mistake: Mistake) -> Result<()> {
    let [x, bias] = point();
    options.check(|vars| scores(mistake, &vars[0], &vars[1]), &[&x, &bias]).map(drop)
}

fn require_refusal(mistake: Mistake, part: &str, outcome: Result<()>) {
    let error = outcome.expect_err(&format!("{mistake:?} was accepted"));
    let message = error.to_string();
    assert!(is_error_of(mistake, &error) && message.contains(part), "{mistake:?}: {message}");
}

#[test]
fn every_mistake_is_named_and_no_other_one_and_a_correct_backward_is_accepted() {
    assert_eq!(check(&GradCheck::new(), Mistake::None), Ok(()));
    for (mistake, [part, _]) in MISTAKES {
        require_refusal(mistake, part, check(&GradCheck::new(), mistake));
        let message = check(&GradCheck::new(), mistake).unwrap_err().to_string();
        let others = MISTAKES.iter().filter(|(other, [part, _])| *other != mistake && message.contains(part));
        assert_eq!(others.count(), 0, "{mistake:?}: {message}");
    }
}

#[test]
fn every_mistake_is_refused_along_random_directions_for_its_own_reason() {
    let fast = GradCheck::new().directions(2);
    assert_eq!(check(&fast, Mistake::None), Ok(()));
    for (mistake, [_, part]) in MISTAKES {
        let part = if mistake == Mistake::OneElement { "along direction" } else { part };
        require_refusal(mistake, part, check(&fast, mistake));
    }
}

#[test]
fn every_mistake_in_the_gradient_of_a_parameter_is_named_and_the_parameter_keeps_its_value() {
    let [x, bias] = point().map(Param::new);
    let params = [("x".to_owned(), &x), ("bias".to_owned(), &bias)];
    let check = |mistake| {
        GradCheck::new()
            .check_params(&params, |tape| scores(mistake, &tape.param(&x)?, &tape.param(&bias)?))
            .map(drop)
    };
    assert_eq!(check(Mistake::None), Ok(()));
    for (mistake, [part, _]) in MISTAKES {
        require_refusal(mistake, part, check(mistake));
        assert_eq!(
            [x.value(), bias.value()].map(|value| value.to_f64_vec()),
            point().map(|x| x.to_f64_vec())
        );
    }
    let message = check(Mistake::Twice).unwrap_err().to_string();
    assert!(message.starts_with("the gradient of `x` at [0, 0] is"), "{message}");
}

#[test]
fn inputs_that_are_not_selected_are_not_checked() {
    assert_eq!(check(&GradCheck::new().only(&[1]), Mistake::Twice), Ok(()));
    let chosen = check(&GradCheck::new().only(&[0]), Mistake::Twice);
    assert!(matches!(chosen, Err(Error::WrongGradient { .. })));
}
