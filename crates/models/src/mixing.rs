//! Rules that combine the gradients of the two losses at z into the encoder's gradient.

use autograd::{Param, Tape};
use serde::{Deserialize, Serialize};
use tensor::{DType, Tensor};

use crate::weights::fitting;
use crate::{Adam, AdamConfig, Error, Result, range};

/// The rule for the encoder's gradient at z (`book/cre.md`, section 7, question 7), computed from the gradients `g_r`
/// of the MSE and `g_c` of the cross-entropy, and the weight lambda of reconstruction.
///
/// With every rule, each head is trained on its own, unweighted loss (section 2.2).
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "rule", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Mixing {
    /// `lambda g_r + (1 - lambda) g_c`, as in the paper.
    #[default]
    Weighted,
    /// PCGrad, or gradient surgery (Yu et al., 2020, arXiv 2001.06782): for every image whose `g_r` and `g_c` have a
    /// negative inner product, each is first projected orthogonally to the other; then they are combined as in
    /// [`Mixing::Weighted`].
    Surgery,
    /// Homoscedastic uncertainty (Kendall, Gal and Cipolla, 2018, arXiv 1705.07115): `exp(-s_r) g_r + exp(-s_c) g_c`.
    /// The log variances `s_r` and `s_c` start at 0; each minimises `exp(-s) L + s` for its own loss `L`, by Adam with
    /// the settings of the model. Lambda has no effect.
    Uncertainty,
    /// `lambda g_r / mse + (1 - lambda) g_c / ln(classes)`: each loss is divided by the loss of a constant prediction
    /// (`book/cre.md`, section 5, item 9).
    Normalised {
        /// The MSE of the mean image of the training set.
        #[serde(serialize_with = "crate::range::positive")]
        mse: f64,
    },
    /// `g_r` in odd steps and `g_c` in even ones, counted from 1. Lambda has no effect.
    Alternating,
}

impl Mixing {
    /// The name of the rule in files and messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Weighted => "weighted",
            Self::Surgery => "surgery",
            Self::Uncertainty => "uncertainty",
            Self::Normalised { .. } => "normalised",
            Self::Alternating => "alternating",
        }
    }
}

/// A rule with its learned state.
pub(crate) struct Mixer {
    rule: Mixing,
    /// The state of [`Mixing::Uncertainty`].
    log_variances: LogVariances,
}

/// The values of a step that rules depend on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Step {
    /// The number of previous steps.
    pub(crate) number: u64,
    /// The weight of reconstruction.
    pub(crate) lambda: f64,
    /// The number of classes.
    pub(crate) classes: usize,
}

impl Mixer {
    /// The rule of the paper.
    pub(crate) fn weighted(config: AdamConfig) -> Result<Self> {
        Self::new(Mixing::Weighted, config)
    }

    /// A rule with its initial state.
    pub(crate) fn new(rule: Mixing, config: AdamConfig) -> Result<Self> {
        if let Mixing::Normalised { mse } = rule {
            range::POSITIVE.check("mixing.mse", mse)?;
        }
        Ok(Self { rule, log_variances: LogVariances::new(config)? })
    }

    pub(crate) fn rule(&self) -> Mixing {
        self.rule
    }

    /// The encoder's gradient at z, `[n, ..]`, from the gradients of the MSE and of the cross-entropy at z.
    ///
    /// Some rules are applied per image, so this is computed on the CPU in 64 bits.
    pub(crate) fn mixed(&self, step: Step, gradients: [&Tensor; 2]) -> Result<Tensor> {
        let [of_mse, of_cross_entropy] = self.weights(step)?;
        let z = gradients[0];
        let [mut x, mut y] = gradients.map(Tensor::to_f64_vec);
        if self.rule == Mixing::Surgery {
            let per_image = (x.len() / z.shape().first().copied().unwrap_or(1).max(1)).max(1);
            x.chunks_mut(per_image).zip(y.chunks_mut(per_image)).for_each(|(x, y)| project_conflicting(x, y));
        }
        let mixed = x.iter().zip(&y).map(|(x, y)| of_mse * x + of_cross_entropy * y).collect();
        Ok(Tensor::from_vec::<f64>(mixed, z.shape())?.to_dtype(z.dtype()).to_device(&z.device())?)
    }

    /// The weights of the two gradients.
    fn weights(&self, step: Step) -> Result<[f64; 2]> {
        let Step { number, lambda, classes } = step;
        Ok(match self.rule {
            Mixing::Weighted | Mixing::Surgery => [lambda, 1.0 - lambda],
            Mixing::Uncertainty => self.log_variances.precisions(),
            Mixing::Normalised { .. } if classes < 2 => {
                let expected = "at least 2, since normalised mixing divides by the logarithm of their number";
                return Err(Error::Setting { setting: "classes", expected, got: classes.to_string() });
            }
            Mixing::Normalised { mse } => [lambda / mse, (1.0 - lambda) / (classes as f64).ln()],
            Mixing::Alternating if number.is_multiple_of(2) => [1.0, 0.0],
            Mixing::Alternating => [0.0, 1.0],
        })
    }

