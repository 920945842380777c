//! LBR E1: how much of the class information of a linear probe is left in the best linear code of K dimensions?

use report::{Axis, Figure, Point, Scale, Series, Shape, Style, Verdict};
use serde_json::json;

use crate::claim_id::ClaimId;
use crate::error::Result;
use crate::experiment::{Experiment, Info, Paper};
use crate::grid::Grid;
use crate::lbr::{aligned_sets, alignments, grid, tiny_imagenet};
use crate::metric::ArrayMetric;
use crate::profile::Profile;
use crate::sweep::along::ALIGNMENT;
use crate::sweep::collect::collect;
use crate::sweep::curves::{Curves, attribute};
use crate::sweep::figures::{exact_figure, panel};
use crate::sweep::finished::FinishedSweep;
use crate::sweep::recorded::Recorded;
use crate::sweep::trends::{About, Finding, exactly, found, listed};
use crate::sweep::words;
use runs::learners::closed_form::Noise;
use runs::store::Results;

/// LBR E1 (`book/lbr.md`).
pub struct Alignment;

/// The code size at which data sets are compared.
const COMPARED: f64 = 64.0;

/// The attribute with the number of pixels D of each data set.
const DIMENSIONS: &str = "dimensions_of_images";

/// The margin of a difference in alignment between data sets, in points.
const DIFFERENT: f64 = 10.0;

/// The data sets of photographs.
const NATURAL: [&str; 5] = ["cifar10", "cifar100", "svhn", "tiny-imagenet", "imagenette"];

static INFO: Info = Info {
    name: "alignment",
    title: "Task alignment of reconstruction (LBR E1)",
    claim: "With few dimensions the best linear code for reconstruction keeps most of the class information of a \
            linear probe for characters and clothing, and little of it for photographs.",
    paper: Paper::Lbr,
    recorded: Recorded::along(ALIGNMENT),
};

impl Experiment for Alignment {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn grid(&self, profile: Profile) -> Grid {
        let mut sets = aligned_sets(profile);
        if !matches!(profile, Profile::Smoke | Profile::Quick) {
            sets.push(tiny_imagenet(profile));
        }
        grid(vec![alignments("reconstruction", "noise", [(0.0, Noise::None)], sets)], vec![0])
    }

    fn collect(&self, grid: &Grid, finished: &FinishedSweep<'_>) -> Result<Results> {
        let mut results = collect(grid, finished, INFO.recorded)?;
        let open = grid.variants().filter_map(|variant| finished.data.open.get(variant.data));
        let d: Vec<usize> = open.map(|images| images.train.image_shape().iter().product()).collect();
        results.attributes.insert(DIMENSIONS.into(), json!(d).to_string());
        Ok(results)
    }

    fn figures(&self, results: &Results) -> Result<Vec<Figure>> {
        let (mut by_number, mut by_share) = (Vec::new(), Vec::new());
        // Results of older versions lack the number of pixels.
        let dimensions = attribute(results, DIMENSIONS).unwrap_or_default();
        for curves in &Curves::all(results)? {
            let points = means(curves)?;
            let style = style_of(curves);
            let line = |points: Vec<Point>| Series {
                label: words::data_set(&curves.data),
                points,
                style,
                shape: Shape::Line,
            };
            let few = points.iter().filter(|(k, _)| *k <= 256.0);
            by_number.push(line(few.map(|&(k, a)| Point::new(k, a)).collect()));
            if let Some(d) = dimensions[curves.index].as_f64() {
                by_share.push(line(points.iter().map(|&(k, a)| Point::new(100.0 * k / d, a)).collect()));
            }
        }
        if !by_share.is_empty() {
            // The in-sample alignment of labels that are independent of the images.
            let null =
                (0..=100).map(|percent| Point::new(f64::from(percent), 10.0 * f64::from(percent).sqrt()));
            let (label, style) = ("permuted labels".to_owned(), Style::category(NULL).without_markers());
            by_share.push(Series { label, points: null.collect(), style, shape: Shape::Line });
        }
        let axes = [
            Axis::new("K, dimensions of the code", "", Scale::Log2),
            Axis::new("K over D", "%", Scale::Linear),
        ];
        let [number, share] = axes;
        let mut panels = vec![panel("By size of the code", number.clone(), "task alignment (%)", by_number)];
        for (title, array, label, factor) in [
            ("Adjusted for the size", ArrayMetric::AdjustedAlignment, "adjusted task alignment (%)", 1.0),
            ("Held-out images", ArrayMetric::HeldOutAccuracy, "held-out accuracy (%)", 100.0),
        ] {
            let mut series = Vec::new();
            for curves in &Curves::all(results)? {
                let points = along(curves, array)?.into_iter().filter(|(k, _)| *k <= 256.0);
                let points = points.map(|(k, value)| Point::new(k, factor * value)).collect();
                let style = style_of(curves);
                series.push(Series {
                    label: words::data_set(&curves.data),
                    points,
                    style,
                    shape: Shape::Line,
                });
            }
            let drawn = panel(title, number.clone(), label, series);
            panels.extend((!drawn.series.is_empty()).then_some(drawn));
        }
        if !by_share.is_empty() {
            panels.push(panel("By share of the D pixels", share, "task alignment (%)", by_share));
        }
        let caption = "Task alignment: 100 times the square root of the R² of a least-squares probe of the K leading principal \
                       components over that of all pixels, as in the paper's code. Constant pixels make the rank of \
                       the images, where the curves end, smaller than D. Closed form on the training images, except \
                       for the held-out accuracy.";
        let title = "Task alignment of linear reconstruction".to_owned();
        Ok(exact_figure("alignment-curves".into(), title, caption.into(), panels)
            .map(Figure::Chart)
            .into_iter()
            .collect())
    }

