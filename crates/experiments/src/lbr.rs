//! The learners and data that experiments of the LBR paper share.

use models::{AdamConfig, Decayed};

use crate::grid::{Family, Grid, Member};
use crate::profile::Profile;
use runs::images::{Change, DataConfig};
use runs::learners::autoencoding::{self, Network, Objective};
use runs::learners::classification::{self, ClassificationLoss, Classifier};
use runs::learners::closed_form::{Code, Noise, Question};
use runs::learners::{Autoencoding, Classification, ClosedForm, LearnerConfig};
use runs::subspaces::Seen;

/// The paper's weight decay of AdamW.
pub(crate) const WEIGHT_DECAY: f64 = 1e-3;

/// The axis of λ of grids whose learners have no λ: one placeholder.
pub(crate) const NO_LAMBDA: [f64; 1] = [1.0];

/// A part of a set for smoke, a larger one for quick and standard, and the whole: training and test images, without a
/// validation split.
fn parts(profile: Profile, name: &str, [few, part, whole]: [[usize; 2]; 3]) -> DataConfig {
    let [train, test] = match profile {
        Profile::Smoke => few,
        Profile::Quick | Profile::Standard => part,
        Profile::Paper | Profile::Full => whole,
    };
    DataConfig::new(name, train, 0, test)
}

/// Fashion-MNIST: whole in paper and full, the embedded part otherwise.
pub(crate) fn fashion(profile: Profile) -> DataConfig {
    let name = match profile {
        Profile::Smoke | Profile::Quick | Profile::Standard => "fashion-mnist-embedded",
        Profile::Paper | Profile::Full => "fashion-mnist",
    };
    parts(profile, name, [[500, 200], [6_000, 1_000], [60_000, 10_000]])
}

/// CIFAR-10: whole in paper and full; 5,001 training images in standard, so that 5,000 are left when one is held out.
pub(crate) fn cifar10(profile: Profile) -> DataConfig {
    parts(profile, "cifar10", [[100, 50], [5_001, 1_000], [50_000, 10_000]])
}

/// MNIST: whole in paper and full.
pub(crate) fn mnist(profile: Profile) -> DataConfig {
    parts(profile, "mnist", [[200, 100], [6_000, 1_000], [60_000, 10_000]])
}

/// TinyImageNet: at 32 x 32 a tenth of it in standard and the whole in paper, at its own size in full.
pub(crate) fn tiny_imagenet(profile: Profile) -> DataConfig {
    let set = parts(profile, "tiny-imagenet", [[400, 200], [10_000, 2_000], [100_000, 10_000]]);
    if profile == Profile::Full { set } else { set.changed(Change::Halved) }
}

/// The sets of LBR E1 and E2, with all training images, since a closed form reads each once; in smoke and quick only
/// the embedded set.
pub(crate) fn aligned_sets(profile: Profile) -> Vec<DataConfig> {
    if matches!(profile, Profile::Smoke | Profile::Quick) {
        return vec![fashion(profile)];
    }
    let whole = |name: &str, train| DataConfig::new(name, train, 0, 2_000);
    vec![
        whole("arabic-characters", 13_440),
        whole("arabic-characters-binary", 13_440),
        whole("arabic-digits", 60_000),
        whole("arabic-digits-binary", 60_000),
        whole("mnist", 60_000),
        fashion(profile),
        whole("svhn", 73_257),
        whole("cifar10", 50_000),
        whole("cifar100", 50_000),
    ]
}

fn family(label: &str, member: &str, members: Vec<Member>, data: Vec<DataConfig>) -> Family {
    Family {
        label: label.into(),
        member: member.into(),
        members,
        data,
        rotation: None,
        optimiser: AdamConfig::PAPER,
        batch: 1,
        epochs: 0,
        seeds: Some(1),
    }
}

/// A family of closed forms on these sets, with one setting for each question.
pub(crate) fn questions(
    label: &str,
    member: &str,
    asked: impl IntoIterator<Item = (String, f64, Question)>,
    data: Vec<DataConfig>,
) -> Family {
    let members = asked
        .into_iter()
        .map(|(label, number, question)| Member::new(label, number, ClosedForm { question }));
    family(label, member, members.collect(), data)
}

/// The alignment of codes for reconstruction under each of these noises, each with its position on the axis.
pub(crate) fn alignments(
    label: &str,
    member: &str,
    noises: impl IntoIterator<Item = (f64, Noise)>,
    data: Vec<DataConfig>,
) -> Family {
    alignments_of(Code::Reconstruction, label, member, noises, data)
}

/// The same for codes that are optimal for `code`.
pub(crate) fn alignments_of(
    code: Code,
    label: &str,
    member: &str,
    noises: impl IntoIterator<Item = (f64, Noise)>,
    data: Vec<DataConfig>,
) -> Family {
    let question = |noise| Question::Alignment { noise, code };
    let asked = noises.into_iter().map(|(number, noise)| (noise.label(), number, question(noise)));
    questions(label, member, asked, data)
}

