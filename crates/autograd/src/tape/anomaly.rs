//! Anomaly detection: which operation's result was the first on a tape that is not finite.

use std::cell::RefCell;

use tensor::Tensor;

use crate::{Param, Tape};

/// The first value with an infinite or NaN element on a tape that [detects anomalies](crate::Tape::detecting_anomalies).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NonFinite {
    op: Option<&'static str>,
    param: Option<u64>,
}

impl NonFinite {
    /// The operation whose result it is; `None` where a value was not finite when the tape was given it.
    pub fn op(&self) -> Option<&'static str> {
        self.op
    }

    /// Whether this is the parameter itself, or the last one that the tape was given before.
    pub fn is_at(&self, param: &Param) -> bool {
        self.param == Some(param.id())
    }
}

impl Tape {
    /// The same tape, checking every element of every value on it, which is slow: for finding where a computation
    /// became infinite or NaN.
    pub fn detecting_anomalies(self) -> Self {
        Self { anomalies: Some(AnomalyDetector::default()), ..self }
    }

    /// What a tape that [detects anomalies](Self::detecting_anomalies) found.
    pub fn first_non_finite(&self) -> Option<NonFinite> {
        self.anomalies.as_ref()?.0.borrow().found
    }
}

/// Checks the values on a tape as they come.
#[derive(Default)]
pub(super) struct AnomalyDetector(RefCell<Seen>);

#[derive(Default)]
struct Seen {
    last_param: Option<u64>,
    found: Option<NonFinite>,
}

impl AnomalyDetector {
    /// A parameter that the tape was given.
    pub(super) fn check_param(&self, param: &Param) {
        self.0.borrow_mut().last_param = Some(param.id());
        self.check(None, &[param.value()]);
    }

    /// Another value that the tape was given.
    pub(super) fn check_given(&self, value: &Tensor) {
        self.check(None, std::slice::from_ref(value));
    }

    /// The results of an operation.
    pub(super) fn check_outputs(&self, op: &'static str, outputs: &[Tensor]) {
        self.check(Some(op), outputs);
    }

    fn check(&self, op: Option<&'static str>, values: &[Tensor]) {
        let Seen { last_param, found } = &mut *self.0.borrow_mut();
        let is_finite = |value: &Tensor| value.to_f64_vec().iter().all(|x| x.is_finite());
        if found.is_none() && !values.iter().all(is_finite) {
            *found = Some(NonFinite { op, param: *last_param });
        }
    }
}

#[cfg(test)]
mod tests {
    use tensor::DType;

    use super::*;

    fn number(value: f64) -> Tensor {
        Tensor::full(value, &[1], DType::F64)
    }

    #[test]
    fn the_operation_that_overflows_is_named_with_the_parameter_before_it() {
        let (small, large) = (Param::new(number(2.0)), Param::new(number(1e300)));
        let tape = Tape::without_gradients().detecting_anomalies();
        let product = tape.param(&small).unwrap().mul(&tape.param(&large).unwrap()).unwrap();
        assert_eq!(tape.first_non_finite(), None);
        let _ = product.mul(&product).unwrap().add(&product).unwrap();
        let first = tape.first_non_finite().unwrap();
        assert_eq!((first.op(), first.is_at(&large), first.is_at(&small)), (Some("mul"), true, false));
    }

    #[test]
    fn a_parameter_that_is_no_number_is_named_itself() {
        let (good, bad) = (Param::new(number(1.0)), Param::new(number(f64::NAN)));
        let tape = Tape::new().detecting_anomalies();
        let _ = tape.param(&good).unwrap().add(&tape.param(&bad).unwrap()).unwrap();
        let first = tape.first_non_finite().unwrap();
        assert_eq!((first.op(), first.is_at(&bad)), (None, true));
        let tape = Tape::new();
        let _ = tape.param(&bad).unwrap();
        assert_eq!(tape.first_non_finite(), None, "no detection was asked for");
    }
}
