//! The readers of a latent, and claims about what it holds judged by the best of them.
//!
//! A head that learned beside the encoder says as much of the head as of the latent. So a claim that a latent lacks something
//! holds only if every reader says so; where readers disagree it is a trade-off of the readout.

use crate::error::{Error, Result};
use crate::metric::Metric;
use crate::names::names;
use crate::statistics::decision::{Contrast, Side, Unit, decide};
use crate::statistics::estimate::{Estimate, LEVEL};
use crate::statistics::mean;
use crate::sweep::curves::Curves;
use crate::sweep::evidence::{Evidence, Term};
use crate::sweep::trends::{Finding, listed};

names! {
    /// A reader of a latent, as the names of its correctness bits in results end.
    pub Reader {
        /// The head that learned beside the encoder.
        Online = "online",
        /// A head of the same kind, learned anew on the frozen encoder for as many epochs.
        NewHead = "new",
        /// A head of the same kind, learned on the cached latents to convergence.
        Converged = "converged",
        /// Ridge regression.
        Ridge = "ridge",
        /// A vote of the five nearest codes.
        Knn = "knn",
        /// An attentive probe of a set of tokens.
        Attentive = "attentive",
    }
}

impl Reader {
    /// In words.
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

    /// What it measures of a task, best first: results of older versions lack some.
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

/// What is read from a latent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Task {
    /// The class; more accuracy is better.
    Classification,
    /// The pixels; less squared error is better.
    Reconstruction,
}

/// A reader with the results that it stands in.
#[derive(Clone, Copy)]
pub struct Source<'c, 'r> {
    /// Who reads.
    pub reader: Reader,
    /// The results of the runs that it read, with the members of the encoders.
    pub curves: &'c Curves<'r>,
    /// What it measures.
    pub metric: Metric,
}

/// The readers that the results of a family hold for a task.
pub fn sources<'c, 'r>(curves: &'c Curves<'r>, task: Task) -> Vec<Source<'c, 'r>> {
    let own = [Reader::Online, Reader::Converged, Reader::Ridge, Reader::Knn, Reader::Attentive];
    own.into_iter().filter_map(|reader| source(reader, curves, task)).collect()
}

/// One reader, where the results hold it.
pub fn source<'c, 'r>(reader: Reader, curves: &'c Curves<'r>, task: Task) -> Option<Source<'c, 'r>> {
    let metric = *reader.metrics(task).iter().find(|metric| curves.has(**metric))?;
    Some(Source { reader, curves, metric })
}

/// How the values at the points of a question make its effect.
#[derive(Debug, Clone, Copy)]
pub enum Formula {
    /// The sum of the values with these weights.
    Sum(&'static [f64]),
    /// The first value over the second.
    Ratio,
    /// The ratio of the first two values less that of the last two.
    RatioShrinks,
}

/// A question to every reader: the effect of some points `[member, λ]` and the margin that it must exceed.
#[derive(Debug, Clone)]
pub struct Question {
    /// What is compared.
    pub label: String,
    /// What is read.
    pub task: Task,
    /// The points.
    pub points: Vec<[usize; 2]>,
    /// How their values make the effect.
    pub formula: Formula,
    /// The margin.
    pub margin: f64,
    /// Where the claim has the effect.
    pub side: Side,
}

impl Question {
    /// That the first point has more accuracy than the second, or more error, by more than a margin.
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

