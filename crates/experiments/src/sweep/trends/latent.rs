//! Trends of the content of the latent, and masking against mixing (claims C7 and C9).

use super::lambda::ONLINE;
use super::{Finding, Trend, is_over_k};
use crate::claim_id::ClaimId;
use crate::error::{Error, Result};
use crate::families::NetworkKind;
use crate::metric::{Baseline, Metric};
use crate::statistics::decision::{Contrast, Unit};
use crate::statistics::estimate::Estimate;
use crate::statistics::formula::Formula;
use crate::sweep::evidence::Evidence;
use crate::sweep::readers::{Question, Reader, Source, Task, online, read, source};

/// The difference of a metric between two points, by paired seeds.
fn difference(of: &Evidence<'_, '_>, metric: Metric, points: [[usize; 2]; 2]) -> Result<Estimate> {
    let pairs = of.by_seed(points.map(|point| (of.curves, metric, point)))?;
    Ok(Estimate::of_seeds(&pairs.iter().map(|[one, other]| one - other).collect::<Vec<f64>>()))
}

/// The difference of a reader's metric at two points, over seeds, and over images where these are stored.
fn difference_by(of: &Evidence<'_, '_>, source: Source<'_, '_>, points: [[usize; 2]; 2]) -> Result<Estimate> {
    of.estimate(Formula::Sum(&[1.0, -1.0]), &points.map(|point| (source, point)))
}

/// T8: class-typical images at k = 4.
pub const T8: Trend = Trend {
    source: ClaimId::C7T8,
    claim: "a classifier's latent of 4 gives class-typical images",
    expected: |_, tier| {
        let share = 100.0 * tier.class_mean;
        format!("MSE(1) < MSE(0) < mean image; MSE(0) within {share:.0} % of the class mean at k = 4")
    },
    find: |of, tier| {
        let curves = of.curves;
        if !is_over_k(curves) {
            return Ok(None);
        }
        let ([small], [first, last]) = (of.members([4.0])?, of.lambdas([0.0, 1.0])?);
        let (of_mean, of_class) =
            (curves.of_variant(Baseline::MeanImageMse)?, curves.of_variant(Baseline::ClassMeanMse)?);
        let at_0 = |member, change: &dyn Fn(f64) -> f64| -> Result<Estimate> {
            let values = of.at(Metric::TestMse, member, first)?;
            Ok(Estimate::of_seeds(&values.into_iter().map(change).collect::<Vec<f64>>()))
        };
        let mut contrasts = Vec::new();
        for (member, (label, _)) in curves.members.iter().enumerate() {
            let decoder = online(curves, Task::Reconstruction)?;
            let gap = difference_by(of, decoder, [[member, first], [member, last]])?;
            contrasts.push(Contrast::above(format!("{label}: MSE(0) - MSE(1)"), gap, 0.0, Unit::MSE));
            let label = format!("{label}: MSE(0), mean image {of_mean:.3}");
            contrasts.push(Contrast::below(label, at_0(member, &|mse| mse)?, of_mean, Unit::MSE));
        }
        let distance = at_0(small, &|mse| mse / of_class - 1.0)?;
        let label = "k = 4: MSE(0) relative to that of the class means, minus 1";
        contrasts.push(Contrast::below(label, distance, tier.class_mean, Unit::PERCENT));
        contrasts.push(Contrast::above(label, distance, -tier.class_mean, Unit::PERCENT));
        Ok(Some(Finding::of(contrasts).read_by(ONLINE)))
    },
};

/// The individual detail in a reconstruction: the fraction of the variance within classes that is explained,
/// `1 - MSE(λ) / MSE of class means`. Its growth is equivalent to a lower reconstruction error.
pub const DETAIL: Trend = Trend {
    source: ClaimId::C7E8,
    claim: "individual detail grows with λ",
    expected: |_, _| {
        "explained fraction of the variance within classes at least 0.1 higher at λ = 1 than at λ = 0".into()
    },
    find: |of, _| {
        let [first, last] = of.lambdas([0.0, 1.0])?;
        let mut contrasts = Vec::new();
        for (member, (label, _)) in of.curves.members.iter().enumerate() {
            // Without variance within classes the runs have no such fraction.
            of.by_seed([last, first].map(|end| (of.curves, Metric::BeyondClassVariance, [member, end])))?;
            let decoder = online(of.curves, Task::Reconstruction)?;
            let fall = difference_by(of, decoder, [[member, first], [member, last]])?;
            let gain = fall.affine(1.0 / of.curves.of_variant(Baseline::ClassMeanMse)?, 0.0);
            let label = format!("{label}: fraction at λ = 1 minus at λ = 0");
            contrasts.push(Contrast::above(label, gain, 0.1, Unit::PURE));
        }
        Ok(Some(Finding::of(contrasts).read_by(ONLINE)))
    },
};

/// T10: nearest neighbours and between-class scatter.
pub const T10: Trend = Trend {
    source: ClaimId::C7T10,
    claim: "the two objectives arrange the latent differently",
    expected: |_, _| {
        "k-NN accuracy >= 3 points higher at λ = 0, and in FC the between-class fraction higher, for every setting".into()
    },
    find: |of, _| {
        // Trend T10 is about FC-M and CNN-S, and about the between-class fraction of FC-M alone.
        let known = || NetworkKind::ALL.iter().map(|kind| kind.as_str());
        let network = NetworkKind::of(&of.curves.family).ok_or_else(|| of.curves.unknown_family(known()))?;
        if !matches!(network, NetworkKind::Fc | NetworkKind::CnnS) {
            return Ok(None);
        }
        let [first, last] = of.lambdas([0.0, 1.0])?;
        let mut contrasts = Vec::new();
        for (member, (label, _)) in of.curves.members.iter().enumerate() {
            let ends = [[member, first], [member, last]];
            let missing = || Error::Missing(Metric::KnnAccuracy.to_string());
            let knn = source(Reader::Knn, of.curves, Task::Classification).ok_or_else(missing)?;
            let neighbours = difference_by(of, knn, ends)?;
            let label_of = format!("{label}: k-NN(0) - k-NN(1)");
            contrasts.push(Contrast::above(label_of, neighbours, 0.03, Unit::POINTS));
            if network == NetworkKind::Fc {
                let share = difference(of, Metric::BetweenClassShare, ends)?;
                contrasts.push(Contrast::above(
                    format!("{label}: fraction(0) - fraction(1)"),
                    share,
                    0.0,
                    Unit::PURE,
                ));
            }
        }
        Ok(Some(Finding::of(contrasts)))
    },
};

/// The setting without a mask in the families of T11.
pub const NO_MASK: &str = "no mask";

/// T11: mixing at λ = 0.9 against every mask at λ = 1.
pub const T11: Trend = Trend {
    source: ClaimId::C9T11,
    claim: "mixing in supervision gives more accuracy than masks without supervision",
    expected: |_, _| {
        "accuracy without masks at λ = 0.9 10 points above every run at λ = 1, by every reader".into()
    },
    find: |of, _| {
        let [mixed, last] = of.lambdas([0.9, 1.0])?;
        let plain = of.labelled(NO_MASK)?;
        if of.curves.members.len() < 2 {
            return Err(Error::NotRun("the grid has no run with a mask to compare with".into()));
        }
        let against = |(member, (label, _)): (usize, &(String, f64))| {
            let label = format!("λ = 0.9 against λ = 1, {label}");
            Question::gap(label, Task::Classification, [[plain, mixed], [member, last]], 0.1)
        };
        let questions: Vec<Question> = of.curves.members.iter().enumerate().map(against).collect();
        read(of, &questions).map(Some)
    },
};
