//! Tests of a DCAE of depth 2.

use agon_models::dcae::{self, Config};
use tensor::DType;
use tensor::random::Stream;

use crate::check;
use crate::subject::{Reconstructed, images};

fn subject(dtype: DType) -> Reconstructed {
    let config = Config { image: [2, 8, 4], latent: 6, depth: 2 };
    let model = dcae::autoencoder(&config, &Stream::new(1, "init"), dtype).unwrap();
    Reconstructed { model, images: images(&[4, 2, 8, 4], dtype) }
}

#[test]
fn the_gradients_of_dcae_agree_with_finite_differences() {
    check::gradients_agree_with_finite_differences(&subject(DType::F64));
}

#[test]
fn dcae_learns() {
    check::training_lowers_the_loss(&subject(DType::F32));
}

#[test]
fn a_stored_dcae_resumes_with_the_same_bits() {
    check::a_stored_learner_resumes_with_the_same_bits(subject);
}

#[test]
fn dcae_keeps_its_ten_golden_losses() {
    check::ten_golden_losses_are_kept(
        subject,
        [
            0.045899648730306754,
            0.04574471546254982,
            0.04558377236314374,
            0.045415751039108124,
            0.04524122895603984,
            0.04504951614033621,
            0.04484760876196009,
            0.04463731526588423,
            0.04441777676082925,
            0.04418653036488863,
        ],
        1e-6,
    );
}
