//! The readers of a latent (probes, heads, nearest neighbours), and claims about its content judged by the best of them.
//!
//! The accuracy of a head that was trained with the encoder depends on the head as well as on the latent. A claim that
//! information is missing from a latent therefore holds only if all readers agree; if they disagree, the trade-off is one of
//! the readout.

use crate::error::{Error, Result};
use crate::metric::Metric;
use crate::names::names;
use crate::statistics::decision::{Contrast, Side, Unit, decide};
use crate::statistics::formula::Formula;
use crate::statistics::mean;
use crate::statistics::rules::LEVEL;
use crate::sweep::curves::Curves;
use crate::sweep::evidence::Evidence;
use crate::sweep::trends::{Finding, listed};

names! {
    /// A reader of a latent, spelled as at the end of the names of its correctness bits.
    pub Reader {
        /// The head that was trained with the encoder.
        Online = "online",
        /// A head of the same architecture, trained on the frozen encoder for as many epochs.
        NewHead = "new",
        /// A head of the same architecture, trained on cached latents to convergence.
        Converged = "converged",
        /// Ridge regression.
        Ridge = "ridge",
        /// The vote of the five nearest neighbours.
        Knn = "knn",
        /// An attentive probe of a latent that is a set of tokens.
        Attentive = "attentive",
    }
}

impl Reader {
    /// The name in verdicts and figures.
    pub fn words(self) -> &'static str {
        match self {
            Self::Online => "online head",
            Self::NewHead => "new head",
            Self::Converged => "converged head",
            Self::Ridge => "ridge regression",
            Self::Knn => "5 nearest neighbours",
            Self::Attentive => "attentive probe",
        }
    }

    /// Its metrics for a task, best first; results of older versions lack some.
    fn metrics(self, task: Task) -> &'static [Metric] {
        match (self, task) {
            (Self::Online | Self::NewHead, Task::Classification) => &[Metric::TestAccuracy],
            (Self::Online | Self::NewHead, Task::Reconstruction) => &[Metric::TestMse],
            (Self::Converged, Task::Classification) => &[Metric::ConvergedAccuracy],
            (Self::Converged, Task::Reconstruction) => &[Metric::ConvergedMse],
            (Self::Ridge, Task::Classification) => &[Metric::RidgeAccuracy],
            (Self::Ridge, Task::Reconstruction) => &[Metric::RidgeMse],
            (Self::Knn, Task::Classification) => &[Metric::KnnProbeAccuracy, Metric::KnnAccuracy],
            (Self::Attentive, Task::Classification) => &[Metric::AttentiveAccuracy],
            (Self::Knn | Self::Attentive, Task::Reconstruction) => &[],
        }
    }
}

/// A task that a latent is read for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Task {
    /// The class, measured by accuracy.
    Classification,
    /// The pixels, measured by mean squared error.
    Reconstruction,
}

/// A reader with the results that hold its metric.
#[derive(Clone, Copy)]
pub struct Source<'c, 'r> {
    /// The reader.
    pub reader: Reader,
    /// The task.
    pub task: Task,
    /// The results, whose settings are those of the encoders.
    pub curves: &'c Curves<'r>,
    /// The metric.
    pub metric: Metric,
}

/// The readers for which the results of a family have a metric of the task.
pub fn sources<'c, 'r>(curves: &'c Curves<'r>, task: Task) -> Vec<Source<'c, 'r>> {
    let own = [Reader::Online, Reader::Converged, Reader::Ridge, Reader::Knn, Reader::Attentive];
    own.into_iter().filter_map(|reader| source(reader, curves, task)).collect()
}

/// The head that was trained with the encoder.
///
/// # Errors
/// [`Error::Missing`] if the results lack its metric.
pub fn online<'c, 'r>(curves: &'c Curves<'r>, task: Task) -> Result<Source<'c, 'r>> {
    let missing = || Error::Missing(Reader::Online.metrics(task)[0].to_string());
    source(Reader::Online, curves, task).ok_or_else(missing)
}

/// One reader; `None` if the results lack its metric.
pub fn source<'c, 'r>(reader: Reader, curves: &'c Curves<'r>, task: Task) -> Option<Source<'c, 'r>> {
    let metric = *reader.metrics(task).iter().find(|metric| curves.has(**metric))?;
    Some(Source { reader, task, curves, metric })
}

/// A contrast of points `[setting, λ]` that every reader measures, with the margin that it must exceed.
#[derive(Debug, Clone)]
pub struct Question {
    /// The compared quantity.
    pub label: String,
    /// The task.
    pub task: Task,
    /// The points.
    pub points: Vec<[usize; 2]>,
    /// The effect as a function of their values.
    pub formula: Formula<'static>,
    /// The margin.
    pub margin: f64,
    /// The side of the margin on which the claim expects the effect.
    pub side: Side,
}

impl Question {
    /// The claim that the first point has more accuracy, or more error, than the second, by more than a margin.
    pub fn gap(label: String, task: Task, points: [[usize; 2]; 2], margin: f64) -> Self {
        let formula = Formula::Sum(&[1.0, -1.0]);
        Self { label, task, points: points.into(), formula, margin, side: Side::Above }
    }

