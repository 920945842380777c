//! Tests of a residual autoencoder with the blocks of ResNet-18 and 2 to 16 channels.

use agon_models::resnet_autoencoder::{self, Config, Plan};
use tensor::DType;
use tensor::random::Stream;

use crate::check;
use crate::subject::{Reconstructed, images};

fn subject(dtype: DType) -> Reconstructed {
    let config = Config { plan: Plan::ResNet18, image: [2, 64, 32], latent: 5, width_divisor: 32 };
    let model = resnet_autoencoder::autoencoder(&config, &Stream::new(1, "init"), dtype).unwrap();
    Reconstructed { model, images: images(&[4, 2, 64, 32], dtype) }
}

#[test]
fn the_gradients_of_resnet_autoencoder_agree_with_finite_differences() {
    check::gradients_agree_with_finite_differences(&subject(DType::F64));
}

#[test]
fn resnet_autoencoder_learns() {
    check::training_lowers_the_loss(&subject(DType::F32));
}

#[test]
fn a_stored_resnet_autoencoder_resumes_with_the_same_bits() {
    check::a_stored_learner_resumes_with_the_same_bits(subject);
}

/// In 32 bits the first six losses agree within 2e-6. After that, rounding changes the state of a ReLU, a pooling
/// window or the sign of a small gradient, which norms over few values amplify.
#[test]
fn resnet_autoencoder_keeps_its_ten_golden_losses() {
    check::ten_golden_losses_are_kept(
        subject,
        [
            0.08436858563162045,
            0.08229642465953418,
            0.08117084956670594,
            0.08034930507600031,
            0.07989708214837342,
            0.07929729957224195,
            0.07882180478190431,
            0.07827898119254499,
            0.07765366388161798,
            0.0770024692202711,
        ],
        5e-3,
    );
}
