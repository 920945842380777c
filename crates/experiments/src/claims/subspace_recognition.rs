//! LBR E3: classification from the components of large variance, which reconstruction learns first, and of small.

use report::{Axis, Figure, Panel, Point, Reference, Scale, Series, Shape, Style, Tick, Verdict};

use crate::claim_id::ClaimId;
use crate::error::{Error, Result};
use crate::experiment::{Experiment, Info, Paper};
use crate::families::seeds;
use crate::grid::{Family, Grid};
use crate::lbr::{cifar10, fashion, grid, held_out, recognition, tiny_imagenet};
use crate::metric::Metric;
use crate::names::{Spelled, names};
use crate::profile::Profile;
use crate::statistics::decision::{Contrast, Unit};
use crate::statistics::estimate::Estimate;
use crate::statistics::mean;
use crate::sweep::curves::{Curves, attribute};
use crate::sweep::evidence::Evidence;
use crate::sweep::figures::{crossed, figure, panel};
use crate::sweep::recorded::Recorded;
use crate::sweep::trends::{About, Finding, judged};
use crate::sweep::words;
use runs::images::DataConfig;
use runs::learners::classification::{ClassificationLoss, Classifier};
use runs::store::Results;
use runs::subspaces::{Bound, Seen, Share};

/// LBR E3 (`book/lbr.md`).
pub struct SubspaceRecognition;

names! {
    /// The components that the classifiers of a family see, spelled as at the end of its label.
    Side {
        /// The components of large variance.
        Top = "top",
        /// The components of small variance.
        Bottom = "bottom",
    }
}

// The bounds of the paper's abstract, as fractions of the variance.
const NEAR_ALL: f64 = 0.9;
const A_FIFTH: f64 = 0.2;

/// The paper's first figure, of a ResNet9 on TinyImageNet: percent of the variance and accuracy in percent, as measured from the
/// figure (`book/lbr.md`, section 1.1).
const PAPER_TOP: [[f64; 2]; 8] = [
    [48.3, 0.9],
    [55.7, 3.7],
    [63.1, 4.8],
    [70.5, 9.1],
    [77.8, 15.1],
    [85.2, 32.2],
    [92.6, 50.0],
    [100.0, 58.7],
];
const PAPER_BOTTOM: [[f64; 2]; 8] = [
    [0.0, 0.7],
    [1.9, 24.9],
    [4.2, 32.0],
    [6.8, 41.3],
    [9.8, 48.6],
    [14.0, 52.8],
    [19.9, 55.0],
    [51.7, 58.4],
];

/// The families of the components of large variance, with whole images, and of small variance, at several bounds.
fn both(label: &str, network: Classifier, of: usize, training: [u32; 2]) -> [Family; 2] {
    let seen = |side: fn(Bound) -> Seen, name: Side| {
        (0..of).map(move |place| {
            (format!("{name} {} of {of}", place + 1), place as f64, side(Bound { place, of }))
        })
    };
    let whole = [("whole images".to_owned(), of as f64, Seen::Whole)];
    let top = seen(Seen::Top, Side::Top).chain(whole);
    [
        recognition(&format!("{label}, {}", Side::Top), network, top, vec![], training),
        recognition(
            &format!("{label}, {}", Side::Bottom),
            network,
            seen(Seen::Bottom, Side::Bottom),
            vec![],
            training,
        ),
    ]
}

/// The width divisor of the ResNet9 in the profile `paper`.
const WIDTH_DIVISOR: usize = 8;

/// Whole images, and the fractions of the variance in the paper's abstract: the top 90 % and the bottom 20 %.
fn headline(label: &str, network: Classifier, data: DataConfig, training: [u32; 2]) -> [Family; 2] {
    let percent = |side: Side, share: f64, seen| (format!("{side} {} %", 100.0 * share), share, seen);
    let top = percent(Side::Top, NEAR_ALL, Seen::TopShare(Share { share: NEAR_ALL }));
    let bottom = percent(Side::Bottom, A_FIFTH, Seen::BottomShare(Share { share: A_FIFTH }));
    let data = held_out(vec![data]);
    [(Side::Top, vec![("whole images".to_owned(), 1.0, Seen::Whole), top]), (Side::Bottom, vec![bottom])]
        .map(|(side, seen)| recognition(&format!("{label}, {side}"), network, seen, data.clone(), training))
}

