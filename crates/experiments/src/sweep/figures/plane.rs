//! Scatter plots of latents in two dimensions, and reconstructions.

use report::{Axis, Chart, Figure, GridRow, Image, ImageGrid, Panel, Point, Scale, Series, Shape, Style};

use serde_json::Value;

use crate::error::{Error, Result};
use crate::metric::Metric;
use crate::statistics::mean;
use crate::statistics::rules::ENOUGH_STEPS;
use crate::sweep::curves::{Curves, attribute, numbers, texts};
use runs::store::{Results, Values};

/// The latents of the first seed, with a panel for each λ and a colour for each class: one figure for each family, data set and
/// setting, except for networks of fewer than [`ENOUGH_STEPS`] steps.
///
/// # Errors
/// If the results hold no latents.
pub fn latents(results: &Results, name: &str) -> Result<Vec<Figure>> {
    let n = numbers(results, "image")?.len();
    let missing = || Error::Missing("latents in the plane".into());
    let values = |name: &str| results.variables.get(name).map(|variable| &variable.values);
    let (Some(Values::F32(places)), Some(Values::U32(labels))) =
        (values("latent_in_the_plane"), values("latent_label"))
    else {
        return Err(missing());
    };
    let names = attribute(results, "classes")?;
    let mut figures = Vec::new();
    let (n_members, n_lambdas) = (numbers(results, "member")?.len(), numbers(results, "lambda")?.len());
    for curves in Curves::all(results)?.iter().filter(|curves| curves.steps >= ENOUGH_STEPS) {
        let labels = labels.get(curves.index * n..(curves.index + 1) * n).ok_or_else(missing)?;
        for (member, (label, _)) in curves.members.iter().enumerate() {
            let mut panels = Vec::new();
            for lambda in 0..curves.lambdas.len() {
                let block = (curves.index * n_members + member) * n_lambdas + lambda;
                let places = places.get(block * 2 * n..(block + 1) * 2 * n).ok_or_else(missing)?;
                if places.iter().all(|x| x.is_finite()) {
                    panels.push(cloud(curves, [member, lambda], places, labels, &names[curves.index])?);
                }
            }
            if panels.is_empty() {
                continue;
            }
            figures.push(Figure::Chart(Chart {
                name: format!("{name}-{}-{member}", curves.index),
                title: format!("The latent space over λ, {label} ({})", curves.words()),
                caption: "Latents of test images of the first seed's models, one colour and marker for each class: \
                          the latent itself if it has two dimensions, else its first two principal components. Lines \
                          enclose the densest half of each class. In the titles: the between-class fraction of the \
                          scatter, the accuracy of five nearest neighbours in the whole latent, and the participation \
                          ratio (dimensions in use), means over seeds."
                    .into(),
                note: String::new(),
                columns: panels.len().min(3),
                panels,
            }));
        }
    }
    Ok(figures)
}

fn cloud(
    curves: &Curves<'_>,
    [member, lambda]: [usize; 2],
    places: &[f32],
    labels: &[u32],
    names: &Value,
) -> Result<Panel> {
    let average = |measure| Ok::<f64, Error>(mean(&curves.at(measure, member, lambda)?));
    let [fraction, knn, ratio] = [
        average(Metric::BetweenClassShare)?,
        average(Metric::KnnAccuracy)?,
        average(Metric::ParticipationRatio)?,
    ];
    let n_classes = labels.iter().max().map_or(0, |&most| most as usize + 1);
    let series = (0..n_classes).map(|class| {
        let of_class = places.chunks_exact(2).zip(labels).filter(|(_, label)| **label as usize == class);
        let points = of_class.map(|(place, _)| Point::new(f64::from(place[0]), f64::from(place[1])));
        let label = names[class].as_str().map_or_else(|| format!("class {class}"), str::to_owned);
        let style = Style::category(class);
        Series { label, points: points.collect(), style, shape: Shape::Cloud }
    });
    Ok(Panel {
        title: format!(
            "λ = {}: between classes {fraction:.2}, 5-NN {:.0} %, dimensions {ratio:.1}",
            curves.lambdas[lambda],
            100.0 * knn
        ),
        x: Axis::new("first component of z", "", Scale::Linear),
        y: Axis::new("second component of z", "", Scale::Linear),
        series: series.filter(|series| !series.points.is_empty()).collect(),
        references: vec![],
    })
}

/// The first test image of each class and its reconstructions over λ: one grid for each family, data set and setting.
///
/// # Errors
/// If the results hold no images.
pub fn reconstructions(results: &Results, name: &str) -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    for curves in Curves::all(results)?.iter().filter(|curves| curves.steps >= ENOUGH_STEPS) {
        let index = curves.index;
        let classes = texts(results, &format!("class_{index}"))?;
        let shape: Vec<usize> = results
            .attributes
            .get(&format!("image_shape_{index}"))
            .map(|text| text.split(' ').filter_map(|n| n.parse().ok()).collect())
            .unwrap_or_default();
        let &[c, h, w] = shape.as_slice() else { return Err(Error::Missing("shape of the images".into())) };
        let size = classes.len() * c * h * w;
        let row = |label: String, note: String, bytes: &[u8]| -> Result<GridRow> {
            let image = |bytes: &[u8]| {
                let values: Vec<f32> = bytes.iter().map(|&byte| f32::from(byte) / 255.0).collect();
                Ok(Image::from_planes(c, h, w, &values)?)
            };
            let images = bytes.chunks_exact(c * h * w).map(image).collect::<Result<_>>()?;
            Ok(GridRow { label, note, images })
        };
        let originals = bytes(results, &format!("shown_image_{index}"), 0, size)?;
        for (member, (label, _)) in curves.members.iter().enumerate() {
            let mut rows = vec![row("original".into(), String::new(), originals)?];
            for (lambda, value) in curves.lambdas.iter().enumerate() {
                if curves.n(member, lambda)? == 0 {
                    continue;
                }
                let block = member * curves.lambdas.len() + lambda;
                let bytes = bytes(results, &format!("shown_reconstruction_{index}"), block, size)?;
                let note = format!("MSE {:.3}", mean(&curves.at(Metric::TestMse, member, lambda)?));
                rows.push(row(format!("λ = {value}"), note, bytes)?);
            }
            if rows.len() == 1 {
                continue;
            }
            figures.push(Figure::Grid(ImageGrid {
                name: format!("{name}-{index}-{member}"),
                title: format!("Reconstructions, {label} ({})", curves.words()),
                caption: "The first test image of each class and its reconstructions by the first seed's models. A pure \
                          classifier's latent (λ = 0) tends to give the typical image of a class; individual detail \
                          grows with λ. The MSE beside a row is the mean over seeds on all test images."
                    .into(),
                columns: classes.to_vec(),
                rows,
            }));
        }
    }
    Ok(figures)
}

fn bytes<'r>(results: &'r Results, name: &str, block: usize, size: usize) -> Result<&'r [u8]> {
    match results.variables.get(name).map(|variable| &variable.values) {
        Some(Values::U8(values)) if (block + 1) * size <= values.len() => {
            Ok(&values[block * size..(block + 1) * size])
        }
        _ => Err(Error::Missing(name.into())),
    }
}
