//! Draws every kind of figure from synthetic values into a folder: `cargo run --release -p agon-report --example
//! gallery DIR`.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a developer tool, whose output is not parsed")]

use std::error::Error;
use std::fs;
use std::path::PathBuf;

use agon_report::{
    Axis, Chart, Conclusion, Drawing, Figure, GridRow, Group, Image, ImageGrid, Page, Panel, Point,
    Reference, Scale, Section, Series, Shape, Style, Tick, Verdict,
};

const LAMBDAS: [f64; 11] = [0.0, 0.001, 0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 0.999, 1.0];
const WIDTHS: [f64; 3] = [2.0, 8.0, 32.0];
const CLASSES: [&str; 10] = [
    "T-shirt/top",
    "trouser",
    "pullover",
    "dress",
    "coat",
    "sandal",
    "shirt",
    "sneaker",
    "bag",
    "ankle boot",
];

fn main() -> Result<(), Box<dyn Error>> {
    let folder = PathBuf::from(std::env::args().nth(1).ok_or("which folder? give it as the argument")?);
    fs::create_dir_all(&folder)?;
    let page = page()?;
    for figure in page.groups.iter().flat_map(|group| &group.sections).flat_map(|section| &section.figures) {
        let (name, drawing): (&str, Drawing) = match figure {
            Figure::Chart(figure) => (&figure.name, agon_report::draw(figure)?),
            Figure::Grid(grid) => (&grid.name, grid.draw()?),
            Figure::Heat(map) => (&map.name, map.draw()?),
        };
        fs::write(folder.join(name).with_extension("png"), drawing.png()?)?;
        fs::write(folder.join(name).with_extension("svg"), drawing.svg)?;
    }
    fs::write(folder.join("index.html"), page.html()?)?;
    fs::write(folder.join("verdicts.csv"), agon_report::table::csv(&rows()))?;
    print!("{}", agon_report::table::text(&rows(), 110));
    Ok(())
}

/// A deterministic pseudo-random value in [0, 1).
fn noise(seed: usize) -> f64 {
    ((seed as f64 * 12.9898).sin() * 43_758.545_3).rem_euclid(1.0)
}

fn mse(k: f64, lambda: f64) -> f64 {
    0.012 + 0.055 / k.sqrt() + 0.05 * (1.0 - lambda).powi(8) + 0.008 * (1.0 - lambda)
}

fn accuracy(k: f64, lambda: f64) -> f64 {
    100.0 * (0.96 - 0.1 / k - (0.35 + 0.3 / k) * lambda.powi(12) - 0.03 * lambda)
}

fn spread(k: f64, i: usize) -> f64 {
    0.3 + noise(31 * i + k as usize)
}

fn curve(k: usize, point: impl Fn(usize) -> Point) -> Series {
    Series {
        label: format!("k = {}", WIDTHS[k]),
        points: (0..LAMBDAS.len()).map(point).collect(),
        style: Style::ordered(k, WIDTHS.len()),
        shape: Shape::Line,
    }
}

fn mse_point(k: f64, i: usize) -> Point {
    let (y, s) = (mse(k, LAMBDAS[i]), 0.003 * spread(k, i));
    Point::new(LAMBDAS[i], y).y_between(y - s, y + 1.4 * s)
}

fn accuracy_point(k: f64, i: usize) -> Point {
    let (y, s) = (accuracy(k, LAMBDAS[i]), 1.6 * spread(k, i));
    Point::new(LAMBDAS[i], y).y_between(y - 1.3 * s, y + s)
}

fn trade_off_point(k: f64, i: usize) -> Point {
    let (x, y) = (mse_point(k, i), accuracy_point(k, i));
    Point::new(x.y, y.y).x_between(x.y_spread.0, x.y_spread.1).y_between(y.y_spread.0, y.y_spread.1)
}

