//! E2 to E4: the trade-off over λ in convolutional networks and transformers.

use models::vit;
use report::{Figure, Verdict};

use super::fc_lambda_sweep::{OF_LATENT, OF_LATENT_CAPTION};
use crate::error::Result;
use crate::experiment::{Experiment, Info, Paper};
use crate::families::{THREE, cnn_l, cnn_s, coarse, fashion, lambdas, mnist, seeds, vit};
use crate::grid::{Family, Grid};
use crate::profile::Profile;
use crate::sweep::curves::Curves;
use crate::sweep::facts::exact_facts;
use crate::sweep::figures::{measures_over_lambda, of_each, trade_off};
use crate::sweep::recorded::Recorded;
use crate::sweep::trends::{self, C8, T1, T2, T3, T4, Trend, no_synergy};
use runs::store::Results;
use runs::training::Rotation;

/// The sweep of one architecture over λ (E2 to E4 in `book/cre.md`).
pub struct LambdaSweep {
    info: &'static Info,
    grid: fn(Profile) -> Grid,
    /// The prefix of the names of the trade-off figures.
    trade_off: &'static str,
    /// The prefix of the names of the figures of the latent, if there are any.
    latent: Option<&'static str>,
    /// The trends that are judged besides those of every architecture.
    trends: &'static [&'static Trend],
}

/// E2: CNN-S.
pub static CNN_S: LambdaSweep = LambdaSweep {
    info: &Info {
        name: "cnn-s-lambda-sweep",
        title: "The trade-off over λ in a small convolutional network (E2)",
        claim: "The trade-off has the same direction in a convolutional network whose latent has 256 dimensions.",
        paper: Paper::Cre,
        recorded: Recorded::LINEAR_FRONT,
    },
    grid: |profile| {
        let family = cnn_s(profile, &[16]);
        match profile {
            Profile::Paper => {
                let families = vec![family];
                Grid { families, lambdas: coarse(profile), seeds: seeds(profile, 3) }
            }
            _ => over_lambda(profile, family.clone(), family),
        }
    },
    trade_off: "cnn-s-trade-off",
    latent: Some("cnn-s-latent"),
    trends: &[],
};

/// E3: CNN-L on CIFAR-10, with the paper's rotations.
pub static CNN_L: LambdaSweep = LambdaSweep {
    info: &Info {
        name: "cnn-l-lambda-sweep",
        title: "The trade-off over λ on CIFAR-10 (E3)",
        claim: "The trade-off has the same direction on natural images, whose pixels the decoder must recover from a \
                rotated input.",
        paper: Paper::Cre,
        recorded: Recorded::LINEAR_FRONT,
    },
    grid: |profile| {
        let lambdas = match profile {
            Profile::Full => (0..=10).map(|tenth| f64::from(tenth) / 10.0).collect(),
            Profile::Paper => THREE.to_vec(),
            _ => coarse(profile),
        };
        let families = vec![cnn_l(profile, Some(Rotation::PAPER), 0.2)];
        Grid { families, lambdas, seeds: seeds(profile, 3) }
    },
    trade_off: "cnn-l-trade-off",
    latent: None,
    trends: &[],
};

/// E4: ViT-S, and in the full profile ViT-M.
pub static VIT: LambdaSweep = LambdaSweep {
    info: &Info {
        name: "vit-lambda-sweep",
        title: "The trade-off over λ in transformers (E4)",
        claim: "The trade-off has the same direction in a transformer, whose decoder reads all tokens and whose \
                classifier reads their mean.",
        paper: Paper::Cre,
        recorded: Recorded::LINEAR_FRONT,
    },
    grid: |profile| {
        let [small, medium] = [("ViT-S", vit::Config::S), ("ViT-M", vit::Config::M)];
        over_lambda(profile, vit(profile, &[small]), vit(profile, &[small, medium]))
    },
    trade_off: "vit-trade-off",
    latent: None,
    trends: &[&T3],
};

/// A grid of `family` on Fashion-MNIST and, from the profile `standard` on, on MNIST with fewer seeds; in the profile
/// `full`, of the family `full` on both.
fn over_lambda(profile: Profile, family: Family, full: Family) -> Grid {
    let families = match profile {
        Profile::Smoke | Profile::Quick => vec![family],
        Profile::Standard => vec![family.clone(), family.on(vec![mnist(profile)]).with_seeds(3)],
        Profile::Paper => {
            vec![family.clone(), family.only_at(&THREE).on(vec![mnist(profile)]).with_seeds(3)]
        }
        Profile::Full => vec![full.on(vec![fashion(profile), mnist(profile)])],
    };
    Grid { families, lambdas: lambdas(profile), seeds: seeds(profile, 5) }
}

impl Experiment for LambdaSweep {
    fn info(&self) -> &'static Info {
        self.info
    }

    fn grid(&self, profile: Profile) -> Grid {
        (self.grid)(profile)
    }

    fn figures(&self, results: &Results) -> Result<Vec<Figure>> {
        let mut figures = of_each(results, |curves| trade_off(curves, self.trade_off))?;
        if let Some(name) = self.latent {
            let title = "Statistics of the latent over λ";
            figures.extend(of_each(results, |curves| {
                measures_over_lambda(curves, name, title, OF_LATENT_CAPTION, &OF_LATENT)
            })?);
        }
        Ok(figures)
    }

    fn verdicts(&self, results: &Results) -> Result<Vec<Verdict>> {
        let mut verdicts = Vec::new();
        for curves in &Curves::all(results)? {
            verdicts.extend(exact_facts(curves)?);
            verdicts.push(no_synergy(curves)?);
        }
        verdicts.extend(trends::rows(results, &[&C8, &T1, &T2, &T4])?);
        verdicts.extend(trends::rows(results, self.trends)?);
        Ok(verdicts)
    }
}
