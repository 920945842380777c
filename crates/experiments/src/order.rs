//! Which experiments a profile runs, and in which order.

use crate::claims;
use crate::error::Result;
use crate::experiment::Experiment;
use crate::profile::Profile;

/// The experiments of the quick profile. The first shows a figure within a minute.
const QUICK: &[&str] = &[
    "vit-lambda-sweep",
    "fc-lambda-sweep",
    "background",
    "cnn-s-lambda-sweep",
    "subspace-recognition",
    "masking-or-mixing",
    "guidance",
    "masking-impact",
    "alignment",
    "linear-cre",
    "linear-optimum",
];

/// The experiments of the paper profile. Experiments that reuse the runs of earlier ones come directly after them.
const PAPER: &[&str] = &[
    "vit-lambda-sweep",
    "paired-synergy",
    "alignment",
    "fc-lambda-sweep",
    "masking-or-mixing",
    "cnn-s-lambda-sweep",
    "linear-cre",
    "linear-optimum",
    "frozen-encoders",
    "gradient-conflict",
    "latent-space",
    "reconstructions",
    "bridge",
    "representation-similarity",
    "subspace-recognition",
    "cnn-l-lambda-sweep",
    "latent-size",
    "complexity",
    "background",
    "ill-posed",
    "pca-images",
    "masking-impact",
    "nonlinear-denoising",
    "guidance",
];

/// The experiments of these names, or all of the profile for no names, the most informative first. The name of a paper
/// selects its experiments in the profile; the name of an experiment that is not in the profile adds it.
///
/// # Errors
/// [`crate::Error::Usage`] if there is no experiment of a name.
pub fn scheduled(profile: Profile, names: &[String]) -> Result<Vec<&'static dyn Experiment>> {
    let order = if profile == Profile::Quick { QUICK } else { PAPER };
    let place = |name: &str| order.iter().position(|listed| *listed == name);
    let mut experiments = claims::named(names)?;
    if matches!(profile, Profile::Quick | Profile::Paper) {
        experiments.retain(|one| {
            let name = one.info().name;
            place(name).is_some() || names.iter().any(|named| named == name)
        });
    }
    experiments.sort_by_key(|one| place(one.info().name).unwrap_or(order.len()));
    Ok(experiments)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::Planned;

    fn names(profile: Profile, names: &[&str]) -> Vec<&'static str> {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        scheduled(profile, &names).unwrap().iter().map(|one| one.info().name).collect()
    }

    #[test]
    fn every_listed_name_is_an_experiment_and_is_listed_once() {
        for list in [QUICK, PAPER] {
            for (place, name) in list.iter().enumerate() {
                assert!(claims::named(&[(*name).into()]).is_ok() && !list[..place].contains(name), "{name}");
            }
        }
    }

    #[test]
    fn standard_and_full_have_all_experiments_and_quick_and_paper_those_of_their_lists() {
        for profile in [Profile::Smoke, Profile::Standard, Profile::Full] {
            assert_eq!(names(profile, &[]).len(), claims::ALL.len());
        }
        assert_eq!(names(Profile::Quick, &[]), QUICK);
        assert_eq!(names(Profile::Paper, &[]), PAPER);
        assert_eq!(names(Profile::Quick, &["depth-grid"]), ["depth-grid"]);
        assert!(names(Profile::Quick, &["lbr"]).iter().all(|name| QUICK.contains(name)));
        assert!(scheduled(Profile::Quick, &["dept-grid".into()]).is_err());
    }

    fn runs(profile: Profile, name: &str) -> Vec<runs::run::Run> {
        let experiment = claims::named(&[name.to_owned()]).unwrap()[0];
        Planned::new(experiment, profile, &[]).unwrap().runs
    }

    #[test]
    fn standard_reuses_the_runs_of_quick() {
        let (mut all, mut shared) = (0, 0);
        for name in QUICK {
            let standard = runs(Profile::Standard, name);
            let quick = runs(Profile::Quick, name);
            let found = quick.iter().filter(|run| standard.contains(run)).count();
            // Quick has fractions of the variance that are not among the bounds of standard, and two more seeds.
            assert!(found == quick.len() || *name == "subspace-recognition", "{name}: {found}");
            (all, shared) = (all + quick.len(), shared + found);
        }
        assert!(all > 100 && 10 * shared > 9 * all, "{shared} of {all}");
    }

    #[test]
    fn in_paper_experiments_that_follow_a_sweep_share_its_runs() {
        let swept: Vec<_> = ["vit-lambda-sweep", "fc-lambda-sweep", "cnn-s-lambda-sweep"]
            .into_iter()
            .flat_map(|name| runs(Profile::Paper, name))
            .collect();
        for name in
            ["gradient-conflict", "latent-space", "reconstructions", "bridge", "representation-similarity"]
        {
            assert!(runs(Profile::Paper, name).iter().all(|run| swept.contains(run)), "{name}");
        }
    }
}
