//! Tests of an MLPAE with an encoder of depth 3 and a decoder of depth 4.

use agon_models::mlpae::{self, Config};
use tensor::DType;
use tensor::random::Stream;

use crate::check;
use crate::subject::{Reconstructed, images};

fn subject(dtype: DType) -> Reconstructed {
    let config = Config { image: [2, 3, 4], latent: 4, encoder_depth: 3, decoder_depth: 4, sigmoid: true };
    let model = mlpae::autoencoder(&config, &Stream::new(1, "init"), dtype).unwrap();
    Reconstructed { model, images: images(&[6, 2, 3, 4], dtype) }
}

#[test]
fn the_gradients_of_mlpae_agree_with_finite_differences() {
    check::gradients_agree_with_finite_differences(&subject(DType::F64));
}

#[test]
fn mlpae_learns() {
    check::training_lowers_the_loss(&subject(DType::F32));
}

#[test]
fn a_stored_mlpae_resumes_with_the_same_bits() {
    check::a_stored_learner_resumes_with_the_same_bits(subject);
}

#[test]
fn mlpae_keeps_its_ten_golden_losses() {
    check::ten_golden_losses_are_kept(
        subject,
        [
            0.06244234582730338,
            0.061341025912058894,
            0.06041479298525122,
            0.059504073261771,
            0.05852124111415759,
            0.05760173880909129,
            0.056742980546686334,
            0.05599173667415507,
            0.05522151460591467,
            0.054277723064815146,
        ],
        2e-6,
    );
}
