//! The figures of a sweep: both losses over λ, one against the other, the latent space, reconstructions.

use report::{
    Axis, Figure, GridRow, Image, ImageGrid, Panel, Plate, Point, Reference, Scale, Series, Style, Tick,
};

use super::Curves;
use super::curves::texts;
use crate::Result;
use crate::statistics::{mean, range};
use crate::store::Results;

/// The latent size whose reconstructions are shown, if the grid has it.
const SHOWN_LATENT: usize = 16;

/// The figures of every variant.
///
/// # Errors
/// If the results are not those of a sweep.
pub fn plates(results: &Results) -> Result<Vec<Plate>> {
    let mut plates = Vec::new();
    for (index, curves) in Curves::all(results)?.iter().enumerate() {
        plates.push(Plate::Figure(trade_off(curves, index)?));
        plates.push(Plate::Figure(latent_space(curves, index)?));
        plates.push(Plate::Grid(reconstructions(results, curves, index)?));
    }
    Ok(plates)
}

fn trade_off(curves: &Curves<'_>, index: usize) -> Result<Figure> {
    let n = curves.n_seeds;
    let over_lambda = |title: &str, label: &str, measure: &str| -> Result<Panel> {
        Ok(Panel {
            title: title.into(),
            x: lambda_axis(curves),
            y: Axis::new(label, "", Scale::Linear),
            series: series_over_lambda(curves, measure, |_| 1.0)?,
            references: vec![],
        })
    };
    let mut error = over_lambda("Reconstruction", "test MSE", "test_mse")?;
    error.references = references(curves)?;
    let accuracy = over_lambda("Classification", "test accuracy", "test_accuracy")?;
    Ok(Figure {
        name: format!("trade-off-{index}"),
        title: format!("Reconstruction and classification over λ ({})", curves.variant),
        caption:
            "λ weighs reconstruction in the encoder's loss: 0 is a pure classifier, 1 a pure autoencoder; \
             decoder and classifier always learn their own task at full strength. Left: test MSE in the \
             range [-1, 1], lower is better. Middle: test accuracy. Right: one against the other, points \
             labelled by λ; the corner of low error and high accuracy is at the upper left."
                .into(),
        note: format!(
            "Lines are means over {n} seeds; bands and bars reach from the lowest to the highest seed."
        ),
        columns: 3,
        panels: vec![error, accuracy, front(curves)?],
    })
}

fn latent_space(curves: &Curves<'_>, index: usize) -> Result<Figure> {
    let panel = |title: &str, label: &str, measure: &str, unit: &dyn Fn(usize) -> f64| -> Result<Panel> {
        Ok(Panel {
            title: title.into(),
            x: lambda_axis(curves),
            y: Axis::new(label, "", Scale::Linear),
            series: series_over_lambda(curves, measure, unit)?,
            references: vec![],
        })
    };
    let latents = curves.latents.clone();
    let per_unit = move |latent: usize| latents[latent] as f64;
    Ok(Figure {
        name: format!("latent-space-{index}"),
        title: format!("What the latent holds over λ ({})", curves.variant),
        caption:
            "Left: share of latent units that say the same for every test image; such dead units make k \
                  smaller than it looks. Middle: accuracy of a vote of five neighbours in the latent, class \
                  information without a trained head. Right: share of the latent's scatter that lies between \
                  the classes."
                .into(),
        note: format!(
            "Lines are means over {} seeds; bands reach from the lowest to the highest.",
            curves.n_seeds
        ),
        columns: 3,
        panels: vec![
            panel("Dead units", "share of dead units", "dead_units", &per_unit)?,
            panel("Neighbours", "5-NN accuracy in z", "knn_accuracy", &|_| 1.0)?,
            panel("Arrangement", "between-class share of z", "between_class_share", &|_| 1.0)?,
        ],
    })
}

fn lambda_axis(curves: &Curves<'_>) -> Axis {
    Axis::new("λ, weight of reconstruction", "", Scale::positions(&curves.lambdas))
}

