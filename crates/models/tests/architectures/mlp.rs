//! Tests of a perceptron of depth 4.

use agon_models::mlp::{self, Config};
use tensor::DType;
use tensor::random::Stream;

use crate::check;
use crate::subject::{Classified, images, labels};

fn subject(dtype: DType) -> Classified {
    let config = Config { inputs: 2 * 3 * 4, classes: 5, depth: 4 };
    let model = mlp::classifier(&config, &Stream::new(1, "init"), dtype).unwrap();
    Classified { model, images: images(&[6, 2, 3, 4], dtype), labels: labels(6, 5) }
}

#[test]
fn the_gradients_of_mlp_agree_with_finite_differences() {
    check::gradients_agree_with_finite_differences(&subject(DType::F64));
}

#[test]
fn mlp_learns() {
    check::training_lowers_the_loss(&subject(DType::F32));
}

#[test]
fn a_stored_mlp_resumes_with_the_same_bits() {
    check::a_stored_learner_resumes_with_the_same_bits(subject);
}

#[test]
fn mlp_keeps_its_ten_golden_losses() {
    check::ten_golden_losses_are_kept(
        subject,
        [
            1.5022755021443366,
            1.4614294950879365,
            1.4308511620557622,
            1.4106252879319674,
            1.3909813457095697,
            1.3716703645251085,
            1.352754843627352,
            1.3342763842776384,
            1.318547617930411,
            1.3036737341782765,
        ],
        2e-6,
    );
}
