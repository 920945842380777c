//! The residual block (He et al., 2016, arXiv 1512.03385).

use autograd::{Param, Var};

use crate::module::within;
use crate::{Mode, Module, Result, Sequential};

/// A residual block `y = body(x) + skip(x)`, where the skip branch is the identity by default.
///
/// Parameters have names such as `body.0.weight` and `skip.0.weight`.
pub struct Residual {
    body: Sequential,
    skip: Sequential,
}

impl Residual {
    /// Creates a block with an identity skip branch.
    pub fn new(body: Sequential) -> Self {
        Self::with_skip(body, Sequential::new())
    }

    /// Creates a block with a skip branch that may change the shape.
    pub fn with_skip(body: Sequential, skip: Sequential) -> Self {
        Self { body, skip }
    }
}

impl Module for Residual {
    fn forward<'t>(&self, x: &Var<'t>, mode: Mode) -> Result<Var<'t>> {
        Ok(self.body.forward(x, mode)?.add(&self.skip.forward(x, mode)?)?)
    }

    fn is_representation(&self) -> bool {
        true
    }

    fn params(&self) -> Vec<(String, &Param)> {
        within("body", self.body.params()).chain(within("skip", self.skip.params())).collect()
    }

    fn buffers(&self) -> Vec<(String, &Param)> {
        within("body", self.body.buffers()).chain(within("skip", self.skip.buffers())).collect()
    }
}

#[cfg(test)]
mod tests {
    use tensor::Tensor;

    use super::*;
    use crate::Activation;

    #[test]
    fn the_skip_is_the_identity_by_default() {
        let x = Tensor::from_vec(vec![-1.0, 2.0], &[1, 2]).unwrap();
        let relu = || Sequential::new().then(Activation::Relu);
        assert_eq!(Residual::new(relu()).output(&x).unwrap().to_f64_vec(), [-1.0, 4.0]);
        assert_eq!(Residual::with_skip(relu(), relu()).output(&x).unwrap().to_f64_vec(), [0.0, 4.0]);
    }
}