/// One line for each latent size, each value divided by `unit` of that size.
fn series_over_lambda(
    curves: &Curves<'_>,
    measure: &str,
    unit: impl Fn(usize) -> f64,
) -> Result<Vec<Series>> {
    let mut series = Vec::new();
    for (latent, &k) in curves.latents.iter().enumerate() {
        let mut points = Vec::new();
        for (lambda, &value) in curves.lambdas.iter().enumerate() {
            let values: Vec<f64> =
                curves.at(measure, latent, lambda)?.iter().map(|x| x / unit(latent)).collect();
            if !values.is_empty() {
                let (low, high) = range(&values);
                // The mean of equal numbers may differ from them in its last digit.
                points.push(Point::new(value, mean(&values).clamp(low, high)).y_between(low, high));
            }
        }
        series.push(line(curves, latent, k, points));
    }
    series.retain(|series| !series.points.is_empty());
    Ok(series)
}

fn front(curves: &Curves<'_>) -> Result<Panel> {
    let mut series = Vec::new();
    for (latent, &k) in curves.latents.iter().enumerate() {
        let mut points = Vec::new();
        for (lambda, &value) in curves.lambdas.iter().enumerate() {
            let mse = curves.at("test_mse", latent, lambda)?;
            let accuracy = curves.at("test_accuracy", latent, lambda)?;
            if mse.is_empty() || accuracy.is_empty() {
                continue;
            }
            let ((x_low, x_high), (y_low, y_high)) = (range(&mse), range(&accuracy));
            let point = Point::new(mean(&mse).clamp(x_low, x_high), mean(&accuracy).clamp(y_low, y_high));
            let point = point.x_between(x_low, x_high).y_between(y_low, y_high);
            // With a fine grid only the round values are labelled, so that labels stay apart.
            let shown = curves.lambdas.len() <= 6 || [0.0, 0.5, 0.9, 0.99, 1.0].contains(&value);
            points.push(if shown { point.labelled(value.to_string()) } else { point });
        }
        series.push(line(curves, latent, k, points));
    }
    series.retain(|series| !series.points.is_empty());
    Ok(Panel {
        title: "The trade-off".into(),
        x: Axis::new("test MSE", "", Scale::Linear),
        y: Axis::new("test accuracy", "", Scale::Linear),
        series,
        references: vec![],
    })
}

fn line(curves: &Curves<'_>, latent: usize, k: usize, points: Vec<Point>) -> Series {
    let style = Style::ordered(latent, curves.latents.len());
    Series { label: format!("k = {k}"), points, style, shape: report::Shape::Line }
}

fn references(curves: &Curves<'_>) -> Result<Vec<Reference>> {
    let class_mean = Tick { at: curves.of_variant("class_mean_mse")?, label: "class-mean image".into() };
    Ok(vec![Reference::Horizontal(class_mean)])
}

fn reconstructions(results: &Results, curves: &Curves<'_>, index: usize) -> Result<ImageGrid> {
    const SIDE: usize = 28;
    let classes = texts(results, "class")?.to_vec();
    let size = classes.len() * SIDE * SIDE;
    let latent = curves.latent(SHOWN_LATENT).unwrap_or(curves.latents.len() - 1);
    let row = |label: String, note: String, pixels: &[f32]| -> Result<GridRow> {
        let image = |pixels: &[f32]| {
            let values = pixels.iter().map(|x| x.mul_add(0.5, 0.5)).collect();
            Ok(Image::new(SIDE, SIDE, 1, values)?)
        };
        let images = pixels.chunks_exact(SIDE * SIDE).map(image).collect::<Result<_>>()?;
        Ok(GridRow { label, note, images })
    };
    let n_blocks = curves.latents.len() * curves.lambdas.len();
    let mut rows = vec![row("original".into(), String::new(), curves.pixels("shown_image", 0, 1, size)?)?];
    for (place, lambda) in curves.lambdas.iter().enumerate() {
        let block = latent * curves.lambdas.len() + place;
        let pixels = curves.pixels("shown_reconstruction", block, n_blocks, size)?;
        if pixels.iter().all(|x| x.is_finite()) {
            let note = format!("MSE {:.3}", curves.median("test_mse", latent, place)?);
            rows.push(row(format!("λ = {lambda}"), note, pixels)?);
        }
    }
    Ok(ImageGrid {
        name: format!("reconstructions-{index}"),
        title: format!("Reconstructions, k = {} ({})", curves.latents[latent], curves.variant),
        caption: "The first test image of each class and what the first seed's models make of it. A pure \
                  classifier's latent (λ = 0) tends to give the typical image of a class; individual detail \
                  comes with λ. The MSE beside a row is the median over seeds on all test images."
            .into(),
        columns: classes,
        rows,
    })
}
