//! Tests of the representations in the layers of an encoder.
#![allow(clippy::unwrap_used)]

use agon_models::fc::{Config, Size};
use agon_models::{Activation, Architecture, vit};
use tensor::random::Stream;
use tensor::{DType, Tensor};

const N: usize = 3;

fn images() -> Tensor {
    let mut words = Stream::new(5, "images").sequence(0);
    let pixels = (0..N * 784).map(|_| 2.0 * words.uniform() - 1.0).collect();
    Tensor::from_vec(pixels, &[N, 784]).unwrap()
}

#[test]
fn every_activation_and_every_block_is_a_representation_and_the_latent_is_the_last() {
    let identity = Config { latent_activation: Activation::Identity, ..Config::of(Size::M, 4) };
    let cases = [
        (
            Architecture::Fc(Config::of(Size::L, 4)),
            vec![("encoder.1", 716), ("encoder.3", 684), ("encoder.5", 616), ("encoder.7", 4)],
        ),
        (Architecture::Fc(identity), vec![("encoder.1", 616), ("encoder.2", 4)]),
        (
            Architecture::CnnS { latent_channels: 2, classes: 10 },
            vec![("encoder.4", 16 * 14 * 14), ("encoder.9", 16 * 8 * 8), ("encoder.14", 2 * 4 * 4)],
        ),
        (
            Architecture::Vit(vit::Config::M),
            vec![("encoder.4", 17 * 32), ("encoder.5", 17 * 32), ("encoder.6", 17 * 32)],
        ),
    ];
    for (architecture, expected) in cases {
        let model = architecture.build(&Stream::new(11, "init"), DType::F64).unwrap();
        let all = model.activations(&images()).unwrap();
        let shapes: Vec<(&str, usize)> = all.iter().map(|(name, x)| (name.as_str(), x.shape()[1])).collect();
        assert_eq!(shapes, expected);
        assert!(all.iter().all(|(_, x)| x.shape()[0] == N));
        let (_, last) = all.last().unwrap();
        assert_eq!(last.to_f64_vec(), model.represent(&images()).unwrap().z.to_f64_vec());
    }
}

#[test]
fn the_first_representation_is_the_first_layer_after_relu() {
    let model = Architecture::Fc(Config::of(Size::M, 4)).build(&Stream::new(11, "init"), DType::F64).unwrap();
    let params = model.params();
    let [weight, bias] = [0, 1].map(|place| params[place].1.value().to_f64_vec());
    let (_, got) = model.activations(&images()).unwrap().remove(0);
    let (images, got) = (images().to_f64_vec(), got.to_f64_vec());
    for (image, got) in images.chunks(784).zip(got.chunks(616)) {
        for ((weight, bias), got) in weight.chunks(784).zip(&bias).zip(got) {
            let sum: f64 = image.iter().zip(weight).map(|(x, w)| x * w).sum::<f64>() + bias;
            // A sum of 785 values below 1 in another order.
            assert!((sum.max(0.0) - got).abs() < 785.0 * f64::EPSILON, "{sum} {got}");
        }
    }
}

#[test]
fn images_of_another_size_are_an_error() {
    let model = Architecture::CnnS { latent_channels: 1, classes: 10 }
        .build(&Stream::new(1, "init"), DType::F32)
        .unwrap();
    assert!(model.activations(&Tensor::zeros(&[2, 783], DType::F32)).is_err());
}
