//! The data of the page's explorer, from stored results: losses, images and latents over λ.

use report::Explorer;
use report::explorer::{Images, Latents, Linear, Model, Reader, Size, Spread, Trained};
use serde_json::Value;

use super::Shown;
use crate::error::{Error, Result};
use crate::grid::Grid;
use crate::metric::{LinearMetric, Metric};
use crate::statistics::{mean, range};
use crate::sweep::curves::{Curves, attribute, numbers, texts};
use crate::sweep::readers::{self, Task, sources};
use crate::sweep::words;
use runs::store::{Results, Values};

/// The experiments whose models the explorer shows. Losses come from the first experiment that has a model; images, latents
/// and the exact linear front come from the experiment that stores them.
pub(super) const SOURCES: [&str; 5] =
    ["fc-lambda-sweep", "cnn-s-lambda-sweep", "vit-lambda-sweep", "reconstructions", "latent-space"];

const LEAD: &str = "Select a model and move λ. Decoder and classifier are always trained on their full \
     losses, so only the latent between them changes.";

const NOTE: &str = "Means over seeds on test images; below each the lowest and the highest seed. The online \
     head is the classifier that was trained with the encoder; the other readers use the same latents. \
     Images and latents are those of the first seed. The λ axis is not to scale, since most changes occur \
     close to 1.";

/// The explorer of these results; `None` if they have no model to show.
///
/// # Errors
/// If results lack an entry.
pub(super) fn explorer(shown: &Shown) -> Result<Option<Explorer>> {
    let mut models: Vec<Model> = Vec::new();
    for results in shown.of(&SOURCES) {
        add(&mut models, results)?;
    }
    models.retain(|model| !model.sizes.is_empty());
    for model in &mut models {
        model.sizes.sort_by_key(|size| size.k);
    }
    Ok((!models.is_empty()).then(|| Explorer { lead: LEAD.into(), note: NOTE.into(), models }))
}

/// Adds the models of a grid, or the measures that the grid adds to known models.
fn add(models: &mut Vec<Model>, results: &Results) -> Result<()> {
    let grid: Grid = serde_json::from_value(attribute(results, "config")?)
        .map_err(|error| Error::Missing(format!("config of a grid: {error}")))?;
    let variants: Vec<_> = grid.variants().collect();
    let classes = attribute(results, "classes")?;
    for curves in &Curves::all(results)? {
        let Some(variant) = variants.iter().find(|variant| variant.label() == curves.variant) else {
            continue;
        };
        let data = words::data_set(&curves.data);
        let at = models.iter().position(|model| model.data == data && model.family == variant.family.label);
        let at = at.unwrap_or_else(|| {
            models.push(Model {
                data,
                family: variant.family.label.clone(),
                classes: strings(&classes[curves.index]),
                lambdas: curves.lambdas.clone(),
                sizes: vec![],
            });
            models.len() - 1
        });
        let model = &mut models[at];
        if model.lambdas != curves.lambdas {
            continue;
        }
        for (member, of) in variant.family.members.iter().enumerate() {
            let Some(k) = of.learner.as_cre().map(|cre| cre.model.latent_len()) else { continue };
            let place = model.sizes.iter().position(|size| size.k == k);
            let place = match place {
                Some(place) => place,
                None => {
                    let trained: Vec<Trained> = (0..curves.lambdas.len())
                        .map(|lambda| trained(curves, member, lambda))
                        .collect::<Result<_>>()?;
                    if trained.iter().all(|trained| trained.n == 0) {
                        continue;
                    }
                    let readers = readers(curves, member)?;
                    model.sizes.push(Size {
                        k,
                        trained,
                        readers,
                        linear: vec![],
                        images: None,
                        latents: None,
                    });
                    model.sizes.len() - 1
                }
            };
            let size = &mut model.sizes[place];
            if size.linear.is_empty() && curves.has(LinearMetric::Mse) {
                size.linear = linear(curves, member)?;
            }
            if size.images.is_none() {
                size.images = pictures(results, curves, member, &model.classes)?;
            }
            if size.latents.is_none() {
                size.latents = latents(results, curves, member, k)?;
            }
        }
    }
    Ok(())
}