    fn unit(&self) -> Unit {
        match (self.task, self.formula) {
            (_, Formula::Ratio | Formula::RatioShrinks) => Unit::PURE,
            (Task::Classification, _) => Unit::POINTS,
            (Task::Reconstruction, _) => Unit::MSE,
        }
    }

    /// The contrast with one reader for each point, or one for all.
    fn contrast(&self, of: &Evidence<'_, '_>, readers: &[Source<'_, '_>], label: String) -> Result<Contrast> {
        let at = |index: usize| (readers[index.min(readers.len() - 1)], self.points[index]);
        let terms: Vec<_> = (0..self.points.len()).map(at).collect();
        let estimate = of.estimate(self.formula, &terms)?;
        let above = Contrast::above(label, estimate, self.margin, self.unit());
        Ok(Contrast { side: self.side, ..above })
    }
}

/// Judges contrasts of the content of a family's latents, by the best of its readers and by each of them.
///
/// # Errors
/// [`Error::NotRun`] if no reader has results at all points of a contrast.
pub fn read(of: &Evidence<'_, '_>, questions: &[Question]) -> Result<Finding> {
    let (mut best, mut alone, mut got) = (Vec::new(), Vec::new(), Vec::new());
    let mut chosen: Vec<Vec<Reader>> = Vec::new();
    for question in questions {
        let readers = of.readers(question.task);
        // If the heads that were trained with the encoder have no value, the runs are missing, and the message names them.
        if let Some(online) = readers.first() {
            for &[member, lambda] in &question.points {
                of.at(online.metric, member, lambda)?;
            }
        }
        let present = |source: &Source<'_, '_>| -> Result<bool> {
            let at = |&[member, lambda]: &[usize; 2]| source.curves.at(source.metric, member, lambda);
            Ok(question.points.iter().map(at).collect::<Result<Vec<_>>>()?.iter().all(|v| !v.is_empty()))
        };
        let mut here = Vec::new();
        for source in readers {
            if present(&source)? {
                here.push(source);
            }
        }
        let unread = || {
            Error::NotRun(format!("no reader has results at all points of the contrast `{}`", question.label))
        };
        let mut by_point = Vec::new();
        for &[member, lambda] in &question.points {
            let mut reached = Vec::new();
            for source in &here {
                let value = mean(&source.curves.at(source.metric, member, lambda)?);
                reached.push((if question.task == Task::Classification { value } else { -value }, *source));
            }
            let most = reached.into_iter().max_by(|a, b| a.0.total_cmp(&b.0)).ok_or_else(unread)?;
            by_point.push(most.1);
        }
        let contrast = question.contrast(of, &by_point, question.label.clone())?;
        let mut each = Vec::new();
        for source in &here {
            each.push(question.contrast(
                of,
                std::slice::from_ref(source),
                source.reader.words().to_owned(),
            )?);
        }
        chosen.push(by_point.iter().map(|source| source.reader).collect());
        let named = listed_readers(&each);
        got.push(match here.len() {
            1 => contrast.words(),
            _ => format!("{} by the best readers; {named}", contrast.words()),
        });
        best.push(contrast);
        alone.push(each);
    }
    let Some(decision) = decide(&best) else {
        return Err(Error::NotRun("the grid has no contrast for this claim".into()));
    };
    let verdict = |contrast: &Contrast| decide(std::slice::from_ref(contrast)).and_then(|one| one.holds);
    let agree = alone.iter().all(|each| each.iter().all(|one| verdict(one) == verdict(&each[0])));
    let all_hold = alone.iter().flatten().all(|one| verdict(one) == Some(true));
    let any = |conclusion| alone.iter().flatten().any(|one| verdict(one) == Some(conclusion));
    let n_readers = alone.iter().map(Vec::len).max().unwrap_or(0);
    let mut finding = Finding::decided(best, listed(got));
    // If one reader shows an effect that another refutes, the latent has information that only some readers extract. If
    // another is undecided, they may differ in size only.
    if any(true) && any(false) {
        finding.got = format!("trade-off of the readout: readers disagree; {}", finding.got);
    } else if any(true) && !agree {
        finding.got = format!("readers disagree about the size; {}", finding.got);
    }
    if decision.holds == Some(true) && !all_hold {
        finding.holds = None;
    }
    let mut names: Vec<&str> = Vec::new();
    for reader in &chosen[decision.deciding] {
        if !names.contains(&reader.words()) {
            names.push(reader.words());
        }
    }
    finding.reader = match agree && n_readers > 1 {
        true => "all agree".to_owned(),
        false => format!("best: {}", names.join(" and ")),
    };
    Ok(finding)
}

/// The effect of each reader with its interval, in brackets.
fn listed_readers(each: &[Contrast]) -> String {
    let words = |one: &Contrast| {
        let decimals = one.unit.decimals;
        format!("{} {:+.decimals$}", one.label, one.interval(LEVEL))
    };
    format!("({})", each.iter().map(words).collect::<Vec<_>>().join(", "))
}