fn sweep() -> Chart {
    let lambda = || Axis::new("λ, the weight of reconstruction", "", Scale::positions(&LAMBDAS));
    let curves = |point: fn(f64, usize) -> Point| (0..3).map(|k| curve(k, |i| point(WIDTHS[k], i))).collect();
    let labelled = |k: usize| {
        curve(k, |i| {
            let point = trade_off_point(WIDTHS[k], i);
            if i % 5 == 0 || i == 8 { point.labelled(LAMBDAS[i].to_string()) } else { point }
        })
    };
    let chance = Tick { at: 10.0, label: "chance".into() };
    let mean = Tick { at: 0.088, label: "mean image".into() };
    Chart {
        name: "lambda_sweep".into(),
        title: "Reconstruction costs accuracy, and less with a wider latent".into(),
        caption:
            "Test error of the reconstruction (a), test accuracy (b) and one against the other (c), for \
                  three widths k of the shared latent. All values are synthetic."
                .into(),
        note: "Points: mean of 5 seeds. Bands and bars: lowest to highest seed. Labels of points in c: λ."
            .into(),
        columns: 3,
        panels: vec![
            Panel {
                title: "Reconstruction".into(),
                x: lambda(),
                y: Axis::new("test MSE", "", Scale::Linear),
                series: curves(mse_point),
                references: vec![Reference::Horizontal(mean)],
            },
            Panel {
                title: "Classification".into(),
                x: lambda(),
                y: Axis::new("test accuracy", "%", Scale::Linear).from_to(0.0, 100.0),
                series: curves(accuracy_point),
                references: vec![Reference::Horizontal(chance)],
            },
            Panel {
                title: "The trade-off".into(),
                x: Axis::new("test MSE", "", Scale::Linear),
                y: Axis::new("test accuracy", "%", Scale::Linear),
                series: (0..3).map(labelled).collect(),
                references: vec![],
            },
        ],
    }
}

fn widths() -> Chart {
    let ks = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0];
    let series = |name: &str, index, y: fn(f64) -> f64, shape| Series {
        label: name.into(),
        points: ks.iter().map(|&k| Point::new(k, y(k)).y_between(0.93 * y(k), 1.08 * y(k))).collect(),
        style: Style::category(index),
        shape,
    };
    Chart {
        name: "widths".into(),
        title: "The gap to the closed form closes with the width".into(),
        caption: "Synthetic gaps over the width of the latent, on two logarithmic axes.".into(),
        note: "Points: median of 9 seeds; bands and bars: quartiles.".into(),
        columns: 1,
        panels: vec![Panel {
            title: String::new(),
            x: Axis::new("width k of the latent", "units", Scale::Log2),
            y: Axis::new("loss − optimum", "", Scale::Log10),
            series: vec![
                series("trained, Adam", 0, |k| 0.5 / k.powf(1.3), Shape::Line),
                series("trained, SGD", 1, |k| 0.8 / k.powf(0.8), Shape::Line),
                series("PCA + logistic regression", 2, |k| 0.2 / k.powf(0.4), Shape::Points),
            ],
            references: vec![Reference::Vertical(Tick { at: 10.0, label: "number of classes".into() })],
        }],
    }
}

fn latents() -> Chart {
    let normal = |seed: usize| {
        (-2.0 * (1.0 - noise(seed)).ln()).sqrt() * (std::f64::consts::TAU * noise(seed + 77)).cos()
    };
    let class = |class: usize, tightness: f64| {
        let angle = std::f64::consts::TAU * class as f64 / 10.0;
        let point = |i: usize| {
            let seed = 2_003 * class + 3 * i;
            Point::new(
                3.0 * tightness * angle.cos() + 0.7 * normal(seed),
                3.0 * tightness * angle.sin() + 0.7 * normal(seed + 1),
            )
        };
        let points = (0..60).map(point).collect();
        Series { label: CLASSES[class].into(), points, style: Style::category(class), shape: Shape::Cloud }
    };
    let panel = |title: &str, tightness| Panel {
        title: title.into(),
        x: Axis::new("z₁", "", Scale::Linear),
        y: Axis::new("z₂", "", Scale::Linear),
        series: (0..10).map(|c| class(c, tightness)).collect(),
        references: vec![],
    };
    Chart {
        name: "latents".into(),
        title: "Classes separate in the latent if classification has weight".into(),
        caption: "Synthetic latents of 600 test images.".into(),
        note: String::new(),
        columns: 2,
        panels: vec![panel("λ = 0.5", 1.4), panel("λ = 1", 0.5)],
    }
}

fn image(class: usize, blur: f64) -> agon_report::Result<Image> {
    const SIDE: usize = 28;
    let value = |i: usize| {
        let (y, x) = ((i / SIDE) as f64 / 27.0 - 0.5, (i % SIDE) as f64 / 27.0 - 0.5);
        let petals = 0.26 + 0.12 * ((class as f64 + 1.0) * y.atan2(x)).cos() * (1.0 - blur);
        1.0 / (1.0 + ((x.hypot(y) - petals) / (0.01 + 0.12 * blur)).exp())
    };
    Image::new(SIDE, SIDE, 1, (0..SIDE * SIDE).map(|i| value(i) as f32).collect())
}

