//! LBR E2: which noise makes the optimal linear code for denoising a better code for classification?

use report::{Conclusion, Figure, HeatMap, HeatPanel, Verdict};

use crate::claim_id::ClaimId;
use crate::error::Result;
use crate::experiment::{Experiment, Info, Paper};
use crate::families::seeds;
use crate::grid::Grid;
use crate::lbr::{aligned_sets, alignments, grid};
use crate::metric::ArrayMetric;
use crate::names::names;
use crate::profile::Profile;
use crate::statistics::decision::{Contrast, Unit};
use crate::statistics::estimate::Estimate;
use crate::sweep::along::ALIGNMENT;
use crate::sweep::curves::Curves;
use crate::sweep::recorded::Recorded;
use crate::sweep::trends::{About, Finding, exactly, found, listed};
use crate::sweep::words;
use runs::learners::closed_form::Noise;
use runs::store::Results;

/// LBR E2 (`book/lbr.md`), with Gaussian noise and masks of a fixed count.
pub struct MaskingImpact;

names! {
    /// The families of noise.
    Corruption {
        /// The baseline.
        None = "no noise",
        /// Masked pixels.
        Masks1 = "masks of 1 x 1",
        /// Masked patches of 2 x 2.
        Masks2 = "masks of 2 x 2",
        /// Masked patches of 4 x 4.
        Masks4 = "masks of 4 x 4",
        /// Isotropic noise.
        Gaussian = "Gaussian noise",
        /// Masks with a fixed number of patches in each image.
        FixedCount = "fixed count, 4 x 4",
    }
}

/// The smallest code that is drawn, as in the paper.
const SMALLEST: f64 = 8.0;

/// The margin of the impact, in percent.
const SOME: f64 = 0.1;

static INFO: Info = Info {
    name: "masking-impact",
    title: "Denoising in closed form: masks and Gaussian noise (LBR E2)",
    claim: "Filling in masked patches can make a linear code better or worse for classification, depending on patch, ratio, \
            code size and data set; additive Gaussian noise never changes it.",
    paper: Paper::Lbr,
    recorded: Recorded::along(ALIGNMENT),
};

impl Experiment for MaskingImpact {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn grid(&self, profile: Profile) -> Grid {
        let sets = aligned_sets(profile);
        let (patches, ratios): (&[(Corruption, usize)], Vec<f64>) = match profile {
            Profile::Smoke => (&[(Corruption::Masks2, 2)], vec![0.66]),
            _ => (
                &[(Corruption::Masks1, 1), (Corruption::Masks2, 2), (Corruption::Masks4, 4)],
                (1..=9).map(|step| f64::from(11 * step) / 100.0).collect(),
            ),
        };
        let mut families =
            vec![alignments(Corruption::None.as_str(), "noise", [(0.0, Noise::None)], sets.clone())];
        for &(family, patch) in patches {
            let masks = ratios.iter().map(|&drop| (drop, Noise::Mask { patch, drop }));
            families.push(alignments(family.as_str(), "p, share dropped", masks, sets.clone()));
        }
        let deviations: &[f64] = if profile == Profile::Smoke { &[1.0] } else { &[0.3, 1.0, 3.0] };
        let gaussian = deviations.iter().map(|&deviation| (deviation, Noise::Isotropic { deviation }));
        families.push(alignments(
            Corruption::Gaussian.as_str(),
            "σ, in that of all pixels",
            gaussian,
            sets.clone(),
        ));
        if profile != Profile::Smoke {
            let counted = [0.25, 0.5, 0.75].map(|kept| (1.0 - kept, Noise::FixedCount { patch: 4, kept }));
            families.push(alignments(Corruption::FixedCount.as_str(), "share dropped", counted, sets));
        }
        grid(families, seeds(profile, 1))
    }

    fn figures(&self, results: &Results) -> Result<Vec<Figure>> {
        let all = Curves::all(results)?;
        let mut figures = Vec::new();
        for (baseline, noisy) in by_set(&all)? {
            let panels = noisy.into_iter().map(|(_, curves)| of_family(baseline, curves));
            let mut panels = panels.collect::<Result<Vec<HeatPanel>>>()?;
            panels.retain(|panel| panel.rows.iter().any(|(_, values)| values.iter().any(Option::is_some)));
            if panels.is_empty() {
                continue;
            }
            let caption = "Relative change of the task alignment, in percent, from the optimal code for reconstruction to the \
                           optimal code for denoising, by noise and code size, on one colour scale. Both codes are \
                           evaluated on clean images. Closed forms on the training images, without intervals.";
            figures.push(Figure::Heat(HeatMap {
                name: format!("impact-{}", baseline.index),
                title: format!("Impact of noise on the task alignment, % ({})", baseline.set_words()),
                caption: caption.into(),
                centre: 0.0,
                panels,
            }));
        }
        Ok(figures)
    }

