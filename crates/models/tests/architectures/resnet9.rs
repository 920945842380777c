//! Tests of a ResNet9 with few channels.

use agon_models::resnet9::{self, Config};
use tensor::DType;
use tensor::random::Stream;

use crate::check;
use crate::subject::{Classified, images, labels};

fn subject(dtype: DType) -> Classified {
    let config = Config { channels: 2, widths: [3, 4, 5, 4, 6], classes: 5 };
    let model = resnet9::classifier(&config, &Stream::new(1, "init"), dtype).unwrap();
    Classified { model, images: images(&[5, 2, 16, 16], dtype), labels: labels(5, 5) }
}

#[test]
fn the_gradients_of_resnet9_agree_with_finite_differences() {
    check::gradients_agree_with_finite_differences(&subject(DType::F64));
}

#[test]
fn resnet9_learns() {
    check::training_lowers_the_loss(&subject(DType::F32));
}

#[test]
fn a_stored_resnet9_resumes_with_the_same_bits() {
    check::a_stored_learner_resumes_with_the_same_bits(subject);
}

#[test]
fn resnet9_keeps_its_ten_golden_losses() {
    check::ten_golden_losses_are_kept(
        subject,
        [
            3.354713780479858,
            2.8789194361485833,
            2.6159434212421004,
            2.4599396781971814,
            2.298670617206897,
            2.1719816396338643,
            2.0865324350544148,
            2.0278738847050195,
            1.9664557817784285,
            1.886195737691218,
        ],
        5e-6,
    );
}
