//! Where a computation stopped giving numbers: the first result on a tape that is not finite.

use tensor::Tensor;

use crate::Param;

/// The first value on a [watching](crate::Tape::watching) tape with an element that is infinite or no number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotFinite {
    op: Option<&'static str>,
    param: Option<u64>,
}

impl NotFinite {
    /// The operation whose result it is; `None` where a value was not finite when the tape was given it.
    pub fn op(&self) -> Option<&'static str> {
        self.op
    }

    /// Whether this is the parameter itself, or the last one that the tape was given before.
    pub fn is_at(&self, param: &Param) -> bool {
        self.param == Some(param.id())
    }
}

/// What a watching tape has seen so far.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    last_param: Option<u64>,
    found: Option<NotFinite>,
}

impl Watch {
    pub(crate) fn param(&mut self, param: &Param) {
        self.last_param = Some(param.id());
        self.look(None, &[param.value()]);
    }

    /// The results of an operation, or with none what the tape was given.
    pub(crate) fn look(&mut self, op: Option<&'static str>, values: &[Tensor]) {
        let finite = |value: &Tensor| value.to_f64_vec().iter().all(|x| x.is_finite());
        if self.found.is_none() && !values.iter().all(finite) {
            self.found = Some(NotFinite { op, param: self.last_param });
        }
    }

    pub(crate) fn found(&self) -> Option<NotFinite> {
        self.found
    }
}

#[cfg(test)]
mod tests {
    use tensor::DType;

    use super::*;
    use crate::Tape;

    fn number(value: f64) -> Tensor {
        Tensor::full(value, &[1], DType::F64)
    }

    #[test]
    fn the_operation_that_overflows_is_named_with_the_parameter_before_it() {
        let (small, large) = (Param::new(number(2.0)), Param::new(number(1e300)));
        let tape = Tape::without_gradients().watching();
        let product = tape.param(&small).unwrap().mul(&tape.param(&large).unwrap()).unwrap();
        assert_eq!(tape.first_not_finite(), None);
        let _ = product.mul(&product).unwrap().add(&product).unwrap();
        let first = tape.first_not_finite().unwrap();
        assert_eq!((first.op(), first.is_at(&large), first.is_at(&small)), (Some("mul"), true, false));
    }

    #[test]
    fn a_parameter_that_is_no_number_is_named_itself() {
        let (good, bad) = (Param::new(number(1.0)), Param::new(number(f64::NAN)));
        let tape = Tape::new().watching();
        let _ = tape.param(&good).unwrap().add(&tape.param(&bad).unwrap()).unwrap();
        let first = tape.first_not_finite().unwrap();
        assert_eq!((first.op(), first.is_at(&bad)), (None, true));
        let tape = Tape::new();
        let _ = tape.param(&bad).unwrap();
        assert_eq!(tape.first_not_finite(), None, "nobody watches");
    }
}
