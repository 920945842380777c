//! LBR E4: in which order does an autoencoder learn the eigenvectors of the images?

use report::{Axis, Figure, Point, Scale, Series, Shape, Style, Verdict};

use crate::claim_id::ClaimId;
use crate::error::{Error, Result};
use crate::experiment::{Experiment, Info, Paper};
use crate::families::seeds;
use crate::grid::{Family, Grid};
use crate::lbr::{autoencoders, cifar10, fashion, grid, mlpae};
use crate::metric::{EpochMetric, Metric, MetricGroup};
use crate::profile::Profile;
use crate::statistics::decision::{Contrast, Unit};
use crate::statistics::estimate::Estimate;
use crate::statistics::mean;
use crate::sweep::curves::Curves;
use crate::sweep::evidence::Evidence;
use crate::sweep::figures::{figure, panel};
use crate::sweep::recorded::Recorded;
use crate::sweep::trends::{About, Finding, judged, listed};
use runs::learners::autoencoding::{Network, Objective};
use runs::store::Results;

/// LBR E4 (`book/lbr.md`).
pub struct SpectrumOverTraining;

/// Autoencoders of images in [0, 1] with measurements of the spectra of their reconstructions.
fn family(
    label: &str,
    networks: Vec<(String, f64, Network)>,
    data: Vec<runs::images::DataConfig>,
    training: [u32; 2],
) -> Family {
    let networks = networks
        .into_iter()
        .map(|(label, number, network)| (label, number, network, Objective::Reconstruction));
    autoencoders(label, "latent size", networks, data, training).autoencoding(|task| task.spectrum = true)
}

static INFO: Info = Info {
    name: "spectrum-over-training",
    title: "The order in which features are learned (LBR E4)",
    claim: "An autoencoder learns eigenvectors in the order of decreasing variance; those that it has not reached at the end \
            of training are not reconstructed.",
    paper: Paper::Lbr,
    recorded: Recorded::EPOCHS,
};

impl Experiment for SpectrumOverTraining {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn grid(&self, profile: Profile) -> Grid {
        let mlp = |latent: usize, depth| {
            (format!("latent {latent}, depth {depth}"), latent as f64, mlpae(latent, depth))
        };
        let conv = |latent: usize, depth| {
            (format!("latent {latent}, depth {depth}"), latent as f64, Network::Dcae { latent, depth })
        };
        let families = match profile {
            Profile::Smoke => vec![family("MLPAE", vec![mlp(8, 3)], vec![fashion(profile)], [50, 2])],
            Profile::Quick | Profile::Standard | Profile::Paper => vec![
                family("MLPAE", vec![mlp(16, 3), mlp(64, 3)], vec![fashion(profile)], [100, 32]),
                family("MLPAE", vec![mlp(128, 3)], vec![cifar10(profile)], [100, 8]).with_seeds(1),
                family("DCAE", vec![conv(128, 5)], vec![cifar10(profile)], [100, 8]).with_seeds(1),
            ],
            Profile::Full => vec![
                family("MLPAE", vec![mlp(512, 3), mlp(512, 5)], vec![cifar10(profile)], [256, 50]),
                family("DCAE", vec![conv(512, 3), conv(512, 5)], vec![cifar10(profile)], [256, 50]),
            ],
        };
        grid(families, seeds(profile, 3))
    }

    fn figures(&self, results: &Results) -> Result<Vec<Figure>> {
        let mut figures = Vec::new();
        for curves in &Curves::all(results)? {
            let mut panels = Vec::new();
            for (member, (label, _)) in curves.members.iter().enumerate() {
                let epochs = observed(curves, member)?;
                let mut series = Vec::new();
                let Some(&last) = epochs.last() else { continue };
                let mut energies =
                    vec![("images".to_owned(), spectrum(curves, MetricGroup::Energy, member, last)?)];
                for &epoch in &epochs {
                    let label = if epoch == 0 { "untrained".to_owned() } else { format!("epoch {epoch}") };
                    energies
                        .push((label, spectrum(curves, MetricGroup::ReconstructedEnergy, member, epoch)?));
                }
                for (index, (label, points)) in energies.into_iter().enumerate() {
                    let style = match index {
                        0 => Style::category(0),
                        _ => Style::ordered(index - 1, epochs.len()),
                    };
                    series.push(Series { label, points, style: style.curve(), shape: Shape::Line });
                }
                let axis = Axis::new("rank of the eigenvector", "", Scale::Log2);
                let mut panel = panel(label, axis, "mean square along it", series);
                panel.y.scale = Scale::Log10;
                panels.push(panel);
            }
            let caption = "Mean square of the training images, and of their reconstructions after some epochs, along the \
                           eigenvectors of the uncentred second moments in order of decreasing eigenvalue: means over groups \
                           of neighbouring ranks, first seed. Directions where a line reaches that of the images are \
                           reconstructed.";
            let title = format!("Spectrum of the reconstructions over training ({})", curves.words());
            figures.extend(figure(format!("spectrum-{}", curves.index), title, caption.into(), panels));
        }
        Ok(figures.into_iter().map(Figure::Chart).collect())
    }

