//! Tests of the tape: it accumulates gradients and rejects invalid ones.

use tensor::DType;

use super::*;

fn number(value: f64) -> Tensor {
    Tensor::full(value, &[], DType::F64)
}

#[test]
fn an_input_used_twice_is_counted_twice() {
    let tape = Tape::new();
    let x = tape.input(&number(3.0));
    let y = x.add(&x).unwrap().add(&x).unwrap();
    assert_eq!(tape.backward(&y).unwrap().of(&x).unwrap().item(), Ok(3.0));
}

#[test]
fn a_parameter_used_twice_is_one_variable() {
    let (tape, param) = (Tape::new(), Param::new(number(2.0)));
    let y = tape.param(&param).unwrap().add(&tape.param(&param).unwrap()).unwrap();
    assert_eq!(tape.backward(&y).unwrap().param(&param).unwrap().item(), Ok(2.0));
}

#[test]
fn on_a_mixed_tape_a_parameter_is_cast_once_and_its_gradient_arrives_in_its_own_type() {
    let (tape, param) = (Tape::new().mixed(DType::BF16), Param::new(number(0.1).to_dtype(DType::F32)));
    let [x, again] = [(); 2].map(|()| tape.param(&param).unwrap());
    assert_eq!((x.value().dtype(), x.slot), (DType::BF16, again.slot));
    assert_eq!(x.value().to_f64_vec(), param.value().to_dtype(DType::BF16).to_f64_vec());
    let gradients = tape.backward(&x.add(&again).unwrap()).unwrap();
    let gradient = gradients.param(&param).unwrap();
    assert_eq!((gradient.dtype(), gradient.item()), (DType::F32, Ok(2.0)));
    // The same on a tape that records nothing.
    let tape = Tape::without_gradients().mixed(DType::F16);
    assert_eq!(tape.param(&param).unwrap().value().dtype(), DType::F16);
    assert!(tape.state.borrow().nodes.is_empty());
}

#[test]
fn nothing_is_recorded_for_constants() {
    let tape = Tape::new();
    let x = tape.constant(&number(1.0));
    let y = x.add(&x).unwrap().tanh().unwrap();
    assert!(tape.state.borrow().nodes.is_empty());
    assert!(tape.backward(&y).unwrap().of(&x).is_err());
    let tape = Tape::without_gradients();
    let _ = tape.param(&Param::new(number(1.0))).unwrap().tanh().unwrap();
    assert!(tape.state.borrow().nodes.is_empty());
}

#[test]
fn a_gradient_that_does_not_exist_is_an_error_and_never_zero() {
    let tape = Tape::new();
    let (x, unrelated) = (tape.input(&number(1.0)), tape.input(&number(1.0)));
    let middle = x.tanh().unwrap();
    let y = middle.tanh().unwrap();
    let gradients = tape.backward(&y).unwrap();
    assert!(gradients.of(&unrelated).is_err());
    assert!(gradients.of(&middle).is_err());
    tape.keep(&middle);
    assert!(tape.backward(&y).unwrap().of(&middle).is_ok());
}

#[test]
fn detaching_stops_the_gradient_and_keeps_the_value() {
    let tape = Tape::new();
    let x = tape.input(&number(3.0));
    let y = x.add(&x.detach()).unwrap();
    assert_eq!(y.value().item(), Ok(6.0));
    assert_eq!(tape.backward(&y).unwrap().of(&x).unwrap().item(), Ok(1.0));
}

#[test]
fn backward_reads_the_tape_and_can_be_called_again() {
    let tape = Tape::new();
    let x = tape.input(&number(0.5));
    let y = x.tanh().unwrap();
    let first = tape.backward(&y).unwrap().of(&x).unwrap().item();
    assert_eq!(first, tape.backward(&y).unwrap().of(&x).unwrap().item());
}

#[test]
fn backward_from_a_non_scalar_is_refused() {
    let tape = Tape::new();
    let x = tape.input(&Tensor::zeros(&[2], DType::F64));
    assert_eq!(tape.backward(&x).unwrap_err(), Error::NotALoss { shape: vec![2] });
    assert!(tape.backward_from(&x, number(1.0)).is_err());
}

#[test]
fn an_upstream_gradient_has_the_type_of_the_output() {
    for (of_output, of_weight) in
        [(DType::F64, DType::F32), (DType::F32, DType::F64), (DType::BF16, DType::F16)]
    {
        let tape = Tape::new();
        let x = tape.input(&Tensor::zeros(&[2], of_output));
        let y = x.scale(2.0).unwrap();
        let error = tape.backward_from(&y, Tensor::zeros(&[2], of_weight)).unwrap_err();
        assert!(matches!(error, Error::Tensor(tensor::Error::MixedDTypes { .. })), "{error}");
        let gradients = tape.backward_from(&y, Tensor::zeros(&[2], of_output)).unwrap();
        assert_eq!(gradients.of(&x).unwrap().dtype(), of_output);
    }
}

/// The identity with a wrong gradient.
#[derive(Debug)]
struct Incorrect(fn(&Tensor) -> Option<Tensor>);

impl Op<1> for Incorrect {
    const NAME: &'static str = "incorrect";
    type Saved = ();
    fn forward(&self, [x]: [&Tensor; 1]) -> Result<([Tensor; 1], ())> {
        Ok(([x.clone()], ()))
    }
    fn backward(&self, (): &(), [dy]: [&Tensor; 1], _: [bool; 1]) -> Result<[Option<Tensor>; 1]> {
        Ok([self.0(dy)])
    }
}

#[test]
fn a_backward_that_returns_no_gradient_of_its_input_is_an_error_that_names_the_operation() {
    type Backward = fn(&Tensor) -> Option<Tensor>;
    let returned: [(Backward, &str); 4] = [
        (|_| None, "none"),
        (|dy| Some(dy.to_dtype(DType::F32)), "f32 [2, 3] on"),
        (|dy| Some(dy.reshape(&[3, 2]).unwrap()), "f64 [3, 2] on"),
        (|_| Some(Tensor::zeros(&[], DType::F64)), "f64 [] on"),
    ];
    for (backward, shown) in returned {
        let tape = Tape::new();
        let x = tape.input(&Tensor::zeros(&[2, 3], DType::F64));
        // The error is also found in the middle of a graph, where otherwise the backward pass of an earlier operation
        // would fail.
        let [y] = tape.apply(Incorrect(backward), [&x.tanh().unwrap()]).unwrap();
        let error = tape.backward_from(&y, Tensor::zeros(&[2, 3], DType::F64)).unwrap_err();
        assert!(matches!(error, Error::InvalidGradient { op: "incorrect", input: 0, .. }), "{error}");
        let message = error.to_string();
        assert!(message.contains("f64 [2, 3] on") && message.contains(&format!("got {shown}")), "{message}");
    }
    // The gradient is not requested, so it is not missing.
    let tape = Tape::new();
    let x = tape.constant(&Tensor::zeros(&[2], DType::F64));
    assert!(tape.apply(Incorrect(|_| None), [&x]).is_ok());
}

#[test]
fn variables_of_two_tapes_cannot_be_combined() {
    let (one, other) = (Tape::new(), Tape::new());
    let error = one.input(&number(1.0)).add(&other.input(&number(1.0)).detach());
    assert_eq!(error.unwrap_err(), Error::MixedTapes { op: "add" });
}
