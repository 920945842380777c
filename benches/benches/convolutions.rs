//! Criterion benchmarks of the convolutions: one for each algorithm, forward and both gradients.
#![allow(missing_docs)]

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use tensor::conv::{Convolution, Epilogue, conv2d_f32, conv2d_grad_input_f32, conv2d_grad_weight_f32};
use tensor::random::Stream;

/// A name, `[n, c, o]`, and the side of an image, the side of the kernel and the stride; the padding is half a kernel.
const CONVOLUTIONS: [(&str, [usize; 3], [usize; 3]); 10] = [
    // Winograd: 3 x 3 on large images and small ones, a side that tiles do not divide, and wider kernels.
    ("k3_64x32", [16, 64, 64], [32, 3, 1]),
    ("k3_512x4", [32, 512, 512], [4, 3, 1]),
    ("k3_16x14", [128, 16, 16], [14, 3, 1]),
    ("k5_64x32", [8, 64, 128], [32, 5, 1]),
    ("k7_64x32", [8, 64, 64], [32, 7, 1]),
    // By phases; the gradient with respect to the input is the transposed convolution.
    ("s2_128x16", [32, 128, 256], [16, 3, 2]),
    ("s2_272x8", [32, 272, 512], [8, 3, 2]),
    // Few channels: direct, without packing.
    ("few_1x28", [128, 1, 16], [28, 3, 1]),
    ("few_3x32", [32, 3, 64], [32, 3, 1]),
    ("few_3x32_s2", [64, 3, 32], [32, 3, 2]),
];

fn convolutions(criterion: &mut Criterion) {
    for (name, [n, c, o], [side, kernel, stride]) in CONVOLUTIONS {
        let padding = kernel / 2;
        let out = (side + 2 * padding - kernel) / stride + 1;
        let sizes = Convolution {
            n,
            c,
            image: [side; 2],
            o,
            kernel: [kernel; 2],
            stride: [stride; 2],
            padding: [padding; 2],
            out: [out; 2],
        };
        let mut words = Stream::new(0, "convolutions").sequence(0);
        let mut random = |count| (0..count).map(|_| 2.0 * words.uniform() as f32 - 1.0).collect::<Vec<_>>();
        let (x, weight) = (random(n * c * side * side), random(o * c * kernel * kernel));
        let dy = random(n * o * out * out);
        let (mut y, mut dx, mut dweight) = (dy.clone(), x.clone(), weight.clone());
        let mut group = criterion.benchmark_group(name);
        group.sample_size(20);
        // Elements per second are operations of a direct convolution per second.
        group.throughput(Throughput::Elements(sizes.flops()));
        group.bench_function(BenchmarkId::from_parameter("forward"), |bencher| {
            bencher.iter(|| conv2d_f32(&mut y, &x, &weight, Epilogue::NONE, sizes));
        });
        group.bench_function(BenchmarkId::from_parameter("grad_input"), |bencher| {
            bencher.iter(|| conv2d_grad_input_f32(&mut dx, &dy, &weight, Epilogue::NONE, sizes));
        });
        group.bench_function(BenchmarkId::from_parameter("grad_weight"), |bencher| {
            bencher.iter(|| conv2d_grad_weight_f32(&mut dweight, &x, &dy, sizes));
        });
        group.finish();
    }
}

criterion_group!(all, convolutions);
criterion_main!(all);
