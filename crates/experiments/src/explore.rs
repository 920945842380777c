//! What a reader can try out on the page, from stored results: losses, pictures and latents over λ.

use std::path::Path;

use report::Explorer;
use report::explorer::{Images, Latents, Linear, Model, Size, Spread, Trained};
use serde_json::Value;

use crate::error::{Error, Result};
use crate::grid::Grid;
use crate::metric::{LinearMetric, Metric};
use crate::statistics::{mean, range};
use crate::stored::stored_results;
use crate::sweep::curves::{Curves, attribute, numbers, texts};
use runs::store::{Results, Values};

/// The experiments whose models can be tried out. The first that has a model gives its numbers; pictures, latents and
/// the exact linear front come from whichever keeps them.
const SOURCES: [&str; 5] =
    ["fc-lambda-sweep", "cnn-s-lambda-sweep", "vit-lambda-sweep", "reconstructions", "latent-space"];

const LEAD: &str = "Pick a model and move λ, the weight of reconstruction in what the encoder learns: 0 is a pure \
                    classifier, 1 a pure autoencoder. Decoder and classifier always learn their own task at full \
                    strength, so what changes is the latent between them.";

const NOTE: &str = "Mean over seeds on test images; in brackets the lowest and the highest seed. Pictures and latents \
                    are those of the first seed.";

/// The explorer of the results that lie in a profile's folder; `None` if there is nothing to try out.
///
/// # Errors
/// If a file is there and cannot be read.
pub(crate) fn explorer(folder: &Path) -> Result<Option<Explorer>> {
    let mut models: Vec<Model> = Vec::new();
    for name in SOURCES {
        if let Some((results, _)) = stored_results(folder, name)? {
            add(&mut models, &results)?;
        }
    }
    models.retain(|model| !model.sizes.is_empty());
    for model in &mut models {
        model.sizes.sort_by_key(|size| size.k);
    }
    Ok((!models.is_empty()).then(|| Explorer { lead: LEAD.into(), note: NOTE.into(), models }))
}

/// Adds the models of a grid, or what the grid knows of models that are there.
fn add(models: &mut Vec<Model>, results: &Results) -> Result<()> {
    let grid: Grid = serde_json::from_value(attribute(results, "config")?)
        .map_err(|error| Error::Missing(format!("config of a grid: {error}")))?;
    let variants: Vec<_> = grid.variants().collect();
    let classes = attribute(results, "classes")?;
    for curves in &Curves::all(results)? {
        let Some(variant) = variants.iter().find(|variant| variant.label() == curves.variant) else {
            continue;
        };
        let at =
            models.iter().position(|model| model.data == curves.data && model.family == variant.family.label);
        let at = at.unwrap_or_else(|| {
            models.push(Model {
                data: curves.data.clone(),
                family: variant.family.label.clone(),
                classes: words(&classes[curves.index]),
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
                    model.sizes.push(Size { k, trained, linear: vec![], images: None, latents: None });
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

fn words(names: &Value) -> Vec<String> {
    names.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

fn trained(curves: &Curves<'_>, member: usize, lambda: usize) -> Result<Trained> {
    let of = |measure: Metric| -> Result<Spread> {
        let values = curves.at(measure, member, lambda)?;
        if values.is_empty() {
            return Ok(Spread::MISSING);
        }
        let (low, high) = range(&values);
        Ok(Spread { mean: mean(&values).clamp(low, high), low, high })
    };
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
