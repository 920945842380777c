//! Criterion benchmarks of batch norms with the layers that follow them, fused and separate, forward and backward; and
//! of whole networks in evaluation, whose norms are part of the convolutions' weights.
#![allow(missing_docs)]

use autograd::ops::max_pool2d::MaxPool2d;
use autograd::{Tape, Var};
use benches::Workload;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use tensor::random::Stream;
use tensor::{DType, Tensor};

const EPS: f64 = 1e-5;
const POOL: fn() -> MaxPool2d = || MaxPool2d::square(2, 2, 0);

/// A function of images and of the norm's weight and bias.
type Layers = for<'t> fn(&Var<'t>, [&Var<'t>; 2]) -> autograd::Result<Var<'t>>;

/// Each fused operation, and the separate operations that it replaces.
const LAYERS: [(&str, Layers); 4] = [
    ("relu_fused", |x, affine| Ok(x.batch_norm_relu(Some(affine), EPS)?[0].clone())),
    ("relu_apart", |x, affine| x.batch_norm(Some(affine), EPS)?[0].relu()),
    ("pool_fused", |x, affine| Ok(x.batch_norm_pool(Some(affine), EPS, POOL())?[0].clone())),
    ("pool_apart", |x, affine| x.batch_norm(Some(affine), EPS)?[0].relu()?.max_pool2d(POOL())),
];

/// `[n, c, side]` of the widest norms of ResNet9, the narrowest one, and one of CNN-S.
const IMAGES: [[usize; 3]; 3] = [[32, 128, 32], [128, 512, 4], [128, 16, 14]];

fn norms(criterion: &mut Criterion) {
    for [n, c, side] in IMAGES {
        let mut group = criterion.benchmark_group(format!("norm_{n}x{c}x{side}"));
        group.sample_size(20);
        group.throughput(Throughput::Elements((n * c * side * side) as u64));
        let mut words = Stream::new(0, "norms").sequence(0);
        let pixels = (0..n * c * side * side).map(|_| 2.0 * words.uniform() as f32 - 1.0).collect();
        let x = Tensor::from_vec(pixels, &[n, c, side, side]).expect("the memory suffices");
        let [weight, bias] = [1.0, 0.0].map(|value| Tensor::full(value, &[c], DType::F32));
        for (name, layers) in LAYERS {
            group.bench_function(BenchmarkId::from_parameter(name), |bencher| {
                bencher.iter(|| {
                    let tape = Tape::new();
                    let inputs = [&x, &weight, &bias].map(|input| tape.input(input));
                    let y = layers(&inputs[0], [&inputs[1], &inputs[2]]).expect("the shapes match");
                    let dy = Tensor::full(1.0, y.shape(), DType::F32);
                    tape.backward_from(&y, dy).expect("the shapes match")
                });
            });
        }
        group.finish();
    }
}

fn evaluation(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("evaluation");
    group.sample_size(10);
    // A batch of one image shows the cost of the preparation, larger batches the rest.
    for (name, batch) in [("resnet9", 1), ("resnet9", 32), ("cnn_s", 512), ("cnn_l", 16)] {
        let workload = Workload::named(name, Some(batch)).expect("the workload is in the list");
        group.throughput(Throughput::Elements(batch as u64));
        group.bench_function(BenchmarkId::new(name, batch), |bencher| {
            bencher.iter(|| workload.infer().expect("the shapes match"));
        });
    }
    group.finish();
}

criterion_group!(all, norms, evaluation);
criterion_main!(all);
