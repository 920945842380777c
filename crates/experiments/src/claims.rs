//! The experiments, one file each, in the order of the page.

pub mod complexity;
pub mod fc_lambda_sweep;
pub mod lambda_sweeps;
pub mod latent_size;
pub mod paired_synergy;

pub mod augmentation;
pub mod frozen_encoders;
pub mod gradient_conflict;
pub mod latent_space;
pub mod linear_codes;
pub mod linear_cre;
pub mod masking_or_mixing;
pub mod reconstructions;

pub mod alignment;
pub mod background;
pub mod bridge;
pub mod depth_grid;
pub mod guidance;
pub mod ill_posed;
pub mod joint_embedding;
pub mod linear_optimum;
pub mod masking_impact;
pub mod nonlinear_denoising;
pub mod pca_images;
pub mod reconstruction_regulariser;
pub mod spectrum_over_training;
pub mod subspace_recognition;

pub mod capacity_confound;
pub mod label_fraction;
pub mod mixing_rules;
pub mod predictive_coding;
pub mod recurrent_cre;
pub mod representation_similarity;
pub mod split_latent;

use crate::error::{Error, Result};
use crate::experiment::{Experiment, Paper};
use system::nearest::nearest;

/// All experiments, in the order in which the page shows them.
pub static ALL: &[&dyn Experiment] = &[
    &fc_lambda_sweep::FcLambdaSweep,
    &paired_synergy::PairedSynergy,
    &lambda_sweeps::CNN_S,
    &lambda_sweeps::CNN_L,
    &lambda_sweeps::VIT,
    &latent_size::LatentSize,
    &complexity::Complexity,
    &latent_space::LatentSpace,
    &reconstructions::Reconstructions,
    &frozen_encoders::FrozenEncoders,
    &linear_codes::LinearCodes,
    &masking_or_mixing::MaskingOrMixing,
    &augmentation::Augmentation,
    &gradient_conflict::GradientConflict,
    &linear_cre::LinearCre,
    &split_latent::SplitLatent,
    &mixing_rules::MixingRules,
    &label_fraction::LabelFraction,
    &representation_similarity::RepresentationSimilarity,
    &recurrent_cre::RecurrentCre,
    &predictive_coding::PredictiveCoding,
    &capacity_confound::CapacityConfound,
    &subspace_recognition::SubspaceRecognition,
    &spectrum_over_training::SpectrumOverTraining,
    &guidance::Guidance,
    &ill_posed::IllPosed,
    &alignment::Alignment,
    &background::Background,
    &masking_impact::MaskingImpact,
    &joint_embedding::JointEmbedding,
    &nonlinear_denoising::NonlinearDenoising,
    &pca_images::PcaImages,
    &reconstruction_regulariser::ReconstructionRegulariser,
    &depth_grid::DepthGrid,
    &bridge::Bridge,
    &linear_optimum::LinearOptima,
];

/// The experiments of these names, in the order of [`ALL`]; all if there are no names. The name of a paper selects all of its
/// experiments.
///
/// # Errors
/// [`Error::Usage`] if no experiment has one of the names.
pub fn named(names: &[String]) -> Result<Vec<&'static dyn Experiment>> {
    let mut known: Vec<&str> = ALL.iter().map(|experiment| experiment.info().name).collect();
    known.extend(Paper::ALL.map(Paper::name));
    if let Some(unknown) = names.iter().find(|name| !known.contains(&name.as_str())) {
        let hint = nearest(unknown, &known);
        return Err(Error::Usage(format!(
            "no experiment `{unknown}`{hint}; the experiments are {}",
            known.join(", ")
        )));
    }
    let is_named = |experiment: &&dyn Experiment| {
        let info = experiment.info();
        names.is_empty() || names.iter().any(|name| name == info.name || name == info.paper.name())
    };
    Ok(ALL.iter().copied().filter(is_named).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::Planned;
    use crate::profile::Profile;

    #[test]
    fn an_unknown_experiment_is_refused_with_the_nearest_name() {
        let message = named(&["fc-lamda-sweep".into()]).err().unwrap().to_string();
        assert!(message.contains("did you mean `fc-lambda-sweep`"), "{message}");
        assert_eq!(named(&[]).unwrap().len(), ALL.len());
    }

    #[test]
    fn every_name_is_unique() {
        for (place, experiment) in ALL.iter().enumerate() {
            let name = experiment.info().name;
            assert!(ALL[..place].iter().all(|other| other.info().name != name), "{name}");
        }
    }

    #[test]
    fn the_name_of_a_paper_selects_all_of_its_experiments() {
        let mut n = 0;
        for paper in Paper::ALL {
            let of_paper = named(&[paper.name().into()]).unwrap();
            assert!(!of_paper.is_empty() && of_paper.iter().all(|one| one.info().paper == paper));
            n += of_paper.len();
        }
        assert_eq!(n, ALL.len());
    }

    #[test]
    fn experiments_share_the_runs_of_the_sweeps() {
        let runs = |name: &str| {
            let experiment = named(&[name.to_owned()]).unwrap()[0];
            Planned::new(experiment, Profile::Standard, &[]).unwrap().runs
        };
        let swept = runs("fc-lambda-sweep");
        for (name, at_least) in
            [("paired-synergy", 25), ("gradient-conflict", 75), ("representation-similarity", 45)]
        {
            let shared = runs(name).iter().filter(|run| swept.contains(run)).count();
            assert!(shared >= at_least, "{name} shares {shared} runs");
        }
    }

    #[test]
    fn every_profile_of_every_experiment_has_runs_and_unknown_settings_are_refused() {
        for &experiment in ALL {
            let name = experiment.info().name;
            for profile in Profile::ALL {
                assert!(!Planned::new(experiment, profile, &[]).unwrap().runs.is_empty(), "{name}");
            }
            let setting = "no_such_key=1".parse().unwrap();
            assert!(matches!(Planned::new(experiment, Profile::Smoke, &[setting]), Err(Error::Usage(_))));
        }
    }
}
