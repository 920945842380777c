//! Whether images have the shape and the classes that a learner takes.

use models::Architecture;

use experiments::presets::InputSpec;
use runs::run::Learner;

/// That the learner takes such images.
///
/// # Errors
/// In words if it does not.
pub(super) fn fits(learner: &Learner, kind: &InputSpec, name: &str) -> Result<(), String> {
    // The others are built for the images that they get.
    let Some(model) = learner.architecture() else { return Ok(()) };
    let (pixels, classes) = match model {
        Architecture::Fc(config) => (Some(config.pixels), config.classes),
        Architecture::Linear { pixels, classes, .. } => (Some(pixels), classes),
        Architecture::Vit(config) => (None, config.classes),
        Architecture::CnnS { .. } | Architecture::CnnL { .. } => (None, 10),
    };
    let takes = match pixels {
        Some(pixels) => pixels == kind.pixels(),
        None => model.image_shape() == kind.image,
    };
    if takes && classes == kind.classes {
        return Ok(());
    }
    let image = pixels.map_or_else(
        || model.image_shape().map(|size| size.to_string()).join(" x "),
        |pixels| format!("{pixels} numbers"),
    );
    Err(format!(
        "{} takes images of {image} and {classes} classes, {name} has {}",
        model.label(),
        kind.words()
    ))
}
