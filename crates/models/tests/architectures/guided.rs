//! Tests of an MLPAE guided by its probes.

use agon_models::guidance::{linear_probe, nonlinear_probe};
use agon_models::{Guided, mlpae};
use tensor::DType;
use tensor::random::Stream;

use crate::check;
use crate::subject::{Guidance, images, labels};

fn subject(dtype: DType) -> Guidance {
    let config =
        mlpae::Config { image: [2, 3, 4], latent: 4, encoder_depth: 3, decoder_depth: 3, sigmoid: true };
    let stream = Stream::new(1, "init");
    let model = Guided::new(
        mlpae::autoencoder(&config, &stream.child("autoencoder"), dtype).unwrap(),
        linear_probe(4, 3, &stream.child("linear"), dtype).unwrap(),
        nonlinear_probe(4, 7, 3, &stream.child("nonlinear"), dtype).unwrap(),
    );
    Guidance { model, images: images(&[6, 2, 3, 4], dtype), labels: labels(6, 3), weight: 0.1 }
}

#[test]
fn the_gradients_of_guided_agree_with_finite_differences() {
    check::gradients_agree_with_finite_differences(&subject(DType::F64));
}

#[test]
fn guided_learns() {
    check::training_lowers_the_loss(&subject(DType::F32));
}

#[test]
fn a_stored_guided_resumes_with_the_same_bits() {
    check::a_stored_learner_resumes_with_the_same_bits(subject);
}

#[test]
fn guided_keeps_its_ten_golden_losses() {
    check::ten_golden_losses_are_kept(
        subject,
        [
            0.2580031843242856,
            0.2491690502012331,
            0.24242238826056423,
            0.23977638973309345,
            0.23856113234540743,
            0.2369294743137072,
            0.23499648206337787,
            0.2330332449492567,
            0.2312067078006688,
            0.22953636629974783,
        ],
        2e-6,
    );
}