    /// Updates the rule's learned state from the MSE and the cross-entropy of a step.
    pub(crate) fn learn(&mut self, losses: [f64; 2]) -> Result<()> {
        match self.rule {
            Mixing::Uncertainty => self.log_variances.step(losses),
            _ => Ok(()),
        }
    }

    /// The state to store for resuming; empty for rules without state.
    pub(crate) fn state(&self) -> Vec<(String, Tensor)> {
        match self.rule {
            Mixing::Uncertainty => self.log_variances.state(),
            _ => vec![],
        }
    }

    /// Restores the result of [`Mixer::state`].
    pub(crate) fn load(&mut self, stored: impl Fn(&str) -> Option<Tensor>) -> Result<()> {
        match self.rule {
            Mixing::Uncertainty => self.log_variances.load(stored),
            _ => Ok(()),
        }
    }
}

/// PCGrad's projection (Yu et al., 2020, arXiv 2001.06782): removes from each of two vectors its component along the
/// other, if their inner product is negative.
fn project_conflicting(x: &mut [f64], y: &mut [f64]) {
    let dot = |x: &[f64], y: &[f64]| x.iter().zip(y).map(|(x, y)| x * y).sum::<f64>();
    let (xy, xx, yy) = (dot(x, y), dot(x, x), dot(y, y));
    if xy < 0.0 {
        for (x, y) in x.iter_mut().zip(y) {
            (*x, *y) = (*x - xy / yy * *y, *y - xy / xx * *x);
        }
    }
}

/// The log variances `[s_r, s_c]` of [`Mixing::Uncertainty`], always on the CPU and in 64 bits.
struct LogVariances {
    param: Param,
    adam: Adam,
}

impl LogVariances {
    const NAME: &'static str = "mixing.log_variances";

    fn new(config: AdamConfig) -> Result<Self> {
        let param = Param::new(Tensor::zeros(&[2], DType::F64));
        let adam = Adam::new(&Self::named(&param), config)?;
        Ok(Self { param, adam })
    }

    fn named(param: &Param) -> [(String, &Param); 1] {
        [("log_variances".into(), param)]
    }

    /// `[exp(-s_r), exp(-s_c)]`
    fn precisions(&self) -> [f64; 2] {
        let s = self.param.value().to_f64_vec();
        [(-s[0]).exp(), (-s[1]).exp()]
    }

    /// A step of gradient descent on `exp(-s) L + s`, whose gradient is `1 - exp(-s) L`.
    fn step(&mut self, losses: [f64; 2]) -> Result<()> {
        let precisions = self.precisions();
        let gradient = [0, 1].map(|loss| 1.0 - precisions[loss] * losses[loss]);
        let gradients = {
            let tape = Tape::new();
            tape.backward_from(&tape.param(&self.param)?, Tensor::from_slice(&gradient, &[2])?)?
        };
        self.adam.step(&Self::named(&self.param), &gradients)
    }

    fn state(&self) -> Vec<(String, Tensor)> {
        let adam = self.adam.state().into_iter();
        let adam = adam.map(|(name, tensor)| (optimiser_name(&name), tensor));
        std::iter::once((Self::NAME.to_owned(), self.param.value())).chain(adam).collect()
    }

    fn load(&mut self, stored: impl Fn(&str) -> Option<Tensor>) -> Result<()> {
        let value = fitting(Self::NAME, &self.param.value(), stored(Self::NAME))?;
        self.adam.load(&Self::named(&self.param), |name| stored(&optimiser_name(name)))?;
        Ok(self.param.set(value)?)
    }
}

/// The stored name of a tensor of the optimiser of the log variances.
fn optimiser_name(name: &str) -> String {
    format!("mixing.adam.{name}")
}

#[cfg(test)]
mod tests {
    use tensor::random::Stream;

    use super::*;

    fn mixer(rule: Mixing) -> Mixer {
        Mixer::new(rule, AdamConfig::PAPER).unwrap()
    }

    fn step(number: u64, lambda: f64) -> Step {
        Step { number, lambda, classes: 10 }
    }

    fn dot(x: &[f64], y: &[f64]) -> f64 {
        x.iter().zip(y).map(|(x, y)| x * y).sum()
    }

    /// The gradients at z of 40 images, `[40, 2, 3]`, about half of which conflict.
    fn gradients() -> [Tensor; 2] {
        let mut words = Stream::new(2, "gradients").sequence(0);
        [(); 2].map(|()| {
            let elements = (0..240).map(|_| 2.0 * words.uniform() - 1.0).collect();
            Tensor::from_vec::<f64>(elements, &[40, 2, 3]).unwrap()
        })
    }