fn strings(names: &Value) -> Vec<String> {
    names.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

fn over_seeds(values: &[f64]) -> Spread {
    if values.is_empty() {
        return Spread::MISSING;
    }
    let (low, high) = range(values);
    Spread { mean: mean(values).clamp(low, high), low, high }
}

/// The readers of the latents of a setting besides the online head.
fn readers(curves: &Curves<'_>, member: usize) -> Result<Vec<Reader>> {
    let mut readers = Vec::new();
    for source in sources(curves, Task::Classification) {
        if source.reader == readers::Reader::Online {
            continue;
        }
        let accuracy = (0..curves.lambdas.len())
            .map(|lambda| Ok(over_seeds(&curves.at(source.metric, member, lambda)?)))
            .collect::<Result<Vec<Spread>>>()?;
        if accuracy.iter().any(|spread| spread.mean.is_finite()) {
            readers.push(Reader { name: source.reader.words().into(), accuracy });
        }
    }
    Ok(readers)
}

fn trained(curves: &Curves<'_>, member: usize, lambda: usize) -> Result<Trained> {
    let of = |measure: Metric| Ok::<_, Error>(over_seeds(&curves.at(measure, member, lambda)?));
    Ok(match curves.n(member, lambda)? {
        0 => Trained::NOTHING,
        n => Trained {
            n,
            mse: of(Metric::TestMse)?,
            cross_entropy: of(Metric::TestCrossEntropy)?,
            accuracy: of(Metric::TestAccuracy)?,
        },
    })
}

fn linear(curves: &Curves<'_>, member: usize) -> Result<Vec<Linear>> {
    let mut front = Vec::new();
    for (at, &lambda) in curves.lambdas.iter().enumerate() {
        let [mse, accuracy] =
            [LinearMetric::Mse, LinearMetric::Accuracy].map(|measure| curves.exact(measure, member, at));
        if let (Some(mse), Some(accuracy)) = (mse?, accuracy?) {
            front.push(Linear { lambda, mse, accuracy });
        }
    }
    Ok(front)
}

fn pictures(
    results: &Results,
    curves: &Curves<'_>,
    member: usize,
    classes: &[String],
) -> Result<Option<Images>> {
    let index = curves.index;
    let values = |name: String| match results.variables.get(&name).map(|variable| &variable.values) {
        Some(Values::U8(bytes)) => Some(bytes.as_slice()),
        _ => None,
    };
    let (Some(originals), Some(reconstructions)) =
        (values(format!("shown_image_{index}")), values(format!("shown_reconstruction_{index}")))
    else {
        return Ok(None);
    };
    let shape = results.attributes.get(&format!("image_shape_{index}")).map_or("", String::as_str);
    let shape: Vec<usize> = shape.split(' ').filter_map(|n| n.parse().ok()).collect();
    let &[c, h, w] = shape.as_slice() else { return Ok(None) };
    let shown = texts(results, &format!("class_{index}"))?;
    let labels: Vec<usize> =
        shown.iter().filter_map(|name| classes.iter().position(|class| class == name)).collect();
    let size = labels.len() * c * h * w;
    let mut of = Vec::new();
    for lambda in 0..curves.lambdas.len() {
        let block = member * curves.lambdas.len() + lambda;
        let bytes = reconstructions.get(block * size..(block + 1) * size);
        let here = curves.n(member, lambda)? > 0;
        of.push(bytes.filter(|_| here).map(<[u8]>::to_vec));
    }
    let whole = originals.len() == size && labels.len() == shown.len() && labels.len() <= 10;
    let pictures = Images { shape: [c, h, w], labels, originals: originals.to_vec(), reconstructions: of };
    Ok((whole && pictures.reconstructions.iter().any(Option::is_some)).then_some(pictures))
}

fn latents(results: &Results, curves: &Curves<'_>, member: usize, k: usize) -> Result<Option<Latents>> {
    let values = |name: &str| results.variables.get(name).map(|variable| &variable.values);
    let (Some(Values::F32(places)), Some(Values::U32(labels))) =
        (values("latent_in_the_plane"), values("latent_label"))
    else {
        return Ok(None);
    };
    let (n, n_members) = (numbers(results, "image")?.len(), numbers(results, "member")?.len());
    let missing = || Error::Missing("latents in the plane".into());
    let labels = labels.get(curves.index * n..(curves.index + 1) * n).ok_or_else(missing)?;
    let mut of = Vec::new();
    for lambda in 0..curves.lambdas.len() {
        let block = (curves.index * n_members + member) * curves.lambdas.len() + lambda;
        let plane = places.get(block * 2 * n..(block + 1) * 2 * n).ok_or_else(missing)?;
        let here = plane.iter().any(|x| x.is_finite());
        of.push(here.then(|| plane.chunks_exact(2).map(|place| [place[0], place[1]]).collect()));
    }
    let what = match k {
        0..=2 => "The latent itself",
        _ => "The first two principal components of the latent",
    };
    let labels = labels.iter().map(|&label| label as u8).collect();
    let latents = Latents { what: what.into(), labels, places: of };
    Ok(latents.places.iter().any(Option::is_some).then_some(latents))
}
