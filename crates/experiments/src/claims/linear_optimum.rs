//! Claim 5 of the LBR paper: gradient descent comes to the optima that the closed forms give.

use report::{Axis, Plate, Point, Row, Scale, Series, Shape, Style, Verdict};

use crate::experiment::Experiment;
use crate::grid::{Family, Grid};
use crate::lbr::{fashion, grid, questions};
use crate::sweep::figures::{exact_figure, panel};
use crate::sweep::trends::listed;
use crate::sweep::{Along, Curves, Kept};
use crate::{Profile, Result};
use runs::images::DataConfig;
use runs::run::{LinearOptimum, Noise, Problem, Question};
use runs::store::Results;

/// Section 4: validation 4.1, and 4.2 scaled so that it converges.
pub struct LinearOptima;

const JOINT: &str = "joint";

/// A trained loss may lie below the optimum by rounding alone (A2).
const ROUNDING: f64 = 1e-7;

/// Gaps that count as reached: of the joint optimum absolutely (A3), of denoising relative to it (A10).
const REACHED: [f64; 2] = [1e-6, 1e-3];

fn joint(side: usize, k: usize, steps: u64, sets: Vec<DataConfig>) -> Family {
    let asked = [0.0, 0.1, 1.0, 10.0].map(|lambda| {
        let task = LinearOptimum { problem: Problem::Joint { lambda }, side, k, rate: 0.01, steps };
        (format!("λ = {lambda}"), lambda, Question::Optimum { task })
    });
    questions(&format!("{JOINT}, D = {}, K = {k}", side * side), "λ", asked, sets)
}

fn denoising(noise: Noise, all_views: &[usize], steps: u64, sets: Vec<DataConfig>) -> Family {
    let asked = all_views.iter().map(|&views| {
        let problem = Problem::Denoising { noise, views };
        let task = LinearOptimum { problem, side: 7, k: 8, rate: 0.01, steps };
        (format!("{views} views"), views as f64, Question::Optimum { task })
    });
    questions(&noise.label(), "views", asked, sets)
}

impl Experiment for LinearOptima {
    const NAME: &'static str = "linear-optimum";
    const TITLE: &'static str = "Gradient descent against the closed forms (LBR section 4)";
    const SHOWS: &'static str = "Adam brings linear models to the exact optimum of reconstruction, supervision and any \
                                 mix of both, and of denoising; never below it.";
    const PAPER: &'static str = "lbr";
    const KEPT: Kept = Kept {
        along: Some(Along {
            coordinate: ("step", "steps of Adam"),
            arrays: &[("gap_by_step", "loss above the optimum: absolutely, or relative for denoising", "1")],
        }),
        ..Kept::scalars(&[
            ("gap", "loss above the optimum after the last step"),
            ("optimum", "the exact optimum"),
        ])
    };

    fn grid(profile: Profile) -> Grid {
        let sets = vec![fashion(profile)];
        let noises = [Noise::Gaussian { deviation: 0.1 }, Noise::Gaussian { deviation: 1.0 }];
        let masks = Noise::Mask { patch: 1, drop: 0.5 };
        let families = match profile {
            Profile::Smoke => vec![joint(4, 3, 300, sets.clone()), denoising(noises[1], &[1], 300, sets)],
            _ => {
                let mut families = vec![
                    joint(4, 3, 10_000, sets.clone()),
                    joint(4, 16, 10_000, sets.clone()),
                    joint(28, 3, 10_000, sets.clone()),
                    joint(28, 16, 10_000, sets.clone()),
                ];
                for noise in [noises[0], noises[1], masks] {
                    families.push(denoising(noise, &[1, 4, 16], 4_000, sets.clone()));
                }
                families
            }
        };
        grid(families, vec![0])
    }

    fn plates(results: &Results) -> Result<Vec<Plate>> {
        let mut panels = [Vec::new(), Vec::new()];
        for curves in &Curves::all(results)? {
            let mut series = Vec::new();
            for (member, (label, _)) in curves.members.iter().enumerate() {
                let points = curves.along("gap_by_step", [member, 0])?;
                let positive = points.iter().filter(|(_, gap)| gap[0] > 1e-15);
                let points = positive.map(|(step, gap)| Point::new(*step, gap[0])).collect();
                let style = Style::ordered(member, curves.members.len());
                series.push(Series { label: label.clone(), points, style, shape: Shape::Line });
            }
            let title = curves.variant.trim_start_matches(&format!("{}, ", curves.data)).to_owned();
            let joint = title.starts_with(JOINT);
            let words = if joint { "loss above the optimum" } else { "the same, relative" };
            let mut panel = panel(&title, Axis::new("step", "", Scale::Log10), words, series);
            panel.y.scale = Scale::Log10;
            panels[usize::from(!joint)].push(panel);
        }
        let [joint, denoising] = panels;
        let caption = "256 images, averaged down to D pixels; encoder and heads without biases, all samples in each \
                       step, in 32 bits; the loss is measured in 64. Gaps below 1e-15, or below zero by rounding, \
                       are not drawn.";
        let both = [
            ("joint", "Targets and images, against the joint optimum (4.1)", joint),
            ("denoising", "Images from corrupted images, against the optimum of denoising (4.2)", denoising),
        ];
        let figures = both.map(|(name, title, panels)| {
            exact_figure(format!("optimum-{name}"), title.into(), caption.into(), panels).map(Plate::Figure)
        });
        Ok(figures.into_iter().flatten().collect())
    }

    fn rows(results: &Results) -> Result<Vec<Row>> {
        let mut rows = Vec::new();
        for curves in &Curves::all(results)? {
            let joint = curves.variant.contains(JOINT);
            let (mut reached, mut above, mut got) = (true, true, Vec::new());
            for (member, (label, _)) in curves.members.iter().enumerate() {
                let (Some(&gap), Some(&optimum)) =
                    (curves.at("gap", member, 0)?.first(), curves.at("optimum", member, 0)?.first())
                else {
                    continue;
                };
                let unit = if joint { optimum.max(1.0) } else { 1.0 };
                above &= gap >= -ROUNDING * unit;
                reached &= gap <= REACHED[usize::from(!joint)] * unit;
                got.push(format!("{label}: {gap:.1e}"));
            }
            if got.is_empty() {
                continue;
            }
            let n = got.len();
            let row = |claim: String, expected: String, verdict| Row {
                source: "LBR 5".into(),
                claim,
                expected,
                got: listed(got.clone()),
                n,
                verdict,
            };
            let exact = if above { Verdict::ExactMet } else { Verdict::ExactMissed };
            let expected = format!("gap at least -{ROUNDING:.0e}");
            rows.push(row(
                format!("no trained loss lies below the optimum ({})", curves.variant),
                expected,
                exact,
            ));
            let verdict = if reached { Verdict::Holds } else { Verdict::DoesNotHold };
            let expected = format!("gap at most {:.0e} after training", REACHED[usize::from(!joint)]);
            rows.push(row(
                format!("gradient descent comes to the optimum ({})", curves.variant),
                expected,
                verdict,
            ));
        }
        Ok(rows)
    }
}
