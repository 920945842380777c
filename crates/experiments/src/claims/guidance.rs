//! LBR E6: how much accuracy does a small weight on labels add at no cost in reconstruction?

use report::{Figure, Verdict};

use crate::claim_id::ClaimId;
use crate::error::{Error, Result};
use crate::experiment::{Experiment, Info, Paper};
use crate::families::seeds;
use crate::grid::{Family, Grid};
use crate::lbr::{autoencoders, cifar10, fashion, grid, mlpae};
use crate::metric::Metric;
use crate::names::names;
use crate::profile::Profile;
use crate::statistics::decision::{Contrast, Unit};
use crate::statistics::estimate::Estimate;
use crate::statistics::formula::Formula;
use crate::sweep::curves::Curves;
use crate::sweep::evidence::Evidence;
use crate::sweep::figures::{Measure, families_over_members};
use crate::sweep::readers::{Task, online};
use crate::sweep::recorded::Recorded;
use crate::sweep::trends::{About, Finding, judged, listed};
use runs::images::{Change, DataConfig};
use runs::learners::autoencoding::{Network, Objective};
use runs::store::Results;

/// LBR E6 (`book/lbr.md`).
pub struct Guidance;

/// The weight of the probes' losses in the paper.
const WEIGHT: f64 = 0.01;

names! {
    /// The families.
    Supervision {
        /// The encoder is trained on the reconstruction error alone.
        Plain = "without guidance",
        /// The losses of the probes also train the encoder, with [`WEIGHT`].
        Guided = "guided by 0.01",
    }
}

/// The largest relative difference of reconstruction errors that count as equal (LBR D12 in `book/codes.md`).
const SAME: f64 = 0.05;

/// The same autoencoders with and without guidance.
fn both(
    networks: &[(usize, Network)],
    data: Vec<runs::images::DataConfig>,
    training: [u32; 2],
) -> [Family; 2] {
    [
        (Supervision::Plain, Objective::Reconstruction),
        (Supervision::Guided, Objective::Guided { weight: WEIGHT }),
    ]
    .map(|(family, objective)| {
        let networks = networks
            .iter()
            .map(|&(latent, network)| (format!("L = {latent}"), latent as f64, network, objective));
        autoencoders(family.as_str(), "latent size L", networks, data.clone(), training)
    })
}

static INFO: Info = Info {
    name: "guidance",
    title: "Supervised guidance of autoencoders (LBR E6)",
    claim: "Equally good autoencoders differ widely in the class information of their latents: a small weight on labels \
            raises the accuracy at an equal reconstruction error.",
    paper: Paper::Lbr,
    recorded: Recorded::scalars(&[(
        Metric::NonlinearAccuracy,
        "test accuracy of the non-linear probe after the last epoch",
    )]),
};

impl Experiment for Guidance {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn grid(&self, profile: Profile) -> Grid {
        let mlp =
            |latents: &[usize]| latents.iter().map(|&latent| (latent, mlpae(latent, 3))).collect::<Vec<_>>();
        let families: Vec<Family> = match profile {
            Profile::Smoke => both(&mlp(&[8]), vec![fashion(profile)], [50, 1]).into(),
            Profile::Quick => both(&mlp(&[16]), vec![fashion(profile)], [100, 12]).into(),
            Profile::Standard => [
                both(&mlp(&[4, 16, 64]), vec![fashion(profile)], [100, 12]),
                both(&mlp(&[64]), vec![cifar10(profile)], [100, 8]),
            ]
            .concat(),
            Profile::Paper => {
                // At 112 x 112, with an eighth of the channels, and one seed.
                let resnet = Network::Resnet { latent: 128, width_divisor: 8 };
                let imagenette = DataConfig::new("imagenette", 9_469, 0, 3_925).changed(Change::Halved);
                let natural =
                    both(&[(128, resnet)], vec![imagenette], [64, 20]).map(|family| family.with_seeds(1));
                [both(&mlp(&[16, 64]), vec![fashion(profile)], [256, 20]), natural].concat()
            }
            Profile::Full => {
                let resnet = |latent| (latent, Network::Resnet { latent, width_divisor: 1 });
                let imagenette = DataConfig::new("imagenette", 9_469, 0, 3_925);
                [
                    both(&mlp(&[16, 64, 256, 512]), vec![fashion(profile), cifar10(profile)], [256, 50]),
                    both(&[128, 512, 2_048].map(resnet), vec![imagenette], [128, 100]),
                ]
                .concat()
            }
        };
        grid(families, seeds(profile, 3))
    }

