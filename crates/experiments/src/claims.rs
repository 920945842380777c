//! The experiments, one file for each claim, in the order in which the results are told.

pub mod cnn_l_lambda_sweep;
pub mod cnn_s_lambda_sweep;
pub mod complexity;
pub mod fc_lambda_sweep;
pub mod latent_size;
pub mod paired_synergy;
pub mod vit_lambda_sweep;

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

use crate::experiment::{Experiment, Planned, Reading};
use crate::{Error, Profile, Result};
use runs::settings::Setting;
use system::nearest::nearest;

/// The papers.
pub const PAPERS: [&str; 2] = ["cre", "lbr"];

/// An experiment in the list: its name, its claim, and how it is planned.
pub struct Listed {
    /// The name.
    pub name: &'static str,
    /// A few words.
    pub title: &'static str,
    /// The claim.
    pub shows: &'static str,
    /// The paper whose question it answers: one of [`PAPERS`].
    pub paper: &'static str,
    /// How its results are read.
    pub reading: Reading,
    /// Resolves its config for a profile.
    pub plan: fn(Profile, &[Setting]) -> Result<Planned>,
}

const fn listed<E: Experiment>() -> Listed {
    Listed {
        name: E::NAME,
        title: E::TITLE,
        shows: E::SHOWS,
        paper: E::PAPER,
        reading: Reading::of::<E>(),
        plan: Planned::new::<E>,
    }
}

/// All experiments.
pub const ALL: [Listed; 35] = [
    listed::<fc_lambda_sweep::FcLambdaSweep>(),
    listed::<paired_synergy::PairedSynergy>(),
    listed::<cnn_s_lambda_sweep::CnnSLambdaSweep>(),
    listed::<cnn_l_lambda_sweep::CnnLLambdaSweep>(),
    listed::<vit_lambda_sweep::VitLambdaSweep>(),
    listed::<latent_size::LatentSize>(),
    listed::<complexity::Complexity>(),
    listed::<latent_space::LatentSpace>(),
    listed::<reconstructions::Reconstructions>(),
    listed::<frozen_encoders::FrozenEncoders>(),
    listed::<linear_codes::LinearCodes>(),
    listed::<masking_or_mixing::MaskingOrMixing>(),
    listed::<augmentation::Augmentation>(),
    listed::<gradient_conflict::GradientConflict>(),
    listed::<linear_cre::LinearCre>(),
    listed::<split_latent::SplitLatent>(),
    listed::<mixing_rules::MixingRules>(),
    listed::<label_fraction::LabelFraction>(),
    listed::<representation_similarity::RepresentationSimilarity>(),
    listed::<recurrent_cre::RecurrentCre>(),
    listed::<predictive_coding::PredictiveCoding>(),
    listed::<capacity_confound::CapacityConfound>(),
    listed::<subspace_recognition::SubspaceRecognition>(),
    listed::<spectrum_over_training::SpectrumOverTraining>(),
    listed::<guidance::Guidance>(),
    listed::<ill_posed::IllPosed>(),
    listed::<alignment::Alignment>(),
    listed::<background::Background>(),
    listed::<masking_impact::MaskingImpact>(),
    listed::<nonlinear_denoising::NonlinearDenoising>(),
    listed::<pca_images::PcaImages>(),
    listed::<reconstruction_regulariser::ReconstructionRegulariser>(),
    listed::<depth_grid::DepthGrid>(),
    listed::<bridge::Bridge>(),
    listed::<linear_optimum::LinearOptima>(),
];

/// The experiments of these names, in the order of the list; all of them for no names. The name of a paper stands for
/// all of its experiments.
///
/// # Errors
/// [`Error::Usage`] if there is no experiment of a name.
pub fn named(names: &[String]) -> Result<Vec<&'static Listed>> {
    static LIST: [Listed; 35] = ALL;
    let mut known: Vec<&str> = LIST.iter().map(|listed| listed.name).collect();
    known.extend(PAPERS);
    if let Some(unknown) = names.iter().find(|name| !known.contains(&name.as_str())) {
        let hint = nearest(unknown, &known);
        return Err(Error::Usage(format!(
            "no experiment `{unknown}`{hint}; there are: {}",
            known.join(", ")
        )));
    }
    let asked = |listed: &&Listed| {
        names.is_empty() || names.iter().any(|name| name == listed.name || name == listed.paper)
    };
    Ok(LIST.iter().filter(asked).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_experiment_is_refused_with_the_nearest_name() {
        let message = named(&["fc-lamda-sweep".into()]).err().unwrap().to_string();
        assert!(message.contains("did you mean `fc-lambda-sweep`"), "{message}");
        assert_eq!(named(&[]).unwrap().len(), ALL.len());
    }

    #[test]
    fn the_name_of_a_paper_stands_for_all_of_its_experiments() {
        let of_cre = named(&["cre".into()]).unwrap();
        assert_eq!(of_cre.len(), ALL.iter().filter(|listed| listed.paper == "cre").count());
        assert!(ALL.iter().all(|listed| PAPERS.contains(&listed.paper)));
    }

    #[test]
    fn experiments_share_the_runs_of_the_sweeps() {
        let runs = |name: &str| named(&[name.to_owned()]).unwrap()[0];
        let runs = |name: &str| (runs(name).plan)(Profile::Quick, &[]).unwrap().runs;
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
        for listed in &ALL {
            for profile in Profile::ALL {
                assert!(!(listed.plan)(profile, &[]).unwrap().runs.is_empty(), "{}", listed.name);
            }
            let setting = "no_such_key=1".parse().unwrap();
            assert!(matches!((listed.plan)(Profile::Smoke, &[setting]), Err(Error::Usage(_))));
        }
    }
}