    fn mixed(rule: Mixing, lambda: f64) -> Vec<f64> {
        let [of_mse, of_cross_entropy] = gradients();
        let mixed = mixer(rule).mixed(step(0, lambda), [&of_mse, &of_cross_entropy]).unwrap();
        assert_eq!(mixed.shape(), of_mse.shape());
        mixed.to_f64_vec()
    }

    #[test]
    fn surgery_conflicts_with_neither_loss_in_any_image_and_keeps_agreeing_gradients() {
        let [of_mse, of_cross_entropy] = gradients().map(|gradient| gradient.to_f64_vec());
        for lambda in [0.0, 0.3, 1.0] {
            let (weighted, surgery) = (mixed(Mixing::Weighted, lambda), mixed(Mixing::Surgery, lambda));
            let mut opposed = 0;
            for image in 0..40 {
                let of = |elements: &[f64]| elements[6 * image..][..6].to_vec();
                let (x, y, got) = (of(&of_mse), of(&of_cross_entropy), of(&surgery));
                if dot(&x, &y) < 0.0 {
                    opposed += 1;
                    // Inner products of six values below 1: about ten roundings each.
                    assert!(dot(&got, &x) > -60.0 * f64::EPSILON, "image {image}");
                    assert!(dot(&got, &y) > -60.0 * f64::EPSILON, "image {image}");
                } else {
                    assert_eq!(got, of(&weighted));
                }
            }
            assert!((10..30).contains(&opposed), "{opposed} of 40 images");
        }
    }

    #[test]
    fn surgery_projects_onto_the_complement_of_the_original_other_gradient() {
        let mut x = [2.0, 0.0];
        let mut y = [-1.0, 1.0];
        project_conflicting(&mut x, &mut y);
        // The component of x along y is (1, -1); that of y along x is (-1, 0).
        assert_eq!((x, y), ([1.0, 1.0], [0.0, 1.0]));
    }

    #[test]
    fn the_weights_are_those_of_the_rules() {
        let of = |rule, number| mixer(rule).weights(step(number, 0.25)).unwrap();
        assert_eq!(of(Mixing::Weighted, 3), [0.25, 0.75]);
        assert_eq!(of(Mixing::Surgery, 3), [0.25, 0.75]);
        assert_eq!(of(Mixing::Uncertainty, 0), [1.0, 1.0]);
        assert_eq!(of(Mixing::Normalised { mse: 0.5 }, 3), [0.5, 0.75 / 10f64.ln()]);
        // Counted from 1, these are steps 1, 2 and 3.
        assert_eq!(
            [0, 1, 2].map(|number| of(Mixing::Alternating, number)),
            [[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]]
        );
    }

    /// `exp(-s) L + s` is minimal at `s = ln L`, where the weight of a loss is its reciprocal.
    #[test]
    fn the_log_variances_converge_to_weights_of_one_over_the_loss() {
        let losses = [0.3, 2.0];
        let mut mixer =
            Mixer::new(Mixing::Uncertainty, AdamConfig { learning_rate: 0.01, ..AdamConfig::PAPER }).unwrap();
        for _ in 0..3000 {
            mixer.learn(losses).unwrap();
        }
        let weights = mixer.weights(step(3000, 0.5)).unwrap();
        for (weight, loss) in weights.iter().zip(losses) {
            // The curvature is 1 and the gradients are below 1, so each of the 3,000 steps reduces the error by at
            // least 1 %.
            assert!((weight * loss - 1.0).abs() < 1e-6, "{weight} {loss}");
        }
    }

    #[test]
    fn invalid_settings_are_refused_by_name() {
        for mse in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            let refused = Mixer::new(Mixing::Normalised { mse }, AdamConfig::PAPER).err().unwrap();
            assert_eq!(refused.to_string(), format!("mixing.mse: expected a number above 0, got {mse}"));
        }
        let of_one_class =
            mixer(Mixing::Normalised { mse: 1.0 }).weights(Step { classes: 1, ..step(0, 0.5) });
        assert!(of_one_class.unwrap_err().to_string().starts_with("classes: expected at least 2"));
    }

    #[test]
    fn a_rule_is_serialized_as_a_table_with_its_name() {
        let rules = [
            (Mixing::Weighted, serde_json::json!({ "rule": "weighted" })),
            (Mixing::Surgery, serde_json::json!({ "rule": "surgery" })),
            (Mixing::Uncertainty, serde_json::json!({ "rule": "uncertainty" })),
            (Mixing::Normalised { mse: 0.25 }, serde_json::json!({ "rule": "normalised", "mse": 0.25 })),
            (Mixing::Alternating, serde_json::json!({ "rule": "alternating" })),
        ];
        for (rule, table) in rules {
            assert_eq!(table["rule"], rule.name());
            assert_eq!(serde_json::to_value(rule).unwrap(), table);
            assert_eq!(serde_json::from_value::<Mixing>(table).unwrap(), rule);
        }
    }
}
