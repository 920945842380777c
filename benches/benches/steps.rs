//! Criterion benchmarks: one training step of FC-M, and the matrix products of the list.
#![allow(missing_docs)]

use benches::{BATCH, Workload};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use tensor::random::Stream;
use tensor::{Matrix, gemm_f32};

/// `[m, k, n]` of the products.
const PRODUCTS: [[usize; 3]; 4] = [[256, 256, 256], [512, 512, 512], [1024, 1024, 1024], [512, 784, 616]];

fn matmul(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("matmul_f32");
    for [m, k, n] in PRODUCTS {
        let mut words = Stream::new(0, "matmul").sequence(0);
        let mut numbers = |count| (0..count).map(|_| words.uniform() as f32).collect::<Vec<_>>();
        let (a, b) = (numbers(m * k), numbers(k * n));
        let mut out = vec![0.0; m * n];
        // Elements a second are floating-point operations a second.
        group.throughput(Throughput::Elements(2 * (m * k * n) as u64));
        group.bench_function(BenchmarkId::from_parameter(format!("{m}x{k}x{n}")), |bencher| {
            bencher.iter(|| {
                gemm_f32(&mut out, Matrix::new(&a, m, k, false), Matrix::new(&b, k, n, false), false);
            });
        });
    }
    group.finish();
}

fn fc_m_step(criterion: &mut Criterion) {
    let workload = Workload::named("fc_m", BATCH).expect("the workload is in the list");
    let mut trainer = workload.trainer();
    let mut group = criterion.benchmark_group("train_step");
    group.throughput(Throughput::Elements(BATCH as u64));
    group.sample_size(20);
    for threads in [1, 2] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads can be made");
        group.bench_function(BenchmarkId::new("fc_m_512", format!("{threads}_threads")), |bencher| {
            bencher.iter(|| {
                pool.install(|| trainer.step(&workload.images, &workload.labels).expect("the shapes fit"))
            });
        });
    }
    group.finish();
}

criterion_group!(all, matmul, fc_m_step);
criterion_main!(all);
