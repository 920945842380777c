//! The learners and data that several experiments share, so that they share runs.

use models::fc::Size;
use models::{Activation, AdamConfig, Architecture, fc, vit};

use crate::grid::{Family, Member};
use crate::names::names;
use crate::profile::Profile;
use runs::images::DataConfig;
use runs::learners::frozen_probe::Features;
use runs::learners::{FrozenProbe, RunConfig, cre};
use runs::training::{Hardware, Rotation};

names! {
    /// The kinds of networks of the CRE paper, spelled as at the start of the labels of their families.
    pub(crate) NetworkKind {
        /// Fully connected.
        Fc = "FC-",
        /// The small convolutional network.
        CnnS = "CNN-S",
        /// The large convolutional network.
        CnnL = "CNN-L",
        /// A vision transformer.
        Vit = "ViT",
    }
}

impl NetworkKind {
    /// The kind of the family with this label.
    pub(crate) fn of(label: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| label.starts_with(kind.as_str()))
    }
}

/// The coarse grid of λ (`book/cre.md`, section 4.2).
pub(crate) const COARSE: [f64; 5] = [0.0, 0.5, 0.9, 0.99, 1.0];
/// Steps of 0.1 as in the paper, and further values near 1, where nearly all of the accuracy is lost.
const FINE: [f64; 16] =
    [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.97, 0.99, 0.995, 0.999, 1.0];
/// A pure classifier, a mixture that is mostly reconstruction, and a pure autoencoder.
pub(crate) const THREE: [f64; 3] = [0.0, 0.9, 1.0];

/// The fine grid of λ in the profile `full`, else the coarse one.
pub(crate) fn lambdas(profile: Profile) -> Vec<f64> {
    if profile == Profile::Full { FINE.to_vec() } else { coarse(profile) }
}

/// The coarse grid of λ; three values in the profiles `smoke` and `quick`.
pub(crate) fn coarse(profile: Profile) -> Vec<f64> {
    match profile {
        Profile::Smoke | Profile::Quick => THREE.to_vec(),
        Profile::Standard | Profile::Paper | Profile::Full => COARSE.to_vec(),
    }
}

/// The coarse grid of λ in the profile `full`, three values otherwise.
pub(crate) fn few(profile: Profile) -> Vec<f64> {
    if profile == Profile::Full { COARSE.to_vec() } else { THREE.to_vec() }
}

/// One seed in the profile `smoke`, else `n`.
pub(crate) fn seeds(profile: Profile, n: u64) -> Vec<u64> {
    (0..if profile == Profile::Smoke { 1 } else { n }).collect()
}

/// Fashion-MNIST: whole in paper and full, the embedded part otherwise.
pub(crate) fn fashion(profile: Profile) -> DataConfig {
    let part = |name: &str, train, validation, test| DataConfig::new(name, train, validation, test);
    match profile {
        Profile::Smoke => part("fashion-mnist-embedded", 1_000, 200, 200),
        Profile::Quick | Profile::Standard => part("fashion-mnist-embedded", 5_000, 1_000, 1_000),
        Profile::Paper | Profile::Full => part("fashion-mnist", 55_000, 5_000, 10_000),
    }
}

/// MNIST: whole in paper and full, as many images as the embedded set has otherwise.
pub(crate) fn mnist(profile: Profile) -> DataConfig {
    DataConfig { name: "mnist".into(), ..fashion(profile) }
}

/// CIFAR-10: whole in full; all test images in paper.
pub(crate) fn cifar10(profile: Profile) -> DataConfig {
    let part = |train, validation, test| DataConfig::new("cifar10", train, validation, test);
    match profile {
        Profile::Smoke => part(300, 100, 100),
        Profile::Quick | Profile::Standard => part(2_000, 500, 500),
        Profile::Paper => part(20_000, 5_000, 10_000),
        Profile::Full => part(45_000, 5_000, 10_000),
    }
}

/// A family of models with the batch size and the epochs of the profile.
fn family(profile: Profile, label: &str, member: &str, members: Vec<Member>) -> Family {
    let (batch, epochs) = match profile {
        Profile::Smoke => (100, 2),
        Profile::Quick | Profile::Standard => (100, 7),
        // The learning rate is constant, so the authors' ten epochs are the first ten of these.
        Profile::Paper | Profile::Full => (512, 30),
    };
    Family {
        label: label.into(),
        member: member.into(),
        members,
        data: vec![fashion(profile)],
        rotation: None,
        optimiser: AdamConfig::PAPER,
        batch,
        epochs,
        seeds: None,
    }
}

/// The name of the axis of a family over k, stored in results; verdicts about k find their families by it.
pub(crate) const OVER_K: &str = "latent size k";

/// Fully connected CREs over k.
pub(crate) fn fc(profile: Profile, size: Size, latents: &[usize], activation: Activation) -> Family {
    let members = latents.iter().map(|&k| {
        let model = fc::Config { latent_activation: activation, ..fc::Config::of(size, k) };
        Member::new(format!("k = {k}"), k as f64, cre(Architecture::Fc(model), None))
    });
    let latent = if activation == Activation::Relu { "ReLU" } else { "identity" };
    let label = format!("{}{size:?}, {latent} latent", NetworkKind::Fc);
    family(profile, &label, OVER_K, members.collect())
}