    /// The effect with a reader for each point.
    fn asked(&self, of: &Evidence<'_, '_>, readers: &[Source<'_, '_>], label: String) -> Result<Contrast> {
        let at = |index: usize| (readers[index.min(readers.len() - 1)], self.points[index]);
        let estimate = match self.formula {
            Formula::Sum(weights) => {
                let terms = weights.iter().enumerate().map(|(index, &weight)| {
                    let (source, point) = at(index);
                    Term { weight, source, point }
                });
                of.sum(&terms.collect::<Vec<_>>())?
            }
            Formula::Ratio => {
                let [(a, of_a), (b, of_b)] = [at(0), at(1)];
                let values = of.by_seed([(a.curves, a.metric, of_a), (b.curves, b.metric, of_b)])?;
                Estimate::of_seeds(&values.iter().map(|[a, b]| a / b).collect::<Vec<f64>>())
            }
            Formula::RatioShrinks => {
                let points = [at(0), at(1), at(2), at(3)].map(|(of, point)| (of.curves, of.metric, point));
                let values = of.by_seed(points)?;
                Estimate::of_seeds(&values.iter().map(|[a, b, c, d]| a / b - c / d).collect::<Vec<f64>>())
            }
        };
        let above = Contrast::above(label, estimate, self.margin, self.unit());
        Ok(Contrast { side: self.side, ..above })
    }
}

/// Answers questions about what the latents of a family hold, by the best of its readers and by each of them.
///
/// # Errors
/// [`Error::NotRun`] where no reader has read all points of a question.
pub fn read(of: &Evidence<'_, '_>, questions: &[Question]) -> Result<Finding> {
    let (mut best, mut alone, mut got) = (Vec::new(), Vec::new(), Vec::new());
    let mut chosen: Vec<Vec<Reader>> = Vec::new();
    for question in questions {
        let asked = of.readers(question.task);
        // Where the heads beside the encoder have no value, the runs are missing; that is what is named.
        if let Some(online) = asked.first() {
            for &[member, lambda] in &question.points {
                of.at(online.metric, member, lambda)?;
            }
        }
        let present = |source: &Source<'_, '_>| -> Result<bool> {
            let at = |&[member, lambda]: &[usize; 2]| source.curves.at(source.metric, member, lambda);
            Ok(question.points.iter().map(at).collect::<Result<Vec<_>>>()?.iter().all(|v| !v.is_empty()))
        };
        let mut here = Vec::new();
        for source in asked {
            if present(&source)? {
                here.push(source);
            }
        }
        let nobody = || Error::NotRun(format!("nobody has read {}", question.label));
        let mut by_point = Vec::new();
        for &[member, lambda] in &question.points {
            let mut reached = Vec::new();
            for source in &here {
                let value = mean(&source.curves.at(source.metric, member, lambda)?);
                reached.push((if question.task == Task::Classification { value } else { -value }, *source));
            }
            let most = reached.into_iter().max_by(|a, b| a.0.total_cmp(&b.0)).ok_or_else(nobody)?;
            by_point.push(most.1);
        }
        let contrast = question.asked(of, &by_point, question.label.clone())?;
        let mut each = Vec::new();
        for source in &here {
            each.push(question.asked(of, std::slice::from_ref(source), source.reader.words().to_owned())?);
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
        return Err(Error::NotRun("the grid has nothing to read".into()));
    };
    let verdict = |contrast: &Contrast| decide(std::slice::from_ref(contrast)).and_then(|one| one.holds);
    let agree = alone.iter().all(|each| each.iter().all(|one| verdict(one) == verdict(&each[0])));
    let all_hold = alone.iter().flatten().all(|one| verdict(one) == Some(true));
    let any_holds = alone.iter().any(|each| each.iter().any(|one| verdict(one) == Some(true)));
    let n_readers = alone.iter().map(Vec::len).max().unwrap_or(0);
    let mut finding = Finding::decided(best, listed(got));
    if !agree && any_holds {
        finding.got = format!("trade-off of the readout: readers disagree; {}", finding.got);
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

/// What each reader says, in brackets.
fn listed_readers(each: &[Contrast]) -> String {
    let words = |one: &Contrast| {
        let decimals = one.unit.decimals;
        format!("{} {:+.decimals$}", one.label, one.interval(LEVEL))
    };
    format!("({})", each.iter().map(words).collect::<Vec<_>>().join(", "))
}
