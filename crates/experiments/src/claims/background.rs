//! LBR 7: does a background of large variance fill the code of reconstruction?

use report::{Axis, Figure, Point, Scale, Series, Shape, Style, Verdict};

use crate::claim_id::ClaimId;
use crate::error::Result;
use crate::experiment::{Experiment, Info, Paper};
use crate::families::seeds;
use crate::grid::Grid;
use crate::lbr::{alignments, fashion, grid, mnist, recognition};
use crate::metric::{ArrayMetric, Metric};
use crate::names::names;
use crate::profile::Profile;
use crate::statistics::decision::{Contrast, Unit};
use crate::statistics::mean;
use crate::sweep::along::ALIGNMENT;
use crate::sweep::curves::Curves;
use crate::sweep::evidence::Evidence;
use crate::sweep::figures::{exact_figure, panel};
use crate::sweep::recorded::{Along, Recorded};
use crate::sweep::trends::{About, Finding, exactly, found, judged, listed, online_accuracy};
use crate::sweep::words;
use runs::images::{Change, DataConfig};
use runs::learners::classification::Classifier;
use runs::learners::closed_form::Noise;
use runs::store::Results;
use runs::subspaces::{Bound, Seen};

/// LBR C6 to C8 (`book/lbr.md`).
pub struct Background;

/// The code size at which alignments are compared: the number of modes of the background.
const MODES: f64 = 6.0;

names! {
    /// The families.
    Measured {
        /// Closed forms of the task alignment.
        Alignment = "alignment",
        /// Trained classifiers.
        Mlp = "MLP",
    }
}

names! {
    /// The settings of the classifiers: the components that are kept.
    Part {
        /// All components.
        Whole = "whole",
        /// The components of large variance.
        Top = "top",
        /// The components of small variance.
        Bottom = "bottom",
    }
}

/// The percentage of the variance in the background with which networks are trained.
const TRAINED: u32 = 90;

fn with(set: DataConfig, percent: u32) -> DataConfig {
    if percent == 0 { set } else { set.changed(Change::Background { percent }) }
}

static INFO: Info = Info {
    name: "background",
    title: "An irrelevant background (LBR C6 to C8)",
    claim: "With a background of large variance, classifiers of the components of small variance beat those \
         of the components of large variance; on clean images it is the other way round.",
    paper: Paper::Lbr,
    recorded: Recorded {
        along: Some(Along { ..ALIGNMENT }),
        ..Recorded::scalars(&[
            (Metric::Variance, "the fraction of the variance that is kept"),
            (Metric::Components, "the number of principal components that are kept"),
        ])
    },
};

impl Experiment for Background {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn grid(&self, profile: Profile) -> Grid {
        let sets = match profile {
            Profile::Smoke | Profile::Quick => vec![fashion(profile)],
            _ => vec![fashion(profile), mnist(profile)],
        };
        let percents: &[u32] = if profile == Profile::Smoke { &[0, TRAINED] } else { &[0, 50, TRAINED, 99] };
        let all = |percents: &[u32]| -> Vec<DataConfig> {
            sets.iter().flat_map(|set| percents.iter().map(|&percent| with(set.clone(), percent))).collect()
        };
        let aligned = alignments(Measured::Alignment.as_str(), "noise", [(0.0, Noise::None)], all(percents));
        let training = if profile == Profile::Smoke { [50, 1] } else { [100, 10] };
        let bound = Bound { place: 2, of: 5 };
        let seen =
            [(Part::Whole, Seen::Whole), (Part::Top, Seen::Top(bound)), (Part::Bottom, Seen::Bottom(bound))];
        let seen = seen.into_iter().enumerate().map(|(at, (part, seen))| (part.to_string(), at as f64, seen));
        let mlp = recognition(
            Measured::Mlp.as_str(),
            Classifier::Mlp { depth: 3 },
            seen,
            all(&[0, TRAINED]),
            training,
        );
        grid(vec![aligned, mlp], seeds(profile, 3))
    }

    fn figures(&self, results: &Results) -> Result<Vec<Figure>> {
        let all = Curves::all(results)?;
        let (mut panels, mut names) = (Vec::new(), Vec::new());
        let aligned = of_family(&all, Measured::Alignment)?;
        for curves in &aligned {
            let set = set_of(curves);
            if names.contains(&set) {
                continue;
            }
            names.push(set.clone());
            let mut series = Vec::new();
            for other in aligned.iter().filter(|other| set_of(other) == set) {
                let points = other.along(ArrayMetric::Alignment, [0, 0])?;
                let points =
                    points.iter().filter(|(k, _)| *k <= 64.0).map(|(k, a)| Point::new(*k, a[0])).collect();
                let label = other.data.trim_start_matches(&set).trim_start_matches(", ");
                let label = if label.is_empty() { "as it is" } else { label }.to_owned();
                let style = Style::ordered(series.len(), 4).curve();
                series.push(Series { label, points, style, shape: Shape::Line });
            }
            let axis = Axis::new("K, dimensions of the code", "", Scale::Log2);
            panels.push(panel(&words::data_set(&set), axis, "task alignment (%)", series));
        }
        let caption = "Images plus six smooth waves with random weights, which hold the given percentage of the variance and \
                       are independent of the class: the best code for reconstruction encodes them first.";
        let title = "Alignment with a background".to_owned();
        Ok(exact_figure("background-alignment".into(), title, caption.into(), panels)
            .map(Figure::Chart)
            .into_iter()
            .collect())
    }

