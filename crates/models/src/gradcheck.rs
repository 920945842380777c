//! Gradient checks of whole modules.

use autograd::gradcheck::Checked;
use autograd::{GradCheck, Param};
use tensor::Tensor;

use crate::{Mode, Module, Result};

/// Compares the gradients of a module's output with respect to its input and all its parameters with finite differences.
///
/// In errors, the input is named `input`.
///
/// The parameters and the input must be in `f64`. When the check returns, parameters and buffers, such as running
/// statistics, have their original values. [`GradCheck::directions`] makes the check of a large module fast.
///
/// ```
/// use agon_models::{Activation, BatchNorm, Linear, Mode, Sequential, check_gradients};
/// use autograd::GradCheck;
/// use tensor::random::Stream;
/// use tensor::{DType, Tensor};
///
/// let stream = Stream::new(0, "init");
/// let module = Sequential::new()
///     .then_with(&stream, |stream| Linear::new(3, 4, stream, DType::F64))
///     .then(BatchNorm::new(4, DType::F64))
///     .then(Activation::Tanh);
/// let x = Tensor::from_vec(vec![0.3, -1.2, 0.7, 2.0, 0.1, -0.4, 0.9, 0.5, -1.5], &[3, 3])?;
/// let checked = check_gradients(&module, &x, Mode::Training { step: 0 }, &GradCheck::new())?;
/// assert_eq!(checked.elements, 9 + 3 * 4 + 4 + 4 + 4);
/// # Ok::<(), agon_models::Error>(())
/// ```
///
/// # Errors
/// As [`gradcheck`](autograd::gradcheck()); the error names the parameter.
pub fn check_gradients(module: &dyn Module, x: &Tensor, mode: Mode, options: &GradCheck) -> Result<Checked> {
    let buffers: Vec<(&Param, Tensor)> =
        module.buffers().into_iter().map(|(_, buffer)| (buffer, buffer.value())).collect();
    let input = Param::new(x.clone());
    let mut checked_params = vec![("input".to_owned(), &input)];
    checked_params.extend(module.params());
    let checked = options.check_params(&checked_params, |tape| module.forward(&tape.param(&input)?, mode));
    buffers.into_iter().try_for_each(|(buffer, value)| buffer.set(value))?;
    checked
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by a panic")]
mod tests {
    use autograd::{Error as Engine, Tape, Var};
    use tensor::DType;
    use tensor::random::Stream;

    use super::*;
    use crate::{Activation, BatchNorm, Error, Linear, Sequential};

    /// A layer whose backward pass ignores its first parameter.
    struct Detached(Param);

    impl Module for Detached {
        fn forward<'t>(&self, x: &Var<'t>, _: Mode) -> Result<Var<'t>> {
            Ok(x.mul(&x.tape().param(&self.0)?.detach())?)
        }

        fn params(&self) -> Vec<(String, &Param)> {
            vec![("scale".into(), &self.0)]
        }
    }

    fn layers() -> Sequential {
        let stream = Stream::new(0, "init");
        Sequential::new()
            .then_with(&stream, |stream| Linear::new(3, 4, stream, DType::F64))
            .then(BatchNorm::new(4, DType::F64))
            .then(Activation::Tanh)
    }

    fn images() -> Tensor {
        Tensor::from_vec(vec![0.3, -1.2, 0.7, 2.0, 0.1, -0.4, 0.9, 0.5, -1.5], &[3, 3]).unwrap()
    }

    #[test]
    fn a_module_is_checked_in_every_mode_and_keeps_its_parameters_and_statistics() {
        let module = layers();
        let values = |module: &Sequential| -> Vec<Vec<f64>> {
            let tensors = module.params().into_iter().chain(module.buffers());
            tensors.map(|(_, tensor)| tensor.value().to_f64_vec()).collect()
        };
        let before = values(&module);
        for mode in [Mode::Training { step: 0 }, Mode::Evaluation] {
            for (options, n) in [(GradCheck::new(), 33), (GradCheck::new().directions(2), 10)] {
                let checked = check_gradients(&module, &images(), mode, &options).unwrap();
                assert_eq!(checked.elements, n, "{mode:?}");
                assert_eq!(values(&module), before, "{mode:?}");
            }
        }
    }

    /// A layer that propagates no gradient to its input.
    struct Cut;

    impl Module for Cut {
        fn forward<'t>(&self, x: &Var<'t>, _: Mode) -> Result<Var<'t>> {
            Ok(x.mul(&x.detach())?)
        }

        fn params(&self) -> Vec<(String, &Param)> {
            vec![]
        }
    }

    #[test]
    fn the_gradient_of_the_input_is_checked() {
        let error = check_gradients(&Cut, &images(), Mode::Evaluation, &GradCheck::new()).unwrap_err();
        assert!(error.to_string().starts_with("the gradient of `input` at [0, 0] is "), "{error}");
    }

    #[test]
    fn a_parameter_without_its_gradient_is_named() {
        let module = layers().then(Detached(Param::new(Tensor::full(2.0, &[4], DType::F64))));
        let error = check_gradients(&module, &images(), Mode::Evaluation, &GradCheck::new()).unwrap_err();
        assert!(matches!(error, Error::Autograd(Engine::WrongGradient { .. })), "{error}");
        assert!(error.to_string().starts_with("the gradient of `3.scale` at [0] is 0e0"), "{error}");
        assert!(module.forward(&Tape::new().constant(&images()), Mode::Evaluation).is_ok());
    }
}
