//! LBR 5: gradient descent reaches the optima of the closed forms.

use report::{Axis, Chart, Conclusion, Figure, Kind, Point, Scale, Series, Shape, Style, Verdict};

use crate::claim_id::ClaimId;
use crate::error::{Error, Result};
use crate::experiment::{Experiment, Info, Paper};
use crate::grid::{Family, Grid};
use crate::lbr::{fashion, grid, questions};
use crate::metric::{ArrayMetric, Metric};
use crate::profile::Profile;
use crate::sweep::curves::Curves;
use crate::sweep::figures::{exact_figure, panel};
use crate::sweep::recorded::{Along, Recorded};
use crate::sweep::trends::{About, Finding, exactly, listed};
use crate::sweep::words;
use runs::images::DataConfig;
use runs::learners::closed_form::{LinearOptimum, Noise, Problem, Question};
use runs::store::Results;

/// LBR claim 5 (`book/lbr.md`, section 4): validation 4.1, and 4.2 scaled so that it converges.
pub struct LinearOptima;

/// The prefix of the labels of families of the joint problem; the others are named after their noise.
const JOINT: &str = "joint, ";

/// The part of the label of a family on random samples.
const RANDOM: &str = "random 0/1";

/// The noises of the denoising problem.
const NOISES: [Noise; 3] = [
    Noise::Gaussian { deviation: 0.1 },
    Noise::Gaussian { deviation: 1.0 },
    Noise::Mask { patch: 1, drop: 0.5 },
];

/// The largest distance of a trained loss below the optimum that rounding explains (LBR A2 in `book/codes.md`).
const ROUNDING: f64 = 1e-7;

/// The largest gaps that count as reached: absolute for the joint optimum (LBR A3), relative for denoising (LBR A10).
const REACHED: [f64; 2] = [1e-6, 1e-3];

fn joint(side: usize, k: usize, steps: u64, sets: Vec<DataConfig>) -> Family {
    joint_of(side, None, k, steps, sets)
}

/// The joint problem on random samples of zeros and ones in `d` dimensions, as in the authors' script.
fn joint_of_coins(d: usize, k: usize, steps: u64, sets: Vec<DataConfig>) -> Family {
    joint_of(1, Some(d), k, steps, sets)
}

fn joint_of(side: usize, coins: Option<usize>, k: usize, steps: u64, sets: Vec<DataConfig>) -> Family {
    let asked = [0.0, 0.1, 1.0, 10.0].map(|lambda| {
        let task = LinearOptimum { problem: Problem::Joint { lambda }, side, coins, k, rate: 0.01, steps };
        (format!("λ = {lambda}"), lambda, Question::Optimum { task })
    });
    let samples = coins.map_or(format!("D = {}", side * side), |d| format!("{RANDOM}, D = {d}"));
    questions(&format!("{JOINT}{samples}, K = {k}"), "λ", asked, sets)
}

fn denoising(noise: Noise, all_views: &[usize], steps: u64, sets: Vec<DataConfig>) -> Family {
    let asked = all_views.iter().map(|&views| {
        let problem = Problem::Denoising { noise, views };
        let task = LinearOptimum { problem, side: 7, coins: None, k: 8, rate: 0.01, steps };
        (format!("{views} views"), views as f64, Question::Optimum { task })
    });
    questions(&noise.label(), "views", asked, sets)
}

static INFO: Info = Info {
    name: "linear-optimum",
    title: "Gradient descent against the closed forms (LBR section 4)",
    claim: "Adam on linear models reaches the exact optimum of reconstruction, supervision, any mixture of both, and \
            denoising, and is never below it.",
    paper: Paper::Lbr,
    recorded: Recorded {
        along: Some(Along {
            coordinate: ("step", "steps of Adam"),
            arrays: &[(
                ArrayMetric::GapByStep,
                "loss above the optimum, absolute or, for denoising, relative",
                "1",
            )],
        }),
        ..Recorded::scalars(&[
            (Metric::Gap, "loss above the optimum after the last step"),
            (Metric::Optimum, "the exact optimum"),
        ])
    },
};

impl Experiment for LinearOptima {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn grid(&self, profile: Profile) -> Grid {
        let sets = vec![fashion(profile)];
        let families = match profile {
            Profile::Smoke => vec![joint(4, 3, 300, sets.clone()), denoising(NOISES[1], &[1], 300, sets)],
            Profile::Quick => vec![
                joint(4, 3, 10_000, sets.clone()),
                joint(28, 3, 10_000, sets.clone()),
                joint_of_coins(16, 16, 10_000, sets.clone()),
                denoising(NOISES[1], &[1, 4], 4_000, sets),
            ],
            _ => {
                let mut families = vec![
                    joint(4, 3, 10_000, sets.clone()),
                    joint(4, 16, 10_000, sets.clone()),
                    joint(28, 3, 10_000, sets.clone()),
                    joint(28, 16, 10_000, sets.clone()),
                    joint_of_coins(16, 3, 10_000, sets.clone()),
                    joint_of_coins(16, 16, 10_000, sets.clone()),
                    joint_of_coins(512, 3, 10_000, sets.clone()),
                    joint_of_coins(512, 16, 10_000, sets.clone()),
                ];
                for noise in NOISES {
                    families.push(denoising(noise, &[1, 4, 16], 4_000, sets.clone()));
                }
                families
            }
        };
        grid(families, vec![0])
    }

