//! Parameter groups with their own learning rates and weight decays.

use super::Adam;
use crate::decay::Decayed;
use crate::{Result, range};

/// The settings of a group of parameters, for [`Adam::with_groups`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ParamGroup {
    /// The factor by which the learning rate is multiplied; 0 freezes the parameters.
    pub learning_rate_factor: f64,
    /// The decoupled weight decay.
    pub weight_decay: f64,
}

impl ParamGroup {
    /// The learning rate of the optimiser, and no weight decay.
    pub const DEFAULT: Self = Self { learning_rate_factor: 1.0, weight_decay: 0.0 };
}

impl Adam {
    /// Adds decoupled weight decay, as in AdamW (Loshchilov and Hutter, 2019, arXiv 1711.05101): before each step every
    /// parameter is multiplied by `1 - learning_rate * weight_decay`.
    ///
    /// # Errors
    /// [`Error::OutOfRange`](crate::Error::OutOfRange) if the decay is negative or not finite.
    pub fn with_weight_decay(self, weight_decay: f64) -> Result<Self> {
        self.with_weight_decay_where(weight_decay, |_, shape| Decayed::All.includes(shape))
    }

    /// [`Adam::with_weight_decay`] for those parameters for whose name and shape `decays` returns true.
    ///
    /// [`Decayed::Weights`] excludes biases and the scales and shifts of norms:
    ///
    /// ```
    /// use agon_models::{Adam, AdamConfig, Decayed, Module, mlp};
    /// use tensor::DType;
    /// use tensor::random::Stream;
    ///
    /// let config = mlp::Config { inputs: 4, classes: 2, depth: 3 };
    /// let model = mlp::classifier(&config, &Stream::new(0, "init"), DType::F32)?;
    /// let adam = Adam::new(&model.params(), AdamConfig::PAPER)?;
    /// let adam = adam.with_weight_decay_where(1e-2, |_, shape| Decayed::Weights.includes(shape))?;
    /// # Ok::<(), agon_models::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::OutOfRange`](crate::Error::OutOfRange) if the decay is negative or not finite.
    pub fn with_weight_decay_where(
        self,
        weight_decay: f64,
        decays: impl Fn(&str, &[usize]) -> bool,
    ) -> Result<Self> {
        range::NON_NEGATIVE.check("weight_decay", weight_decay)?;
        let decays = self.moments.map(decays);
        let own =
            |place: usize| self.of_param.get(place).map_or(ParamGroup::DEFAULT, |&group| self.groups[group]);
        let of_each = decays.iter().enumerate().map(|(place, &decays)| {
            let weight_decay = if decays { weight_decay } else { 0.0 };
            ParamGroup { weight_decay, ..own(place) }
        });
        let of_each = of_each.collect();
        self.set_groups(of_each)
    }

    /// Sets the learning rate and the weight decay of each parameter by its name and shape.
    ///
    /// ```
    /// use agon_models::{Adam, AdamConfig, Module, ParamGroup, mlp};
    /// use tensor::DType;
    /// use tensor::random::Stream;
    ///
    /// let config = mlp::Config { inputs: 4, classes: 2, depth: 3 };
    /// let model = mlp::classifier(&config, &Stream::new(0, "init"), DType::F32)?;
    /// let adam = Adam::new(&model.params(), AdamConfig::PAPER)?.with_groups(|name, _| match name {
    ///     name if name.starts_with("1.") => ParamGroup { learning_rate_factor: 0.1, ..ParamGroup::DEFAULT },
    ///     name if name.ends_with(".bias") => ParamGroup::DEFAULT,
    ///     _ => ParamGroup { weight_decay: 1e-2, ..ParamGroup::DEFAULT },
    /// })?;
    /// # Ok::<(), agon_models::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::OutOfRange`](crate::Error::OutOfRange) if a factor or a decay is negative or not finite.
    pub fn with_groups(self, group: impl Fn(&str, &[usize]) -> ParamGroup) -> Result<Self> {
        let of_each = self.moments.map(group);
        self.set_groups(of_each)
    }

    /// Sets the group of each parameter.
    fn set_groups(mut self, of_each: Vec<ParamGroup>) -> Result<Self> {
        self.groups.clear();
        self.of_param.clear();
        for group in of_each {
            range::NON_NEGATIVE.check("learning_rate_factor", group.learning_rate_factor)?;
            range::NON_NEGATIVE.check("weight_decay", group.weight_decay)?;
            let known = self.groups.iter().position(|known| *known == group);
            self.of_param.push(known.unwrap_or(self.groups.len()));
            if known.is_none() {
                self.groups.push(group);
            }
        }
        if let Some(cell) = self.cells.first().cloned() {
            self.cells = self.groups.iter().map(|_| cell.another()).collect::<tensor::Result<_>>()?;
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use autograd::{Param, Tape};
    use tensor::{DType, Tensor};

    use super::*;
    use crate::AdamConfig;

    #[test]
    fn each_group_has_its_learning_rate_and_decay() {
        let [fast, slow, frozen] = [(); 3].map(|()| Param::new(Tensor::full(2.0, &[1], DType::F64)));
        let params = [("fast".to_owned(), &fast), ("slow".to_owned(), &slow), ("frozen".to_owned(), &frozen)];
        let adam = Adam::new(&params, AdamConfig { learning_rate: 0.1, ..AdamConfig::PAPER }).unwrap();
        let mut adam = adam
            .with_groups(|name, _| match name {
                "fast" => ParamGroup { weight_decay: 0.5, ..ParamGroup::DEFAULT },
                "slow" => ParamGroup { learning_rate_factor: 0.1, ..ParamGroup::DEFAULT },
                _ => ParamGroup { learning_rate_factor: 0.0, weight_decay: 0.5 },
            })
            .unwrap();
        let gradients = {
            let tape = Tape::new();
            let [x, y, z] = [&fast, &slow, &frozen].map(|param| tape.param(param).unwrap());
            tape.backward_from(&x.add(&y).unwrap().add(&z).unwrap(), Tensor::full(1.0, &[1], DType::F64))
                .unwrap()
        };
        adam.step(&params, &gradients).unwrap();
        // The size of the first step is the learning rate, up to epsilon / |g|; the decay multiplies by 1 - 0.1 * 0.5.
        for (param, expected) in [(&fast, 2.0 * 0.95 - 0.1), (&slow, 2.0 - 0.01), (&frozen, 2.0)] {
            assert!((param.value().item().unwrap() - expected).abs() < 2e-9);
        }
        // Setting a decay later keeps the learning rates: a frozen parameter stays frozen.
        let mut adam = adam.with_weight_decay(0.5).unwrap();
        let before = frozen.value().to_f64_vec();
        adam.step(&params, &gradients).unwrap();
        assert_eq!(frozen.value().to_f64_vec(), before);
        let negative = ParamGroup { learning_rate_factor: -1.0, ..ParamGroup::DEFAULT };
        assert!(adam.with_groups(|_, _| negative).is_err());
    }
}
