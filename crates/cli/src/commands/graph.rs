//! `agon graph`: draws the operations of one training step of a CRE, forward and backward.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use data::Batches;
use models::Mixing;
use models::graph::{View, of_step};
use runs::images::Images;
use runs::learners::{Cre, RunConfig};
use runs::settings::Setting;
use system::{files, text};
use tensor::DType;
use tensor::random::Stream;

use super::columns::columns;
use super::image_options::ImageOptions;
use super::settings::{checked, models, preset, set_all};
use super::train::resolved::{DATA_SET, MODEL};
use crate::error::{Error, Result};
use crate::output::{print_beside, print_text};
use experiments::presets::{self, InputSpec};

/// The arguments of `agon graph`.
#[derive(Debug, Args)]
pub(crate) struct Graph {
    /// Values of the config, as in `lambda=0.5` or `batch=32`
    #[arg(value_name = "KEY=VALUE")]
    settings: Vec<String>,
    /// The preset of the model
    #[arg(long, value_name = "NAME", value_parser = models(), default_value = MODEL)]
    model: String,
    #[command(flatten)]
    image_options: ImageOptions,
    /// The seed of the initial parameters and of the batch
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Write a page that steps through the forward and the backward pass
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Write the drawing
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Write the graph in DOT, for Graphviz
    #[arg(long, value_name = "FILE")]
    dot: Option<PathBuf>,
}

/// Writes the files that are named, or prints the operations as a table.
///
/// # Errors
/// [`Error::Usage`] as for `agon train`, and if the model is no CRE with the weighted sum of both gradients; or if a file cannot
/// be written.
pub(crate) fn command(args: &Graph) -> Result<ExitCode> {
    args.image_options.check_one_source()?;
    let (name, set) = args.image_options.open(DATA_SET, None, data::image_folder)?;
    let input = InputSpec { image: set.train.image_shape(), classes: set.classes.len() };
    let fields = preset(&args.model, presets::whole(&name, &set), &input)?;
    let config = serde_json::from_value(fields.into()).expect("a preset is a valid config");
    let settings: Vec<Setting> =
        args.settings.iter().map(|text| text.parse().map_err(Error::Usage)).collect::<Result<_>>()?;
    let config: RunConfig = set_all(config, settings, &[])?;
    let images = checked(&config, &set)?;
    let (cre, lambda) = drawable(&config, &args.model)?;
    let view = step(&config, cre, lambda, &images, args.seed)?;
    let title = format!("One training step of {}, batch {}", config.learner.label(), config.batch);
    let files = [
        args.html.as_ref().map(|file| (file, view.html(&title))),
        args.svg.as_ref().map(|file| (file, view.svg(&title))),
        args.dot.as_ref().map(|file| (file, view.dot())),
    ];
    if files.iter().all(Option::is_none) {
        print_text(&format!("{title}\n\n{}", columns(View::COLUMNS, &view.rows())))?;
    }
    files.into_iter().flatten().try_for_each(|(file, content)| write(file, &content, &view))?;
    Ok(ExitCode::SUCCESS)
}

/// The CRE of the config and its λ.
fn drawable<'c>(config: &'c RunConfig, model: &str) -> Result<(&'c Cre, f64)> {
    let cre = config.learner.as_cre().ok_or_else(|| {
        Error::Usage(format!(
            "`agon graph`: expected a preset of a CRE, got {model}; use a preset such as {MODEL} or cnn-s"
        ))
    })?;
    if cre.mixing != Mixing::Weighted || cre.labelled.is_some() {
        return Err(Error::Usage(
            "`agon graph` draws a single backward pass over labelled images; omit `mixing` and \
             `labelled`"
                .into(),
        ));
    }
    let lambda = cre.lambda.ok_or_else(|| Error::Usage("`lambda` is not set; add `lambda=0.5`".into()))?;
    Ok((cre, lambda))
}

/// The graph of the first training step, with the gradient norms of its backward pass.
fn step(config: &RunConfig, cre: &Cre, lambda: f64, images: &Images, seed: u64) -> Result<View> {
    let model = cre.model.build(&Stream::new(seed, "init"), DType::F32)?;
    let batches = Batches::new(&images.train, config.batch, Stream::new(seed, "shuffle"))?;
    let batch = batches.epoch(1).next().ok_or_else(|| Error::Usage("no training images".into()))??;
    Ok(of_step(&model, &batch.images, &batch.labels, lambda)?)
}

/// Writes a file and prints what is in it.
fn write(file: &Path, content: &str, view: &View) -> Result<()> {
    let failed = |source| experiments::Error::Write { path: file.into(), source };
    files::replace(file, content.as_bytes()).map_err(failed)?;
    let (nodes, edges) = (view.nodes().len(), view.edges().count());
    let [nodes, edges] = [(nodes, "node"), (edges, "edge")].map(|(n, noun)| text::count(n, noun));
    print_beside(file, &format!("{}: {nodes}, {edges}\n", text::path(file)))
}