    fn figures(&self, results: &Results) -> Result<Vec<Figure>> {
        let mut panels = [Vec::new(), Vec::new()];
        for curves in &Curves::all(results)? {
            let mut series = Vec::new();
            for (member, (label, _)) in curves.members.iter().enumerate() {
                let points = curves.along(ArrayMetric::GapByStep, [member, 0])?;
                let positive = points.iter().filter(|(_, gap)| gap[0] > 1e-15);
                let points = positive.map(|(step, gap)| Point::new(*step, gap[0])).collect();
                let style = Style::ordered(member, curves.members.len());
                series.push(Series { label: label.clone(), points, style, shape: Shape::Line });
            }
            let (title, joint) = (&curves.family, is_joint(curves)?);
            let words = if joint { "loss above the optimum" } else { "relative loss above the optimum" };
            let mut panel = panel(title, Axis::new("step", "", Scale::Log10), words, series);
            panel.y.scale = Scale::Log10;
            panels[usize::from(!joint)].push(panel);
        }
        let [joint, denoising] = panels;
        let caption = "256 images, averaged down to D pixels; encoder and heads without biases, full-batch steps in 32 bits, loss \
                       measured in 64 bits. Gaps below 1e-15, or negative by rounding, are not drawn.";
        let both = [
            ("joint", "Loss above the joint optimum of labels and images over training", joint),
            ("denoising", "Loss above the optimum of denoising over training", denoising),
        ];
        let figures = both.map(|(name, title, panels)| {
            exact_figure(format!("optimum-{name}"), title.into(), caption.into(), panels).map(|chart| {
                let note = "One training run for each line, so without spread; optima in closed form.".into();
                Figure::Chart(Chart { note, ..chart })
            })
        });
        Ok(figures.into_iter().flatten().collect())
    }

    fn verdicts(&self, results: &Results) -> Result<Vec<Verdict>> {
        let mut rows = Vec::new();
        for curves in &Curves::all(results)? {
            let (claims, expected) = statements(curves)?;
            let gaps = gaps(curves)?;
            let n = gaps.gaps.len();
            // One loss below its optimum is an error even if others are missing.
            let below = judge(&gaps, |gap| gap >= -ROUNDING);
            let conclusion = match below.as_ref().map(|finding| finding.holds) {
                Ok(Some(true)) => Conclusion::ExactMet,
                Ok(_) => Conclusion::ExactMissed,
                Err(_) => Conclusion::NotRun,
            };
            let samples = samples(curves);
            let [of_exact, of_training] =
                claims.map(|claim| About::samples(ClaimId::Lbr5, claim, samples.clone(), curves));
            let [at_least, at_most] = expected;
            rows.push(Verdict { conclusion, kind: Kind::Exact, ..exactly(of_exact, at_least, below, n)? });
            let bound = REACHED[usize::from(!is_joint(curves)?)];
            let reached = judge(&gaps, |gap| gap <= bound);
            rows.push(exactly(of_training, at_most, reached, n)?);
        }
        Ok(rows)
    }
}

/// The training samples of a family as text.
fn samples(curves: &Curves<'_>) -> String {
    match curves.family.contains(RANDOM) {
        true => "256 random samples".into(),
        false => format!("256 images of {}", words::data_set(&curves.data)),
    }
}

/// Whether a family is of the joint problem rather than of denoising.
fn is_joint(curves: &Curves<'_>) -> Result<bool> {
    let joint = curves.family.starts_with(JOINT);
    if !joint && NOISES.iter().all(|noise| noise.label() != curves.family) {
        return Err(curves.unknown_family(["`joint, ...`", "the name of a noise"]));
    }
    Ok(joint)
}

/// The two claims about a family, and the expected result of each.
fn statements(curves: &Curves<'_>) -> Result<([&'static str; 2], [String; 2])> {
    let bound = REACHED[usize::from(!is_joint(curves)?)];
    let claims = ["no trained loss lies below the optimum", "gradient descent reaches the optimum"];
    let expected =
        [format!("gap at least -{ROUNDING:.0e}"), format!("gap at most {bound:.0e} after training")];
    Ok((claims, expected))
}

/// The gaps of a family (label, gap, and gap in the unit of its bounds), and the settings without one.
struct Gaps<'c> {
    gaps: Vec<(&'c str, f64, f64)>,
    missing: Vec<&'c str>,
}

fn gaps<'c>(curves: &'c Curves<'_>) -> Result<Gaps<'c>> {
    let mut found = Gaps { gaps: vec![], missing: vec![] };
    for (member, (label, _)) in curves.members.iter().enumerate() {
        let [gap, optimum] = [Metric::Gap, Metric::Optimum].map(|name| curves.at(name, member, 0));
        match (gap?.as_slice(), optimum?.as_slice()) {
            (&[gap, ..], &[optimum, ..]) => {
                let unit = if is_joint(curves)? { optimum.max(1.0) } else { 1.0 };
                found.gaps.push((label, gap, gap / unit));
            }
            _ => found.missing.push(label),
        }
    }
    Ok(found)
}

/// Whether a bound holds for every gap: false if one exceeds it, otherwise not run if one is missing.
fn judge(of: &Gaps<'_>, holds: impl Fn(f64) -> bool) -> Result<Finding> {
    let all = of.gaps.iter().all(|&(.., gap)| holds(gap));
    if all && !of.missing.is_empty() {
        return Err(Error::NotRun(format!("no finished run of {}", of.missing.join(", "))));
    }
    let got = listed(of.gaps.iter().map(|(label, gap, _)| format!("{label}: {gap:.1e}")));
    Ok(Finding::exact(all, got))
}