    fn verdicts(&self, results: &Results) -> Result<Vec<Verdict>> {
        let all = Curves::all(results)?;
        // Noises without measurements stay empty and are not judged.
        let (mut gaussian, mut n_gaussian, mut n_masks) = (0.0f64, 0, 0);
        let (mut helps, mut hurts) = (Vec::new(), Vec::new());
        let mut gains = Vec::new();
        let (mut angles, mut of_gaussian, mut null) = (Vec::new(), Vec::new(), Vec::new());
        for (baseline, noisy) in by_set(&all)? {
            let (mut best, mut worst) = ((0.0, String::new()), (0.0, String::new()));
            if baseline.has(ArrayMetric::AngleNull) {
                let halves = baseline.along(ArrayMetric::AngleNull, [0, 0])?;
                null.extend(halves.into_iter().flat_map(|(_, values)| values).reduce(f64::max));
            }
            for (noise, curves) in noisy {
                for (member, (label, _)) in curves.members.iter().enumerate() {
                    let impact = impact(baseline, curves, member)?;
                    let angle = largest_angle(curves, member)?;
                    if noise == Corruption::Gaussian {
                        n_gaussian += impact.len();
                        gaussian = impact.iter().fold(gaussian, |most, (_, i)| most.max(i.abs()));
                        of_gaussian.extend(angle);
                        continue;
                    }
                    angles.extend(angle);
                    gains.extend(held_out(curves, member)?);
                    for (k, i) in impact.into_iter().filter(|(k, _)| *k >= SMALLEST) {
                        n_masks += 1;
                        let words = || format!("{label}, K = {k}");
                        if i > best.0 {
                            best = (i, words());
                        }
                        if i < worst.0 {
                            worst = (i, words());
                        }
                    }
                }
            }
            helps.push((words::data_set(&baseline.data), best));
            hurts.push((words::data_set(&baseline.data), worst));
        }
        let n = helps.len();
        let words = |of: &[(String, (f64, String))]| {
            listed(of.iter().map(|(data, (i, at))| format!("{data} {i:+.2} % ({at})")))
        };
        let any = |of: &[(String, (f64, String))]| of.iter().any(|(_, (i, _))| i.abs() > SOME);
        let with = |n: usize, what: &str, holds: bool, got: String| {
            let finding = (n > 0).then(|| Finding::exact(holds, got));
            found(finding, format!("the grid needs {what}, and reconstruction without noise"))
        };
        let least = angles.iter().copied().fold(f64::INFINITY, f64::min);
        let most = of_gaussian.iter().copied().fold(0.0, f64::max);
        // The components of two halves of the images also differ; only larger angles are due to a mask.
        let by_chance = null.iter().copied().reduce(f64::max);
        let open = |row: Verdict, what: &str| match row.conclusion {
            Conclusion::Holds | Conclusion::DoesNotHold => {
                let got = format!("{}; {what}", row.got);
                Verdict { got, conclusion: Conclusion::Undecided, ..row }
            }
            _ => row,
        };
        let chosen = format!("the largest of {n_masks} masks and code sizes, without an interval");
        let gaussian = exactly(
            About::sets(
                ClaimId::Lbr8,
                "additive Gaussian noise never changes the class information of a linear code",
            ),
            "alignment changes by less than 0.05 % at every K and σ",
            with(
                n_gaussian,
                Corruption::Gaussian.as_str(),
                gaussian < 0.05,
                format!("largest change {gaussian:.1e} %"),
            ),
            n,
        )?;
        let can_help = exactly(
            About::sets(ClaimId::Lbr8, "masking can help"),
            format!(
                "held-out R² larger with some mask on some data set, or an impact above +{SOME} % without an interval"
            ),
            match largest(&gains, 1.0) {
                Some(gain) => Ok(Finding::of(vec![gain])),
                None => with(n_masks, "masks", any(&helps), words(&helps)),
            },
            n,
        )?;
        let depends = exactly(
            About::sets(ClaimId::Lbr9, "whether masking helps depends on patch, ratio, size and data set"),
            "held-out R² larger with some mask and smaller with another".to_owned(),
            match largest(&gains, 1.0).zip(largest(&gains, -1.0)) {
                Some((gain, loss)) => Ok(Finding::of(vec![gain, loss])),
                None => with(n_masks, "masks", any(&helps) && any(&hurts), words(&hurts)),
            },
            n,
        )?;
        let chance =
            by_chance.map_or(String::new(), |angle| format!("; {angle:.1} between halves of the images"));
        let angle = exactly(
            About::sets(
                ClaimId::Lbr10,
                "without labels one can tell that Gaussian noise is never useful and that masks may be",
            ),
            "principal angle 0 to the subspace of reconstruction for Gaussian noise; for masks larger angles than between \
             two halves of the images",
            with(
                angles.len().min(of_gaussian.len()),
                "angles of Gaussian noise and of masks",
                most < 1e-3 && by_chance.is_some_and(|chance| least > chance),
                format!(
                    "largest angle {most:.1e} degrees for Gaussian noise, at least {least:.1} for masks{chance}"
                ),
            ),
            angles.len(),
        )?;
        let angle = match by_chance {
            Some(_) => angle,
            None => open(
                angle,
                "the results lack the angles between two halves of the images, the null of this comparison",
            ),
        };
        let [can_help, depends] = [can_help, depends].map(|row| match gains.is_empty() {
            true => open(row, &chosen),
            false => row,
        });
        Ok(vec![gaussian, can_help, depends, angle])
    }
}