/// Training as in the paper: AdamW, one cycle. One training image of each set is held out to choose the epoch.
fn trained(
    label: &str,
    member: &str,
    members: Vec<Member>,
    data: Vec<DataConfig>,
    [batch, epochs]: [u32; 2],
) -> Family {
    let data = held_out(data);
    Family { batch: batch as usize, epochs, seeds: None, ..family(label, member, members, data) }
}

/// The same sets with one training image held out, for networks that are trained on sets of closed forms.
pub(crate) fn held_out(data: Vec<DataConfig>) -> Vec<DataConfig> {
    data.into_iter().map(|set| set.holding_out(1)).collect()
}

/// A family of classifiers, with one setting for each selection of components.
pub(crate) fn recognition(
    label: &str,
    network: Classifier,
    seen: impl IntoIterator<Item = (String, f64, Seen)>,
    data: Vec<DataConfig>,
    training: [u32; 2],
) -> Family {
    let members = seen.into_iter().map(|(label, number, seen)| {
        let task = classification::Task {
            network,
            loss: ClassificationLoss::CrossEntropy,
            seen,
            crop: None,
            weight_decay: WEIGHT_DECAY,
            decayed: Decayed::All,
        };
        Member::new(label, number, Classification { task })
    });
    trained(label, "what is seen", members.collect(), data, training)
}

/// A family of autoencoders, with one setting for each network and objective.
pub(crate) fn autoencoders(
    label: &str,
    member: &str,
    networks: impl IntoIterator<Item = (String, f64, Network, Objective)>,
    data: Vec<DataConfig>,
    training: [u32; 2],
) -> Family {
    let members = networks.into_iter().map(|(label, number, network, objective)| {
        let task = autoencoding::Task {
            network,
            objective,
            masked: None,
            weight_decay: WEIGHT_DECAY,
            spectrum: false,
            decayed: Decayed::All,
        };
        Member::new(label, number, Autoencoding { task })
    });
    trained(label, member, members.collect(), data, training)
}

/// MLPAE with the paper's sigmoid, and encoder and decoder of equal depth.
pub(crate) fn mlpae(latent: usize, depth: usize) -> Network {
    Network::Mlpae { latent, encoder_depth: depth, decoder_depth: depth, sigmoid: true }
}

impl Family {
    /// The family with `change` applied to the task of its classifiers, such as another loss or cropped images.
    pub(crate) fn recognising(mut self, change: impl Fn(&mut classification::Task)) -> Self {
        for member in &mut self.members {
            if let LearnerConfig::Classification(learner) = &mut member.learner {
                change(&mut learner.task);
            }
        }
        self
    }

    /// The family with `change` applied to the task of its autoencoders.
    pub(crate) fn autoencoding(mut self, change: impl Fn(&mut autoencoding::Task)) -> Self {
        for member in &mut self.members {
            if let LearnerConfig::Autoencoding(learner) = &mut member.learner {
                change(&mut learner.task);
            }
        }
        self
    }
}

/// A grid of families without λ.
pub(crate) fn grid(families: Vec<Family>, seeds: Vec<u64>) -> Grid {
    Grid { families, lambdas: NO_LAMBDA.to_vec(), seeds }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::claims::ALL;
    use crate::experiment::{Paper, Planned};

    /// Training images of the published sets.
    const PUBLISHED: [(&str, usize); 11] = [
        ("arabic-characters", 13_440),
        ("arabic-characters-binary", 13_440),
        ("arabic-digits", 60_000),
        ("arabic-digits-binary", 60_000),
        ("mnist", 60_000),
        ("fashion-mnist", 60_000),
        ("svhn", 73_257),
        ("cifar10", 50_000),
        ("cifar100", 50_000),
        ("tiny-imagenet", 100_000),
        ("imagenette", 9_469),
    ];

    #[test]
    fn closed_forms_use_whole_sets_and_every_other_run_has_a_validation_split() {
        let (mut closed, mut trained) = (0, 0);
        for &experiment in ALL.iter().filter(|one| one.info().paper == Paper::Lbr) {
            let name = experiment.info().name;
            for run in Planned::new(experiment, Profile::Full, &[]).unwrap().runs {
                let data = &run.config.data;
                let n = PUBLISHED.iter().find(|(name, _)| *name == data.name).unwrap().1;
                let is_closed = !run.config.learner.learns();
                // This experiment uses only a part of TinyImageNet at its full size.
                let is_part = name == "pca-images" && data.name == "tiny-imagenet";
                let whole = data.train + data.validation == n;
                assert!(whole || is_part, "{name}: {data:?}");
                assert_eq!(data.validation == 0, is_closed, "{name}: {data:?}");
                closed += usize::from(is_closed);
                trained += usize::from(!is_closed);
            }
        }
        assert!(closed > 100 && trained > 100, "{closed} closed forms, {trained} trained");
    }
}