/// The headline on whole sets. TinyImageNet also has the other points of the published curve and, with cropped and
/// mirrored images, the three headline points again, with one seed each.
fn paper(profile: Profile) -> Vec<Family> {
    let (network, training) = (Classifier::Resnet9 { width_divisor: WIDTH_DIVISOR }, [128, 10]);
    let label = network.label();
    let mut tiny = headline(&label, network, tiny_imagenet(profile), training);
    // The first bound of the top keeps one component, the last bound everything or nearly nothing.
    let curve = both(&label, network, 8, training);
    for (family, (points, places)) in tiny.iter_mut().zip(curve.into_iter().zip([1..7, 0..7])) {
        family.members.extend(points.members[places].iter().cloned().map(|member| member.with_seeds(1)));
    }
    let cropped =
        headline(&format!("cropped and mirrored, {label}"), network, tiny_imagenet(profile), training)
            .map(|family| family.with_seeds(1).recognising(|task| task.crop = Some(4)));
    [tiny, headline(&label, network, cifar10(profile), training), cropped].concat()
}

static INFO: Info = Info {
    name: "subspace-recognition",
    title: "Classification on PCA subspaces (LBR E3)",
    claim: "In natural images, the subspace that holds nearly all of the variance of the pixels is poor for classification, and \
            its complement is good.",
    paper: Paper::Lbr,
    recorded: Recorded::scalars(&[
        (Metric::Components, "number of principal components that are kept"),
        (
            Metric::Share,
            "position on the paper's axis: the bound for the top, 1 minus the bound for the bottom",
        ),
        (Metric::Variance, "fraction of the variance that is kept"),
    ]),
};

impl Experiment for SubspaceRecognition {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn grid(&self, profile: Profile) -> Grid {
        let mlp = Classifier::Mlp { depth: 4 };
        let resnet9 = |width_divisor| Classifier::Resnet9 { width_divisor };
        let on =
            |families: [Family; 2], data: Vec<_>| families.map(|family| family.on(held_out(data.clone())));
        let families: Vec<Family> = match profile {
            Profile::Smoke => on(both("MLP", mlp, 2, [50, 1]), vec![fashion(profile)]).into(),
            Profile::Quick => headline("MLP", mlp, fashion(profile), [100, 10]).into(),
            Profile::Standard => [
                on(both("MLP", mlp, 6, [100, 10]), vec![fashion(profile)]),
                on(
                    both("ResNet9/8", resnet9(8), 4, [100, 5]),
                    vec![cifar10(profile), tiny_imagenet(profile)],
                )
                .map(|family| family.with_seeds(1)),
            ]
            .concat(),
            Profile::Paper => paper(profile),
            Profile::Full => {
                let plain = [("MLP", mlp), ("ResNet9", resnet9(1))].map(|(label, network)| {
                    on(
                        both(label, network, 8, [512, 50]),
                        vec![fashion(profile), cifar10(profile), tiny_imagenet(profile)],
                    )
                });
                let cropped = plain.clone().map(|families| {
                    families.map(|family| {
                        let label = format!("cropped and mirrored, {}", family.label);
                        Family { label, ..family }.recognising(|task| task.crop = Some(4))
                    })
                });
                let squared = plain.clone().map(|families| {
                    families.map(|family| {
                        let label = format!("one-hot MSE, {}", family.label);
                        Family { label, ..family }
                            .recognising(|task| task.loss = ClassificationLoss::OneHotMse)
                    })
                });
                [plain, cropped, squared].concat().concat()
            }
        };
        grid(families, seeds(profile, if profile == Profile::Quick { 5 } else { 3 }))
    }

