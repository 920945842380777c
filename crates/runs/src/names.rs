//! The names under which a run stores its final arrays.

/// How the names of parameters and buffers begin.
pub const PARAMETERS: &str = "parameters/";

/// The name under which a parameter is stored.
pub fn parameter(name: &str) -> String {
    format!("{PARAMETERS}{name}")
}

/// The latents of test images, `[n, k]`.
pub const LATENT: &str = "test_latent";

/// The labels of those images.
pub const LABEL: &str = "test_label";

/// The closed-form probes: they are absent together.
pub const PROBES: &str = "probes";

/// Test accuracy of the ridge classifier of latents.
pub const RIDGE_ACCURACY: &str = "probes/ridge_accuracy";

/// Test mean squared error of the ridge decoder of latents.
pub const RIDGE_MSE: &str = "probes/ridge_mse";

/// The first test image of each class.
pub const SHOWN_IMAGE: &str = "shown_image";

/// Their reconstructions.
pub const SHOWN_RECONSTRUCTION: &str = "shown_reconstruction";

/// How the names of arrays begin that hold, as UTF-8, why something was not measured.
pub const ABSENT: &str = "absent/";
