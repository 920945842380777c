//! The names of a run's final arrays.

/// The prefix of the names of parameters and buffers.
pub const PARAMETERS: &str = "parameters/";

/// The name of a stored parameter.
pub fn parameter(name: &str) -> String {
    format!("{PARAMETERS}{name}")
}

/// The latents of test images, `[n, k]`.
pub const LATENT: &str = "test_latent";

/// The labels of these test images.
pub const LABEL: &str = "test_label";

/// The group of closed-form probes, which are present or absent together.
pub const PROBES: &str = "probes";

/// The test accuracy of the ridge classifier of latents.
pub const RIDGE_ACCURACY: &str = "probes/ridge_accuracy";

/// The test mean squared error of the ridge decoder of latents.
pub const RIDGE_MSE: &str = "probes/ridge_mse";

/// The standard error over test images of [`RIDGE_MSE`].
pub const RIDGE_MSE_ERROR: &str = "probes/ridge_mse_error";

/// The standard error over test images of the mean squared error of the decoder that was trained with the encoder.
pub const ONLINE_MSE_ERROR: &str = "probes/online_mse_error";

/// Test accuracy of the vote of the nearest training latents.
pub const KNN_ACCURACY: &str = "probes/knn_accuracy";

/// Test accuracy of the attentive probe, for latents of tokens.
pub const ATTENTIVE_ACCURACY: &str = "probes/attentive_accuracy";

/// Test accuracy of a classifier that was trained to convergence on frozen latents.
pub const CONVERGED_ACCURACY: &str = "probes/converged_accuracy";

/// Test mean squared error of a decoder that was trained to convergence on frozen latents.
pub const CONVERGED_MSE: &str = "probes/converged_mse";

/// The standard error over test images of [`CONVERGED_MSE`].
pub const CONVERGED_MSE_ERROR: &str = "probes/converged_mse_error";

/// The number of epochs that both converged heads were trained for.
pub const CONVERGED_EPOCHS: &str = "probes/converged_epochs";

/// 1 if both heads converged within the maximum number of epochs, else 0.
pub const CONVERGED_REACHED: &str = "probes/converged_reached";

/// Test mean squared error of the PCA decoder of a fully connected autoencoder: the same decoder, trained for as many
/// epochs on as many principal components of the images as the latent has dimensions.
pub const PCA_HEADS_MSE: &str = "probes/pca_heads_mse";

/// Test accuracy of the PCA classifier, trained likewise.
pub const PCA_HEADS_ACCURACY: &str = "probes/pca_heads_accuracy";

/// The cosine at z of the gradients of both losses over all training images, and its null: one value per permutation of
/// the labels.
pub const FULL_COSINE: [&str; 2] = ["full/gradient_cosine", "full/gradient_cosine_null"];

/// The cosine of the gradients with respect to all parameters of the encoder, and its null.
pub const FULL_ENCODER_COSINE: [&str; 2] = ["full/encoder_cosine", "full/encoder_cosine_null"];

/// The first test image of each class.
pub const SHOWN_IMAGE: &str = "shown_image";

/// The reconstructions of these images.
pub const SHOWN_RECONSTRUCTION: &str = "shown_reconstruction";

/// The prefix of arrays that hold, as UTF-8, the reason why a measure is absent.
pub const ABSENT: &str = "absent/";