    fn verdicts(&self, results: &Results) -> Result<Vec<Verdict>> {
        let mut rows = Vec::new();
        for curves in &Curves::all(results)? {
            let of = Evidence::of(curves);
            let finding = downward(&of);
            let expected = "the number n of learned eigenvectors (at most half of the energy missed) grows over epochs and never \
                            decreases by a tenth, and the rank of the last one is at most 1.5 n + 2";
            let claim = "eigenvectors are learned in the order of decreasing variance";
            rows.push(judged(About::of(ClaimId::Lbr2, claim, curves), expected, finding, &of)?);
        }
        Ok(rows)
    }
}

/// The growth of the number of learned eigenvectors over epochs, and the gaps among their ranks, for every autoencoder.
fn downward(of: &Evidence<'_, '_>) -> Result<Finding> {
    let (curves, mut contrasts, mut got) = (of.curves, Vec::new(), Vec::new());
    // The claim is about the course of training and not about its end.
    of.whether_trained_or_not();
    for (member, (label, _)) in curves.members.iter().enumerate() {
        of.at(Metric::TestMse, member, 0)?;
        let mut learned = Vec::new();
        for epoch in observed(curves, member)? {
            let after =
                |name: EpochMetric| curves.after(name, [member, 0], epoch).map(|values| mean(&values));
            learned.push((epoch, after(EpochMetric::ModesLearned)?, after(EpochMetric::LastMode)?));
        }
        let trained: Vec<_> = learned.iter().filter(|(epoch, ..)| *epoch > 0).collect();
        let [first, .., end] = trained.as_slice() else {
            return Err(Error::NotRun(format!(
                "expected the spectrum of {label} after at least two epochs of training, got {}",
                trained.len()
            )));
        };
        let point = [member, 0];
        let mut judge =
            |what: String, points: [(EpochMetric, usize); 2], of: fn([f64; 2]) -> f64| -> Result<()> {
                let [a, b] = points.map(|(metric, epoch)| curves.after_by_seed(metric, point, epoch));
                let pairs = a?.into_iter().zip(b?).map(|(a, b)| of([a, b])).filter(|x| x.is_finite());
                let values = Estimate::of_seeds(&pairs.collect::<Vec<f64>>());
                contrasts.push(Contrast::above(format!("{label}: {what}"), values, 0.0, Unit::PURE));
                Ok(())
            };
        let modes = |epoch| (EpochMetric::ModesLearned, epoch);
        judge("growth".into(), [modes(end.0), modes(first.0)], |[last, first]| last - first)?;
        // Few gaps among the learned ranks.
        let gaps = [modes(end.0), (EpochMetric::LastMode, end.0)];
        judge("1.5 n + 2 minus the last rank".into(), gaps, |[n, rank]| 1.5 * n + 2.0 - rank)?;
        for pair in trained.windows(2) {
            let what = format!("n after {} epochs minus 0.9 of the n before", pair[1].0);
            judge(what, [modes(pair[1].0), modes(pair[0].0)], |[after, before]| after - 0.9 * before)?;
        }
        let words = learned
            .iter()
            .map(|(epoch, count, last)| format!("n = {count:.0} up to rank {last:.0} after {epoch} epochs"));
        got.push(format!("{label}: {}", words.collect::<Vec<_>>().join(", ")));
    }
    Ok(Finding::decided(contrasts, listed(got)))
}

/// The epochs after which the spectrum was measured.
fn observed(curves: &Curves<'_>, member: usize) -> Result<Vec<usize>> {
    let mut epochs = Vec::new();
    if !curves.has(EpochMetric::ModesLearned) {
        return Ok(epochs);
    }
    for epoch in 0..=curves.epochs {
        if !curves.after(EpochMetric::ModesLearned, [member, 0], epoch)?.is_empty() {
            epochs.push(epoch);
        }
    }
    Ok(epochs)
}

/// The energy along groups of eigenvectors by rank, of the first seed.
fn spectrum(curves: &Curves<'_>, of: MetricGroup, member: usize, epoch: usize) -> Result<Vec<Point>> {
    let mut points = Vec::new();
    for rank in curves.indexed(MetricGroup::ModeRank) {
        let energy = curves.after(of.of(&rank.index), [member, 0], epoch)?;
        let rank = curves.after(rank, [member, 0], epoch)?;
        if let (Some(&rank), Some(&energy)) = (rank.first(), energy.first())
            && energy > 0.0
        {
            points.push(Point::new(rank, energy));
        }
    }
    Ok(points)
}