    fn verdicts(&self, results: &Results) -> Result<Vec<Verdict>> {
        let all = Curves::all(results)?;
        let mut rows = Vec::new();
        let aligned = of_family(&all, Measured::Alignment)?;
        let adjusted = aligned.iter().any(|curves| curves.has(ArrayMetric::AdjustedAlignment));
        let measured = if adjusted { ArrayMetric::AdjustedAlignment } else { ArrayMetric::Alignment };
        for clean in aligned.iter().filter(|curves| set_of(curves) == curves.data) {
            let (mut falls, mut got) = (true, Vec::new());
            let mut before = f64::INFINITY;
            for other in aligned.iter().filter(|other| set_of(other) == clean.data) {
                let along = other.along(measured, [0, 0])?;
                let Some((_, a)) = along.iter().find(|(k, _)| *k == MODES) else { continue };
                falls &= a[0] <= before + 2.0;
                before = a[0];
                got.push(format!("{}: {:.1} %", words::data_set(&other.data), a[0]));
            }
            let n = got.len();
            let finding = (n > 1).then(|| Finding::exact(falls, listed(got)));
            let claim = "a background occupies the first dimensions of the code";
            let finding = found(finding, "the grid has no two strengths of the background on this data set");
            rows.push(exactly(
                About::set(ClaimId::Lbr7, claim, clean),
                "a(6) decreases with the strength of the background",
                finding,
                n,
            )?);
        }
        for curves in of_family(&all, Measured::Mlp)? {
            let of = Evidence::of(curves);
            let background = set_of(curves) != curves.data;
            let finding = top_and_bottom(&of, background);
            let claim = match background {
                true => "with a background the components of small variance classify better",
                false => "on clean images the components of large variance classify better",
            };
            let expected = "difference of the test accuracies above 0";
            rows.push(judged(About::of(ClaimId::Lbr7, claim, curves), expected, finding, &of)?);
        }
        Ok(rows)
    }
}

/// The accuracy on components of small variance minus that of large variance with a background, or the reverse without one.
fn top_and_bottom(of: &Evidence<'_, '_>, background: bool) -> Result<Finding> {
    // Networks on whole images are shown and not judged, so the convergence guard does not apply to them.
    let shown = Evidence::of(of.curves);
    let average = |name: Metric, part: Part| -> Result<f64> {
        Ok(mean(&shown.at(name, shown.labelled(part.as_str())?, 0)?))
    };
    let accuracy = |part| average(Metric::TestAccuracy, part);
    let (top, bottom, whole) = (accuracy(Part::Top)?, accuracy(Part::Bottom)?, accuracy(Part::Whole)?);
    let (of_top, of_bottom) =
        (average(Metric::Variance, Part::Top)?, average(Metric::Variance, Part::Bottom)?);
    let [below, above] = [of.labelled(Part::Bottom.as_str())?, of.labelled(Part::Top.as_str())?];
    let (better, worse) = if background { (below, above) } else { (above, below) };
    let gap = online_accuracy(of, &[(1.0, [better, 0]), (-1.0, [worse, 0])])?;
    let label = if background { "bottom minus top" } else { "top minus bottom" };
    Ok(Finding::decided(
        vec![Contrast::above(label, gap, 0.0, Unit::POINTS)],
        format!(
            "top ({:.0} % of the variance) {:.1} %, bottom ({:.0} %) {:.1} %, whole {:.1} %",
            100.0 * of_top,
            100.0 * top,
            100.0 * of_bottom,
            100.0 * bottom,
            100.0 * whole
        ),
    ))
}

/// The results of one family on each data set.
fn of_family<'c, 'r>(all: &'c [Curves<'r>], family: Measured) -> Result<Vec<&'c Curves<'r>>> {
    let mut of = Vec::new();
    for curves in all {
        if curves.family_id::<Measured>()? == family {
            of.push(curves);
        }
    }
    Ok(of)
}

/// The data set without its transformations.
fn set_of(curves: &Curves<'_>) -> String {
    curves.data.split(", ").next().unwrap_or_default().to_owned()
}