    fn verdicts(&self, results: &Results) -> Result<Vec<Verdict>> {
        let (mut drawn, mut natural, mut few) = (Vec::new(), Vec::new(), Vec::new());
        let all = Curves::all(results)?;
        // In-sample, labels that are independent of the images have an alignment of 100 sqrt(K / D); adjusted R² corrects it.
        let adjusted = all.iter().any(|curves| curves.has(ArrayMetric::AdjustedAlignment));
        let measured = if adjusted { ArrayMetric::AdjustedAlignment } else { ArrayMetric::Alignment };
        for curves in &all {
            let points = along(curves, measured)?;
            if points.is_empty() {
                few.push(format!(
                    "{}: too few images for its number of pixels",
                    words::data_set(&curves.data)
                ));
            }
            // A code with as many dimensions as the rank keeps all class information.
            let compared = points.iter().find(|(k, _)| *k == COMPARED);
            if let Some((_, a)) = compared.or(points.last().filter(|(k, _)| *k < COMPARED)) {
                let is_natural = NATURAL.iter().any(|name| curves.data.starts_with(name));
                if is_natural { &mut natural } else { &mut drawn }.push((words::data_set(&curves.data), *a));
            }
        }
        let bias = if adjusted { "adjusted " } else { "" };
        let words = |of: &[(String, f64)]| listed(of.iter().map(|(name, a)| format!("{name} {a:.1}")));
        let lowest = drawn.iter().map(|(_, a)| *a).fold(f64::INFINITY, f64::min);
        let highest = natural.iter().map(|(_, a)| *a).fold(f64::NEG_INFINITY, f64::max);
        let compared = (!drawn.is_empty() && !natural.is_empty()).then(|| {
            let got = format!("{bias}{} % against {} %", words(&drawn), words(&natural));
            withdrawn(Finding::exact(lowest > highest, listed([vec![got], few.clone()].concat())), adjusted)
        });
        let all = [&*drawn, &*natural].concat();
        let least = all.iter().min_by(|a, b| a.1.total_cmp(&b.1));
        let most = all.iter().max_by(|a, b| a.1.total_cmp(&b.1));
        let differs = least.zip(most).filter(|_| all.len() > 1).map(|(least, most)| {
            let got = format!("{bias}{} {:.1} % to {} {:.1} %", least.0, least.1, most.0, most.1);
            withdrawn(
                Finding::exact(most.1 - least.1 > DIFFERENT, listed([vec![got], few.clone()].concat())),
                adjusted,
            )
        });
        let missing = match (drawn.is_empty(), natural.is_empty()) {
            (true, _) => "the grid has no set of characters or clothing",
            (false, _) => "the grid has no set of photographs",
        };
        Ok(vec![
            exactly(
                About::sets(ClaimId::Lbr6, "how well reconstruction is aligned depends on the data set"),
                format!("adjusted a(64) differs by more than {DIFFERENT} points between sets"),
                found(differs, "the grid has no two data sets with codes of 64 dimensions"),
                all.len(),
            )?,
            exactly(
                About::sets(
                    ClaimId::Lbr7,
                    "reconstruction is better aligned with characters and clothing than with photographs",
                ),
                "adjusted a(64) of each such set above that of every set of photographs",
                found(compared, missing),
                drawn.len() + natural.len(),
            )?,
        ])
    }
}

/// The colour of the null curve: black.
const NULL: usize = 6;

/// The colours of the data sets, none of them near another: black-and-white versions have the colour of their set and a dash.
const COLOURS: [&str; 8] = [
    "arabic-characters",
    "arabic-digits",
    "mnist",
    "fashion-mnist",
    "svhn",
    "cifar100",
    "cifar10",
    "tiny-imagenet",
];

/// The style of a data set.
fn style_of(curves: &Curves<'_>) -> Style {
    // Blue, vermilion, green, purple, orange, sky blue, brown and yellow.
    const CATEGORIES: [usize; 8] = [0, 1, 2, 3, 4, 5, 7, 9];
    let place = COLOURS.iter().position(|name| curves.data.starts_with(name)).unwrap_or(curves.index);
    let style = Style::category(CATEGORIES[place % CATEGORIES.len()]);
    if curves.data.contains("-binary") { style.without_markers() } else { style.solid().curve() }
}

/// The finding; undecided without adjusted alignments, since the number of images per pixel alone may explain a difference.
fn withdrawn(finding: Finding, adjusted: bool) -> Finding {
    if adjusted {
        return finding;
    }
    let got = format!(
        "{}; not adjusted: permuted labels have an in-sample alignment of 100 sqrt(K / D)",
        finding.got
    );
    Finding { holds: None, got, ..finding }
}

/// The alignment by code size.
fn means(curves: &Curves<'_>) -> Result<Vec<(f64, f64)>> {
    along(curves, ArrayMetric::Alignment)
}

/// An array by code size; empty if the results lack it.
fn along(curves: &Curves<'_>, array: ArrayMetric) -> Result<Vec<(f64, f64)>> {
    if !curves.has(array) {
        return Ok(vec![]);
    }
    let along = curves.along(array, [0, 0])?;
    Ok(along.into_iter().map(|(k, values)| (k, values[0])).collect())
}