    fn figures(&self, results: &Results) -> Result<Vec<Figure>> {
        let measures = [
            Measure { name: Metric::TestMse, title: "Reconstruction", label: "test MSE" },
            Measure { name: Metric::TestAccuracy, title: "Linear probe", label: "test accuracy" },
            Measure { name: Metric::NonlinearAccuracy, title: "Non-linear probe", label: "test accuracy" },
        ];
        families_over_members(
            results,
            "guidance",
            "Autoencoders with and without guidance",
            "Both probes read the latent. With guidance their cross-entropies, weighted by 0.01, also train the encoder; \
             without, the probes are trained with gradients stopped at the latent.",
            &measures,
        )
    }

    fn verdicts(&self, results: &Results) -> Result<Vec<Verdict>> {
        let all = Curves::all(results)?;
        let mut rows = Vec::new();
        for plain in &all {
            if plain.family_id::<Supervision>()? != Supervision::Plain {
                continue;
            }
            let is_guided = |other: &&Curves<'_>| other.family == Supervision::Guided.as_str();
            let guided = all.iter().find(|other| other.data == plain.data && is_guided(other));
            let of = Evidence::of(plain);
            let finding = gains(&of, guided);
            rows.push(judged(
                About::set(
                    ClaimId::Lbr3,
                    "a small weight on labels raises the accuracy at no cost in reconstruction",
                    plain,
                )
                .model("autoencoders with and without guidance"),
                "MSE increases by less than 5 % and the linear probe improves, at every L",
                finding,
                &of,
            )?);
        }
        Ok(rows)
    }
}

/// The changes of the reconstruction error and of the accuracies of the probes by guidance, by paired seeds.
fn gains(of: &Evidence<'_, '_>, guided: Option<&Curves<'_>>) -> Result<Finding> {
    let guided = guided.ok_or_else(|| Error::NotRun("the grid has no guided autoencoders".into()))?;
    let (mut contrasts, mut shown) = (Vec::new(), Vec::new());
    for (member, (label, _)) in of.curves.members.iter().enumerate() {
        let other = Evidence::of(guided).labelled(label)?;
        let change = |task, formula| -> Result<Estimate> {
            let terms = [(online(guided, task)?, [other, 0]), (online(of.curves, task)?, [member, 0])];
            of.estimate(formula, &terms)
        };
        let mse = change(Task::Reconstruction, Formula::Ratio)?.affine(1.0, -1.0);
        let linear = change(Task::Classification, Formula::Sum(&[1.0, -1.0]))?;
        let pairs = of.paired_with(Metric::NonlinearAccuracy, [member, 0], guided, [other, 0])?;
        let gains: Vec<f64> = pairs.into_iter().map(|[plain, guided]| guided - plain).collect();
        let nonlinear = Estimate::of_seeds(&gains);
        contrasts.push(Contrast::below(format!("{label}: MSE"), mse, SAME, Unit::PERCENT));
        contrasts.push(Contrast::above(format!("{label}: linear probe"), linear, 0.0, Unit::POINTS));
        let nonlinear = Contrast::above(format!("{label}: non-linear probe"), nonlinear, 0.0, Unit::POINTS);
        shown.push(nonlinear.words());
    }
    let got = listed(contrasts.iter().map(Contrast::words).chain(shown));
    Ok(Finding::decided(contrasts, got).read_by("linear probe"))
}