/// The change of held-out R² by a mask, with its standard error over images, at every code size that is judged; empty if it was
/// not measured.
fn held_out(curves: &Curves<'_>, member: usize) -> Result<Vec<(String, Estimate)>> {
    if !curves.has(ArrayMetric::HeldOutGain) || !curves.has(ArrayMetric::HeldOutGainError) {
        return Ok(vec![]);
    }
    let [gains, errors] = [ArrayMetric::HeldOutGain, ArrayMetric::HeldOutGainError]
        .map(|array| curves.along(array, [member, 0]));
    let (gains, errors) = (gains?, errors?);
    let of = |(k, gain): &(f64, Vec<f64>)| {
        let (_, error) = errors.iter().find(|(at, _)| at == k)?;
        let label = format!("{}, {}, K = {k}", words::data_set(&curves.data), curves.members[member].0);
        Some((label, Estimate::of_images(*gain.first()?, *error.first()?, curves.n_test)))
    };
    Ok(gains.iter().filter(|(k, _)| *k >= SMALLEST).filter_map(of).collect())
}

/// The largest gain in units of its standard error (the largest loss for `sign` -1), as a contrast chosen from all.
fn largest(gains: &[(String, Estimate)], sign: f64) -> Option<Contrast> {
    let by = |of: &Estimate| sign * of.effect / of.error.max(f64::MIN_POSITIVE);
    let (label, most) = gains.iter().max_by(|(_, a), (_, b)| by(a).total_cmp(&by(b)))?;
    let contrast = match sign > 0.0 {
        true => Contrast::above(label, *most, 0.0, Unit::POINTS),
        false => Contrast::below(label, *most, 0.0, Unit::POINTS),
    };
    Some(contrast.chosen_from(gains.len()))
}

/// The results of one data set with noise, by family.
type Noisy<'c, 'r> = Vec<(Corruption, &'c Curves<'r>)>;

/// The results of each data set without noise, paired with those with noise.
fn by_set<'c, 'r>(all: &'c [Curves<'r>]) -> Result<Vec<(&'c Curves<'r>, Noisy<'c, 'r>)>> {
    let (mut baselines, mut noisy) = (Vec::new(), Noisy::new());
    for curves in all {
        match curves.family_id()? {
            Corruption::None => baselines.push(curves),
            noise => noisy.push((noise, curves)),
        }
    }
    let of = |data: &str| noisy.iter().filter(|(_, curves)| curves.data == data).copied().collect();
    Ok(baselines.into_iter().map(|baseline| (baseline, of(&baseline.data))).collect())
}

/// The largest principal angle in degrees between the subspaces of denoising and of reconstruction at any code size; `None` if
/// it was not measured.
fn largest_angle(curves: &Curves<'_>, member: usize) -> Result<Option<f64>> {
    let angles = curves.along(ArrayMetric::Angle, [member, 0])?;
    Ok(angles.into_iter().flat_map(|(_, values)| values).reduce(f64::max))
}

/// The relative change of the alignment in percent by code size; codes whose alignment is zero without noise are left out.
fn impact(baseline: &Curves<'_>, curves: &Curves<'_>, member: usize) -> Result<Vec<(f64, f64)>> {
    let without = baseline.along(ArrayMetric::Alignment, [0, 0])?;
    let with = curves.along(ArrayMetric::Alignment, [member, 0])?;
    let with_at = |at: f64| with.iter().find(|(k, _)| *k == at).map(|(_, values)| values[0]);
    let pairs =
        without.iter().filter_map(|(k, a)| Some((*k, a[0], with_at(*k)?))).filter(|(_, a, _)| *a > 0.0);
    Ok(pairs.map(|(k, a, b)| (k, 100.0 * (b - a) / a)).collect())
}

fn of_family(baseline: &Curves<'_>, curves: &Curves<'_>) -> Result<HeatPanel> {
    let mut rows = Vec::new();
    let sizes: Vec<f64> =
        baseline.along(ArrayMetric::Alignment, [0, 0])?.into_iter().map(|(k, _)| k).collect();
    // At powers of two; sizes between them are similar.
    let octave = |k: &f64| *k >= SMALLEST && k.log2().fract() == 0.0;
    let sizes: Vec<f64> = sizes.into_iter().filter(octave).collect();
    for (member, (_, number)) in curves.members.iter().enumerate() {
        let impacts = impact(baseline, curves, member)?;
        let at = |k: &f64| impacts.iter().find(|(at, _)| at == k).map(|(_, impact)| *impact);
        rows.push((number.to_string(), sizes.iter().map(at).collect()));
    }
    let columns = sizes.iter().map(f64::to_string).collect();
    let (title, y) = (curves.family.clone(), curves.member.clone());
    Ok(HeatPanel { title, x: "K, dimensions of the code".into(), y, columns, rows })
}
