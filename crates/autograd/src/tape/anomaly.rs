//! Anomaly detection: finds the first non-finite value on a tape.

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
    /// The operation that computed the value; `None` for an input, constant or parameter.
    pub fn op(&self) -> Option<&'static str> {
        self.op
    }

    /// Whether `param` is this value, or the last parameter recorded before it.
    pub fn is_at(&self, param: &Param) -> bool {
        self.param == Some(param.id())
    }
}

impl Tape {
    /// Enables anomaly detection, which finds the operation that computes the first infinite or NaN element. It is
    /// slow, because the tape checks every element of every value.
    pub fn detecting_anomalies(self) -> Self {
        Self { anomalies: Some(AnomalyDetector::default()), ..self }
    }

    /// The first non-finite value found by a tape that [detects anomalies](Self::detecting_anomalies).
    pub fn first_non_finite(&self) -> Option<NonFinite> {
        self.anomalies.as_ref()?.0.borrow().found
    }
}

/// Checks the values on a tape as they are recorded.
#[derive(Default)]
pub(super) struct AnomalyDetector(RefCell<Seen>);

#[derive(Default)]
struct Seen {
    last_param: Option<u64>,
    found: Option<NonFinite>,
}

impl AnomalyDetector {
    /// Checks a parameter.
    pub(super) fn check_param(&self, param: &Param) {
        self.0.borrow_mut().last_param = Some(param.id());
        self.check(None, &[param.value()]);
    }

    /// Checks an input or constant.
    pub(super) fn check_given(&self, value: &Tensor) {
        self.check(None, std::slice::from_ref(value));
    }

    /// Checks the results of an operation.
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
    fn a_nan_parameter_is_named_itself() {
        let (good, bad) = (Param::new(number(1.0)), Param::new(number(f64::NAN)));
        let tape = Tape::new().detecting_anomalies();
        let _ = tape.param(&good).unwrap().add(&tape.param(&bad).unwrap()).unwrap();
        let first = tape.first_non_finite().unwrap();
        assert_eq!((first.op(), first.is_at(&bad)), (None, true));
        let tape = Tape::new();
        let _ = tape.param(&bad).unwrap();
        assert_eq!(tape.first_non_finite(), None, "detection is off");
    }
}
