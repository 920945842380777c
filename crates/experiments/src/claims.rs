//! The experiments, one file for each claim, in the order in which the results are told.

pub mod fc_lambda_sweep;

use crate::experiment::{Experiment, Planned};
use crate::nearest::nearest;
use crate::settings::Setting;
use crate::{Error, Profile, Result};

/// An experiment in the list: its name, its claim, and how it is planned.
pub struct Listed {
    /// The name.
    pub name: &'static str,
    /// The claim.
    pub shows: &'static str,
    /// Resolves its config for a profile.
    pub plan: fn(Profile, &[Setting]) -> Result<Planned>,
}

const fn listed<E: Experiment + 'static>() -> Listed
where
    E::Config: 'static,
{
    Listed { name: E::NAME, shows: E::SHOWS, plan: Planned::new::<E> }
}

/// All experiments.
pub const ALL: [Listed; 1] = [listed::<fc_lambda_sweep::FcLambdaSweep>()];

/// The experiments of these names, in the order of the list; all of them for no names.
///
/// # Errors
/// [`Error::Usage`] if there is no experiment of a name.
pub fn named(names: &[String]) -> Result<Vec<&'static Listed>> {
    static LIST: [Listed; 1] = ALL;
    let known: Vec<&str> = LIST.iter().map(|listed| listed.name).collect();
    if let Some(unknown) = names.iter().find(|name| !known.contains(&name.as_str())) {
        let hint = nearest(unknown, &known);
        return Err(Error::Usage(format!(
            "no experiment `{unknown}`{hint}; there are: {}",
            known.join(", ")
        )));
    }
    Ok(LIST
        .iter()
        .filter(|listed| names.is_empty() || names.iter().any(|name| name == listed.name))
        .collect())
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