    fn figures(&self, results: &Results) -> Result<Vec<Figure>> {
        let all = Curves::all(results)?;
        let mut figures = Vec::new();
        // Results of older versions lack the classes.
        let classes = attribute(results, "classes").unwrap_or_default();
        for Pair { name, top, bottom, .. } in pairs(&all)? {
            let (mut series, mut left_out) = (Vec::new(), "");
            for (index, (label, curves)) in [("top", top), ("bottom", bottom)].into_iter().enumerate() {
                let mut points = Vec::new();
                for member in 0..curves.members.len() {
                    if is_rounding(curves, member)? {
                        left_out = LEFT_OUT;
                        continue;
                    }
                    let [share, accuracy] =
                        [Metric::Share, Metric::TestAccuracy].map(|name| curves.at(name, member, 0));
                    let percent: Vec<f64> = share?.iter().map(|share| 100.0 * share).collect();
                    points.extend(crossed(&percent, &accuracy?));
                }
                points.sort_by(|a, b| a.x.total_cmp(&b.x));
                series.push(Series {
                    label: label.into(),
                    points,
                    style: Style::category(index),
                    shape: Shape::Line,
                });
            }
            if top.data.starts_with("tiny-imagenet") && top.family.contains("ResNet9") {
                for (index, (label, measured)) in
                    [("paper, top", PAPER_TOP), ("paper, bottom", PAPER_BOTTOM)].iter().enumerate()
                {
                    let points = measured.iter().map(|[x, y]| Point::new(*x, y / 100.0)).collect();
                    let style = Style::category(index).without_markers();
                    series.push(Series { label: (*label).into(), points, style, shape: Shape::Line });
                }
            }
            let axis = Axis::new("explained variance", "%", Scale::Linear);
            let mut references = vec![
                Reference::Vertical(Tick { at: 100.0 * A_FIFTH, label: "a fifth".into() }),
                Reference::Vertical(Tick { at: 100.0 * NEAR_ALL, label: "nine tenths".into() }),
            ];
            if let Some(n) = classes[top.index].as_array().map(Vec::len).filter(|&n| n > 0) {
                references.push(Reference::Horizontal(Tick { at: 1.0 / n as f64, label: "chance".into() }));
            }
            let whole = top.members.iter().position(|(label, _)| label.starts_with("whole"));
            if let Some(whole) = whole.map(|whole| top.at(Metric::TestAccuracy, whole, 0)).transpose()?
                && !whole.is_empty()
            {
                references
                    .push(Reference::Horizontal(Tick { at: mean(&whole), label: "whole images".into() }));
            }
            let caption = "Networks trained and tested on the projections of images on the components of large variance (top) or on \
                           the others (bottom). All images are normalised to equal contrast before and after. The axis is \
                           that of the paper's first figure.";
            figures.extend(figure(
                format!("subspaces-{}", top.index),
                format!("Classification from a part of the variance ({name})"),
                format!("{caption}{left_out}"),
                vec![Panel { references, ..panel("", axis, "test accuracy", series) }],
            ));
        }
        Ok(figures.into_iter().map(Figure::Chart).collect())
    }

    fn verdicts(&self, results: &Results) -> Result<Vec<Verdict>> {
        let all = Curves::all(results)?;
        let mut rows = Vec::new();
        for Pair { network, top, bottom, .. } in pairs(&all)? {
            let of = Evidence::of(top);
            let finding = gap(&of, bottom);
            rows.push(judged(
                About::set(
                    ClaimId::Lbr1,
                    "the components of the smallest fifth of the variance classify better than those of the largest nine tenths",
                    top,
                )
                .model(network),
                "accuracy of the bottom closest to 20 % above that of the top closest to 90 %",
                finding,
                &of,
            )?);
        }
        Ok(rows)
    }
}

