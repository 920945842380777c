//! Images in results: reconstructions, projections on bands of variance, and latents in two dimensions.

use ndarray::{Array2, ArrayView2};
use theory::{Moments, Pca};

use crate::error::Result;
use crate::sweep::collected::Collected;
use crate::sweep::measured::latents as latents_of;
use runs::pixels::first_of_each_class;
use runs::store::{Array, FinishedRun, Values};

/// The number of test images whose latents are stored.
const LATENTS: usize = 500;

/// Adds the first test image of each class and its reconstructions by the first seed's models as bytes, for each family and data
/// set.
pub(super) fn images(collected: &mut Collected<'_>) -> Result<()> {
    let (n_members, n_lambdas) = (collected.grid.n_members(), collected.grid.lambdas.len());
    let variants = collected.variants.clone();
    for (index, variant) in variants.iter().enumerate() {
        let images = collected.images(variant)?;
        let rows = first_of_each_class(&images.test);
        let [c, h, w] = images.test.image_shape();
        let (n_pixels, n_shown) = (c * h * w, rows.len());
        let originals: Vec<u8> = rows
            .iter()
            .flat_map(|&row| &images.test.pixels()[row as usize * n_pixels..(row as usize + 1) * n_pixels])
            .copied()
            .collect();
        let mut reconstructions = Vec::new();
        for member in 0..n_members {
            for lambda in 0..n_lambdas {
                let done = collected.run(variant, [member, lambda, 0]);
                reconstructions.extend(shown(done, n_shown * n_pixels));
            }
        }
        let names: Vec<String> = rows
            .iter()
            .map(|&row| images.classes[usize::from(images.test.labels()[row as usize])].clone())
            .collect();
        let [class, pixel] = [format!("class_{index}"), format!("pixel_{index}")];
        collected.dimension(&class, "class of the image", names);
        let description = format!("pixel: {c} planes of {h} rows and {w} columns");
        let places = (0..n_pixels).map(|place| place as f64).collect::<Vec<f64>>();
        collected.dimension(&pixel, &description, places);
        let description = "first test image of each class, 0 is black";
        let name = format!("shown_image_{index}");
        collected.add(&name, &[&class, &pixel], description, "1", Values::U8(originals));
        let description = "its reconstruction by the first seed's model, 0 is black";
        let name = format!("shown_reconstruction_{index}");
        let dimensions = ["member", "lambda", &class, &pixel];
        collected.add(&name, &dimensions, description, "1", Values::U8(reconstructions));
        let shape = [c, h, w].map(|n| n.to_string()).join(" ");
        collected.results.attributes.insert(format!("image_shape_{index}"), shape);
    }
    Ok(())
}

/// Adds the projections of images on bands of variance of the first run of each family and data set.
pub(super) fn bands(collected: &mut Collected<'_>) -> Result<()> {
    for (index, variant) in collected.variants.clone().iter().enumerate() {
        let kept = collected.run(variant, [0, 0, 0]).and_then(|done| done.finals.get("bands"));
        let Some(Array { shape, values }) = kept else { continue };
        let [bands, pixel] = [format!("band_{index}"), format!("band_pixel_{index}")];
        let n_pixels = shape.iter().skip(1).product::<usize>();
        collected.dimension(&bands, "band", ["original", "bottom", "top"].map(String::from).to_vec());
        let places = (0..n_pixels).map(|place| place as f64).collect::<Vec<f64>>();
        let attribute = shape.iter().map(usize::to_string).collect::<Vec<_>>().join(" ");
        let description = format!("pixel, of images {}", attribute.replace(' ', " x "));
        collected.dimension(&pixel, &description, places);
        collected.results.attributes.insert(format!("band_shape_{index}"), attribute);
        let description = "projections of images, each scaled to its own range";
        collected.add(&format!("bands_{index}"), &[&bands, &pixel], description, "1", values.clone());
    }
    Ok(())
}

/// The reconstructions of a run as bytes; black without a run.
fn shown(done: Option<&FinishedRun>, size: usize) -> Vec<u8> {
    match done.and_then(|done| done.finals.get("shown_reconstruction")).map(|array| &array.values) {
        Some(Values::F32(values)) if values.len() == size => {
            values.iter().map(|x| (127.5 * (x + 1.0)).round().clamp(0.0, 255.0) as u8).collect()
        }
        _ => vec![0; size],
    }
}

/// Adds the first seed's test latents in two dimensions: the latents themselves for k = 2, else their first two
/// principal components.
pub(super) fn latents(collected: &mut Collected<'_>) -> Result<()> {
    let (n_members, n_lambdas) = (collected.grid.n_members(), collected.grid.lambdas.len());
    let n = collected.variants.iter().map(|variant| variant.data.test.min(LATENTS)).min().unwrap_or(0);
    let (mut places, mut labels) = (Vec::new(), Vec::new());
    for variant in collected.variants.clone() {
        let images = collected.images(&variant)?;
        labels.extend(images.test.labels()[..n].iter().map(|&label| u32::from(label)));
        for member in 0..n_members {
            for lambda in 0..n_lambdas {
                match collected.run(&variant, [member, lambda, 0]).map(latents_of) {
                    Some(Ok((z, _))) => places.extend(in_the_plane(z)?.rows().into_iter().take(n).flatten()),
                    _ => places.extend(std::iter::repeat_n(f32::NAN, 2 * n)),
                }
            }
        }
    }
    let images = (0..n).map(|row| row as f64).collect::<Vec<f64>>();
    collected.dimension("image", "test image", images);
    collected.dimension("axis", "axis of the plane", vec!["first".to_owned(), "second".to_owned()]);
    let dimensions = ["variant", "member", "lambda", "image", "axis"];
    let description =
        "latents of the first seed: themselves for k = 2, else their first two principal components";
    collected.add("latent_in_the_plane", &dimensions, description, "1", Values::F32(places));
    let description = "class of the test image";
    collected.add("latent_label", &["variant", "image"], description, "1", Values::U32(labels));
    Ok(())
}

fn in_the_plane(z: ArrayView2<'_, f32>) -> Result<Array2<f32>> {
    let (n, k) = z.dim();
    if k <= 2 {
        let mut plane = Array2::zeros((n, 2));
        plane.slice_axis_mut(ndarray::Axis(1), ndarray::Slice::from(..k)).assign(&z);
        return Ok(plane);
    }
    let z = z.mapv(f64::from);
    // Principal components do not depend on classes.
    let moments = Moments::of(z.view(), &vec![0; n], 1)?;
    Ok(Pca::fit(&moments)?.project(z.view(), 2)?.mapv(|x| x as f32))
}