fn reconstructions() -> agon_report::Result<ImageGrid> {
    let row = |label: &str, note: &str, blur: f64| {
        let images = (0..10).map(|class| image(class, blur)).collect::<agon_report::Result<_>>()?;
        Ok(GridRow { label: label.into(), note: note.into(), images })
    };
    Ok(ImageGrid {
        name: "reconstructions".into(),
        title: "Reconstructions from a latent with two objectives".into(),
        caption: "One synthetic test image of each class, and its reconstruction for four λ.".into(),
        columns: CLASSES.map(String::from).into(),
        rows: vec![
            row("original", "", 0.0)?,
            row("λ = 1", "MSE 0.012", 0.1)?,
            row("λ = 0.9", "MSE 0.017", 0.25)?,
            row("λ = 0.5", "MSE 0.031", 0.5)?,
            row("λ = 0", "MSE 0.094", 0.95)?,
        ],
    })
}

fn rows() -> Vec<Verdict> {
    let row = |source: &str, claim: &str, expected: &str, got: &str, n, verdict| Verdict {
        source: source.into(),
        claim: claim.into(),
        expected: expected.into(),
        got: got.into(),
        n,
        conclusion: verdict,
        ..Verdict::default()
    };
    vec![
        row(
            "C1/T1",
            "There is a trade-off and no synergy between the two objectives.",
            "no λ beats both ends",
            "0 of 9 λ",
            5,
            Conclusion::Holds,
        ),
        row(
            "C2/T1",
            "More weight on reconstruction improves reconstruction and costs classification.",
            "slope of accuracy < 0",
            "−3.1 ± 0.4 points",
            5,
            Conclusion::Holds,
        ),
        row(
            "C4",
            "A larger shared representation removes the trade-off.",
            "area → 0",
            "0.21 (0.17 to 0.25)",
            5,
            Conclusion::DoesNotHold,
        ),
        row(
            "C5",
            "A more complex network eases the trade-off but does not remove it.",
            "area falls",
            "−0.01 ± 0.04",
            3,
            Conclusion::Undecided,
        ),
        row(
            "F2",
            "A linear autoencoder reaches the PCA subspace.",
            "gap ≤ 1e−8",
            "3.1e−10",
            100,
            Conclusion::ExactMet,
        ),
        row(
            "F3",
            "Resumed and uninterrupted runs end with the same bits.",
            "0 bits differ",
            "2 bits differ",
            4,
            Conclusion::ExactMissed,
        ),
        row(
            "C9",
            "Masking makes representations driven by reconstruction more useful.",
            "accuracy rises with r",
            "–",
            0,
            Conclusion::NotRun,
        ),
    ]
}

fn page() -> agon_report::Result<Page> {
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let section = |name: &str, title: &str, claim: &str, figures, warnings: &[&str], rows| Section {
        name: name.into(),
        title: title.into(),
        claim: claim.into(),
        figures,
        warnings: warnings.iter().map(|&text| text.into()).collect(),
        rows,
        command: format!("cargo xtask reproduce --profile quick --only {name}"),
    };
    Ok(Page {
        title: "Do classification and reconstruction help or hurt each other?".into(),
        question: "One encoder feeds a classifier and a decoder. Its gradient is λ times the decoder's plus (1 − λ) \
                   times the classifier's: λ = 0 listens to the classifier alone, λ = 1 to the decoder alone. \
                   Does some λ between serve both better, or is every gain of one a loss of the other?\n\n\
                   All values on this page are synthetic. It shows what the figures can do."
            .into(),
        groups: vec![Group {
            name: "all".into(),
            short: "All".into(),
            title: "All figures".into(),
            sections: vec![
            section(
                "sweep",
                "From one objective to the other",
                "More weight on reconstruction improves reconstruction and costs classification.",
                vec![Figure::Chart(sweep()), Figure::Grid(reconstructions()?)],
                &["With 5 seeds a difference below 0.5 points of accuracy is not significant."],
                rows(),
            ),
            section("width", "Wider latents", "A wider latent eases the trade-off.", vec![Figure::Chart(widths())], &[], vec![]),
            section("latent", "Latent space", "The two objectives lead to different latents.", vec![Figure::Chart(latents())], &[], vec![]),
            ],
        }],
        provenance: vec![
            pair("commit", "0000000000000000000000000000000000000000"),
            pair("config", "quick: epochs = 10, batch = 128, k ∈ {2, 8, 32}"),
            pair("seeds", "0 to 4, paired over λ"),
            pair("data", "synthetic; SHA-256 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
            pair("device", "CPU, 2 cores"),
            pair("time", "3 min 12 s"),
        ],
        ..Page::default()
    })
}
