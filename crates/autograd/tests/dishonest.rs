//! Dishonest backwards: `gradcheck` refuses each one and says what is wrong with it.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::cell::Cell;

use agon_autograd::{Error, GradCheck, Op, Param, Result, Var};
use tensor::{DType, Tensor};

/// How `backward` or the function lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lie {
    None,
    Infinite,
    Nan,
    Zero,
    Twice,
    WrongSign,
    Transposed,
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

/// Each lie with a word of its refusal.
const LIES: [(Lie, &str); 15] = [
    (Lie::Infinite, "the gradient of input 0 at [0, 0] is inf"),
    (Lie::Nan, "the gradient of input 0 at [0, 0] is NaN"),
    (Lie::Zero, "it is zero"),
    (Lie::Twice, "off by a factor of 2"),
    (Lie::WrongSign, "the sign is wrong"),
    (Lie::Transposed, "transposed"),
    (Lie::WrongShape, "scores: backward: expected a gradient of f64 [3, 3] on cpu for input 0, got f64 [9]"),
    (
        Lie::WrongDType,
        "scores: backward: expected a gradient of f64 [3, 3] on cpu for input 0, got f32 [3, 3]",
    ),
    (Lie::NoGradient, "scores: backward: expected a gradient of f64 [3, 3] on cpu for input 0, got none"),
    (Lie::DroppedSum, "a sum was dropped"),
    (Lie::NonDeterministic, "expected a deterministic function, with the same gradient of input 0"),
    (Lie::Kink, "got a kink"),
    (Lie::Jump, "got a jump"),
    (Lie::Singular, "got a singular point"),
    (Lie::TooSteep, "too steep for this step"),
];

/// `y = f(x) + bias`, for x of `[n, d]` and a bias of `[d]`; f is `3 x` unless the function itself is at fault.
#[derive(Debug)]
struct Scores {
    lie: Lie,
    calls: Cell<u32>,
}

impl Scores {
    /// The function of each element and its derivative; the first element is 0.
    fn f(&self, x: f64) -> [f64; 2] {
        match self.lie {
            Lie::Kink => [x.abs(), if x < 0.0 { -1.0 } else { 1.0 }],
            Lie::Jump => [x + x.signum(), 1.0],
            Lie::Singular => [x.cbrt(), if x == 0.0 { 0.0 } else { 1.0 / (3.0 * x.cbrt().powi(2)) }],
            Lie::TooSteep => [(1e5 * x).tanh(), 1e5 * (1.0 - (1e5 * x).tanh().powi(2))],
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
        match self.lie {
            Lie::Infinite => dx.fill(f64::INFINITY),
            Lie::Nan => dx.fill(f64::NAN),
            Lie::Zero => dx.fill(0.0),
            Lie::Twice => dx.iter_mut().for_each(|dx| *dx *= 2.0),
            Lie::WrongSign => dx.iter_mut().for_each(|dx| *dx = -*dx),
            Lie::Transposed => dx = (0..n * d).map(|place| dx[place % n * d + place / n]).collect(),
            Lie::NonDeterministic => dx[0] += f64::from(self.calls.get()),
            _ => {}
        }
        let dx = Tensor::from_vec(dx, x.shape())?;
        let dx = match self.lie {
            Lie::WrongShape => Some(dx.reshape(&[n * d])?),
            Lie::WrongDType => Some(dx.to_dtype(DType::F32)),
            Lie::NoGradient => None,
            _ => Some(dx),
        };
        let rows = if self.lie == Lie::DroppedSum { 1 } else { n };
        let dbias = (0..d).map(|column| (0..rows).map(|row| dy[row * d + column]).sum()).collect();
        Ok([dx, Some(Tensor::from_vec::<f64>(dbias, &[d])?)])
    }
}

fn scores<'t>(lie: Lie, x: &Var<'t>, bias: &Var<'t>) -> Result<Var<'t>> {
    let [y] = x.tape().apply(Scores { lie, calls: Cell::new(0) }, [x, bias])?;
    Ok(y)
}

fn point() -> [Tensor; 2] {
    let x = Tensor::from_vec(vec![0.0, 0.3, -0.7, 1.1, 0.9, -1.3, 0.5, 2.0, -0.4], &[3, 3]).unwrap();
    [x, Tensor::from_vec(vec![0.1, 0.2, 0.3], &[3]).unwrap()]
}

fn check(options: &GradCheck, lie: Lie) -> Result<()> {
    let [x, bias] = point();
    options.check(|vars| scores(lie, &vars[0], &vars[1]), &[&x, &bias]).map(drop)
}

#[test]
fn every_lie_is_refused_with_its_own_word_and_the_truth_is_accepted() {
    assert_eq!(check(&GradCheck::new(), Lie::None), Ok(()));
    for (lie, word) in LIES {
        let message = check(&GradCheck::new(), lie).expect_err(&format!("{lie:?} was accepted")).to_string();
        assert!(message.contains(word), "{lie:?}: {message}");
        // No other lie's word.
        let others = LIES.iter().filter(|(other, word)| *other != lie && message.contains(word));
        assert_eq!(others.count(), 0, "{lie:?}: {message}");
    }
}

#[test]
fn every_lie_is_refused_along_random_directions_too() {
    let fast = GradCheck::new().directions(2);
    assert_eq!(check(&fast, Lie::None), Ok(()));
    for (lie, _) in LIES {
        assert!(check(&fast, lie).is_err(), "{lie:?} was accepted");
    }
}

#[test]
fn every_lie_about_a_parameter_is_refused_and_the_parameter_keeps_its_value() {
    let [x, bias] = point().map(Param::new);
    let params = [("x".to_owned(), &x), ("bias".to_owned(), &bias)];
    let check = |lie| {
        GradCheck::new().check_params(&params, |tape| scores(lie, &tape.param(&x)?, &tape.param(&bias)?))
    };
    assert!(check(Lie::None).is_ok());
    for (lie, _) in LIES {
        assert!(check(lie).is_err(), "{lie:?} was accepted");
        assert_eq!(
            [x.value(), bias.value()].map(|value| value.to_f64_vec()),
            point().map(|x| x.to_f64_vec())
        );
    }
    let message = check(Lie::Twice).unwrap_err().to_string();
    assert!(message.starts_with("the gradient of `x` at [0, 0] is"), "{message}");
}

#[test]
fn a_lie_about_an_input_that_is_not_chosen_is_not_looked_for() {
    assert_eq!(check(&GradCheck::new().only(&[1]), Lie::Twice), Ok(()));
    assert!(matches!(check(&GradCheck::new().only(&[0]), Lie::Twice), Err(Error::WrongGradient { .. })));
}