/// The accuracy of the bottom minus that of the top, by paired seeds.
fn gap(top: &Evidence<'_, '_>, bottom: &Curves<'_>) -> Result<Finding> {
    let missing = |what: Side| Error::NotRun(format!("the grid has no components of the {what}"));
    let high = nearest(top.curves, NEAR_ALL)?.ok_or_else(|| missing(Side::Top))?;
    let low = nearest(bottom, A_FIFTH)?.ok_or_else(|| missing(Side::Bottom))?;
    let pairs = top.paired_with(Metric::TestAccuracy, [high, 0], bottom, [low, 0])?;
    let gap = Estimate::of_seeds(&pairs.iter().map(|[top, bottom]| bottom - top).collect::<Vec<f64>>());
    let gap = Contrast::above("bottom minus top", gap, 0.0, Unit::POINTS);
    let average = |of: &Curves<'_>, name, member| Ok::<f64, Error>(100.0 * mean(&of.at(name, member, 0)?));
    let got = format!(
        "bottom at {:.0} %: {:.1} %, top at {:.0} %: {:.1} %; {}",
        average(bottom, Metric::Share, low)?,
        average(bottom, Metric::TestAccuracy, low)?,
        average(top.curves, Metric::Share, high)?,
        average(top.curves, Metric::TestAccuracy, high)?,
        gap.words()
    );
    Ok(Finding::decided(vec![gap], got))
}

/// The number of components that the last bound leaves at the bottom: one, or two by rounding.
const LAST_LEAVES: f64 = 2.0;

/// The caption of a figure without its last point.
const LEFT_OUT: &str = " The last bound of the bottom is left out: some pixels are constant, and rounding \
     errors determine which directions without variance it contains.";

/// Whether a point depends on rounding: the last bound of the bottom, if directions without variance are kept with the smallest
/// components.
fn is_rounding(curves: &Curves<'_>, member: usize) -> Result<bool> {
    let bound = curves.members[member].0.rsplit_once(" of ");
    let is_last = side_of(curves)?.1 == Side::Bottom
        && bound.is_some_and(|(before, of)| before.split(' ').next_back() == Some(of));
    Ok(is_last && curves.at(Metric::Components, member, 0)?.iter().any(|&kept| kept > LAST_LEAVES))
}

/// The network of a family and the components that it sees.
fn side_of<'c>(curves: &'c Curves<'_>) -> Result<(&'c str, Side)> {
    let parts = curves.family.rsplit_once(", ");
    let parts = parts.and_then(|(network, side)| Some((network, Side::parse(side)?)));
    parts.ok_or_else(|| curves.unknown_family(["a network with `top`", "a network with `bottom`"]))
}

/// One network on one data set.
struct Pair<'c, 'r> {
    name: String,
    network: &'c str,
    top: &'c Curves<'r>,
    bottom: &'c Curves<'r>,
}

/// The families of the top, each with that of the bottom.
fn pairs<'c, 'r>(all: &'c [Curves<'r>]) -> Result<Vec<Pair<'c, 'r>>> {
    let (mut tops, mut bottoms) = (Vec::new(), Vec::new());
    for curves in all {
        let (network, side) = side_of(curves)?;
        match side {
            Side::Top => tops.push((network, curves)),
            Side::Bottom => bottoms.push((network, curves)),
        }
    }
    let pair = |(network, top): (&'c str, &'c Curves<'r>)| {
        let same = |(other, bottom): &&(&str, &Curves<'_>)| *other == network && bottom.data == top.data;
        let (_, bottom) = *bottoms.iter().find(same)?;
        Some(Pair { name: format!("{}, {network}", words::data_set(&top.data)), network, top, bottom })
    };
    Ok(tops.into_iter().filter_map(pair).collect())
}

/// The setting closest to a fraction of the variance on the axis, except whole images.
fn nearest(curves: &Curves<'_>, share: f64) -> Result<Option<usize>> {
    let mut best: Option<(f64, usize)> = None;
    for member in 0..curves.members.len() {
        let at = curves.at(Metric::Share, member, 0)?;
        let away = if at.is_empty() { continue } else { (mean(&at) - share).abs() };
        let whole = curves.members[member].0.starts_with("whole");
        if !whole && !is_rounding(curves, member)? && best.is_none_or(|(nearest, _)| away < nearest) {
            best = Some((away, member));
        }
    }
    Ok(best.map(|(_, member)| member))
}