/// FC-M with the paper's ReLU latent.
pub(crate) fn fc_m(profile: Profile, latents: &[usize]) -> Family {
    fc(profile, Size::M, latents, Activation::Relu)
}

/// CNN-S over the channels of its latent; 16 in the paper.
pub(crate) fn cnn_s(profile: Profile, channels: &[usize]) -> Family {
    let members = channels.iter().map(|&latent_channels| {
        let model = Architecture::CnnS { latent_channels, classes: 10 };
        Member::new(format!("16 x {latent_channels}"), 16.0 * latent_channels as f64, cre(model, None))
    });
    let epochs = match profile {
        Profile::Quick | Profile::Standard => 4,
        Profile::Paper => 10,
        Profile::Smoke | Profile::Full => family(profile, "", "", vec![]).epochs,
    };
    Family { epochs, ..family(profile, NetworkKind::CnnS.as_str(), "latent size", members.collect()) }
}

/// Adam's learning rate for transformers: the authors' 1e-3 (section 2.3 of the CRE specification), but 3e-3 in the small
/// profiles, whose runs take hundreds of steps instead of thousands. `sweep::warnings` reports it with each result.
pub(crate) fn vit_rate(profile: Profile) -> f64 {
    match profile {
        Profile::Smoke | Profile::Quick | Profile::Standard => 3e-3,
        Profile::Paper | Profile::Full => AdamConfig::PAPER.learning_rate,
    }
}

/// ViTs, named, with Adam's learning rate for transformers.
pub(crate) fn vit(profile: Profile, models: &[(&str, vit::Config)]) -> Family {
    let members = models.iter().map(|(label, config)| {
        Member::new(*label, config.encoder.width as f64, cre(Architecture::Vit(*config), None))
    });
    let label = if let [(label, _)] = models { label } else { "ViT" };
    let optimiser = AdamConfig { learning_rate: vit_rate(profile), ..AdamConfig::PAPER };
    Family { optimiser, ..family(profile, label, "width D of a token", members.collect()) }
}

/// CNN-L on CIFAR-10; a quarter of the width except in the profile `full`.
pub(crate) fn cnn_l(profile: Profile, rotation: Option<Rotation>, dropout: f64) -> Family {
    let width_divisor = if profile == Profile::Full { 1 } else { 4 };
    let model = Architecture::CnnL { width_divisor, dropout, classes: 10 };
    let member = Member::new(model.label(), width_divisor as f64, cre(model, None));
    let (batch, epochs) = match profile {
        Profile::Smoke => (50, 1),
        Profile::Quick | Profile::Standard => (50, 4),
        Profile::Paper => (128, 10),
        Profile::Full => (512, 100),
    };
    let family = family(profile, &model.label(), "model", vec![member]);
    Family { data: vec![cifar10(profile)], rotation, batch, epochs, ..family }
}

/// The suffix that marks a family of new heads; it follows the label of the family whose encoders are frozen.
pub(crate) const REFITTED: &str = ", new heads";

/// The frozen encoders of a family of CREs with new heads, trained for as many epochs and, in a second set, to convergence.
/// The new heads see every patch, even if the encoder was trained on masked images.
pub(crate) fn refitted(profile: Profile, family: &Family) -> Family {
    let converge = Some(match profile {
        Profile::Smoke => 3,
        Profile::Quick | Profile::Standard => 40,
        Profile::Paper => 60,
        Profile::Full => 200,
    });
    let members = family.members.iter().filter_map(|member| {
        let mut model = member.learner.as_cre()?.model;
        if let Architecture::Vit(config) = &mut model {
            config.masking = vit::Config::S.masking;
        }
        let run = RunConfig {
            data: family.data[0].clone(),
            rotation: family.rotation,
            learner: member.learner.clone(),
            optimiser: family.optimiser,
            batch: family.batch,
            epochs: family.epochs,
            hardware: Hardware::default(),
        };
        let learner = FrozenProbe { of: Features::Trained { run: Box::new(run) }, model, converge }.into();
        Some(Member { learner, ..member.clone() })
    });
    let (label, members) = (format!("{}{REFITTED}", family.label), members.collect());
    Family { label, members, data: family.data[..1].to_vec(), ..family.clone() }
}

impl Family {
    /// The family on these data sets.
    pub(crate) fn on(self, data: Vec<DataConfig>) -> Self {
        Self { data, ..self }
    }

    /// The same family with its first `n` seeds.
    pub(crate) fn with_seeds(self, n: usize) -> Self {
        Self { seeds: Some(n), ..self }
    }

    /// The family at these weights only.
    pub(crate) fn only_at(self, lambdas: &[f64]) -> Self {
        let members = self.members.into_iter().map(|member| member.only_at(lambdas)).collect();
        Self { members, ..self }
    }

    /// The family with this label.
    pub(crate) fn called(self, label: &str) -> Self {
        Self { label: label.into(), ..self }
    }
}
